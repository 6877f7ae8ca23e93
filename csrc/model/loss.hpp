// The losses by name. Some have one parameter: epsilon, quantile or power.
#pragma once

#include <string>
#include <variant>

#include "base/error.hpp"
#include "model/loss_counts.hpp"
#include "model/loss_labels.hpp"
#include "model/loss_numbers.hpp"
#include "model/loss_softmax.hpp"

namespace esker {

using AnyLoss =
    std::variant<Squared, Hinge, Logistic, Huber, EpsilonInsensitive, SquaredEpsilonInsensitive, Quantile,
                 Poisson, Gamma, Tweedie, SquaredHinge, ModifiedHuber, Perceptron, Softmax>;

// parameter: epsilon, quantile or power; 0 for losses without.
AnyLoss loss_named(const std::string& name, double parameter);

// The loss of a learner whose lanes have these targets, which may be classes.
AnyLoss loss_of_lanes(const std::string& name, double parameter, const std::vector<std::int32_t>& target,
                      bool classes);

}  // namespace esker

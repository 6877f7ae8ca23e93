// Which loss a name and a parameter mean.
#include "model/loss.hpp"

#include <cstdio>

namespace esker {

namespace {

std::string shown(double x) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", x);
    return text;
}

}  // namespace

AnyLoss loss_named(const std::string& name, double parameter) {
    auto with = [&](bool ok, const char* what, AnyLoss loss) {
        require(ok, "loss='" + name + "' needs " + what + ", got " + shown(parameter));
        return loss;
    };
    const double e = parameter;
    const bool finite = std::isfinite(e);
    if (name == "huber") return with(finite && e > 0, "an epsilon above 0", Huber{e});
    if (name == "epsilon_insensitive")
        return with(finite && e >= 0, "an epsilon of at least 0", EpsilonInsensitive{e});
    if (name == "squared_epsilon_insensitive")
        return with(finite && e >= 0, "an epsilon of at least 0", SquaredEpsilonInsensitive{e});
    if (name == "quantile") return with(0 < e && e < 1, "a quantile above 0 and below 1", Quantile{e});
    if (name == "tweedie")
        return with(1 <= e && e <= 2, "a power from 1 to 2",
                    e == 1   ? AnyLoss(Poisson{})
                    : e == 2 ? AnyLoss(Gamma{})
                             : AnyLoss(Tweedie{e}));
    require(e == 0, "loss='" + name + "' has no parameter, got " + shown(e));
    if (name == "squared_error") return Squared{};
    if (name == "hinge") return Hinge{};
    if (name == "log_loss") return Logistic{};
    if (name == "poisson") return Poisson{};
    if (name == "gamma") return Gamma{};
    if (name == "squared_hinge") return SquaredHinge{};
    if (name == "modified_huber") return ModifiedHuber{};
    if (name == "perceptron") return Perceptron{};
    throw std::invalid_argument(
        "loss must be one of 'squared_error', 'huber', 'epsilon_insensitive', "
        "'squared_epsilon_insensitive', "
        "'quantile', 'poisson', 'gamma', 'tweedie', 'log_loss', 'hinge', 'squared_hinge', 'modified_huber' "
        "and "
        "'perceptron', got '" +
        name + "'");
}

}  // namespace esker

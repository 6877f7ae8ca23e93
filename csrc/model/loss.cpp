// Which loss a name and a parameter mean.
#include "model/loss.hpp"

#include <algorithm>
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
    if (name == "softmax") return Softmax{};
    throw std::invalid_argument(
        "loss must be one of 'squared_error', 'huber', 'epsilon_insensitive', "
        "'squared_epsilon_insensitive', "
        "'quantile', 'poisson', 'gamma', 'tweedie', 'log_loss', 'softmax', 'hinge', 'squared_hinge', "
        "'modified_huber' and 'perceptron', got '" +
        name + "'");
}

Softmax Softmax::of(const std::vector<std::int32_t>& target) {
    require(!target.empty(), "lanes must number 1 to 2^20, got 0");
    std::vector<std::int32_t> known(target);
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    Softmax s;
    s.classes = static_cast<int>(known.size());
    std::vector<std::size_t> lanes(known.size(), 0);  // of each class, so far
    const std::size_t models = target.size() / known.size();
    s.order.assign(models * known.size(), 0);
    for (std::size_t k = 0; k < target.size(); k++) {
        const auto c =
            static_cast<std::size_t>(std::lower_bound(known.begin(), known.end(), target[k]) - known.begin());
        if (lanes[c] < models) s.order[lanes[c] * known.size() + c] = static_cast<std::int32_t>(k);
        lanes[c]++;
    }
    for (std::size_t c = 0; c < known.size(); c++)
        if (lanes[c] != lanes[0])
            throw std::invalid_argument(
                "loss='softmax' needs as many lanes of one class as of another, got " +
                std::to_string(lanes[0]) + " of class " + std::to_string(known[0]) + " and " +
                std::to_string(lanes[c]) + " of class " + std::to_string(known[c]));
    bool as_they_lie = true;
    for (std::size_t i = 0; i < s.order.size(); i++)
        as_they_lie = as_they_lie && s.order[i] == static_cast<std::int32_t>(i);
    if (as_they_lie) s.order.clear();
    return s;
}

AnyLoss loss_of_lanes(const std::string& name, double parameter, const std::vector<std::int32_t>& target,
                      bool classes) {
    AnyLoss loss = loss_named(name, parameter);
    if (!std::holds_alternative<Softmax>(loss)) return loss;
    require(classes, "loss='softmax' learns classes, of which y must be a column, not numbers");
    const Softmax softmax = Softmax::of(target);
    if (softmax.classes == 1) return Logistic{};  // the only lane tells two classes apart
    return softmax;
}

}  // namespace esker

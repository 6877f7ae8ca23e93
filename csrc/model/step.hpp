// How a learner steps, by name, and how fast its rate falls.
#pragma once

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "base/error.hpp"

namespace esker {

enum class Rule {
    automatic,   // AdaGrad's, free of the features' and targets' scales
    plain,       // against the slope, by a rate that is the same for all features (Robbins & Monro, 1951)
    adagrad,     // each feature's rate over the root of its summed squared slopes (Duchi et al., JMLR 2011)
    normalized,  // the same in units of each feature's largest value (Ross, Mineiro & Langford, UAI 2013)
    ftrl,        // the weights that minimise all slopes so far and the penalty (McMahan et al., KDD 2013)
    coin  // bets of a growing wealth on the signs of slopes, without a rate (Orabona & Tommasi, NIPS 2017)
};

constexpr const char* step_names[] = {"auto", "plain", "adagrad", "normalized", "ftrl", "coin"};

struct Step {
    Rule rule = Rule::automatic;
    // Of the plain rule: step t has the rate of its lane times (t + offset)^-power.
    double power = 0, offset = 0;

    // Does the step take values in units of each feature's largest?
    bool normalises() const noexcept { return rule == Rule::normalized || rule == Rule::coin; }
    const char* name() const noexcept { return step_names[static_cast<int>(rule)]; }
    double fall(std::int64_t t) const noexcept {
        if (power == 0) return 1.0;
        const double at = static_cast<double>(t) + offset;
        return power == 1 ? 1.0 / at : power == 0.5 ? 1.0 / std::sqrt(at) : std::pow(at, -power);
    }
    bool operator==(const Step&) const = default;
};

inline Step step_named(const std::string& name, double power, double offset) {
    require(std::isfinite(power) && std::isfinite(offset) && offset > -1,
            "a step's power must be finite, and its offset finite and above -1");
    require(name == "plain" || (power == 0 && offset == 0),
            "power and offset have no effect with step='" + name + "'");
    int rule = 0;
    for (const char* known : step_names) {
        if (name == known) return {static_cast<Rule>(rule), power, offset};
        rule++;
    }
    throw std::invalid_argument(
        "step must be one of 'auto', 'plain', 'adagrad', 'normalized', 'ftrl' and 'coin', got '" + name +
        "'");
}

}  // namespace esker

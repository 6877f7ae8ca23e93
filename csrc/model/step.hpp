// How a learner steps, by name, and how fast its rate falls.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace esker {

enum class Rule {
    automatic,  // AdaGrad's, free of the features' and targets' scales
    plain       // against the slope, by a rate that is the same for all features (Robbins & Monro, 1951)
};

struct Step {
    Rule rule = Rule::automatic;
    // Of the plain rule: step t has the rate of its lane times (t + offset)^-power.
    double power = 0, offset = 0;

    const char* name() const noexcept { return rule == Rule::plain ? "plain" : "auto"; }
    double fall(std::int64_t t) const noexcept {
        if (power == 0) return 1.0;
        const double at = static_cast<double>(t) + offset;
        return power == 1 ? 1.0 / at : power == 0.5 ? 1.0 / std::sqrt(at) : std::pow(at, -power);
    }
    bool operator==(const Step&) const = default;
};

inline Step step_named(const std::string& name, double power, double offset) {
    require(name == "auto" || name == "plain", "step must be 'auto' or 'plain', got '" + name + "'");
    require(std::isfinite(power) && std::isfinite(offset) && offset > -1,
            "a step's power must be finite, and its offset finite and above -1");
    require(name == "plain" || (power == 0 && offset == 0),
            "power and offset have no effect with step='" + name + "'");
    return {name == "plain" ? Rule::plain : Rule::automatic, power, offset};
}

}  // namespace esker

// One coordinate of a machine's dual: its bounds, and what its row loses.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "solve/dual_descent.hpp"

namespace esker {

struct Coordinate {
    double t, c, lambda, low, high;
    Coordinate(const MachineRows& rows, const MachineRules& rules, Index i) {
        const bool labels = rules.label >= 0, own = rows.y[i] == static_cast<double>(rules.label);
        c = rules.C * rows.w(i) * (labels && own ? rules.own : 1.0);
        lambda = rules.squared ? 0.5 / c : 0.0;
        const double bound = rules.squared ? std::numeric_limits<double>::infinity() : c;
        t = !labels ? rows.y[i] : own ? 1.0 : -1.0;
        low = labels && own ? 0.0 : -bound, high = labels && !own ? 0.0 : bound;
    }
    double loss(double z, const MachineRules& rules) const noexcept {
        const double miss = std::max(0.0, rules.label < 0 ? std::abs(z - t) - rules.epsilon : 1.0 - t * z);
        return c * (rules.squared ? miss * miss : miss);
    }
    double own(double b, double epsilon) const noexcept {  // what b alone adds to the dual
        return b * (0.5 * lambda * b - t) + epsilon * std::abs(b);
    }
};

}  // namespace esker

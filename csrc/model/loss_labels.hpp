// Losses of labels, -1 and +1, as functions of the margin m = p y.
#pragma once

#include <algorithm>

#include "model/loss_over.hpp"

namespace esker {

struct Hinge {
    static constexpr bool flows = false, log_link = false;
    static constexpr int degree = 0;
    static double value(double p, double y) noexcept { return std::max(0.0, 1.0 - p * y); }
    static double slope(double p, double y) noexcept { return p * y < 1.0 ? -y : 0.0; }
    static double curvature(double, double) noexcept { return 0.0; }
    Hinge in_units(double) const noexcept { return *this; }
};

struct SquaredHinge {
    static constexpr bool flows = true, log_link = false;
    static constexpr int degree = 0;
    static double lack(double p, double y) noexcept { return std::max(0.0, 1.0 - p * y); }
    static double value(double p, double y) noexcept { return lack(p, y) * lack(p, y); }
    static double slope(double p, double y) noexcept { return -2.0 * y * lack(p, y); }
    static double curvature(double p, double y) noexcept { return lack(p, y) > 0 ? 2.0 : 0.0; }
    static double moved(double p, double y, double t) noexcept {
        return y * lack(p, y) * std::expm1(-2.0 * t);
    }
    SquaredHinge in_units(double) const noexcept { return *this; }
};

// The squared hinge, straight below a margin of -1 (Zhang, Ann. Stat. 2004): outliers pull no harder than 4.
struct ModifiedHuber {
    static constexpr bool flows = true, log_link = false;
    static constexpr int degree = 0;
    static double lack(double p, double y) noexcept { return std::max(0.0, 1.0 - p * y); }
    static double value(double p, double y) noexcept {
        const double z = lack(p, y);
        return z <= 2.0 ? z * z : 4.0 * (z - 1.0);
    }
    static double slope(double p, double y) noexcept { return -2.0 * y * std::min(2.0, lack(p, y)); }
    static double curvature(double p, double y) noexcept {
        const double z = lack(p, y);
        return 0.0 < z && z <= 2.0 ? 2.0 : 0.0;
    }
    static double moved(double p, double y, double t) noexcept {
        const double z = lack(p, y), straight = std::max(0.0, z - 2.0);
        if (4.0 * t <= straight) return -4.0 * y * t;
        return -y * (straight - (z - straight) * std::expm1(0.5 * straight - 2.0 * t));
    }
    ModifiedHuber in_units(double) const noexcept { return *this; }
};

// Mistakes alone are learned from, the prediction 0 being one.
struct Perceptron {
    static constexpr bool flows = false, log_link = false;
    static constexpr int degree = 0;
    static double value(double p, double y) noexcept { return std::max(0.0, -p * y); }
    static double slope(double p, double y) noexcept { return p * y <= 0.0 ? -y : 0.0; }
    static double curvature(double, double) noexcept { return 0.0; }
    Perceptron in_units(double) const noexcept { return *this; }
};

// With e = exp(-|m|): value = log1p(e) + max(-m, 0), slope = -y / (1 + exp(m)); no overflow either way.
struct Logistic {
    static constexpr bool flows = false, log_link = false;
    static constexpr int degree = 0;
    static double value(double p, double y) noexcept {
        return std::log1p(std::exp(-std::abs(p * y))) + std::max(-p * y, 0.0);
    }
    static double slope(double p, double y) noexcept {
        const double m = p * y, e = std::exp(-std::abs(m));
        return -y * (m > 0 ? e : 1.0) / (1.0 + e);
    }
    static double curvature(double p, double y) noexcept {
        const double e = std::exp(-std::abs(p * y));
        return e / ((1.0 + e) * (1.0 + e));
    }
    static void over(double* slopes, double* values, const double* p, const double* y, int n) {
        const LaneKernels& f = kernels().lanes;
        double minus[chunk], e[chunk];
        in_chunks(n, [&](int c, int m) {
            for (int k = 0; k < m; k++) minus[k] = -std::abs(p[c + k] * y[c + k]);
            f.exp(e, minus, m);
            for (int k = 0; k < m; k++) {
                const double margin = p[c + k] * y[c + k];
                slopes[c + k] = -y[c + k] * (margin > 0 ? e[k] : 1.0) / (1.0 + e[k]);
            }
            f.log1p(values + c, e, m);  // after the slopes, which the step waits for
            for (int k = 0; k < m; k++) values[c + k] += std::max(-p[c + k] * y[c + k], 0.0);
        });
    }
    Logistic in_units(double) const noexcept { return *this; }
};

}  // namespace esker

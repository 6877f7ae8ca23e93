// Losses: value(prediction, target) and slope, its derivative in the prediction. Labels of two classes are -1
// and +1. over() does both for a row's lanes at once.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <variant>

#include "base/error.hpp"
#include "isa/kernels.hpp"

namespace esker {

struct Squared {
    static constexpr bool bounded_slope = false;
    static double value(double p, double y) noexcept { return 0.5 * (p - y) * (p - y); }
    static double slope(double p, double y) noexcept { return p - y; }
    static void over(double* slopes, double* values, const double* p, const double* y, int n) {
        for (int k = 0; k < n; k++) slopes[k] = slope(p[k], y[k]), values[k] = value(p[k], y[k]);
    }
};

struct Hinge {
    static constexpr bool bounded_slope = true;
    static double value(double p, double y) noexcept { return std::max(0.0, 1.0 - p * y); }
    static double slope(double p, double y) noexcept { return p * y < 1.0 ? -y : 0.0; }
    static void over(double* slopes, double* values, const double* p, const double* y, int n) {
        for (int k = 0; k < n; k++) slopes[k] = slope(p[k], y[k]), values[k] = value(p[k], y[k]);
    }
};

// With margin m = p y and e = exp(-|m|): value = log1p(e) + max(-m, 0), slope = -y / (1 + exp(m)); no
// overflow either way.
struct Logistic {
    static constexpr bool bounded_slope = true;
    static void over(double* slopes, double* values, const double* p, const double* y, int n) {
        constexpr int chunk = 16;
        const LaneKernels& f = kernels().lanes;
        double minus[chunk], e[chunk];
        for (int c = 0; c < n; c += chunk) {
            const int m = std::min(chunk, n - c);
            for (int k = 0; k < m; k++) minus[k] = -std::abs(p[c + k] * y[c + k]);
            f.exp(e, minus, m);
            f.log1p(values + c, e, m);
            for (int k = 0; k < m; k++) {
                const double margin = p[c + k] * y[c + k];
                values[c + k] += std::max(-margin, 0.0);
                slopes[c + k] = -y[c + k] * (margin > 0 ? e[k] : 1.0) / (1.0 + e[k]);
            }
        }
    }
};

using AnyLoss = std::variant<Squared, Hinge, Logistic>;

inline AnyLoss loss_named(const std::string& name) {
    if (name == "squared_error") return Squared{};
    if (name == "hinge") return Hinge{};
    if (name == "log_loss") return Logistic{};
    throw std::invalid_argument("loss must be 'squared_error', 'hinge' or 'log_loss', got '" + name + "'");
}

}  // namespace esker

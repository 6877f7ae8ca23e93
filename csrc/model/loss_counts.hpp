// Losses of counts and amounts, whose mean is exp(p): half the deviance of a distribution whose variance is
// the mean to a power (Jorgensen, J. R. Stat. Soc. B 1987), 0 where the mean is the target.
//
// takes(y) tells what targets the distribution has; most_slope bounds a row's slope: 100 times that of a
// target of root mean square `root` at the mean. exp(p) can be beyond all reason for one row, and must not
// freeze a feature.
#pragma once

#include <algorithm>
#include <limits>

#include "model/loss_over.hpp"

namespace esker {

constexpr double largest_log = 700.0;  // exp of this is finite, with room
constexpr double least_log = std::numeric_limits<double>::min();
constexpr double unusual = 100.0;

inline double mean_of(double p) noexcept { return std::exp(std::clamp(p, -largest_log, largest_log)); }
// -log(1 - f + f r), for 0 <= f <= 1 and r >= 0, to full precision near 0 too.
inline double log_fall(double r, double f) noexcept {
    const double change = f * (r - 1.0);
    return change > -0.5 ? -std::log1p(change) : -std::log(std::max(least_log, (1.0 - f) + f * r));
}

struct Poisson {
    static constexpr bool flows = true, log_link = true;
    static constexpr int degree = 0;
    static constexpr double outlying = 100;
    static constexpr const char* targets = "of at least 0";
    static bool takes(double y) noexcept { return y >= 0 && std::isfinite(y); }
    static double most_slope(double, double root) noexcept { return unusual * root; }
    static double value(double p, double y) noexcept {
        return (y > 0 ? y * (std::log(y) - p) - y : 0.0) + mean_of(p);
    }
    static double slope(double p, double y) noexcept { return mean_of(p) - y; }
    static double curvature(double p, double) noexcept { return mean_of(p); }
    // 1 / mean follows a linear equation: it decays to 1 / y at the rate y.
    static double moved(double p, double y, double t) noexcept {
        const double mean = mean_of(p), z = y * t;
        if (y == 0) return std::log1p(mean * t);
        const double f = -std::expm1(-z), change = (mean - y) * (z > 1e-8 ? f / y : t);
        return change > -0.5 ? std::log1p(change)
                             : std::log(std::max(least_log, std::exp(-z) + mean / y * f));
    }
    static void over(double* slopes, double* values, const double* p, const double* y, int n) {
        const LaneKernels& k = kernels().lanes;
        double a[chunk], mean[chunk], log_y[chunk];
        in_chunks(n, [&](int c, int m) {
            for (int i = 0; i < m; i++) a[i] = std::clamp(p[c + i], -largest_log, largest_log);
            k.exp(mean, a, m);
            for (int i = 0; i < m; i++) a[i] = std::max(y[c + i], least_log);
            k.log(log_y, a, m);
            for (int i = 0; i < m; i++) {
                slopes[c + i] = mean[i] - y[c + i];
                values[c + i] = y[c + i] * (log_y[i] - p[c + i]) + slopes[c + i];
            }
        });
    }
    Poisson in_units(double) const noexcept { return *this; }
};

struct Gamma {
    static constexpr bool flows = true, log_link = true;
    static constexpr int degree = 0;
    static constexpr double outlying = 100;
    static constexpr const char* targets = "above 0";
    static bool takes(double y) noexcept { return y > 0 && std::isfinite(y); }
    static double most_slope(double mean, double root) noexcept { return unusual * root / mean; }
    static double ratio(double p, double y) noexcept { return y * mean_of(-p); }
    static double value(double p, double y) noexcept { return ratio(p, y) - 1.0 - (std::log(y) - p); }
    static double slope(double p, double y) noexcept { return 1.0 - ratio(p, y); }
    static double curvature(double p, double y) noexcept { return ratio(p, y); }
    // The mean decays to y at the rate 1.
    static double moved(double p, double y, double t) noexcept {
        return log_fall(ratio(p, y), -std::expm1(-t));
    }
    static void over(double* slopes, double* values, const double* p, const double* y, int n) {
        const LaneKernels& k = kernels().lanes;
        double a[chunk], inverse[chunk], log_y[chunk];
        in_chunks(n, [&](int c, int m) {
            for (int i = 0; i < m; i++) a[i] = std::clamp(-p[c + i], -largest_log, largest_log);
            k.exp(inverse, a, m);
            for (int i = 0; i < m; i++) a[i] = std::max(y[c + i], least_log);
            k.log(log_y, a, m);
            for (int i = 0; i < m; i++) {
                slopes[c + i] = 1.0 - y[c + i] * inverse[i];
                values[c + i] = p[c + i] - log_y[i] - slopes[c + i];
            }
        });
    }
    Gamma in_units(double) const noexcept { return *this; }
};

// Between the two, 1 < power < 2: sums of a random number of amounts, of which some are 0.
struct Tweedie {
    static constexpr bool flows = true, log_link = true;
    static constexpr int degree = 0;
    static constexpr double outlying = 100;
    static constexpr const char* targets = "of at least 0";
    double power;
    static bool takes(double y) noexcept { return y >= 0 && std::isfinite(y); }
    double most_slope(double mean, double root) const noexcept {
        return unusual * root * std::pow(mean, 1.0 - power);
    }
    // mean^(1 - power), of which mean times it is mean^(2 - power)
    double factor(double p) const noexcept { return mean_of((1.0 - power) * p); }
    // What the loss takes off so that it is 0 where the mean is y.
    double least(double y) const noexcept {
        return y > 0 ? std::pow(y, 2.0 - power) / ((power - 1.0) * (2.0 - power)) : 0.0;
    }
    double value(double p, double y) const noexcept {
        return mean_of((2.0 - power) * p) / (2.0 - power) + y * factor(p) / (power - 1.0) - least(y);
    }
    double slope(double p, double y) const noexcept { return mean_of((2.0 - power) * p) - y * factor(p); }
    double curvature(double p, double y) const noexcept {
        return (2.0 - power) * mean_of((2.0 - power) * p) + (power - 1.0) * y * factor(p);
    }
    // The gamma's decay with a clock of its own, which runs at the rate mean^(2 - power): a step of the
    // clock, however inexact, passes no target. The clock is followed by Runge-Kutta's fourth order.
    double moved(double p, double y, double t) const noexcept {
        const double a = 2.0 - power, time = t * mean_of(a * p);
        if (y == 0) return std::log1p(a * time) / a;
        const double r = Gamma::ratio(p, y);
        auto pace = [&](double clock) { return std::pow(1.0 + std::expm1(-clock) * (1.0 - r), a); };
        const int steps = 2 + static_cast<int>(std::min(14.0, a * time * std::abs(1.0 - r)));
        const double h = time / steps;
        double clock = 0;
        for (int i = 0; i < steps; i++) {
            const double k1 = pace(clock), k2 = pace(clock + 0.5 * h * k1), k3 = pace(clock + 0.5 * h * k2),
                         k4 = pace(clock + h * k3);
            clock += h * ((k1 + k4) + 2.0 * (k2 + k3)) / 6.0;
        }
        return log_fall(r, -std::expm1(-clock));
    }
    void over(double* slopes, double* values, const double* p, const double* y, int n) const {
        const LaneKernels& k = kernels().lanes;
        const double a = 2.0 - power, b = 1.0 - power, scale = 1.0 / (a * b);
        double x[chunk], over_mean[chunk], under_mean[chunk], at_least[chunk];
        in_chunks(n, [&](int c, int m) {
            for (int i = 0; i < m; i++) x[i] = std::clamp(a * p[c + i], -largest_log, largest_log);
            k.exp(over_mean, x, m);
            for (int i = 0; i < m; i++) x[i] = std::clamp(b * p[c + i], -largest_log, largest_log);
            k.exp(under_mean, x, m);
            for (int i = 0; i < m; i++) x[i] = std::max(y[c + i], least_log);
            k.log(at_least, x, m);
            for (int i = 0; i < m; i++) x[i] = a * at_least[i];
            k.exp(at_least, x, m);
            for (int i = 0; i < m; i++) {
                const double pull = y[c + i] * under_mean[i];
                slopes[c + i] = over_mean[i] - pull;
                values[c + i] = over_mean[i] / a - pull / b + (y[c + i] > 0 ? at_least[i] * scale : 0.0);
            }
        });
    }
    Tweedie in_units(double) const noexcept { return *this; }
};

}  // namespace esker

// Losses of numbers, which scale with them: predictions and targets are those of standardised targets.
#pragma once

#include <algorithm>

#include "model/loss_over.hpp"

namespace esker {

struct Squared {
    static constexpr bool flows = true, log_link = false;
    static constexpr int degree = 2;
    static constexpr double outlying = 0;
    static double value(double p, double y) noexcept { return 0.5 * (p - y) * (p - y); }
    static double slope(double p, double y) noexcept { return p - y; }
    static double curvature(double, double) noexcept { return 1.0; }
    static double moved(double p, double y, double t) noexcept { return -std::expm1(-t) * (p - y); }
    Squared in_units(double) const noexcept { return *this; }
};

// Squared up to epsilon, then straight (Huber, Ann. Math. Stat. 1964); epsilon > 0.
struct Huber {
    static constexpr bool flows = true, log_link = false;
    static constexpr int degree = 2;
    static constexpr double outlying = 10;
    double epsilon;
    double value(double p, double y) const noexcept {
        const double r = std::abs(p - y);
        return r <= epsilon ? 0.5 * r * r : epsilon * (r - 0.5 * epsilon);
    }
    double slope(double p, double y) const noexcept { return std::clamp(p - y, -epsilon, epsilon); }
    double curvature(double p, double y) const noexcept { return std::abs(p - y) <= epsilon ? 1.0 : 0.0; }
    double moved(double p, double y, double t) const noexcept {
        const double r = p - y, straight = std::max(0.0, std::abs(r) - epsilon);
        if (epsilon * t <= straight) return std::copysign(epsilon * t, r);
        const double rest = std::abs(r) - straight;
        return std::copysign(straight - rest * std::expm1(straight / epsilon - t), r);
    }
    Huber in_units(double s) const noexcept { return {epsilon / s}; }
};

// |p - y| - epsilon beyond a tube that costs nothing (support vector regression).
struct EpsilonInsensitive {
    static constexpr bool flows = true, log_link = false;
    static constexpr int degree = 1;
    static constexpr double outlying = 10;
    double epsilon;
    double excess(double p, double y) const noexcept { return std::max(0.0, std::abs(p - y) - epsilon); }
    double value(double p, double y) const noexcept { return excess(p, y); }
    double slope(double p, double y) const noexcept {
        return excess(p, y) > 0 ? std::copysign(1.0, p - y) : 0.0;
    }
    static double curvature(double, double) noexcept { return 0.0; }
    double moved(double p, double y, double t) const noexcept {
        return std::copysign(std::min(t, excess(p, y)), p - y);
    }
    EpsilonInsensitive in_units(double s) const noexcept { return {epsilon / s}; }
};

struct SquaredEpsilonInsensitive {
    static constexpr bool flows = true, log_link = false;
    static constexpr int degree = 2;
    static constexpr double outlying = 0;
    double epsilon;
    double excess(double p, double y) const noexcept { return std::max(0.0, std::abs(p - y) - epsilon); }
    double value(double p, double y) const noexcept { return excess(p, y) * excess(p, y); }
    double slope(double p, double y) const noexcept { return std::copysign(2.0 * excess(p, y), p - y); }
    double curvature(double p, double y) const noexcept { return std::abs(p - y) >= epsilon ? 2.0 : 0.0; }
    double moved(double p, double y, double t) const noexcept {
        return std::copysign(-std::expm1(-2.0 * t) * excess(p, y), p - y);
    }
    SquaredEpsilonInsensitive in_units(double s) const noexcept { return {epsilon / s}; }
};

// Least where a share `quantile` of the targets lies below the prediction (Koenker & Bassett, Econometrica
// 1978).
struct Quantile {
    static constexpr bool flows = true, log_link = false;
    static constexpr int degree = 1;
    static constexpr double outlying = 10;
    double quantile;
    double value(double p, double y) const noexcept {
        return p > y ? (1.0 - quantile) * (p - y) : quantile * (y - p);
    }
    double slope(double p, double y) const noexcept {
        return p > y ? 1.0 - quantile : p < y ? -quantile : 0.0;
    }
    static double curvature(double, double) noexcept { return 0.0; }
    double moved(double p, double y, double t) const noexcept {
        return p > y ? std::min((1.0 - quantile) * t, p - y) : std::max(-quantile * t, p - y);
    }
    Quantile in_units(double) const noexcept { return *this; }
};

}  // namespace esker

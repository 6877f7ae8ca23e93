// Coordinate descent: sweeps, the duality gap in a form that does not cancel, screening.
#include "solve/coordinate.hpp"

#include <algorithm>
#include <cmath>

#include "base/parallel.hpp"
#include "base/philox.hpp"
#include "isa/kernels.hpp"

namespace esker {
namespace {

constexpr Index tile = 64;
// Newton's method is thought of after this many sweeps of one solve.
constexpr Index patience = 20;

std::size_t at(Index j) { return static_cast<std::size_t>(j); }

// g and level anew from w, so that nothing is left of the rounding of many updates.
void refresh(Descent& s) {
    const Index d = s.gram->cols();
    std::copy(s.xy(), s.xy() + d, s.g.begin());
    s.level = s.gram->mean_y[at(s.target)];
    const std::vector<double> w = s.w;
    std::fill(s.w.begin(), s.w.end(), 0.0);
    for (Index j = 0; j < d; j++)
        if (w[at(j)] != 0) move(s, j, w[at(j)]);
}

struct Dual {
    double gap, most;  // most: the largest |slope|, to which the dual point is scaled
};

double slope(const Descent& s, Index j) { return s.gradient(j) - s.penalty.l2 * s.w[at(j)]; }

// Without l1 every dual point is feasible. With l2 the gap is a sum of squares (Duenner et al., 2016);
// without, there is none, and what one step along each coordinate would gain stands for it.
Dual gap_without_l1(const Descent& s) {
    const double l2 = s.penalty.l2;
    double sum = 0;
    for (Index j = 0; j < s.gram->cols(); j++) {
        if (s.diagonal[at(j)] == 0) continue;
        const double g = s.gradient(j), w = s.w[at(j)];
        if (s.rules.positive && g < 0)
            sum += l2 > 0 ? l2 * w * w / 2 - g * w : w > 0 ? g * g / s.diagonal[at(j)] : 0.0;
        else
            sum += l2 > 0 ? (l2 * w - g) * (l2 * w - g) / (2 * l2) : g * g / s.diagonal[at(j)];
    }
    return {sum, 0};
}

// P(w) - D(c r) of the residual r = y - Xw and the largest feasible c <= 1. With slopes v = X'r - l2 w it
// equals
//     sum_j (l1 |w_j| - c w_j v_j) + (1 - c)^2 / 2 (r'r + l2 w'w),
// of which no term is negative: nothing is lost to cancellation but what v itself has lost.
Dual duality_gap(const Descent& s) {
    if (s.penalty.l1 == 0) return gap_without_l1(s);
    const Index d = s.gram->cols();
    const double l1 = s.penalty.l1;
    double most = 0, squares = s.yy;
    const double shift = s.centred ? 0.0 : s.gram->weight * s.gram->mean_y[at(s.target)];
    for (Index j = 0; j < d; j++) {
        if (s.diagonal[at(j)] == 0) continue;
        const double v = slope(s, j), w = s.w[at(j)];
        most = std::max(most, s.rules.positive ? v : std::abs(v));
        const double q = s.xy()[j] + (s.centred ? 0.0 : shift * s.gram->mean_x[at(j)]);
        squares -= w * (q + v);
    }
    const double c = most > l1 ? l1 / most : 1.0;
    double gap = (1 - c) * (1 - c) / 2 * std::max(0.0, squares);
    for (Index j = 0; j < d; j++)
        if (const double w = s.w[at(j)]; w != 0) gap += std::max(0.0, l1 * std::abs(w) - c * w * slope(s, j));
    return {gap, most};
}

// Drops columns that the gap proves to be zero at the optimum.
void screen(Descent& s, Dual dual) {
    const double l1 = s.penalty.l1;
    if (l1 == 0) return;
    const double radius = std::sqrt(2 * dual.gap) / l1, most = std::max(l1, dual.most);
    std::vector<Index> left;
    for (const Index j : s.active) {
        const double size = std::sqrt(s.diagonal[at(j)] + s.penalty.l2);
        if ((1 - std::abs(slope(s, j) / most)) / size <= radius) left.push_back(j);
    }
    // After all were judged by the same slopes.
    std::size_t kept = 0;
    for (const Index j : s.active) {
        if (kept < left.size() && left[kept] == j)
            kept++;
        else if (s.w[at(j)] != 0)
            move(s, j, -s.w[at(j)]);
    }
    s.active = std::move(left);
}

void judge(Descent& s) {
    refresh(s);
    const Dual dual = duality_gap(s);
    s.gap = dual.gap;
    s.converged = dual.gap <= s.rules.tol * s.yy;
    s.settled = s.converged || s.sweeps >= s.rules.max_iter;
    if (!s.settled) screen(s, dual);
}

double minimiser(const Descent& s, Index j) {
    const double own = s.diagonal[at(j)], t = s.gradient(j) + s.w[at(j)] * own;
    if (s.rules.positive && t < 0) return 0;
    const double size = std::abs(t) - s.penalty.l1;
    return size > 0 ? std::copysign(size, t) / (own + s.penalty.l2) : 0.0;
}

}  // namespace

void mirror(Gram& gram) {
    const Index d = gram.cols(), ld = d + 1;
    double* base = gram.xx.data();
    parallel_for((d + tile - 1) / tile, [&](Index band) {
        const Index i0 = band * tile, i1 = std::min(d, i0 + tile);
        for (Index j0 = 0; j0 < i1; j0 += tile)
            for (Index i = i0; i < i1; i++)
                for (Index j = j0; j < std::min(j0 + tile, i + 1); j++)
                    base[i * ld + j] = base[j * ld + i + 1];
    });
}

Descent descend_from(const Gram& gram, Index target, bool centred, const DescentRules& rules,
                     const double* w) {
    const Index d = gram.cols();
    Descent s{.gram = &gram, .target = target, .centred = centred, .rules = rules, .yy = gram.yy[at(target)]};
    const double mean_y = gram.mean_y[at(target)];
    if (!centred) s.yy += gram.weight * mean_y * mean_y;
    s.diagonal.resize(at(d));
    for (Index j = 0; j < d; j++) {
        const double own = gram.row(j)[j], square = gram.weight * gram.mean_x[at(j)] * gram.mean_x[at(j)];
        if (!centred)
            s.diagonal[at(j)] = own + square;
        else
            s.diagonal[at(j)] = own <= gram.noise * square ? 0.0 : own;
    }
    s.w.assign(at(d), 0.0), s.g.resize(at(d));
    for (Index j = 0; w && j < d; j++)
        if (s.diagonal[at(j)] != 0) s.w[at(j)] = rules.positive ? std::max(0.0, w[j]) : w[j];
    refresh(s);
    return s;
}

void move(Descent& s, Index j, double step) {
    const Index d = s.gram->cols();
    const double* row = s.gram->xx.data() + j * (d + 1);
    const auto axpy = kernels().rows_f64.axpy;
    axpy(s.g.data(), -step, row, j);
    axpy(s.g.data() + j, -step, row + j + 1, d - j);
    s.level -= step * s.gram->mean_x[at(j)];
    s.w[at(j)] += step;
}

void begin(Descent& s, Penalty penalty) {
    s.penalty = penalty;
    s.sweeps = 0, s.swept = 0, s.spent = 0;
    s.active.clear();
    for (Index j = 0; j < s.gram->cols(); j++)
        if (s.diagonal[at(j)] != 0) s.active.push_back(j);
    const Dual dual = duality_gap(s);
    s.gap = dual.gap;
    s.converged = dual.gap <= s.rules.tol * s.yy;
    s.settled = s.converged || s.rules.max_iter == 0;
    if (!s.settled) screen(s, dual);
}

void sweep(Descent& s) {
    double largest = 0, step_max = 0;
    const auto count = static_cast<Index>(s.active.size());
    for (Index f = 0; f < count; f++) {
        const Index k =
            s.rules.random
                ? below(draw(s.rules.seed, static_cast<std::int64_t>(s.draws++), Stream::coordinate)[0],
                        static_cast<std::uint32_t>(count))
                : f;
        const Index j = s.active[at(k)];
        const double before = s.w[at(j)], after = minimiser(s, j);
        if (after != before) {
            move(s, j, after - before);
            s.w[at(j)] = after;
            s.swept += static_cast<double>(s.gram->cols());
        }
        step_max = std::max(step_max, std::abs(after - before));
        largest = std::max(largest, std::abs(after));
    }
    s.sweeps++;
    if (largest == 0 || step_max <= s.rules.tol * largest || s.sweeps >= s.rules.max_iter) judge(s);
    if (s.settled || s.sweeps < patience) return;
    // Sweeps that crawl: as much work again may go into steps that do not.
    if (s.swept > s.spent) s.spent += newton(s);
}

}  // namespace esker

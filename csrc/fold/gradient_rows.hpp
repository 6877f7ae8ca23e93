// How rows are dealt to shards of a gradient, and what the scores of a few rows say of one model.
#pragma once

#include <algorithm>

#include "fold/gradient.hpp"
#include "isa/kernels.hpp"
#include "model/loss_labels.hpp"
#include "model/loss_numbers.hpp"

namespace esker {

// A function of the shape alone; fewer where private sums are large.
inline Index gradient_shards(Index rows, Index numbers) {
    const Index most = std::clamp<Index>((Index{1} << 22) / std::max<Index>(numbers, 1), 2, 16);
    return std::clamp<Index>(rows / 256, 1, most);
}

inline Gradient::Sums empty_sums(Index cols, Index models, Index padded) {
    Gradient::Sums s;
    s.level.assign(static_cast<std::size_t>(padded), 0.0);
    s.curvature.assign(static_cast<std::size_t>(padded), 0.0);
    s.slope.assign(static_cast<std::size_t>(cols * models), 0.0);
    return s;
}

// Rows so few that their scores stay in the first cache.
constexpr Index gradient_few = 128;

template <bool labels, class L>
void slopes_by(const L& loss, double* scores, const double* y, const double* weight, double base, Index n,
               double* sums) {
    for (Index k = 0; k < n; k++) {
        const double p = scores[k] + base, t = labels ? 2.0 * y[k] - 1.0 : y[k], w = weight ? weight[k] : 1.0;
        scores[k] = w == 0 ? 0.0 : w * loss.slope(p, t);  // a row of weight 0 may hold anything
        if (w == 0) continue;
        sums[0] += w * loss.value(p, t), sums[1] += scores[k], sums[2] += w * loss.curvature(p, t);
    }
}

// Scores of rows begin on, less base, become weighted slopes; one model.
inline void slopes_of(Gradient::Sums& s, const Gradient& at, double* scores, const Block& block, double base,
                      Index begin, Index n) {
    double sums[3] = {};
    const double *y = block.y + begin, *weight = block.weight ? block.weight + begin : nullptr;
    const auto& kernel = kernels().gradient_f64;
    if (at.loss == Gradient::Loss::classes)
        kernel.logistic(scores, y, weight, base, n, sums);
    else if (at.loss == Gradient::Loss::deviance)
        kernel.deviance(scores, y, weight, base, at.power, n, sums);
    else if (at.loss == Gradient::Loss::squared_hinge)
        slopes_by<true>(SquaredHinge{}, scores, y, weight, base, n, sums);
    else if (at.loss == Gradient::Loss::squared_tube)
        slopes_by<false>(SquaredEpsilonInsensitive{at.power}, scores, y, weight, base, n, sums);
    else
        kernel.squared(scores, y, weight, base, n, sums);
    s.value += sums[0], s.level[0] += sums[1], s.curvature[0] += sums[2];
}

// Dense rows [begin, end) of several models, whose coefficients lie in strips; products are in T.
template <class T, class X>
void softmax_dense(Gradient::Sums& s, const DenseView<X>& x, const Block& block, Index begin, Index end,
                   const Gradient& at, const T* strips);

}  // namespace esker

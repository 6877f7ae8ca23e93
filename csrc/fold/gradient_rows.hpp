// How rows are dealt to shards of a gradient, and what the scores of a few rows say of one model.
#pragma once

#include <algorithm>

#include "fold/gradient.hpp"
#include "isa/kernels.hpp"

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
    else
        kernel.squared(scores, y, weight, base, n, sums);
    s.value += sums[0], s.level[0] += sums[1], s.curvature[0] += sums[2];
}

// Dense rows [begin, end) of several models, whose coefficients lie in strips; products are in T.
template <class T, class X>
void softmax_dense(Gradient::Sums& s, const DenseView<X>& x, const Block& block, Index begin, Index end,
                   const Gradient& at, const T* strips);

}  // namespace esker

// How rows are dealt to shards of a gradient, and what one block of scores says of two classes.
#pragma once

#include <algorithm>
#include <cmath>

#include "fold/gradient.hpp"
#include "isa/kernels.hpp"
#include "model/loss.hpp"

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

// Scores of rows begin on become weighted slopes; two classes.
inline void two_classes(Gradient::Sums& s, double* scores, const Block& block, Index begin, Index n) {
    double label[gradient_few], slope[gradient_few], value[gradient_few];
    for (Index i = 0; i < n; i++) label[i] = 2.0 * block.y[begin + i] - 1.0;
    Logistic::over(slope, value, scores, label, static_cast<int>(n));
    double total = 0, level = 0, curvature = 0;
    for (Index i = 0; i < n; i++) {
        const double w = block.w(begin + i), p = std::abs(slope[i]);
        scores[i] = w * slope[i];
        total += w * value[i], level += scores[i], curvature += w * p * (1.0 - p);
    }
    s.value += total, s.level[0] += level, s.curvature[0] += curvature;
}

// Dense rows [begin, end) of several models, whose coefficients lie in strips; products are in T.
template <class T, class X>
void softmax_dense(Gradient::Sums& s, const DenseView<X>& x, const Block& block, Index begin, Index end,
                   const Gradient& at, const T* strips);

}  // namespace esker

// Dense rows of several models: a panel is centred once and stays in the second cache; its scores, which
// tiles make from it, become slopes where they lie, and tiles multiply them with the panel again.
#include <algorithm>
#include <type_traits>

#include "fold/gradient_rows.hpp"

namespace esker {
namespace {

constexpr Index up(Index n, Index to) { return (n + to - 1) / to * to; }

// Columns that a product takes in one go, so that a strip's coefficients stay in the first cache.
constexpr Index near_cols = 256;
// Rows whose slopes are summed before they join the sums in float64.
constexpr Index flush_rows = 256;

template <class T>
T* room(Buffer& buffer, Index numbers) {
    buffer.grow(static_cast<std::size_t>(numbers) * (sizeof(T) / sizeof(float)));
    return reinterpret_cast<T*>(buffer.data());
}

}  // namespace

template <class T, class X>
void softmax_dense(Gradient::Sums& s, const DenseView<X>& x, const Block& block, Index begin, Index end,
                   const Gradient& at, const T* coef) {
    const auto& kernel = kernels().gradient<T>();
    const Index d = x.cols, wide = kernel.wide, strips = (at.models + wide - 1) / wide;
    constexpr Index line = 64 / static_cast<Index>(sizeof(T));
    const Index pitch = (up(d, line) / line | 1) * line + 2 * line;  // rows keep off each other's sets
    const Index fit = (Index{240} << 10) / (pitch * static_cast<Index>(sizeof(T)));
    const Index rows = std::clamp<Index>(fit / 24 * 24, 24, 240), padded = up(rows, kernel.high),
                high = up(d, kernel.high);
    Buffer a, b, c;
    T *panel = room<T>(a, padded * pitch), *scores = room<T>(b, strips * padded * wide),
      *sums = room<T>(c, strips * high * wide);
    const Index models = strips * wide;
    std::vector<double> base(static_cast<std::size_t>(models), -1e300), row(base.size()),
        some(1 + 2 * base.size(), 0.0);
    std::copy(at.intercept.begin(), at.intercept.end(), base.begin());
    Index summed = 0;
    for (Index i = begin; i < end; i += rows) {
        const Index n = std::min(rows, end - i);
        if constexpr (std::is_same_v<T, X>)
            kernel.centre(panel, pitch, x.row(i), x.stride, at.shift.data(), n, d);
        else
            kernel.centre_f32(panel, pitch, x.row(i), x.stride, at.shift.data(), n, d);
        for (Index j = 0; j < d; j += near_cols)
            for (Index t = 0; t < strips; t++)
                kernel.along(scores + t * padded * wide, panel + j, pitch, n, coef + (t * at.cols + j) * wide,
                             std::min(near_cols, d - j), j > 0);
        kernel.softmax(scores, padded * wide, base.data(), block.y + i,
                       block.weight ? block.weight + i : nullptr, n, at.models, some.data(), row.data());
        for (Index t = 0; t < strips; t++)
            kernel.across(sums + t * high * wide, panel, pitch, d, scores + t * padded * wide, n, summed > 0);
        summed += n;
        if (summed < flush_rows && i + rows < end) continue;
        for (Index t = 0; t < strips; t++)
            kernel.flush(s.slope.data() + t * wide, at.models, sums + t * high * wide, d,
                         std::min(wide, at.models - t * wide));
        summed = 0;
    }
    s.value += some[0];
    for (std::size_t k = 0; k < s.level.size(); k++)
        s.level[k] += some[1 + k], s.curvature[k] += some[1 + base.size() + k];
}

template void softmax_dense<float>(Gradient::Sums&, const DenseView<float>&, const Block&, Index, Index,
                                   const Gradient&, const float*);
template void softmax_dense<double>(Gradient::Sums&, const DenseView<float>&, const Block&, Index, Index,
                                    const Gradient&, const double*);
template void softmax_dense<double>(Gradient::Sums&, const DenseView<double>&, const Block&, Index, Index,
                                    const Gradient&, const double*);

}  // namespace esker

// Kernels of row sketches: where rows go, and sums of rows with signs.
#pragma once

#include <cstdint>

namespace esker {

// Row i of x, times root[i] (null: one) and the sign of to[i], is added to row (to[i] >> 1) - base of out.
// Rows are `width` numbers; those of x lie `stride` apart, those of out `width`.
template <class T>
using Scatter = void (*)(T* out, const T* x, std::int64_t stride, const std::int32_t* to, std::int64_t n,
                         const T* root, std::int64_t width, std::int32_t base);

struct SketchKernels {
    Scatter<float> scatter_f32;
    Scatter<double> scatter_f64;
    // to[g * stride + i]: the row's place in segment g, between edge[g] and edge[g + 1], << 1 | negative
    void (*place_rows)(std::int32_t* to, std::int64_t stride, const std::int64_t* keys, std::int64_t n,
                       std::uint64_t seed, std::uint32_t stream, std::int64_t segments,
                       const std::uint32_t* edge);

    Scatter<float> scatter(float) const noexcept { return scatter_f32; }
    Scatter<double> scatter(double) const noexcept { return scatter_f64; }
};

}  // namespace esker

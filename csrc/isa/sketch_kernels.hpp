// Kernels of row sketches: where rows go, and sums of rows with signs.
#pragma once

#include <cstdint>

namespace esker {

// out += factor[rows[k]] times row rows[k] >> 1 of x, for every k in order; rows of x lie `stride` apart.
// float32 is summed in float32 and added once.
template <class T>
using Gather = void (*)(double* out, const T* x, std::int64_t stride, const std::int32_t* rows,
                        std::int64_t count, const T* factor, std::int64_t width);

struct SketchKernels {
    Gather<float> gather_f32;
    Gather<double> gather_f64;
    // to[g * stride + i]: the row's place in segment g, between edge[g] and edge[g + 1], << 1 | negative
    void (*place_rows)(std::int32_t* to, std::int64_t stride, const std::int64_t* keys, std::int64_t n,
                       std::uint64_t seed, std::uint32_t stream, std::int64_t segments,
                       const std::uint32_t* edge);

    Gather<float> gather(float) const noexcept { return gather_f32; }
    Gather<double> gather(double) const noexcept { return gather_f64; }
};

}  // namespace esker

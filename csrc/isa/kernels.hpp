// The table of loop kernels that an instruction set fills: written once (*.inl.hpp), compiled once for each
// set. Kernels take raw pointers, argument order (out, in..., n), and know neither losses nor Python.
#pragma once

#include <cstdint>
#include <type_traits>

#include "isa/adaptive_kernels.hpp"
#include "isa/gradient_kernels.hpp"
#include "isa/gram_kernels.hpp"
#include "isa/gram_thin_kernels.hpp"
#include "isa/lane_kernels.hpp"
#include "isa/normal_kernels.hpp"
#include "isa/plain_lane_kernels.hpp"
#include "isa/rotation_kernels.hpp"
#include "isa/row_strip_kernels.hpp"
#include "isa/text_kernels.hpp"

namespace esker {

// Loops over one row or one column of numbers, accumulated in float64.
template <class T>
struct RowKernels {
    double (*dot)(const T* x, const double* w, std::int64_t n);     // sum of x w
    void (*axpy)(double* y, double a, const T* x, std::int64_t n);  // y += a x
    void (*moments)(double* mean, double* m2, const T* x, double w_over_total, double w, double far,
                    std::int64_t n);
    // ^ Welford's weighted update of n columns by one row
    void (*scale)(double* y, double a, const T* x, std::int64_t n);  // y = a x
    // Of n columns, NaN being a missing value: weight += w, sum += w (x - shift), most = max |x|
    void (*column_sums)(double* weight, double* sum, double* most, const T* x, const double* shift, double w,
                        std::int64_t n);
    void (*column_squares)(double* sum, const T* x, const double* mean, double w,
                           std::int64_t n);  // sum += w (x - mean)^2
    void (*shift_scale)(T* y, const T* x, const double* mean, const double* scale,
                        std::int64_t n);  // y = (x - mean) / scale
    void (*fill_nan)(T* y, const T* x, const double* with,
                     std::int64_t n);  // y = with where x is NaN, else x
};

struct Isa {
    const char* name;
    RowKernels<float> rows_f32;
    RowKernels<double> rows_f64;
    void (*exchange32)(std::uint32_t* keys, const std::int32_t* pairs, std::int64_t n);
    // ^ for each of n pairs of rows of 32 keys: the smaller keys to the first row, the greater to the second
    void (*drawn_below)(bool* out, const std::int64_t* keys, std::int64_t n, std::uint64_t seed,
                        std::uint32_t stream, std::uint64_t below);
    // ^ whether the first word that Philox draws for (seed, key, stream) is less than `below`
    LaneKernels lanes;
    PlainTable plain;
    AdaptiveTable adaptive;
    GramKernels<float> gram_f32;
    GramKernels<double> gram_f64;
    ThinKernels<float> thin_f32;
    ThinKernels<double> thin_f64;
    RowStripKernels row_strips;
    CentreTargets centre_targets;
    ResidualKernels<float> residual_f32;
    ResidualKernels<double> residual_f64;
    RotationKernels rotation;
    TextKernels text;
    NormalTable normal;
    GradientKernels<float> gradient_f32;
    GradientKernels<double> gradient_f64;

    template <class T>
    const RowKernels<T>& rows() const noexcept {
        if constexpr (std::is_same_v<T, float>)
            return rows_f32;
        else
            return rows_f64;
    }
    template <class T>
    const GramKernels<T>& gram() const noexcept {
        if constexpr (std::is_same_v<T, float>)
            return gram_f32;
        else
            return gram_f64;
    }
    template <class T>
    const ThinKernels<T>& thin() const noexcept {
        if constexpr (std::is_same_v<T, float>)
            return thin_f32;
        else
            return thin_f64;
    }
    template <class T>
    const ResidualKernels<T>& residual() const noexcept {
        if constexpr (std::is_same_v<T, float>)
            return residual_f32;
        else
            return residual_f64;
    }
    template <class T>
    const GradientKernels<T>& gradient() const noexcept {
        if constexpr (std::is_same_v<T, float>)
            return gradient_f32;
        else
            return gradient_f64;
    }
};

// The tables compiled into this library; null where the architecture or the CPU lacks the set.
namespace isa {
namespace baseline {
const Isa& table() noexcept;
}
namespace avx2 {
const Isa& table() noexcept;
}
namespace avx512 {
const Isa& table() noexcept;
}
}  // namespace isa

// The table in use: the best that this CPU runs, or the one that ESKER_ISA names (an unknown or unavailable
// name throws).
const Isa& kernels();
// The names of the tables that this CPU runs, worst first.
int available_isas(const char** names) noexcept;

}  // namespace esker

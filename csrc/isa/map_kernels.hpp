// The second table of an instruction set: kernels of random maps and of what is learned from them (sketches,
// projections, features of kernels). It has objects of its own, so that who changes one table does not
// compile the other.
#pragma once

#include "isa/cosine_kernels.hpp"
#include "isa/gaussian_kernels.hpp"
#include "isa/hadamard_kernels.hpp"
#include "isa/kernel_tile_kernels.hpp"
#include "isa/projection_kernels.hpp"
#include "isa/range_kernels.hpp"
#include "isa/row_group_kernels.hpp"
#include "isa/row_sums_kernels.hpp"
#include "isa/sketch_kernels.hpp"

namespace esker {

struct MapKernels {
    SketchKernels sketch;
    HadamardKernels<float> hadamard_f32;
    HadamardKernels<double> hadamard_f64;
    GaussianKernels<float> gaussian_f32;
    GaussianKernels<double> gaussian_f64;
    ProjectionKernels<float> projection_f32;
    ProjectionKernels<double> projection_f64;
    CosineKernels<float> cosine_f32;
    CosineKernels<double> cosine_f64;
    RowSumKernels<float> row_sums_f32;
    RowSumKernels<double> row_sums_f64;

    template <class T>
    const HadamardKernels<T>& hadamard() const noexcept {
        if constexpr (sizeof(T) == 4)
            return hadamard_f32;
        else
            return hadamard_f64;
    }
    template <class T>
    const GaussianKernels<T>& gaussian() const noexcept {
        if constexpr (sizeof(T) == 4)
            return gaussian_f32;
        else
            return gaussian_f64;
    }
    KernelTileTable kernel_tile;
    RangeTable range;
    RowGroupKernels<float> row_group_f32;
    RowGroupKernels<double> row_group_f64;

    template <class T>
    const RowGroupKernels<T>& row_group() const noexcept {
        if constexpr (sizeof(T) == sizeof(float))
            return row_group_f32;
        else
            return row_group_f64;
    }
    template <class T>
    const ProjectionKernels<T>& projection() const noexcept {
        if constexpr (sizeof(T) == 4)
            return projection_f32;
        else
            return projection_f64;
    }
    template <class T>
    const CosineKernels<T>& cosine() const noexcept {
        if constexpr (sizeof(T) == sizeof(float))
            return cosine_f32;
        else
            return cosine_f64;
    }
    template <class T>
    const RowSumKernels<T>& row_sums() const noexcept {
        if constexpr (sizeof(T) == sizeof(float))
            return row_sums_f32;
        else
            return row_sums_f64;
    }
};

namespace isa {
namespace baseline {
const MapKernels& map_table() noexcept;
}
namespace avx2 {
const MapKernels& map_table() noexcept;
}
namespace avx512 {
const MapKernels& map_table() noexcept;
}
}  // namespace isa

// The table of the instruction set whose kernels() are in use.
const MapKernels& map_kernels();

}  // namespace esker

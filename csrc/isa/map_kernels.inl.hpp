// Every kernel of random maps, once more for the instruction set that ESKER_ISA_NAME names. Included by
// three-line files only; no standard containers or algorithms here (see kernels.inl.hpp).
#include <cmath>
#include <cstddef>
#include <cstdint>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "isa/map_kernels.hpp"

namespace esker::isa::ESKER_ISA_NAME {
namespace {
// clang-format off: the order matters, as each file uses those before
#include "isa/sketch.inl.hpp"
#include "isa/hadamard.inl.hpp"
#include "isa/gaussian.inl.hpp"
#include "isa/kernel_tile.inl.hpp"
#include "isa/range.inl.hpp"
#include "isa/projection.inl.hpp"
#include "isa/transcendental.inl.hpp"
#include "isa/cosine.inl.hpp"
#include "isa/row_sums.inl.hpp"
#include "isa/row_group.inl.hpp"
// clang-format on
}  // namespace

const MapKernels& map_table() noexcept {
    static constexpr MapKernels table{{scatter_rows<float>, scatter_rows<double>, place_rows},
                                      hadamard_kernels<float>(),
                                      hadamard_kernels<double>(),
                                      gaussian_kernels<float>(),
                                      gaussian_kernels<double>(),
                                      projection_kernels<float>(),
                                      projection_kernels<double>(),
                                      cosine_kernels<float>(),
                                      cosine_kernels<double>(),
                                      row_sum_kernels<float>(),
                                      row_sum_kernels<double>(),
                                      kernel_tile_table(),
                                      range_table(),
                                      row_group_kernels<float>(),
                                      row_group_kernels<double>()};
    return table;
}
}  // namespace esker::isa::ESKER_ISA_NAME

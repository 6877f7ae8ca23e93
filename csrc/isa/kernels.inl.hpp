// Every kernel, once more for the instruction set that ESKER_ISA_NAME names. Included by three-line files
// only. No standard containers or algorithms here: a weak std:: symbol compiled for AVX-512 could be the one
// that is linked.
#include <cmath>
#include <cstddef>
#include <cstdint>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "isa/kernels.hpp"

namespace esker::isa::ESKER_ISA_NAME {
namespace {
// clang-format off: the order matters, as each file uses those before
#include "isa/rows.inl.hpp"
#include "isa/draws.inl.hpp"
#include "isa/transcendental.inl.hpp"
#include "isa/log_loss.inl.hpp"
#include "isa/lanes.inl.hpp"
#include "isa/plain_lanes.inl.hpp"
#include "isa/adaptive.inl.hpp"
#include "isa/gram.inl.hpp"
#include "isa/gram_tiles.inl.hpp"
#include "isa/gram_thin.inl.hpp"
#include "isa/rotation.inl.hpp"
#include "isa/row_strips.inl.hpp"
#include "isa/text.inl.hpp"
#include "isa/normal.inl.hpp"
#include "isa/gradient.inl.hpp"
// clang-format on
}  // namespace

#define ESKER_TEXT_(x) #x
#define ESKER_TEXT(x) ESKER_TEXT_(x)
const Isa& table() noexcept {
    static constexpr Isa table{ESKER_TEXT(ESKER_ISA_NAME),
                               row_kernels<float>(),
                               row_kernels<double>(),
                               exchange32,
                               drawn_below,
                               lane_kernels(),
                               plain_table(),
                               adaptive_table(),
                               gram_kernels<float>(),
                               gram_kernels<double>(),
                               thin_kernels<float>(),
                               thin_kernels<double>(),
                               row_strip_kernels(),
                               centre_targets,
                               residual_kernels<float>(),
                               residual_kernels<double>(),
                               rotation_kernels(),
                               text_kernels(),
                               normal_table(),
                               gradient_kernels<float>(),
                               gradient_kernels<double>()};
    return table;
}
}  // namespace esker::isa::ESKER_ISA_NAME

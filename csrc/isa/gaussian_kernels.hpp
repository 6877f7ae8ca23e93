// Normal numbers as a function of (seed, key, place): Philox words in registers, Box and Muller's transform.
#pragma once

#include <cstdint>

namespace esker {

// Four numbers of a key come from one draw (base/philox.hpp): words 0 and 1 give the first two, words 2 and 3
// the others. The same bits on every instruction set; float and double numbers agree to float's rounding.
template <class T>
struct GaussianKernels {
    // out[i] = scale * number first + i of the key, for i < count; first is a multiple of 4
    void (*normals)(T* out, std::int64_t first, std::int64_t count, std::int64_t key, std::uint64_t seed,
                    std::uint32_t stream, T scale);
};

}  // namespace esker

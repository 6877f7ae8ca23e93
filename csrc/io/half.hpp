// float16 (IEEE 754 binary16) to float32: exact, by moving the bits and scaling by the exponents' difference.
#pragma once

#include <bit>
#include <cstdint>

namespace esker {

inline float float_of_half(std::uint16_t h) noexcept {
    const std::uint32_t u = h & 0x7FFFu;
    const float scaled = std::bit_cast<float>(u << 13) * 0x1p112f;  // subnormal numbers come out right too
    std::uint32_t bits = std::bit_cast<std::uint32_t>(scaled);
    bits |= u >= 0x7C00u ? 0x7F800000u : 0u;  // infinity and NaN
    return std::bit_cast<float>(bits | static_cast<std::uint32_t>(h & 0x8000u) << 16);
}

}  // namespace esker

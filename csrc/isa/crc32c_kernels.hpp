// CRC32C for CPUs with carry-less multiplication of wide registers; base/crc32c.cpp has it for all others.
#pragma once

#include <cstddef>
#include <cstdint>

namespace esker {

// The register of a checksum (neither inverted before nor after) moved on over bytes.
using Crc32cKernel = std::uint32_t (*)(std::uint32_t crc, const unsigned char* p, std::size_t n) noexcept;

namespace isa {
std::uint32_t crc32c_vpclmul(std::uint32_t crc, const unsigned char* p, std::size_t n) noexcept;
}

// What this CPU runs and ESKER_ISA allows; null where base/crc32c.cpp's own streams are the best.
Crc32cKernel crc32c_kernel() noexcept;

}  // namespace esker

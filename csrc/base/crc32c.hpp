// CRC32C (Castagnoli, the checksum of iSCSI and ext4): by carry-less multiplication or the CPU's
// instruction where there are such, by tables elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace esker {

// The checksum of what `crc` is the checksum of, followed by these bytes; start with 0.
std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t n) noexcept;
// The same by the CRC32 instruction alone, where there is one: what runs where wide registers cannot
// multiply.
std::uint32_t crc32c_by_instruction(std::uint32_t crc, const void* data, std::size_t n) noexcept;
// The same by tables: what runs where the instruction is missing, and what tests compare.
std::uint32_t crc32c_by_tables(std::uint32_t crc, const void* data, std::size_t n) noexcept;

}  // namespace esker

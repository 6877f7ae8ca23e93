// Integers of a fixed number of bits, one directly behind the other: number k is bits k b to k b + b - 1,
// counted from the lowest bit of the first byte. A run ends with 8 spare bytes, so that one load finds any
// number.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace esker {

static_assert(std::endian::native == std::endian::little, "the block file is read as it lies");

constexpr int max_bits = 56;  // and 7 bits before them in a byte: one 64-bit load

inline int bits_of(std::uint64_t v) noexcept { return static_cast<int>(std::bit_width(v)); }

// Bytes of n numbers; n b must not exceed 2^60.
inline std::uint64_t packed_size(std::uint64_t n, int bits) noexcept {
    return bits == 0 ? 0 : 8 * ((n * static_cast<std::uint64_t>(bits) + 63) / 64 + 1);
}

struct BitReader {
    const std::byte* data;
    std::uint64_t at, mask;
    unsigned bits;
    BitReader(const std::byte* data, int b) noexcept
        : data(data), at(0), mask((std::uint64_t{1} << b) - 1), bits(static_cast<unsigned>(b)) {}
    std::uint64_t next() noexcept {  // with bits > 0
        std::uint64_t v;
        std::memcpy(&v, data + (at >> 3), 8);
        v = v >> (at & 7) & mask;
        at += bits;
        return v;
    }
};

class BitWriter {
public:
    BitWriter(std::vector<std::byte>& out, int b) : out_(out), bits_(b) {}
    void put(std::uint64_t v) {
        word_ |= v << filled_;
        filled_ += bits_;
        if (filled_ < 64) return;
        flush();
        filled_ -= 64;
        word_ = filled_ ? v >> (bits_ - filled_) : 0;
    }
    void finish() {
        if (filled_) flush();
        word_ = 0;
        flush();  // the spare bytes
    }

private:
    void flush() {
        const auto* p = reinterpret_cast<const std::byte*>(&word_);
        out_.insert(out_.end(), p, p + 8);
    }
    std::vector<std::byte>& out_;
    std::uint64_t word_ = 0;
    int bits_, filled_ = 0;
};

}  // namespace esker

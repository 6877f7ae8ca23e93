// MurmurHash3_x86_32 of Austin Appleby, public domain: the hash of scikit-learn's and Vowpal Wabbit's feature
// names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace esker {

namespace murmur {

inline std::uint32_t rotate(std::uint32_t x, int by) noexcept { return (x << by) | (x >> (32 - by)); }

inline std::uint32_t scramble(std::uint32_t k) noexcept { return rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u; }

// The four bytes at p as a little-endian number, whatever the machine is.
inline std::uint32_t word(const char* p) noexcept {
    std::uint32_t k;
    std::memcpy(&k, p, 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    k = __builtin_bswap32(k);
#endif
    return k;
}

inline std::uint32_t step(std::uint32_t h, std::uint32_t k) noexcept {
    return rotate(h ^ scramble(k), 13) * 5 + 0xe6546b64u;
}

inline std::uint32_t finish(std::uint32_t h, std::size_t n) noexcept {
    h ^= static_cast<std::uint32_t>(n);
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    return h ^ (h >> 16);
}

}  // namespace murmur

// The hash of n bytes at any address; none beyond them is read.
inline std::uint32_t murmur3_32(const char* data, std::size_t n, std::uint32_t seed) noexcept {
    std::uint32_t h = seed;
    const char* const end = data + (n & ~std::size_t{3});
    for (const char* p = data; p != end; p += 4) h = murmur::step(h, murmur::word(p));
    std::uint32_t k = 0;
    switch (n & 3) {
        case 3:
            k ^= static_cast<std::uint32_t>(static_cast<unsigned char>(end[2])) << 16;
            [[fallthrough]];
        case 2:
            k ^= static_cast<std::uint32_t>(static_cast<unsigned char>(end[1])) << 8;
            [[fallthrough]];
        case 1:
            k ^= static_cast<unsigned char>(end[0]);
            h ^= murmur::scramble(k);
            break;
        default:
            break;
    }
    return murmur::finish(h, n);
}

}  // namespace esker

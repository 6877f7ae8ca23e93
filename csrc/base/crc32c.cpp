// Wide carry-less multiplication where the CPU has it (isa/crc32c_vpclmul.cpp), else the CRC32 instruction:
// it has a latency of 3 cycles and a throughput of 1, so three streams run side by side; a
// stream's checksum is moved over the bytes of the next by a linear map on 32 bits, held as four tables of
// 256 words.
#include "base/crc32c.hpp"

#include <array>
#include <cstring>

#include "isa/crc32c_kernels.hpp"

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace esker {
namespace {

constexpr std::uint32_t polynomial = 0x82F63B78u;  // reflected
using Table = std::array<std::uint32_t, 256>;

constexpr std::array<Table, 8> make_slices() {
    std::array<Table, 8> t{};
    for (std::uint32_t i = 0; i < 256; i++) {
        std::uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? (c >> 1) ^ polynomial : c >> 1;
        t[0][i] = c;
    }
    for (std::uint32_t i = 0; i < 256; i++)
        for (std::size_t k = 1; k < 8; k++) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 255];
    return t;
}
constexpr std::array<Table, 8> slices = make_slices();

#ifdef __SSE4_2__
// What n zero bytes make of a checksum.
struct Shift {
    std::array<Table, 4> table{};
    std::uint32_t operator()(std::uint32_t c) const noexcept {
        return table[0][c & 255] ^ table[1][(c >> 8) & 255] ^ table[2][(c >> 16) & 255] ^ table[3][c >> 24];
    }
};

// The map is linear over GF(2): follow each of the 32 bits through n zero bytes, then tabulate by bytes.
constexpr Shift make_shift(std::size_t n) {
    std::array<std::uint32_t, 32> power{},
        result{};  // columns of the map of one byte, squared again and again
    for (std::uint32_t bit = 0; bit < 32; bit++) {
        const std::uint32_t c = std::uint32_t{1} << bit;
        power[bit] = (c >> 8) ^ slices[0][c & 255];
        result[bit] = c;
    }
    auto times = [](const std::array<std::uint32_t, 32>& map, std::uint32_t c) {
        std::uint32_t sum = 0;
        for (std::size_t bit = 0; bit < 32; bit++)
            if (c >> bit & 1) sum ^= map[bit];
        return sum;
    };
    for (; n; n >>= 1) {
        if (n & 1)
            for (std::uint32_t& c : result) c = times(power, c);
        std::array<std::uint32_t, 32> squared{};
        for (std::size_t bit = 0; bit < 32; bit++) squared[bit] = times(power, power[bit]);
        power = squared;
    }
    Shift shift;
    for (std::size_t byte = 0; byte < 4; byte++)
        for (std::size_t i = 0; i < 256; i++)
            for (std::size_t bit = 0; bit < 8; bit++)
                if (i >> bit & 1) shift.table[byte][i] ^= result[8 * byte + bit];
    return shift;
}

constexpr std::size_t far = 8192, near = 256;
constexpr Shift over_far = make_shift(far), over_near = make_shift(near);

std::uint64_t word(const unsigned char* p) noexcept {
    std::uint64_t v;
    std::memcpy(&v, p, 8);
    return v;
}

template <std::size_t stretch>
std::uint64_t three_streams(std::uint64_t a, const unsigned char*& p, std::size_t& n,
                            const Shift& shift) noexcept {
    while (n >= 3 * stretch) {
        std::uint64_t b = 0, c = 0;
        for (std::size_t i = 0; i < stretch; i += 8) {
            a = _mm_crc32_u64(a, word(p + i));
            b = _mm_crc32_u64(b, word(p + stretch + i));
            c = _mm_crc32_u64(c, word(p + 2 * stretch + i));
        }
        a = shift(shift(static_cast<std::uint32_t>(a)) ^ static_cast<std::uint32_t>(b)) ^ c;
        p += 3 * stretch;
        n -= 3 * stretch;
    }
    return a;
}
#endif

}  // namespace

std::uint32_t crc32c_by_tables(std::uint32_t crc, const void* data, std::size_t n) noexcept {
    const auto* p = static_cast<const unsigned char*>(data);
    std::uint32_t c = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        c ^= std::uint32_t{p[0]} | std::uint32_t{p[1]} << 8 | std::uint32_t{p[2]} << 16 |
             std::uint32_t{p[3]} << 24;
        c = slices[7][c & 255] ^ slices[6][(c >> 8) & 255] ^ slices[5][(c >> 16) & 255] ^ slices[4][c >> 24] ^
            slices[3][p[4]] ^ slices[2][p[5]] ^ slices[1][p[6]] ^ slices[0][p[7]];
    }
    for (; n > 0; n--, p++) c = (c >> 8) ^ slices[0][(c ^ *p) & 255];
    return ~c;
}

std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t n) noexcept {
    static const Crc32cKernel wide = crc32c_kernel();
    if (wide) return ~wide(~crc, static_cast<const unsigned char*>(data), n);
    return crc32c_by_instruction(crc, data, n);
}

std::uint32_t crc32c_by_instruction(std::uint32_t crc, const void* data, std::size_t n) noexcept {
#ifdef __SSE4_2__
    const auto* p = static_cast<const unsigned char*>(data);
    std::uint64_t c = ~crc;
    c = three_streams<far>(c, p, n, over_far);
    c = three_streams<near>(c, p, n, over_near);
    for (; n >= 8; n -= 8, p += 8) c = _mm_crc32_u64(c, word(p));
    for (; n > 0; n--, p++) c = _mm_crc32_u8(static_cast<std::uint32_t>(c), *p);
    return ~static_cast<std::uint32_t>(c);
#else
    return crc32c_by_tables(crc, data, n);
#endif
}

}  // namespace esker

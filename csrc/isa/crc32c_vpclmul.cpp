// CRC32C by carry-less multiplication, 512 bits at a time (Gopal et al. 2009, "Fast CRC computation for
// generic polynomials using PCLMULQDQ"): four registers are folded over 256 bytes each step, and what is left
// of them, 16 bytes of the same checksum, goes through the instruction. Flags are in CMakeLists.txt.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "isa/crc32c_kernels.hpp"

namespace esker::isa {
namespace {

// A register moved on over D bytes: its halves times x^(8D + 31) and x^(8D - 33) modulo the polynomial,
// reflected.
constexpr std::uint32_t power(int n) {
    std::uint32_t c = 0x80000000u;
    for (; n > 0; n--) c = c & 1 ? (c >> 1) ^ 0x82F63B78u : c >> 1;
    return c;
}
template <int distance>
__m128i factors() noexcept {
    constexpr std::uint32_t low = power(8 * distance + 31), high = power(8 * distance - 33);
    return _mm_set_epi64x(high, low);
}
static_assert(power(8 * 16 + 31) == 0xF20C0DFEu && power(8 * 16 - 33) == 0x493C7D27u);

template <int distance>
__m512i wide_factors() noexcept {
    return _mm512_broadcast_i32x4(factors<distance>());
}

__m512i load(const unsigned char* p) noexcept { return _mm512_loadu_si512(p); }

__m512i moved(__m512i x, __m512i k, __m512i next) noexcept {
    return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(x, k, 0x00),
                                     _mm512_clmulepi64_epi128(x, k, 0x11), next, 0x96);
}
__m128i moved(__m128i x, __m128i k, __m128i next) noexcept {
    return _mm_ternarylogic_epi64(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11), next,
                                  0x96);
}

std::uint64_t word(const unsigned char* p) noexcept {
    std::uint64_t v;
    __builtin_memcpy(&v, p, 8);
    return v;
}

}  // namespace

std::uint32_t crc32c_vpclmul(std::uint32_t crc, const unsigned char* p, std::size_t n) noexcept {
    std::uint64_t c = crc;
    if (n >= 512) {
        __m512i a =
            _mm512_xor_si512(load(p), _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(crc))));
        __m512i b = load(p + 64), d = load(p + 128), e = load(p + 192);
        const __m512i k = wide_factors<256>();
        for (p += 256, n -= 256; n >= 256; p += 256, n -= 256) {
            a = moved(a, k, load(p));
            b = moved(b, k, load(p + 64));
            d = moved(d, k, load(p + 128));
            e = moved(e, k, load(p + 192));
        }
        const __m512i over = wide_factors<64>();
        b = moved(a, over, b);
        d = moved(b, over, d);
        e = moved(d, over, e);
        for (; n >= 64; p += 64, n -= 64) e = moved(e, over, load(p));
        __m128i x = _mm512_castsi512_si128(e);
        const __m128i last = factors<16>();
        x = moved(x, last, _mm512_extracti32x4_epi32(e, 1));
        x = moved(x, last, _mm512_extracti32x4_epi32(e, 2));
        x = moved(x, last, _mm512_extracti32x4_epi32(e, 3));
        c = _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_extract_epi64(x, 0)));
        c = _mm_crc32_u64(c, static_cast<std::uint64_t>(_mm_extract_epi64(x, 1)));
    }
    for (; n >= 8; n -= 8, p += 8) c = _mm_crc32_u64(c, word(p));
    for (; n > 0; n--, p++) c = _mm_crc32_u8(static_cast<std::uint32_t>(c), *p);
    return static_cast<std::uint32_t>(c);
}

}  // namespace esker::isa

// Decimal text -> integers and doubles, 8 digits at a time. Doubles are correctly rounded: a mantissa up to
// 2^53 and a power of ten up to 22 are both exact, so one operation rounds once (Clinger 1990); all else is
// std::from_chars. Callers own at least 8 readable bytes beyond every text they hand in.
#pragma once

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace esker {

inline std::uint64_t load8(const char* p) noexcept {
    std::uint64_t v;
    std::memcpy(&v, p, 8);
    if constexpr (std::endian::native == std::endian::big) v = __builtin_bswap64(v);
    return v;
}

// How many of 8 bytes, from the first on, are digits: both b and b + 6 have the high nibble 3.
inline int leading_digits(std::uint64_t v) noexcept {
    constexpr std::uint64_t high = 0xF0F0F0F0F0F0F0F0u, threes = 0x3030303030303030u,
                            six = 0x0606060606060606u;
    const std::uint64_t other = ((v & high) ^ threes) | (((v + six) & high) ^ threes);
    return std::countr_zero(other) >> 3;  // countr_zero(0) is 64
}

// The number that the first k (1..8) bytes spell.
inline std::uint64_t digits(std::uint64_t v, int k) noexcept {
    v = (v ^ 0x3030303030303030u) << (64 - 8 * k);
    v = v * 10 + (v >> 8);
    constexpr std::uint64_t pairs = 0x000000FF000000FFu;
    return ((v & pairs) * 0x000F424000000064u + ((v >> 16) & pairs) * 0x0000271000000001u) >> 32;
}

inline constexpr double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                           1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                           1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
inline constexpr std::uint64_t integer_powers[] = {1,      10,      100,      1000,     10000,
                                                   100000, 1000000, 10000000, 100000000};

inline bool is_digit(char c) noexcept { return static_cast<unsigned char>(c - '0') < 10; }

// Any finite decimal number, by grammar and std::from_chars. False: not one, and p stays. Too large:
// infinity.
bool scan_double_slow(const char*& p, double& out) noexcept;

// Reads a number at p and moves p behind it.
inline bool scan_double(const char*& p, double& out) noexcept {
    const char* q = p;
    const bool negative = *q == '-';
    q += negative;
    std::uint64_t v = load8(q);
    const int whole = leading_digits(v);
    if (whole == 0 || whole == 8) [[unlikely]]
        return scan_double_slow(p, out);
    std::uint64_t mantissa = digits(v, whole);
    q += whole;
    int scale = 0;  // decimal digits behind the point
    if (*q == '.') {
        v = load8(++q);
        scale = leading_digits(v);
        if (scale > 0) mantissa = mantissa * integer_powers[scale] + digits(v, scale);
        q += scale;
        if (scale == 8) {
            v = load8(q);
            const int more = leading_digits(v);
            if (more == 8 || whole + 8 + more > 19) [[unlikely]]
                return scan_double_slow(p, out);
            if (more > 0) mantissa = mantissa * integer_powers[more] + digits(v, more);
            q += more;
            scale += more;
        }
    }
    int power = -scale;
    if ((*q | 0x20) == 'e') [[unlikely]] {
        const char* r = q + 1;
        const bool down = *r == '-';
        r += down || *r == '+';
        v = load8(r);
        const int k = leading_digits(v);
        if (k == 0 || k > 4) return scan_double_slow(p, out);
        const int e = static_cast<int>(digits(v, k));
        power += down ? -e : e;
        q = r + k;
    }
    if (mantissa > (std::uint64_t{1} << 53) || power < -22 || power > 22) [[unlikely]]
        return scan_double_slow(p, out);
    double d = static_cast<double>(mantissa);
    if (power < 0)
        d /= powers_of_ten[-power];
    else if (power > 0)
        d *= powers_of_ten[power];
    out = negative ? -d : d;
    p = q;
    return true;
}

}  // namespace esker

// The entries that files are full of, `1234:-0.56789` between blanks, read at once: where the digits end is
// found for 32 bytes together, so that the next entry can begin before this one's numbers are made. All else
// is left to a slower reader.
#pragma once

#include <bit>
#include <cstdint>

#include "io/number.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace esker {

struct Entry {
    std::int64_t column;
    double value;
    const char* end;  // the ' ' or '\n' behind it
};

#ifdef __SSE2__

// Bit i: is p[i] no digit?
inline std::uint32_t not_digits(const char* p) noexcept {
    const __m128i zero = _mm_set1_epi8('0'), nine = _mm_set1_epi8(9);
    const __m128i a = _mm_sub_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), zero);
    const __m128i b = _mm_sub_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16)), zero);
    const auto low = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(a, nine), a)));
    const auto high = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(b, nine), b)));
    return ~(low | high << 16);
}

// At most 8 digits of column; 8 before the point and 1 to 16 behind it, or no point; the same bits as
// scan_double's. p[0, 32) may be read. False: p is something else, or nothing.
inline bool read_entry(const char* p, Entry& entry) noexcept {
    std::uint32_t other = not_digits(p);
    const int colon = std::countr_zero(other);
    if (colon - 1u >= 8u || p[colon] != ':') return false;
    other &= other - 1;
    const bool negative = p[colon + 1] == '-';
    other &= ~(static_cast<std::uint32_t>(negative) << (colon + 1));
    const int begin = colon + 1 + negative, point = std::countr_zero(other);
    if (point >= 32) return false;
    const int whole = point - begin;
    if (whole - 1u >= 8u) return false;
    std::uint64_t mantissa = digits(load8(p + begin), whole);
    int end = point;
    double value;
    if (p[point] == '.') {
        other &= other - 1;
        end = std::countr_zero(other);
        const int behind = end - point - 1;
        if (end >= 32 || behind < 1) return false;
        if (behind <= 8) {
            mantissa = mantissa * integer_powers[behind] + digits(load8(p + point + 1), behind);
        } else {
            if (behind > 16 || whole + behind > 18) return false;
            mantissa = mantissa * integer_powers[8] + digits(load8(p + point + 1), 8);
            mantissa = mantissa * integer_powers[behind - 8] + digits(load8(p + point + 9), behind - 8);
        }
        if (mantissa > (std::uint64_t{1} << 53)) return false;
        value = static_cast<double>(mantissa) / powers_of_ten[behind];
    } else {
        value = static_cast<double>(mantissa);
    }
    if (p[end] != ' ' && p[end] != '\n') return false;
    entry.column = static_cast<std::int64_t>(digits(load8(p), colon));
    entry.value = negative ? -value : value;
    entry.end = p + end;
    return true;
}

#else

inline bool read_entry(const char*, Entry&) noexcept { return false; }

#endif

}  // namespace esker

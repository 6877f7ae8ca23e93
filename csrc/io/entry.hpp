// The entries that files are full of, `1234:-0.56789` between blanks, made into numbers where it is known
// where their tokens end. All else is left to a slower reader.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "io/marks.hpp"
#include "io/number.hpp"

#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

namespace esker {

// Entries one after the other. Their quotients are made later and together, as a core would wait for each.
struct Entries {
    static constexpr int room = 128;
    std::int32_t columns[room];
    std::int64_t mantissas[room];
    double divisors[room];  // the value is the mantissa over this one, which has its sign
};

// Powers of ten, positive and negative.
inline constexpr auto signed_powers = [] {
    std::array<std::array<double, 20>, 2> all{};
    for (std::size_t k = 0; k < 20; k++) all[0][k] = powers_of_ten[k], all[1][k] = -powers_of_ten[k];
    return all;
}();

inline constexpr std::uint64_t longer_powers[] = {1,
                                                  10,
                                                  100,
                                                  1000,
                                                  10000,
                                                  100000,
                                                  1000000,
                                                  10000000,
                                                  100000000,
                                                  1000000000,
                                                  10000000000,
                                                  100000000000,
                                                  1000000000000,
                                                  10000000000000,
                                                  100000000000000,
                                                  1000000000000000,
                                                  10000000000000000,
                                                  100000000000000000,
                                                  1000000000000000000};

#ifdef __SSE4_1__

namespace entries {

using Bytes16 = std::array<std::uint8_t, 16>;

// Of the 16 bytes before a number's end: `whole` digits, a point and `behind` digits to the right of a
// register without the point, zeros before them.
constexpr auto shuffles = [] {
    std::array<std::array<Bytes16, 9>, 8> all{};
    for (int behind = 0; behind < 8; behind++)
        for (int whole = 0; whole < 9; whole++)
            for (int i = 0; i < 16; i++) {
                const int from_right = 15 - i;
                const bool digit = from_right < whole + behind;
                all[static_cast<std::size_t>(behind)][static_cast<std::size_t>(whole)]
                   [static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(
                       !digit ? 0x80 : 15 - from_right - (behind && from_right >= behind));
            }
    return all;
}();

// Of the last n of 16 bytes, what is the digit's number; zeros before them.
constexpr auto lasts = [] {
    std::array<Bytes16, 17> all{};
    for (std::size_t n = 0; n < 17; n++)
        for (std::size_t i = 16 - n; i < 16; i++) all[n][i] = 0x0F;
    return all;
}();

inline __m128i load(const void* p) noexcept { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

// Two numbers of 8 digits each, one byte a digit, side by side in 32 bits each.
inline __m128i two_numbers(__m128i digits) noexcept {
    const __m128i pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010A));
    const __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00010064));
    return _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x00012710));
}

// A column of at most 8 digits before `colon`, and a number of at most 8 digits in all before `end`.
inline void put(Entries& to, int n, const char* colon, int width, const char* end, int whole,
                int behind) noexcept {
    const auto at = [](int i) { return static_cast<std::size_t>(i); };
    const __m128i column =
        _mm_and_si128(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(colon - 8)),
                      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(lasts[at(width)].data() + 8)));
    const __m128i number = _mm_shuffle_epi8(load(end - 16), load(shuffles[at(behind)][at(whole)].data()));
    const __m128i both = two_numbers(_mm_or_si128(column, _mm_and_si128(number, _mm_set1_epi8(0x0F))));
    to.columns[n] = _mm_cvtsi128_si32(both);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to.mantissas + n), _mm_srli_epi64(both, 32));
}

// The number that the last n (1..16) bytes before `end` spell.
inline std::uint64_t last_digits(const char* end, int n) noexcept {
    const auto both = static_cast<std::uint64_t>(_mm_cvtsi128_si64(
        two_numbers(_mm_and_si128(load(end - 16), load(lasts[static_cast<std::size_t>(n)].data())))));
    return (both & 0xFFFFFFFFu) * 100000000u + (both >> 32);
}

}  // namespace entries

#else

namespace entries {

inline std::uint64_t last_digits(const char* end, int n) noexcept {
    if (n <= 8) return digits(load8(end - n), n);
    return digits(load8(end - n), n - 8) * 100000000u + digits(load8(end - 8), 8);
}

inline void put(Entries& to, int n, const char* colon, int width, const char* end, int whole,
                int behind) noexcept {
    std::uint64_t mantissa = digits(load8(end - behind - (behind > 0) - whole), whole);
    if (behind) mantissa = mantissa * integer_powers[behind] + digits(load8(end - behind), behind);
    to.columns[n] = static_cast<std::int32_t>(digits(load8(colon - width), width));
    to.mantissas[n] = static_cast<std::int64_t>(mantissa);
}

}  // namespace entries

#endif

// Reads to place n of `to` the entry at p, a token's beginning, behind which three marks are known: at most 8
// digits of column; 8 before the point and behind it 1 to 19, 19 in all, or no point; the same bits as
// scan_double's. p then stands at the ' ' or '\n' behind it. False: p is something else.
[[gnu::always_inline]] inline bool read_entry(const char*& p, Marks::At& marks, Entries& to, int n) noexcept {
    const char* const colon = marks[0];
    const char* const point = marks[1];
    const auto width = static_cast<unsigned>(colon - p);
    const bool negative = colon[1] == '-';
    const auto whole = static_cast<unsigned>(point - colon - 1 - negative);
    if (width - 1 >= 8 || *colon != ':' || whole - 1 >= 8) [[unlikely]]
        return false;
    unsigned behind = 0;
    const char* end = point;
    if (*point == '.') {
        end = marks[2];
        behind = static_cast<unsigned>(end - point - 1);
        if (behind == 0) [[unlikely]]
            return false;
    }
    if (*end != ' ' && *end != '\n') [[unlikely]]
        return false;
    if (whole + behind <= 8) {
        entries::put(to, n, colon, static_cast<int>(width), end, static_cast<int>(whole),
                     static_cast<int>(behind));
    } else {
        if (whole + behind > 19) [[unlikely]]
            return false;
        std::uint64_t mantissa = entries::last_digits(end, static_cast<int>(std::min(behind, 16u)));
        if (behind > 16)
            mantissa += digits(load8(point + 1), static_cast<int>(behind - 16)) * longer_powers[16];
        mantissa += digits(load8(point - whole), static_cast<int>(whole)) * longer_powers[behind];
        if (mantissa > (std::uint64_t{1} << 53)) return false;
        to.columns[n] = static_cast<std::int32_t>(digits(load8(p), static_cast<int>(width)));
        to.mantissas[n] = static_cast<std::int64_t>(mantissa);
    }
    to.divisors[n] = signed_powers[negative][behind];
    marks.next += behind ? 3 : 2;
    p = end;
    return true;
}

}  // namespace esker

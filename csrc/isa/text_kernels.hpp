// What parsers of text ask of many bytes at once.
#pragma once

#include <cstdint>

namespace esker {

struct TextKernels {
    // The places among the first 64 x blocks bytes (at most 65,472 bytes) of all that are no digits, but for
    // a '-' behind a ':'; how many there are. Writes up to 32 places more than these.
    std::int64_t (*marks)(std::uint16_t* places, const char* p, std::int64_t blocks);
    // Entries `1234:-0.567` side by side, each up to a ' ' or, the last one, a '\n': at most 7 digits of
    // column and 7 bytes of number behind its sign. p is where the first begins, base + next[0], base +
    // next[1], ... up to `known` are marks from there on; 16 bytes before p may be read. Column, digits and
    // the power of ten they are to be divided by, with the sign, go out; writes less than `room`, returns how
    // many. Null where an instruction set has nothing for it.
    int (*entries)(std::int32_t* columns, std::int64_t* mantissas, double* divisors, int room, const char* p,
                   const char* base, const std::uint16_t* next, const std::uint16_t* known);
    // How many of n bytes are `a`, and how many are `b`.
    void (*count)(std::int64_t* counts, const char* p, std::int64_t n, char a, char b);
    // Numbers of at most 2^53 over powers of ten.
    void (*quotients_f32)(float* out, const std::int64_t* above, const double* below, std::int64_t n);
    void (*quotients_f64)(double* out, const std::int64_t* above, const double* below, std::int64_t n);
};

// Places written beyond the last mark.
constexpr std::int64_t marks_slack = 32;

}  // namespace esker

// What parsers of text ask of many bytes at once.
#pragma once

#include <cstdint>

namespace esker {

struct TextKernels {
    // The places among the first 64 x blocks bytes (at most 65,472 bytes) of all that are no digits, but for
    // a '-' behind a ':'; how many there are. Writes up to 32 places more than these.
    std::int64_t (*marks)(std::uint16_t* places, const char* p, std::int64_t blocks);
    // How many of n bytes are `a`, and how many are `b`.
    void (*count)(std::int64_t* counts, const char* p, std::int64_t n, char a, char b);
    // Numbers of at most 2^53 over powers of ten.
    void (*quotients_f32)(float* out, const std::int64_t* above, const double* below, std::int64_t n);
    void (*quotients_f64)(double* out, const std::int64_t* above, const double* below, std::int64_t n);
};

// Places written beyond the last mark.
constexpr std::int64_t marks_slack = 32;

}  // namespace esker

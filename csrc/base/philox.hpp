// Philox4x32-10: random bits as a pure function of (key, counter), so that they depend on no order and no
// thread. Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>

namespace esker {

using Words = std::array<std::uint32_t, 4>;

constexpr Words philox(Words counter, std::array<std::uint32_t, 2> key) noexcept {
    for (int round = 0; round < 10; round++) {
        const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
        counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
                   static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
        key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
    }
    return counter;
}

// What a draw is for: two purposes with one seed and one row key must not share bits. Numbers are part of the
// cache and model formats: never renumber, only append.
enum class Stream : std::uint32_t {
    sketch = 1,
    holdout = 2,
    unit_order = 3,
    row_order = 4,
    split = 5,
    group = 6,
    sample = 7,
    coordinate = 8,
    bootstrap = 9,
    projection = 20,
    projection_sign = 21,
    projection_place = 22,
    fastfood = 23,
    feature_weight = 30,
    feature_offset = 31,
    tensor_table = 32,
    landmarks = 40  // of kernel ridge
};

// Four words for (seed, row key, purpose, draw).
constexpr Words draw(std::uint64_t seed, std::int64_t key, Stream stream, std::uint32_t number = 0) noexcept {
    const auto k = static_cast<std::uint64_t>(key);
    return philox({static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(k >> 32),
                   static_cast<std::uint32_t>(stream), number},
                  {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

// A word as a number in [0, 1); and as one of 0..n-1 (Lemire's multiply; bias below n / 2^32).
constexpr double uniform(std::uint32_t word) noexcept { return word * 0x1p-32; }
constexpr std::uint32_t below(std::uint32_t word, std::uint32_t n) noexcept {
    return static_cast<std::uint32_t>((std::uint64_t{word} * n) >> 32);
}

}  // namespace esker

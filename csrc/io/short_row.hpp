// Sorting a few keys by counting, for each, those that are smaller: no branch that could be guessed wrongly,
// and four comparisons at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace esker {

inline constexpr std::size_t short_row = 64;

// out[0:n] is keys[0:n] in order, n <= short_row.
inline void sort_short_row(std::uint32_t* out, const std::uint32_t* keys, std::size_t n) noexcept {
    using Four = std::int32_t __attribute__((vector_size(16)));
    // Signed numbers are what every machine compares; moved by half the range they are in the same order.
    std::int32_t moved[short_row], rank[short_row];
    for (std::size_t i = 0; i < n; i++) moved[i] = static_cast<std::int32_t>(keys[i] ^ 0x80000000u);
    for (std::size_t i = n; i < (n + 7) / 8 * 8; i++) moved[i] = 0;  // ranked, and not asked
    for (std::size_t i = 0; i < n; i += 8) {
        Four a, b, below_a{}, below_b{};
        std::memcpy(&a, moved + i, sizeof a), std::memcpy(&b, moved + i + 4, sizeof b);
        for (std::size_t j = 0; j < n; j++) {
            const Four key = {moved[j], moved[j], moved[j], moved[j]};
            below_a -= key < a, below_b -= key < b;  // true is -1
        }
        std::memcpy(rank + i, &below_a, sizeof a), std::memcpy(rank + i + 4, &below_b, sizeof b);
    }
    std::uint8_t equals[short_row];  // of a rank, so far
    std::memset(equals, 0, n);
    for (std::size_t i = 0; i < n; i++) {
        const auto r = static_cast<std::size_t>(rank[i]);
        out[r + equals[r]++] = keys[i];
    }
}

}  // namespace esker

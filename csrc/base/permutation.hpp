// Order as a pure function of (seed, key, purpose): Fisher and Yates' shuffle, driven by Philox.
#pragma once

#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace esker {

inline void shuffle(std::int64_t* items, std::uint64_t seed, std::int64_t key, Stream stream,
                    std::int64_t n) {
    require(n < (std::int64_t{1} << 32), "a shuffle is of up to 2^32 - 1 items, got " + std::to_string(n));
    Words words{};
    for (std::int64_t i = 0; i + 1 < n; i++) {
        if (i % 4 == 0) words = draw(seed, key, stream, static_cast<std::uint32_t>(i / 4));
        const std::int64_t last = n - 1 - i;  // items 0..last are still to be drawn from
        std::swap(items[last],
                  items[below(words[static_cast<std::size_t>(i % 4)], static_cast<std::uint32_t>(last + 1))]);
    }
}

// 0..n-1, shuffled.
inline void permutation(std::int64_t* out, std::uint64_t seed, std::int64_t key, Stream stream,
                        std::int64_t n) {
    for (std::int64_t i = 0; i < n; i++) out[i] = i;
    shuffle(out, seed, key, stream, n);
}

// 0..n-1, dealt `turn` at a time, at random, from `hands` runs of neighbours, each of which keeps its own
// order.
inline std::vector<std::int64_t> dealt(std::uint64_t seed, std::int64_t key, Stream stream, std::int64_t n,
                                       std::int64_t turn, std::int64_t hands) {
    require(n >= 0 && turn > 0 && hands > 0, "rows are dealt some at a time from at least one hand");
    const std::int64_t turns = (n + turn - 1) / turn;
    std::vector<std::int64_t> order(static_cast<std::size_t>(turns)), rows,
        next(static_cast<std::size_t>(hands) + 1, 0);
    permutation(order.data(), seed, key, stream, turns);
    // A place of the permutation says whose turn it is; where each hand's own places begin:
    for (std::int64_t& t : order) t = t * hands / turns, next[static_cast<std::size_t>(t) + 1]++;
    for (std::size_t h = 0; h < static_cast<std::size_t>(hands); h++) next[h + 1] += next[h];
    rows.reserve(static_cast<std::size_t>(n));
    for (const std::int64_t hand : order) {
        const std::int64_t begin = next[static_cast<std::size_t>(hand)]++ * turn;
        for (std::int64_t row = begin; row < begin + turn && row < n; row++) rows.push_back(row);
    }
    return rows;
}

}  // namespace esker

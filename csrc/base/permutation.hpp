// Order as a pure function of (seed, key, purpose): Fisher and Yates' shuffle, driven by Philox.
#pragma once

#include <utility>

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

}  // namespace esker

// Where a text's tokens end, found ahead of reading them: the places of all bytes that are no digits (a '-'
// behind a ':' belongs to its number). So no number has to be read before the next one's place is known, and
// a core works on several entries at once.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/view.hpp"
#include "isa/kernels.hpp"

namespace esker {

class Marks {
public:
    // Where one is among the marks: base + next[0], base + next[1], ... up to `known`.
    struct At {
        const char* base;
        const std::uint16_t *next, *known;
        const char* operator[](int i) const { return base + next[i]; }
    };

    // Of text up to `end`, behind which 64 bytes may be read; what is marked has 16 bytes of text before it.
    Marks(const char* begin, const char* end) : from_(begin + 16), end_(end), at_{begin, places_, places_} {}

    // The marks from p on, where a token begins; at least n of them, but near an end of the text or where
    // there are few. p lies behind all that was read before.
    At from(const char* p, int n) {
        while (at_.next < at_.known && at_[0] < p) at_.next++;
        if (at_.next + n > at_.known && p >= from_) look(p);
        return at_;
    }

private:
    static constexpr Index window = 128 * 64;
    const char *from_, *end_;
    At at_;
    std::uint16_t places_[window + marks_slack];

    [[gnu::noinline]] void look(const char* p) {
        const std::int64_t blocks = (std::min<Index>(window, end_ - p) + 63) / 64;
        at_ = {p, places_, places_ + kernels().text.marks(places_, p, blocks)};
    }
};

}  // namespace esker

// What a tokeniser must know of each code point: its lower case, whether it is part of a word, whether it is
// space. The table is filled by a function, so that a binding can take all of it from the running Python.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace esker {

class CodePoints {
public:
    static constexpr std::uint32_t count = 0x110000, lower_bits = 0x1fffff, word = 1u << 24, space = 1u << 25;

    // traits(c) is lower case | word | space.
    template <class F>
    explicit CodePoints(F&& traits) {
        std::map<std::string, std::uint16_t> seen;  // most of the pages are alike
        std::array<std::uint32_t, 256> page;
        for (std::uint32_t first = 0; first < count; first += 256) {
            for (std::uint32_t i = 0; i < 256; i++) page[i] = traits(first + i);
            const auto* bytes = reinterpret_cast<const char*>(page.data());
            const auto [at, fresh] = seen.try_emplace(std::string(bytes, sizeof page),
                                                      static_cast<std::uint16_t>(cells_.size() / 256));
            if (fresh) cells_.insert(cells_.end(), page.begin(), page.end());
            pages_[first >> 8] = at->second;
        }
    }

    std::uint32_t of(std::uint32_t c) const noexcept {
        return cells_[static_cast<std::size_t>(pages_[c >> 8]) * 256 + (c & 255)];
    }

private:
    std::array<std::uint16_t, count / 256> pages_{};
    std::vector<std::uint32_t> cells_;
};

// One code point as UTF-8, 1 to 4 bytes; returns behind it. Surrogates are written as any other.
inline char* put_utf8(char* out, std::uint32_t c) noexcept {
    const auto byte = [&](std::uint32_t b) { *out++ = static_cast<char>(b); };
    if (c < 0x80) {
        byte(c);
    } else if (c < 0x800) {
        byte(0xc0 | c >> 6), byte(0x80 | (c & 63));
    } else if (c < 0x10000) {
        byte(0xe0 | c >> 12), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63));
    } else {
        byte(0xf0 | c >> 18), byte(0x80 | (c >> 12 & 63)), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63));
    }
    return out;
}

// The code point at p, and p behind it. The text must have passed bad_utf8.
inline std::uint32_t next_utf8(const unsigned char*& p) noexcept {
    const std::uint32_t c = *p++;
    if (c < 0x80) return c;
    if (c < 0xe0) return p += 1, (c & 31) << 6 | (p[-1] & 63u);
    if (c < 0xf0) return p += 2, (c & 15) << 12 | (p[-2] & 63u) << 6 | (p[-1] & 63u);
    return p += 3, (c & 7) << 18 | (p[-3] & 63u) << 12 | (p[-2] & 63u) << 6 | (p[-1] & 63u);
}

// How many of the first bytes are ASCII.
inline std::size_t ascii_prefix(const char* p, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        std::uint64_t w;
        std::memcpy(&w, p + i, 8);
        if (w & 0x8080808080808080u) break;
    }
    while (i < n && static_cast<signed char>(p[i]) >= 0) i++;
    return i;
}

// Where text[0:n] stops being UTF-8 as Unicode has it (no surrogates, no long forms); n where it never does.
inline std::size_t bad_utf8(const char* text, std::size_t n) noexcept {
    const auto* p = reinterpret_cast<const unsigned char*>(text);
    for (std::size_t i = 0;;) {
        i += ascii_prefix(text + i, n - i);
        if (i == n) return n;
        while (i < n && p[i] >= 0x80) {
            const unsigned lead = p[i];
            const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
            if (lead < 0xc2 || lead > 0xf4 || n - i < size) return i;
            const unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
            const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
            if (p[i + 1] < low || p[i + 1] > high) return i;
            for (std::size_t k = 2; k < size; k++)
                if ((p[i + k] & 0xc0) != 0x80) return i;
            i += size;
        }
    }
}

}  // namespace esker

// ASCII goes 64 bytes at a time: a loop that compilers vectorise gives lower case and a mask of word
// characters. The rest goes a code point at a time through the table.
#include "io/tokens.hpp"

#include <bit>
#include <cstring>

#include "io/murmur.hpp"

namespace esker {

namespace {

constexpr std::size_t padding = 64;

template <class Unit>
struct Units {
    const Unit* p;
    const Unit* end;
    explicit Units(const Document& d) : p(static_cast<const Unit*>(d.data)), end(p + d.size) {}
    bool more() const noexcept { return p != end; }
    std::uint32_t next() noexcept { return *p++; }
};

struct Utf8 {
    const unsigned char* p;
    const unsigned char* end;
    explicit Utf8(const Document& d) : p(static_cast<const unsigned char*>(d.data)), end(p + d.size) {}
    bool more() const noexcept { return p != end; }
    std::uint32_t next() noexcept { return next_utf8(p); }
};

template <class F>
void with_reader(const Document& d, F&& f) {
    switch (d.encoding) {
        case Encoding::ascii:
        case Encoding::latin1:
            return f(Units<unsigned char>(d));
        case Encoding::ucs2:
            return f(Units<std::uint16_t>(d));
        case Encoding::ucs4:
            return f(Units<std::uint32_t>(d));
        case Encoding::utf8:
            return f(Utf8(d));
    }
}

// Whatever a table says lower case is: a unit is a code point at most, and that takes up to 4 bytes.
std::size_t most_bytes(const Document& d) noexcept {
    return d.encoding == Encoding::ascii ? d.size : 4 * d.size;
}

bool is_word(unsigned char c) noexcept {
    return static_cast<unsigned char>((c | 0x20) - 'a') < 26 || static_cast<unsigned char>(c - '0') < 10 ||
           c == '_';
}

// Bit i: byte i is 1 and not 0.
std::uint64_t bits_of(const unsigned char* flags) noexcept {
    std::uint64_t mask = 0;
    for (int i = 0; i < 8; i++) {
        std::uint64_t eight;
        std::memcpy(&eight, flags + 8 * i, 8);
        if constexpr (std::endian::native == std::endian::big) eight = __builtin_bswap64(eight);
        mask |= (eight * 0x0102040810204080u >> 56) << (8 * i);
    }
    return mask;
}

// Lower-cases 64 bytes where asked, and says which are of words.
std::uint64_t lower64(char* out, const char* in, bool lower) noexcept {
    unsigned char flags[64];
    const unsigned char add = lower ? 32 : 0;
    for (int i = 0; i < 64; i++) {
        const auto c = static_cast<unsigned char>(in[i]);
        const auto upper = static_cast<unsigned char>(c - 'A') < 26;
        const auto small = static_cast<unsigned char>(c - 'a') < 26;
        const auto digit = static_cast<unsigned char>(c - '0') < 10;
        out[i] = static_cast<char>(c + (upper ? add : 0));
        flags[i] = static_cast<unsigned char>((upper | small) | (digit | (c == '_')));
    }
    return bits_of(flags);
}

// The lower-cased text lies in `from`; edges are where words begin and end, in turn.
std::size_t word_edges(std::uint32_t* edges, char* from, const Document& d) noexcept {
    const auto* in = static_cast<const char*>(d.data);
    std::size_t n = 0;
    std::uint64_t before = 0;
    for (std::size_t at = 0; at < d.size; at += 64) {
        std::uint64_t mask;
        if (d.size - at >= 64) {
            mask = lower64(from + at, in + at, d.lower);
        } else {
            char last[64] = {};
            std::memcpy(last, in + at, d.size - at);
            mask = lower64(from + at, last, d.lower);
        }
        for (std::uint64_t turns = mask ^ (mask << 1 | before); turns; turns &= turns - 1)
            edges[n++] = static_cast<std::uint32_t>(at) + static_cast<std::uint32_t>(std::countr_zero(turns));
        before = mask >> 63;
    }
    if (n & 1) edges[n++] = static_cast<std::uint32_t>(d.size);
    return n;
}

void ascii_words(Tokens& t, const Document& d, const StopWords* stop) {
    char* const from = t.aside(d.size + 2 * padding);
    std::uint32_t* const edges = t.marks(d.size + 2);
    const std::size_t n = word_edges(edges, from, d);
    char* const text = t.room(d.size + 1 + 2 * padding);
    std::uint32_t* const begins = t.token_room(n / 2 + 1);
    std::uint32_t out = 0;
    std::size_t k = 0;
    for (std::size_t i = 0; i < n; i += 2) {
        const std::uint32_t begin = edges[i], length = edges[i + 1] - begin;
        begins[k] = out;
        std::memcpy(text + out, from + begin, 16);
        for (std::uint32_t done = 16; done < length; done += 16)
            std::memcpy(text + out + done, from + begin + done, 16);
        text[out + length] = ' ';
        bool keep = length >= 2;
        if (stop && keep) keep = !stop->has(text + out, length);
        out += keep ? length + 1 : 0;
        k += keep;
    }
    begins[k] = out;
    t.size = k;
}

}  // namespace

StopWords::StopWords(const std::vector<std::string>& words) : words_(words) {
    std::size_t size = 8;
    while (size < 4 * words.size()) size *= 2;
    slots_.assign(size, 0);
    mask_ = static_cast<std::uint32_t>(size - 1);
    for (std::size_t i = 0; i < words_.size(); i++) {
        std::uint32_t at = murmur3_32(words_[i].data(), words_[i].size(), 0) & mask_;
        while (slots_[at]) at = (at + 1) & mask_;
        slots_[at] = static_cast<std::uint32_t>(i + 1);
    }
}

bool StopWords::has(const char* word, std::size_t n) const noexcept {
    for (std::uint32_t at = murmur3_32(word, n, 0) & mask_; slots_[at]; at = (at + 1) & mask_)
        if (words_[slots_[at] - 1] == std::string_view(word, n)) return true;
    return false;
}

char* Tokens::room(std::size_t bytes) { return text_.at_least(bytes + padding); }
std::uint32_t* Tokens::token_room(std::size_t tokens) { return begins_.at_least(tokens + 1); }
char* Tokens::aside(std::size_t bytes) { return aside_.at_least(bytes); }
std::uint32_t* Tokens::marks(std::size_t n) { return marks_.at_least(n); }

void split_words(Tokens& t, const Document& d, const CodePoints& points, const StopWords* stop) {
    if (d.encoding == Encoding::ascii) return ascii_words(t, d, stop);
    char* const text = t.room(most_bytes(d) + 1 + padding);
    std::uint32_t* const begins = t.token_room(d.size / 2 + 2);
    char *out = text, *begin = text;
    std::size_t k = 0, length = 0;
    const auto close = [&] {
        const bool keep = length >= 2 && !(stop && stop->has(begin, static_cast<std::size_t>(out - begin)));
        if (keep) {
            begins[k++] = static_cast<std::uint32_t>(begin - text);
            *out++ = ' ';
            begin = out;
        } else {
            out = begin;
        }
        length = 0;
    };
    with_reader(d, [&](auto reader) {
        while (reader.more()) {
            std::uint32_t c = reader.next();
            if (d.lower) c = points.of(c) & CodePoints::lower_bits;
            // Lower case may be of a word where upper case is not, so it is looked up itself.
            if (c < 0x80 ? is_word(static_cast<unsigned char>(c)) : (points.of(c) & CodePoints::word) != 0) {
                out = put_utf8(out, c);
                length++;
            } else if (length) {
                close();
            }
        }
    });
    if (length) close();
    begins[k] = static_cast<std::uint32_t>(out - text);
    t.size = k;
}

const std::uint32_t* split_spaces(Tokens& t, const Document& d, const CodePoints& points) {
    char* const text = t.room(most_bytes(d) + 2 + padding);
    std::uint32_t* const begins = t.token_room(d.size / 2 + 2);
    std::uint32_t* const marks = t.marks(d.size + 3);
    char* out = text;
    std::size_t k = 0, m = 0;
    bool within = false;
    marks[m++] = 0, *out++ = ' ';
    const auto put = [&](std::uint32_t c) {
        marks[m++] = static_cast<std::uint32_t>(out - text);
        out = put_utf8(out, c);
    };
    with_reader(d, [&](auto reader) {
        while (reader.more()) {
            std::uint32_t c = reader.next();
            if (d.lower) c = points.of(c) & CodePoints::lower_bits;
            if (points.of(c) & CodePoints::space) {
                if (within) put(' ');
                within = false;
            } else {
                if (!within) begins[k++] = static_cast<std::uint32_t>(m);  // in code points here
                within = true;
                put(c);
            }
        }
    });
    if (within) put(' ');
    begins[k] = static_cast<std::uint32_t>(m);
    marks[m] = static_cast<std::uint32_t>(out - text);
    t.size = k;
    return d.encoding == Encoding::ascii ? nullptr : marks;
}

const std::uint32_t* join_spaces(Tokens& t, const Document& d, const CodePoints& points) {
    char* const text = t.room(most_bytes(d) + padding);
    std::uint32_t* const begins = t.token_room(2);
    std::uint32_t* const marks = t.marks(d.size + 1);
    char* out = text;
    std::size_t m = 0, run = 0;
    std::uint32_t held = ' ';
    const auto put = [&](std::uint32_t c) {
        marks[m++] = static_cast<std::uint32_t>(out - text);
        out = put_utf8(out, c);
    };
    const auto flush = [&] {
        if (run) put(run == 1 ? held : ' ');
        run = 0;
    };
    with_reader(d, [&](auto reader) {
        while (reader.more()) {
            std::uint32_t c = reader.next();
            if (d.lower) c = points.of(c) & CodePoints::lower_bits;
            if (points.of(c) & CodePoints::space) {
                held = c, run++;
            } else {
                flush();
                put(c);
            }
        }
    });
    flush();
    begins[0] = 0, begins[1] = static_cast<std::uint32_t>(m);
    marks[m] = static_cast<std::uint32_t>(out - text);
    t.size = 1;
    return d.encoding == Encoding::ascii ? nullptr : marks;
}

}  // namespace esker

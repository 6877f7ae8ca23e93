// A line is scanned once. What VW would pass over with a warning, or read as something else than what was
// meant, is an error here.
#include "io/vw.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "io/murmur.hpp"
#include "io/number.hpp"

namespace esker {
namespace {

constexpr Index padding = 32;  // numbers are read 8 bytes at a time, at most this far beyond a line's end

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool ends_feature(char c) { return is_blank(c) || c == '|' || c == '\n' || c == '\r'; }
bool ends_name(char c) { return ends_feature(c) || c == ':'; }

std::string shown(std::string_view token) {
    std::string s = "'";
    for (const char c : token.substr(0, 40)) {
        static constexpr char hex[] = "0123456789abcdef";
        const auto u = static_cast<unsigned char>(c);
        if (u >= 0x20 && u < 0x7f)
            s += c;
        else
            s += {'\\', 'x', hex[u >> 4], hex[u & 15]};
    }
    return s + (token.size() > 40 ? "...'" : "'");
}

// VW's hashstring: a number is itself.
std::uint64_t hashed(const char* p, const char* end, std::uint64_t seed) {
    while (p < end && static_cast<unsigned char>(*p) <= 0x20) p++;
    while (p < end && static_cast<unsigned char>(end[-1]) <= 0x20) end--;
    std::uint64_t number = 0;
    for (const char* q = p; q < end; q++) {
        if (!is_digit(*q))
            return murmur3_32(p, static_cast<std::size_t>(end - p), static_cast<std::uint32_t>(seed));
        number = number * 10 + static_cast<std::uint64_t>(*q - '0');
    }
    return number + seed;
}

template <class T>
struct Entry {
    std::uint32_t column, position;
    T value;
};

template <class T>
class Lines {
public:
    Lines(VwRoom<T>& room, const VwOptions& options)
        : room_(room), mask_((std::uint64_t{1} << options.bits) - 1), line_(options.first_line) {
        seen_.labels = options.labels;
        given_ = options.labels >= 0;
    }

    // Lines that end in '\n', behind which `padding` bytes may be read.
    void parse(const char* p, const char* end) {
        while (p < end) {
            const char* stop =
                static_cast<const char*>(std::memchr(p, '\n', static_cast<std::size_t>(end - p)));
            begin_ = p;
            line(p, stop > p && stop[-1] == '\r' ? stop - 1 : stop);
            p = stop + 1;
            line_++, seen_.lines++;
        }
    }

    VwSeen seen() const { return seen_; }

private:
    VwRoom<T>& room_;
    std::uint64_t mask_;
    Index line_;
    const char* begin_ = nullptr;
    VwSeen seen_;
    bool given_;
    std::vector<Entry<T>> row_;

    [[noreturn]] void fail(const char* p, const std::string& message) const {
        throw FormatError(message, line_, p - begin_ + 1);
    }

    std::string token(const char* p, const char* stop) const {
        const char* q = p;
        while (q < stop && !is_blank(*q) && *q != '|') q++;
        return shown({p, static_cast<std::size_t>(q - p)});
    }

    void line(const char* p, const char* stop) {
        const char* q = p;
        while (q < stop && is_blank(*q)) q++;
        if (q == stop) return;
        if (const void* nul = std::memchr(p, 0, static_cast<std::size_t>(stop - p)))
            fail(static_cast<const char*>(nul), "expected text, got a zero byte");
        if (const void* end = std::memchr(p, '\r', static_cast<std::size_t>(stop - p)))
            fail(static_cast<const char*>(end),
                 "expected lines that end in a newline, got a carriage return inside one; convert the line "
                 "ends");
        const void* bar = std::memchr(p, '|', static_cast<std::size_t>(stop - p));
        if (!bar)
            fail(q,
                 "expected '|' before the features, got none; a line is label importance "
                 "'tag |namespace feature:value ...");
        const char* const features = static_cast<const char*>(bar);
        head(p, features);
        row_.clear();
        for (q = features; q < stop;) q = name_space(q + 1, stop);
        store();
        room_.indptr[++room_.rows] = static_cast<std::int32_t>(room_.entries);
    }

    // label, importance and base; a tag begins with a quote or touches the bar.
    void head(const char* p, const char* bar) {
        std::string_view words[4];
        int n = 0;
        while (p < bar) {
            if (*p == '\t')
                fail(p, "expected blanks before the '|', got a tab, before which VW drops everything");
            if (*p == ' ') {
                p++;
                continue;
            }
            const char* const word = p;
            while (p < bar && !is_blank(*p)) p++;
            const bool is_tag = *word == '\'' || p == bar;
            if (is_tag && p < bar) {
                const char* q = p;
                while (q < bar && *q == ' ') q++;
                if (q < bar) fail(word, "expected the tag last before the '|', got " + token(word, bar));
            }
            if (is_tag) break;
            if (n == 3)
                fail(word,
                     "expected label, importance and base at most before the tag, got " + token(word, bar));
            words[n++] = {word, static_cast<std::size_t>(p - word)};
        }
        const int labelled = n > 0;
        if (seen_.labels < 0) seen_.labels = labelled;
        if (seen_.labels != labelled)
            fail(
                begin_,
                labelled
                    ? "expected no label, as in the rows before, got " + shown(words[0]) +
                          "; a source has labels in all its lines or in none"
                    : "expected a label, as in the rows before, got none (a number that touches the '|' is a "
                      "tag); a source has labels in all its lines or in none");
        room_.y[room_.rows] = labelled ? number(words[0], "the label") : 0.0;
        room_.weight[room_.rows] = n > 1 ? number(words[1], "the importance") : 1.0;
        if (n > 1) seen_.weights++;
        if (room_.weight[room_.rows] < 0)
            fail(words[1].data(), "expected an importance of at least 0, got " + shown(words[1]));
        if (n > 2 && number(words[2], "the base") != 0)
            fail(words[2].data(), "expected no base other than 0, got " + shown(words[2]) +
                                      ": predictions that are learned on from are not supported");
    }

    double number(std::string_view word, const char* what) const {
        const char* p = word.data();
        double v = 0;
        if (!scan_double(p, v) || p != word.data() + word.size() || !std::isfinite(v)) {
            const bool other = word.find(':') != word.npos || word == "shared";
            fail(word.data(),
                 std::string("expected a finite number as ") + what + ", got " + shown(word) +
                     (other ? "; labels of several classes with costs or probabilities (cost-sensitive, "
                              "contextual bandit) are not supported"
                            : ""));
        }
        return v;
    }

    // The number at p, up to the end of a feature or of a namespace's name.
    double scale(const char*& p, const char* stop, const char* what) const {
        const char* const begin = p;
        double v = 0;
        if (!scan_double(p, v) || p > stop || !(p == stop || ends_feature(*p)) || !std::isfinite(v))
            fail(begin,
                 std::string("expected a finite number as the ") + what + ", got " + token(begin, stop));
        return v;
    }

    const char* name_space(const char* p, const char* stop) {
        std::uint64_t seed = 0;
        double scaled = 1;
        if (p < stop && !ends_feature(*p)) {
            const char* const name = p;
            while (p < stop && !ends_name(*p)) p++;
            if (p == name) fail(p, "expected a namespace or a blank behind the '|', got " + token(p, stop));
            seed = hashed(name, p, 0);
            if (p < stop && *p == ':') scaled = scale(++p, stop, "namespace's weight");
        }
        std::uint64_t nameless = 0;
        while (p < stop && *p != '|') {
            if (is_blank(*p)) {
                p++;
                continue;
            }
            feature(p, stop, seed, scaled, nameless);
        }
        return p;
    }

    void feature(const char*& p, const char* stop, std::uint64_t seed, double scaled,
                 std::uint64_t& nameless) {
        const char* const name = p;
        while (p < stop && !ends_name(*p)) p++;
        std::uint64_t id = p > name ? hashed(name, p, seed) : seed + nameless++;
        double value = 1;
        if (p < stop && *p == ':') {
            const char* const text = ++p;
            const char c = p < stop ? *p : ' ';
            if (p > name + 1 &&
                !(is_digit(c) || c == '-' || c == '+' || c == '.' || ends_name(c) || is_nonfinite(p, stop))) {
                // name:text is a category: hashed together, and of value 1 in any namespace.
                while (p < stop && !is_blank(*p)) {
                    if (*p == '|' || *p == ':')
                        fail(text, "expected a number or a text without '|' and ':' as the value, got " +
                                       token(text, stop));
                    p++;
                }
                id = hashed(text, p, id);
                scaled = 1;  // as VW has it
            } else {
                value = scale(p, stop, "value");
            }
        }
        const T v = static_cast<T>(value * scaled);
        if (!std::isfinite(v))
            fail(name, "expected a value that float" + std::to_string(8 * sizeof(T)) + " can hold, got " +
                           token(name, stop));
        if (v != 0)
            row_.push_back(
                {static_cast<std::uint32_t>(id & mask_), static_cast<std::uint32_t>(row_.size()), v});
    }

    static bool is_nonfinite(const char* p, const char* stop) {
        const char* q = p;
        while (q < stop && !ends_feature(*q)) q++;
        std::string word(p, q);
        for (char& c : word) c = static_cast<char>(c | 0x20);
        return word == "nan" || word == "inf" || word == "infinity";
    }

    // The row's features by number; those of one number in the order in which they came, summed.
    void store() {
        bool sorted = true;
        for (std::size_t k = 1; k < row_.size() && sorted; k++) sorted = row_[k - 1].column < row_[k].column;
        if (!sorted)
            std::sort(row_.begin(), row_.end(), [](const Entry<T>& a, const Entry<T>& b) {
                return a.column != b.column ? a.column < b.column : a.position < b.position;
            });
        for (std::size_t k = 0; k < row_.size();) {
            const Entry<T>& first = row_[k];
            double sum = static_cast<double>(first.value);
            for (k++; k < row_.size() && row_[k].column == first.column; k++)
                sum += static_cast<double>(row_[k].value);
            const T v = static_cast<T>(sum);
            if (!std::isfinite(v))
                fail(begin_, "the values of a feature that comes several times exceed all bounds");
            room_.indices[room_.entries] = static_cast<std::int32_t>(first.column);
            room_.values[room_.entries++] = v;
        }
    }
};

}  // namespace

VwCounts count_vw(const char* text, Index size) {
    VwCounts counts;
    for (Index base = 0; base < size; base += 240) {
        const Index m = std::min<Index>(size - base, 240);
        std::uint8_t lines = 0, blanks = 0;
#pragma omp simd reduction(+ : lines, blanks)
        for (Index i = 0; i < m; i++) {
            lines = static_cast<std::uint8_t>(lines + (text[base + i] == '\n'));
            blanks = static_cast<std::uint8_t>(blanks + (text[base + i] == ' ' || text[base + i] == '\t'));
        }
        counts.lines += lines;
        counts.entries += blanks;
    }
    counts.lines += size > 0 && text[size - 1] != '\n';
    return counts;
}

SkippedRows skip_vw_rows(const char* text, Index size, Index rows) {
    SkippedRows skipped;
    const char *p = text, *const end = text + size;
    while (p < end && skipped.rows < rows) {
        const void* newline = std::memchr(p, '\n', static_cast<std::size_t>(end - p));
        const char* const stop = newline ? static_cast<const char*>(newline) : end;
        while (p < stop && is_blank(*p)) p++;
        skipped.rows += p < stop && !(*p == '\r' && p + 1 == stop);
        skipped.lines++;
        p = stop < end ? stop + 1 : end;
    }
    skipped.bytes = p - text;
    return skipped;
}

template <class T>
VwSeen parse_vw(VwRoom<T>& room, const char* text, Index size, Index readable, const VwOptions& options) {
    require(1 <= options.bits && options.bits <= 31, "bits must lie between 1 and 31");
    require(room.entries + count_vw(text, size).entries <= std::numeric_limits<std::int32_t>::max(),
            "a text must hold fewer than 2^31 features; parse it in pieces");
    // Lines too near the end of what may be read, or without an end, are parsed from a copy.
    Index direct = size;
    std::vector<char> tail;
    if (size > 0 && (readable - size < padding || text[size - 1] != '\n')) {
        direct = std::max<Index>(0, std::min(size, readable - padding));
        while (direct > 0 && text[direct - 1] != '\n') direct--;
        tail.assign(text + direct, text + size);
        if (tail.back() != '\n') tail.push_back('\n');
    }
    const std::size_t left = tail.size();
    tail.resize(left + static_cast<std::size_t>(padding), '\n');
    Lines<T> lines(room, options);
    lines.parse(text, text + direct);
    lines.parse(tail.data(), tail.data() + left);
    return lines.seen();
}

template VwSeen parse_vw(VwRoom<float>&, const char*, Index, Index, const VwOptions&);
template VwSeen parse_vw(VwRoom<double>&, const char*, Index, Index, const VwOptions&);

}  // namespace esker

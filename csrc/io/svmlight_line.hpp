// One line of svmlight text -> a row. Where tokens end is found for a stretch of text at once (io/marks.hpp),
// usual entries are then made into numbers at known places, several in a core's hands (io/entry.hpp);
// whatever is rare (errors, unsorted rows, long numbers) is read token by token.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "io/entry.hpp"
#include "io/number.hpp"
#include "io/svmlight.hpp"
#include "io/svmlight_token.hpp"

namespace esker {

inline bool token_is(const char* p, const char* word) {
    for (; *word; p++, word++)
        if ((*p | 0x20) != *word) return false;
    return ends_token(*p);
}

inline bool spells_nonfinite(const char* p) {
    p += *p == '-' || *p == '+';
    return token_is(p, "nan") || token_is(p, "inf") || token_is(p, "infinity");
}

// Where a scan is, for messages.
struct Place {
    const char* line_begin;
    Index line;
    [[noreturn]] void fail(const char* p, const std::string& message) const {
        throw FormatError(message, line, p - line_begin + 1);
    }
};

[[noreturn]] inline void bad_label(const Place& place, const char* p) {
    const char* q = p;
    while (!ends_token(*q) && *q != ':' && *q != ',') q++;
    if (*q == ':')
        place.fail(p, "expected a label before the first column:value, got " + shown(p) +
                          "; a file without labels needs one in each line, such as 0");
    if (*q == ',')
        place.fail(p, "expected one number as the label, got several (" + shown(p) +
                          "); rows of several labels take open_blocks(..., target=\"multilabel\")");
    if (spells_nonfinite(p)) place.fail(p, "expected a finite number as the label, got " + shown(p));
    place.fail(p, "expected a number as the label, got " + shown(p));
}

[[noreturn]] inline void bad_value(const Place& place, const char* p) {
    if (spells_nonfinite(p))
        place.fail(p, "expected a finite value, got " + shown(p) + "; impute it or leave the entry out");
    place.fail(p, "expected a number after the ':', got " + shown(p));
}

[[noreturn]] inline void bad_column(const Place& place, const char* p) {
    if (*p == '\r') place.fail(p, "expected newlines as line ends, got a carriage return inside a line");
    if (*p == '-' && is_digit(p[1])) place.fail(p, "expected a column number of at least 0, got " + shown(p));
    place.fail(p, "expected column:value, got " + shown(p));
}

[[noreturn]] inline void zero_column(const Place& place, const char* p) {
    place.fail(p, "expected column numbers from 1 on (zero_based=False), got " + shown(p) +
                      "; use zero_based=True if they count from 0");
}

[[noreturn]] inline void wide_column(const Place& place, const SvmlightOptions& options, const char* p) {
    place.fail(
        p, "expected columns below n_features=" + std::to_string(options.n_features) + ", got " + shown(p));
}

template <class T>
T narrowed(const Place& place, const char* p, double v) {
    if (!std::isfinite(v)) [[unlikely]]
        place.fail(p, "expected a number that float64 can hold, got " + shown(p));
    const T t = static_cast<T>(v);
    if (!std::isfinite(t)) [[unlikely]]
        place.fail(p, "expected a number that float32 can hold, got " + shown(p) + "; ask for dtype=float64");
    return t;
}

// A column number with a plus, or of more than 8 digits.
inline Index column_slow(const Place& place, const char*& p) {
    const char* const begin = p;
    p += *p == '+';
    if (!is_digit(*p)) bad_column(place, begin);
    Index j = 0;
    for (; is_digit(*p); p++) {
        if (j > (std::numeric_limits<Index>::max() - 10) / 10)
            place.fail(begin, "expected a column number below 2^63, got " + shown(begin));
        j = j * 10 + (*p - '0');
    }
    return j;
}

// Columns came out of order: sort them; two of the same are an error at the second.
template <class T, class I>
void sort_row(const Place& place, const SvmlightOptions& options, I* indices, T* values, Index n) {
    std::vector<std::pair<I, T>> row(static_cast<std::size_t>(n));
    for (Index k = 0; k < n; k++) row[static_cast<std::size_t>(k)] = {indices[k], values[k]};
    std::sort(row.begin(), row.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (Index k = 0; k < n; k++) {
        indices[k] = row[static_cast<std::size_t>(k)].first;
        values[k] = row[static_cast<std::size_t>(k)].second;
        if (k == 0 || indices[k] != indices[k - 1]) continue;
        const Index written = static_cast<Index>(indices[k]) + options.subtract_one;
        const char* second = place.line_begin;
        int seen = 0;
        for (const char* p = place.line_begin; *p != '\n' && *p != '#' && seen < 2; p++) {
            if (p > place.line_begin && !is_blank(p[-1])) continue;
            const char* q = p + (*p == '+');
            std::uint64_t j = 0;  // of a label it may wrap; behind no label comes a colon
            if (!is_digit(*q)) continue;
            for (; is_digit(*q); q++) j = j * 10 + static_cast<std::uint64_t>(*q - '0');
            if (*q == ':' && j == static_cast<std::uint64_t>(written)) second = p, seen++;
        }
        place.fail(second,
                   "column " + std::to_string(written) + " comes twice in this line; each may come once");
    }
}

template <class T, class I>
class LineParser {
public:
    // Of lines in [begin, end), behind which 64 bytes may be read.
    LineParser(const char* begin, const char* end, const SvmlightOptions& options)
        : options_(options), marks_(begin, end) {}

    // One line; p is at its beginning and is left at its '\n'. How many entries it has, or -1 where it holds
    // no row.
    Index parse(const char*& p, Index line, double& label, I* indices, T* values) {
        const Place place{p, line};
        while (is_blank(*p)) p++;
        if (*p == '\n' || *p == '#' || (*p == '\r' && p[1] == '\n')) {
            while (*p != '\n') p++;
            return -1;
        }
        const char* const label_begin = p;
        if (options_.label_lists) [[unlikely]] {
            p = skip_label_list(p);
            label = 0;
        } else if (!scan_double(p, label) || !ends_token(*p) || !std::isfinite(label)) [[unlikely]] {
            bad_label(place, label_begin);
        }
        while (is_blank(*p)) p++;
        if (*p == 'q' && p[1] == 'i' && p[2] == 'd' && p[3] == ':') pass_qid(p, place);
        row_ = {indices, values};
        while (*p != '\n' && (usual_entries(p) || one_entry(p, place))) continue;
        if (!row_.sorted) [[unlikely]]
            sort_row(place, options_, indices, values, row_.n);
        return row_.n;
    }

    // The columns seen so far.
    Index columns() const { return columns_; }

private:
    struct Row {
        I* indices;
        T* values;
        Index n = 0, last = -1;
        bool sorted = true;
    };
    const SvmlightOptions& options_;
    Marks marks_;
    Entries usual_;
    const decltype(TextKernels::entries) several_ = kernels().text.entries;
    Row row_{};
    Index columns_ = 0;

    static void pass_qid(const char*& p, const Place& place) {
        const char* const begin = p;
        p += 4;
        p += *p == '-' || *p == '+';
        if (!is_digit(*p)) place.fail(begin, "expected qid:number, got " + shown(begin));
        while (is_digit(*p)) p++;
        if (!ends_token(*p)) place.fail(begin, "expected qid:number, got " + shown(begin));
    }

    // Usual entries at p, up to the line's end or to something else. False: none, or one whose column is an
    // error, and p stays.
    bool usual_entries(const char*& p) {
        const char* q = p;
        Marks::At at = marks_.from(q, 3);
        int n = 0;
        if (several_) {
            n = several_(usual_.columns, usual_.mantissas, usual_.divisors, Entries::room, p, at.base,
                         at.next, at.known);
            at.next += 3 * n;
            if (n > 0) q = at[-1];
        }
        while (*q != '\n') {
            q += n > 0;
            if (n == Entries::room || at.next + 3 > at.known || !read_entry(q, at, usual_, n)) break;
            n++;
        }
        if (n == 0 || !take_columns(n)) return false;
        quotients(row_.values + row_.n, n);
        row_.n += n;
        p = q;
        return true;
    }

    bool take_columns(int n) {
        const std::int32_t from = options_.subtract_one;
        const std::int32_t* const columns = usual_.columns;
        I* const to = row_.indices + row_.n;
        std::int32_t least = columns[0], most = columns[0], falls = 0;
        for (int i = 0; i < n; i++) {
            to[i] = static_cast<I>(columns[i] - from);
            least = std::min(least, columns[i]);
            most = std::max(most, columns[i]);
        }
        for (int i = 1; i < n; i++) falls |= columns[i] <= columns[i - 1];
        if (least < from || (options_.n_features >= 0 && most - from >= options_.n_features)) [[unlikely]]
            return false;
        row_.sorted &= !falls && columns[0] - from > row_.last;
        row_.last = columns[n - 1] - from;
        columns_ = std::max<Index>(columns_, most - from + 1);
        return true;
    }

    void quotients(T* to, int n) const {
        if constexpr (sizeof(T) == 4)
            kernels().text.quotients_f32(to, usual_.mantissas, usual_.divisors, n);
        else
            kernels().text.quotients_f64(to, usual_.mantissas, usual_.divisors, n);
    }

    // Any entry at p, or what is an error, or the line's end, where p is then. Returns whether it was one.
    bool one_entry(const char*& p, const Place& place) {
        while (is_blank(*p)) p++;
        const char* const token = p;
        const std::uint64_t v = load8(p);
        const int k = leading_digits(v);
        Index j;
        if (k == 0 || k == 8) [[unlikely]] {
            if (*p == '\n') return false;
            if (*p == '#' || (*p == '\r' && p[1] == '\n')) {
                while (*p != '\n') p++;
                return false;
            }
            j = column_slow(place, p);
        } else {
            j = static_cast<Index>(digits(v, k));
            p += k;
        }
        if (*p != ':') [[unlikely]]
            bad_column(place, token);
        p++;
        if (options_.subtract_one && --j < 0) [[unlikely]]
            zero_column(place, token);
        if (options_.n_features >= 0 && j >= options_.n_features) [[unlikely]]
            wide_column(place, options_, token);
        if constexpr (sizeof(I) == 4)
            if (j >= std::numeric_limits<I>::max()) [[unlikely]]
                throw ColumnsTooWide{};
        const char* const value_begin = p;
        double value;
        if (!scan_double(p, value) || !ends_token(*p)) [[unlikely]]
            bad_value(place, value_begin);
        row_.sorted &= j > row_.last;
        row_.last = j;
        columns_ = std::max(columns_, j + 1);
        row_.indices[row_.n] = static_cast<I>(j);
        row_.values[row_.n++] = narrowed<T>(place, value_begin, value);
        while (is_blank(*p)) p++;
        return true;
    }
};

}  // namespace esker

// Each line is scanned once, 8 bytes at a time where digits are; whatever is rare (errors, unsorted rows,
// long numbers) is kept out of that loop.
#include "io/svmlight.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "io/entry.hpp"
#include "io/number.hpp"
#include "io/svmlight_token.hpp"

namespace esker {
namespace {

constexpr Index range_bytes = Index{1} << 18;
constexpr Index padding = 32;  // scanning reads 8 bytes at a time, at most this far beyond a line's end

// Counts of '\n' and ':', in inner loops short enough for bytes to count them.
void count(TextRange& range) {
    const char* p = range.begin;
    range.lines = range.entries = 0;
    while (p < range.end) {
        const Index n = std::min<Index>(range.end - p, 255 * 16);
        for (Index base = 0; base < n; base += 255) {
            const Index m = std::min<Index>(n - base, 255);
            std::uint8_t lines = 0, entries = 0;
#pragma omp simd reduction(+ : lines, entries)
            for (Index i = 0; i < m; i++) {
                lines = static_cast<std::uint8_t>(lines + (p[base + i] == '\n'));
                entries = static_cast<std::uint8_t>(entries + (p[base + i] == ':'));
            }
            range.lines += lines;
            range.entries += entries;
        }
        p += n;
    }
}

void cut(std::vector<TextRange>& ranges, const char* begin, const char* end) {
    while (begin < end) {
        const char* stop = end;
        if (end - begin > range_bytes) {
            const void* newline =
                std::memchr(begin + range_bytes, '\n', static_cast<std::size_t>(end - begin - range_bytes));
            if (newline) stop = static_cast<const char*>(newline) + 1;
        }
        ranges.push_back({begin, stop, 0, 0});
        begin = stop;
    }
}

bool token_is(const char* p, const char* word) {
    for (; *word; p++, word++)
        if ((*p | 0x20) != *word) return false;
    return ends_token(*p);
}

bool spells_nonfinite(const char* p) {
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

[[noreturn]] void bad_label(const Place& place, const char* p) {
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

[[noreturn]] void bad_value(const Place& place, const char* p) {
    if (spells_nonfinite(p))
        place.fail(p, "expected a finite value, got " + shown(p) + "; impute it or leave the entry out");
    place.fail(p, "expected a number after the ':', got " + shown(p));
}

[[noreturn]] void bad_column(const Place& place, const char* p) {
    if (*p == '\r') place.fail(p, "expected newlines as line ends, got a carriage return inside a line");
    if (*p == '-' && is_digit(p[1])) place.fail(p, "expected a column number of at least 0, got " + shown(p));
    place.fail(p, "expected column:value, got " + shown(p));
}

[[noreturn]] void zero_column(const Place& place, const char* p) {
    place.fail(p, "expected column numbers from 1 on (zero_based=False), got " + shown(p) +
                      "; use zero_based=True if they count from 0");
}

[[noreturn]] void wide_column(const Place& place, const SvmlightOptions& options, const char* p) {
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
Index column_slow(const Place& place, const char*& p) {
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

struct Parsed {
    Index rows = 0, entries = 0, columns = 0;
    std::exception_ptr failure;
};

// One line; p is at its beginning and is left at its '\n'. Returns whether it holds a row.
template <class T, class I>
bool parse_line(const char*& p, const Place& place, const SvmlightOptions& options, double& label, I* indices,
                T* values, Index& entries, Index& columns) {
    while (is_blank(*p)) p++;
    if (*p == '\n' || *p == '#' || (*p == '\r' && p[1] == '\n')) {
        while (*p != '\n') p++;
        return false;
    }
    const char* const label_begin = p;
    if (options.label_lists) [[unlikely]] {
        p = skip_label_list(p);
        label = 0;
    } else if (!scan_double(p, label) || !ends_token(*p) || !std::isfinite(label)) [[unlikely]] {
        bad_label(place, label_begin);
    }
    while (is_blank(*p)) p++;
    if (*p == 'q' && p[1] == 'i' && p[2] == 'd' && p[3] == ':') {
        const char* const begin = p;
        p += 4;
        p += *p == '-' || *p == '+';
        if (!is_digit(*p)) place.fail(begin, "expected qid:number, got " + shown(begin));
        while (is_digit(*p)) p++;
        if (!ends_token(*p)) place.fail(begin, "expected qid:number, got " + shown(begin));
    }
    Index n = 0, last = -1;
    bool sorted = true;
    for (;;) {
        if (Entry entry; read_entry(p, entry)) [[likely]] {
            Index j = entry.column;
            if (options.subtract_one && --j < 0) [[unlikely]]
                zero_column(place, p);
            if (options.n_features >= 0 && j >= options.n_features) [[unlikely]]
                wide_column(place, options, p);
            sorted &= j > last;
            last = j;
            columns = std::max(columns, j + 1);
            indices[n] = static_cast<I>(j);
            values[n++] = static_cast<T>(entry.value);
            p = entry.end;
            if (*p == '\n') break;
            p++;
            continue;
        }
        while (is_blank(*p)) p++;
        const char* const token = p;
        const std::uint64_t v = load8(p);
        const int k = leading_digits(v);
        Index j;
        if (k == 0 || k == 8) [[unlikely]] {
            if (*p == '\n') break;
            if (*p == '#' || (*p == '\r' && p[1] == '\n')) {
                while (*p != '\n') p++;
                break;
            }
            j = column_slow(place, p);
        } else {
            j = static_cast<Index>(digits(v, k));
            p += k;
        }
        if (*p != ':') [[unlikely]]
            bad_column(place, token);
        p++;
        if (options.subtract_one && --j < 0) [[unlikely]]
            zero_column(place, token);
        if (options.n_features >= 0 && j >= options.n_features) [[unlikely]]
            wide_column(place, options, token);
        if constexpr (sizeof(I) == 4)
            if (j >= std::numeric_limits<I>::max()) [[unlikely]]
                throw ColumnsTooWide{};
        const char* const value_begin = p;
        double value;
        if (!scan_double(p, value) || !ends_token(*p)) [[unlikely]]
            bad_value(place, value_begin);
        sorted &= j > last;
        last = j;
        columns = std::max(columns, j + 1);
        indices[n] = static_cast<I>(j);
        values[n++] = narrowed<T>(place, value_begin, value);
    }
    if (!sorted) [[unlikely]]
        sort_row(place, options, indices, values, n);
    entries = n;
    return true;
}

// All lines of a range, to the room's arrays from `row` and `entry` on; indptr counts from `entry`.
template <class T, class I>
void parse_range(Parsed& result, const CsrRoom<T, I>& room, const TextRange& range, Index row, Index entry,
                 Index line, const SvmlightOptions& options) {
    for (const char* p = range.begin; p < range.end; p++, line++) {  // p++: over the '\n'
        Index entries = 0;
        if (!parse_line(p, Place{p, line}, options, room.y[row], room.indices + entry, room.values + entry,
                        entries, result.columns))
            continue;
        entry += entries;
        room.indptr[++row] = static_cast<I>(entry);
        result.rows++;
        result.entries += entries;
    }
}

}  // namespace

SvmlightPlan plan_svmlight(const char* text, Index size, Index readable) {
    SvmlightPlan plan;
    // Lines that end in the last bytes, or do not end, are copied to where reading on is allowed.
    Index direct = size;
    if (size > 0 && (readable - size < padding || text[size - 1] != '\n')) {
        direct = std::max<Index>(0, readable - padding < size ? readable - padding : size);
        while (direct > 0 && text[direct - 1] != '\n') direct--;
        if (size < range_bytes) direct = 0;  // one range, one thread
        plan.tail.assign(text + direct, text + size);
        if (plan.tail.back() != '\n') plan.tail.push_back('\n');
    }
    const std::size_t tail = plan.tail.size();
    plan.tail.resize(tail + static_cast<std::size_t>(padding), '\n');
    cut(plan.ranges, text, text + direct);
    cut(plan.ranges, plan.tail.data(), plan.tail.data() + tail);
    parallel_for(static_cast<Index>(plan.ranges.size()),
                 [&](Index i) { count(plan.ranges[static_cast<std::size_t>(i)]); });
    for (const TextRange& r : plan.ranges) plan.lines += r.lines, plan.entries += r.entries;
    return plan;
}

SkippedRows skip_svmlight_rows(const char* text, Index size, Index rows) {
    SkippedRows skipped;
    const char *p = text, *const end = text + size;
    while (p < end && skipped.rows < rows) {
        const void* newline = std::memchr(p, '\n', static_cast<std::size_t>(end - p));
        const char* const stop = newline ? static_cast<const char*>(newline) : end;
        while (p < stop && is_blank(*p)) p++;
        skipped.rows += p < stop && *p != '#' && !(*p == '\r' && p + 1 == stop);
        skipped.lines++;
        p = stop < end ? stop + 1 : end;
    }
    skipped.bytes = p - text;
    return skipped;
}

Labels svmlight_labels(double* y, const char* text, Index size, Index readable, Index first_line) {
    Labels found;
    std::vector<char> copy;
    if (size > 0 && (readable - size < padding || text[size - 1] != '\n')) {
        copy.assign(text, text + size);
        copy.resize(copy.size() + static_cast<std::size_t>(padding), '\n');
        text = copy.data();
    }
    for (const char *p = text, *const end = text + size; p < end; found.lines++) {
        const Place place{p, first_line + found.lines};
        while (is_blank(*p)) p++;
        if (!(*p == '\n' || *p == '#' || (*p == '\r' && p[1] == '\n'))) {
            const char* const label = p;
            if (!scan_double(p, y[found.rows]) || !ends_token(*p) || !std::isfinite(y[found.rows]))
                bad_label(place, label);
            found.rows++;
        }
        if (*p != '\n') {
            const void* newline = std::memchr(p, '\n', static_cast<std::size_t>(text + size - p));
            p = newline ? static_cast<const char*>(newline) : end;
        }
        p++;
    }
    return found;
}

template <class T, class I>
Index parse_svmlight(CsrRoom<T, I>& room, const SvmlightPlan& plan, const SvmlightOptions& options) {
    if constexpr (sizeof(I) == 4)
        if (room.entries + plan.entries > std::numeric_limits<I>::max()) throw ColumnsTooWide{};
    struct Start {
        Index row, entry, line;
    };
    std::vector<Start> starts;
    Start next{room.rows, room.entries, options.first_line};
    for (const TextRange& r : plan.ranges) {
        starts.push_back(next);
        next = {next.row + r.lines, next.entry + r.entries, next.line + r.lines};
    }
    std::vector<Parsed> parsed(plan.ranges.size());
    parallel_for(static_cast<Index>(parsed.size()), [&](Index i) {
        const auto r = static_cast<std::size_t>(i);
        try {
            parse_range(parsed[r], room, plan.ranges[r], starts[r].row, starts[r].entry, starts[r].line,
                        options);
        } catch (...) {
            parsed[r].failure = std::current_exception();
        }
    });
    // Ranges with comments, empty lines or qids filled less than their room: close the gaps.
    Index columns = 0;
    for (std::size_t r = 0; r < parsed.size(); r++) {
        if (parsed[r].failure) std::rethrow_exception(parsed[r].failure);
        const auto [rows, entries, width, failure] = parsed[r];
        const Start& from = starts[r];
        if (from.row != room.rows || from.entry != room.entries) {
            std::copy(room.y + from.row, room.y + from.row + rows, room.y + room.rows);
            std::copy(room.indices + from.entry, room.indices + from.entry + entries,
                      room.indices + room.entries);
            std::copy(room.values + from.entry, room.values + from.entry + entries,
                      room.values + room.entries);
            for (Index i = 1; i <= rows; i++)
                room.indptr[room.rows + i] =
                    static_cast<I>(room.indptr[from.row + i] - (from.entry - room.entries));
        }
        room.rows += rows;
        room.entries += entries;
        columns = std::max(columns, width);
    }
    return columns;
}

template Index parse_svmlight(CsrRoom<float, std::int32_t>&, const SvmlightPlan&, const SvmlightOptions&);
template Index parse_svmlight(CsrRoom<double, std::int32_t>&, const SvmlightPlan&, const SvmlightOptions&);
template Index parse_svmlight(CsrRoom<float, std::int64_t>&, const SvmlightPlan&, const SvmlightOptions&);
template Index parse_svmlight(CsrRoom<double, std::int64_t>&, const SvmlightPlan&, const SvmlightOptions&);

}  // namespace esker

// Text is cut into ranges, counted, and each range's lines are parsed (io/svmlight_line.hpp) to their place.
#include "io/svmlight.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "io/number.hpp"
#include "io/svmlight_line.hpp"
#include "io/svmlight_token.hpp"
#include "isa/kernels.hpp"

namespace esker {
namespace {

constexpr Index range_bytes = Index{1} << 18;
constexpr Index padding = 64;  // scanning reads up to 64 bytes at a time, at most so far beyond a line's end

void count(TextRange& range) {
    std::int64_t counts[2];
    kernels().text.count(counts, range.begin, range.end - range.begin, '\n', ':');
    range.lines = counts[0], range.entries = counts[1];
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

struct Parsed {
    Index rows = 0, entries = 0, columns = 0;
    std::exception_ptr failure;
};

// All lines of a range, to the room's arrays from `row` and `entry` on; indptr counts from `entry`.
template <class T, class I>
void parse_range(Parsed& result, const CsrRoom<T, I>& room, const TextRange& range, Index row, Index entry,
                 Index line, const SvmlightOptions& options) {
    LineParser<T, I> parser(range.begin, range.end, options);
    for (const char* p = range.begin; p < range.end; p++, line++) {  // p++: over the '\n'
        const Index n = parser.parse(p, line, room.y[row], room.indices + entry, room.values + entry);
        if (n < 0) continue;
        entry += n;
        room.indptr[++row] = static_cast<I>(entry);
        result.rows++;
        result.entries += n;
    }
    result.columns = parser.columns();
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

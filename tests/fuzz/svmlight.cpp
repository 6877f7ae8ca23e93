// The svmlight parser: one piece = two pieces = ranges cut anywhere, on one thread and two; rows as a naive
// reader reads them; errors name the same line and column however the text is cut.
#include "io/svmlight.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "fuzz.hpp"

using namespace esker;

namespace {

// What came out: rows, or where it failed.
template <class T, class I>
struct Outcome {
    std::vector<double> y;
    std::vector<T> values;
    std::vector<I> indices, indptr;
    Index columns = 0, line = 0, column = 0;
    bool too_wide = false;
    std::string message;

    bool good() const { return message.empty() && !too_wide; }
    bool operator==(const Outcome& o) const {
        if (!good() || !o.good())
            return std::tie(too_wide, message, line, column) ==
                   std::tie(o.too_wide, o.message, o.line, o.column);
        return fuzz::same(y, o.y) && fuzz::same(values, o.values) && fuzz::same(indices, o.indices) &&
               fuzz::same(indptr, o.indptr) && columns == o.columns;
    }
};

// Cuts each range at its line ends, so that a small input has many.
void cut_finely(SvmlightPlan& plan, Index every) {
    std::vector<TextRange> fine;
    for (const TextRange& range : plan.ranges) {
        TextRange now{range.begin, range.begin, 0, 0};
        for (const char* p = range.begin; p < range.end; p++) {
            now.entries += *p == ':';
            now.lines += *p == '\n';
            now.end = p + 1;
            if (*p == '\n' && now.lines == every) fine.push_back(std::exchange(now, {p + 1, p + 1, 0, 0}));
        }
        if (now.begin < now.end) fine.push_back(now);
    }
    plan.ranges = std::move(fine);
}

// Parses texts one behind the other.
template <class T, class I>
Outcome<T, I> parse(const std::vector<std::string_view>& pieces, SvmlightOptions options, Index fine,
                    std::size_t slack) {
    Outcome<T, I> out;
    out.indptr = {0};
    Index rows = 0, entries = 0;
    try {
        for (const std::string_view piece : pieces) {
            const std::vector<char> text = fuzz::exact(piece, slack);
            SvmlightPlan plan =
                plan_svmlight(text.data(), static_cast<Index>(piece.size()), static_cast<Index>(text.size()));
            if (fine) cut_finely(plan, fine);
            // Room of exactly what the plan asks for.
            const auto at = [](Index i) { return static_cast<std::size_t>(i); };
            out.y.resize(at(rows + plan.lines)), out.indptr.resize(at(rows + plan.lines + 1));
            out.values.resize(at(entries + plan.entries)), out.indices.resize(at(entries + plan.entries));
            out.y.shrink_to_fit(), out.indptr.shrink_to_fit();
            out.values.shrink_to_fit(), out.indices.shrink_to_fit();
            CsrRoom<T, I> room{out.y.data(), out.values.data(), out.indices.data(), out.indptr.data(), rows,
                               entries};
            out.columns = std::max(out.columns, parse_svmlight(room, plan, options));
            rows = room.rows, entries = room.entries;
            out.y.resize(at(rows)), out.indptr.resize(at(rows + 1));
            out.values.resize(at(entries)), out.indices.resize(at(entries));
            options.first_line += plan.lines;
        }
    } catch (const FormatError& e) {
        out.message = e.what(), out.line = e.line, out.column = e.column;
        fuzz::must(!out.message.empty(), "an error says something");
    } catch (const ColumnsTooWide&) {
        out.too_wide = true;
    }
    return out;
}

// One line as anybody would read it: tokens between blanks, strtod for numbers, columns sorted. Only for good
// lines.
struct Row {
    double y;
    std::vector<std::pair<Index, double>> entries;
};

bool naive_row(std::string_view line, bool subtract_one, Row& row) {
    line = line.substr(0, line.find('#'));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < line.size();) {
        const std::size_t end = std::min(line.find_first_of(" \t", i), line.size());
        if (end > i) tokens.emplace_back(line.substr(i, end - i));
        i = end + 1;
    }
    if (tokens.empty()) return false;
    row.y = std::strtod(tokens[0].c_str(), nullptr);
    for (std::size_t k = 1; k < tokens.size(); k++) {
        if (k == 1 && tokens[k].starts_with("qid:")) continue;
        const std::size_t colon = tokens[k].find(':');
        fuzz::must(colon != std::string::npos, "an entry has a colon");
        row.entries.emplace_back(std::strtoll(tokens[k].c_str(), nullptr, 10) - subtract_one,
                                 std::strtod(tokens[k].c_str() + colon + 1, nullptr));
    }
    std::stable_sort(row.entries.begin(), row.entries.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    return true;
}

template <class T, class I>
void as_read_naively(const Outcome<T, I>& found, std::string_view text, bool subtract_one) {
    std::size_t rows = 0, entries = 0;
    Index columns = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        Row row;
        if (naive_row(text.substr(0, end), subtract_one, row)) {
            fuzz::must(rows < found.y.size() && fuzz::same(found.y[rows], row.y), "the label is strtod's");
            rows++;
            for (const auto& [column, value] : row.entries) {
                fuzz::must(entries < found.values.size(), "no entry is lost");
                fuzz::must(found.indices[entries] == column, "columns are sorted and as written");
                fuzz::must(fuzz::same(found.values[entries], static_cast<T>(value)), "values are strtod's");
                columns = std::max(columns, column + 1);
                entries++;
            }
            fuzz::must(found.indptr[rows] == static_cast<I>(entries), "rows end where they should");
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    fuzz::must(rows == found.y.size() && entries == found.values.size(), "nothing is made up");
    fuzz::must(columns == found.columns, "the width is that of the largest column");
}

template <class T, class I>
void check(std::string_view text, const SvmlightOptions& options, std::size_t slack, std::uint64_t draw) {
    thread_limit = 1;
    const auto whole = parse<T, I>({text}, options, 0, slack);
    // Cut at a line end in the middle, if there is one.
    std::size_t middle = text.empty() ? std::string_view::npos : text.find('\n', draw % text.size());
    middle = middle == std::string_view::npos ? text.size() : middle + 1;
    const std::vector<std::string_view> pieces{text.substr(0, middle), text.substr(middle)};
    fuzz::must(parse<T, I>(pieces, options, 0, 0) == whole, "two pieces give what one gives");
    const Index fine = 1 + static_cast<Index>(draw >> 32 & 3);
    fuzz::must(parse<T, I>({text}, options, fine, slack) == whole, "small ranges give what large ones give");
    if ((draw >> 40) % 32 == 0) {  // threads cost more than all else
        thread_limit = 2;
        fuzz::must(parse<T, I>({text}, options, fine, slack) == whole, "two threads give what one gives");
        thread_limit = 1;
    }
    const auto lines = static_cast<Index>(std::count(text.begin(), text.end(), '\n')) + 1;
    if (!whole.good()) {
        fuzz::must(whole.too_wide || (whole.line >= options.first_line && whole.column >= 1 &&
                                      whole.line < options.first_line + lines),
                   "an error lies in the text");
        return;
    }
    as_read_naively(whole, text, options.subtract_one);
    const auto rows = static_cast<Index>(whole.y.size());
    const std::vector<char> copy = fuzz::exact(text);
    const auto bytes = static_cast<Index>(copy.size());
    const Index some = rows ? static_cast<Index>(draw >> 8) % (rows + 1) : 0;
    const SkippedRows skipped = skip_svmlight_rows(copy.data(), bytes, some);
    fuzz::must(skipped.rows == some && skipped.bytes <= bytes, "rows that are there can be passed over");
    const auto rest = parse<T, I>({text.substr(static_cast<std::size_t>(skipped.bytes))}, options, 0, 0);
    fuzz::must(rest.good() && static_cast<Index>(rest.y.size()) == rows - some, "and the others remain");
}

// Lists of labels: as many rows and lines as the parser has that reads over them.
void check_lists(std::string_view text, SvmlightOptions options) {
    options.label_lists = true;
    const auto whole = parse<double, std::int64_t>({text}, options, 0, 0);
    const std::vector<char> copy = fuzz::exact(text);
    try {
        const LabelLists found =
            label_lists(copy.data(), static_cast<Index>(copy.size()), options.first_line);
        fuzz::must(!whole.good() || whole.y.size() == found.ends.size(), "lists have the parser's rows");
        fuzz::must(found.ends.empty() || found.ends.back() == static_cast<Index>(found.labels.size()),
                   "rows end where the labels do");
    } catch (const FormatError& e) {
        const auto lines = static_cast<Index>(std::count(text.begin(), text.end(), '\n')) + 1;
        fuzz::must(e.line >= options.first_line && e.line < options.first_line + lines && e.column >= 1,
                   "an error lies in the text");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t choice = input.byte();
    SvmlightOptions options;
    options.subtract_one = choice & 1;
    if (choice & 2) options.n_features = 1000;
    const std::size_t slack = choice & 4 ? 40 : choice >> 5;
    const std::string_view text = input.rest();
    const std::uint64_t draw = fuzz::hash(text);
    if (draw % 4 == 0) check_lists(text, options);
    if (choice & 8)
        check<double, std::int64_t>(text, options, slack, draw);
    else if (choice & 16)
        check<double, std::int32_t>(text, options, slack, draw);
    else
        check<float, std::int32_t>(text, options, slack, draw);
    return 0;
}

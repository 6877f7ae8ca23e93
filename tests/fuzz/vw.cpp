// The parser of Vowpal Wabbit's text: one piece = two pieces, whatever lies behind the text; rows are sorted,
// finite and below 2^bits; a line's labels and its plain numeric features are those that strtod and a sum by
// number give.
#include "io/vw.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "base/error.hpp"
#include "fuzz.hpp"

using namespace esker;

namespace {

template <class T>
struct Outcome {
    std::vector<double> y, weight;
    std::vector<T> values;
    std::vector<std::int32_t> indices, indptr{0};
    Index line = 0, column = 0, lines = 0, weights = 0;
    int labels = -1;
    std::string message;

    bool operator==(const Outcome& o) const {
        if (!message.empty() || !o.message.empty())
            return std::tie(message, line, column) == std::tie(o.message, o.line, o.column);
        return fuzz::same(y, o.y) && fuzz::same(weight, o.weight) && fuzz::same(values, o.values) &&
               fuzz::same(indices, o.indices) && fuzz::same(indptr, o.indptr) && lines == o.lines &&
               weights == o.weights && labels == o.labels;
    }
};

template <class T>
Outcome<T> parse(const std::vector<std::string_view>& pieces, VwOptions options, std::size_t slack) {
    Outcome<T> out;
    out.labels = options.labels;
    Index rows = 0, entries = 0;
    try {
        for (const std::string_view piece : pieces) {
            const std::vector<char> text = fuzz::exact(piece, slack);
            const auto size = static_cast<Index>(piece.size());
            const VwCounts counts = count_vw(text.data(), size);
            const auto at = [](Index i) { return static_cast<std::size_t>(i); };
            out.y.resize(at(rows + counts.lines)), out.weight.resize(at(rows + counts.lines));
            out.indptr.resize(at(rows + counts.lines + 1));
            out.values.resize(at(entries + counts.entries)), out.indices.resize(at(entries + counts.entries));
            out.y.shrink_to_fit(), out.weight.shrink_to_fit(), out.indptr.shrink_to_fit();
            out.values.shrink_to_fit(), out.indices.shrink_to_fit();
            VwRoom<T> room{out.y.data(),
                           out.weight.data(),
                           out.values.data(),
                           out.indices.data(),
                           out.indptr.data(),
                           rows,
                           entries};
            const VwSeen seen = parse_vw(room, text.data(), size, static_cast<Index>(text.size()), options);
            rows = room.rows, entries = room.entries;
            out.y.resize(at(rows)), out.weight.resize(at(rows)), out.indptr.resize(at(rows + 1));
            out.values.resize(at(entries)), out.indices.resize(at(entries));
            out.lines += seen.lines, out.weights += seen.weights;
            options.first_line += seen.lines;
            if (seen.labels >= 0) out.labels = options.labels = seen.labels;
        }
    } catch (const FormatError& e) {
        out.message = e.what(), out.line = e.line, out.column = e.column;
        fuzz::must(!out.message.empty(), "an error says something");
    }
    return out;
}

bool plain(std::string_view word) {
    return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
}

// A line `label | 1:0.5 2 3:4`, of digits alone, as anybody would read it; false where the line is not so
// simple.
template <class T>
bool simple(std::string_view line, int bits, double& label, std::map<std::int32_t, double>& features) {
    const std::size_t bar = line.find('|');
    if (bar == std::string_view::npos || line.find('\t') != std::string_view::npos) return false;
    std::string_view head = line.substr(0, bar), rest = line.substr(bar + 1);
    if (head.size() < 2 || head.back() != ' ' || head[0] == ' ') return false;
    head.remove_suffix(1);
    if (head.find(' ') != std::string_view::npos || head[0] == '\'') return false;
    label = std::strtod(std::string(head).c_str(), nullptr);
    if (rest.empty() || rest[0] != ' ' || rest.find('|') != std::string_view::npos) return false;
    for (std::size_t i = 1; i < rest.size();) {
        const std::size_t end = std::min(rest.find(' ', i), rest.size());
        const std::string_view token = rest.substr(i, end - i);
        i = end + 1;
        if (token.empty()) continue;
        const std::size_t colon = token.find(':');
        const std::string_view name = token.substr(0, colon);
        if (!plain(name) || name.size() > 18) return false;
        double value = 1;
        if (colon != std::string_view::npos) {
            const std::string_view number = token.substr(colon + 1);
            if (number.find_first_not_of("0123456789.") != std::string_view::npos || number.empty() ||
                number[0] == '.')
                return false;
            value = std::strtod(std::string(number).c_str(), nullptr);
        }
        const auto stored = static_cast<double>(static_cast<T>(value));
        if (stored == 0) continue;
        const std::uint64_t id = std::strtoull(std::string(name).c_str(), nullptr, 10);
        features[static_cast<std::int32_t>(id & ((std::uint64_t{1} << bits) - 1))] += stored;
    }
    return true;
}

template <class T>
void check(std::string_view text, const VwOptions& options, std::size_t slack, std::uint64_t draw) {
    const auto whole = parse<T>({text}, options, slack);
    std::size_t middle = text.empty() ? std::string_view::npos : text.find('\n', draw % text.size());
    middle = middle == std::string_view::npos ? text.size() : middle + 1;
    const auto pieces = parse<T>({text.substr(0, middle), text.substr(middle)}, options, 0);
    fuzz::must(pieces == whole, "two pieces give what one gives");
    const auto lines = static_cast<Index>(std::count(text.begin(), text.end(), '\n')) + 1;
    if (!whole.message.empty()) {
        fuzz::must(
            whole.line >= options.first_line && whole.line < options.first_line + lines && whole.column >= 1,
            "an error lies in the text");
        return;
    }
    fuzz::must(whole.indptr.size() == whole.y.size() + 1 &&
                   whole.indptr.back() == static_cast<std::int32_t>(whole.values.size()),
               "rows end where they should");
    for (std::size_t i = 0; i < whole.y.size(); i++) {
        fuzz::must(std::isfinite(whole.y[i]) && whole.weight[i] >= 0,
                   "labels are finite, importances not negative");
        for (auto k = whole.indptr[i]; k < whole.indptr[i + 1]; k++) {
            const auto at = static_cast<std::size_t>(k);
            const std::int64_t id = whole.indices[at];
            fuzz::must(id >= 0 && id < std::int64_t{1} << options.bits, "numbers of features are in bounds");
            fuzz::must(k == whole.indptr[i] || whole.indices[at - 1] < id, "they ascend in a row");
            fuzz::must(std::isfinite(whole.values[at]), "values are finite");
        }
    }
    std::size_t row = 0;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
        double label = 0;
        std::map<std::int32_t, double> features;
        fuzz::must(row < whole.y.size(), "every line is a row");
        if (simple<T>(line, options.bits, label, features)) {
            fuzz::must(fuzz::same(whole.y[row], label), "the label is strtod's");
            auto k = static_cast<std::size_t>(whole.indptr[row]);
            for (const auto& [id, sum] : features) {
                fuzz::must(k < static_cast<std::size_t>(whole.indptr[row + 1]) && whole.indices[k] == id,
                           "features are numbered as they are written");
                fuzz::must(fuzz::same(whole.values[k], static_cast<T>(sum)), "and have their values' sum");
                k++;
            }
            fuzz::must(k == static_cast<std::size_t>(whole.indptr[row + 1]), "and no others");
        }
        row++;
    }
    fuzz::must(row == whole.y.size(), "no row is made up");
    const std::vector<char> copy = fuzz::exact(text);
    const auto some = static_cast<Index>(draw >> 8) % (static_cast<Index>(row) + 1);
    const SkippedRows skipped = skip_vw_rows(copy.data(), static_cast<Index>(copy.size()), some);
    fuzz::must(skipped.rows == some, "rows that are there can be passed over");
    VwOptions then = options;
    if (whole.labels >= 0) then.labels = whole.labels;
    const auto rest = parse<T>({text.substr(static_cast<std::size_t>(skipped.bytes))}, then, 0);
    fuzz::must(rest.message.empty() && rest.y.size() == row - static_cast<std::size_t>(some),
               "and the others remain");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t choice = input.byte();
    VwOptions options;
    options.bits = choice & 1 ? 1 + (choice >> 3) % 31 : 18;
    options.labels = choice & 2 ? -1 : choice >> 7;
    const std::size_t slack = choice & 4 ? 40 : 0;
    const std::string_view text = input.rest();
    const std::uint64_t draw = fuzz::hash(text);
    if (draw & 1)
        check<float>(text, options, slack, draw);
    else
        check<double>(text, options, slack, draw);
    return 0;
}

// Lines of documents with labels: what is split is what a plain reader finds, room is never exceeded, and
// rows that are passed over leave the others.
#include "io/lines.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "fuzz.hpp"
#include "io/characters.hpp"

using namespace esker;

namespace {

struct Split {
    std::vector<std::string> texts, labels;
    std::string message;
    bool operator==(const Split&) const = default;
};

Split split(std::string_view all, LabelOf syntax) {
    const std::vector<char> text = fuzz::exact(all);
    const auto lines = static_cast<std::size_t>(count_lines(text.data(), text.size()));
    std::vector<char> texts(text.size()), labels(text.size());
    std::vector<std::int64_t> text_ends(lines), label_ends(lines);
    texts.reserve(1), labels.reserve(1);
    LineRoom room{texts.data(), text_ends.data(), labels.data(), label_ends.data()};
    Split out;
    try {
        split_lines(room, text.data(), text.size(), syntax);
    } catch (const FormatError& e) {
        fuzz::must(e.line >= 1 && e.line <= static_cast<std::int64_t>(lines), "an error lies in the text");
        out.message = e.what();
        return out;
    }
    std::int64_t text_begin = 0, label_begin = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(room.rows); i++) {
        out.texts.emplace_back(texts.data() + text_begin, texts.data() + text_ends[i]);
        text_begin = text_ends[i];
        if (syntax == LabelOf::none) continue;
        out.labels.emplace_back(labels.data() + label_begin, labels.data() + label_ends[i]);
        label_begin = label_ends[i];
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const auto syntax = static_cast<LabelOf>(input.byte() % 3);
    const std::string_view text = input.rest();
    const Split found = split(text, syntax);
    if (!found.message.empty()) return 0;
    // As anybody would read it.
    Split plain;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        fuzz::must(bad_utf8(line.data(), line.size()) == line.size(), "texts are UTF-8");
        if (syntax != LabelOf::none) {
            if (line.empty()) continue;
            std::size_t stop = line.find('\t'), from = stop + 1, begin = 0;
            if (syntax == LabelOf::fasttext) {
                fuzz::must(line.starts_with("__label__"), "fastText's lines begin with a label");
                begin = 9;
                stop = std::min(line.find_first_of(" \t"), line.size());
                from = std::min(line.find_first_not_of(" \t", stop), line.size());
            }
            plain.labels.emplace_back(line.substr(begin, stop - begin));
            line.remove_prefix(from);
        }
        plain.texts.emplace_back(line);
    }
    fuzz::must(found == plain, "labels and texts are those that a plain reader finds");
    const std::vector<char> copy = fuzz::exact(text);
    const auto rows = static_cast<std::int64_t>(found.texts.size());
    const std::int64_t some = static_cast<std::int64_t>(fuzz::hash(text) % 64) % (rows + 1);
    const SkippedLines skipped = skip_lines(copy.data(), copy.size(), some, syntax);
    fuzz::must(skipped.rows == some, "rows that are there can be passed over");
    const Split rest = split(text.substr(static_cast<std::size_t>(skipped.bytes)), syntax);
    fuzz::must(rest.message.empty() && static_cast<std::int64_t>(rest.texts.size()) == rows - some,
               "and the others remain");
    return 0;
}

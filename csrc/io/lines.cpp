// memchr finds the ends; a line is looked at once more to check and to copy it.
#include "io/lines.hpp"

#include <cstring>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "io/characters.hpp"

namespace esker {

namespace {

constexpr std::string_view prefix = "__label__";

// The next line without its end; `at` goes behind it.
std::string_view next_line(const char* text, std::size_t n, std::size_t& at) noexcept {
    const auto* end = static_cast<const char*>(std::memchr(text + at, '\n', n - at));
    const std::size_t stop = end ? static_cast<std::size_t>(end - text) : n;
    std::string_view line(text + at, stop - at);
    at = end ? stop + 1 : n;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

std::string hex(unsigned char byte) {
    const char* const digits = "0123456789abcdef";
    return {'0', 'x', digits[byte >> 4], digits[byte & 15]};
}

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

// The label of a line; `line` becomes its text.
std::string_view take_label(std::string_view& line, LabelOf syntax, std::int64_t number) {
    if (syntax == LabelOf::tab) {
        const std::size_t tab = line.find('\t');
        if (tab == std::string_view::npos)
            throw FormatError(
                "a line must be a label, a tab and a text, and this one has no tab; without target= the "
                "whole line "
                "is the text",
                number, 0);
        const std::string_view label = line.substr(0, tab);
        line.remove_prefix(tab + 1);
        return label;
    }
    const auto starts = [&] { return line.substr(0, prefix.size()) == prefix; };
    if (!starts())
        throw FormatError(
            "a line must begin with __label__ and the label, as fastText has it; for a label, a tab and a "
            "text "
            "pass target=\"label\"",
            number, 1);
    std::size_t end = prefix.size();
    while (end < line.size() && !is_blank(line[end])) end++;
    const std::string_view label = line.substr(prefix.size(), end - prefix.size());
    while (end < line.size() && is_blank(line[end])) end++;
    line.remove_prefix(end);
    if (starts())
        throw FormatError("a line has more than one __label__; esker learns one label a row: keep one",
                          number, static_cast<std::int64_t>(end) + 1);
    return label;
}

}  // namespace

std::int64_t count_lines(const char* text, std::size_t n) noexcept {
    std::int64_t lines = 0;
    for (std::size_t i = 0; i < n; i++) lines += text[i] == '\n';
    return lines + (n && text[n - 1] != '\n');
}

void split_lines(LineRoom& room, const char* text, std::size_t n, LabelOf syntax) {
    std::int64_t number = 0, texts = 0, labels = 0;
    room.rows = 0;
    for (std::size_t at = 0; at < n;) {
        std::string_view line = next_line(text, n, at);
        number++;
        const std::size_t bad = bad_utf8(line.data(), line.size());
        if (bad != line.size())
            throw FormatError("the text is not UTF-8: byte " + hex(static_cast<unsigned char>(line[bad])) +
                                  " in column " + std::to_string(bad + 1) +
                                  "; convert the file, such as by iconv -f latin1 -t utf-8",
                              number, static_cast<std::int64_t>(bad) + 1);
        if (syntax != LabelOf::none) {
            if (line.empty()) continue;
            const std::string_view label = take_label(line, syntax, number);
            std::memcpy(room.labels + labels, label.data(), label.size());
            room.label_ends[room.rows] = labels += static_cast<std::int64_t>(label.size());
        }
        std::memcpy(room.texts + texts, line.data(), line.size());
        room.text_ends[room.rows++] = texts += static_cast<std::int64_t>(line.size());
    }
}

SkippedLines skip_lines(const char* text, std::size_t n, std::int64_t rows, LabelOf syntax) noexcept {
    SkippedLines s;
    std::size_t at = 0;
    while (at < n && s.rows < rows) {
        const std::string_view line = next_line(text, n, at);
        s.lines++;
        s.rows += syntax == LabelOf::none || !line.empty();
    }
    s.bytes = static_cast<std::int64_t>(at);
    return s;
}

}  // namespace esker

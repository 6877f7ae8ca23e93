// Lines of documents: each is a text, or a label and a text. Checked to be UTF-8, and copied without line
// ends.
#pragma once

#include <cstddef>
#include <cstdint>

namespace esker {

// none: the line is the text. tab: the label is what stands before the first tab. fasttext: `__label__x
// text`.
enum class LabelOf : std::uint8_t { none, tab, fasttext };

// Places for what lines hold, with room for the bytes of the text and one end a line; ends count from 0.
struct LineRoom {
    char* texts;
    std::int64_t* text_ends;
    char* labels;
    std::int64_t* label_ends;
    std::int64_t rows = 0;
};

std::int64_t count_lines(const char* text, std::size_t n) noexcept;

// text[0:n] are whole lines, each with its newline, and perhaps a carriage return. Lines that are empty are
// texts where there are no labels, else they are passed over. Throws FormatError with line (from 1) and byte
// of it.
void split_lines(LineRoom& room, const char* text, std::size_t n, LabelOf syntax);

// Passes over the first rows.
struct SkippedLines {
    std::int64_t rows = 0, bytes = 0, lines = 0;
};
SkippedLines skip_lines(const char* text, std::size_t n, std::int64_t rows, LabelOf syntax) noexcept;

}  // namespace esker

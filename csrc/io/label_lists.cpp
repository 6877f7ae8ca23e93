// Lists of labels, `1,3`, at the beginnings of svmlight lines; what stands behind them is not looked at.
#include <charconv>
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "io/svmlight.hpp"
#include "io/svmlight_token.hpp"

namespace esker {

LabelLists label_lists(const char* text, Index size, Index first_line) {
    LabelLists found;
    std::string line;
    for (const char *p = text, *const end = text + size; p < end; found.lines++) {
        const void* newline = std::memchr(p, '\n', static_cast<std::size_t>(end - p));
        const char* const stop = newline ? static_cast<const char*>(newline) : end;
        const char *const begin = p, *token = p;
        while (token < stop && is_blank(*token)) token++;
        p = stop < end ? stop + 1 : end;
        if (token == stop || *token == '#' || (*token == '\r' && token + 1 == stop)) continue;
        const char* last = token;
        while (last < stop && !ends_token(*last) && *last != ':') last++;
        const bool labels = last == stop || *last != ':';
        for (const char* q = token; labels;) {
            Index label = 0;
            const char* const digits = q + (q < last && *q == '+');
            const auto [behind, error] = std::from_chars(digits, last, label);
            if (error != std::errc{} || (behind != last && *behind != ',')) {
                line.assign(token, last), line += '\n';
                throw FormatError("expected labels that are integers with commas between them, got " +
                                      shown(line.c_str()) + "; number them, such as 0,3",
                                  first_line + found.lines, token - begin + 1);
            }
            found.labels.push_back(label);
            if (behind == last) break;
            q = behind + 1;
        }
        found.ends.push_back(static_cast<Index>(found.labels.size()));
    }
    return found;
}

}  // namespace esker

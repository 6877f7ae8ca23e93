// Tokens of svmlight text: what ends one, and how a message shows one.
#pragma once

#include <string>

namespace esker {

inline bool is_blank(char c) { return c == ' ' || c == '\t'; }
inline bool ends_token(char c) { return is_blank(c) || c == '\n' || c == '\r' || c == '#'; }

// Behind the list of labels at p, `1,3`; a token with a colon is an entry already, of a row without labels.
inline const char* skip_label_list(const char* p) {
    const char* q = p;
    while (!ends_token(*q) && *q != ':') q++;
    return *q == ':' ? p : q;
}

// The token at p as a message shows it: printable, and not too long.
inline std::string shown(const char* p) {
    std::string s = "'";
    const char* q = p;
    for (; !ends_token(*q) && q - p < 40; q++) {
        const auto c = static_cast<unsigned char>(*q);
        static constexpr char hex[] = "0123456789abcdef";
        if (c >= 0x20 && c < 0x7f)
            s += static_cast<char>(c);
        else
            s += {'\\', 'x', hex[c >> 4], hex[c & 15]};
    }
    return s + (ends_token(*q) ? "'" : "...'");
}

}  // namespace esker

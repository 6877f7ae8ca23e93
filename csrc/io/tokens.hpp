// Documents cut to words, or to words and white space as character n-grams see them: lower-cased UTF-8 in one
// buffer, the tokens one space apart, so that every n-gram is a slice of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/characters.hpp"

namespace esker {

// How a document's characters lie in memory: ASCII, Python's three kinds, or UTF-8 that passed bad_utf8.
enum class Encoding : std::uint8_t { ascii, latin1, ucs2, ucs4, utf8 };

struct Document {
    const void* data = nullptr;
    std::size_t size = 0;  // in units: bytes, or 2 or 4 of them
    Encoding encoding = Encoding::ascii;
    bool lower = true;  // whether it is yet to be lower-cased
};

// Longer ones are refused by whoever makes Documents: offsets are 32 bits wide, and a character takes up to 4
// bytes.
inline constexpr std::size_t longest_document = (std::size_t{1} << 30) - 64;

// A set of words that asks for little: open addressing over their hashes.
class StopWords {
public:
    explicit StopWords(const std::vector<std::string>& words);
    bool has(const char* word, std::size_t n) const noexcept;

private:
    std::vector<std::string> words_;
    std::vector<std::uint32_t> slots_;  // 1 + number of the word; 0 is free
    std::uint32_t mask_ = 0;
};

// Token i is text[begins[i]:begins[i + 1] - 1]; 64 bytes behind the last may be read.
struct Tokens {
    std::size_t size = 0;
    const char* text() const noexcept { return text_.get(); }
    const std::uint32_t* begins() const noexcept { return begins_.get(); }

    // Room for text and tokens, not kept and not cleared.
    char* room(std::size_t bytes);
    std::uint32_t* token_room(std::size_t tokens);
    char* aside(std::size_t bytes);
    std::uint32_t* marks(std::size_t n);

private:
    template <class T>
    struct Room {
        std::unique_ptr<T[]> p;
        std::size_t size = 0;
        T* get() const noexcept { return p.get(); }
        T* at_least(std::size_t n) {
            if (n > size) p.reset(), p.reset(new T[size = n + n / 4]);
            return p.get();
        }
    };
    Room<char> text_, aside_;
    Room<std::uint32_t> begins_, marks_;
};

// Words: runs of at least two word characters that are no stop words. Stop words may be null.
void split_words(Tokens& t, const Document& d, const CodePoints& points, const StopWords* stop);

// White space alone splits, and a space stands before the first token as behind the last. characters[i] is
// where code point i of the text begins, one more than there are; null where every one is one byte.
const std::uint32_t* split_spaces(Tokens& t, const Document& d, const CodePoints& points);

// The text with every run of two or more spaces made one space, as one token.
const std::uint32_t* join_spaces(Tokens& t, const Document& d, const CodePoints& points);

}  // namespace esker

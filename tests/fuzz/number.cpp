// scan_double against strtod: the same bits for what it takes, and it refuses nothing that the grammar
// allows.
#include "io/number.hpp"

#include "fuzz.hpp"

namespace {

// [+-] digits [. digits] [e [+-] digits], with a digit before or behind the point: its length, or 0.
std::size_t grammar(const char* p) {
    const char* q = p;
    q += *q == '-' || *q == '+';
    std::size_t n = 0;
    for (; esker::is_digit(*q); q++) n++;
    if (*q == '.')
        for (q++; esker::is_digit(*q); q++) n++;
    if (n == 0) return 0;
    if (*q == 'e' || *q == 'E') {
        q++;
        q += *q == '-' || *q == '+';
        if (!esker::is_digit(*q)) return 0;
        while (esker::is_digit(*q)) q++;
    }
    return static_cast<std::size_t>(q - p);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Beyond the text lie the 8 readable bytes that callers own, and not one more.
    std::string text(reinterpret_cast<const char*>(data), size);
    text += '\n';
    std::vector<char> room = fuzz::exact(text, 7);
    const char *const begin = room.data(), *p = begin;
    double found = 0;
    const std::size_t length = grammar(begin);
    const bool taken = esker::scan_double(p, found);
    fuzz::must(taken == (length > 0), "a number is taken if and only if it is one");
    if (!taken) {
        fuzz::must(p == begin, "p stays where there is no number");
        return 0;
    }
    fuzz::must(p == begin + length, "the whole number is read, and nothing else");
    char* end = nullptr;
    const std::string number(begin, length);
    const double expected = std::strtod(number.c_str(), &end);
    fuzz::must(end == number.c_str() + length, "strtod reads as far");
    fuzz::must(fuzz::same(found, expected), "the value is strtod's");
    return 0;
}

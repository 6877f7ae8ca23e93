// A page of the block file: decode(encode(rows)) == rows to the bit; a damaged page, or bytes that never were
// one, are an error or rows within bounds, and nothing is written outside the caller's arrays.
#include <algorithm>
#include <type_traits>

#include "base/error.hpp"
#include "fuzz.hpp"
#include "io/block_page.hpp"

using namespace esker;

namespace {

template <class T>
T number(fuzz::Input& input, std::uint8_t style) {
    T x{};
    if (style % 4 == 0) {  // any pattern of bits
        std::uint8_t bytes[sizeof(T)];
        for (std::uint8_t& b : bytes) b = input.byte();
        std::memcpy(&x, bytes, sizeof(T));
    } else if (style % 4 == 1) {  // small integers
        x = static_cast<T>(static_cast<std::int8_t>(input.byte()));
    } else if (style % 4 == 2) {  // the same all over
        x = static_cast<T>(style);
    } else {  // integers that are far from zero
        x = static_cast<T>(static_cast<T>(1 << 14) + static_cast<T>(input.byte()));
    }
    return x;
}

// What PageRoom points to: arrays of exactly the size that the shape asks for.
struct Room {
    std::vector<std::uint8_t> x, ids, indptr, y;
    std::vector<double> weight;
    PageRoom room;

    explicit Room(const PageShape& s) {
        const auto at = [](Index n, std::size_t size) { return static_cast<std::size_t>(n) * size; };
        const std::size_t index = s.wide ? 8 : 4;
        x.resize(at(s.numbers, s.x == page::f64 ? 8 : 4));
        if (s.sparse) ids.resize(at(s.numbers, index)), indptr.resize(at(s.rows + 1, index));
        const std::size_t width = s.y == page::boolean ? 1 : s.y == page::f32 || s.y == page::i32 ? 4 : 8;
        if (s.y != page::none) y.resize(at(s.rows * s.targets, width));
        if (s.weighted) weight.resize(at(s.rows, 1));
        room = {x.data(), ids.data(), indptr.data(), y.data(), weight.data(), 0};
    }
};

template <class I>
void within_bounds(const Room& found, const PageShape& s) {
    const auto* const indptr = reinterpret_cast<const I*>(found.indptr.data());
    const auto* const ids = reinterpret_cast<const I*>(found.ids.data());
    for (Index r = 0; r < s.rows; r++) fuzz::must(indptr[r] <= indptr[r + 1], "rows follow each other");
    fuzz::must(indptr[s.rows] == static_cast<I>(s.numbers), "and end with the last number");
    for (Index k = 0; k < s.numbers; k++) fuzz::must(ids[k] >= 0 && ids[k] < s.columns, "ids are in bounds");
}

void decoded(const std::vector<std::byte>& bytes, const PageShape& s) {
    Room found(s);
    try {
        decode_page(found.room, bytes.data(), bytes.size(), s);
    } catch (const FormatError& e) {
        fuzz::must(e.what()[0] != 0, "an error says something");
        return;
    }
    if (!s.sparse) return;
    if (s.wide)
        within_bounds<std::int64_t>(found, s);
    else
        within_bounds<std::int32_t>(found, s);
}

template <class T>
bool same_bytes(const std::vector<std::uint8_t>& found, const std::vector<T>& expected) {
    return found.size() == expected.size() * sizeof(T) &&
           (expected.empty() || std::memcmp(found.data(), expected.data(), found.size()) == 0);
}

template <class T, class I>
void round_trip(fuzz::Input& input, std::uint8_t choice) {
    PageShape s;
    s.rows = 1 + input.byte() % 40;  // no page is empty
    s.x = sizeof(T) == 8 ? page::f64 : page::f32;
    s.wide = sizeof(I) == 8;
    s.sparse = choice & 4, s.weighted = choice & 8;
    constexpr page::Dtype kinds[] = {page::none, page::f32, page::f64, page::i32, page::i64, page::boolean};
    const std::uint8_t second = input.byte(), styles = input.byte();
    s.y = kinds[second % 6];
    s.targets = s.y == page::none ? 0 : 1 + (second >> 3) % 3;
    s.columns = s.sparse ? 1 + input.byte() * (second & 64 ? 8'000'000 : 3) : input.byte() % 8;

    // Rows.
    std::vector<I> ids, indptr{0};
    if (s.sparse) {
        for (Index r = 0; r < s.rows; r++) {
            for (int k = input.byte() % 6; k > 0; k--) {
                const std::uint32_t a = input.byte(), b = input.byte(), c = input.byte();
                ids.push_back(
                    static_cast<I>((a << 24 | b << 12 | c) % static_cast<std::uint32_t>(s.columns)));
            }
            if (!(second & 128))
                std::sort(ids.begin() + static_cast<std::ptrdiff_t>(indptr.back()), ids.end());
            indptr.push_back(static_cast<I>(ids.size()));
        }
        s.numbers = static_cast<Index>(ids.size());
    } else {
        s.numbers = s.rows * s.columns;
    }
    std::vector<T> x(static_cast<std::size_t>(s.numbers));
    for (T& v : x) v = number<T>(input, styles);
    std::vector<double> weight(s.weighted ? static_cast<std::size_t>(s.rows) : 0);
    for (double& v : weight) v = number<double>(input, static_cast<std::uint8_t>(styles >> 2));
    const auto n = static_cast<std::size_t>(s.rows * s.targets);
    std::vector<float> y32(s.y == page::f32 ? n : 0);
    std::vector<double> y64(s.y == page::f64 ? n : 0);
    std::vector<std::int32_t> i32(s.y == page::i32 ? n : 0);
    std::vector<std::int64_t> i64(s.y == page::i64 ? n : 0);
    std::vector<std::uint8_t> flags(s.y == page::boolean ? n : 0);
    const auto style = static_cast<std::uint8_t>(styles >> 4);
    for (float& v : y32) v = number<float>(input, style);
    for (double& v : y64) v = number<double>(input, style);
    for (std::int32_t& v : i32) v = number<std::int32_t>(input, style);
    for (std::int64_t& v : i64) v = number<std::int64_t>(input, style);
    for (std::uint8_t& v : flags) v = input.byte() & 1;
    const void* const y = s.y == page::f32   ? static_cast<const void*>(y32.data())
                          : s.y == page::f64 ? static_cast<const void*>(y64.data())
                          : s.y == page::i32 ? static_cast<const void*>(i32.data())
                          : s.y == page::i64 ? static_cast<const void*>(i64.data())
                                             : static_cast<const void*>(flags.data());
    x.reserve(1), ids.reserve(1), weight.reserve(1);  // never null, as NumPy's

    PageRows<T, I> rows;
    rows.x = x.data();
    if (s.sparse) rows.ids = ids.data(), rows.indptr = indptr.data();
    rows.y = y, rows.y_dtype = s.y, rows.targets = s.targets;
    rows.weight = s.weighted ? weight.data() : nullptr;
    rows.rows = s.rows, rows.columns = s.columns;
    const EncodedPage page = encode_page(rows);
    fuzz::must(page.bytes.size() % page::align == 0 && page.numbers == s.numbers, "a page is whole");

    // Back.
    Room found(s);
    decode_page(found.room, page.bytes.data(), page.bytes.size(), s);
    fuzz::must(same_bytes(found.x, x), "X comes back to the bit");
    if (s.sparse)
        fuzz::must(same_bytes(found.ids, ids) && same_bytes(found.indptr, indptr), "columns come back");
    fuzz::must(same_bytes(found.y, y32) || !n || s.y != page::f32, "float32 targets come back");
    fuzz::must(same_bytes(found.y, y64) || !n || s.y != page::f64, "float64 targets come back");
    fuzz::must(same_bytes(found.y, i32) || !n || s.y != page::i32, "int32 targets come back");
    fuzz::must(same_bytes(found.y, i64) || !n || s.y != page::i64, "int64 targets come back");
    fuzz::must(same_bytes(found.y, flags) || !n || s.y != page::boolean, "booleans come back");
    fuzz::must(fuzz::same(found.weight, weight), "weights come back");
    if (page.x_at > 0) {  // dense rows read straight to where they belong
        Room straight(s);
        const auto head = static_cast<std::size_t>(page.x_at);
        const std::vector<std::byte> before(page.bytes.begin(), page.bytes.begin() + page.x_at);
        if (!x.empty()) std::memcpy(straight.x.data(), page.bytes.data() + head, straight.x.size());
        decode_page(straight.room, before.data(), before.size(), s, true);
        fuzz::must(same_bytes(straight.x, x), "X in place stays as it is");
    }

    // What is left of the input damages the page: (place, value) in turn, most of them in the head.
    std::vector<std::byte> damaged = page.bytes;
    while (input.size() >= 3) {
        const std::size_t place = input.byte() | (input.byte() & 3u) << 8;
        damaged[place % damaged.size()] = static_cast<std::byte>(input.byte());
    }
    damaged.shrink_to_fit();
    decoded(damaged, s);
    if (damaged.size() > 64)
        damaged.resize(damaged.size() - 64), damaged.shrink_to_fit(), decoded(damaged, s);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t choice = input.byte();
    if (choice & 128) {  // bytes that never were a page
        PageShape s;
        const std::uint8_t second = input.byte();
        s.rows = input.byte() % 64, s.columns = input.byte();
        s.sparse = choice & 1, s.half = choice & 2, s.weighted = choice & 4, s.wide = choice & 8;
        s.x = choice & 16 && !s.half ? page::f64 : page::f32;
        s.y = static_cast<page::Dtype>(second % 6);
        s.targets = s.y == page::none ? 0 : 1 + (second >> 4) % 3;
        s.numbers = s.sparse ? input.byte() : s.rows * s.columns;
        std::vector<std::byte> bytes(input.size());
        if (input.size()) std::memcpy(bytes.data(), input.data(), input.size());
        decoded(bytes, s);
        return 0;
    }
    if (choice & 1)
        choice & 2 ? round_trip<float, std::int64_t>(input, choice)
                   : round_trip<float, std::int32_t>(input, choice);
    else
        choice & 2 ? round_trip<double, std::int64_t>(input, choice)
                   : round_trip<double, std::int32_t>(input, choice);
    return 0;
}

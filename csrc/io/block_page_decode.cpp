// A page to arrays. Whatever a page says of itself is compared with what the footer says, and every length
// with the page's size, before a number is used: the bytes may be anybody's.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "io/bits.hpp"
#include "io/block_page.hpp"
#include "io/half.hpp"

namespace esker {
namespace {

[[noreturn]] void fail(const std::string& what) { throw FormatError(what, 0, 0); }

struct Section {
    std::uint8_t dtype = 0, encoding = 0, bits = 0;
    bool there = false;
    std::int64_t base = 0;
    const std::byte* data = nullptr;  // null where the caller has the bytes in place
    std::uint64_t size = 0;
};
using Sections = std::array<Section, 8>;

template <class U>
U take(const std::byte* p) noexcept {
    U v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

const char* name_of(int kind) noexcept {
    constexpr const char* names[] = {"?", "dense X", "values",  "column numbers",
                                     "?", "targets", "weights", "row lengths"};
    return names[kind];
}

Sections sections_of(const std::byte* bytes, std::size_t size, const PageShape& shape, bool x_in_place) {
    if (size < 16) fail("it is shorter than its first 16 bytes");
    const auto count = take<std::uint32_t>(bytes);
    const auto rows = take<std::uint32_t>(bytes + 4);
    const auto numbers = take<std::uint64_t>(bytes + 8);
    if (rows != static_cast<std::uint64_t>(shape.rows) ||
        numbers != static_cast<std::uint64_t>(shape.numbers))
        fail("it says " + std::to_string(rows) + " rows of " + std::to_string(numbers) +
             " numbers, and the footer " + std::to_string(shape.rows) + " of " +
             std::to_string(shape.numbers));
    if (count > page::max_sections || 16 + 24 * std::size_t{count} > size)
        fail("it says that it has " + std::to_string(count) + " sections");
    Sections found;
    std::uint64_t at = 16 + 24 * std::uint64_t{count};
    for (std::uint32_t i = 0; i < count; i++) {
        const std::byte* p = bytes + 16 + 24 * std::size_t{i};
        const auto kind = take<std::uint8_t>(p);
        if (kind > page::lengths || kind == 0 || kind == 4)
            fail("it has a section of kind " + std::to_string(kind) +
                 ", which this esker does not know; use a later one");
        Section& s = found[kind];
        if (s.there) fail(std::string("it has two sections of ") + name_of(kind));
        s = {take<std::uint8_t>(p + 1),  take<std::uint8_t>(p + 2),
             take<std::uint8_t>(p + 3),  true,
             take<std::int64_t>(p + 8),  bytes,
             take<std::uint64_t>(p + 16)};
        if (s.encoding > page::gaps || s.bits > max_bits || take<std::uint32_t>(p + 4) != 0)
            fail(std::string("its ") + name_of(kind) + " have encoding " + std::to_string(s.encoding) +
                 " of " + std::to_string(s.bits) + " bits, which this esker does not know; use a later one");
        if (x_in_place && kind == page::dense && i + 1 == count) {
            s.data = nullptr;
            break;
        }
        if (at > size || s.size > size - at) fail(std::string("its ") + name_of(kind) + " lie outside it");
        s.data += at;
        at += (s.size + 7) / 8 * 8;
    }
    return found;
}

void expect_size(const Section& s, std::uint64_t size, int kind) {
    if (s.size != size)
        fail(std::string("its ") + name_of(kind) + " take " + std::to_string(s.size) + " bytes, expected " +
             std::to_string(size));
}

// f(k, number as an unsigned integer) of a packed section of n numbers.
template <class F>
void unpack(const Section& s, Index n, int kind, F&& f) {
    expect_size(s, packed_size(static_cast<std::uint64_t>(n), s.bits), kind);
    if (s.bits == 0) {
        for (Index k = 0; k < n; k++) f(k, std::uint64_t{0});
        return;
    }
    BitReader in(s.data, s.bits);
    for (Index k = 0; k < n; k++) f(k, in.next());
}

template <class T>
constexpr page::Dtype dtype_of() noexcept {
    if constexpr (std::is_same_v<T, float>) return page::f32;
    if constexpr (std::is_same_v<T, double>) return page::f64;
    if constexpr (std::is_same_v<T, std::int32_t>) return page::i32;
    if constexpr (std::is_same_v<T, std::int64_t>) return page::i64;
    return page::boolean;
}

// n numbers of any encoding but gaps.
template <class T>
void numbers(T* out, Index n, const Section& s, int kind, bool half = false) {
    if (s.dtype != (half ? page::f16 : dtype_of<T>()))
        fail(std::string("its ") + name_of(kind) + " have dtype " + std::to_string(s.dtype) +
             ", and the footer says another");
    const auto count = static_cast<std::uint64_t>(n);
    if (s.encoding == page::constant) {
        expect_size(s, 0, kind);
        T v;
        if constexpr (std::is_same_v<T, float>)
            v = half ? float_of_half(static_cast<std::uint16_t>(s.base))
                     : std::bit_cast<float>(static_cast<std::uint32_t>(s.base));
        else if constexpr (std::is_same_v<T, double>)
            v = std::bit_cast<double>(s.base);
        else if constexpr (std::is_same_v<T, std::uint8_t>)
            v = s.base != 0;
        else
            v = static_cast<T>(s.base);
        std::fill_n(out, n, v);
    } else if (s.encoding == page::packed) {
        if (half) fail(std::string("its ") + name_of(kind) + " are packed float16, which there are none of");
        const auto base = static_cast<std::uint64_t>(s.base);
        unpack(s, n, kind, [&](Index k, std::uint64_t u) {
            const auto v = static_cast<std::int64_t>(base + u);
            if constexpr (std::is_same_v<T, std::uint8_t>)
                out[k] = v != 0;
            else
                out[k] = static_cast<T>(v);
        });
    } else if (s.encoding == page::raw && half) {
        if constexpr (std::is_same_v<T, float>) {
            expect_size(s, 2 * count, kind);
            for (Index k = 0; k < n; k++) out[k] = float_of_half(take<std::uint16_t>(s.data + 2 * k));
        }
    } else if (s.encoding == page::raw) {
        expect_size(s, sizeof(T) * count, kind);
        if constexpr (std::is_same_v<T, std::uint8_t>) {
            for (Index k = 0; k < n; k++) out[k] = s.data[k] != std::byte{0};
        } else if (s.data && n > 0) {
            std::memcpy(out, s.data, sizeof(T) * static_cast<std::size_t>(n));
        }
    } else {
        fail(std::string("its ") + name_of(kind) + " have encoding " + std::to_string(s.encoding));
    }
}

template <class I>
void row_pointers(I* indptr, Index first, const PageShape& shape, const Section& s) {
    std::uint64_t total = 0;
    const auto room = static_cast<std::uint64_t>(shape.numbers);
    auto add = [&](Index r, std::uint64_t length) {
        total += std::min(length, room + 1 - std::min(total, room + 1));  // cannot wrap round
        indptr[r + 1] = static_cast<I>(static_cast<std::uint64_t>(first) + total);
    };
    if (s.dtype != page::i64) fail("its row lengths are not of dtype 4");
    if (s.base < 0) fail("its row lengths are negative");
    if (s.encoding == page::constant) {
        expect_size(s, 0, page::lengths);
        for (Index r = 0; r < shape.rows; r++) add(r, static_cast<std::uint64_t>(s.base));
    } else if (s.encoding == page::packed) {
        unpack(s, shape.rows, page::lengths,
               [&](Index r, std::uint64_t u) { add(r, static_cast<std::uint64_t>(s.base) + u); });
    } else {
        fail("its row lengths have encoding " + std::to_string(s.encoding));
    }
    if (total != room)
        fail("its row lengths make " + std::to_string(total) + " numbers, and there are " +
             std::to_string(shape.numbers));
}

template <class I>
void column_numbers(I* ids, const I* indptr, Index first, const PageShape& shape, const Section& s) {
    auto outside = [&](std::uint64_t id) {
        if (shape.numbers > 0 && id >= static_cast<std::uint64_t>(shape.columns))
            fail("it has column numbers outside 0 to " + std::to_string(shape.columns - 1));
    };
    const auto n = static_cast<std::uint64_t>(shape.numbers);
    if (s.dtype != page::i64) fail("its column numbers are not of dtype 4");
    if (s.encoding == page::gaps) {
        expect_size(s, packed_size(n, s.bits), page::ids);
        if (s.bits + bits_of(n) > 62) fail("its gaps are too wide");
        std::uint64_t top = 0;
        auto walk = [&](auto&& gap) {
            I* p = ids;
            for (Index r = 0; r < shape.rows; r++) {
                std::uint64_t id = ~std::uint64_t{0};
                for (I* const end = ids + (static_cast<Index>(indptr[r + 1]) - first); p != end; p++) {
                    id += gap() + 1;
                    *p = static_cast<I>(id);
                }
                top = std::max(top, id + 1);  // ascending: the last is the largest; 0 of an empty row
            }
        };
        if (s.bits == 0) {
            walk([] { return std::uint64_t{0}; });
        } else {
            BitReader in(s.data, s.bits);
            walk([in]() mutable { return in.next(); });
        }
        if (top > 0) outside(top - 1);
        return;
    }
    std::uint64_t top = 0;
    if (s.encoding == page::packed) {
        const auto base = static_cast<std::uint64_t>(s.base);
        unpack(s, shape.numbers, page::ids, [&](Index k, std::uint64_t u) {
            top = std::max(top, base + u);
            ids[k] = static_cast<I>(base + u);
        });
        if (base > ~std::uint64_t{0} >> 1) outside(base);
    } else if (s.encoding == page::raw) {
        expect_size(s, 8 * n, page::ids);
        for (Index k = 0; k < shape.numbers; k++) {
            const auto id = take<std::uint64_t>(s.data + 8 * k);
            top = std::max(top, id);
            ids[k] = static_cast<I>(id);
        }
    } else {
        fail("its column numbers have encoding " + std::to_string(s.encoding));
    }
    outside(top);
}

void targets(void* out, Index n, page::Dtype dtype, const Section& s) {
    switch (dtype) {
        case page::f32:
            return numbers(static_cast<float*>(out), n, s, page::y);
        case page::f64:
            return numbers(static_cast<double*>(out), n, s, page::y);
        case page::i32:
            return numbers(static_cast<std::int32_t*>(out), n, s, page::y);
        case page::i64:
            return numbers(static_cast<std::int64_t*>(out), n, s, page::y);
        case page::boolean:
            return numbers(static_cast<std::uint8_t*>(out), n, s, page::y);
        default:
            fail("its targets have a dtype that there is none of");
    }
}

void x_numbers(void* out, Index n, const PageShape& shape, const Section& s, int kind) {
    if (shape.x == page::f64)
        numbers(static_cast<double*>(out), n, s, kind);
    else
        numbers(static_cast<float*>(out), n, s, kind, shape.half);
}

template <class I>
void sparse_rows(const PageRoom& room, const PageShape& shape, const Sections& s) {
    auto* const indptr = static_cast<I*>(room.indptr);
    row_pointers(indptr, room.first, shape, s[page::lengths]);
    column_numbers(static_cast<I*>(room.ids), indptr, room.first, shape, s[page::ids]);
    x_numbers(room.x, shape.numbers, shape, s[page::values], page::values);
}

}  // namespace

Place place_of_targets(const std::byte* bytes, std::size_t size, const PageShape& shape) {
    const Section s = sections_of(bytes, size, shape, false)[page::y];
    if (!s.there) fail("it has no targets, and the footer says otherwise");
    return {s.data - bytes, static_cast<Index>(s.size)};
}

void decode_targets(void* out, const std::byte* bytes, std::size_t size, const PageShape& shape) {
    const Section s = sections_of(bytes, size, shape, false)[page::y];
    targets(out, shape.rows * shape.targets, shape.y, s);
}

void decode_page(const PageRoom& room, const std::byte* bytes, std::size_t size, const PageShape& shape,
                 bool x_in_place) {
    const Sections s = sections_of(bytes, size, shape, x_in_place);
    const bool expected[8] = {false, !shape.sparse,         shape.sparse,   shape.sparse,
                              false, shape.y != page::none, shape.weighted, shape.sparse};
    for (int kind = 1; kind < 8; kind++)
        if (s[static_cast<std::size_t>(kind)].there != expected[kind])
            fail(std::string("it has ") + (expected[kind] ? "no " : "") + name_of(kind) +
                 ", and the footer says otherwise");
    if (!shape.sparse) {
        const Section& x = s[page::dense];
        if (x_in_place && (x.data || x.encoding != page::raw || shape.half))
            fail("its dense X is not its last section, as the footer says");
        if (shape.columns > 0 &&
            (shape.numbers / shape.columns != shape.rows || shape.numbers % shape.columns != 0))
            fail("its numbers are not rows times columns");
        x_numbers(room.x, shape.numbers, shape, x, page::dense);
    } else if (shape.wide) {
        sparse_rows<std::int64_t>(room, shape, s);
    } else {
        sparse_rows<std::int32_t>(room, shape, s);
    }
    if (shape.y != page::none) targets(room.y, shape.rows * shape.targets, shape.y, s[page::y]);
    if (shape.weighted) numbers(room.weight, shape.rows, s[page::weight], page::weight);
}

}  // namespace esker

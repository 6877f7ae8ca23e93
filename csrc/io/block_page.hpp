// A page of the block file, version 2, as docs/block-file.md has it byte by byte: up to 4,096 rows with their
// targets and weights, readable by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/view.hpp"

namespace esker {

namespace page {
enum Kind : std::uint8_t { dense = 1, values = 2, ids = 3, y = 5, weight = 6, lengths = 7 };
enum Dtype : std::uint8_t { none = 0, f32 = 1, f64 = 2, i32 = 3, i64 = 4, boolean = 5, f16 = 6 };
enum Encoding : std::uint8_t { raw = 0, constant = 1, packed = 2, gaps = 3 };
constexpr std::size_t align = 64;  // of a page in the file; its sections begin at multiples of 8
constexpr int max_sections = 6;
constexpr std::size_t heads = 16 + 24 * max_sections;  // at most, what a page says of itself
}  // namespace page

// What the footer says of a page: sizes are checked against what the page itself says.
struct PageShape {
    Index rows = 0, numbers = 0, columns = 0, targets = 0;
    page::Dtype x = page::f32;   // of the decoded X: f32 or f64
    page::Dtype y = page::none;  // of the targets, none without
    bool sparse = false, half = false, weighted = false;
    bool wide = false;  // column numbers and row pointers are int64
};

// Where the decoded rows go. Dense x is rows x columns; x of sparse rows, and ids, hold `numbers`; of
// the rows + 1 places of indptr the first is left alone, as it belongs to the page before, and the others
// count on from `first`.
struct PageRoom {
    void* x = nullptr;
    void* ids = nullptr;
    void* indptr = nullptr;
    void* y = nullptr;
    double* weight = nullptr;
    Index first = 0;
};

// Bytes of a page to arrays, or FormatError. Nothing is written outside `room`, whatever the bytes are.
// `head` bytes of a dense page, all that is before X, do where X lies in room.x already (x_in_place).
void decode_page(const PageRoom& room, const std::byte* bytes, std::size_t size, const PageShape& shape,
                 bool x_in_place = false);

// Where in a page the targets lie (for bytes that begin with a page's first `page::heads`, or are all of it),
// and those alone to an array.
struct Place {
    Index at = 0, size = 0;
};
Place place_of_targets(const std::byte* bytes, std::size_t size, const PageShape& shape);
void decode_targets(void* out, const std::byte* bytes, std::size_t size, const PageShape& shape);

// Rows to a page: X of T (uint16_t: float16), column numbers of I.
template <class T, class I>
struct PageRows {
    const T* x = nullptr;       // dense rows, or the numbers of sparse ones
    const I* ids = nullptr;     // null: dense
    const I* indptr = nullptr;  // rows + 1, the first not necessarily 0
    const void* y = nullptr;
    page::Dtype y_dtype = page::none;
    Index targets = 0;
    const double* weight = nullptr;
    Index rows = 0, columns = 0;
};
struct EncodedPage {
    std::vector<std::byte> bytes;  // a multiple of 64
    Index x_at = 0;                // where the last section, X or its numbers, begins
    Index numbers = 0, nonzeros = 0;
    Index top = 0;  // the largest column number + 1
    bool finite = true;
    std::uint32_t crc = 0;
};
template <class T, class I>
EncodedPage encode_page(const PageRows<T, I>& rows);

}  // namespace esker

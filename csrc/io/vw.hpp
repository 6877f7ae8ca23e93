// Vowpal Wabbit text -> CSR rows: `label importance base? tag|namespace:scale feature:value feature |...`,
// one row a line. Features are numbered as VW's `--hash strings` numbers them: murmur3 of the name with the
// namespace's hash as its seed, or that hash plus the number where the name is all digits, masked to 2^bits.
// What is of no effect there (a feature of value 0) is left out; a number that comes several times in a line
// has the sum of its values. No constant feature is added.
#pragma once

#include <cstdint>

#include "base/view.hpp"
#include "io/svmlight.hpp"

namespace esker {

struct VwOptions {
    int bits = 18;         // 1..31
    int labels = -1;       // 1: every row must have a label, 0: none may, -1: as the first row
    Index first_line = 1;  // of the text within its file, for messages
};

// What a text may hold at most.
struct VwCounts {
    Index lines = 0, entries = 0;
};
VwCounts count_vw(const char* text, Index size);

// As skip_svmlight_rows: every line that is not blank is a row.
SkippedRows skip_vw_rows(const char* text, Index size, Index rows);

// Where rows go: room for `rows` + count_vw(text).lines rows and `entries` + count_vw(text).entries entries.
// indptr[rows] == entries on entry.
template <class T>
struct VwRoom {
    double* y;
    double* weight;
    T* values;
    std::int32_t* indices;
    std::int32_t* indptr;
    Index rows = 0, entries = 0;
};

struct VwSeen {
    Index lines = 0, weights = 0;  // lines, and how many of the rows say their importance
    int labels = -1;               // of the rows: 1 or 0, -1 where there are none
};

// Appends the rows of text[0, size) to `room`; text[size, readable) may be read, and is not looked at.
// Columns are sorted and unique within each row. Throws FormatError.
template <class T>
VwSeen parse_vw(VwRoom<T>& room, const char* text, Index size, Index readable, const VwOptions& options);

}  // namespace esker

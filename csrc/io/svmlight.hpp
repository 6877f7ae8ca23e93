// svmlight text -> CSR rows: `label [qid:n] column:value ... # comment`, one row a line.
// The text is cut into ranges at line ends by its bytes alone, so the result does not depend on the number of
// threads; a count of ':' and '\n' ahead of parsing sizes the caller's arrays, and each range is parsed to
// its final place.
#pragma once

#include <vector>

#include "base/view.hpp"

namespace esker {

struct SvmlightOptions {
    bool subtract_one = false;  // columns count from 1 in the file
    Index n_features = -1;      // a column beyond these is an error; -1: any
    Index first_line = 1;       // of the text within its file, for messages
    bool label_lists =
        false;  // rows begin with `1,3` or with no label: passed over, label_lists() reads them
};

// Whole lines, and how many rows and entries they can hold at most.
struct TextRange {
    const char *begin, *end;
    Index lines, entries;
};

struct SvmlightPlan {
    std::vector<TextRange> ranges;
    std::vector<char>
        tail;  // a padded copy of the lines that lie too near the buffer's end to be read by 8 bytes
    Index lines = 0, entries = 0;
};

// Looks at text[0, size); readable >= size is where the caller's buffer ends. Nothing beyond it is touched.
SvmlightPlan plan_svmlight(const char* text, Index size, Index readable);

// The first `rows` rows of whole lines, passed over without parsing: rows found, bytes and lines they and the
// comments and empty lines before them take.
struct SkippedRows {
    Index rows = 0, bytes = 0, lines = 0;
};
SkippedRows skip_svmlight_rows(const char* text, Index size, Index rows);

// The labels alone, as fast as line ends are found: what stands behind them is not looked at. Room for as
// many as there are lines; the rows and lines found. Throws FormatError.
struct Labels {
    Index rows = 0, lines = 0;
};
Labels svmlight_labels(double* y, const char* text, Index size, Index readable, Index first_line);

// The labels of rows that have any number of them, `1,3` or none: those of row i are labels[ends[i - 1]] up
// to labels[ends[i]]. They must be integers. Throws FormatError.
struct LabelLists {
    std::vector<Index> labels, ends;
    Index lines = 0;
};
LabelLists label_lists(const char* text, Index size, Index first_line);

// Where rows go: room for rows + plan.lines rows and entries + plan.entries entries, the first `rows` and
// `entries` of which are rows that are there already (what an earlier text left over). indptr[rows] ==
// entries on entry.
template <class T, class I>
struct CsrRoom {
    double* y;
    T* values;
    I* indices;
    I* indptr;
    Index rows = 0, entries = 0;
};

// A column does not fit I: parse again with int64.
struct ColumnsTooWide {};

// Appends the rows to `room`, whose rows and entries it advances; returns the number of columns seen. Columns
// are sorted within each row. Throws FormatError (first bad line, whatever the threads) or ColumnsTooWide.
template <class T, class I>
Index parse_svmlight(CsrRoom<T, I>& room, const SvmlightPlan& plan, const SvmlightOptions& options);

}  // namespace esker

// Where a sketch's rows go: the sparse sign matrix of a panel of rows, by row and by bucket.
#pragma once

#include <vector>

#include "fold/sketch.hpp"

namespace esker {

// Entry i of segment(g) is where row first + i goes there: bucket << 1 | negative.
struct SketchMap {
    Index first, rows, segments;
    std::vector<std::int32_t> to;
    std::vector<double> weight, root;
    const std::int32_t* segment(Index g) const { return to.data() + g * rows; }
};
SketchMap map_of(const RowSketch& s, const Block& block, Index first, Index rows);

// Rows `first` to `last` of a map by bucket: (row - first) << 1 | negative, in row order. `fill` may be
// called again.
struct SketchLists {
    Index first = 0;
    std::vector<std::int32_t> start, row, next;
    void fill(const SketchMap& m, Index size, Index first, Index last);
};

// How X is absorbed, for each layout.
template <class T>
void absorb_rows(RowSketch& s, const DenseView<T>& x, const Block& block);
template <class T, class I>
void absorb_rows(RowSketch& s, const CsrView<T, I>& x, const Block& block);
void absorb_targets(RowSketch& s, const Block& block, const SketchMap& m);

}  // namespace esker

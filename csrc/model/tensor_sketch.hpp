// Count sketches of rows by given tables, the first step of a tensor sketch: Pham & Pagh, "Fast and scalable
// polynomial kernels via explicit feature maps", KDD 2013.
#pragma once

#include <cstdint>

#include "base/view.hpp"

namespace esker {

// Places and signs of columns in each of `degree` sketches of `size` numbers, by sketches; `columns` may be
// one more than the rows have, the last then being a constant.
struct SketchTables {
    const std::int64_t *places, *signs;
    Index degree, columns, size;
    double scale, constant;  // rows are multiplied by scale
};

// out: rows x degree x size. On all threads, to the same bits.
template <class T>
void count_sketches(T* out, const DenseView<T>& x, const SketchTables& tables);
template <class T, class I>
void count_sketches(T* out, const CsrView<T, I>& x, const SketchTables& tables);

}  // namespace esker

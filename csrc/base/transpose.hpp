// Columns to rows, a tile at a time, so that neither side is read or written a cache line for each number.
#pragma once

#include <algorithm>

#include "base/view.hpp"

namespace esker {

// out[i * cols + j] = in[j * stride + i] for i < rows, j < cols.
template <class T>
void transpose(T* out, const T* in, Index rows, Index cols, Index stride) {
    constexpr Index tall = 64, wide = 16;
    for (Index i = 0; i < rows; i += tall) {
        const Index down = std::min(rows, i + tall);
        for (Index j = 0; j < cols; j += wide) {
            const Index right = std::min(cols, j + wide);
            for (Index r = i; r < down; r++)
                for (Index c = j; c < right; c++) out[r * cols + c] = in[c * stride + r];
        }
    }
}

}  // namespace esker

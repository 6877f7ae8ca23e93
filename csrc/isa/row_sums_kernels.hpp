// The product of a sparse row with a dense matrix, in the row's own precision.
#pragma once

#include <cstdint>

namespace esker {

template <class T>
struct RowSumKernels {
    // out[j] = sum over k < count, in order, of values[k] w[places[k] + j], for j < n
    void (*row_sums)(T* out, const T* values, const std::int64_t* places, std::int64_t count, const T* w,
                     std::int64_t n);
};

}  // namespace esker

// Kernels of the range finder on sparse rows: X'(w (X Q)) in one visit to each row.
#pragma once

#include <cstdint>

namespace esker {

// Consecutive rows of a CSR matrix; what a row's products with Q become is weight (base + x Q).
template <class T, class I>
struct RangeRows {
    const T* values;
    const I* columns;
    const I* indptr;
    std::int64_t begin, end;
    const double* weight;  // null: ones
    const T* base;         // a number for each lane
    bool far;              // whether the table is too large for a core's own cache
};

// A strip is 64 bytes of lanes, columns of Q that lie side by side. A column's record in `table` is its
// strip of Q, then its sums, so that one visit to memory serves both. sums: of each lane the products with
// their weights; grown by the call.
template <class T>
struct RangeKernels {
    void (*rows32)(T* table, double* sums, const RangeRows<T, std::int32_t>& rows);
    void (*rows64)(T* table, double* sums, const RangeRows<T, std::int64_t>& rows);
};

struct RangeTable {
    RangeKernels<float> f32;
    RangeKernels<double> f64;
};

}  // namespace esker

// Kernels of conjugate gradients on sparse rows: X'(w (X p)) in one visit to each row.
#pragma once

#include <cstdint>

namespace esker {

// Consecutive rows of a CSR matrix, and what stands beside each lane's product: s = base + y + x.p.
template <class T, class I>
struct NormalRows {
    const T* values;
    const I* columns;
    const I* indptr;
    std::int64_t begin, end;
    const double* weight;        // null: ones
    const double* y;             // rows x targets, null: zeros
    std::int64_t targets;        // numbers of a row of y
    const std::int64_t* target;  // the column of y that a lane takes
    const double* base;          // a number for each lane
    bool far;                    // whether the table is too large for a core's own cache
};

// A column's record in `table` is its p in each lane, then its sum in each lane, so that one visit to memory
// serves both. sums: a lane's sum of weight s, then of weight s^2, for each lane; grown by the call.
template <class T, class I>
struct NormalKernels {
    // Of one lane, y given; a record is p and the column's sums of w x, w x^2 and w s x.
    void (*first)(double* table, double* sums, const NormalRows<T, I>& rows);
    void (*rows[4])(double* table, double* sums, const NormalRows<T, I>& rows);  // of 1, 2, 4 and 8 lanes
};

struct NormalTable {
    NormalKernels<float, std::int32_t> f32_i32;
    NormalKernels<float, std::int64_t> f32_i64;
    NormalKernels<double, std::int32_t> f64_i32;
    NormalKernels<double, std::int64_t> f64_i64;

    template <class T, class I>
    const NormalKernels<T, I>& of() const noexcept {
        if constexpr (sizeof(T) == 4 && sizeof(I) == 4)
            return f32_i32;
        else if constexpr (sizeof(T) == 4)
            return f32_i64;
        else if constexpr (sizeof(I) == 4)
            return f64_i32;
        else
            return f64_i64;
    }
};

}  // namespace esker

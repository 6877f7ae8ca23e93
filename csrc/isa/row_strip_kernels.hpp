// Loops over rows that are fewer than columns: packed by transposing, so that the tiles of a Gram
// (gram_kernels.hpp) multiply X X' instead of X'X, and summed in float64.
#pragma once

#include <cstdint>

namespace esker {

// pack: strips, groups = root[i] (x[i][k] - shift[k]) for up to a chunk of rows i and a panel of columns k,
// laid out as a Gram's columns and rows are; `pack_wide` reads float32 and packs for products in float64.
// sum: out[j] += a[i * targets] (x[i][j] - shift[j]) over rows i, for columns that stay in the first cache.
struct RowStripKernels {
    void (*pack_f32)(float* strips, float* groups, const float* x, std::int64_t stride, const float* shift,
                     const float* root, std::int64_t rows, std::int64_t cols);
    void (*pack_f64)(double* strips, double* groups, const double* x, std::int64_t stride,
                     const double* shift, const double* root, std::int64_t rows, std::int64_t cols);
    void (*pack_wide)(double* strips, double* groups, const float* x, std::int64_t stride, const float* shift,
                      const double* root, std::int64_t rows, std::int64_t cols);
    void (*sum_f32)(double* out, const double* a, std::int64_t targets, const float* x, std::int64_t stride,
                    const double* shift, std::int64_t rows, std::int64_t cols);
    void (*sum_f64)(double* out, const double* a, std::int64_t targets, const double* x, std::int64_t stride,
                    const double* shift, std::int64_t rows, std::int64_t cols);
};

}  // namespace esker

// The loops of a Gram of few columns: rows are packed once, row by row, so many at a time as the first cache
// holds, and their whole triangle is summed there.
#pragma once

#include <cstdint>

namespace esker {

// Packed rows are `pitch` numbers apart: columns of X, then targets, then numbers of no meaning up to whole
// vectors. Sums lie in blocks of eight columns by one vector, group after group of eight columns, from the
// vector with the group's first column on.
template <class T>
struct ThinKernels {
    std::int64_t lanes;  // numbers of a vector
    // Rows to pack and multiply at a time; tile_rows is a multiple.
    std::int64_t (*rows)(std::int64_t pitch);
    // Numbers of all blocks of `cols` columns.
    std::int64_t (*size)(std::int64_t pitch, std::int64_t cols);
    // packed = root[k] (x[k][j] - shift[j]); a null root means ones.
    void (*pack)(T* packed, std::int64_t pitch, const T* x, std::int64_t stride, const T* shift,
                 const T* root, std::int64_t rows, std::int64_t cols);
    // Products of packed rows, which are rows k on of a panel, join its sums; those beyond tile_rows lie
    // apart, after `size` numbers. Meanwhile so many bytes from `ahead` on come nearer. Packed rows are
    // readable for eight numbers beyond their end.
    void (*triangle)(T* sums, const T* packed, std::int64_t pitch, std::int64_t k, std::int64_t rows,
                     std::int64_t cols, const char* ahead, std::int64_t bytes);
    // total += unit_j sums + plus_i plus_j - minus_i minus_j; these three have pitch + 8 numbers.
    void (*flush)(double* total, const T* sums, std::int64_t pitch, std::int64_t rows, std::int64_t cols,
                  const double* unit, const double* plus, const double* minus);
};

}  // namespace esker

// The loops of a dense Gram: a panel of rows packed twice, in strips and in narrower groups of columns, so
// that register tiles of group x strip sums go over the upper triangle of [X y]'[X y].
#pragma once

#include <cstdint>

namespace esker {

// Rows that a tile multiplies in one go: a strip of so many stays in the first cache.
inline constexpr std::int64_t tile_rows = 256;
// Rows of a panel, one or two times that: each is centred by its own mean, multiplied in its own precision
// and flushed to float64. Flushes weigh more beside float32 products.
template <class T>
inline constexpr std::int64_t panel_rows = sizeof(T) == 4 ? 2 * tile_rows : tile_rows;
// Places in memory that a panel's tile asks for.
template <class T>
inline constexpr std::int64_t prefetches = panel_rows<T> / 4;
// Rows of a block row of packed storage: whole strips and whole groups on every instruction set, so that no
// tile crosses one.
inline constexpr std::int64_t packed_rows = 192;

// A panel as the tiles read it: columns of X, then of y; 64-byte aligned. What lies beyond the columns is
// never used.
template <class T>
struct PackedPanel {
    T* strips = nullptr;  // ceil((d + targets) / strip) of panel_rows x strip,
                          // row-major
    T* groups =
        nullptr;  // the columns of X again: ceil(d / group) of group_size, rows of `group` numbers each
    double *plus = nullptr, *minus = nullptr;  // d + targets: the rank-one terms of `tiles`
    double* unit = nullptr;                    // targets: what the packed targets were divided by
    std::int64_t rows = 0;
};

// Where the tiles of a task add up: X'X's entry (i, j) at i ldc + j, and X'y, targets x d.
struct GramSums {
    double* xx = nullptr;
    std::int64_t ldc = 0;
    double* xy = nullptr;
    std::int64_t d = 0, targets = 0;
};

template <class T>
struct GramKernels {
    std::int64_t strip, group;  // columns of a strip, of a group
    std::int64_t group_size;    // numbers between groups
    std::int64_t chunk;         // columns to centre and pack at once: whole strips and whole groups
    // shift = the columns' (weighted, where w is not null) mean over the rows, rounded to T; delta = the mean
    // less shift.
    void (*mean)(T* shift, double* delta, const T* x, std::int64_t stride, const double* w, std::int64_t rows,
                 std::int64_t cols);
    // strips, groups = root[k] (x[k][j] - shift[j]); a null root means ones. shift is readable for a
    // strip beyond cols.
    void (*pack)(T* strips, T* groups, const T* x, std::int64_t stride, const T* shift, const T* root,
                 std::int64_t rows, std::int64_t cols);
    // With s a panel's packed columns (targets times their unit), for the strip's columns j and the columns i
    // <= j of groups begin .. end - 1: xx[i][j], or xy where j is a target, += s_i's_j + plus_i plus_j -
    // minus_i minus_j, summed over `count` panels first. Each tile of a panel asks for `prefetches` more
    // places in memory, step bytes apart, from `ahead` on.
    void (*tiles)(const GramSums& out, const PackedPanel<T>* panels, std::int64_t count, std::int64_t strip,
                  std::int64_t begin, std::int64_t end, const char* ahead, std::int64_t step);
    // How many columns move within the panel far more than from row to row, or are out of range for products
    // in T; one row in `every`, its neighbour, and the last two are looked at.
    std::int64_t (*drifting)(const T* x, std::int64_t stride, std::int64_t rows, std::int64_t cols,
                             std::int64_t every);
};

// Of t columns: mean, the mean that rounding left, sum of w (y - mean)^2.
using CentreTargets = void (*)(double* mean, double* left, double* squares, const double* y, const double* w,
                               std::int64_t rows, std::int64_t targets);

// Loops over dense rows against float64 coefficients, t x d: r = y - (x - shift) w, then out += weight r (x -
// shift).
template <class T>
struct ResidualKernels {
    // Returns sum of (x[j] - shift[j]) w[j].
    double (*dot)(const T* x, const double* shift, const double* w, std::int64_t d);
    // out[j] += a (x[j] - shift[j]).
    void (*axpy)(double* out, double a, const T* x, const double* shift, std::int64_t d);
};

}  // namespace esker

// The loops of a dense Gram: rows packed in strips of columns, register tiles over the upper triangle of X'X.
#pragma once

#include <cstdint>

namespace esker {

// Rows of a panel: each is centred by its own mean, multiplied in its own precision and flushed to float64.
inline constexpr std::int64_t panel_rows = 256;

// A packed panel is ceil(d / strip) strips, each panel_rows x strip, row-major, zero beyond column d; 64-byte
// aligned.
template <class T>
struct GramKernels {
    std::int64_t strip;  // columns of a strip
    // mean = the columns' (weighted, where w is not null) mean over the rows, rounded to T; cols <= strip.
    void (*mean)(T* mean, const T* x, std::int64_t stride, const double* w, std::int64_t rows,
                 std::int64_t cols);
    // strip[k][j] = root[k] (x[k][j] - shift[j]); a null root means ones; columns from cols to strip become
    // zeros.
    void (*pack)(T* strip, const T* x, std::int64_t stride, const T* shift, const T* root, std::int64_t rows,
                 std::int64_t cols);
    // out[t][j] = sum over k of z[k][t] strip[k][j], in float64; z is rows x targets.
    void (*cross)(double* out, const T* strip, const double* z, std::int64_t rows, std::int64_t targets);
    // c[i][j] += (packed' packed)[i][j] + plus[i] plus[j] - minus[i] minus[j] for i <= j < d and j in strip
    // number s; the tiles of one column of the triangle, in float64. c has ldc numbers a row.
    void (*tiles)(double* c, std::int64_t ldc, const T* packed, const double* plus, const double* minus,
                  std::int64_t rows, std::int64_t d, std::int64_t s);
};

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

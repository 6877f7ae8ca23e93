// The loops of a loss's gradient over dense rows: scores of one model, and for many models products in
// register tiles between which a row's scores become its slopes.
#pragma once

#include <cstdint>

namespace esker {

// A strip is `wide` models side by side: coefficients are strips of columns x wide, scores strips of rows x
// wide, sums strips of columns x wide; 64-byte aligned.
template <class T>
struct GradientKernels {
    std::int64_t high, wide;  // rows and columns of a tile
    // out[i] = sum of (x[i][j] - shift[j]) w[j], in float64; squares[i] = |x[i] - shift|^2 where not null
    void (*scores)(double* out, double* squares, const T* x, std::int64_t stride, const double* shift,
                   const double* w, std::int64_t rows, std::int64_t cols);
    // out[j] += sum of g[i] (x[i][j] - shift[j])
    void (*sum)(double* out, const double* g, const T* x, std::int64_t stride, const double* shift,
                std::int64_t rows, std::int64_t cols);
    // out = x - shift, rows `pitch` numbers apart; what lies beyond the columns is zero, as are rows up to a
    // multiple of `high`
    void (*centre)(T* out, std::int64_t pitch, const T* x, std::int64_t stride, const double* shift,
                   std::int64_t rows, std::int64_t cols);
    void (*centre_f32)(T* out, std::int64_t pitch, const float* x, std::int64_t stride, const double* shift,
                       std::int64_t rows, std::int64_t cols);
    // c[i] = sum over k < n of a[i pitch + k] b[k], `wide` numbers each, for rows i < m, in steps of `high`;
    // added to what is there where `more`
    void (*along)(T* c, const T* a, std::int64_t pitch, std::int64_t m, const T* b, std::int64_t n,
                  bool more);
    // the same of the transpose: c[i] = sum over k < n of a[k pitch + i] b[k]
    void (*across)(T* c, const T* a, std::int64_t pitch, std::int64_t m, const T* b, std::int64_t n,
                   bool more);
    // Scores plus base become weight (p - y), p being the logistic function; y is 0 or 1. sums: the loss, the
    // slopes, the curvatures p (1 - p).
    void (*logistic)(double* scores, const double* y, const double* weight, double base, std::int64_t rows,
                     double* sums);
    // The same of numbers: half of Tweedie's deviance less what y alone adds, the model being the exponential
    // of the score; half the squared difference.
    void (*deviance)(double* scores, const double* y, const double* weight, double base, double power,
                     std::int64_t rows, double* sums);
    void (*squared)(double* scores, const double* y, const double* weight, double base, std::int64_t rows,
                    double* sums);
    // Scores, strips `apart` numbers apart, become weight (softmax - [class]); sums: the loss, then of each
    // of `models` padded to whole strips the slopes, then the curvatures p (1 - p). base: what is added to
    // the scores, far below zero beyond the models. room: as many numbers as base.
    void (*softmax)(T* scores, std::int64_t apart, const double* base, const double* y, const double* weight,
                    std::int64_t rows, std::int64_t models, double* sums, double* room);
    // out[i ldo + l] += c[i wide + l] for l < count
    void (*flush)(double* out, std::int64_t ldo, const T* c, std::int64_t m, std::int64_t count);
};

}  // namespace esker

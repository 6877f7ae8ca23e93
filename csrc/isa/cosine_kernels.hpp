// Cosines of rows of numbers in their own precision, for features of kernels. Polynomials of our own, so that
// every maker's mathematical library gives the same numbers.
#pragma once

#include <cstdint>

namespace esker {

template <class T>
struct CosineKernels {
    // out[i] = scale cos(x[i] + offset[i]); the cosine is within 2e-7 (float32) or 4e-16 (float64) of that of
    // the rounded sum, whatever its size. out may be x. What is infinite or NaN becomes NaN.
    void (*cosine)(T* out, const T* x, const T* offset, T scale, std::int64_t n);
    // The same of a tile of rows: n numbers of each, x's rows `wide` numbers apart, out's `apart`; not in
    // place.
    void (*cosine_tile)(T* out, std::int64_t apart, const T* x, std::int64_t wide, const T* offset, T scale,
                        std::int64_t rows, std::int64_t n);
    void (*logarithm)(double* out, const double* x, std::int64_t n);  // of positive normal numbers
};

}  // namespace esker

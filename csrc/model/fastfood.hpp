// Fastfood: random Fourier features by Walsh-Hadamard transforms in place of a product with a matrix of
// normal numbers. Le, Sarlos & Smola, "Fastfood: approximating kernel expansions in loglinear time", ICML
// 2013.
#pragma once

#include "base/error.hpp"
#include "base/view.hpp"

namespace esker {

// Frequencies of block b: diag(scale) H diag(normal) P H diag(sign), P taking place[i] of its input. Padded
// columns a power of two; what is given by feature is as long as `blocks` times that, whatever the features
// used.
template <class T>
struct Fastfood {
    Index cols, padded, features;
    const T* sign;              // of each column
    const std::int32_t* place;  // within a block
    const T *normal, *scale;
    const T* offset;  // of each feature
    // out = factor cos(frequencies x + offset), `features` numbers a row.
    void apply(T* out, const DenseView<T>& x, T factor) const;
    template <class I>
    void apply(T* out, const CsrView<T, I>& x, T factor) const;
};

}  // namespace esker

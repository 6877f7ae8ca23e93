// Features of the additive chi-squared kernel: Vedaldi & Zisserman, "Efficient additive kernels via explicit
// feature maps", PAMI 2012.
#pragma once

#include "base/view.hpp"

namespace esker {

// Of n numbers that are not negative: out[i] and `steps - 1` pairs after it, each `apart` numbers further. In
// float64, rounded once; zeros give zeros.
template <class T>
void chi2_features(T* out, Index apart, const T* x, Index n, Index steps, double interval);

}  // namespace esker

// Random Fourier features, scale cos(X W + offset), one walk over the rows. Rahimi & Recht, "Random features
// for large-scale kernel machines", NIPS 2007.
#pragma once

#include "base/view.hpp"

namespace esker {

// out: rows x cols, by rows. weights: x.cols x cols, by rows; offset: cols. On all threads, to the same bits.
template <class T>
void cosine_features(T* out, const DenseView<T>& x, const T* weights, Index cols, const T* offset, T scale);
template <class T, class I>
void cosine_features(T* out, const CsrView<T, I>& x, const T* weights, Index cols, const T* offset, T scale);

}  // namespace esker

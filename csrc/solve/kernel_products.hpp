// Products of nonzeros of sparse rows for a kernel matrix.
#pragma once

#include <type_traits>

#include "solve/kernel_matrix.hpp"

namespace esker {

template <class T>
const std::vector<T>& values_of(const ByColumns& c) {
    if constexpr (std::is_same_v<T, float>)
        return c.f32;
    else
        return c.f64;
}
template <class T>
std::vector<T>& values_of(ByColumns& c) {
    if constexpr (std::is_same_v<T, float>)
        return c.f32;
    else
        return c.f64;
}

template <class T, class I>
void sort_by_columns(ByColumns& to, const CsrView<T, I>& x);

// The columns that are not full: K, zero so far, becomes R X X' R over them, in float64.
template <class T, class I>
void add_sparse_products(KernelMatrix& m, const CsrView<T, I>& x, Poll poll);

}  // namespace esker

// What must hold of numbers that come from outside before a kernel reads them.
#pragma once

#include <optional>
#include <utility>

#include "base/view.hpp"

namespace esker {

// (row, column) of the first NaN or infinity.
std::optional<std::pair<Index, Index>> first_nonfinite(const Matrix& x);
// The same of infinity alone.
std::optional<std::pair<Index, Index>> first_infinite(const Matrix& x);

// A CSR matrix's indices lie in 0..cols-1, and its indptr ascends within 0..size, the length of data; else
// std::invalid_argument says where not.
void csr_bounds(const Matrix& x, Index size);

// Whether some row of a CSR matrix within bounds names a column twice.
bool csr_repeats(const Matrix& x);

// Sum of n numbers in float64, by 4096; the order of additions is fixed by n. The cheapest thing a fold can
// do with numbers once they are decoded, so it is what reading is measured by.
template <class T>
double total(const T* x, Index n) noexcept;

}  // namespace esker

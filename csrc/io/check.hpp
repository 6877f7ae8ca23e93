// What must hold of numbers that come from outside before a kernel reads them.
#pragma once

#include <optional>
#include <utility>

#include "base/view.hpp"

namespace esker {

// (row, column) of the first NaN or infinity.
std::optional<std::pair<Index, Index>> first_nonfinite(const Matrix& x);

// A CSR matrix's indices lie in 0..cols-1, and its indptr ascends within 0..size, the length of data; else
// std::invalid_argument says where not.
void csr_bounds(const Matrix& x, Index size);

// Whether some row of a CSR matrix within bounds names a column twice.
bool csr_repeats(const Matrix& x);

}  // namespace esker

// What must hold of numbers that come from outside before a kernel reads them.
#pragma once

#include <optional>
#include <utility>

#include "base/view.hpp"

namespace esker {

// (row, column) of the first NaN or infinity.
std::optional<std::pair<Index, Index>> first_nonfinite(const Matrix& x);

// A CSR matrix's indices lie in 0..cols-1 and its indptr ascends, or std::invalid_argument names the row;
// size is the length of data. Returns whether some row names a column twice.
bool csr_repeats(const Matrix& x, Index size);

}  // namespace esker

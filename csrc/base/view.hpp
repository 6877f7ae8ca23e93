// What kernels see of the caller's memory: raw, borrowed, read-only views; never a Python object, never an
// owner.
#pragma once

#include <cstdint>
#include <variant>

namespace esker {

using Index = std::int64_t;

// Row-major matrix; rows may be further apart than they are long.
template <class T>
struct DenseView {
    using Scalar = T;
    const T* data = nullptr;
    Index rows = 0, cols = 0, stride = 0;
    const T* row(Index i) const noexcept { return data + i * stride; }
};

// One row of a sparse matrix: column numbers are unique within it (Blocks sees to that), in any order.
template <class T, class I>
struct SparseRow {
    const T* values;
    const I* columns;
    Index size;
};

// Compressed sparse rows. indptr[0] need not be 0, so a slice of rows is a view.
template <class T, class I>
struct CsrView {
    using Scalar = T;
    using Column = I;
    const T* data = nullptr;
    const I* indices = nullptr;
    const I* indptr = nullptr;
    Index rows = 0, cols = 0;
    SparseRow<T, I> row(Index i) const noexcept {
        return {data + indptr[i], indices + indptr[i], static_cast<Index>(indptr[i + 1] - indptr[i])};
    }
};

using Matrix =
    std::variant<DenseView<float>, DenseView<double>, CsrView<float, std::int32_t>,
                 CsrView<double, std::int32_t>, CsrView<float, std::int64_t>, CsrView<double, std::int64_t>>;

// The rows' 64-bit names: part << 40 | row within the part. Every random choice is a function of (seed, key).
struct Keys {
    const std::int64_t* values = nullptr;  // null: first, first + 1, ...
    std::int64_t first = 0;
    std::int64_t operator()(Index i) const noexcept { return values ? values[i] : first + i; }
};

// A few MB of rows. y is rows x targets, row-major; a null weight means ones; a null order means 0, 1, ..., n
// - 1.
struct Block {
    Matrix x;
    const double* y = nullptr;
    Index targets = 0;
    const double* weight = nullptr;
    Keys keys;
    const Index* order = nullptr;  // the rows to visit, for learners that step; folds of sums see it never
    Index n = 0;                   // rows to visit: the matrix's rows, or the length of order
    double w(Index i) const noexcept { return weight ? weight[i] : 1.0; }
};

inline Index cols(const Matrix& x) {
    return std::visit([](const auto& m) { return m.cols; }, x);
}

}  // namespace esker

// Checks in one walk each. x - x is 0 for every finite x and NaN for the others, so a sum finds them without
// a branch.
#include "io/check.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace esker {
namespace {

template <class T>
Index nonfinite_at(const T* x, Index n) {
    constexpr Index step = 4096;
    for (Index begin = 0; begin < n; begin += step) {
        const Index end = std::min(n, begin + step);
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (Index i = begin; i < end; i++) sum += x[i] - x[i];
        if (sum == 0) continue;
        for (Index i = begin; i < end; i++)
            if (!std::isfinite(x[i])) return i;
    }
    return -1;
}

template <class T>
std::optional<std::pair<Index, Index>> find(const DenseView<T>& x) {
    if (x.stride == x.cols || x.rows == 1) {  // one walk over all rows
        const Index i = nonfinite_at(x.data, x.rows * x.cols);
        return i < 0 ? std::nullopt : std::optional{std::pair{i / x.cols, i % x.cols}};
    }
    for (Index r = 0; r < x.rows; r++)
        if (const Index j = nonfinite_at(x.row(r), x.cols); j >= 0) return std::pair{r, j};
    return std::nullopt;
}

template <class T, class I>
std::optional<std::pair<Index, Index>> find(const CsrView<T, I>& x) {
    const Index begin = x.indptr[0], end = x.indptr[x.rows];
    const Index i = nonfinite_at(x.data + begin, end - begin);
    if (i < 0) return std::nullopt;
    const auto* row = std::upper_bound(x.indptr, x.indptr + x.rows + 1, static_cast<I>(begin + i)) - 1;
    return std::pair{static_cast<Index>(row - x.indptr), static_cast<Index>(x.indices[begin + i])};
}

template <class T, class I>
bool repeats(const CsrView<T, I>& x, Index size) {
    std::vector<Index> seen;  // the last row that named a column, from 1; made when a row is out of order
    bool twice = false;
    for (Index r = 0; r < x.rows; r++) {
        // The messages are made only where they are needed: building them for every number took most of a
        // fit.
        if (x.indptr[r] < 0 || x.indptr[r] > x.indptr[r + 1] || x.indptr[r + 1] > size)
            require(false,
                    "indptr must ascend and stay within the data: it does not at row " + std::to_string(r));
        const auto row = x.row(r);
        bool ascending = true;
        for (Index k = 0; k < row.size; k++) {
            if (row.columns[k] < 0 || row.columns[k] >= x.cols)
                require(false, "column numbers must be 0 to " + std::to_string(x.cols - 1) + ", got " +
                                   std::to_string(row.columns[k]) + " in row " + std::to_string(r));
            if (k > 0 && row.columns[k] <= row.columns[k - 1]) ascending = false;
        }
        if (ascending || twice) continue;
        seen.resize(static_cast<std::size_t>(x.cols), 0);
        for (Index k = 0; k < row.size; k++) {
            Index& last = seen[static_cast<std::size_t>(row.columns[k])];
            if (last == r + 1) twice = true;
            last = r + 1;
        }
    }
    return twice;
}

template <class T>
bool repeats(const DenseView<T>&, Index) {
    return false;
}

}  // namespace

std::optional<std::pair<Index, Index>> first_nonfinite(const Matrix& x) {
    return std::visit([](const auto& m) { return find(m); }, x);
}

bool csr_repeats(const Matrix& x, Index size) {
    return std::visit([&](const auto& m) { return repeats(m, size); }, x);
}

}  // namespace esker

// Checks in one walk each. x - x is 0 for every finite x and NaN for the others, so a sum finds them without
// a branch.
#include "io/check.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include "base/error.hpp"
#include "base/parallel.hpp"

namespace esker {
namespace {

template <class T>
Index nonfinite_at(const T* x, Index n, bool nan_too) {
    constexpr Index step = 4096;
    for (Index begin = 0; begin < n; begin += step) {
        const Index end = std::min(n, begin + step);
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (Index i = begin; i < end; i++) sum += x[i] - x[i];
        if (sum == 0) continue;
        for (Index i = begin; i < end; i++)
            if (nan_too ? !std::isfinite(x[i]) : std::isinf(x[i])) return i;
    }
    return -1;
}

template <class T>
std::optional<std::pair<Index, Index>> find(const DenseView<T>& x, bool nan_too) {
    if (x.stride == x.cols || x.rows == 1) {  // one walk over all rows
        const Index i = nonfinite_at(x.data, x.rows * x.cols, nan_too);
        return i < 0 ? std::nullopt : std::optional{std::pair{i / x.cols, i % x.cols}};
    }
    for (Index r = 0; r < x.rows; r++)
        if (const Index j = nonfinite_at(x.row(r), x.cols, nan_too); j >= 0) return std::pair{r, j};
    return std::nullopt;
}

template <class T, class I>
std::optional<std::pair<Index, Index>> find(const CsrView<T, I>& x, bool nan_too) {
    const Index begin = x.indptr[0], end = x.indptr[x.rows];
    const Index i = nonfinite_at(x.data + begin, end - begin, nan_too);
    if (i < 0) return std::nullopt;
    const auto* row = std::upper_bound(x.indptr, x.indptr + x.rows + 1, static_cast<I>(begin + i)) - 1;
    return std::pair{static_cast<Index>(row - x.indptr), static_cast<Index>(x.indices[begin + i])};
}

// Negative numbers are large ones without a sign, so one maximum tells whether all are in range.
template <class T, class I>
void bounds(const CsrView<T, I>& x, Index size) {
    using U = std::make_unsigned_t<I>;
    Index bad = x.indptr[0] < 0 || x.indptr[x.rows] > size;
    for (Index r = 0; r < x.rows; r++) bad += x.indptr[r] > x.indptr[r + 1];
    require(bad == 0, "indptr must ascend from 0 and stay within the data");
    const Index begin = x.indptr[0], end = x.indptr[x.rows];
    constexpr Index piece = Index{1} << 20;
    std::vector<U> mosts(static_cast<std::size_t>((end - begin + piece - 1) / piece));
    parallel_for(static_cast<Index>(mosts.size()), [&](Index i) {
        const I* from = x.indices + begin + i * piece;
        const Index n = std::min(piece, end - begin - i * piece);
        U most = 0;
#pragma omp simd reduction(max : most)
        for (Index k = 0; k < n; k++) most = std::max(most, static_cast<U>(from[k]));
        mosts[static_cast<std::size_t>(i)] = most;
    });
    const U most = mosts.empty() ? U{0} : *std::max_element(mosts.begin(), mosts.end());
    if (end == x.indptr[0] || static_cast<std::uint64_t>(most) < static_cast<std::uint64_t>(x.cols)) return;
    for (Index r = 0; r < x.rows; r++)
        for (Index k = x.indptr[r]; k < x.indptr[r + 1]; k++)
            if (x.indices[k] < 0 || x.indices[k] >= x.cols)
                throw std::invalid_argument("column numbers must be 0 to " + std::to_string(x.cols - 1) +
                                            ", got " + std::to_string(x.indices[k]) + " in row " +
                                            std::to_string(r));
}

template <class T, class I>
bool repeats(const CsrView<T, I>& x) {
    std::vector<I> sorted;
    for (Index r = 0; r < x.rows; r++) {
        const auto row = x.row(r);
        bool ascending = true;
        for (Index k = 1; k < row.size; k++) ascending = ascending && row.columns[k] > row.columns[k - 1];
        if (ascending) continue;
        sorted.assign(row.columns, row.columns + row.size);
        std::sort(sorted.begin(), sorted.end());
        if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return true;
    }
    return false;
}

template <class T>
void bounds(const DenseView<T>&, Index) {}
template <class T>
bool repeats(const DenseView<T>&) {
    return false;
}

}  // namespace

std::optional<std::pair<Index, Index>> first_nonfinite(const Matrix& x) {
    return std::visit([](const auto& m) { return find(m, true); }, x);
}

std::optional<std::pair<Index, Index>> first_infinite(const Matrix& x) {
    return std::visit([](const auto& m) { return find(m, false); }, x);
}

void csr_bounds(const Matrix& x, Index size) {
    std::visit([&](const auto& m) { bounds(m, size); }, x);
}

bool csr_repeats(const Matrix& x) {
    return std::visit([](const auto& m) { return repeats(m); }, x);
}

template <class T>
double total(const T* x, Index n) noexcept {
    using Sum =
        std::conditional_t<std::is_integral_v<T>, std::int64_t, T>;  // a chunk's integers cannot overflow it
    constexpr Index chunk = 4096, lanes = 64;  // as many additions at once as hide an addition's latency
    double sum = 0;
    for (Index begin = 0; begin < n; begin += chunk) {
        const Index m = std::min(chunk, n - begin), even = m / lanes * lanes;
        Sum part[lanes] = {};
        for (Index i = 0; i < even; i += lanes)
#pragma omp simd
            for (Index k = 0; k < lanes; k++) part[k] += static_cast<Sum>(x[begin + i + k]);
        for (Index i = even; i < m; i++) part[0] += static_cast<Sum>(x[begin + i]);
        for (const Sum s : part) sum += static_cast<double>(s);
    }
    return sum;
}

template double total(const float*, Index) noexcept;
template double total(const double*, Index) noexcept;
template double total(const std::int32_t*, Index) noexcept;
template double total(const std::int64_t*, Index) noexcept;

}  // namespace esker

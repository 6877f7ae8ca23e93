// The rows of a kernel matrix: their mean, and products with them in float64. Rows or ranges of columns are
// dealt to the threads, each of which sums in the order of the rows.
#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "base/blas.hpp"
#include "base/parallel.hpp"
#include "isa/kernels.hpp"
#include "solve/kernel_products.hpp"

namespace esker {
namespace {

// Up to this many targets are multiplied row by row; more are worth float64 panels and a matrix product.
constexpr Index few = 4, panel_numbers = Index{1} << 20;

Index range_of(Index d) { return std::clamp<Index>((d / 64 + 63) / 64 * 64, 64, 1024); }

template <class T>
auto sum_kernel() {
    if constexpr (std::is_same_v<T, float>)
        return kernels().row_strips.sum_f32;
    else
        return kernels().row_strips.sum_f64;
}

template <class T>
void mean_of(KernelMatrix& m, const DenseView<T>& x, const double* weight, double total) {
    // Relative to the first row that counts, so that a constant column's mean is that constant to the bit.
    Index first = 0;
    while (weight && first + 1 < x.rows && weight[first] == 0) first++;
    const Index width = range_of(x.cols), rest = x.rows - first - 1;
    std::vector<double> share(static_cast<std::size_t>(rest), 1 / total);
    for (Index i = 0; weight && i < rest; i++)
        share[static_cast<std::size_t>(i)] = weight[first + 1 + i] / total;
    parallel_for((x.cols + width - 1) / width, [&](Index task) {
        const Index j = task * width, n = std::min(width, x.cols - j);
        std::vector<double> shift(x.row(first) + j, x.row(first) + j + n),
            sum(static_cast<std::size_t>(n), 0.0);
        sum_kernel<T>()(sum.data(), share.data(), 1, x.row(first + 1) + j, x.stride, shift.data(), rest, n);
        for (Index k = 0; k < n; k++)
            m.mean[static_cast<std::size_t>(j + k)] =
                shift[static_cast<std::size_t>(k)] + sum[static_cast<std::size_t>(k)];
    });
}

template <class T, class I>
void mean_of(KernelMatrix& m, const CsrView<T, I>& x, const double* weight, double total) {
    const ByColumns& c = m.by_columns;
    const auto& values = values_of<T>(c);
    parallel_for((x.cols + 4095) / 4096, [&](Index task) {
        for (Index j = task * 4096; j < std::min(x.cols, task * 4096 + 4096); j++) {
            const auto at = static_cast<std::size_t>(j);
            double mean = 0;
            for (int pass = 0; pass < 2; pass++) {  // the second takes what rounding left in the first
                double sum = 0, seen = 0;
                for (Index e = c.start[at]; e < c.start[at + 1]; e++) {
                    const auto entry = static_cast<std::size_t>(e);
                    const double w = weight ? weight[c.row[entry]] : 1.0;
                    sum += w * (static_cast<double>(values[entry]) - mean), seen += w;
                }
                mean += (sum - std::max(0.0, total - seen) * mean) / total;
            }
            m.mean[at] = mean;
        }
    });
}

// f(begin, rows, Z) for float64 panels Z of rows about the mean.
template <class T, class F>
void over_panels(const KernelMatrix& m, const DenseView<T>& x, F&& f) {
    const Index step = std::clamp<Index>(panel_numbers / std::max<Index>(1, m.d), 1, m.n);
    std::vector<double> panel(static_cast<std::size_t>(step * m.d));
    for (Index begin = 0; begin < m.n; begin += step) {
        const Index rows = std::min(step, m.n - begin);
        parallel_for(rows, [&](Index i) {
            const T* from = x.row(begin + i);
            double* to = panel.data() + i * m.d;
            for (Index j = 0; j < m.d; j++)
                to[j] = static_cast<double>(from[j]) - m.mean[static_cast<std::size_t>(j)];
        });
        f(begin, rows, panel.data());
    }
}

template <class T>
void forth_of(const KernelMatrix& m, const DenseView<T>& x, double* out, const double* w, Index targets) {
    if (targets > few)
        return over_panels(m, x, [&](Index begin, Index rows, const double* panel) {
            blas::gemm('T', 'N', targets, rows, m.d, 1.0, w, m.d, panel, m.d, 0.0, out + begin * targets,
                       targets);
        });
    parallel_for((m.n + 7) / 8, [&](Index task) {
        for (Index i = task * 8; i < std::min(m.n, task * 8 + 8); i++)
            for (Index c = 0; c < targets; c++)
                out[i * targets + c] = kernels().residual<T>().dot(x.row(i), m.mean.data(), w + c * m.d, m.d);
    });
}

template <class T>
void back_of(const KernelMatrix& m, const DenseView<T>& x, double* out, const double* u, Index targets) {
    if (targets > few)
        return over_panels(m, x, [&](Index begin, Index rows, const double* panel) {
            blas::gemm('N', 'T', m.d, targets, rows, 1.0, panel, m.d, u + begin * targets, targets, 1.0, out,
                       m.d);
        });
    const Index width = range_of(m.d);
    parallel_for((m.d + width - 1) / width, [&](Index task) {
        const Index j = task * width, n = std::min(width, m.d - j);
        for (Index c = 0; c < targets; c++)
            sum_kernel<T>()(out + c * m.d + j, u + c, targets, x.row(0) + j, x.stride, m.mean.data() + j, m.n,
                            n);
    });
}

template <class T, class I>
void forth_of(const KernelMatrix& m, const CsrView<T, I>& x, double* out, const double* w, Index targets) {
    std::vector<double> at_mean(static_cast<std::size_t>(targets), 0.0);
    for (Index c = 0; c < targets; c++)
        for (Index j = 0; j < m.d; j++)
            at_mean[static_cast<std::size_t>(c)] += m.mean[static_cast<std::size_t>(j)] * w[c * m.d + j];
    parallel_for((m.n + 63) / 64, [&](Index task) {
        for (Index i = task * 64; i < std::min(m.n, task * 64 + 64); i++) {
            const auto row = x.row(i);
            for (Index c = 0; c < targets; c++) {
                double sum = 0;
                for (Index k = 0; k < row.size; k++)
                    sum +=
                        static_cast<double>(row.values[k]) * w[c * m.d + static_cast<Index>(row.columns[k])];
                out[i * targets + c] = sum - at_mean[static_cast<std::size_t>(c)];
            }
        }
    });
}

template <class T, class I>
void back_of(const KernelMatrix& m, const CsrView<T, I>&, double* out, const double* u, Index targets) {
    const ByColumns& by = m.by_columns;
    const auto& values = values_of<T>(by);
    std::vector<double> whole(static_cast<std::size_t>(targets), 0.0);
    for (Index i = 0; i < m.n; i++)
        for (Index c = 0; c < targets; c++) whole[static_cast<std::size_t>(c)] += u[i * targets + c];
    parallel_for((m.d + 1023) / 1024, [&](Index task) {
        for (Index j = task * 1024; j < std::min(m.d, task * 1024 + 1024); j++)
            for (Index c = 0; c < targets; c++) {
                const auto at = static_cast<std::size_t>(j);
                const double mean = m.mean[at];
                double sum = 0, seen = 0;
                for (Index e = by.start[at]; e < by.start[at + 1]; e++) {
                    const auto entry = static_cast<std::size_t>(e);
                    const double a = u[static_cast<Index>(by.row[entry]) * targets + c];
                    sum += a * (static_cast<double>(values[entry]) - mean), seen += a;
                }
                out[c * m.d + j] = sum - mean * (whole[static_cast<std::size_t>(c)] - seen);
            }
    });
}

template <class T>
void sort_columns(KernelMatrix&, const DenseView<T>&) {}
template <class T, class I>
void sort_columns(KernelMatrix& m, const CsrView<T, I>& x) {
    sort_by_columns(m.by_columns, x);
}

}  // namespace

KernelMatrix::KernelMatrix(const Matrix& x, const double* weight, bool centred)
    : x(x),
      n(std::visit([](const auto& rows) { return rows.rows; }, x)),
      d(cols(x)),
      centred(centred),
      root(static_cast<std::size_t>(n), 1.0),
      mean(static_cast<std::size_t>(d), 0.0) {
    double total = weight ? 0.0 : static_cast<double>(n);
    for (Index i = 0; weight && i < n; i++) {
        require(weight[i] >= 0, "sample_weight must not be negative, got " + std::to_string(weight[i]));
        total += weight[i], root[static_cast<std::size_t>(i)] = std::sqrt(weight[i]);
    }
    require(total > 0, "sample_weight is zero in every row; at least one row needs a positive weight");
    std::visit(
        [&](const auto& rows) {
            sort_columns(*this, rows);
            if (centred) mean_of(*this, rows, weight, total);
        },
        x);
}

void KernelMatrix::forth(double* out, const double* w, Index targets) const {
    std::visit([&](const auto& rows) { forth_of(*this, rows, out, w, targets); }, x);
}

void KernelMatrix::back(double* out, const double* u, Index targets) const {
    std::fill(out, out + targets * d, 0.0);
    std::visit([&](const auto& rows) { back_of(*this, rows, out, u, targets); }, x);
}

}  // namespace esker

// Panels of dense rows, nonzeros of sparse ones.
#include "fold/column_moments.hpp"

#include <algorithm>
#include <cmath>

#include "base/parallel.hpp"
#include "isa/kernels.hpp"

namespace esker {
namespace {

constexpr Index panel = 256, share = 4096, most_shares = 16;

// Column j of what is new, into that of what is there.
void join(ColumnMoments& s, std::size_t j, double weight, double mean, double m2, double most) {
    s.most[j] = std::max(s.most[j], most);
    if (weight == 0) return;
    const double total = s.weight[j] + weight, part = weight / total, delta = mean - s.mean[j];
    s.m2[j] += m2 + s.weight[j] * part * delta * delta;
    s.mean[j] += part * delta;
    s.weight[j] = total;
}

template <class T>
void absorb(ColumnMoments& s, const DenseView<T>& x, const Block& block, Index begin, Index end) {
    const auto& k = kernels().rows<T>();
    const auto d = static_cast<std::size_t>(x.cols);
    std::vector<double> weight(d), sum(d), most(d), m2(d), mean(d);
    for (Index r0 = begin; r0 < end; r0 += panel) {
        const Index r1 = std::min(end, r0 + panel);
        for (auto* v : {&weight, &sum, &most, &m2}) std::fill(v->begin(), v->end(), 0.0);
        // About the first row, so that a sum far from zero loses nothing.
        for (std::size_t j = 0; j < d; j++) {
            const double first = static_cast<double>(x.row(r0)[j]);
            mean[j] = std::isfinite(first) ? first : 0.0;
        }
        for (Index i = r0; i < r1; i++)
            if (const double w = block.w(i); w != 0)
                k.column_sums(weight.data(), sum.data(), most.data(), x.row(i), mean.data(), w, x.cols);
        for (std::size_t j = 0; j < d; j++)
            if (weight[j] > 0) mean[j] += sum[j] / weight[j];
        for (Index i = r0; i < r1; i++)
            if (const double w = block.w(i); w != 0)
                k.column_squares(m2.data(), x.row(i), mean.data(), w, x.cols);
        for (std::size_t j = 0; j < d; j++) join(s, j, weight[j], mean[j], m2[j], most[j]);
    }
}

template <class T>
void absorb(ColumnMoments& s, const DenseView<T>& x, const Block& block) {
    const Index shares = std::clamp<Index>((x.rows + share - 1) / share, 1, most_shares);
    // Whole panels for each share.
    const Index step = ((x.rows + shares - 1) / shares + panel - 1) / panel * panel;
    std::vector<ColumnMoments> parts(static_cast<std::size_t>(shares));
    parallel_for(shares, [&](Index p) {
        ColumnMoments& part = parts[static_cast<std::size_t>(p)];
        const Index begin = std::min(p * step, x.rows), end = std::min(begin + step, x.rows);
        part.widen(x.cols);
        absorb(part, x, block, begin, end);
    });
    for (const ColumnMoments& part : parts)
        for (std::size_t j = 0; j < part.mean.size(); j++)
            join(s, j, part.weight[j], part.mean[j], part.m2[j], part.most[j]);
}

// A column's zeros are rows like any other.
template <class T, class I>
void absorb(ColumnMoments& s, const CsrView<T, I>& x, const Block& block) {
    const auto d = static_cast<std::size_t>(x.cols);
    std::vector<double> seen(d), gone(d), mean(d), m2(d), most(d);
    double total = 0;
    auto each = [&](auto&& f) {
        for (Index i = 0; i < x.rows; i++) {
            const auto row = x.row(i);
            const double w = block.w(i);
            if (w == 0) continue;
            for (Index k = 0; k < row.size; k++)
                f(static_cast<std::size_t>(row.columns[k]), static_cast<double>(row.values[k]), w);
        }
    };
    for (Index i = 0; i < x.rows; i++) total += block.w(i);
    if (total == 0) return;
    each([&](std::size_t j, double v, double w) {
        if (std::isnan(v))
            gone[j] += w;
        else
            seen[j] += w, mean[j] += w * v, most[j] = std::max(most[j], std::fabs(v));
    });
    for (std::size_t j = 0; j < d; j++)
        if (total > gone[j]) mean[j] /= total - gone[j];
    each([&](std::size_t j, double v, double w) {
        if (!std::isnan(v)) m2[j] += w * (v - mean[j]) * (v - mean[j]);
    });
    for (std::size_t j = 0; j < d; j++) {
        const double weight = std::max(0.0, total - gone[j]);
        m2[j] += std::max(0.0, weight - seen[j]) * mean[j] * mean[j];
        join(s, j, weight, mean[j], m2[j], most[j]);
    }
}

template <class T, class F>
void by_rows(const DenseView<T>& x, F&& f) {
    const Index step = std::max<Index>(1, (Index{1} << 16) / std::max<Index>(1, x.cols));
    parallel_for((x.rows + step - 1) / step, [&](Index task) {
        for (Index i = task * step; i < std::min(x.rows, (task + 1) * step); i++) f(i);
    });
}

}  // namespace

void ColumnMoments::widen(Index cols) {
    const auto d = static_cast<std::size_t>(cols);
    if (d <= mean.size()) return;
    weight.resize(d, row_weight);
    mean.resize(d, 0.0), m2.resize(d, 0.0), most.resize(d, 0.0);
}

void ColumnMoments::update(const Block& block) {
    std::visit(
        [&](const auto& x) {
            widen(x.cols);
            double added = 0;
            for (Index i = 0; i < x.rows; i++) added += block.w(i);
            absorb(*this, x, block);
            // Columns that this block is too narrow for hold zeros in its rows.
            for (auto j = static_cast<std::size_t>(x.cols); j < mean.size(); j++)
                join(*this, j, added, 0, 0, 0);
            rows += x.rows, row_weight += added;
        },
        block.x);
}

void ColumnMoments::merge(const ColumnMoments& other) {
    widen(static_cast<Index>(other.mean.size()));
    for (std::size_t j = 0; j < mean.size(); j++) {
        if (j < other.mean.size())
            join(*this, j, other.weight[j], other.mean[j], other.m2[j], other.most[j]);
        else
            join(*this, j, other.row_weight, 0, 0, 0);
    }
    rows += other.rows, row_weight += other.row_weight;
}

ColumnMoments::Summary ColumnMoments::finish() const {
    Summary s{weight, mean, m2, most};
    for (std::size_t j = 0; j < weight.size(); j++) s.variance[j] = weight[j] > 0 ? m2[j] / weight[j] : 0.0;
    return s;
}

template <class T>
void standardise(T* out, const DenseView<T>& x, const double* mean, const double* scale) {
    const auto& k = kernels().rows<T>();
    by_rows(x, [&](Index i) { k.shift_scale(out + i * x.cols, x.row(i), mean, scale, x.cols); });
}
template <class T>
void fill_missing(T* out, const DenseView<T>& x, const double* with) {
    const auto& k = kernels().rows<T>();
    by_rows(x, [&](Index i) { k.fill_nan(out + i * x.cols, x.row(i), with, x.cols); });
}

template void standardise<float>(float*, const DenseView<float>&, const double*, const double*);
template void standardise<double>(double*, const DenseView<double>&, const double*, const double*);
template void fill_missing<float>(float*, const DenseView<float>&, const double*);
template void fill_missing<double>(double*, const DenseView<double>&, const double*);

}  // namespace esker

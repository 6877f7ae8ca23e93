// Sparse rows for a kernel matrix: a row of the triangle gathers the products of its nonzeros with those of
// the rows after it, column by column (Gustavson, "Two fast algorithms for sparse matrices", 1978); a thread
// owns whole rows.
#include <algorithm>

#include "base/parallel.hpp"
#include "solve/kernel_products.hpp"

namespace esker {
namespace {

// A product of two nonzeros costs about as much as so many dense ones do.
constexpr double nonzero_cost = 12;

}  // namespace

template <class T, class I>
void sort_by_columns(ByColumns& to, const CsrView<T, I>& x) {
    const auto d = static_cast<std::size_t>(x.cols);
    to.start.assign(d + 1, 0);
    for (Index i = 0; i < x.rows; i++) {
        const auto row = x.row(i);
        for (Index k = 0; k < row.size; k++) to.start[static_cast<std::size_t>(row.columns[k]) + 1]++;
    }
    for (std::size_t j = 0; j < d; j++) to.start[j + 1] += to.start[j];
    auto& values = values_of<T>(to);
    to.row.resize(static_cast<std::size_t>(to.start[d])), values.resize(to.row.size());
    std::vector<Index> at(to.start.begin(), to.start.end() - 1);
    for (Index i = 0; i < x.rows; i++) {
        const auto row = x.row(i);
        for (Index k = 0; k < row.size; k++) {
            const auto e = static_cast<std::size_t>(at[static_cast<std::size_t>(row.columns[k])]++);
            to.row[e] = static_cast<std::int32_t>(i), values[e] = row.values[k];
        }
    }
    to.is_full.assign(d, 0);
    const double rows = static_cast<double>(x.rows);
    for (std::size_t j = 0; j < d; j++) {
        const double entries = static_cast<double>(to.start[j + 1] - to.start[j]);
        if (entries * entries * nonzero_cost > rows * rows)
            to.is_full[j] = 1, to.full.push_back(static_cast<Index>(j));
    }
}

template <class T, class I>
void add_sparse_products(KernelMatrix& m, const CsrView<T, I>& x, Poll poll) {
    const ByColumns& c = m.by_columns;
    const auto& values = values_of<T>(c);
    // Each entry's place in its column: what comes after it are the rows that it meets.
    std::vector<Index> next(c.start.begin(), c.start.end() - 1), place;
    const Index first = x.rows ? static_cast<Index>(x.indptr[0]) : 0;
    place.resize(c.row.size());
    std::vector<double> cost(static_cast<std::size_t>(x.rows), 1.0);
    double total = 0;
    for (Index i = 0; i < x.rows; i++) {
        const auto row = x.row(i);
        auto& own = cost[static_cast<std::size_t>(i)];
        for (Index k = 0; k < row.size; k++) {
            const auto j = static_cast<std::size_t>(row.columns[k]);
            const Index e = next[j]++;
            place[static_cast<std::size_t>(static_cast<Index>(x.indptr[i]) - first + k)] = e;
            if (!c.is_full[j]) own += static_cast<double>(c.start[j + 1] - e);
        }
        total += own;
    }
    // Tasks of about equal work, a few of them between two polls.
    std::vector<Index> cut{0};
    double work = 0;
    for (Index i = 0; i < x.rows; i++)
        if ((work += cost[static_cast<std::size_t>(i)]) > total / 256) cut.push_back(i + 1), work = 0;
    if (cut.back() < x.rows) cut.push_back(x.rows);
    const auto tasks = static_cast<Index>(cut.size()) - 1;
    for (Index begin = 0; begin < tasks; begin += 32) {
        if (poll && poll()) throw Interrupted();
        parallel_for(std::min<Index>(32, tasks - begin), [&](Index task) {
            for (Index i = cut[static_cast<std::size_t>(begin + task)];
                 i < cut[static_cast<std::size_t>(begin + task + 1)]; i++) {
                const auto row = x.row(i);
                double* __restrict to = m.row(i);
                for (Index k = 0; k < row.size; k++) {
                    const auto j = static_cast<std::size_t>(row.columns[k]);
                    if (c.is_full[j]) continue;
                    const double a = static_cast<double>(row.values[k]);
                    const Index end = c.start[j + 1];
                    for (Index e =
                             place[static_cast<std::size_t>(static_cast<Index>(x.indptr[i]) - first + k)];
                         e < end; e++)
                        to[c.row[static_cast<std::size_t>(e)]] +=
                            a * static_cast<double>(values[static_cast<std::size_t>(e)]);
                }
                const double own = m.root[static_cast<std::size_t>(i)];
                for (Index k = i; k < x.rows; k++) to[k] *= own * m.root[static_cast<std::size_t>(k)];
            }
        });
    }
}

template void sort_by_columns(ByColumns&, const CsrView<float, std::int32_t>&);
template void sort_by_columns(ByColumns&, const CsrView<double, std::int32_t>&);
template void sort_by_columns(ByColumns&, const CsrView<float, std::int64_t>&);
template void sort_by_columns(ByColumns&, const CsrView<double, std::int64_t>&);
template void add_sparse_products(KernelMatrix&, const CsrView<float, std::int32_t>&, Poll);
template void add_sparse_products(KernelMatrix&, const CsrView<double, std::int32_t>&, Poll);
template void add_sparse_products(KernelMatrix&, const CsrView<float, std::int64_t>&, Poll);
template void add_sparse_products(KernelMatrix&, const CsrView<double, std::int64_t>&, Poll);

}  // namespace esker

// Sparse rows into a Gram: a row of the triangle at a time gathers, in the order of the rows, the products of
// the nonzeros (Gustavson, "Two fast algorithms for sparse matrices", 1978, for X'X); a thread owns whole
// rows of the triangle.
#include <algorithm>
#include <cmath>

#include "base/parallel.hpp"
#include "fold/gram_panels.hpp"

namespace esker {
namespace {

// The block's entries, once more by columns and with the columns of each row ascending.
struct Transposed {
    std::vector<Index> start;          // column j's entries are start[j] .. start[j + 1]
    std::vector<std::int32_t> row;     // by columns
    std::vector<Index> next;           // by columns: where in the sorted rows the columns from j on begin
    std::vector<Index> row_end;        // by rows
    std::vector<std::int32_t> column;  // by rows, ascending
    std::vector<double> value;         // by rows
};

template <class T, class I>
Transposed transpose(const CsrView<T, I>& x) {
    Transposed t;
    const auto d = static_cast<std::size_t>(x.cols), n = static_cast<std::size_t>(x.rows);
    t.start.assign(d + 1, 0);
    t.row_end.assign(n, 0);
    Index size = 0;
    for (Index i = 0; i < x.rows; i++) {
        const auto row = x.row(i);
        for (Index k = 0; k < row.size; k++) t.start[static_cast<std::size_t>(row.columns[k]) + 1]++;
        size += row.size;
        t.row_end[static_cast<std::size_t>(i)] = size;
    }
    for (std::size_t j = 0; j < d; j++) t.start[j + 1] += t.start[j];
    const auto entries = static_cast<std::size_t>(size);
    t.row.resize(entries), t.next.resize(entries), t.column.resize(entries), t.value.resize(entries);
    std::vector<Index> at(t.start.begin(), t.start.end() - 1);
    std::vector<double> by_column(entries);
    for (Index i = 0; i < x.rows; i++) {
        const auto row = x.row(i);
        for (Index k = 0; k < row.size; k++) {
            const auto to = static_cast<std::size_t>(at[static_cast<std::size_t>(row.columns[k])]++);
            t.row[to] = static_cast<std::int32_t>(i);
            by_column[to] = static_cast<double>(row.values[k]);
        }
    }
    std::vector<Index> fill(n);
    for (std::size_t i = 0; i < n; i++) fill[i] = i ? t.row_end[i - 1] : 0;
    for (std::size_t j = 0; j < d; j++)
        for (Index e = t.start[j]; e < t.start[j + 1]; e++) {
            const auto entry = static_cast<std::size_t>(e);
            const Index to = fill[static_cast<std::size_t>(t.row[entry])]++;
            t.next[entry] = to;
            t.column[static_cast<std::size_t>(to)] = static_cast<std::int32_t>(j);
            t.value[static_cast<std::size_t>(to)] = by_column[entry];
        }
    return t;
}

// The rest of a row lies anywhere in the block: a row that many entries on is asked for, or each would be
// waited for.
constexpr std::size_t ahead = 12;
inline void ask_for(const Transposed& t, std::size_t entry) {
    if (entry >= t.next.size()) return;
    const auto at = static_cast<std::size_t>(t.next[entry]);
    const char *columns = reinterpret_cast<const char*>(t.column.data() + at),
               *values = reinterpret_cast<const char*>(t.value.data() + at);
    for (int line = 0; line < 3; line++) __builtin_prefetch(values + 64 * line);
    for (int line = 0; line < 2; line++) __builtin_prefetch(columns + 64 * line);
}

}  // namespace

template <class T, class I>
void absorb_sparse(Gram& s, const CsrView<T, I>& x, const Block& block) {
    const Index d = x.cols, targets = block.targets;
    double weight = 0;
    std::vector<double> mean_y(s.mean_y.size(), 0.0);
    for (Index i = 0; i < x.rows; i++) {
        weight += block.w(i);
        for (Index c = 0; c < targets; c++)
            mean_y[static_cast<std::size_t>(c)] += block.w(i) * block.y[i * targets + c];
    }
    if (weight == 0) return;
    for (double& m : mean_y) m /= weight;
    std::vector<double> left_y(s.mean_y.size(), 0.0);
    for (Index c = 0; c < targets; c++) {
        const auto at = static_cast<std::size_t>(c);
        double squares = 0;
        for (Index i = 0; i < x.rows; i++) {
            const double y = block.y[i * targets + c] - mean_y[at];
            left_y[at] += block.w(i) * y;
            squares += block.w(i) * y * y;
        }
        left_y[at] /= weight;
        s.yy[at] += squares - weight * left_y[at] * left_y[at];
        // The products below see y centred by mean_y, so the mean itself must stay what was subtracted.
    }
    std::vector<double> true_mean(mean_y);
    for (std::size_t c = 0; c < mean_y.size(); c++) true_mean[c] += left_y[c];
    const Step step = step_to(s, weight, true_mean.data());
    for (Index c = 0; c < targets; c++) {
        const double dy = step.dy[static_cast<std::size_t>(c)];
        s.yy[static_cast<std::size_t>(c)] += step.between * dy * dy;
    }
    s.noise = std::max(s.noise, 64 * 0x1p-52);

    const Transposed t = transpose(x);
    std::vector<double> sum(static_cast<std::size_t>(d), 0.0), dx(static_cast<std::size_t>(d));
    for (Index j = 0; j < d; j++) {
        const auto at = static_cast<std::size_t>(j);
        for (Index e = t.start[at]; e < t.start[at + 1]; e++) {
            const auto entry = static_cast<std::size_t>(e);
            sum[at] += block.w(t.row[entry]) * t.value[static_cast<std::size_t>(t.next[entry])];
        }
        dx[at] = sum[at] / weight - s.mean_x[at];
        s.mean_x[at] += step.share * dx[at];
    }
    // Tasks of about equal work; every row of the triangle is summed in the order of the block's rows whoever
    // owns it.
    std::vector<Index> cut{0};
    double work = 0, total = 0;
    auto cost = [&](std::size_t j) {
        double c = 8 + static_cast<double>(d - static_cast<Index>(j)) / 8;
        for (Index e = t.start[j]; e < t.start[j + 1]; e++) {
            const auto entry = static_cast<std::size_t>(e);
            c += static_cast<double>(t.row_end[static_cast<std::size_t>(t.row[entry])] - t.next[entry]);
        }
        return c;
    };
    std::vector<double> costs(static_cast<std::size_t>(d));
    for (std::size_t j = 0; j < costs.size(); j++) total += costs[j] = cost(j);
    for (Index j = 0; j < d; j++)
        if ((work += costs[static_cast<std::size_t>(j)]) > total / 128) cut.push_back(j + 1), work = 0;
    if (cut.back() < d) cut.push_back(d);
    parallel_for(static_cast<Index>(cut.size()) - 1, [&](Index task) {
        for (Index i = cut[static_cast<std::size_t>(task)]; i < cut[static_cast<std::size_t>(task) + 1];
             i++) {
            const auto at = static_cast<std::size_t>(i);
            double* __restrict to = s.row(i);
            for (Index e = t.start[at]; e < t.start[at + 1]; e++) {
                const auto entry = static_cast<std::size_t>(e);
                ask_for(t, entry + ahead);
                const Index r = t.row[entry], end = t.row_end[static_cast<std::size_t>(r)];
                const double a = block.w(r) * t.value[static_cast<std::size_t>(t.next[entry])];
                if (a == 0) continue;
                for (Index k = t.next[entry]; k < end; k++)
                    to[t.column[static_cast<std::size_t>(k)]] += a * t.value[static_cast<std::size_t>(k)];
                for (Index c = 0; c < targets; c++)
                    s.xy[static_cast<std::size_t>(c * d + i)] +=
                        a * (block.y[r * targets + c] - mean_y[static_cast<std::size_t>(c)]);
            }
            const double own = sum[at] / weight, between = step.between * dx[at];
            for (Index j = i; j < d; j++)
                to[j] += between * dx[static_cast<std::size_t>(j)] - own * sum[static_cast<std::size_t>(j)];
            for (Index c = 0; c < targets; c++)
                s.xy[static_cast<std::size_t>(c * d + i)] += between * step.dy[static_cast<std::size_t>(c)] -
                                                             sum[at] * left_y[static_cast<std::size_t>(c)];
        }
    });
}

template void absorb_sparse(Gram&, const CsrView<float, std::int32_t>&, const Block&);
template void absorb_sparse(Gram&, const CsrView<double, std::int32_t>&, const Block&);
template void absorb_sparse(Gram&, const CsrView<float, std::int64_t>&, const Block&);
template void absorb_sparse(Gram&, const CsrView<double, std::int64_t>&, const Block&);

}  // namespace esker

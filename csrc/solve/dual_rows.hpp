// What dual coordinate descent asks of one row of many parts: its products with w, and w plus some of it.
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "base/parallel.hpp"
#include "isa/kernels.hpp"
#include "solve/dual_descent.hpp"

namespace esker {

// Rows of the kind that view V is. w: numbers of a row's columns, in float64.
template <class V>
struct Opened {
    using T = typename V::Scalar;
    static constexpr bool dense = requires(V v) { v.stride; };
    explicit Opened(const MachineRows& all) : rows(&all), only(&std::get<V>(all.parts[0])) {}

    auto row(Index i) const noexcept {
        if (rows->parts.size() == 1) return only->row(i);
        const auto after = std::upper_bound(rows->first.begin(), rows->first.end(), i) - 1;
        return std::get_if<V>(&rows->parts[static_cast<std::size_t>(after - rows->first.begin())])
            ->row(i - *after);
    }
    double dot(Index i, const double* w) const noexcept {
        const auto x = row(i);
        if constexpr (dense) {
            return table->dot(x, w, only->cols);
        } else {
            double a = 0, b = 0, c = 0, d = 0;  // sums that need not wait for each other
            Index j = 0;
            for (; j + 4 <= x.size; j += 4) {
                a += static_cast<double>(x.values[j]) * w[x.columns[j]];
                b += static_cast<double>(x.values[j + 1]) * w[x.columns[j + 1]];
                c += static_cast<double>(x.values[j + 2]) * w[x.columns[j + 2]];
                d += static_cast<double>(x.values[j + 3]) * w[x.columns[j + 3]];
            }
            for (; j < x.size; j++) a += static_cast<double>(x.values[j]) * w[x.columns[j]];
            return (a + b) + (c + d);
        }
    }
    void axpy(Index i, double* w, double step) const noexcept {
        const auto x = row(i);
        if constexpr (dense)
            table->axpy(w, step, x, only->cols);
        else
            for (Index j = 0; j < x.size; j++) w[x.columns[j]] += step * static_cast<double>(x.values[j]);
    }
    double square(Index i) const noexcept {
        const auto x = row(i);
        double sum = 0;
        if constexpr (dense)
            for (Index j = 0; j < only->cols; j++)
                sum += static_cast<double>(x[j]) * static_cast<double>(x[j]);
        else
            for (Index j = 0; j < x.size; j++)
                sum += static_cast<double>(x.values[j]) * static_cast<double>(x.values[j]);
        return sum;
    }
    void prefetch(Index i) const noexcept {
        const auto x = row(i);
        if constexpr (dense) {
            lines(x, only->cols);
        } else {
            lines(x.values, x.size);
            lines(x.columns, x.size);
        }
    }

private:
    template <class P>
    static void lines(const P* at, Index n) noexcept {  // the rest of a long row the hardware sees coming
        const char* from = reinterpret_cast<const char*>(at);
        const Index bytes = std::min<Index>(n * static_cast<Index>(sizeof(P)), 1024);
        for (Index b = 0; b < bytes; b += 64) __builtin_prefetch(from + b);
    }
    const MachineRows* rows;
    const V* only;
    const RowKernels<T>* table = &kernels().rows<T>();
};

// f(opened rows), by their kind.
template <class F>
void with_rows(const MachineRows& rows, F&& f) {
    std::visit([&](const auto& m) { f(Opened<std::decay_t<decltype(m)>>(rows)); }, rows.parts[0]);
}

inline Index stored_numbers(const Matrix& x) {
    return std::visit(
        [](const auto& m) -> Index {
            if constexpr (requires { m.stride; })
                return m.rows * m.cols;
            else
                return static_cast<Index>(m.indptr[m.rows] - m.indptr[0]);
        },
        x);
}

inline Index number_bytes(const MachineRows& rows) {
    return std::visit(
        [](const auto& m) -> Index {
            using V = std::decay_t<decltype(m)>;
            if constexpr (requires { m.stride; })
                return sizeof(typename V::Scalar);
            else
                return sizeof(typename V::Scalar) + sizeof(typename V::Column);
        },
        rows.parts[0]);
}

// X'b with the constant column, in shards that the shape alone decides.
inline std::vector<double> weighted_sum(const MachineRows& rows, const double* b) {
    constexpr int shards = 2;
    std::vector<double> sums[shards];
    parallel_for(shards, [&](Index s) {
        std::vector<double>& sum = sums[s];
        sum.assign(static_cast<std::size_t>(rows.cols + 1), 0.0);
        with_rows(rows, [&](const auto& x) {
            for (Index i = rows.n() * s / shards; i < rows.n() * (s + 1) / shards; i++) {
                if (b[i] == 0) continue;
                x.axpy(i, sum.data(), b[i]);
                sum.back() += rows.bias * b[i];
            }
        });
    });
    for (std::size_t j = 0; j < sums[0].size(); j++) sums[0][j] += sums[1][j];
    return std::move(sums[0]);
}

}  // namespace esker

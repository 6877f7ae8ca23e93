// How plain steps read a row, for each layout, and how they step.
#pragma once

#include "fold/sgd_dense_rows.hpp"

namespace esker::rows {

inline void scale_dot(const Sgd& s, Row& r) {
    for (int k = 0; k < s.lanes(); k++)
        r.dot[k] = static_cast<float>(static_cast<double>(r.dot[k]) * s.lane_scale[k]);
}

// CSR rows.
template <class I>
struct PlainRows {
    static constexpr bool single = false, flat = false, plain = true, bets = false;
    // Of rows that are mostly zeros the intercept learns slower than a weight, as it is in all of them
    // (Bottou).
    static constexpr double intercept_rate = 0.01;
    FloatRows<I> x;
    const PlainTable& kernels_of = kernels().plain;
    const PlainKernels<I>& kernel;
    const float* values = nullptr;
    SparseRow<float, I> row{};

    PlainRows(const FloatRows<I>& x, const Sgd& s) : x(x), kernel(table()[kernel_of_width(s.width())]) {}
    static const PlainKernels<I>* table() {
        if constexpr (std::is_same_v<I, std::int32_t>)
            return kernels().plain.rows_i32;
        else
            return kernels().plain.rows_i64;
    }
    void open(const Sgd&, Row& r, Index i) { row = x.row(r.values, i), values = row.values; }
    void see(Sgd&, double) {}
    double dot(const Sgd& s, Row& r) {
        kernel.dot(r.dot.data(), s.w.data(), values, row.columns, row.size, s.width(), s.stride());
        if (s.shrink() != Shrink::none) scale_dot(s, r);
        return static_cast<double>(row.size);
    }
    double squares(const Row&) const { return kernels_of.squares(values, row.size); }
    void step(Sgd& s, const Row& r, Shrink shrink) {
        kernel.step(s.w.data(), values, row.columns, row.size, s.width(), s.stride(), r.eg.data());
        if (shrink == Shrink::elastic)
            kernel.truncate(s.w.data(), row.columns, row.size, s.width(), s.stride(), r.el1.data(),
                            r.el2.data(), r.g.data());
    }
    void prefetch(const Sgd& s, Index i) const { prefetch_records(s, x, i); }
    void prefetch_row(Index i) const { prefetch_sparse_row(x, i); }
    void prefetch_bounds(Index i) const { __builtin_prefetch(x.indptr + i); }
};

// CSR rows, a single lane.
template <class I>
struct SinglePlainRows : PlainRows<I> {
    static constexpr bool single = true;
    Index count = 0;
    using PlainRows<I>::PlainRows;

    void open(const Sgd& s, Row& r, Index i) {
        PlainRows<I>::open(s, r, i);
        count = this->row.size;
    }
    float product(const Sgd& s) {
        float dot;
        this->kernel.dot(&dot, s.w.data(), this->values, this->row.columns, count, 1, s.stride());
        return s.lane_scale[0] == 1.0 ? dot : static_cast<float>(static_cast<double>(dot) * s.lane_scale[0]);
    }
};

// Dense rows, as they are.
struct PlainDense : DenseRows {
    static constexpr bool plain = true;
    static constexpr double intercept_rate = 1.0;
    const PlainTable& kernel = kernels().plain;

    using DenseRows::DenseRows;
    void see(Sgd&, double) {}
    double dot(const Sgd& s, Row& r) {
        DenseRows::dot(s, r);
        if (s.shrink() != Shrink::none) scale_dot(s, r);
        return static_cast<double>(s.cols);
    }
    double squares(const Row& r) const {
        return kernel.squares(r.values.data(), static_cast<Index>(r.values.size()));
    }
    void step(Sgd& s, Row& r, Shrink shrink) {
        if (s.width() < s.pattern())
            for (auto* v : {&r.eg, &r.el2, &r.el1, &r.g}) repeat(*v, s.width(), s.pattern());
        kernel.flat_step(s.w.data(), r.expanded.data(), s.flat(), s.pattern(), r.eg.data());
        if (shrink == Shrink::elastic)
            kernel.flat_truncate(s.w.data(), s.h.data(), s.flat(), s.pattern(), r.el1.data(), r.el2.data(),
                                 r.g.data());
    }
};

}  // namespace esker::rows

// How Sgd reads a row, for each layout of rows and tables: a dot, a step, and the halves of a step.
#pragma once

#include <bit>
#include <cmath>

#include "fold/sgd.hpp"

namespace esker::rows {

// The numbers of one row, one entry a lane (padded), kept between rows to avoid allocation.
struct Row {
    std::vector<float> dot, g, eg, el2, el1, reach;
    std::vector<double> prediction, label, slope, value, most;
    std::vector<double> weight, root;     // what the row counts in each lane, and its root
    double filled = -1;                   // with which weight those are, where it is the same for all lanes
    std::vector<float> values, expanded;  // a row as float32; a standardised row, once for each lane

    explicit Row(const Sgd& s) {
        const auto p = static_cast<std::size_t>(std::max(s.pattern(), s.width()));
        for (auto* v : {&dot, &g, &eg, &el2, &el1, &reach}) v->assign(p, 0.0f);
        const auto n = static_cast<std::size_t>(s.lanes());
        for (auto* v : {&prediction, &label, &slope, &value, &most, &weight, &root}) v->assign(n, 0.0);
    }
};

inline bool refresh_due(const Sgd& s) noexcept {
    return s.steps <= settled_rows && std::has_single_bit(static_cast<std::uint64_t>(s.steps));
}

// The standard deviation where the column varies beyond its rounding errors, 0 where it has been constant.
inline double spread(double m2, double weight, double mean) {
    const double variance = m2 / weight;
    return variance > 1e-14 * mean * mean ? std::sqrt(variance) : 0.0;
}

// The largest value of a feature may have grown: its weight stays what it is in units of that value, so that
// a scale that has been far too small leaves no huge weight.
inline bool grow_scale(Sgd& s, Index j, double value) {
    const double by = std::abs(value), before = s.scale[static_cast<std::size_t>(j)];
    if (!(by * before > 1.0) && !(before == 0 && by > 0)) return false;
    const double now = 1.0 / by, ratio = before > 0 ? now / before : 1.0;
    s.scale[static_cast<std::size_t>(j)] = now;
    for (int k = 0; k < s.width(); k++) {
        float& sum = s.accumulator_at(j, k);
        if (s.step.rule == Rule::coin) {
            sum = static_cast<float>(static_cast<double>(sum) * ratio);
            s.weight_at(j, k) = static_cast<float>(static_cast<double>(s.weight_at(j, k)) * ratio);
        } else if (sum > first_accumulator)
            sum = std::max(first_accumulator, static_cast<float>(static_cast<double>(sum) * (ratio * ratio)));
    }
    return true;
}
// Lanes' numbers repeated to a flat pattern's length; and a pattern's sums added up for each lane, in halves.
inline void repeat(std::vector<float>& v, int width, int pattern) {
    for (int p = width; p < pattern; p++)
        v[static_cast<std::size_t>(p)] = v[static_cast<std::size_t>(p - width)];
}
inline void fold_pattern(std::vector<float>& out, std::vector<float>& sums, int width, int pattern) {
    for (int half = pattern / 2; half >= width; half /= 2)
        for (int p = 0; p < half; p++)
            sums[static_cast<std::size_t>(p)] += sums[static_cast<std::size_t>(p + half)];
    for (int k = 0; k < width; k++) out[static_cast<std::size_t>(k)] = sums[static_cast<std::size_t>(k)];
}

// Which of a table's kernels serves records of this width: 1 lane, 4, 8, a multiple of 16.
inline int kernel_of_width(int width) noexcept {
    return width == 1 ? 0 : width == 4 ? 1 : width == 8 ? 2 : 3;
}

// What each layout offers a row: a dot, a step, and the halves of a step.

// CSR rows of float32 or float64 values, read as float32.
template <class I>
struct FloatRows {
    const float* single = nullptr;  // one of the two
    const double* wide = nullptr;
    const I *indices, *indptr;
    Index rows;

    FloatRows(const CsrView<float, I>& x)
        : single(x.data), indices(x.indices), indptr(x.indptr), rows(x.rows) {}
    FloatRows(const CsrView<double, I>& x)
        : wide(x.data), indices(x.indices), indptr(x.indptr), rows(x.rows) {}
    const I* columns(Index i) const { return indices + indptr[i]; }
    Index size(Index i) const { return static_cast<Index>(indptr[i + 1] - indptr[i]); }
    // float64 values lie in `kept` then.
    SparseRow<float, I> row(std::vector<float>& kept, Index i) const {
        const Index n = size(i);
        if (!wide) return {single + indptr[i], columns(i), n};
        kept.resize(static_cast<std::size_t>(n));
        const double* from = wide + indptr[i];
        for (Index j = 0; j < n; j++) kept[static_cast<std::size_t>(j)] = static_cast<float>(from[j]);
        return {kept.data(), columns(i), n};
    }
    // How many floats may be read from the beginning of row i: to the end of the matrix, or of the converted
    // row.
    Index floats_from(const std::vector<float>& kept, Index i) const {
        return wide ? static_cast<Index>(kept.size()) : static_cast<Index>(indptr[rows] - indptr[i]);
    }
};

// The records that a later row will touch, where the table is larger than the cache next to the core; and
// that row itself.
template <class I>
void prefetch_records(const Sgd& s, const FloatRows<I>& x, Index i) {
    const I* columns = x.columns(i);
    const Index stride = s.stride(), n = x.size(i);
    constexpr Index line = 16;
    for (Index j = 0; j < n; j++)
        for (Index k = 0; k < stride; k += line) __builtin_prefetch(s.w.data() + columns[j] * stride + k, 1);
}
// Every cache line from the first to the last byte of n numbers, which seldom begin on a line.
template <class T>
void prefetch_lines(const T* from, Index n) {
    const char* begin = reinterpret_cast<const char*>(from);
    const char* end = reinterpret_cast<const char*>(from + n);
    for (const char* p = begin; p < end; p += 64) __builtin_prefetch(p);
    if (n > 0) __builtin_prefetch(end - 1);
}
template <class I>
void prefetch_sparse_row(const FloatRows<I>& x, Index i) {
    prefetch_lines(x.columns(i), x.size(i));
    if (x.wide)
        prefetch_lines(x.wide + x.indptr[i], x.size(i));
    else
        prefetch_lines(x.single + x.indptr[i], x.size(i));
}

// A row's entries without those that store a zero, which change nothing.
template <class I>
struct WithoutZeros {
    std::vector<float> values;
    std::vector<I> columns;

    Index drop(const float*& x, const I*& c, Index n) {
        values.clear(), columns.clear();
        for (Index j = 0; j < n; j++)
            if (x[j] != 0.0f) values.push_back(x[j]), columns.push_back(c[j]);
        x = values.data(), c = columns.data();
        return static_cast<Index>(values.size());
    }
};

// CSR rows, records of 8 lanes or more.
template <class I>
struct WideRows {
    static constexpr bool single = false, plain = false, bets = false, in_place = true;
    static constexpr bool flat = false;
    FloatRows<I> x;
    const WideKernels<I>& kernel;
    const float* values = nullptr;
    const I* columns = nullptr;
    Index count = 0;
    WithoutZeros<I> kept;

    WideRows(const FloatRows<I>& x, const Sgd& s)
        : x(x), kernel(table()[s.automatic()][s.width() == 8 ? 0 : 1]) {}
    static auto table() -> const WideKernels<I> (*)[2] {
        if constexpr (std::is_same_v<I, std::int32_t>)
            return kernels().lanes.wide_i32;
        else
            return kernels().lanes.wide_i64;
    }
    void open(const Sgd&, Row& r, Index i) {
        const auto all = x.row(r.values, i);
        values = all.values, columns = all.columns, count = all.size;
    }
    void see(Sgd&, double) {}
    double dot(const Sgd& s, Row& r) {
        const auto sum = [&] {
            return kernel.dot(r.dot.data(), s.w.data(), values, columns, count, s.width());
        };
        if (sum()) count = kept.drop(values, columns, count), sum();
        return static_cast<double>(count);
    }
    void step(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        kernel.step[static_cast<int>(shrink)](s.w.data(), s.last.data(), values, columns, count, s.width(),
                                              step, static_cast<std::uint32_t>(s.steps), s.scaled_penalty);
    }
    void accumulate(Sgd& s, Row& r, const LaneStep& step) {
        kernel.accumulate(r.reach.data(), s.w.data(), values, columns, count, s.width(), step);
    }
    void apply(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        kernel.apply[static_cast<int>(shrink)](s.w.data(), s.last.data(), values, columns, count, s.width(),
                                               step, static_cast<std::uint32_t>(s.steps), s.scaled_penalty);
    }
    void prefetch(const Sgd& s, Index i) const { prefetch_records(s, x, i); }
    void prefetch_row(Index i) const { prefetch_sparse_row(x, i); }
    void prefetch_bounds(Index i) const { __builtin_prefetch(x.indptr + i); }
};

// A row's entries, values padded with zeros to a multiple of 16. Entries that store a zero are left out: they
// change nothing.
template <class I>
struct NonZeros {
    const I* columns = nullptr;
    Index count = 0;
    std::vector<float> values;
    std::vector<I> kept_columns;

    void open(const float* from, const I* all, Index n, Index room) {
        if (values.size() < static_cast<std::size_t>(n + 16))
            values.resize(static_cast<std::size_t>(2 * n + 32));
        columns = all;
        count = n;
        if (kernels().lanes.stage(values.data(), from, n, room) != 0) drop_zeros(from, all, n);
    }
    void drop_zeros(const float* from, const I* all, Index n) {
        std::vector<float> kept;
        kept_columns.clear();
        for (Index j = 0; j < n; j++)
            if (from[j] != 0.0f) kept.push_back(from[j]), kept_columns.push_back(all[j]);
        columns = kept_columns.data();
        count = static_cast<Index>(kept.size());
        kernels().lanes.stage(values.data(), kept.data(), count, count);
    }
};

// CSR rows, records of a single lane; learn_single in sgd_walk.cpp walks them.
template <class I>
struct SingleRows {
    static constexpr bool single = true, plain = false, bets = false, in_place = true;
    static constexpr bool flat = false;
    FloatRows<I> x;
    const SingleKernels<I>& kernel;
    Buffer records;
    RowEnd<I> end;
    const float* values = nullptr;
    const I* columns = nullptr;
    Index count = 0;
    WithoutZeros<I> kept;
    bool timed;

    SingleRows(const FloatRows<I>& x, const Sgd& s)
        : x(x), kernel(table()[s.automatic()]), timed(s.timed()) {}
    static const SingleKernels<I>* table() {
        if constexpr (std::is_same_v<I, std::int32_t>)
            return kernels().lanes.single_i32;
        else
            return kernels().lanes.single_i64;
    }
    void open(const Sgd&, Row& r, Index i) {
        const auto all = x.row(r.values, i);
        values = all.values, columns = all.columns, count = all.size;
        const auto room = static_cast<std::size_t>(4 * count + 64);
        if (records.size() < room) records.grow(2 * room);
    }
    double dot(const Sgd& s, Row& r) {
        r.dot[0] = product(s);
        return static_cast<double>(count);
    }
    float product(const Sgd& s) {
        bool zeros = false;
        const float sum = kernel.dot[timed](records.data(), &end, s.w.data(), columns, values, count, &zeros);
        if (!zeros) return sum;
        count = kept.drop(values, columns, count);
        return kernel.dot[timed](records.data(), &end, s.w.data(), columns, values, count, &zeros);
    }
    void step(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        kernel.step[static_cast<int>(shrink)](records.data(), &end, s.w.data(), columns, values, count, step,
                                              static_cast<std::uint32_t>(s.steps), s.scaled_penalty);
    }
    float accumulate(const LaneStep& step) {
        return kernel.accumulate(records.data(), &end, values, count, step);
    }
    void apply(Sgd& s, const LaneStep& step, Shrink shrink) {
        kernel.apply[static_cast<int>(shrink)](records.data(), &end, s.w.data(), columns, values, count, step,
                                               static_cast<std::uint32_t>(s.steps), s.scaled_penalty);
    }
    void prefetch(const Sgd& s, Index i) const { prefetch_records(s, x, i); }
    void prefetch_row(Index i) const { prefetch_sparse_row(x, i); }
    void prefetch_bounds(Index i) const { __builtin_prefetch(x.indptr + i); }
};

// CSR rows, records of 4 lanes.
template <class I>
struct NarrowRows {
    static constexpr bool single = false, plain = false, bets = false, in_place = true;
    static constexpr bool flat = true;
    FloatRows<I> x;
    const NarrowKernels<I>& kernel;
    const LaneKernels& lanes = kernels().lanes;
    const FlatKernels& flat_kernel;
    std::vector<float> w, h, v, p2, p1;  // the row's records, flat
    NonZeros<I> kept;
    const I* columns = nullptr;
    Index count = 0;

    NarrowRows(const FloatRows<I>& x, const Sgd& s)
        : x(x), kernel(table()), flat_kernel(s.automatic() ? lanes.flat_scaled : lanes.flat) {}
    static const NarrowKernels<I>& table() {
        if constexpr (std::is_same_v<I, std::int32_t>)
            return kernels().lanes.narrow_i32;
        else
            return kernels().lanes.narrow_i64;
    }
    Index length(const Sgd& s) const { return (count * s.width() + 15) / 16 * 16; }
    void open(const Sgd& s, Row& r, Index i) {
        const auto row = x.row(r.values, i);
        const auto room = static_cast<std::size_t>(row.size * s.width() + 16);
        if (w.size() < room)
            for (auto* f : {&w, &h, &v, &p2, &p1}) f->resize(room + room / 2);
        kept.open(row.values, row.columns, row.size, x.floats_from(r.values, i));
        columns = kept.columns;
        count = kept.count;
        kernel.spread(v.data(), kept.values.data(), count);
    }
    void see(Sgd&, double) {}
    double dot(const Sgd& s, Row& r) {
        // Not sooner: the row's target may have rescaled the table.
        kernel.gather(w.data(), h.data(), s.w.data(), columns, count);
        lanes.flat_dot(r.reach.data(), w.data(), v.data(), length(s), 16);
        fold_pattern(r.dot, r.reach, s.width(), 16);
        return static_cast<double>(count);
    }
    void age(Sgd& s, Shrink shrink) {
        if (shrink != Shrink::none)
            kernel.age(p2.data(), p1.data(), s.last.data(), v.data(), columns, count,
                       static_cast<std::uint32_t>(s.steps), s.scaled_penalty);
    }
    void step(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        age(s, shrink);
        flat_kernel.step[static_cast<int>(shrink)](w.data(), h.data(), v.data(), p2.data(), p1.data(),
                                                   length(s), 16, step);
        kernel.scatter(s.w.data(), w.data(), h.data(), columns, count);
    }
    void accumulate(Sgd& s, Row& r, const LaneStep& step) {
        flat_kernel.accumulate(r.dot.data(), w.data(), h.data(), v.data(), length(s), 16,
                               step);  // the dot has been read
        fold_pattern(r.reach, r.dot, s.width(), 16);
    }
    void apply(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        age(s, shrink);
        flat_kernel.apply[static_cast<int>(shrink)](w.data(), h.data(), v.data(), p2.data(), p1.data(),
                                                    length(s), 16, step);
        kernel.scatter(s.w.data(), w.data(), h.data(), columns, count);
    }
    void prefetch(const Sgd& s, Index i) const { prefetch_records(s, x, i); }
    void prefetch_row(Index i) const { prefetch_sparse_row(x, i); }
    void prefetch_bounds(Index i) const { __builtin_prefetch(x.indptr + i); }
};

}  // namespace esker::rows

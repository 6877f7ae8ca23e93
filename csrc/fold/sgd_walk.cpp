// Sgd's walk: a row is read once for all lanes; loss and storage are chosen once a block.
#include <bit>
#include <cmath>

#include "fold/sgd.hpp"

namespace esker {
namespace {

// The numbers of one row, one entry a lane (padded), kept between rows to avoid allocation.
struct Row {
    std::vector<float> dot, g, eg, el2, el1, reach;
    std::vector<double> prediction, label, slope, value;
    std::vector<float> values, expanded;  // a row as float32; a standardised row, once for each lane

    explicit Row(const Sgd& s) {
        const auto p = static_cast<std::size_t>(std::max(s.pattern(), s.width()));
        for (auto* v : {&dot, &g, &eg, &el2, &el1, &reach}) v->assign(p, 0.0f);
        const auto n = static_cast<std::size_t>(s.lanes());
        for (auto* v : {&prediction, &label, &slope, &value}) v->assign(n, 0.0);
    }
};

// The label that each lane learns from; of classes, +1 for its own and -1 for the rest.
void labels(double* out, const Sgd& s, const Block& block, Index i) {
    const double* y = block.y + i * block.targets;
    for (int k = 0; k < s.lanes(); k++) {
        const auto q = static_cast<std::size_t>(k);
        if (s.classes)
            out[k] = y[0] == s.table.target[q] ? 1.0 : -1.0;
        else
            out[k] = (y[s.table.target[q]] - s.y_centre[q]) / s.y_scale[q];
    }
}

bool refresh_due(const Sgd& s) noexcept {
    return s.steps <= settled_rows && std::has_single_bit(static_cast<std::uint64_t>(s.steps));
}

// The standard deviation where the column varies beyond its rounding errors, 0 where it has been constant.
double spread(double m2, double weight, double mean) {
    const double variance = m2 / weight;
    return variance > 1e-14 * mean * mean ? std::sqrt(variance) : 0.0;
}

template <class T>
void see_features(Sgd& s, const T* x, double weight) {
    if (s.steps > settled_rows) return;
    Moments& m = s.x_moments;
    m.weight += weight;
    m.rows++;
    kernels().rows<T>().moments(m.mean.data(), m.m2.data(), x, weight / m.weight, weight, s.cols);
    if (!refresh_due(s)) return;
    std::vector<double> centre(m.mean.size(), 0.0), scale(m.mean.size(), 0.0);
    for (std::size_t j = 0; j < centre.size(); j++) {
        const double mean = m.mean[j];
        const double sd = s.fit_intercept ? spread(m.m2[j], m.weight, mean)
                                          : spread(m.m2[j] + m.weight * mean * mean, m.weight, 0.0);
        if (s.fit_intercept) centre[j] = mean;
        // A column that has been constant waits at 0 for a scale; at the last refresh it is taken as it
        // comes.
        scale[j] = sd > 0 ? 1.0 / sd : s.steps >= settled_rows ? 1.0 : s.scale[j];
    }
    s.rescale_features(centre, scale);
}

void see_targets(Sgd& s, const double* y, Index targets, double weight) {
    if (s.steps > settled_rows || s.classes || !std::holds_alternative<Squared>(s.loss)) return;
    Moments& m = s.y_moments;
    m.widen(targets);
    m.weight += weight;
    m.rows++;
    kernels().rows<double>().moments(m.mean.data(), m.m2.data(), y, weight / m.weight, weight, targets);
    std::vector<double> centre(s.y_centre), scale(s.y_scale);
    bool changed = false;
    for (std::size_t k = 0; k < centre.size(); k++) {
        const auto t = static_cast<std::size_t>(s.table.target[k]);
        const double mean = m.mean[t];
        const double sd = s.fit_intercept ? spread(m.m2[t], m.weight, mean)
                                          : spread(m.m2[t] + m.weight * mean * mean, m.weight, 0.0);
        // A target that has been constant gets its scale with the first row that differs.
        if (!refresh_due(s) && !(s.y_scale[k] == unscaled && sd > 0)) continue;
        changed = true;
        if (s.fit_intercept) centre[k] = mean;
        if (sd > 0) scale[k] = sd;
    }
    if (!changed) return;
    s.rescale_targets(centre, scale);
}

// One row in 64, scattered, carries the increments that have become too small to add one by one.
float how_often(Index step) noexcept {
    const auto mixed = static_cast<std::uint64_t>(step) * 0x9E3779B97F4A7C15u;
    return (mixed >> 58) == 0 ? 64.0f : 0.0f;
}

// Lanes' numbers repeated to a flat pattern's length; and a pattern's sums added up for each lane, in halves.
void repeat(std::vector<float>& v, int width, int pattern) {
    for (int p = width; p < pattern; p++)
        v[static_cast<std::size_t>(p)] = v[static_cast<std::size_t>(p - width)];
}
void fold_pattern(std::vector<float>& out, std::vector<float>& sums, int width, int pattern) {
    for (int half = pattern / 2; half >= width; half /= 2)
        for (int p = 0; p < half; p++)
            sums[static_cast<std::size_t>(p)] += sums[static_cast<std::size_t>(p + half)];
    for (int k = 0; k < width; k++) out[static_cast<std::size_t>(k)] = sums[static_cast<std::size_t>(k)];
}

// What each layout offers a row: a dot, a step, and the halves of a step.

template <class T, class I>
const float* as_floats(std::vector<float>& kept, const SparseRow<T, I>& row) {
    if constexpr (std::is_same_v<T, float>) {
        return row.values;
    } else {
        kept.resize(static_cast<std::size_t>(row.size));
        for (Index j = 0; j < row.size; j++)
            kept[static_cast<std::size_t>(j)] = static_cast<float>(row.values[j]);
        return kept.data();
    }
}

// The records that a later row will touch, where the table is larger than the cache next to the core; and
// that row itself.
template <class T, class I>
void prefetch_records(const Sgd& s, const CsrView<T, I>& x, Index i) {
    const auto ahead = x.row(i);
    const Index stride = 2 * s.width();
    for (Index j = 0; j < ahead.size; j++) __builtin_prefetch(s.w.data() + ahead.columns[j] * stride, 1);
}
template <class T, class I>
void prefetch_sparse_row(const CsrView<T, I>& x, Index i) {
    const auto ahead = x.row(i);
    for (Index j = 0; j < ahead.size; j += 64 / static_cast<Index>(sizeof(I)))
        __builtin_prefetch(ahead.columns + j);
    for (Index j = 0; j < ahead.size; j += 64 / static_cast<Index>(sizeof(T)))
        __builtin_prefetch(ahead.values + j);
}

// CSR rows, records of 8 lanes or more.
template <class T, class I>
struct WideRows {
    static constexpr bool flat = false;
    const CsrView<T, I>& x;
    const WideKernels<I>& kernel;
    const float* values = nullptr;
    SparseRow<T, I> row{};

    WideRows(const CsrView<T, I>& x, const Sgd& s) : x(x), kernel(table()[s.width() == 8 ? 0 : 1]) {}
    static const WideKernels<I>* table() {
        if constexpr (std::is_same_v<I, std::int32_t>)
            return kernels().lanes.wide_i32;
        else
            return kernels().lanes.wide_i64;
    }
    void open(const Sgd&, Row& r, Index i) { row = x.row(i), values = as_floats(r.values, row); }
    void see(Sgd&, double) {}
    Index dot(const Sgd& s, Row& r) {
        return kernel.dot(r.dot.data(), s.w.data(), values, row.columns, row.size, s.width());
    }
    void step(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        kernel.step[static_cast<int>(shrink)](s.w.data(), s.last.data(), values, row.columns, row.size,
                                              s.width(), step, static_cast<std::uint32_t>(s.steps),
                                              s.scaled_penalty);
    }
    void accumulate(Sgd& s, Row& r, const LaneStep& step) {
        kernel.accumulate(r.reach.data(), s.w.data(), values, row.columns, row.size, s.width(), step);
    }
    void apply(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        kernel.apply[static_cast<int>(shrink)](s.w.data(), s.last.data(), values, row.columns, row.size,
                                               s.width(), step, static_cast<std::uint32_t>(s.steps),
                                               s.scaled_penalty);
    }
    void prefetch(const Sgd& s, Index i) const { prefetch_records(s, x, i); }
    void prefetch_row(Index i) const { prefetch_sparse_row(x, i); }
    void prefetch_bounds(Index i) const { __builtin_prefetch(x.indptr + i); }
};

// CSR rows, records of 1 or 4 lanes.
template <class T, class I>
struct NarrowRows {
    static constexpr bool flat = true;
    const CsrView<T, I>& x;
    const NarrowKernels<I>& kernel;
    const LaneKernels& lanes = kernels().lanes;
    std::vector<float> w, h, v, p2, p1;  // the row's records, flat
    std::vector<float> kept_values;      // a row's nonzeros, where it stores zeros too
    std::vector<I> kept_columns;
    const I* columns = nullptr;
    Index count = 0;

    NarrowRows(const CsrView<T, I>& x, const Sgd& s) : x(x), kernel(table()[s.width() == 1 ? 0 : 1]) {}
    static const NarrowKernels<I>* table() {
        if constexpr (std::is_same_v<I, std::int32_t>)
            return kernels().lanes.narrow_i32;
        else
            return kernels().lanes.narrow_i64;
    }
    Index length(const Sgd& s) const { return (count * s.width() + 15) / 16 * 16; }
    void open(const Sgd& s, Row& r, Index i) {
        const auto row = x.row(i);
        const auto room = static_cast<std::size_t>(row.size * s.width() + 16);
        if (w.size() < room)
            for (auto* f : {&w, &h, &v, &p2, &p1}) f->resize(room + room / 2);
        const float* values = as_floats(r.values, row);
        columns = row.columns;
        count = row.size;
        if (lanes.zeros(values, row.size) != 0) values = without_zeros(values, row);
        kernel.gather(w.data(), h.data(), s.w.data(), columns, count);
        kernel.spread(v.data(), values, count);
    }
    const float* without_zeros(const float* values, const SparseRow<T, I>& row) {
        kept_values.clear();
        kept_columns.clear();
        for (Index j = 0; j < row.size; j++)
            if (values[j] != 0.0f) kept_values.push_back(values[j]), kept_columns.push_back(row.columns[j]);
        columns = kept_columns.data();
        count = static_cast<Index>(kept_values.size());
        return kept_values.data();
    }
    void see(Sgd&, double) {}
    Index dot(const Sgd& s, Row& r) {
        lanes.flat_dot(r.reach.data(), w.data(), v.data(), length(s), 16);
        fold_pattern(r.dot, r.reach, s.width(), 16);
        return count;
    }
    void age(Sgd& s, Shrink shrink) {
        if (shrink != Shrink::none)
            kernel.age(p2.data(), p1.data(), s.last.data(), v.data(), columns, count,
                       static_cast<std::uint32_t>(s.steps), s.scaled_penalty);
    }
    void step(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        age(s, shrink);
        lanes.flat_scaled.step[static_cast<int>(shrink)](w.data(), h.data(), v.data(), p2.data(), p1.data(),
                                                         length(s), 16, step);
        kernel.scatter(s.w.data(), w.data(), h.data(), columns, count);
    }
    void accumulate(Sgd& s, Row& r, const LaneStep& step) {
        lanes.flat_scaled.accumulate(r.dot.data(), h.data(), v.data(), length(s), 16,
                                     step);  // the dot has been read
        fold_pattern(r.reach, r.dot, s.width(), 16);
    }
    void apply(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        age(s, shrink);
        lanes.flat_scaled.apply[static_cast<int>(shrink)](w.data(), h.data(), v.data(), p2.data(), p1.data(),
                                                          length(s), 16, step);
        kernel.scatter(s.w.data(), w.data(), h.data(), columns, count);
    }
    void prefetch(const Sgd& s, Index i) const { prefetch_records(s, x, i); }
    void prefetch_row(Index i) const { prefetch_sparse_row(x, i); }
    void prefetch_bounds(Index i) const { __builtin_prefetch(x.indptr + i); }
};

// Dense rows, standardised.
template <class T>
struct DenseRows {
    static constexpr bool flat = true;
    const DenseView<T>& x;
    const LaneKernels& lanes = kernels().lanes;
    const T* row = nullptr;

    DenseRows(const DenseView<T>& x, const Sgd&) : x(x) {}
    void open(const Sgd&, Row&, Index i) { row = x.row(i); }
    void see(Sgd& s, double weight) { see_features(s, row, weight); }
    Index dot(const Sgd& s, Row& r) {
        r.values.resize(static_cast<std::size_t>(s.cols));
        r.expanded.resize(static_cast<std::size_t>(s.flat()));  // the tail beyond cols stays zero
        if constexpr (std::is_same_v<T, float>)
            lanes.standardise_f32(r.values.data(), row, s.centre.data(), s.scale.data(), s.cols);
        else
            lanes.standardise_f64(r.values.data(), row, s.centre.data(), s.scale.data(), s.cols);
        lanes.expand(r.expanded.data(), r.values.data(), s.cols, s.width());
        lanes.flat_dot(r.reach.data(), s.w.data(), r.expanded.data(), s.flat(), s.pattern());
        fold_pattern(r.dot, r.reach, s.width(), s.pattern());
        return s.cols;
    }
    void step(Sgd& s, Row& r, const LaneStep& step, Shrink shrink) {
        lanes.flat.step[static_cast<int>(shrink)](s.w.data(), s.h.data(), r.expanded.data(), s.p2.data(),
                                                  s.p1.data(), s.flat(), s.pattern(), step);
    }
    void accumulate(Sgd& s, Row& r, const LaneStep& step) {
        lanes.flat.accumulate(r.dot.data(), s.h.data(), r.expanded.data(), s.flat(), s.pattern(), step);
        fold_pattern(r.reach, r.dot, s.width(), s.pattern());
    }
    void apply(Sgd& s, Row& r, const LaneStep& step, Shrink shrink) {
        lanes.flat.apply[static_cast<int>(shrink)](s.w.data(), s.h.data(), r.expanded.data(), s.p2.data(),
                                                   s.p1.data(), s.flat(), s.pattern(), step);
    }
    void prefetch(const Sgd&, Index) const {}
    void prefetch_row(Index i) const {
        for (Index j = 0; j < x.cols; j += 64 / static_cast<Index>(sizeof(T)))
            __builtin_prefetch(x.row(i) + j);
    }
    void prefetch_bounds(Index) const {}
};

template <class L, class Rows>
void learn_row(Sgd& s, Row& r, Rows& rows, const Block& block, Index i, double weight) {
    const int n = s.lanes();
    rows.open(s, r, i);
    s.steps++;
    rows.see(s, weight);
    see_targets(s, block.y + i * block.targets, block.targets, weight);
    const Index count = rows.dot(s, r);
    labels(r.label.data(), s, block, i);
    for (int k = 0; k < n; k++) r.prediction[k] = static_cast<double>(r.dot[k]) + s.bias[k];
    L::over(r.slope.data(), r.value.data(), r.prediction.data(), r.label.data(), n);

    bool still = true;
    for (int k = 0; k < n; k++) {
        s.loss_sum[k] += weight * r.value[k] * (L::bounded_slope ? 1.0 : s.y_scale[k] * s.y_scale[k]);
        still = still && r.slope[k] == 0.0;
    }
    s.meter_weight += weight;
    s.weight_sum += weight;
    s.nonzero_sum += weight * static_cast<double>(count);
    const Shrink shrink = s.shrink();
    if (still && shrink == Shrink::none)
        return;  // a penalty acts on every visit, whatever the other lanes do

    const double share = 1.0 / std::sqrt(std::max(1.0, s.mean_nonzeros()));
    const double root = std::sqrt(weight);
    for (int k = 0; k < n; k++) {
        const double rate = s.table.rate[k] * share;
        r.g[k] = static_cast<float>(root * r.slope[k]);
        r.eg[k] = static_cast<float>(rate * weight * r.slope[k]);
        r.el2[k] = static_cast<float>(rate * s.table.l2[k]);
        r.el1[k] = static_cast<float>(rate * s.table.l1[k]);
        s.bias_h[k] += weight * r.slope[k] * r.slope[k];
    }
    if (Rows::flat && s.width() < s.pattern())
        for (auto* v : {&r.g, &r.eg, &r.el2, &r.el1}) repeat(*v, s.width(), s.pattern());
    const LaneStep step{r.g.data(), r.eg.data(), r.el2.data(), r.el1.data(), how_often(s.steps)};

    if constexpr (L::bounded_slope) {
        rows.step(s, r, step, shrink);
        if (s.fit_intercept)
            for (int k = 0; k < n; k++)
                if (s.bias_h[k] > 0)
                    s.bias[k] -= s.table.rate[k] * weight * r.slope[k] / std::sqrt(s.bias_h[k]);
    } else {
        // The prediction moves by slope (1 - exp(-weight reach)): towards the label, never beyond it.
        rows.accumulate(s, r, step);
        for (int k = 0; k < n; k++) {
            const double of_bias =
                s.fit_intercept && s.bias_h[k] > 0 ? s.table.rate[k] / std::sqrt(s.bias_h[k]) : 0.0;
            const double reach = s.table.rate[k] * share * static_cast<double>(r.reach[k]) + of_bias;
            const double effective = reach > 0 ? -std::expm1(-weight * reach) / reach * r.slope[k] : 0.0;
            r.eg[k] = static_cast<float>(s.table.rate[k] * share * effective);
            s.bias[k] -= of_bias * effective;
        }
        if (Rows::flat && s.width() < s.pattern()) repeat(r.eg, s.width(), s.pattern());
        rows.apply(s, r, step, shrink);
    }
}

template <class L, class Rows>
void learn_rows(Sgd& s, Rows& rows, const Block& block, Index begin, Index end) {
    Row r(s);
    // Far enough ahead that the lines are there, near enough that they still are: 4 rows for records, 12 for
    // the rows.
    constexpr Index near = 4, far = 12, farther = 24;
    const bool large = static_cast<std::size_t>(s.w.size()) * sizeof(float) > (std::size_t{1} << 19);
    auto at = [&](Index p) { return block.order ? block.order[p] : p; };
    for (Index p = begin; p < end; p++) {
        if (block.order && p + farther < end) rows.prefetch_bounds(at(p + farther));
        if (block.order && p + far < end) rows.prefetch_row(at(p + far));
        if (large && p + near < end) rows.prefetch(s, at(p + near));
        const Index i = at(p);
        const double weight = block.w(i);
        s.rows++;
        if (weight > 0) learn_row<L>(s, r, rows, block, i, weight);
    }
}

void check(const Sgd& s, const Block& block, Index begin, Index end) {
    require(block.y != nullptr, "a learner that steps needs y");
    require(0 <= begin && begin <= end && end <= block.n,
            "rows [" + std::to_string(begin) + ", " + std::to_string(end) + ") are not within the block's " +
                std::to_string(block.n));
    if (s.classes)
        require(block.targets == 1, "classes are one column of y, got " + std::to_string(block.targets));
    for (std::int32_t t : s.table.target)
        require(s.classes || t < block.targets, "a lane learns column " + std::to_string(t) +
                                                    " of y, which has " + std::to_string(block.targets));
}

// A dense block for records, or a sparse one for flat tables, is read through the other's row type.
template <class T>
CsrView<T, std::int32_t> as_sparse(const DenseView<T>& x, Index i, std::vector<T>& values,
                                   std::vector<std::int32_t>& columns, std::int32_t (&ends)[2]) {
    values.clear();
    columns.clear();
    for (Index j = 0; j < x.cols; j++)
        if (x.row(i)[j] != T{0})
            values.push_back(x.row(i)[j]), columns.push_back(static_cast<std::int32_t>(j));
    ends[0] = 0, ends[1] = static_cast<std::int32_t>(values.size());
    return {values.data(), columns.data(), ends, 1, x.cols};
}
template <class T, class I>
DenseView<T> as_dense(const CsrView<T, I>& x, Index i, Index cols, std::vector<T>& values) {
    values.assign(static_cast<std::size_t>(cols), T{0});
    const auto row = x.row(i);
    for (Index j = 0; j < row.size; j++) values[static_cast<std::size_t>(row.columns[j])] = row.values[j];
    return {values.data(), 1, cols, cols};
}

// Calls f(view, block, position, end) with views of the state's layout: the whole block at once, or a row at
// a time.
template <class S, class F>
void in_layout(S& s, const Block& block, Index begin, Index end, F&& f) {
    std::visit(
        [&](const auto& x) {
            using X = std::decay_t<decltype(x)>;
            using T = typename X::Scalar;
            constexpr bool dense = std::is_same_v<X, DenseView<T>>;
            if (dense == (s.layout == Layout::dense) && (!dense || x.cols == s.cols))
                return f(x, block, begin, end);
            std::vector<T> values;
            for (Index p = begin; p < end; p++) {
                const Index i = block.order ? block.order[p] : p;
                Block one = block;
                one.order = nullptr;
                one.n = 1;
                one.y = block.y ? block.y + i * block.targets : nullptr;
                one.weight = block.weight ? block.weight + i : nullptr;
                if constexpr (dense) {
                    if (s.layout == Layout::dense) {  // narrower than the state
                        values.assign(static_cast<std::size_t>(s.cols), T{0});
                        for (Index j = 0; j < x.cols; j++) values[static_cast<std::size_t>(j)] = x.row(i)[j];
                        f(DenseView<T>{values.data(), 1, s.cols, s.cols}, one, 0, 1);
                    } else {
                        std::vector<std::int32_t> columns;
                        std::int32_t ends[2];
                        f(as_sparse(x, i, values, columns, ends), one, 0, 1);
                    }
                } else {
                    f(as_dense(x, i, s.cols, values), one, 0, 1);
                }
            }
        },
        block.x);
}

// Calls f with the rows of x as this state's layout reads them.
template <class T, class F>
void with_rows(const DenseView<T>& x, const Sgd& s, F&& f) {
    f(DenseRows<T>(x, s));
}
template <class T, class I, class F>
void with_rows(const CsrView<T, I>& x, const Sgd& s, F&& f) {
    if (s.width() < 8)
        f(NarrowRows<T, I>(x, s));
    else
        f(WideRows<T, I>(x, s));
}

}  // namespace

void Sgd::update_rows(const Block& block, Index begin, Index end) {
    check(*this, block, begin, end);
    const bool dense = std::holds_alternative<DenseView<float>>(block.x) ||
                       std::holds_alternative<DenseView<double>>(block.x);
    choose_layout(dense ? Layout::dense : Layout::sparse);
    widen(esker::cols(block.x));
    in_layout(*this, block, begin, end, [&](const auto& x, const Block& b, Index from, Index to) {
        with_rows(x, *this, [&](auto&& rows) {
            std::visit(
                [&](const auto& l) { learn_rows<std::decay_t<decltype(l)>>(*this, rows, b, from, to); },
                loss);
        });
    });
}

Sgd::Score Sgd::evaluate(const Block& block) const {
    check(*this, block, 0, block.n);
    require(layout != Layout::unknown, "an Sgd state that has seen no rows has nothing to evaluate");
    require(esker::cols(block.x) <= cols, "the block has " + std::to_string(esker::cols(block.x)) +
                                              " columns, the state has seen " + std::to_string(cols));
    Score out;
    const auto n = static_cast<std::size_t>(lanes());
    out.loss.assign(n, 0.0);
    out.errors.assign(n, 0.0);
    Row r(*this);
    auto score = [&](auto& rows, const Block& b, Index i, double weight) {
        rows.open(*this, r, i);
        rows.dot(*this, r);
        labels(r.label.data(), *this, b, i);
        for (std::size_t k = 0; k < n; k++) r.prediction[k] = static_cast<double>(r.dot[k]) + bias[k];
        std::visit(
            [&](const auto& l) {
                l.over(r.slope.data(), r.value.data(), r.prediction.data(), r.label.data(), lanes());
            },
            loss);
        for (std::size_t k = 0; k < n; k++) {
            out.loss[k] += weight * r.value[k] * (classes ? 1.0 : y_scale[k] * y_scale[k]);
            if (classes) out.errors[k] += weight * (r.prediction[k] * r.label[k] <= 0);
        }
        out.weight += weight;
    };
    in_layout(*this, block, 0, block.n, [&](const auto& x, const Block& b, Index from, Index to) {
        with_rows(x, *this, [&](auto&& rows) {
            for (Index p = from; p < to; p++) {
                const Index i = b.order ? b.order[p] : p;
                if (b.w(i) > 0) score(rows, b, i, b.w(i));
            }
        });
    });
    return out;
}

}  // namespace esker

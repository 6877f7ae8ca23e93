// Sgd's walk: a row is read once for all lanes; loss and storage are chosen once a block.
#include <cmath>

#include "fold/sgd_meter.hpp"
#include "fold/sgd_rows.hpp"

namespace esker {
namespace {

using namespace rows;

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

template <class L, class Rows>
void learn_row(Sgd& s, Row& r, Rows& rows, const Block& block, Index i, double weight, Shrink shrink) {
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
    if (still && shrink == Shrink::none)
        return;  // a penalty acts on every visit, whatever the other lanes do

    const double share =
        std::sqrt(std::min(1.0, s.weight_sum / s.nonzero_sum));  // 1 / root of the mean count
    const double root = weight == 1.0 ? 1.0 : std::sqrt(weight);
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

// The same for a single lane. Each row waits for the one before it, so its few numbers stay in registers and
// its loss is left for later.
template <class L, class Rows>
void learn_single(Sgd& s, Row& r, Rows& rows, Meter<L>& meter, const Block& block, Index i, double weight,
                  Shrink shrink) {
    rows.open(s, r, i);
    s.steps++;
    see_targets(s, block.y + i * block.targets, block.targets, weight);
    const double prediction = static_cast<double>(rows.product(s)) + s.bias[0];
    double label = 0;
    labels(&label, s, block, i);
    const double slope = meter.slope(s, prediction, label, weight);
    s.meter_weight += weight;
    s.weight_sum += weight;
    s.nonzero_sum += weight * static_cast<double>(rows.count);
    if (slope == 0.0 && shrink == Shrink::none) return;

    const double rate = s.table.rate[0];
    const double shared = rate * std::sqrt(std::min(1.0, s.weight_sum / s.nonzero_sum));
    const auto g = static_cast<float>(weight == 1.0 ? slope : std::sqrt(weight) * slope);
    const auto el2 = static_cast<float>(shared * s.table.l2[0]);
    const auto el1 = static_cast<float>(shared * s.table.l1[0]);
    auto eg = static_cast<float>(shared * weight * slope);
    s.bias_h[0] += weight * slope * slope;
    const bool biased = s.fit_intercept && s.bias_h[0] > 0;
    const LaneStep step{&g, &eg, &el2, &el1, how_often(s.steps)};
    if constexpr (L::bounded_slope) {
        rows.step(s, step, shrink);
        if (biased) s.bias[0] -= rate * weight * slope / std::sqrt(s.bias_h[0]);
    } else {
        const double of_bias = biased ? rate / std::sqrt(s.bias_h[0]) : 0.0;
        const double reach = shared * static_cast<double>(rows.accumulate(step)) + of_bias;
        const double effective = reach > 0 ? -std::expm1(-weight * reach) / reach * slope : 0.0;
        eg = static_cast<float>(shared * effective);
        s.bias[0] -= of_bias * effective;
        rows.apply(s, step, shrink);
    }
}

template <class L, class Rows>
void learn_rows(Sgd& s, Rows& rows, const Block& block, Index begin, Index end) {
    Row r(s);
    const Shrink shrink = s.shrink();
    // Far enough ahead that the lines are there, near enough that they still are: 4 rows for records, 12 for
    // the rows.
    constexpr Index near = 4, far = 12, farther = 24;
    const bool large = static_cast<std::size_t>(s.w.size()) * sizeof(float) > (std::size_t{1} << 20);
    Meter<L> meter;
    auto at = [&](Index p) { return block.order ? block.order[p] : p; };
    for (Index p = begin; p < end; p++) {
        if (p + farther < end) {
            rows.prefetch_bounds(at(p + farther));
            __builtin_prefetch(block.y + at(p + farther) * block.targets);
        }
        if (p + far < end) rows.prefetch_row(at(p + far));
        if (large && p + near < end) rows.prefetch(s, at(p + near));
        const Index i = at(p);
        const double weight = block.w(i);
        s.rows++;
        if (weight > 0) {
            if constexpr (Rows::single)
                learn_single<L>(s, r, rows, meter, block, i, weight, shrink);
            else
                learn_row<L>(s, r, rows, block, i, weight, shrink);
        }
    }
    meter.flush(s);
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

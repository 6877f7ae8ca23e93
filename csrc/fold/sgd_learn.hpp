// How Sgd learns from a row, read once for all lanes: a template of the loss and of how rows are read.
// sgd_learn_*.cpp compile it, each for losses of one kind.
#pragma once

#include <algorithm>
#include <cmath>

#include "fold/sgd_layout.hpp"
#include "fold/sgd_log_loss.hpp"
#include "fold/sgd_targets.hpp"

namespace esker::rows {

// Calls f(feature, its number in the row) for the features whose records a row's step changes.
template <class Rows, class F>
void each_feature(const Sgd& s, const Rows& rows, F&& f) {
    if constexpr (requires { rows.row; }) {
        for (Index e = 0; e < rows.row.size; e++) f(static_cast<Index>(rows.row.columns[e]), e);
    } else if constexpr (requires { rows.count; }) {
        for (Index e = 0; e < rows.count; e++) f(static_cast<Index>(rows.columns[e]), e);
    } else {
        for (Index j = 0; j < s.cols; j++) f(j, j);
    }
}

// Around a step, where averages are kept: the weights before it, and how far the sums fall behind by it.
template <class Rows>
struct Lag {
    std::vector<float> before;

    void remember(const Sgd& s, const Rows& rows) {
        if (s.average.steps == 0) return;
        before.clear();
        each_feature(s, rows, [&](Index j, Index) {
            for (int k = 0; k < s.lanes(); k++) before.push_back(s.weight_at(j, k));
        });
    }
    void add(Sgd& s, const Rows& rows) {
        if (s.average.steps == 0) return;
        each_feature(s, rows, [&](Index j, Index e) {
            double* lag = s.average.lag.data() + j * s.width();
            const float* old = before.data() + e * s.lanes();
            for (int k = 0; k < s.lanes(); k++)
                lag[k] += s.average.scales[static_cast<std::size_t>(k)] *
                          (static_cast<double>(s.weight_at(j, k)) - static_cast<double>(old[k]));
        });
    }
};

// The slope that a row of this weight adds up to as its prediction follows it; a step of size 1 would move
// the prediction by slope x reach.
template <class L>
double followed(const L& loss, double p, double y, double weight, double reach, double unit, double most) {
    if (!(reach > 0) || weight == 0.0) return 0.0;
    const double slope = loss.in_units(unit).moved(p, y, weight * reach) / reach;
    return L::log_link ? std::clamp(slope, -weight * most, weight * most) : slope;
}

// Whether a slope is so many standard deviations that a look at the row's values is worth its time.
inline bool steep(const double* slope, int n) noexcept {
    for (int k = 0; k < n; k++)
        if (!(std::abs(slope[k]) <= 16.0)) return true;
    return false;
}

// Loops over the lanes whose arrays do not overlap, so that they become vectors.
inline void predict(double* __restrict out, const float* __restrict dot, const double* __restrict bias,
                    int n) {
    for (int k = 0; k < n; k++) out[k] = static_cast<double>(dot[k]) + bias[k];
}
inline void add_losses(double* __restrict sum, const double* __restrict value, double weight, int n) {
    for (int k = 0; k < n; k++) sum[k] += weight * value[k];
}
// What accumulators and steps of a row are made of; squares of slopes go to the intercepts'.
inline void tell_slopes(float* __restrict g, float* __restrict eg, double* __restrict bias_h,
                        const double* __restrict slope, const double* __restrict rate, double share,
                        const double* __restrict weight, const double* __restrict root, int n) {
    for (int k = 0; k < n; k++) {
        g[k] = static_cast<float>(root[k] * slope[k]);
        eg[k] = static_cast<float>(rate[k] * share * weight[k] * slope[k]);
        bias_h[k] += weight[k] * slope[k] * slope[k];
    }
}
// root(h): what a rate is divided by.
template <class F>
void step_intercepts(double* __restrict bias, const double* __restrict bias_h, const double* __restrict slope,
                     const double* __restrict rate, const double* __restrict weight, int n, F root) {
    for (int k = 0; k < n; k++) {
        const double by = rate[k] * weight[k] * slope[k] / root(bias_h[k]);
        bias[k] -= bias_h[k] > 0 ? by : 0.0;
    }
}
inline void step_intercepts(Sgd& s, const Row& r, double share) {
    const auto with = [&](auto root) {
        step_intercepts(s.bias.data(), s.bias_h.data(), r.slope.data(), s.table.rate.data(), r.weight.data(),
                        s.lanes(), root);
    };
    if (s.step.rule == Rule::ftrl)
        with([](double h) { return 1.0 + std::sqrt(h); });
    else if (s.step.rule == Rule::normalized)
        with([share](double h) { return std::sqrt(h) / share; });
    else
        with([](double h) { return std::sqrt(h); });
}

// A row's losses and slopes, before it is learned from; whether there is a slope that is not 0.
template <class L, class Rows>
bool score_row(Sgd& s, const L& loss, Row& r, Rows& rows, const Block& block, Index i, double weight) {
    const int n = s.lanes();
    weigh(r, s, weight, block.keys(i));
    rows.open(s, r, i);
    s.steps++;
    rows.see(s, weight);
    if constexpr (L::log_link)
        for (int k = 0; k < n; k++) r.most[k] = most_slope(s, loss, static_cast<std::size_t>(k));
    see_targets<L>(s, block.y + i * block.targets, block.targets, weight);
    double size = rows.dot(s, r);
    labels(r.label.data(), s, block, i);
    auto judge = [&] {
        predict(r.prediction.data(), r.dot.data(), s.bias.data(), n);
        over(loss, r.slope.data(), r.value.data(), r.prediction.data(), r.label.data(), s.y_scale.data(), n);
    };
    judge();
    if constexpr (!L::log_link && requires { rows.tame(s, r); })
        if (steep(r.slope.data(), n) && rows.tame(s, r)) {
            size = rows.product(s, r);
            judge();
        }

    add_losses(s.loss_sum.data(), r.value.data(), weight, n);
    bool still = true;
    for (int k = 0; k < n && still; k++) still = r.slope[k] == 0.0;
    s.meter_weight += weight;
    s.weight_sum += weight;
    s.nonzero_sum += weight * size;
    return !still;
}

// A row's score where there is a single lane. Each row waits for the one before it, so its few numbers stay
// in registers and its loss is left for later.
struct Single {
    double prediction, label = 0, slope, most = 0;
};
template <class L, class Rows>
Single score_single(Sgd& s, const L& loss, Row& r, Rows& rows, Meter<L>& meter, const Block& block, Index i,
                    double weight) {
    Single one;
    rows.open(s, r, i);
    s.steps++;
    if constexpr (L::log_link) one.most = most_slope(s, loss, 0);
    see_targets<L>(s, block.y + i * block.targets, block.targets, weight);
    one.prediction = static_cast<double>(rows.product(s)) + s.bias[0];
    one.label = label(s, block.y + i * block.targets, 0);
    one.slope = meter.slope(s, loss, one.prediction, one.label, weight);
    s.meter_weight += weight;
    s.weight_sum += weight;
    s.nonzero_sum += weight * static_cast<double>(rows.count);
    return one;
}

template <class L, class Rows>
void step_row(Sgd& s, const L& loss, Row& r, Rows& rows, Shrink shrink) {
    const int n = s.lanes();
    const double share = s.share();
    if constexpr (L::log_link)
        for (int k = 0; k < n; k++) r.slope[k] = std::clamp(r.slope[k], -r.most[k], r.most[k]);
    tell_slopes(r.g.data(), r.eg.data(), s.bias_h.data(), r.slope.data(), s.table.rate.data(), share,
                r.weight.data(), r.root.data(), n);
    if (shrink != Shrink::none) tell_shrinkage(s, r, share);
    if (Rows::flat && s.width() < s.pattern())
        for (auto* v : {&r.g, &r.eg, &r.el2, &r.el1}) repeat(*v, s.width(), s.pattern());
    const LaneStep step{r.g.data(), r.eg.data(), r.el2.data(), r.el1.data(), how_often(s.steps)};

    if constexpr (!L::flows) {
        rows.step(s, r, step, shrink);
        if (s.fit_intercept) step_intercepts(s, r, share);
    } else {
        rows.accumulate(s, r, step);
        for (int k = 0; k < n; k++) {
            if (r.slope[k] == 0.0) {  // a prediction that has no slope stays where it is
                r.eg[k] = 0.0f;
                continue;
            }
            const double of_bias =
                s.fit_intercept && s.bias_h[k] > 0 ? s.table.rate[k] / s.intercept_root(k, share) : 0.0;
            const double reach = s.table.rate[k] * share * static_cast<double>(r.reach[k]) + of_bias;
            const double effective =
                followed(loss, r.prediction[k], r.label[k], r.weight[k], reach, s.y_scale[k], r.most[k]);
            r.eg[k] = static_cast<float>(s.table.rate[k] * share * effective);
            s.bias[k] -= of_bias * effective;
        }
        if (Rows::flat && s.width() < s.pattern()) repeat(r.eg, s.width(), s.pattern());
        rows.apply(s, r, step, shrink);
    }
}

// Plain steps: one rate for all features of a lane. An l2 penalty is a factor of the lane, an l1 penalty is
// due. The step of lane k's bias; returns that of its weights.
template <class L, class Rows>
float step_lane_plainly(Sgd& s, const L& loss, std::size_t k, const Single& row, double weight, double fall,
                        double squares, Shrink shrink) {
    const double rate = s.table.rate[k] * fall, of_bias = s.fit_intercept ? rate * Rows::intercept_rate : 0.0;
    double slope = row.slope;
    if constexpr (L::log_link) slope = std::clamp(slope, -row.most, row.most);
    double effective = weight * slope;
    if constexpr (L::flows)
        effective = followed(loss, row.prediction, row.label, weight, rate * squares + of_bias, s.y_scale[k],
                             row.most);
    s.bias_h[k] += weight * slope * slope;
    s.bias[k] -= of_bias * effective;
    if (shrink != Shrink::none) s.shrink_lane(k, 1.0 - rate * s.table.l2[k]);
    s.l1_due[k] += rate * s.table.l1[k];
    return static_cast<float>(effective * (rate / s.lane_scale[k]));  // the division need not wait
}
// What is due of the penalty, and what a weight counts.
inline void tell_penalty(const Sgd& s, Row& r, std::size_t k) {
    r.el1[k] = static_cast<float>(s.l1_due[k]);
    r.el2[k] = static_cast<float>(s.lane_scale[k]);
    r.g[k] = static_cast<float>(1.0 / s.lane_scale[k]);
}

template <class L, class Rows>
void step_plainly(Sgd& s, const L& loss, Row& r, Rows& rows, Shrink shrink) {
    const double fall = s.step.fall(s.steps);
    double squares = 0;
    if constexpr (L::flows) squares = rows.squares(r);
    for (std::size_t k = 0; k < s.bias.size(); k++) {
        const Single row{r.prediction[k], r.label[k], r.slope[k], r.most[k]};
        r.eg[k] = step_lane_plainly<L, Rows>(s, loss, k, row, r.weight[k], fall, squares, shrink);
        if (shrink == Shrink::elastic) tell_penalty(s, r, k);
    }
    rows.step(s, r, shrink);
}
template <class L, class Rows>
void learn_single_plainly(Sgd& s, const L& loss, Row& r, Rows& rows, Meter<L>& meter, Lag<Rows>& lag,
                          const Block& block, Index i, double weight, Shrink shrink) {
    const Single row = score_single(s, loss, r, rows, meter, block, i, weight);
    if (row.slope == 0.0 && shrink == Shrink::none) return;
    lag.remember(s, rows);
    double squares = 0;
    if constexpr (L::flows) squares = rows.squares(r);
    if (s.resamples()) {
        resample(r, s, weight, block.keys(i));
        weight = r.weight[0];
    }
    r.eg[0] = step_lane_plainly<L, Rows>(s, loss, 0, row, weight, s.step.fall(s.steps), squares, shrink);
    if (shrink == Shrink::elastic) tell_penalty(s, r, 0);
    rows.step(s, r, shrink);
    lag.add(s, rows);
}

// Bets instead of steps: a weight wins or loses what its slope says.
template <class L, class Rows>
void bet_row(Sgd& s, Row& r, Rows& rows) {
    for (std::size_t k = 0; k < s.bias.size(); k++) {
        if constexpr (L::log_link) r.slope[k] = std::clamp(r.slope[k], -r.most[k], r.most[k]);
        const double slope = r.weight[k] * r.slope[k];
        double& most = s.most_slope[k];
        most = std::max(most, std::abs(slope));
        r.eg[k] = static_cast<float>(slope);
        if (!s.fit_intercept) continue;
        auto bet = [&] { return (4.0 + s.bias_won[k]) * s.bias_z[k] / (most * (most + s.bias_h[k])); };
        s.bias_won[k] -= slope * bet();
        s.bias_z[k] -= slope;
        s.bias_h[k] += std::abs(slope);
        s.bias[k] = bet();
    }
    if (s.width() < s.pattern()) repeat(r.eg, s.width(), s.pattern());
    rows.bet(s, {r.g.data(), r.eg.data(), r.el2.data(), r.el1.data(), how_often(s.steps)});
}

// The same for a single lane.
template <class L, class Rows>
void learn_single(Sgd& s, const L& loss, Row& r, Rows& rows, Meter<L>& meter, Lag<Rows>& lag,
                  const Block& block, Index i, double weight, Shrink shrink) {
    auto [prediction, label, slope, most] = score_single(s, loss, r, rows, meter, block, i, weight);
    if (slope == 0.0 && shrink == Shrink::none) return;
    if (s.resamples()) {
        resample(r, s, weight, block.keys(i));
        weight = r.weight[0];
    }

    if constexpr (L::log_link) slope = std::clamp(slope, -most, most);
    const double rate = s.table.rate[0];
    const double shared = rate * s.share();
    const auto g = static_cast<float>(weight == 1.0 ? slope : std::sqrt(weight) * slope);
    const auto el2 = static_cast<float>(shared * s.l2(0));
    const auto el1 = static_cast<float>(shared * s.l1(0));
    auto eg = static_cast<float>(shared * weight * slope);
    s.bias_h[0] += weight * slope * slope;
    const bool biased = s.fit_intercept && s.bias_h[0] > 0;
    const LaneStep step{&g, &eg, &el2, &el1, how_often(s.steps)};
    lag.remember(s, rows);
    if constexpr (!L::flows) {
        rows.step(s, r, step, shrink);
        if (biased) s.bias[0] -= rate * weight * slope / std::sqrt(s.bias_h[0]);
    } else {
        const double of_bias = biased ? rate / std::sqrt(s.bias_h[0]) : 0.0;
        const double reach = shared * static_cast<double>(rows.accumulate(step)) + of_bias;
        const double effective = followed(loss, prediction, label, weight, reach, s.y_scale[0], most);
        eg = static_cast<float>(shared * effective);
        s.bias[0] -= of_bias * effective;
        rows.apply(s, step, shrink);
    }
    lag.add(s, rows);
}

template <class L, class Rows>
void learn_rows(Sgd& s, const L& loss, Rows& rows, const Block& block, Index begin, Index end) {
    Row r(s);
    const Shrink shrink = s.shrink();
    // Far enough ahead that the lines are there, near enough that they still are: 4 rows for records, 12 for
    // the rows.
    constexpr Index near = 4, far = 12, farther = 24;
    const bool large = static_cast<std::size_t>(s.w.size()) * sizeof(float) > (std::size_t{1} << 19);
    Meter<L> meter;
    Lag<Rows> lag;
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
        if (!(weight > 0)) continue;
        if constexpr (by_log_loss<L, Rows>) {
            learn_by_log_loss(s, r, rows, meter, lag, block, i, weight, shrink);
        } else if constexpr (Rows::single && Rows::plain) {
            learn_single_plainly(s, loss, r, rows, meter, lag, block, i, weight, shrink);
        } else if constexpr (Rows::single) {
            learn_single(s, loss, r, rows, meter, lag, block, i, weight, shrink);
        } else if (score_row(s, loss, r, rows, block, i, weight) || shrink != Shrink::none) {
            // a penalty acts on every visit, whatever the other lanes do
            lag.remember(s, rows);
            if constexpr (Rows::plain)
                step_plainly(s, loss, r, rows, shrink);
            else if constexpr (Rows::bets)
                bet_row<L>(s, r, rows);
            else
                step_row(s, loss, r, rows, shrink);
            lag.add(s, rows);
        }
        if (s.average.from > 0) s.count_step();
    }
    meter.flush(s);
}

// The rows at positions [begin, end), through views of the state's layout.
template <class L>
void learn(Sgd& s, const L& loss, const Block& block, Index begin, Index end) {
    in_layout(s, block, begin, end, [&](const auto& x, const Block& b, Index from, Index to) {
        with_rows(x, s, [&](auto&& rows) { learn_rows(s, loss, rows, b, from, to); });
    });
}

}  // namespace esker::rows

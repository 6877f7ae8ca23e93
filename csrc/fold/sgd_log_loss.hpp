// How records learn from a row by the log loss, the commonest of all: what the row's dots come to is one call
// of a kernel.
#pragma once

#include <type_traits>

#include "fold/sgd_meter.hpp"
#include "fold/sgd_resample.hpp"

namespace esker::rows {

// One row in 64, scattered, carries the increments that have become too small to add one by one.
inline float how_often(Index step) noexcept {
    const auto mixed = static_cast<std::uint64_t>(step) * 0x9E3779B97F4A7C15u;
    return (mixed >> 58) == 0 ? 64.0f : 0.0f;
}

// What a lane's weights lose to its penalties in a step.
inline void tell_shrinkage(Sgd& s, Row& r, double share) {
    for (std::size_t k = 0; k < s.bias.size(); k++) {
        const double rate = s.table.rate[k] * share;
        r.el2[k] = static_cast<float>(rate * s.l2(k));
        r.el1[k] = static_cast<float>(rate * s.l1(k));
    }
}

// Records that learn by the log loss: what a row's dots come to is one call.
template <class L, class Rows>
constexpr bool by_log_loss = std::is_same_v<L, Logistic> && requires { Rows::in_place; };

inline LogLossRow log_loss_row(Sgd& s, Row& r, const Block& block, Index i, double weight, double size) {
    s.meter_weight += weight;
    s.weight_sum += weight;
    s.nonzero_sum += weight * size;
    return {r.dot.data(),
            block.y + i * block.targets,
            s.table.target.data(),
            s.classes,
            s.table.rate.data(),
            r.weight.data(),
            r.root.data(),
            weight,
            s.share(),
            s.fit_intercept ? 1.0 : 0.0,
            s.bias.data(),
            s.bias_h.data(),
            s.loss_sum.data(),
            r.g.data(),
            r.eg.data()};
}
template <class Rows, class Lag>
void learn_by_log_loss(Sgd& s, Row& r, Rows& rows, Meter<Logistic>& meter, Lag& lag, const Block& block,
                       Index i, double weight, Shrink shrink) {
    weigh(r, s, weight, block.keys(i));
    rows.open(s, r, i);
    s.steps++;
    const LogLossRow row = log_loss_row(s, r, block, i, weight, rows.dot(s, r));
    if constexpr (Rows::single)
        meter.step(s, row);
    else
        meter.f.log_loss(row, s.lanes());
    if (shrink != Shrink::none) tell_shrinkage(s, r, row.share);
    if (Rows::flat && s.width() < s.pattern())
        for (auto* v : {&r.g, &r.eg, &r.el2, &r.el1}) repeat(*v, s.width(), s.pattern());
    const LaneStep step{r.g.data(), r.eg.data(), r.el2.data(), r.el1.data(), how_often(s.steps)};
    lag.remember(s, rows);
    rows.step(s, r, step, shrink);
    lag.add(s, rows);
}

}  // namespace esker::rows

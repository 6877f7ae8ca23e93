// Sgd's tables: lanes, layouts, widening, merging, answers. The walk over rows is in sgd_walk.cpp.
#include "fold/sgd.hpp"

#include <bit>
#include <cmath>

namespace esker {
namespace {

int padded(int lanes) noexcept {
    return lanes <= 1 ? 1 : lanes <= 4 ? 4 : lanes <= 8 ? 8 : (lanes + 15) / 16 * 16;
}

}  // namespace

Sgd::Sgd(std::string name, LaneTable t, bool fit_intercept, bool classes, bool scaled_penalty,
         double loss_parameter, Step step)
    : loss_name(std::move(name)),
      loss_parameter(loss_parameter),
      loss(loss_of_lanes(loss_name, loss_parameter, t.target, classes)),
      degree(std::visit([](const auto& l) { return l.degree; }, loss)),
      step(step),
      table(std::move(t)),
      fit_intercept(fit_intercept),
      classes(classes),
      scaled_penalty(scaled_penalty),
      width_(padded(table.size())) {
    const auto n = table.target.size();
    require(n >= 1 && n <= (1u << 20), "lanes must number 1 to 2^20, got " + std::to_string(n));
    require(table.rate.size() == n && table.l1.size() == n && table.l2.size() == n,
            "target, rate, l1 and l2 must be equally long");
    for (std::size_t k = 0; k < n; k++) {
        require(std::isfinite(table.rate[k]) && table.rate[k] > 0,
                "a lane's rate must be positive and finite, got " + std::to_string(table.rate[k]));
        require(
            std::isfinite(table.l1[k]) && table.l1[k] >= 0 && std::isfinite(table.l2[k]) && table.l2[k] >= 0,
            "a lane's penalties must be finite and not negative");
        require(table.target[k] >= 0, "a lane's target must not be negative");
    }
    require(table.replicate.empty() || table.replicate.size() == n,
            "target and replicate must be equally long");
    for (std::int32_t replicate : table.replicate)
        require(replicate >= -1, "a lane's replicate must be -1 or more");
    require(!classes || std::visit([](const auto& l) { return !l.log_link; }, loss),
            "loss='" + loss_name + "' learns counts or amounts, not classes");
    require(automatic() || step.normalises() || !scaled_penalty,
            "step='" + std::string(step.name()) + "' penalises raw weights: penalty_scale must be 'raw'");
    lane_scale.assign(n, 1.0);
    l1_due.assign(n, 0.0);
    require(step.rule != Rule::coin || shrink() == Shrink::none, "step='coin' has no penalty");
    bias_z.assign(n, 0.0);
    bias_won.assign(n, 0.0);
    most_slope.assign(n, 1.0);
    bias.assign(n, 0.0);
    bias_h.assign(n, 0.0);
    y_centre.assign(n, 0.0);
    y_scale.assign(n, unscaled);
    loss_sum.assign(n, 0.0);
    average.scales.assign(n, 0.0);
    average.bias.assign(n, 0.0);
}

Shrink Sgd::shrink() const noexcept {
    Shrink s = Shrink::none;
    for (int k = 0; k < lanes(); k++) {
        if (table.l1[k] > 0) return Shrink::elastic;
        if (table.l2[k] > 0) s = Shrink::l2;
    }
    return s;
}

Index Sgd::flat() const noexcept {
    const Index n = cols * width_;
    return (n + pattern() - 1) / pattern() * pattern();
}

float& Sgd::weight_at(Index j, int k) {
    return layout == Layout::dense ? w.data()[j * width_ + k] : w.data()[j * stride() + k];
}
float& Sgd::accumulator_at(Index j, int k) {
    return layout == Layout::dense ? h.data()[j * width_ + k] : w.data()[j * stride() + width_ + k];
}

std::uint32_t Sgd::last_visit(Index j) const {
    if (!last_in_record()) return last[static_cast<std::size_t>(j)];
    return std::bit_cast<std::uint32_t>(w.data()[j * stride() + 2]);
}
void Sgd::set_last_visit(Index j, std::uint32_t step) {
    if (!last_in_record())
        last[static_cast<std::size_t>(j)] = step;
    else
        w.data()[j * stride() + 2] = std::bit_cast<float>(step);
}

void Sgd::widen(Index n, bool late) {
    if (n <= cols) return;
    require(n <= (Index{1} << 47) / pattern() / 4,
            "the weights of " + std::to_string(n) + " columns exceed any memory; hash the columns to fewer");
    const Index before = cols;
    if (average.from > 0) average.lag.resize(static_cast<std::size_t>(n * width_));
    if (layout == Layout::sparse) w.grow(static_cast<std::size_t>(n * stride()));  // may be refused
    cols = n;
    const float first = plain() || step.rule == Rule::coin ? 0.0f : first_accumulator;
    if (layout == Layout::sparse) {
        for (Index j = before; j < n && first > 0; j++)
            for (int k = 0; k < width_; k++) accumulator_at(j, k) = first;
        if (timed() && !last_in_record()) last.resize(static_cast<std::size_t>(n));
        if (step.normalises()) scale.resize(static_cast<std::size_t>(n), 0.0);
        if (timed())
            for (Index j = before; j < n; j++)
                set_last_visit(j, late ? 0u : static_cast<std::uint32_t>(steps));
    } else if (layout == Layout::dense) {
        const auto old = static_cast<Index>(h.size());
        w.grow(static_cast<std::size_t>(flat()));
        if (fields_ >= 2) h.grow(static_cast<std::size_t>(flat()));
        if (fields_ == 3) r.grow(static_cast<std::size_t>(flat()));
        for (Index i = old; i < flat() && first > 0; i++) h.data()[i] = first;
        centre.resize(static_cast<std::size_t>(n), 0.0);
        scale.resize(static_cast<std::size_t>(n),
                     automatic() || step.normalises() ? 0.0 : 1.0);  // 0: none yet
        x_moments.widen(n);
        refresh_penalty_weights();
    }
}

void Sgd::set_layout(Layout chosen) noexcept {
    layout = chosen;
    timed_ = layout == Layout::sparse && shrink() != Shrink::none && !plain() && step.rule != Rule::ftrl;
    fields_ = step.rule == Rule::coin ? 3 : plain() && shrink() != Shrink::elastic ? 1 : 2;
    stride_ = records() ? record_floats(width_, timed_) : fields_ * width_;
}

void Sgd::choose_layout(Layout wanted) {
    if (layout != Layout::unknown) return;
    set_layout(wanted);
    const Index n = cols;  // columns announced before the first block
    cols = 0;
    widen(n);
}

void Sgd::refresh_penalty_weights() {
    if (layout != Layout::dense || shrink() == Shrink::none || plain() || step.rule == Rule::ftrl) return;
    p2.assign(static_cast<std::size_t>(flat()), 0.0f);
    p1.assign(static_cast<std::size_t>(flat()), 0.0f);
    // A weight here is that of the standardised feature: the raw weight is w * scale.
    for (Index j = 0; j < cols; j++) {
        const double s = scaled_penalty ? 1.0 : std::min(scale[static_cast<std::size_t>(j)], most_scale);
        for (int k = 0; k < width_; k++)
            p2[static_cast<std::size_t>(j * width_ + k)] = static_cast<float>(s * s),
                                                     p1[static_cast<std::size_t>(j * width_ + k)] =
                                                         static_cast<float>(s);
    }
}

// f(x) = sum_j w_j (x_j - c_j) s_j + b stays the same function under new c and s.
void Sgd::rescale_features(const std::vector<double>& new_centre, const std::vector<double>& new_scale,
                           double most) {
    if (!automatic()) return;  // rows are taken as they are
    for (std::size_t j = 0; j < centre.size(); j++) {
        const double ratio = scale[j] > 0 && new_scale[j] > 0 ? scale[j] / new_scale[j] : 1.0;
        const double moved = (new_centre[j] - centre[j]) * new_scale[j];
        for (int k = 0; k < lanes(); k++) {
            float& weight = weight_at(static_cast<Index>(j), k);
            float& sum = accumulator_at(static_cast<Index>(j), k);
            weight = static_cast<float>(static_cast<double>(weight) * std::min(ratio, most));
            bias[static_cast<std::size_t>(k)] += static_cast<double>(weight) * moved;
            if (average.from > 0) {
                average.lag[j * static_cast<std::size_t>(width_) + static_cast<std::size_t>(k)] *=
                    std::min(ratio, most);
                average.bias[static_cast<std::size_t>(k)] += summed(static_cast<Index>(j), k) * moved;
            }
            if (sum > first_accumulator)  // squares of slope x value, which scales by 1 / ratio
                sum = std::max(first_accumulator,
                               static_cast<float>(static_cast<double>(sum) / (ratio * ratio)));
        }
    }
    centre = new_centre;
    scale = new_scale;
    refresh_penalty_weights();
}

// y = y' s + c: the same predictions of y under new c and s.
void Sgd::rescale_targets(const std::vector<double>& new_centre, const std::vector<double>& new_scale) {
    if (!automatic()) return;
    for (int k = 0; k < lanes(); k++) {
        const auto q = static_cast<std::size_t>(k);
        const double ratio = y_scale[q] / new_scale[q], of_slope = degree == 2 ? ratio : 1.0;
        if (bias_h[q] > 0)  // before its first step a lane predicts the centre, wherever that is
            bias[q] = (bias[q] * y_scale[q] + y_centre[q] - new_centre[q]) / new_scale[q];
        if (average.from > 0 && bias_h[q] > 0)
            average.bias[q] = (average.bias[q] * y_scale[q] +
                               static_cast<double>(average.steps) * (y_centre[q] - new_centre[q])) /
                              new_scale[q];
        bias_h[q] *= of_slope * of_slope;
        if (ratio != 1.0)
            for (Index j = 0; j < cols; j++) {
                weight_at(j, k) = static_cast<float>(static_cast<double>(weight_at(j, k)) * ratio);
                if (average.from > 0) average.lag[static_cast<std::size_t>(j * width_ + k)] *= ratio;
                float& sum = accumulator_at(j, k);
                if (sum > first_accumulator)
                    sum = std::max(first_accumulator,
                                   static_cast<float>(static_cast<double>(sum) * (of_slope * of_slope)));
            }
    }
    y_centre = new_centre;
    y_scale = new_scale;
}

Sgd Sgd::select(const std::vector<int>& chosen) const {
    LaneTable t;
    for (int k : chosen) {
        require(0 <= k && k < lanes(),
                "lane " + std::to_string(k) + " is not one of " + std::to_string(lanes()));
        const auto q = static_cast<std::size_t>(k);
        t.target.push_back(table.target[q]);
        t.rate.push_back(table.rate[q]);
        t.l1.push_back(table.l1[q]);
        t.l2.push_back(table.l2[q]);
        if (resamples()) t.replicate.push_back(table.replicate[q]);
    }
    t.seed = table.seed;
    bool same = static_cast<int>(chosen.size()) == lanes();
    for (std::size_t i = 0; same && i < chosen.size(); i++) same = chosen[i] == static_cast<int>(i);
    if (same) return *this;
    Sgd s(loss_name, std::move(t), fit_intercept, classes, scaled_penalty, loss_parameter, step);
    s.rows = rows;
    s.steps = steps;
    s.weight_sum = weight_sum;
    s.nonzero_sum = nonzero_sum;
    s.meter_weight = meter_weight;
    s.x_moments = x_moments;
    s.y_moments = y_moments;
    s.cols = cols;
    s.average.from = average.from;
    s.average.steps = average.steps;
    s.choose_layout(layout);
    s.centre = centre;
    s.scale = scale;
    if (timed() && s.timed())
        for (Index j = 0; j < cols; j++) s.set_last_visit(j, last_visit(j));
    s.refresh_penalty_weights();
    for (std::size_t i = 0; i < chosen.size(); i++) {
        const auto q = static_cast<std::size_t>(chosen[i]);
        s.bias[i] = bias[q];
        s.bias_h[i] = bias_h[q];
        s.lane_scale[i] = lane_scale[q];
        s.l1_due[i] = l1_due[q];
        s.bias_z[i] = bias_z[q];
        s.bias_won[i] = bias_won[q];
        s.most_slope[i] = most_slope[q];
        s.y_centre[i] = y_centre[q];
        s.y_scale[i] = y_scale[q];
        s.loss_sum[i] = loss_sum[q];
        s.average.scales[i] = average.scales[q];
        s.average.bias[i] = average.bias[q];
        for (Index j = 0; average.from > 0 && layout != Layout::unknown && j < cols; j++)
            s.average.lag[static_cast<std::size_t>(j * s.width_) + i] =
                average.lag[static_cast<std::size_t>(j * width_) + q];
        if (layout != Layout::unknown)
            for (Index j = 0; j < cols; j++) {
                s.weight_at(j, static_cast<int>(i)) = weight_at(j, chosen[i]);
                if (fields_ >= 2 && s.fields_ >= 2)
                    s.accumulator_at(j, static_cast<int>(i)) = accumulator_at(j, chosen[i]);
                if (fields_ == 3)
                    s.won_at(j, static_cast<int>(i)) = const_cast<Sgd*>(this)->won_at(j, chosen[i]);
            }
    }
    return s;
}

// Two states' features in units of the larger of both largest values: the functions stay.
static void share_scales(Sgd& a, Sgd& b) {
    for (Index j = 0; j < a.cols; j++) {
        const auto i = static_cast<std::size_t>(j);
        const double to = a.scale[i] > 0 && b.scale[i] > 0 ? std::min(a.scale[i], b.scale[i])
                                                           : std::max(a.scale[i], b.scale[i]);
        for (Sgd* s : {&a, &b}) {
            const double ratio = s->scale[i] > 0 ? s->scale[i] / to : 1.0;
            for (int k = 0; k < s->lanes() && ratio != 1.0; k++) {
                s->weight_at(j, k) = static_cast<float>(static_cast<double>(s->weight_at(j, k)) * ratio);
                s->accumulator_at(j, k) =
                    static_cast<float>(static_cast<double>(s->accumulator_at(j, k)) / (ratio * ratio));
            }
            s->scale[i] = to;
        }
    }
    a.refresh_penalty_weights();
}

// Models are averaged feature by feature with their accumulators as weights: who saw more of a feature knows
// more of it.
void Sgd::merge(const Sgd& other) {
    require(loss_name == other.loss_name && loss_parameter == other.loss_parameter && step == other.step &&
                fit_intercept == other.fit_intercept && classes == other.classes &&
                scaled_penalty == other.scaled_penalty && table.target == other.table.target &&
                table.rate == other.table.rate && table.l1 == other.table.l1 && table.l2 == other.table.l2 &&
                table.replicate == other.table.replicate && table.seed == other.table.seed,
            "only Sgd states with the same loss, lanes, penalties and intercept merge: this one has " +
                std::to_string(lanes()) + " lanes of " + loss_name + ", the other " +
                std::to_string(other.lanes()) + " of " + other.loss_name +
                (loss_name == other.loss_name && lanes() == other.lanes()
                     ? " with another parameter, or other steps, rates, targets or penalties"
                     : ""));
    require(average.from == 0 && other.average.from == 0,
            "Sgd states that keep averages do not merge; take their averages first");
    if (other.rows == 0 && other.layout == Layout::unknown) return widen(other.cols);
    if (rows == 0 && layout == Layout::unknown) {
        const Index mine = cols;
        *this = other;
        return widen(mine);
    }
    require(layout == other.layout,
            "one Sgd state learned from dense rows and the other from sparse ones: they do not merge");
    Sgd theirs = other;
    widen(theirs.cols);
    theirs.widen(cols);
    if (layout == Layout::dense) theirs.rescale_features(centre, scale);
    theirs.rescale_targets(y_centre, y_scale);
    if (step.rule == Rule::normalized) share_scales(*this, theirs);
    if (step.rule == Rule::coin) merge_bets(theirs);
    const double share = steps + theirs.steps > 0
                             ? static_cast<double>(theirs.steps) / static_cast<double>(steps + theirs.steps)
                             : 0.0;
    for (int k = 0; k < lanes(); k++) {
        const auto q = static_cast<std::size_t>(k);
        loss_sum[q] += theirs.loss_sum[q];
        if (step.rule == Rule::coin) continue;
        if (plain()) {
            for (Index j = 0; j < cols; j++) {
                const double mine = settled(j, k);
                weight_at(j, k) = static_cast<float>(mine + share * (theirs.settled(j, k) - mine));
                if (fields_ == 2) accumulator_at(j, k) = 0.0f;
            }
            lane_scale[q] = 1.0, l1_due[q] = 0.0;
        }
        for (Index j = 0; j < cols && !plain(); j++) {
            const double a = accumulator_at(j, k), b = theirs.accumulator_at(j, k);
            const double mean = (a * settled(j, k) + b * theirs.settled(j, k)) / (a + b);
            accumulator_at(j, k) = static_cast<float>(a + b);
            if (step.rule == Rule::ftrl)
                place_weight(j, k, mean);
            else
                weight_at(j, k) = static_cast<float>(mean);
        }
        bias[q] += share * (theirs.bias[q] - bias[q]);
        bias_h[q] += theirs.bias_h[q];
    }
    meter_weight += theirs.meter_weight;
    rows += theirs.rows;
    steps += theirs.steps;
    weight_sum += theirs.weight_sum;
    nonzero_sum += theirs.nonzero_sum;
    x_moments.merge(theirs.x_moments);
    y_moments.merge(theirs.y_moments);
    if (timed())
        for (Index j = 0; j < cols; j++) set_last_visit(j, static_cast<std::uint32_t>(steps));
}

}  // namespace esker

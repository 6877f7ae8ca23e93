// What of Sgd's weights depends on the rule by which it steps.
#include <cmath>

#include "fold/sgd.hpp"

namespace esker {
namespace {

// What FTRL-proximal's sum z of a lane is truncated by, and divided by.
struct Curve {
    double l1, by;
    Curve(const Sgd& s, Index j, int k)
        : l1(s.table.l1[static_cast<std::size_t>(k)] * s.weight_sum),
          by((1.0 + std::sqrt(static_cast<double>(s.accumulator_at(j, k)))) /
                 s.table.rate[static_cast<std::size_t>(k)] +
             s.table.l2[static_cast<std::size_t>(k)] * s.weight_sum) {}
};

// With its sign, truncated; what is nothing is 0 and not -0.
double truncated(double x, double by) {
    const double size = std::abs(x) - by;
    return size <= 0 ? 0.0 : std::copysign(size, x);
}

// What coin betting's sum z of a lane is divided by.
double stake(double won, double g, double most) { return most * (most + g) / (4.0 + won); }
double stake(const Sgd& s, Index j, int k) {
    return stake(const_cast<Sgd&>(s).won_at(j, k), s.accumulator_at(j, k),
                 s.most_slope[static_cast<std::size_t>(k)]);
}

}  // namespace

float& Sgd::won_at(Index j, int k) {
    return layout == Layout::dense ? r.data()[j * width_ + k] : w.data()[j * stride() + 2 * width_ + k];
}

void Sgd::merge_bets(const Sgd& other) {
    Sgd& theirs = const_cast<Sgd&>(other);
    const double both = nonzero_sum + theirs.nonzero_sum;
    const double now = both > 0 ? (weight_sum + theirs.weight_sum) / both : 1.0;
    std::vector<double> most(most_slope);
    for (std::size_t q = 0; q < most.size(); q++) most[q] = std::max(most[q], theirs.most_slope[q]);
    for (Index j = 0; j < cols; j++) {
        const double mine = scale[static_cast<std::size_t>(j)],
                     his = theirs.scale[static_cast<std::size_t>(j)];
        const double to = mine > 0 && his > 0 ? std::min(mine, his) : std::max(mine, his);
        for (int k = 0; k < lanes() && to > 0; k++) {
            const double a = mine > 0 ? accumulator_at(j, k) * to / mine : 0.0,
                         b = his > 0 ? theirs.accumulator_at(j, k) * to / his : 0.0;
            const double weight =
                a + b > 0 ? (a * settled(j, k) * mine + b * theirs.settled(j, k) * his) / (a + b) / to : 0.0;
            const double won = won_at(j, k) + theirs.won_at(j, k);
            weight_at(j, k) =
                static_cast<float>(weight / now * stake(won, a + b, most[static_cast<std::size_t>(k)]));
            accumulator_at(j, k) = static_cast<float>(a + b);
            won_at(j, k) = static_cast<float>(won);
        }
        scale[static_cast<std::size_t>(j)] = to;
    }
    for (std::size_t q = 0; q < most.size(); q++) {
        const double a = bias_h[q], b = theirs.bias_h[q];
        bias[q] = a + b > 0 ? (a * bias[q] + b * theirs.bias[q]) / (a + b) : 0.0;
        bias_won[q] += theirs.bias_won[q];
        bias_h[q] = a + b;
        bias_z[q] = bias[q] * stake(bias_won[q], a + b, most[q]);
    }
    most_slope = most;
}

float Sgd::settled(Index j, int k) const {
    const double weight = weight_at(j, k);
    const auto q = static_cast<std::size_t>(k);
    if (step.rule == Rule::coin) return static_cast<float>(weight / stake(*this, j, k) * (share() * share()));
    if (step.rule == Rule::ftrl) {
        const Curve curve(*this, j, k);
        return static_cast<float>(truncated(-weight, curve.l1) / curve.by);
    }
    if (plain()) {
        const double size = weight * lane_scale[q];
        if (fields_ == 1 || weight == 0.0) return static_cast<float>(size);
        const double taken = accumulator_at(j, k), due = l1_due[q] + (size > 0 ? taken : -taken);
        return static_cast<float>(truncated(size, due));
    }
    if (!timed() || weight == 0.0) return static_cast<float>(weight);
    // As the visit at the next row would: with the penalty's steps since the last one, the feature's scale
    // taken as the accumulators' own where the penalty is in its units (a visit would know the value).
    const double root = std::sqrt(static_cast<double>(accumulator_at(j, k)));
    const double gap = static_cast<std::uint32_t>(static_cast<std::uint32_t>(steps) - last_visit(j));
    if (scaled_penalty || root == 0) return static_cast<float>(weight);  // acts when the feature is seen
    const double unit = step.rule == Rule::normalized ? scale[static_cast<std::size_t>(j)] : 1.0;
    const double e = table.rate[q] * share() * unit;
    return static_cast<float>(truncated(weight * root, e * l1(q) * gap) / (root + e * unit * l2(q) * gap));
}

void Sgd::place_weight(Index j, int k, double weight) {
    const Curve curve(*this, j, k);
    const double z = weight_at(j, k);
    weight_at(j, k) =
        static_cast<float>(weight == 0.0 ? std::clamp(z, -curve.l1, curve.l1)
                                         : -(weight * curve.by + std::copysign(curve.l1, weight)));
}

// The weights stay what they are.
void Sgd::set_rates(const std::vector<double>& rates) {
    require(rates.size() == table.rate.size(),
            "one rate a lane: expected " + std::to_string(lanes()) + ", got " + std::to_string(rates.size()));
    std::vector<double> weights;
    const bool placed = step.rule == Rule::ftrl && layout != Layout::unknown;
    for (Index j = 0; placed && j < cols; j++)
        for (int k = 0; k < lanes(); k++) weights.push_back(settled(j, k));
    table.rate = rates;
    for (Index j = 0; placed && j < cols; j++)
        for (int k = 0; k < lanes(); k++)
            place_weight(j, k, weights[static_cast<std::size_t>(j * lanes() + k)]);
}

// The weights stay what they are, and what was due of the old penalties is paid; FTRL's follow from sums that
// know no penalty, and are those of the new one.
void Sgd::set_penalties(const std::vector<double>& l1, const std::vector<double>& l2) {
    LaneTable with(table);
    with.l1 = l1, with.l2 = l2;
    Sgd s(loss_name, with, fit_intercept, classes, scaled_penalty, loss_parameter, step);  // checks them
    s = *this;
    for (std::size_t k = 0; k < l1.size() && average.from > 0; k++) s.settle_sums(k);
    const bool paid = plain() || (timed() && !scaled_penalty);
    for (Index j = 0; paid && layout != Layout::unknown && j < cols; j++) {
        for (int k = 0; k < lanes(); k++) {
            s.weight_at(j, k) = settled(j, k);
            if (plain() && fields_ == 2) s.accumulator_at(j, k) = 0.0f;
        }
        if (timed()) s.set_last_visit(j, static_cast<std::uint32_t>(steps));
    }
    if (plain()) s.lane_scale.assign(l1.size(), 1.0), s.l1_due.assign(l1.size(), 0.0);
    Sgd from = s;  // in the old table
    s.table = with;
    if (layout != Layout::unknown) {
        s.set_layout(layout);
        s.w = s.h = s.r = Buffer();
        s.last.clear();
        s.cols = 0;
        s.widen(cols);
        for (Index j = 0; j < cols; j++) {
            for (int k = 0; k < width_; k++) {
                s.weight_at(j, k) = from.weight_at(j, k);
                if (fields_ >= 2 && s.fields_ >= 2) s.accumulator_at(j, k) = from.accumulator_at(j, k);
            }
            if (timed() && s.timed()) s.set_last_visit(j, from.last_visit(j));
        }
    }
    s.refresh_penalty_weights();
    *this = std::move(s);
}

// What is due of features not seen for a while is then counted by the new penalties.
void Sgd::scale_penalties(const std::vector<double>& by) {
    require(automatic(), "penalties are scaled of step='auto', got step='" + std::string(step.name()) + "'");
    require(by.size() == table.rate.size(),
            "one factor a lane: expected " + std::to_string(lanes()) + ", got " + std::to_string(by.size()));
    for (const double factor : by)  // a penalty that vanished would change the layout of records
        require(factor > 0 && std::isfinite(factor), "a penalty's factor must be above 0 and finite");
    for (std::size_t k = 0; k < by.size(); k++) {
        table.l1[k] *= by[k];
        table.l2[k] *= by[k];
    }
}

void Sgd::fold_scale(std::size_t lane) {
    const int k = static_cast<int>(lane);
    if (average.from > 0) settle_sums(lane);
    for (Index j = 0; j < cols; j++)
        weight_at(j, k) = static_cast<float>(static_cast<double>(weight_at(j, k)) * lane_scale[lane]);
    lane_scale[lane] = 1.0;
}

}  // namespace esker

// Sgd's averages of weights, and weights that are given before the first row.
#include "fold/sgd.hpp"

namespace esker {

void Sgd::set_average(Index from) {
    require(from >= 0, "averages begin at a step from 1, or 0 for none, got " + std::to_string(from));
    require(from == 0 || plain() || automatic() || step.rule == Rule::adagrad,
            "step='" + std::string(step.name()) + "' has no averages: what its records hold are not weights");
    average.from = from;
    average.steps = 0;
    average.scales.assign(bias.size(), 0.0);
    average.bias.assign(bias.size(), 0.0);
    average.lag.assign(from > 0 ? static_cast<std::size_t>(cols * width_) : 0, 0.0);
}

double Sgd::summed(Index j, int k) const {
    return average.scales[static_cast<std::size_t>(k)] * static_cast<double>(weight_at(j, k)) -
           average.lag[static_cast<std::size_t>(j * width_ + k)];
}

void Sgd::settle_sums(std::size_t lane) {
    const int k = static_cast<int>(lane);
    for (Index j = 0; j < cols; j++) average.lag[static_cast<std::size_t>(j * width_ + k)] = -summed(j, k);
    average.scales[lane] = 0.0;
}

void Sgd::count_step() {
    if (steps < average.from) return;
    average.steps++;
    for (std::size_t k = 0; k < bias.size(); k++) {
        average.scales[k] += lane_scale[k];
        average.bias[k] += bias[k];
    }
}

Sgd Sgd::averaged() const {
    Sgd s = *this;
    s.set_average(0);
    if (average.steps == 0) return s;
    const double n = static_cast<double>(average.steps);
    for (int k = 0; k < lanes(); k++) {
        const auto q = static_cast<std::size_t>(k);
        for (Index j = 0; j < cols; j++) {
            s.weight_at(j, k) = static_cast<float>(summed(j, k) / n);
            if (plain() && fields_ == 2) s.accumulator_at(j, k) = 0.0f;  // of an l1 penalty nothing is due
        }
        s.bias[q] = average.bias[q] / n;
        s.lane_scale[q] = 1.0;
        s.l1_due[q] = 0.0;
    }
    for (Index j = 0; s.timed() && j < cols; j++) s.set_last_visit(j, static_cast<std::uint32_t>(steps));
    return s;
}

void Sgd::start_from(const std::vector<double>& coef, const std::vector<double>& intercept, bool dense) {
    require(rows == 0 && layout == Layout::unknown, "weights are given before the first row");
    require(
        plain() || step.rule == Rule::adagrad || step.rule == Rule::ftrl,
        "step='" + std::string(step.name()) + "' cannot start from weights: its first rows tell their units");
    const std::size_t n = bias.size();
    require(intercept.size() == n && !coef.empty() && coef.size() % n == 0,
            "weights are lanes x cols, and an intercept each");
    choose_layout(dense ? Layout::dense : Layout::sparse);
    widen(static_cast<Index>(coef.size() / n));
    for (int k = 0; k < lanes(); k++) {
        const auto q = static_cast<std::size_t>(k);
        for (Index j = 0; j < cols; j++) {
            const double weight = coef[q * static_cast<std::size_t>(cols) + static_cast<std::size_t>(j)];
            if (step.rule == Rule::ftrl)
                place_weight(j, k, weight);
            else
                weight_at(j, k) = static_cast<float>(weight);
        }
        if (!fit_intercept) continue;
        bias[q] = intercept[q];
        bias_h[q] = static_cast<double>(first_accumulator);  // it is no longer the targets' level
    }
}

void Sgd::set_targets(const std::vector<std::int32_t>& targets) {
    require(targets.size() == table.target.size(), "one target a lane: expected " + std::to_string(lanes()) +
                                                       ", got " + std::to_string(targets.size()));
    loss = loss_of_lanes(loss_name, loss_parameter, targets, classes);
    table.target = targets;
}

}  // namespace esker

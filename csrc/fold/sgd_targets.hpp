// What Sgd learns of its targets: labels of classes, the scale of numbers, the level of counts.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "fold/sgd_rows.hpp"

namespace esker::rows {

// The label that a lane learns from; of classes, +1 for its own and -1 for the rest.
inline double label(const Sgd& s, const double* y, std::size_t k) {
    if (s.classes) return y[0] == s.table.target[k] ? 1.0 : -1.0;
    const double own = y[s.table.target[k]];
    return s.degree == 0 ? own : (own - s.y_centre[k]) / s.y_scale[k];  // of degree 0: taken as they are
}
// The same of all lanes, in loops that become vectors.
inline void labels(double* __restrict out, const Sgd& s, const Block& block, Index i) {
    const double* __restrict y = block.y + i * block.targets;
    const std::int32_t* __restrict target = s.table.target.data();
    const int n = s.lanes();
    if (s.classes) {
        const double own = y[0];
        for (int k = 0; k < n; k++) out[k] = own == target[k] ? 1.0 : -1.0;
    } else {
        for (int k = 0; k < n; k++) out[k] = label(s, y, static_cast<std::size_t>(k));
    }
}

inline void standardise_targets(Sgd& s) {
    const Moments& m = s.y_moments;
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

// Until its first step a lane predicts the running mean; as long as that is 0, half a count.
inline void start_intercepts(Sgd& s) {
    if (!s.fit_intercept) return;
    const Moments& m = s.y_moments;
    for (std::size_t k = 0; k < s.bias.size(); k++) {
        if (s.bias_h[k] > 0) continue;
        const double mean = m.mean[static_cast<std::size_t>(s.table.target[k])];
        s.bias[k] = std::log(mean > 0 ? mean : 0.5 / static_cast<double>(m.rows));
    }
}

// Welford's update by one row. A target `outlying` times as far off as is usual counts as that far: what one
// absurd row says of the scale must not rule all others.
inline void see_robustly(Moments& m, const double* y, double weight, double outlying) {
    const double before = m.weight;
    m.weight += weight;
    m.rows++;
    for (std::size_t t = 0; t < m.mean.size(); t++) {
        const double far = outlying * std::sqrt(before > 0 ? m.m2[t] / before : 0.0);
        double by = y[t] - m.mean[t];
        if (far > 0) by = std::clamp(by, -far, far);
        m.mean[t] += by * (weight / m.weight);
        m.m2[t] += by * by * (weight * before / m.weight);
    }
}

template <class L>
void see_targets(Sgd& s, const double* y, Index targets, double weight) {
    if constexpr (L::degree > 0 || L::log_link) {
        if (s.steps > settled_rows || s.classes || (!s.automatic() && !L::log_link)) return;
        Moments& m = s.y_moments;
        m.widen(targets);
        if constexpr (L::outlying > 0) {
            see_robustly(m, y, weight, L::outlying);
        } else {
            m.weight += weight;
            m.rows++;
            kernels().rows<double>().moments(m.mean.data(), m.m2.data(), y, weight / m.weight, weight,
                                             std::numeric_limits<double>::infinity(), targets);
        }
        if constexpr (L::log_link)
            start_intercepts(s);
        else
            standardise_targets(s);
    }
}

// The largest slope of a lane that a row may have, before this row is seen: what is far beyond it, an
// exponential or a target, says nothing but that it is.
template <class L>
double most_slope(const Sgd& s, const L& loss, std::size_t lane) {
    const Moments& m = s.y_moments;
    const auto t = static_cast<std::size_t>(s.table.target[lane]);
    if (t >= m.mean.size() || !(m.mean[t] > 0)) return std::numeric_limits<double>::max();
    return loss.most_slope(m.mean[t], std::sqrt(m.m2[t] / m.weight + m.mean[t] * m.mean[t]));
}

}  // namespace esker::rows

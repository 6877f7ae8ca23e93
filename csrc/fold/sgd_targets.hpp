// What Sgd learns of its targets: labels of classes, the scale of numbers, the level of counts.
#pragma once

#include <algorithm>
#include <cmath>

#include "fold/sgd_rows.hpp"

namespace esker::rows {

// The label that each lane learns from; of classes, +1 for its own and -1 for the rest.
inline void labels(double* out, const Sgd& s, const Block& block, Index i) {
    const double* y = block.y + i * block.targets;
    for (int k = 0; k < s.lanes(); k++) {
        const auto q = static_cast<std::size_t>(k);
        if (s.classes)
            out[k] = y[0] == s.table.target[q] ? 1.0 : -1.0;
        else
            out[k] = (y[s.table.target[q]] - s.y_centre[q]) / s.y_scale[q];
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

template <class L>
void see_targets(Sgd& s, const double* y, Index targets, double weight) {
    if constexpr (L::degree > 0 || L::log_link) {
        if (s.steps > settled_rows || s.classes) return;
        Moments& m = s.y_moments;
        m.widen(targets);
        m.weight += weight;
        m.rows++;
        kernels().rows<double>().moments(m.mean.data(), m.m2.data(), y, weight / m.weight, weight, targets);
        if constexpr (L::log_link)
            start_intercepts(s);
        else
            standardise_targets(s);
    }
}

}  // namespace esker::rows

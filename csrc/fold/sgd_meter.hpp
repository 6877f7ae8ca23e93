// Progressive validation of a single model: each row's slope at once, as the next row waits for the step; its
// loss later, many rows at once.
#pragma once

#include <cmath>

#include "fold/sgd.hpp"

namespace esker::rows {

// The losses are in the state's sum, added in the rows' order, once `flush` has been called.
template <class L>
struct Meter {
    double slope(Sgd& s, const L& loss, double p, double y, double weight) {
        double slope, value;
        over(loss, &slope, &value, &p, &y, s.y_scale.data(), 1);
        s.loss_sum[0] += weight * value;
        return slope;
    }
    void flush(Sgd&) {}
};
template <>
struct Meter<Logistic> {
    static constexpr int room = 64;
    const LaneKernels& f = kernels().lanes;
    int n = 0;
    double e[room], beyond[room], weights[room], values[room];

    double slope(Sgd& s, const Logistic&, double p, double y, double weight) {
        if (n == room) flush(s);
        const double margin = p * y;
        const double small = f.exp_one(-std::abs(margin));
        e[n] = small, beyond[n] = std::max(-margin, 0.0), weights[n] = weight;
        n++;
        return -y * (margin > 0 ? small : 1.0) / (1.0 + small);
    }
    // The same where the row's step is made of it at once.
    void step(Sgd& s, const LogLossRow& row) {
        if (n == room) flush(s);
        weights[n] = row.metered;
        f.log_loss_one(row, e + n, beyond + n);
        n++;
    }
    void flush(Sgd& s) {
        f.log1p(values, e, n);
        for (int i = 0; i < n; i++) s.loss_sum[0] += weights[i] * (values[i] + beyond[i]);
        n = 0;
    }
};

}  // namespace esker::rows

// What a row's dots come to under the log loss, in every lane: its loss, what its step is made of, and the
// intercept's own step. A row waits for this, so it is one call, and for a single lane no loop.

inline double log_loss_slope(double margin, double y, double e) {
    return -y * (margin > 0 ? e : 1.0) / (1.0 + e);
}
inline void log_loss_step(float& g, float& eg, double& bias, double& bias_h, double slope, double rate,
                          double share, double weight, double root, double bias_rate) {
    g = static_cast<float>(root * slope);
    eg = static_cast<float>(rate * share * weight * slope);
    bias_h += weight * slope * slope;
    const double by = bias_rate * weight * slope / __builtin_sqrt(bias_h);
    bias -= bias_h > 0 ? by : 0.0;
}

inline void log_loss(const LogLossRow& r, int lanes) {
    constexpr int some = 16;
    double margin[some], label[some], slope[some], e[some], loss[some];
    const double share = r.share, metered = r.metered, intercept = r.intercept;
    for (int c = 0; c < lanes; c += some) {
        const int n = lanes - c < some ? lanes - c : some;
        const float* __restrict dot = r.dot + c;
        double* __restrict bias = r.bias + c;
        double* __restrict bias_h = r.bias_h + c;
        double* __restrict sum = r.loss_sum + c;
        float* __restrict g = r.g + c;
        float* __restrict eg = r.eg + c;
        const double* __restrict rate = r.rate + c;
        const double* __restrict weight = r.weight + c;
        const double* __restrict root = r.root + c;
        const std::int32_t* target = r.target + c;
        if (r.classes) {
            const double own = r.y[0];
#pragma omp simd
            for (int k = 0; k < n; k++) label[k] = own == static_cast<double>(target[k]) ? 1.0 : -1.0;
        } else {
            for (int k = 0; k < n; k++) label[k] = r.y[target[k]];
        }
#pragma omp simd
        for (int k = 0; k < n; k++) {
            margin[k] = (static_cast<double>(dot[k]) + bias[k]) * label[k];
            e[k] = exp_one(-__builtin_fabs(margin[k]));
            slope[k] = log_loss_slope(margin[k], label[k], e[k]);
        }
#pragma omp simd
        for (int k = 0; k < n; k++)
            log_loss_step(g[k], eg[k], bias[k], bias_h[k], slope[k], rate[k], share, weight[k], root[k],
                          intercept * rate[k]);
#pragma omp simd
        for (int k = 0; k < n; k++) {  // after the steps, which the next row waits for
            loss[k] = log1p_one(e[k]) + (margin[k] < 0 ? -margin[k] : 0.0);
            sum[k] += metered * loss[k];
        }
    }
}

// e: exp(-|margin|); beyond: what the loss is beyond log1p(e), which are left for later.
inline void log_loss_one(const LogLossRow& r, double* e, double* beyond) {
    const double own = r.y[r.classes ? 0 : r.target[0]];
    const double label = !r.classes ? own : own == static_cast<double>(r.target[0]) ? 1.0 : -1.0;
    const double margin = (static_cast<double>(r.dot[0]) + r.bias[0]) * label;
    *e = exp_one(-__builtin_fabs(margin));
    *beyond = margin < 0 ? -margin : 0.0;
    log_loss_step(r.g[0], r.eg[0], r.bias[0], r.bias_h[0], log_loss_slope(margin, label, *e), r.rate[0],
                  r.share, r.weight[0], r.root[0], r.intercept * r.rate[0]);
}

// What all losses share. A loss is a small struct of a prediction p and a target y:
//   value(p, y); slope(p, y), its derivative in p; curvature(p, y), the second, 0 where the slope jumps;
//   over(slopes, values, p, y, n): both for a row's lanes, where exponentials are one vector call;
//   flows: whether steps follow the slope. Then moved(p, y, t) is how far a prediction falls in a time t
//     whose slope is followed at every moment, p' = -slope(p, y): what h repeats of a row come to as their
//     steps shrink, and never beyond the least loss (Karampatziakis & Langford, UAI 2011). Without, a step
//     is the slope at its beginning;
//   degree: value(s p, s y) = s^degree value(p, y), with the parameter that in_units(s) gives: such targets
//     are standardised. Of degree 0 are losses of labels -1 and +1 and of counts, which are taken as they
//     are;
//   outlying: how many standard deviations off a target counts at most in the targets' own moments, where
//     the loss is one that outliers must not rule; 0 for any;
//   log_link: the prediction is the logarithm of the target's mean.
#pragma once

#include <cmath>

#include "isa/kernels.hpp"

namespace esker {

template <int degree>
double raised(double s) noexcept {
    if constexpr (degree == 0) return 1.0;
    if constexpr (degree == 1) return s;
    return s * s;
}

// Slopes of p and y, which are in units of `unit`, one a lane; values in the units of the data.
template <class L>
void over(const L& loss, double* slopes, double* values, const double* p, const double* y, const double* unit,
          int n) {
    if constexpr (requires { loss.over(slopes, values, p, y, n); }) {
        loss.over(slopes, values, p, y, n);
    } else {
        for (int k = 0; k < n; k++) {
            const L scaled = loss.in_units(unit[k]);
            slopes[k] = scaled.slope(p[k], y[k]);
            values[k] = scaled.value(p[k], y[k]) * raised<L::degree>(unit[k]);
        }
    }
}

// Calls f(begin, count) for the lanes, `chunk` at a time: as many as temporaries on the stack have room for.
constexpr int chunk = 16;
template <class F>
void in_chunks(int n, F&& f) {
    for (int c = 0; c < n; c += chunk) f(c, n - c < chunk ? n - c : chunk);
}

}  // namespace esker

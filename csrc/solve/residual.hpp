// The true gradient of least squares, in one visit to each row: r = y - (x - mean) w - b, and the sums of r
// (x - mean).
#pragma once

#include <vector>

#include "base/view.hpp"

namespace esker {

struct Residual {
    std::vector<double> gradient;  // targets x d: sum of weight r (x - mean)
    std::vector<double> sum;       // targets: sum of weight r
    std::vector<double> left;      // d: sum of weight (x - mean), what rounding left in the means
    std::vector<double> squares;   // targets: sum of weight r^2
    double weight = 0;

    Residual(Index d, Index targets)
        : gradient(static_cast<std::size_t>(d * targets)),
          sum(static_cast<std::size_t>(targets)),
          left(static_cast<std::size_t>(d)),
          squares(static_cast<std::size_t>(targets)) {}
    // mean: d; coef: targets x d; intercept: targets, the prediction at x = mean.
    void update(const Block& block, const double* mean, const double* coef, const double* intercept);
};

}  // namespace esker

// Exact leave-one-out errors of ridge for many alphas, in one visit to each row (Golub, Heath & Wahba 1979;
// Rifkin & Lippert 2007). With X'X = V L V' the row z = (x - mean) V serves every alpha: its leverage is
// h = w (share + sum of z_j^2 / (l_j + alpha)), its prediction is linear in z, and the error of the fit
// without it is (y - prediction) / (1 - h).
#pragma once

#include <memory>
#include <vector>

#include "base/view.hpp"

namespace esker {

struct RotationRoom;  // what a thread needs for a panel of rows

struct LeaveOneOut {
    Index cols, rank, targets, alphas;
    double share;                          // what the intercept adds to a leverage: 1 / sum of weights, or 0
    std::vector<double> mean, mean_y;      // the rows and targets are taken from here
    std::vector<double> vectors, at_mean;  // V (cols x rank), and mean' V for sparse rows
    std::vector<double> packed_vectors, packed_shrink, packed_coef;  // as the kernels read them
    std::vector<double> squares;                                     // targets x alphas: sum of w error^2
    double least = 1;  // the smallest 1 - h of a row that counts

    std::vector<std::shared_ptr<RotationRoom>> idle;  // kept between blocks

    // vectors: cols x rank; shrink: rank x alphas, 1 / (l + alpha); coef: rank x (targets x alphas).
    LeaveOneOut(std::vector<double> vectors, Index rank, std::vector<double> mean, std::vector<double> mean_y,
                const double* shrink, Index alphas, const double* coef, double share);
    // errors: rows x targets x alphas, not weighted, or null.
    void update(const Block& block, double* errors);
};

}  // namespace esker

// The centred second moments of X and y: all that least squares needs of the rows, exact under merging. The
// update of Chan, Golub & LeVeque ("Updating formulae and a pairwise algorithm", 1979), panel by panel, in
// float64.
#pragma once

#include <vector>

#include "fold/fold.hpp"

namespace esker {

struct Gram {
    double weight = 0;  // sum of the rows' weights
    Index rows = 0;
    double noise =
        0;  // a column whose second moment is below noise x weight x mean^2 is constant but for rounding
    std::vector<double> mean_x, mean_y;
    // Sums of w (x - mean)(x - mean)': entry (i, j), i <= j, lies at i (d + 1) + j + 1. What is left, i (d +
    // 1) + j for j <= i, is room for a factor, so that a solve needs no second matrix (solve/cholesky.hpp).
    std::vector<double> xx;
    std::vector<double> xy;      // targets x d
    std::vector<double> yy;      // targets
    std::vector<double> coarse;  // d: the part of xx's diagonal that was multiplied in float32
    std::vector<double>
        peak;  // d: what the diagonal was before rows were forgotten; rounding is relative to it
    std::vector<double> peak_y;  // targets: the same of yy; empty where no rows were forgotten

    Index cols() const noexcept { return static_cast<Index>(mean_x.size()); }
    Index targets() const noexcept { return static_cast<Index>(mean_y.size()); }
    double* row(Index i) noexcept { return xx.data() + i * (cols() + 1) + 1; }
    const double* row(Index i) const noexcept { return xx.data() + i * (cols() + 1) + 1; }

    void widen(Index cols);  // new columns are columns of zeros
    void update(const Block& block);
    void merge(const Gram& other);
    // Takes rows off again that were absorbed before; refuses, changing nothing, where what is left would be
    // rounding.
    void forget(const Gram& other);
    // Target t becomes what target order[t] was; zeros where order[t] is -1, for a class that no row had so
    // far.
    void set_targets(const std::vector<Index>& order);
    bool finite() const;  // whether the rows were: sums of products keep what is not finite
    struct Summary {
        std::vector<double> xx;
    };  // d x d, both triangles
    // Rounding of the sums of products, relative to the diagonal (about the origin where not centred).
    double loss(bool centred) const;
    Summary finish() const;
};
static_assert(Fold<Gram>);

}  // namespace esker

// Lasso and elastic net on a Gram: minimises (yy - 2 xy'w + w'Gw) / 2 + l1 |w|_1 + l2 |w|_2^2 / 2 by cyclic
// coordinate descent with covariance updates (Friedman, Hastie & Tibshirani, 2010), stopped by the duality
// gap, with gap-safe screening (Fercoq, Gramfort & Salmon, 2015). No row is read again.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "fold/gram.hpp"

namespace esker {

// Copies the triangle into the room beside it: row i then holds G(i, 0..i) and, one place on, G(i, i..d - 1).
void mirror(Gram& gram);

struct Penalty {
    double l1 = 0, l2 = 0;  // in the units of the sums: alpha times the Gram's weight
};

struct DescentRules {
    double tol = 1e-4;  // the gap, relative to yy; and the largest step of a sweep, relative to the largest w
    Index max_iter = 1000;
    bool positive = false, random = false;
    std::uint64_t seed = 0;
};

// One target's problem, and where its solution stands.
struct Descent {
    const Gram* gram;
    Index target;
    bool centred;  // false: about the origin, whose sums differ from the centred ones by rank one
    DescentRules rules;
    double yy;
    std::vector<double> diagonal;  // 0: the column is constant, and its coefficient stays 0
    std::vector<double> w, g;      // g = xy - G w, centred
    double level = 0;              // mean_y - mean_x'w: with g, the gradient about the origin
    Penalty penalty;
    std::vector<Index> active;    // columns that screening has left
    Index sweeps = 0;             // of this penalty
    double swept = 0, spent = 0;  // numbers visited by the sweeps and by Newton's method, of this penalty
    double gap = 0;               // at w, exactly for these g
    bool settled = false, converged = false;
    std::uint32_t draws = 0;

    const double* xy() const noexcept { return gram->xy.data() + target * gram->cols(); }
    double gradient(Index j) const noexcept {  // of minus the squared error, by w_j
        const auto at = static_cast<std::size_t>(j);
        return g[at] + (centred ? 0.0 : gram->weight * gram->mean_x[at] * level);
    }
};

// w: d numbers to start from, or null for zeros. The Gram must have been mirrored.
Descent descend_from(const Gram& gram, Index target, bool centred, const DescentRules& rules,
                     const double* w);
void begin(Descent& s, Penalty penalty);      // from the w at hand; settled where its gap is small enough
void sweep(Descent& s);                       // once through the active columns; then perhaps settled
void move(Descent& s, Index j, double step);  // w_j += step
// A few steps of Newton's method on the nonzero coefficients; returns the numbers visited.
double newton(Descent& s);

// The solutions along decreasing alphas, each from the one before.
struct Path {
    Descent at;
    const double* alphas;
    Index count;
    double l1_ratio;
    double *coefs, *gaps;  // count x d, count: the gap per unit of weight
    Index* sweeps;
    bool* converged;
    Index k = 0;
    bool inside = false;
};
// Follows all paths to their ends on all threads, a slice of work at a time; poll is asked between slices.
void follow(std::vector<Path>& paths, Poll poll);

// Weighted mean squared errors on the rows of a Gram, target 0, of models given as rows of coefs with their
// predictions at the mean of their own training rows (null: no intercept).
void mean_squared_errors(double* out, const Gram& rows, const Gram& trained, const double* coefs, Index count,
                         bool centred);

}  // namespace esker

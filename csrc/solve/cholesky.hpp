// Cholesky for ridge: scaled to unit diagonal (van der Sluis 1969), factored beside the matrix in the same
// array. base has n (n + 1) numbers: the symmetric matrix's entry (i, j), i <= j, at i (n + 1) + j + 1, as a
// Gram keeps it; the factor's entry (i, j), j <= i, at i (n + 1) + j. A factorisation leaves the matrix as it
// was.
#pragma once

#include <vector>

#include "base/error.hpp"
#include "base/view.hpp"

namespace esker {

struct Scaling {
    std::vector<double> scale;  // the factor is of diag(scale) (A + alpha I) diag(scale)
    double rcond = 0;           // its reciprocal condition number in the 1-norm, estimated
    double norm = 0;            // its 1-norm
};

// Factors A + rank_one rank_one' + alpha I; rank_one may be null. A diagonal entry of at most floor[i] is
// taken for a zero row and column, whose solution is 0. Throws NotPositiveDefinite, or Interrupted when poll
// says so.
Scaling factorise(double* base, Index n, double alpha, const double* rank_one, const double* floor,
                  Poll poll);

// What both storages share: the scale of a column with so much of its own, and the way out of a matrix that
// is no good.
double scale_of(double own, double alpha, double floor, Index column);
NotPositiveDefinite not_positive_definite(Index order);

// out = b A for the symmetric matrix A itself, without alpha; b and out are rows of n numbers.
void multiply(double* out, const double* base, Index n, const double* b, Index rows);

// b (rows of n numbers each, one a right-hand side) becomes the solution.
void solve(const double* base, Index n, const std::vector<double>& scale, double* b, Index rows);

}  // namespace esker

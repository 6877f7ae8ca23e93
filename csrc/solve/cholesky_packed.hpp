// Cholesky in place on packed block rows (base/block_rows.hpp): the factor takes the matrix's room, so that a
// solve of n unknowns needs little more than n^2 / 2 numbers.
#pragma once

#include "base/block_rows.hpp"
#include "solve/cholesky.hpp"

namespace esker {

// As factorise in solve/cholesky.hpp, but that the matrix is lost, whether there is a factor or an exception.
Scaling factorise_packed(double* base, const BlockRows& at, double alpha, const double* rank_one,
                         const double* floor, Poll poll);

// b (rows of n numbers each, one a right-hand side) becomes the solution.
void solve_packed(const double* base, const BlockRows& at, const std::vector<double>& scale, double* b,
                  Index rows);

// b becomes b times what was factored, as the factor has it: alpha and the rank-one term included, zeros
// where the scale is 0.
void multiply_packed(const double* base, const BlockRows& at, const std::vector<double>& scale, double* b,
                     Index rows);

}  // namespace esker

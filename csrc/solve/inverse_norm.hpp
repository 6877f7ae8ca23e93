// The 1-norm of the inverse of a symmetric matrix, from a few solves: Higham, "FORTRAN codes for estimating
// the one-norm of a real or complex matrix" (1988), as LAPACK's dlacn2; a lower bound that is rarely far off.
#pragma once

#include <cmath>
#include <vector>

#include "base/view.hpp"

namespace esker {

// solve(x) replaces x, n numbers, by the inverse times x.
template <class Solve>
double inverse_norm(Index n, Solve&& solve) {
    if (n == 0) return 0.0;
    const auto size = static_cast<std::size_t>(n);
    std::vector<double> x(size, 1.0 / static_cast<double>(n)), signs(size, 0.0);
    auto sum = [&] {
        double s = 0;
        for (const double v : x) s += std::abs(v);
        return s;
    };
    auto steepest = [&] {
        std::size_t at = 0;
        for (std::size_t j = 1; j < size; j++)
            if (std::abs(x[j]) > std::abs(x[at])) at = j;
        return at;
    };
    solve(x.data());
    double found = sum();
    if (n == 1) return found;
    std::size_t last = size;
    for (int step = 0; step < 5; step++) {
        bool same = true;
        for (std::size_t j = 0; j < size; j++) {
            const double sign = x[j] < 0 ? -1.0 : 1.0;
            same = same && sign == signs[j];
            signs[j] = sign;
        }
        if (same) break;
        x = signs;
        solve(x.data());
        const std::size_t at = steepest();
        if (at == last || (last < size && std::abs(x[last]) == std::abs(x[at]))) break;
        last = at;
        x.assign(size, 0.0);
        x[at] = 1.0;
        solve(x.data());
        const double before = found;
        found = std::max(found, sum());
        if (found <= before) break;
    }
    for (std::size_t j = 0; j < size; j++)
        x[j] = (j % 2 ? -1.0 : 1.0) * (1.0 + static_cast<double>(j) / static_cast<double>(n - 1));
    solve(x.data());
    return std::max(found, 2.0 * sum() / (3.0 * static_cast<double>(n)));
}

}  // namespace esker

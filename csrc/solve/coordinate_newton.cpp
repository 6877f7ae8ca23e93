// Where sweeps of coordinate descent crawl, because columns are nearly dependent: Newton's method on the
// coefficients that are not zero, whose signs hold the objective quadratic.
#include <algorithm>
#include <cmath>

#include "isa/kernels.hpp"
#include "solve/coordinate.hpp"

namespace esker {
namespace {

constexpr Index most = 1500;     // nonzeros of a matrix that is factored between two looks for Ctrl-C
constexpr double pivot = 1e-10;  // of a unit diagonal; below it a column hangs on those before it

// The scaled Hessian's factor, by rows; a dependent column's row is left out (its pivot is 0).
std::vector<double> factor(const Descent& s, const std::vector<Index>& on, const std::vector<double>& scale) {
    const auto n = on.size();
    const auto dot = kernels().rows_f64.dot;
    std::vector<double> L(n * n, 0.0);
    for (std::size_t i = 0; i < n; i++) {
        double* row = L.data() + i * n;
        const double* from = s.gram->row(on[i]);
        for (std::size_t k = 0; k <= i; k++) {
            const double* to = L.data() + k * n;
            // on is sorted, so that entry (k, i) lies in the upper triangle.
            double a = k == i ? from[on[i]] : s.gram->row(on[k])[on[i]];
            if (!s.centred)
                a += s.gram->weight * s.gram->mean_x[static_cast<std::size_t>(on[i])] *
                     s.gram->mean_x[static_cast<std::size_t>(on[k])];
            if (k == i) a += s.penalty.l2;
            a = a * scale[i] * scale[k] - dot(row, to, static_cast<Index>(k));
            if (k < i)
                row[k] = to[k] > 0 ? a / to[k] : 0.0;
            else
                row[i] = a > pivot ? std::sqrt(a) : 0.0;
        }
    }
    return L;
}

void solve(const std::vector<double>& L, std::vector<double>& b) {
    const std::size_t n = b.size();
    for (std::size_t i = 0; i < n; i++) {
        for (std::size_t k = 0; k < i; k++) b[i] -= L[i * n + k] * b[k];
        b[i] = L[i * n + i] > 0 ? b[i] / L[i * n + i] : 0.0;
    }
    for (std::size_t i = n; i-- > 0;) {
        b[i] = L[i * n + i] > 0 ? b[i] / L[i * n + i] : 0.0;
        for (std::size_t k = 0; k < i; k++) b[k] -= L[i * n + k] * b[i];
    }
}

}  // namespace

void newton_step(Descent& s) {
    std::vector<Index> on;
    for (const Index j : s.active)
        if (s.w[static_cast<std::size_t>(j)] != 0) on.push_back(j);
    if (on.empty() || static_cast<Index>(on.size()) > most) return;
    std::vector<double> scale, step;
    for (const Index j : on) {
        const auto at = static_cast<std::size_t>(j);
        scale.push_back(1 / std::sqrt(s.diagonal[at] + s.penalty.l2));
        step.push_back(scale.back() *
                       (s.gradient(j) - std::copysign(s.penalty.l1, s.w[at]) - s.penalty.l2 * s.w[at]));
    }
    solve(factor(s, on, scale), step);
    // As far as the first coefficient that would change its sign, which becomes zero.
    double length = 1;
    std::size_t first = on.size();
    for (std::size_t i = 0; i < on.size(); i++) {
        step[i] *= scale[i];
        const double w = s.w[static_cast<std::size_t>(on[i])];
        if (w * step[i] < 0 && length * std::abs(step[i]) >= std::abs(w)) {
            length = std::abs(w / step[i]);
            first = i;
        }
    }
    for (std::size_t i = 0; i < on.size(); i++) {
        const double w = s.w[static_cast<std::size_t>(on[i])];
        move(s, on[i], i == first ? -w : length * step[i]);
    }
}

}  // namespace esker

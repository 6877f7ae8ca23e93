// Where sweeps of coordinate descent crawl, because columns are nearly or wholly dependent: Newton's method
// on the coefficients that are not zero, with exact line searches through their changes of sign.
#include <algorithm>
#include <cmath>
#include <utility>

#include "isa/kernels.hpp"
#include "solve/coordinate.hpp"

namespace esker {
namespace {

constexpr std::size_t most = 1500;  // nonzeros of a matrix that is factored between two looks for Ctrl-C
constexpr int steps = 10;           // at most, of one call
constexpr double pivot = 1e-10;     // of a unit diagonal; below it a column hangs on those before it

// The nonzero coefficients and the quadratic that holds until one of them changes its sign.
struct Support {
    std::vector<Index> on;
    std::vector<double> scale;   // to a unit diagonal of the Hessian
    std::vector<double> slope;   // of minus the objective
    std::vector<double> factor;  // of the scaled Hessian, by rows of on.size(); filled up to `rank`
    std::size_t rank = 0;        // the first column that hangs on those before it, or all of them
};

Support support(const Descent& s) {
    Support p;
    for (const Index j : s.active) {
        const auto at = static_cast<std::size_t>(j);
        const double w = s.w[at];
        if (w == 0) continue;
        p.on.push_back(j);
        p.scale.push_back(1 / std::sqrt(s.diagonal[at] + s.penalty.l2));
        p.slope.push_back(s.gradient(j) - std::copysign(s.penalty.l1, w) - s.penalty.l2 * w);
    }
    return p;
}

double entry(const Descent& s, Index i, Index j) {  // i <= j
    double a = s.gram->row(i)[j];
    if (!s.centred)
        a += s.gram->weight * s.gram->mean_x[static_cast<std::size_t>(i)] *
             s.gram->mean_x[static_cast<std::size_t>(j)];
    return i == j ? a + s.penalty.l2 : a;
}

// Row by row until a column hangs on the others; its row is there, its pivot is not.
void factorise(const Descent& s, Support& p) {
    const std::size_t n = p.on.size();
    const auto dot = kernels().rows_f64.dot;
    p.factor.assign(n * n, 0.0);
    for (p.rank = 0; p.rank < n; p.rank++) {
        const std::size_t i = p.rank;
        double* row = p.factor.data() + i * n;
        for (std::size_t k = 0; k <= i; k++) {
            const double* to = p.factor.data() + k * n;
            const double a =
                entry(s, p.on[k], p.on[i]) * p.scale[i] * p.scale[k] - dot(row, to, static_cast<Index>(k));
            if (k < i)
                row[k] = a / to[k];
            else if (a > pivot)
                row[i] = std::sqrt(a);
            else
                return;
        }
    }
}

// b becomes the solution with the factor's transpose, of its first `size` rows.
void solve_transposed(const Support& p, std::vector<double>& b, std::size_t size) {
    const std::size_t n = p.on.size();
    const auto axpy = kernels().rows_f64.axpy;
    for (std::size_t i = size; i-- > 0;) {
        b[i] /= p.factor[i * n + i];
        axpy(b.data(), -b[i], p.factor.data() + i * n, static_cast<Index>(i));
    }
}

std::vector<double> newton_direction(const Support& p) {
    const std::size_t n = p.on.size();
    const auto dot = kernels().rows_f64.dot;
    std::vector<double> b(n);
    for (std::size_t i = 0; i < n; i++)
        b[i] = (p.scale[i] * p.slope[i] - dot(p.factor.data() + i * n, b.data(), static_cast<Index>(i))) /
               p.factor[i * n + i];
    solve_transposed(p, b, n);
    return b;
}

// Along which the squared error does not change: the column at `rank` against those that it hangs on.
std::vector<double> null_direction(const Support& p) {
    const std::size_t n = p.on.size();
    std::vector<double> v(p.factor.begin() + static_cast<std::ptrdiff_t>(p.rank * n),
                          p.factor.begin() + static_cast<std::ptrdiff_t>(p.rank * n + p.rank));
    solve_transposed(p, v, p.rank);
    for (double& x : v) x = -x;
    v.resize(n, 0.0);
    v[p.rank] = 1;
    return v;
}

// Moves to the minimum along a direction; whether a coefficient became zero there. The objective's slope is
// t curvature - descent but for what each change of sign adds to it.
bool line_search(Descent& s, const Support& p, std::vector<double> step, bool flat) {
    double descent = 0;
    for (std::size_t i = 0; i < step.size(); i++) {
        step[i] *= p.scale[i];
        descent += step[i] * p.slope[i];
    }
    if (descent < 0) {
        for (double& x : step) x = -x;
        descent = -descent;
    }
    const double curvature = flat ? 0 : descent;
    std::vector<std::pair<double, std::size_t>> kinks;
    for (std::size_t i = 0; i < step.size(); i++)
        if (const double w = s.w[static_cast<std::size_t>(p.on[i])]; w * step[i] < 0)
            kinks.emplace_back(-w / step[i], i);
    std::sort(kinks.begin(), kinks.end());
    double left = descent, length = 0;  // left: the descent without curvature
    std::size_t zero = step.size();
    for (const auto& [t, i] : kinks) {
        if (left <= t * curvature) break;
        left -= 2 * s.penalty.l1 * std::abs(step[i]);
        if (s.rules.positive || left <= t * curvature) {
            length = t, zero = i;
            break;
        }
    }
    if (zero == step.size()) length = curvature > 0 ? std::max(0.0, left / curvature) : 0.0;
    for (std::size_t i = 0; length > 0 && i < step.size(); i++)
        move(s, p.on[i], i == zero ? -s.w[static_cast<std::size_t>(p.on[i])] : length * step[i]);
    return zero < step.size();
}

}  // namespace

double newton(Descent& s) {
    double work = 0;
    for (int k = 0; k < steps; k++) {
        Support p = support(s);
        const auto n = static_cast<double>(p.on.size());
        if (p.on.empty() || p.on.size() > most) break;
        factorise(s, p);
        work += n * n * (n / 3 + 2) + n * static_cast<double>(s.gram->cols());
        const bool flat = p.rank < p.on.size();
        if (!line_search(s, p, flat ? null_direction(p) : newton_direction(p), flat)) break;
    }
    return work;
}

}  // namespace esker

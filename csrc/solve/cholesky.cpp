// Cholesky over panels of BLAS-3, so that it can be interrupted between them.
#include "solve/cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/blas.hpp"
#include "base/parallel.hpp"

namespace esker {
namespace {

constexpr Index tile = 64;

// The scaled matrix into the factor's place; returns its 1-norm.
double fill(double* base, Index n, double alpha, const double* u, const double* s) {
    const Index ld = n + 1;
    parallel_for((n + tile - 1) / tile, [&](Index band) {
        const Index i0 = band * tile, i1 = std::min(n, i0 + tile);
        for (Index j0 = 0; j0 < i1; j0 += tile)
            for (Index i = i0; i < i1; i++)
                for (Index j = j0; j < std::min(j0 + tile, i + 1); j++) {
                    double a = base[j * ld + i + 1] + (u ? u[i] * u[j] : 0.0) + (i == j ? alpha : 0.0);
                    a *= s[i] * s[j];
                    base[i * ld + j] = i == j ? 1.0 : a;
                }
    });
    std::vector<double> sums(static_cast<std::size_t>(n), 0.0);
    for (Index i = 0; i < n; i++) {
        for (Index j = 0; j < i; j++) {
            const double a = std::abs(base[i * ld + j]);
            sums[static_cast<std::size_t>(i)] += a, sums[static_cast<std::size_t>(j)] += a;
        }
        sums[static_cast<std::size_t>(i)] += 1;
    }
    return n ? *std::max_element(sums.begin(), sums.end()) : 0.0;
}

}  // namespace

double scale_of(double own, double alpha, double floor, Index column) {
    const double a = own + alpha;
    require(std::isfinite(a),
            "the sums of products of column " + std::to_string(column) +
                " are not finite: its values are too large for their products; scale it down");
    return a > 0 && (alpha > 0 || own > floor) ? 1 / std::sqrt(a) : 0.0;
}

NotPositiveDefinite not_positive_definite(Index order) {
    return NotPositiveDefinite(
        "the matrix is not positive definite to working precision: its leading minor of order " +
            std::to_string(order) + " is not; a larger alpha makes it so",
        order);
}

Scaling factorise(double* base, Index n, double alpha, const double* rank_one, const double* floor,
                  Poll poll) {
    const Index ld = n + 1;
    Scaling f;
    for (Index i = 0; i < n; i++) {
        const double own = base[i * ld + i + 1] + (rank_one ? rank_one[i] * rank_one[i] : 0.0);
        f.scale.push_back(scale_of(own, alpha, floor[i], i));
    }
    f.norm = fill(base, n, alpha, rank_one, f.scale.data());
    // Column-major, the factor's place is an upper triangle: A = R'R, a block row of R at a time.
    const Index panel = n > 12000 ? 128 : 256;
    for (Index k = 0; k < n; k += panel) {
        if (poll && poll()) throw Interrupted();
        const Index width = std::min(panel, n - k), rest = n - k - width;
        double* corner = base + k * ld + k;
        const auto info = blas::potrf('U', width, corner, ld);
        if (info != 0) throw not_positive_definite(k + info);
        if (rest == 0) break;
        double* right = corner + width * ld;
        blas::trsm('L', 'U', 'T', 'N', width, rest, 1.0, corner, ld, right, ld);
        blas::syrk('U', 'T', rest, width, -1.0, right, ld, 1.0, right + width, ld);
    }
    if (poll && poll()) throw Interrupted();
    f.rcond = n ? blas::pocon('U', n, base, ld, f.norm) : 1.0;
    return f;
}

void multiply(double* out, const double* base, Index n, const double* b, Index rows) {
    if (n == 0 || rows == 0) return;
    blas::symm('L', 'L', n, rows, 1.0, base + 1, n + 1, b, n, 0.0, out, n);
}

void solve(const double* base, Index n, const std::vector<double>& scale, double* b, Index rows) {
    auto rescale = [&] {
        for (Index r = 0; r < rows; r++)
            for (Index j = 0; j < n; j++) b[r * n + j] *= scale[static_cast<std::size_t>(j)];
    };
    if (n == 0 || rows == 0) return;
    rescale();
    blas::potrs('U', n, rows, base, n + 1, b, n);
    rescale();
}

}  // namespace esker

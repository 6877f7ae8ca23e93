// Column-major, a block row is a block column of the lower triangle: diagonal block on top, the rest below.
#include "solve/cholesky_packed.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/blas.hpp"
#include "base/parallel.hpp"
#include "solve/inverse_norm.hpp"

namespace esker {
namespace {

// Scales the matrix in place; returns its 1-norm.
double rescale(double* base, const BlockRows& at, double alpha, const double* u, const double* s) {
    const Index n = at.n, few = 16;
    auto row = [&](Index i) {
        const Index b = i / at.block;
        return base + at.begin(b) + (i - at.first(b)) * at.ld(b) - at.first(b);
    };
    parallel_for((n + few - 1) / few, [&](Index task) {
        for (Index i = task * few; i < std::min(n, (task + 1) * few); i++) {
            double* to = row(i);
            to[i] = 1.0;
            for (Index j = i + 1; j < n; j++) to[j] = (to[j] + (u ? u[i] * u[j] : 0.0)) * (s[i] * s[j]);
        }
    });
    std::vector<double> sums(static_cast<std::size_t>(n), 1.0);
    for (Index i = 0; i < n; i++) {
        const double* from = row(i);
        double own = 0;
        for (Index j = i + 1; j < n; j++) {
            const double a = std::abs(from[j]);
            own += a, sums[static_cast<std::size_t>(j)] += a;
        }
        sums[static_cast<std::size_t>(i)] += own;
    }
    return n ? *std::max_element(sums.begin(), sums.end()) : 0.0;
}

// Below += alpha op(A) x for one right-hand side or many; x and y are columns n apart.
void product(char trans, Index m, Index k, double alpha, const double* a, Index lda, const double* x,
             double beta, double* y, Index n, Index rows) {
    if (rows == 1)
        blas::gemv(trans, trans == 'N' ? m : k, trans == 'N' ? k : m, alpha, a, lda, x, 1, beta, y, 1);
    else
        blas::gemm(trans, 'N', m, rows, k, alpha, a, lda, x, n, beta, y, n);
}

void scaled(double* b, Index n, Index rows, const std::vector<double>& scale, bool inverse) {
    for (Index r = 0; r < rows; r++)
        for (Index j = 0; j < n; j++) {
            const double s = scale[static_cast<std::size_t>(j)];
            b[r * n + j] *= !inverse ? s : s > 0 ? 1 / s : 0.0;
        }
}

// b becomes the solutions of the factored matrix, scales left aside.
void substitute(const double* base, const BlockRows& at, double* b, Index rows) {
    const Index n = at.n;
    auto triangle = [&](Index k, char trans) {
        const double* corner = base + at.begin(k);
        double* own = b + at.first(k);
        if (rows == 1)
            blas::trsv('L', trans, 'N', at.rows(k), corner, at.ld(k), own, 1);
        else
            blas::trsm('L', 'L', trans, 'N', at.rows(k), rows, 1.0, corner, at.ld(k), own, n);
    };
    for (Index k = 0; k < at.count(); k++) {
        const Index width = at.rows(k), rest = at.ld(k) - width;
        double* own = b + at.first(k);
        triangle(k, 'N');
        if (rest)
            product('N', rest, width, -1.0, base + at.begin(k) + width, at.ld(k), own, 1.0, own + width, n,
                    rows);
    }
    for (Index k = at.count() - 1; k >= 0; k--) {
        const Index width = at.rows(k), rest = at.ld(k) - width;
        double* own = b + at.first(k);
        if (rest)
            product('T', width, rest, -1.0, base + at.begin(k) + width, at.ld(k), own + width, 1.0, own, n,
                    rows);
        triangle(k, 'T');
    }
}

}  // namespace

Scaling factorise_packed(double* base, const BlockRows& at, double alpha, const double* rank_one,
                         const double* floor, Poll poll) {
    const Index n = at.n;
    Scaling f;
    for (Index i = 0; i < n; i++) {
        const Index b = i / at.block, local = i - at.first(b);
        const double own =
            base[at.begin(b) + local * (at.ld(b) + 1)] + (rank_one ? rank_one[i] * rank_one[i] : 0.0);
        f.scale.push_back(scale_of(own, alpha, floor[i], i));
    }
    f.norm = rescale(base, at, alpha, rank_one, f.scale.data());
    for (Index k = 0; k < at.count(); k++) {
        if (poll && poll()) throw Interrupted();
        const Index width = at.rows(k), ld = at.ld(k), rest = ld - width;
        double *corner = base + at.begin(k), *below = corner + width;
        const auto info = blas::potrf('L', width, corner, ld);
        if (info != 0) throw not_positive_definite(at.first(k) + info);
        if (rest == 0) break;
        blas::trsm('R', 'L', 'T', 'N', rest, width, 1.0, corner, ld, below, ld);
        for (Index c = k + 1; c < at.count(); c++) {
            const double* from = corner + at.first(c) - at.first(k);
            double* to = base + at.begin(c);
            const Index own = at.rows(c), left = at.ld(c) - own;
            blas::syrk('L', 'N', own, width, -1.0, from, ld, 1.0, to, at.ld(c));
            if (left)
                blas::gemm('N', 'T', left, own, width, -1.0, from + own, ld, from, ld, 1.0, to + own,
                           at.ld(c));
        }
    }
    if (poll && poll()) throw Interrupted();
    const double inverse = inverse_norm(n, [&](double* x) { substitute(base, at, x, 1); });
    const double rcond = n ? 1 / (f.norm * inverse) : 1.0;
    f.rcond = std::isfinite(rcond) ? rcond : 0.0;
    return f;
}

void solve_packed(const double* base, const BlockRows& at, const std::vector<double>& scale, double* b,
                  Index rows) {
    if (at.n == 0 || rows == 0) return;
    scaled(b, at.n, rows, scale, false);
    substitute(base, at, b, rows);
    scaled(b, at.n, rows, scale, false);
}

void multiply_packed(const double* base, const BlockRows& at, const std::vector<double>& scale, double* b,
                     Index rows) {
    const Index n = at.n;
    if (n == 0 || rows == 0) return;
    scaled(b, n, rows, scale, true);
    // L' b from the first block on, whose new values need the old ones below only; then L from the last one
    // on.
    for (Index k = 0; k < at.count(); k++) {
        const Index width = at.rows(k), rest = at.ld(k) - width;
        double* own = b + at.first(k);
        blas::trmm('L', 'L', 'T', 'N', width, rows, 1.0, base + at.begin(k), at.ld(k), own, n);
        if (rest)
            product('T', width, rest, 1.0, base + at.begin(k) + width, at.ld(k), own + width, 1.0, own, n,
                    rows);
    }
    for (Index k = at.count() - 1; k >= 0; k--) {
        const Index width = at.rows(k), rest = at.ld(k) - width;
        double* own = b + at.first(k);
        if (rest)
            product('N', rest, width, 1.0, base + at.begin(k) + width, at.ld(k), own, 1.0, own + width, n,
                    rows);
        blas::trmm('L', 'L', 'N', 'N', width, rows, 1.0, base + at.begin(k), at.ld(k), own, n);
    }
    scaled(b, n, rows, scale, true);
}

}  // namespace esker

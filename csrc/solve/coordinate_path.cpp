// Paths of elastic nets along falling alphas, side by side on all threads, and their errors on held-out rows.
#include <algorithm>
#include <cmath>

#include "base/parallel.hpp"
#include "isa/kernels.hpp"
#include "solve/coordinate.hpp"

namespace esker {
namespace {

constexpr double slice = 3e7;  // numbers visited between two looks for Ctrl-C

void keep(Path& path) {
    const Descent& s = path.at;
    std::copy(s.w.begin(), s.w.end(), path.coefs + path.k * s.gram->cols());
    path.gaps[path.k] = s.gap / s.gram->weight;
    path.sweeps[path.k] = s.sweeps;
    path.converged[path.k] = s.converged;
}

void advance(Path& path) {
    Descent& s = path.at;
    const auto d = static_cast<double>(s.gram->cols());
    for (double work = 0; work < slice && path.k < path.count;) {
        if (!path.inside) {
            const double alpha = path.alphas[path.k] * s.gram->weight;
            begin(s, {alpha * path.l1_ratio, alpha * (1 - path.l1_ratio)});
            path.inside = true;
            work += d;
        }
        if (!s.settled) {
            const double before = s.swept + s.spent;
            sweep(s);
            work += d + s.swept + s.spent - before;
        }
        if (s.settled) {
            keep(path);
            path.k++;
            path.inside = false;
        }
    }
}

}  // namespace

void follow(std::vector<Path>& paths, Poll poll) {
    for (;;) {
        std::vector<Path*> going;
        for (Path& path : paths)
            if (path.k < path.count) going.push_back(&path);
        if (going.empty()) return;
        parallel_for(static_cast<std::int64_t>(going.size()),
                     [&](std::int64_t i) { advance(*going[static_cast<std::size_t>(i)]); });
        if (poll()) throw Interrupted();
    }
}

void mean_squared_errors(double* out, const Gram& rows, const Gram& trained, const double* coefs, Index count,
                         bool centred) {
    const Index d = rows.cols();
    const auto dot = kernels().rows_f64.dot;
    parallel_for(count, [&](Index k) {
        const double* w = coefs + k * d;
        // What is left at the mean of these rows; the intercept is that of the training rows.
        double left = rows.mean_y[0] - (centred ? trained.mean_y[0] : 0.0);
        double sum = rows.yy[0];
        for (Index j = 0; j < d; j++) {
            if (w[j] == 0) continue;
            const auto at = static_cast<std::size_t>(j);
            left -= (rows.mean_x[at] - (centred ? trained.mean_x[at] : 0.0)) * w[j];
            const double* row = rows.row(j);
            sum += w[j] * (row[j] * w[j] + 2 * (dot(row + j + 1, w + j + 1, d - j - 1) - rows.xy[at]));
        }
        out[k] = std::max(0.0, sum) / rows.weight + left * left;
    });
}

}  // namespace esker

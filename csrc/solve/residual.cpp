// Residuals: rows dealt to shards by the block's shape, added up in the order of the shards.
#include "solve/residual.hpp"

#include <algorithm>
#include <string>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "isa/kernels.hpp"

namespace esker {
namespace {

template <class T>
void row_of(Residual& s, const DenseView<T>& x, Index i, const Block& block, const double* mean,
            const double* coef, const double* intercept) {
    const auto& k = kernels().residual<T>();
    const Index d = x.cols, targets = block.targets;
    const double w = block.w(i);
    for (Index t = 0; t < targets; t++) {
        const double r = (block.y[i * targets + t] - intercept[t]) - k.dot(x.row(i), mean, coef + t * d, d);
        s.sum[static_cast<std::size_t>(t)] += w * r;
        s.squares[static_cast<std::size_t>(t)] += w * r * r;
        k.axpy(s.gradient.data() + t * d, w * r, x.row(i), mean, d);
    }
    k.axpy(s.left.data(), w, x.row(i), mean, d);
}

// Sparse rows are summed as they are; the means are taken off once for the shard.
template <class T, class I>
void row_of(Residual& s, const CsrView<T, I>& x, Index i, const Block& block, const double*,
            const double* coef, const double* at_zero) {
    const Index d = x.cols, targets = block.targets;
    const double w = block.w(i);
    const auto row = x.row(i);
    for (Index t = 0; t < targets; t++) {
        const double* c = coef + t * d;
        double r = block.y[i * targets + t] - at_zero[t];
        for (Index k = 0; k < row.size; k++) r -= static_cast<double>(row.values[k]) * c[row.columns[k]];
        s.sum[static_cast<std::size_t>(t)] += w * r;
        s.squares[static_cast<std::size_t>(t)] += w * r * r;
        double* g = s.gradient.data() + t * d;
        for (Index k = 0; k < row.size; k++) g[row.columns[k]] += w * r * static_cast<double>(row.values[k]);
    }
    for (Index k = 0; k < row.size; k++)
        s.left[static_cast<std::size_t>(row.columns[k])] += w * static_cast<double>(row.values[k]);
}

template <class T>
constexpr bool sparse(const DenseView<T>&) {
    return false;
}
template <class T, class I>
constexpr bool sparse(const CsrView<T, I>&) {
    return true;
}

}  // namespace

void Residual::update(const Block& block, const double* mean, const double* coef, const double* intercept) {
    const auto d = static_cast<Index>(left.size()), targets = static_cast<Index>(sum.size());
    require(cols(block.x) == d && block.targets == targets,
            "the rows must have " + std::to_string(d) + " columns and " + std::to_string(targets) +
                " targets, got " + std::to_string(cols(block.x)) + " and " + std::to_string(block.targets));
    std::visit(
        [&](const auto& x) {
            std::vector<double> start(intercept, intercept + targets);
            if (sparse(x))
                for (Index t = 0; t < targets; t++)
                    for (Index j = 0; j < d; j++)
                        start[static_cast<std::size_t>(t)] -= mean[j] * coef[t * d + j];
            // Private sums for each shard, unless they would outweigh the rows.
            Index shards = std::clamp<Index>(x.rows / 512, 1, 16);
            if (d * targets > (Index{1} << 20)) shards = std::min<Index>(shards, 2);
            std::vector<Residual> parts(static_cast<std::size_t>(shards), Residual(d, targets));
            parallel_for(shards, [&](Index i) {
                Residual& part = parts[static_cast<std::size_t>(i)];
                for (Index r = x.rows * i / shards; r < x.rows * (i + 1) / shards; r++) {
                    if (block.w(r) == 0) continue;
                    part.weight += block.w(r);
                    row_of(part, x, r, block, mean, coef, start.data());
                }
                if (!sparse(x)) return;
                for (Index t = 0; t < targets; t++)
                    for (Index j = 0; j < d; j++)
                        part.gradient[static_cast<std::size_t>(t * d + j)] -=
                            mean[j] * part.sum[static_cast<std::size_t>(t)];
                for (Index j = 0; j < d; j++) part.left[static_cast<std::size_t>(j)] -= part.weight * mean[j];
            });
            auto add = [](std::vector<double>& to, const std::vector<double>& from) {
                for (std::size_t j = 0; j < to.size(); j++) to[j] += from[j];
            };
            for (const Residual& part : parts) {
                add(gradient, part.gradient), add(sum, part.sum), add(left, part.left),
                    add(squares, part.squares);
                weight += part.weight;
            }
        },
        block.x);
}

}  // namespace esker

// Moments: Welford by rows where a block is dense; sums of a block's nonzeros, then one merge, where it is
// sparse.
#include "fold/moments.hpp"

#include <algorithm>
#include <limits>

#include "isa/kernels.hpp"

namespace esker {
namespace {

template <class T>
void absorb(Moments& s, const DenseView<T>& x, const Block& block) {
    const auto& k = kernels().rows<T>();
    constexpr double all = std::numeric_limits<double>::infinity();  // no value is too far
    for (Index i = 0; i < x.rows; i++) {
        const double w = block.w(i);
        if (w == 0) continue;
        s.weight += w;
        k.moments(s.mean.data(), s.m2.data(), x.row(i), w / s.weight, w, all, x.cols);
    }
    s.nonzeros += x.rows * x.cols;
}

// A column's zeros are rows like any other: mean over all of the block's weight, deviations from it in a
// second look.
template <class T, class I>
void absorb(Moments& s, const CsrView<T, I>& x, const Block& block) {
    Moments b;
    b.widen(x.cols);
    std::vector<double> seen(static_cast<std::size_t>(x.cols), 0.0);  // weight of the stored entries
    auto each = [&](auto&& f) {
        for (Index i = 0; i < x.rows; i++) {
            const auto row = x.row(i);
            const double w = block.w(i);
            for (Index k = 0; k < row.size; k++)
                f(static_cast<std::size_t>(row.columns[k]), double(row.values[k]), w);
        }
    };
    for (Index i = 0; i < x.rows; i++) b.weight += block.w(i), b.nonzeros += x.row(i).size;
    if (b.weight > 0) {
        each([&](std::size_t j, double v, double w) { b.mean[j] += w * v, seen[j] += w; });
        for (double& m : b.mean) m /= b.weight;
        each([&](std::size_t j, double v, double w) { b.m2[j] += w * (v - b.mean[j]) * (v - b.mean[j]); });
        for (std::size_t j = 0; j < b.m2.size(); j++)
            b.m2[j] += std::max(0.0, b.weight - seen[j]) * b.mean[j] * b.mean[j];
    }
    s.merge(b);
}

}  // namespace

void Moments::widen(Index cols) {
    // A column of zeros has mean 0 and no spread: widening is zero padding.
    if (static_cast<std::size_t>(cols) > mean.size()) {
        mean.resize(static_cast<std::size_t>(cols), 0.0);
        m2.resize(static_cast<std::size_t>(cols), 0.0);
    }
}

void Moments::update(const Block& block) {
    std::visit(
        [&](const auto& x) {
            widen(x.cols);
            absorb(*this, x, block);
            rows += x.rows;
        },
        block.x);
}

void Moments::merge(const Moments& other) {
    widen(static_cast<Index>(other.mean.size()));
    const double total = weight + other.weight;
    if (other.weight > 0) {
        const double share = other.weight / total;
        for (std::size_t j = 0; j < mean.size(); j++) {
            const double theirs = j < other.mean.size() ? other.mean[j] : 0.0;
            const double delta = theirs - mean[j];
            mean[j] += share * delta;
            m2[j] += (j < other.m2.size() ? other.m2[j] : 0.0) + weight * share * delta * delta;
        }
    }
    weight = total;
    rows += other.rows;
    nonzeros += other.nonzeros;
}

Moments::Summary Moments::finish() const {
    Summary s{mean, m2};
    for (double& v : s.variance) v = weight > 0 ? v / weight : 0.0;
    return s;
}

}  // namespace esker

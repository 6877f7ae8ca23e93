// Shards of rows, each with sums of its own; a panel of kernel values is multiplied twice while it is near.
#include "solve/kernel_normal.hpp"

#include <algorithm>

#include "base/parallel.hpp"
#include "isa/map_kernels.hpp"

namespace esker {
namespace {

// Shards of the rows, which join in their order: as many as several threads need, few enough for their sums
// to cost nothing.
constexpr Index most_shards = 16, panels_each = 4;

struct Shard {
    std::vector<double> sums, level, squares;
};

}  // namespace

template <class P>
KernelNormal<P>::KernelNormal(const PackedLandmarks<P>& landmarks, Index n) : at(landmarks), lanes(n) {
    require(lanes > 0, "there must be at least one vector");
    begin(nullptr, nullptr);
}

template <class P>
void KernelNormal<P>::begin(const double* v, const double* base) {
    zero_ = !v;
    if (v) v_ = padded_vectors(at, v, lanes);
    base_.assign(static_cast<std::size_t>(lanes), 0.0);
    if (base) std::copy_n(base, lanes, base_.begin());
    sums.assign(static_cast<std::size_t>(lanes * at.pitch()), 0.0);
    level.assign(static_cast<std::size_t>(lanes), 0.0), squares = level;
}

template <class P>
void KernelNormal<P>::update(const Block& block) {
    const Index rows = block.n, pitch = at.pitch(), most = panel_rows_of<P>(pitch);
    require(!block.y || block.targets == lanes, "y must have a column for each vector");
    const auto& kernel = map_kernels().kernel_tile.of<P>();
    const P* v = reinterpret_cast<const P*>(v_.data());
    const Index n = std::clamp<Index>(rows / (most * panels_each), 1, most_shards);
    std::vector<Shard> shards(static_cast<std::size_t>(n));
    parallel_for(n, [&](Index task) {
        Shard& to = shards[static_cast<std::size_t>(task)];
        to.sums.assign(sums.size(), 0.0), to.level.assign(level.size(), 0.0), to.squares = to.level;
        KernelPanel<P> panel(at);
        std::vector<double> s(static_cast<std::size_t>(panel.most));
        std::vector<P> u(s.size());
        const Index last = rows * (task + 1) / n;
        for (Index begin = rows * task / n; begin < last; begin += most) {
            const Index end = std::min(last, begin + most), padded = panel.fill(at, block.x, begin, end);
            for (Index l = 0; l < lanes; l++) {
                const auto k = static_cast<std::size_t>(l);
                if (zero_)
                    std::fill(s.begin(), s.end(), 0.0);
                else
                    kernel.forth(s.data(), panel.data(), pitch, padded, v + l * pitch, pitch);
                std::fill(u.begin(), u.end(), P(0));
                for (Index i = begin; i < end; i++) {
                    const auto r = static_cast<std::size_t>(i - begin);
                    const double own = base_[k] + (block.y ? block.y[i * lanes + l] : 0.0) + s[r],
                                 weighted = block.w(i) * own;
                    u[r] = static_cast<P>(weighted);
                    to.level[k] += weighted, to.squares[k] += weighted * own;
                }
                kernel.back(to.sums.data() + l * pitch, u.data(), panel.data(), pitch, padded, pitch);
            }
        }
    });
    for (const Shard& from : shards) {
        for (std::size_t i = 0; i < sums.size(); i++) sums[i] += from.sums[i];
        for (std::size_t k = 0; k < level.size(); k++)
            level[k] += from.level[k], squares[k] += from.squares[k];
    }
}

template struct KernelNormal<float>;
template struct KernelNormal<double>;

}  // namespace esker

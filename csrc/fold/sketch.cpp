// RowSketch. Every entry is a sum in row order, whatever the tiling, the threads or the cut into blocks.
#include "fold/sketch.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "fold/sketch_map.hpp"

namespace esker {
RowSketch::RowSketch(Index size_, std::uint64_t seed_, Index nonzeros_, bool means_)
    : size(size_), nonzeros(nonzeros_), seed(seed_), means(means_) {
    require(nonzeros >= 1 && nonzeros <= 64, "nonzeros must be 1 to 64, got " + std::to_string(nonzeros));
    require(size >= nonzeros && size < (Index{1} << 30), "size must be at least nonzeros (" +
                                                             std::to_string(nonzeros) +
                                                             ") and below 2^30, got " + std::to_string(size));
    y.fit(size + 1, 1);
}

std::string RowSketch::describe() const {
    return "RowSketch(size=" + std::to_string(size) + ", seed=" + std::to_string(seed) +
           ", nonzeros=" + std::to_string(nonzeros) + (means ? "" : ", means=False") + ")";
}

void RowSketch::widen(Index n) {
    cols = std::max(cols, n);
    x.fit(size + 1, cols);
}

// A state without rows takes any number of targets; the column of ones is empty then, so it need not move.
static void take_targets(RowSketch& s, Index targets) {
    if (s.rows == 0) {
        s.targets = targets;
        s.y.clear();
        s.y.fit(s.size + 1, targets + 1);
    }
    require(s.targets == targets, "expected " + std::to_string(s.targets) +
                                      " targets as in the rows before, got " + std::to_string(targets));
}

void RowSketch::update(const Block& block) {
    std::visit(
        [&](const auto& m) {
            if (m.rows == 0) return widen(m.cols);
            take_targets(*this, block.targets);
            widen(m.cols);
            absorb_rows(*this, m, block);
            rows += m.rows;
        },
        block.x);
}

void RowSketch::merge(const RowSketch& other) {
    require(size == other.size && seed == other.seed && nonzeros == other.nonzeros && means == other.means,
            describe() + " cannot absorb " + other.describe() +
                ": sketches add only under one map; make both with the same arguments");
    widen(other.cols);
    if (other.rows == 0) return;
    take_targets(*this, other.targets);
    x.add(other.x);
    y.add(other.y);
    rows += other.rows;
}

RowSketch::Summary RowSketch::finish() const {
    Summary f = finish_without_x();
    f.x.resize(static_cast<std::size_t>(size * cols));
    read_x(f.x.data());
    return f;
}

RowSketch::Summary RowSketch::finish_without_x() const {
    const double scale = 1 / std::sqrt(static_cast<double>(nonzeros));
    Summary f;
    std::vector<double> all(static_cast<std::size_t>((size + 1) * (targets + 1)));
    y.read(all.data(), size + 1, targets + 1, 1.0);
    auto at = [&](Index i, Index j) { return all[static_cast<std::size_t>(i * (targets + 1) + j)]; };
    f.weight = at(size, targets);
    const double share = f.weight > 0 ? 1 / f.weight : 0;
    for (Index j = 0; j < cols; j++) f.mean_x.push_back(x.tile(j / tile)[size * tile + j % tile] * share);
    for (Index i = 0; i < size; i++) {
        for (Index j = 0; j < targets; j++) f.y.push_back(at(i, j) * scale);
        f.root.push_back(at(i, targets) * scale);
    }
    for (Index j = 0; j < targets; j++) f.mean_y.push_back(at(size, j) * share);
    return f;
}

}  // namespace esker

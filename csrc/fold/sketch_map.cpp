// The map of a panel is made once, by all threads; lists are made by whoever works on their rows.
#include "fold/sketch_map.hpp"

#include <cmath>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/philox.hpp"
#include "isa/map_kernels.hpp"

namespace esker {

SketchMap map_of(const RowSketch& s, const Block& block, Index first, Index rows) {
    const auto n = static_cast<std::size_t>(rows);
    SketchMap m{first,
                rows,
                s.nonzeros,
                std::vector<std::int32_t>(n * static_cast<std::size_t>(s.nonzeros)),
                std::vector<double>(n),
                std::vector<double>(n)};
    std::vector<std::uint32_t> edge;  // of the segments, among the sketch's rows
    for (Index g = 0; g <= m.segments; g++)
        edge.push_back(static_cast<std::uint32_t>(g * s.size / m.segments));
    constexpr Index chunk = 2048;
    parallel_for((rows + chunk - 1) / chunk, [&](Index task) {
        const Index begin = task * chunk, end = std::min(rows, begin + chunk);
        std::vector<std::int64_t> keys(static_cast<std::size_t>(end - begin));
        for (Index i = begin; i < end; i++) {
            const double w = block.w(first + i);
            if (!(w >= 0))  // the text takes longer than the row
                require(false, "weights must not be negative, got " + number_name(w) + " in row " +
                                   std::to_string(first + i));
            m.weight[static_cast<std::size_t>(i)] = w;
            m.root[static_cast<std::size_t>(i)] = std::sqrt(w);
            keys[static_cast<std::size_t>(i - begin)] = block.keys(first + i);
        }
        map_kernels().sketch.place_rows(m.to.data() + begin, rows, keys.data(), end - begin, s.seed,
                                        static_cast<std::uint32_t>(Stream::sketch), m.segments, edge.data());
    });
    return m;
}

void SketchLists::fill(const SketchMap& m, Index size, Index from, Index last) {
    first = from;
    start.assign(static_cast<std::size_t>(size) + 1, 0);
    row.resize(static_cast<std::size_t>((last - from) * m.segments));
    for (Index g = 0; g < m.segments; g++) {
        const std::int32_t* to = m.segment(g);
        for (Index i = from; i < last; i++) start[static_cast<std::size_t>(to[i] >> 1) + 1]++;
    }
    for (std::size_t b = 0; b < static_cast<std::size_t>(size); b++) start[b + 1] += start[b];
    next.assign(start.begin(), start.end() - 1);
    for (Index g = 0; g < m.segments; g++) {
        const std::int32_t* to = m.segment(g);
        for (Index i = from; i < last; i++)
            row[static_cast<std::size_t>(next[static_cast<std::size_t>(to[i] >> 1)]++)] =
                static_cast<std::int32_t>(i - from) << 1 | (to[i] & 1);
    }
}

// y and, for means, the column of ones. Threads share out the segments, whose rows of the sketch are
// disjoint.
void absorb_targets(RowSketch& s, const Block& block, const SketchMap& m) {
    constexpr Index tile = RowSketch::tile;
    if (s.targets == 0 && !s.means) {
        for (const double w : m.weight) s.y.tile(0)[s.size * tile] += w;
        return;
    }
    const Index columns = s.targets + (s.means ? 1 : 0), parts = std::min<Index>(m.segments, 4);
    for (Index t = 0; t < s.y.count; t++) {
        double* out = s.y.tile(t);
        const Index begin = t * tile, end = std::min(columns, begin + tile);
        const bool ones = s.targets >= begin && s.targets < begin + tile;
        parallel_for(parts, [&](Index part) {
            for (Index g = part * m.segments / parts; g < (part + 1) * m.segments / parts; g++) {
                const std::int32_t* to = m.segment(g);
                for (Index i = 0; i < m.rows; i++) {
                    const double root = m.root[static_cast<std::size_t>(i)], signs[2] = {root, -root},
                                 f = signs[to[i] & 1];
                    const double* y = block.y ? block.y + (m.first + i) * s.targets : nullptr;
                    double* row = out + Index{to[i] >> 1} * tile - begin;
                    for (Index j = begin; j < end; j++) row[j] += f * (j < s.targets ? y[j] : 1.0);
                }
            }
            if (part > 0) return;
            double* sums = out + s.size * tile - begin;
            for (Index i = 0; i < m.rows; i++) {
                const double w = m.weight[static_cast<std::size_t>(i)];
                if (s.means)
                    for (Index j = begin; j < std::min(end, s.targets); j++)
                        sums[j] += w * block.y[(m.first + i) * s.targets + j];
                if (ones) sums[s.targets] += w;
            }
        });
    }
}

}  // namespace esker

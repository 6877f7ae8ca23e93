// Sparse rows of X under a sparse sign map, in one of two ways that the shape alone decides.
#include <algorithm>

#include "base/parallel.hpp"
#include "fold/sketch_map.hpp"

namespace esker {
namespace {

constexpr Index tile = RowSketch::tile;

// Few entries: they are first sorted by tile, so that a thread works on size x tile numbers at a time.
template <class T>
struct Entry {
    std::int32_t row, column;
    T value;
};

template <class T>
struct Sorted {
    std::vector<Index> start;  // of each tile
    std::vector<Entry<T>> entries;
};

// Chunks of rows count, then place their entries; within a tile these stay in row order.
template <class T, class I>
Sorted<T> by_tile(const CsrView<T, I>& x, const SketchMap& m, std::size_t tiles) {
    const Index chunks = std::clamp<Index>(m.rows / 1024, 1, 8);
    std::vector<std::vector<Index>> place(static_cast<std::size_t>(chunks), std::vector<Index>(tiles, 0));
    auto each = [&](Index chunk, auto&& f) {
        for (Index i = chunk * m.rows / chunks; i < (chunk + 1) * m.rows / chunks; i++) {
            const auto row = x.row(m.first + i);
            for (Index k = 0; k < row.size; k++) f(i, static_cast<Index>(row.columns[k]), row.values[k]);
        }
    };
    parallel_for(chunks, [&](Index c) {
        auto& count = place[static_cast<std::size_t>(c)];
        each(c, [&](Index, Index column, T) { count[static_cast<std::size_t>(column / tile)]++; });
    });
    Sorted<T> sorted;
    Index total = 0;
    for (std::size_t t = 0; t < tiles; t++) {
        sorted.start.push_back(total);
        for (auto& one : place) total += std::exchange(one[t], total);
    }
    sorted.start.push_back(total);
    sorted.entries.resize(static_cast<std::size_t>(total));
    parallel_for(chunks, [&](Index c) {
        auto& next = place[static_cast<std::size_t>(c)];
        each(c, [&](Index i, Index column, T value) {
            auto& at = next[static_cast<std::size_t>(column / tile)];
            sorted.entries[static_cast<std::size_t>(at++)] = {
                static_cast<std::int32_t>(i), static_cast<std::int32_t>(column % tile), value};
        });
    });
    return sorted;
}

template <class T, class I>
void absorb_tiles(RowSketch& s, const CsrView<T, I>& x, const SketchMap& m) {
    const auto tiles = static_cast<std::size_t>(s.x.count);
    const Sorted<T> sorted = by_tile(x, m, tiles);
    const Index parts = tiles < 16 ? std::min<Index>(m.segments, 4) : 1;
    parallel_for(static_cast<Index>(tiles) * parts, [&](Index task) {
        const auto t = static_cast<std::size_t>(task / parts);
        const Index from = task % parts * m.segments / parts, to = (task % parts + 1) * m.segments / parts;
        double* out = s.x.tile(static_cast<Index>(t));
        for (Index e = sorted.start[t]; e < sorted.start[t + 1]; e++) {
            const Entry<T>& entry = sorted.entries[static_cast<std::size_t>(e)];
            const auto i = static_cast<std::size_t>(entry.row);
            const double v = static_cast<double>(entry.value), signs[2] = {m.root[i] * v, -m.root[i] * v};
            for (Index g = from; g < to; g++) {
                const std::int32_t place = m.segment(g)[i];
                out[Index{place >> 1} * tile + entry.column] += signs[place & 1];
            }
            if (s.means && from == 0) out[s.size * tile + entry.column] += m.weight[i] * v;
        }
    });
}

// Enough entries to fill the sketch's rows: each bucket's rows are added up in one dense row, which stays in
// cache, and X is read as often as it has segments.
template <class T, class I>
void absorb_by_bucket(RowSketch& s, const CsrView<T, I>& x, const SketchMap& m) {
    SketchLists lists;
    lists.fill(m, s.size, 0, m.rows);
    const Index parts = std::min<Index>(s.size, 64);
    parallel_for(parts + (s.means ? 1 : 0), [&](Index part) {
        std::vector<double> sum(static_cast<std::size_t>(x.cols), 0.0);
        auto add = [&](Index i, double f) {
            const auto row = x.row(m.first + i);
            for (Index k = 0; k < row.size; k++)
                sum[static_cast<std::size_t>(row.columns[k])] += f * static_cast<double>(row.values[k]);
        };
        auto flush = [&](Index b) {
            for (Index j = 0; j < x.cols; j += tile) {
                double* out = s.x.tile(j / tile) + b * tile;
                for (Index c = j; c < std::min(x.cols, j + tile); c++)
                    out[c - j] += sum[static_cast<std::size_t>(c)];
            }
            std::fill(sum.begin(), sum.end(), 0.0);
        };
        if (part == parts) {
            for (Index i = 0; i < m.rows; i++) add(i, m.weight[static_cast<std::size_t>(i)]);
            return flush(s.size);
        }
        const Index end = (part + 1) * s.size / parts;
        const std::int32_t last = lists.start[static_cast<std::size_t>(end)];
        for (Index b = part * s.size / parts; b < end; b++) {
            const std::int32_t to = lists.start[static_cast<std::size_t>(b) + 1];
            for (std::int32_t e = lists.start[static_cast<std::size_t>(b)]; e < to; e++) {
                if (e + 2 < last) {  // rows lie anywhere: ask for one of the next now
                    const auto row = x.row(m.first + (lists.row[static_cast<std::size_t>(e) + 2] >> 1));
                    const auto *values = reinterpret_cast<const char*>(row.values),
                               *columns = reinterpret_cast<const char*>(row.columns);
                    for (Index at = 0; at < std::min<Index>(row.size * Index{sizeof(T)}, 1024); at += 64)
                        __builtin_prefetch(values + at);
                    for (Index at = 0; at < std::min<Index>(row.size * Index{sizeof(I)}, 1024); at += 64)
                        __builtin_prefetch(columns + at);
                }
                const std::int32_t entry = lists.row[static_cast<std::size_t>(e)];
                const double root = m.root[static_cast<std::size_t>(entry >> 1)];
                add(entry >> 1, entry & 1 ? -root : root);
            }
            flush(b);
        }
    });
}

// How many rows from `first` make the next panel: enough to share out, few enough to map.
template <class T, class I>
Index panel(const CsrView<T, I>& x, Index first) {
    Index n = 0;
    const Index most = std::min<Index>(x.rows - first, 65536);
    while (n < most && (n == 0 || x.indptr[first + n + 1] - x.indptr[first] <= I{1} << 19)) n++;
    return n;
}

}  // namespace

template <class T, class I>
void absorb_rows(RowSketch& s, const CsrView<T, I>& x, const Block& block) {
    const double entries = static_cast<double>(x.indptr[x.rows] - x.indptr[0]);
    const bool full =
        entries * static_cast<double>(s.nonzeros) >= 0.25 * static_cast<double>(s.size * x.cols);
    constexpr Index most = Index{1} << 22;  // rows of a map
    for (Index first = 0; first < x.rows;) {
        const Index n = full ? std::min(x.rows - first, most) : panel(x, first);
        const SketchMap m = map_of(s, block, first, n);
        full ? absorb_by_bucket(s, x, m) : absorb_tiles(s, x, m);
        absorb_targets(s, block, m);
        first += n;
    }
}

template void absorb_rows(RowSketch&, const CsrView<float, std::int32_t>&, const Block&);
template void absorb_rows(RowSketch&, const CsrView<double, std::int32_t>&, const Block&);
template void absorb_rows(RowSketch&, const CsrView<float, std::int64_t>&, const Block&);
template void absorb_rows(RowSketch&, const CsrView<double, std::int64_t>&, const Block&);

}  // namespace esker

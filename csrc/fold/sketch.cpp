// RowSketch. Every entry is a sum in row order, whatever the tiling, the threads or the cut into blocks.
#include "fold/sketch.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/philox.hpp"
#include "isa/kernels.hpp"
#include "isa/map_kernels.hpp"

namespace esker {
namespace {

constexpr Index tile = RowSketch::tile;
constexpr Index near = 1024;  // rows of a packed tile: a quarter of a MB
constexpr Index words = 4;    // a draw of Philox serves so many segments

// Where a panel's rows go: entry (row, segment) is bucket << 1 | negative.
struct Map {
    Index first, rows, segments;
    std::vector<std::int32_t> to;
    std::vector<double> weight, root;
    const std::int32_t* row(Index i) const { return to.data() + i * segments; }
};

void fill_rows(Map& m, const RowSketch& s, const Block& block, Index begin, Index end) {
    std::vector<std::uint32_t> edge;  // of the segments, among the sketch's rows
    for (Index g = 0; g <= m.segments; g++)
        edge.push_back(static_cast<std::uint32_t>(g * s.size / m.segments));
    for (Index i = begin; i < end; i++) {
        const double w = block.w(m.first + i);
        require(w >= 0, "weights must not be negative, got " + std::to_string(w) + " in row " +
                            std::to_string(m.first + i));
        m.weight[static_cast<std::size_t>(i)] = w;
        m.root[static_cast<std::size_t>(i)] = std::sqrt(w);
        const std::int64_t key = block.keys(m.first + i);
        std::int32_t* to = m.to.data() + i * m.segments;
        for (Index k = 0; k < m.segments; k += words) {
            const Words drawn = draw(s.seed, key, Stream::sketch, static_cast<std::uint32_t>(k / words));
            for (Index g = k; g < std::min(m.segments, k + words); g++) {
                const std::uint32_t word = drawn[static_cast<std::size_t>(g - k)];
                const std::uint32_t* e = edge.data() + g;
                to[g] = static_cast<std::int32_t>((e[0] + below(word, e[1] - e[0])) << 1 | (word & 1));
            }
        }
    }
}

Map map_of(const RowSketch& s, const Block& block, Index first, Index rows) {
    const auto n = static_cast<std::size_t>(rows), z = static_cast<std::size_t>(s.nonzeros);
    Map m{first,
          rows,
          s.nonzeros,
          std::vector<std::int32_t>(n * z),
          std::vector<double>(n),
          std::vector<double>(n)};
    constexpr Index chunk = 2048;
    parallel_for((rows + chunk - 1) / chunk, [&](Index task) {
        fill_rows(m, s, block, task * chunk, std::min(rows, (task + 1) * chunk));
    });
    return m;
}

// Some of a map's rows by bucket: row << 1 | negative, in row order.
struct Lists {
    Index first;
    std::vector<std::int32_t> start, row;
};

Lists lists_of(const Map& m, Index size, Index first, Index last) {
    Lists l{first, std::vector<std::int32_t>(static_cast<std::size_t>(size) + 1, 0), {}};
    const std::int32_t *begin = m.row(first), *end = m.row(last);
    for (const std::int32_t* to = begin; to < end; to++) l.start[static_cast<std::size_t>(*to >> 1) + 1]++;
    for (std::size_t b = 0; b < static_cast<std::size_t>(size); b++) l.start[b + 1] += l.start[b];
    l.row.resize(static_cast<std::size_t>(end - begin));
    std::vector<std::int32_t> next(l.start.begin(), l.start.end() - 1);
    std::int32_t i = 0;
    for (const std::int32_t* to = begin; to < end; i += 2)
        for (Index g = 0; g < m.segments; g++, to++)
            l.row[static_cast<std::size_t>(next[static_cast<std::size_t>(*to >> 1)]++)] = i | (*to & 1);
    return l;
}

// Tasks are tiles of columns; where these are few, each is shared out by segments as well.
Index shares(Index tiles, Index segments) { return tiles < 16 ? std::min<Index>(segments, 4) : 1; }

// A tile of as many rows as fit in cache is packed, then each bucket's rows are gathered from it: the sketch
// is read and written once for all of them.
template <class T>
void absorb(RowSketch& s, const DenseView<T>& x, const Map& m) {
    std::vector<Lists> lists(static_cast<std::size_t>((m.rows + near - 1) / near));
    parallel_for(static_cast<Index>(lists.size()), [&](Index p) {
        lists[static_cast<std::size_t>(p)] = lists_of(m, s.size, p * near, std::min(m.rows, (p + 1) * near));
    });
    const auto& k = kernels().rows<T>();
    const Index tiles = (x.cols + tile - 1) / tile, parts = shares(tiles, s.nonzeros);
    parallel_for(tiles * parts, [&](Index task) {
        const Index j = task / parts, part = task % parts, width = std::min(tile, x.cols - j * tile);
        const Index begin = part * s.nonzeros / parts * s.size / s.nonzeros;
        const Index end = (part + 1) * s.nonzeros / parts * s.size / s.nonzeros;
        double* out = s.x[static_cast<std::size_t>(j)].data();
        std::vector<double> packed(static_cast<std::size_t>(near * tile), 0.0);
        for (const Lists& l : lists) {
            for (Index i = l.first; i < std::min(l.first + near, m.rows); i++) {
                const T* row = x.row(m.first + i) + j * tile;
                k.scale(packed.data() + (i - l.first) * tile, m.root[static_cast<std::size_t>(i)], row,
                        width);
                if (part == 0) k.axpy(out + s.size * tile, m.weight[static_cast<std::size_t>(i)], row, width);
            }
            for (Index b = begin; b < end; b++) {
                const std::int32_t at = l.start[static_cast<std::size_t>(b)],
                                   n = l.start[static_cast<std::size_t>(b) + 1] - at;
                if (n) map_kernels().gather32(out + b * tile, packed.data(), l.row.data() + at, n);
            }
        }
    });
}

// A sparse panel's entries are first sorted by tile, so that a thread works on size x tile numbers at a time.
template <class T>
struct Entry {
    std::int32_t row, column;
    T value;
};

template <class T, class I>
void absorb(RowSketch& s, const CsrView<T, I>& x, const Map& m) {
    const auto tiles = s.x.size();
    std::vector<Index> start(tiles + 1, 0);
    auto each = [&](auto&& f) {
        for (Index i = 0; i < m.rows; i++) {
            const auto row = x.row(m.first + i);
            for (Index k = 0; k < row.size; k++) f(i, static_cast<Index>(row.columns[k]), row.values[k]);
        }
    };
    each([&](Index, Index column, T) { start[static_cast<std::size_t>(column / tile) + 1]++; });
    for (std::size_t t = 0; t < tiles; t++) start[t + 1] += start[t];
    std::vector<Entry<T>> entries(static_cast<std::size_t>(start[tiles]));
    std::vector<Index> next(start.begin(), start.end() - 1);
    each([&](Index i, Index column, T value) {
        auto& place = next[static_cast<std::size_t>(column / tile)];
        entries[static_cast<std::size_t>(place++)] = {static_cast<std::int32_t>(i),
                                                      static_cast<std::int32_t>(column % tile), value};
    });
    const Index parts = shares(static_cast<Index>(tiles), s.nonzeros);
    parallel_for(static_cast<Index>(tiles) * parts, [&](Index task) {
        const auto t = static_cast<std::size_t>(task / parts);
        const Index g = task % parts * s.nonzeros / parts,
                    share = (task % parts + 1) * s.nonzeros / parts - g;
        double* out = s.x[t].data();
        for (Index e = start[t]; e < start[t + 1]; e++) {
            const Entry<T>& entry = entries[static_cast<std::size_t>(e)];
            const auto i = static_cast<std::size_t>(entry.row);
            const std::int32_t* to = m.row(entry.row) + g;
            const double v = static_cast<double>(entry.value), signs[2] = {m.root[i] * v, -m.root[i] * v};
            for (Index k = 0; k < share; k++)
                out[Index{to[k] >> 1} * tile + entry.column] += signs[to[k] & 1];
            if (g == 0) out[s.size * tile + entry.column] += m.weight[i] * v;
        }
    });
}

// y and the column of ones.
void absorb_targets(RowSketch& s, const Block& block, const Map& m) {
    parallel_for(static_cast<Index>(s.y.size()), [&](Index t) {
        double* out = s.y[static_cast<std::size_t>(t)].data();
        const Index begin = t * tile, end = std::min(s.targets + 1, begin + tile);
        for (Index i = 0; i < m.rows; i++) {
            const double root = m.root[static_cast<std::size_t>(i)],
                         w = m.weight[static_cast<std::size_t>(i)];
            const double* y = block.y ? block.y + (m.first + i) * s.targets : nullptr;
            for (Index j = begin; j < end; j++) {
                const double v = j < s.targets ? y[j] : 1.0, signs[2] = {root * v, -root * v};
                for (Index k = 0; k < m.segments; k++) {
                    const std::int32_t to = m.row(i)[k];
                    out[Index{to >> 1} * tile + (j - begin)] += signs[to & 1];
                }
                out[s.size * tile + (j - begin)] += w * v;
            }
        }
    });
}

// How many rows from `first` make the next panel: enough to share out, few enough to map.
template <class T>
Index panel(const DenseView<T>& x, Index first) {
    return std::min<Index>(x.rows - first, 16384);
}
template <class T, class I>
Index panel(const CsrView<T, I>& x, Index first) {
    Index n = 0;
    const Index most = std::min<Index>(x.rows - first, 65536);
    while (n < most && (n == 0 || x.indptr[first + n + 1] - x.indptr[first] <= I{1} << 19)) n++;
    return n;
}

void fit_tiles(std::vector<std::vector<double>>& tiles, Index size, Index cols) {
    while (static_cast<Index>(tiles.size()) * tile < cols)
        tiles.emplace_back(static_cast<std::size_t>((size + 1) * tile), 0.0);
}

}  // namespace

RowSketch::RowSketch(Index size_, std::uint64_t seed_, Index nonzeros_)
    : size(size_), nonzeros(nonzeros_), seed(seed_) {
    require(nonzeros >= 1 && nonzeros <= 64, "nonzeros must be 1 to 64, got " + std::to_string(nonzeros));
    require(size >= nonzeros && size < (Index{1} << 30), "size must be at least nonzeros (" +
                                                             std::to_string(nonzeros) +
                                                             ") and below 2^30, got " + std::to_string(size));
    fit_tiles(y, size, 1);
}

std::string RowSketch::describe() const {
    return "RowSketch(size=" + std::to_string(size) + ", seed=" + std::to_string(seed) +
           ", nonzeros=" + std::to_string(nonzeros) + ")";
}

void RowSketch::widen(Index n) {
    cols = std::max(cols, n);
    fit_tiles(x, size, cols);
}

// A state without rows takes any number of targets; the column of ones is empty then, so it need not move.
static void take_targets(RowSketch& s, Index targets) {
    if (s.rows == 0) {
        s.targets = targets;
        s.y.clear();
        fit_tiles(s.y, s.size, targets + 1);
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
            for (Index first = 0; first < m.rows;) {
                const Index n = panel(m, first);
                const Map map = map_of(*this, block, first, n);
                absorb(*this, m, map);
                absorb_targets(*this, block, map);
                first += n;
            }
            rows += m.rows;
        },
        block.x);
}

void RowSketch::merge(const RowSketch& other) {
    require(size == other.size && seed == other.seed && nonzeros == other.nonzeros,
            describe() + " cannot absorb " + other.describe() +
                ": sketches add only under one map; make both with the same arguments");
    widen(other.cols);
    if (other.rows == 0) return;
    take_targets(*this, other.targets);
    auto add = [](auto& ours, const auto& theirs) {
        for (std::size_t t = 0; t < theirs.size(); t++)
            for (std::size_t i = 0; i < theirs[t].size(); i++) ours[t][i] += theirs[t][i];
    };
    add(x, other.x);
    add(y, other.y);
    rows += other.rows;
}

RowSketch::Summary RowSketch::finish() const {
    const double scale = 1 / std::sqrt(static_cast<double>(nonzeros));
    Summary f;
    const auto all = untile(y, size + 1, targets + 1);
    auto at = [&](Index i, Index j) { return all[static_cast<std::size_t>(i * (targets + 1) + j)]; };
    f.weight = at(size, targets);
    const double share = f.weight > 0 ? 1 / f.weight : 0;
    f.x = untile(x, size + 1, cols);
    f.mean_x.assign(f.x.end() - cols, f.x.end());
    f.x.resize(static_cast<std::size_t>(size * cols));
    for (double& v : f.x) v *= scale;
    for (double& v : f.mean_x) v *= share;
    for (Index i = 0; i < size; i++) {
        for (Index j = 0; j < targets; j++) f.y.push_back(at(i, j) * scale);
        f.root.push_back(at(i, targets) * scale);
    }
    for (Index j = 0; j < targets; j++) f.mean_y.push_back(at(size, j) * share);
    return f;
}

std::vector<double> untile(const std::vector<std::vector<double>>& tiles, Index rows, Index cols) {
    std::vector<double> out(static_cast<std::size_t>(rows * cols));
    for (Index j = 0; j < cols; j += tile)
        for (Index i = 0; i < rows; i++)
            std::copy_n(tiles[static_cast<std::size_t>(j / tile)].data() + i * tile, std::min(tile, cols - j),
                        out.data() + i * cols + j);
    return out;
}

std::vector<std::vector<double>> to_tiles(const double* matrix, Index rows, Index cols) {
    std::vector<std::vector<double>> tiles;
    fit_tiles(tiles, rows - 1, cols);
    for (Index j = 0; j < cols; j += tile)
        for (Index i = 0; i < rows; i++)
            std::copy_n(matrix + i * cols + j, std::min(tile, cols - j),
                        tiles[static_cast<std::size_t>(j / tile)].data() + i * tile);
    return tiles;
}

}  // namespace esker

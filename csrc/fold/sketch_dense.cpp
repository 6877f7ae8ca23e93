// Dense rows of X under a sparse sign map, in one of four ways that the shape alone decides.
#include <algorithm>
#include <optional>

#include "base/parallel.hpp"
#include "fold/sketch_map.hpp"
#include "isa/kernels.hpp"
#include "isa/map_kernels.hpp"

namespace esker {
namespace {

constexpr Index tile = RowSketch::tile;

// A row at a time to its places; for fewer rows than there are buckets.
template <class T>
void absorb_few(RowSketch& s, const DenseView<T>& x, const SketchMap& m) {
    const auto& k = kernels().rows<T>();
    parallel_for(s.x.count, [&](Index j) {
        const Index width = std::min(tile, x.cols - j * tile);
        if (width <= 0) return;
        double* out = s.x.tile(j);
        for (Index i = 0; i < m.rows; i++) {
            const T* row = x.row(m.first + i) + j * tile;
            const double root = m.root[static_cast<std::size_t>(i)], signs[2] = {root, -root};
            for (Index g = 0; g < m.segments; g++) {
                const std::int32_t to = m.segment(g)[i];
                k.axpy(out + Index{to >> 1} * tile, signs[to & 1], row, width);
            }
            if (s.means) k.axpy(out + s.size * tile, m.weight[static_cast<std::size_t>(i)], row, width);
        }
    });
}

// By entry of a list: the root of the weight, with the sign.
template <class T>
void factors(std::vector<T>& f, const SketchMap& m, Index first, Index last) {
    f.resize(static_cast<std::size_t>(2 * (last - first)));
    for (Index i = first; i < last; i++) {
        const T root = static_cast<T>(m.root[static_cast<std::size_t>(i)]);
        f[static_cast<std::size_t>(2 * (i - first))] = root;
        f[static_cast<std::size_t>(2 * (i - first) + 1)] = -root;
    }
}

inline void ask_for(const void* x, Index bytes) {
    for (Index line = 0; line < bytes; line += 64) __builtin_prefetch(static_cast<const char*>(x) + line);
}

// A small sketch: shards of the rows have one each, which stays in a core's own cache as do the rows of a
// list, so that X is read once, in order.
template <class T>
struct Shards {
    static constexpr Index most = Index{1} << 17;  // numbers of a sketch
    Index count, cols;
    std::vector<std::vector<double>> own;  // size + 1 rows each

    Shards(const RowSketch& s, const DenseView<T>& x)
        : count(x.rows >= 4096 ? 4 : 1),
          cols(x.cols),
          own(static_cast<std::size_t>(count),
              std::vector<double>(static_cast<std::size_t>((s.size + 1) * x.cols))) {}

    void absorb(const RowSketch& s, const DenseView<T>& x, const SketchMap& m) {
        const Index near = std::clamp<Index>(
            (Index{192} << 10) / std::max<Index>(1, cols * Index{sizeof(T)}) / 64 * 64, 64, 1024);
        parallel_for(count, [&](Index k) {
            SketchLists lists;
            std::vector<T> factor;
            const Index end = (k + 1) * m.rows / count;
            for (Index i = k * m.rows / count; i < end; i += near) {
                const Index last = std::min(end, i + near), ahead = std::min(end, last + near) - last;
                lists.fill(m, s.size, i, m.segments > 2 ? last : i);
                factors(factor, m, i, last);
                some(s, x, m, lists, factor.data(), own[static_cast<std::size_t>(k)].data(), i, last, ahead);
            }
        });
    }

    // Rows `begin` to `end`; meanwhile the `ahead` rows after them are asked for.
    void some(const RowSketch& s, const DenseView<T>& x, const SketchMap& m, const SketchLists& lists,
              const T* factor, double* out, Index begin, Index end, Index ahead) const {
        const auto& k = kernels().rows<T>();
        const auto gather = map_kernels().sketch.gather(T{});
        for (Index b = 0; m.segments > 2 && b < s.size; b++) {
            const std::int32_t at = lists.start[static_cast<std::size_t>(b)],
                               n = lists.start[static_cast<std::size_t>(b) + 1] - at;
            for (Index i = b * ahead / s.size; i < (b + 1) * ahead / s.size; i++)
                ask_for(x.row(m.first + end + i), cols * Index{sizeof(T)});
            gather(out + b * cols, x.row(m.first + begin), x.stride, lists.row.data() + at, n, factor, cols);
        }
        if (m.segments > 2 && !s.means) return;
        for (Index i = begin; i < end; i++) {
            const T* row = x.row(m.first + i);
            const double root = m.root[static_cast<std::size_t>(i)], signs[2] = {root, -root};
            for (Index g = 0; m.segments <= 2 && g < m.segments; g++) {
                const std::int32_t to = m.segment(g)[i];
                k.axpy(out + Index{to >> 1} * cols, signs[to & 1], row, cols);
            }
            if (s.means) k.axpy(out + s.size * cols, m.weight[static_cast<std::size_t>(i)], row, cols);
        }
    }

    void flush(RowSketch& s) const {
        for (const auto& one : own)
            for (Index j = 0; j < cols; j += tile) {
                double* out = s.x.tile(j / tile);
                for (Index b = 0; b <= s.size; b++)
                    for (Index c = j; c < std::min(cols, j + tile); c++)
                        out[b * tile + c - j] += one[static_cast<std::size_t>(b * cols + c)];
            }
    }
};

// A large sketch with one or two entries a row: threads share out the buckets, and each row is read where it
// lies, whole, by whoever has its bucket.
template <class T>
void absorb_by_bucket(RowSketch& s, const DenseView<T>& x, const SketchMap& m) {
    SketchLists lists;
    lists.fill(m, s.size, 0, m.rows);
    const auto& k = kernels().rows<T>();
    const Index parts = std::min<Index>(s.size, 16);
    parallel_for(parts + (s.means ? 1 : 0), [&](Index part) {
        std::vector<double> sum(static_cast<std::size_t>(x.cols), 0.0);
        auto flush = [&](Index b) {
            for (Index j = 0; j < x.cols; j += tile) {
                double* out = s.x.tile(j / tile) + b * tile;
                for (Index c = j; c < std::min(x.cols, j + tile); c++)
                    out[c - j] += sum[static_cast<std::size_t>(c)];
            }
            std::fill(sum.begin(), sum.end(), 0.0);
        };
        if (part == parts) {
            for (Index i = 0; i < m.rows; i++)
                k.axpy(sum.data(), m.weight[static_cast<std::size_t>(i)], x.row(m.first + i), x.cols);
            return flush(s.size);
        }
        const Index begin = part * s.size / parts, end = (part + 1) * s.size / parts;
        const std::int32_t last = lists.start[static_cast<std::size_t>(end)];
        for (Index b = begin; b < end; b++) {
            const std::int32_t from = lists.start[static_cast<std::size_t>(b)],
                               to = lists.start[static_cast<std::size_t>(b) + 1];
            for (std::int32_t e = from; e < to; e++) {
                const std::int32_t entry = lists.row[static_cast<std::size_t>(e)];
                const double root = m.root[static_cast<std::size_t>(entry >> 1)], signs[2] = {root, -root};
                const T* row = x.row(m.first + (entry >> 1));
                // Rows lie anywhere: each asks for the next one, piece by piece.
                const T* next =
                    e + 1 < last ? x.row(m.first + (lists.row[static_cast<std::size_t>(e) + 1] >> 1)) : row;
                constexpr Index piece = 512 / sizeof(T);
                for (Index j = 0; j < x.cols; j += piece) {
                    const Index n = std::min(piece, x.cols - j);
                    ask_for(next + j, n * Index{sizeof(T)});
                    k.axpy(sum.data() + j, signs[entry & 1], row + j, n);
                }
            }
            if (to > from) flush(b);
        }
    });
}

// Strips of 256 bytes of columns: as many rows of one as fit in cache are packed, then each bucket's rows are
// gathered from them, so that the sketch is read and written once for all of them. Where strips are few, each
// is shared out by segments as well.
template <class T>
void absorb_strips(RowSketch& s, const DenseView<T>& x, const SketchMap& m) {
    constexpr Index wide = 256 / sizeof(T);
    Index near = 1024;
    while (near * m.segments < 6 * s.size && near < 8192) near *= 2;
    std::vector<SketchLists> lists(static_cast<std::size_t>((m.rows + near - 1) / near));
    parallel_for(static_cast<Index>(lists.size()), [&](Index p) {
        lists[static_cast<std::size_t>(p)].fill(m, s.size, p * near, std::min(m.rows, (p + 1) * near));
    });
    std::vector<T> factor;
    factors(factor, m, 0, m.rows);
    const auto& k = kernels().rows<T>();
    const auto gather = map_kernels().sketch.gather(T{});
    const Index strips = (x.cols + wide - 1) / wide, parts = strips < 16 ? std::min<Index>(m.segments, 4) : 1;
    parallel_for(strips * parts, [&](Index task) {
        const Index j = task / parts * wide, part = task % parts, width = std::min(wide, x.cols - j);
        const Index begin = part * m.segments / parts * s.size / m.segments;
        const Index end = (part + 1) * m.segments / parts * s.size / m.segments;
        std::vector<T> packed(static_cast<std::size_t>(std::min(near, m.rows) * wide), T{0});
        for (const SketchLists& l : lists) {
            const Index last = std::min(l.first + near, m.rows);
            for (Index i = l.first; i < last; i++) {
                const T* row = x.row(m.first + i) + j;
                if (i + 8 < last) ask_for(row + 8 * x.stride, 256);
                std::copy_n(row, width, packed.data() + (i - l.first) * wide);
            }
            for (Index c = 0; s.means && part == 0 && c < width; c += tile) {
                double* sums = s.x.tile((j + c) / tile) + s.size * tile;
                for (Index i = l.first; i < last; i++)
                    k.axpy(sums, m.weight[static_cast<std::size_t>(i)],
                           packed.data() + (i - l.first) * wide + c, std::min(tile, width - c));
            }
            for (Index b = begin; b < end; b++) {
                const std::int32_t at = l.start[static_cast<std::size_t>(b)],
                                   n = l.start[static_cast<std::size_t>(b) + 1] - at;
                if (n == 0) continue;
                double sum[wide] = {};
                gather(sum, packed.data(), wide, l.row.data() + at, n, factor.data() + 2 * l.first, wide);
                for (Index c = 0; c < width; c += tile) {
                    double* out = s.x.tile((j + c) / tile) + b * tile;
                    for (Index v = 0; v < tile; v++) out[v] += sum[c + v];
                }
            }
        }
    });
}

}  // namespace

template <class T>
void absorb_rows(RowSketch& s, const DenseView<T>& x, const Block& block) {
    const bool few = x.rows * s.nonzeros < s.size, small = !few && (s.size + 1) * x.cols <= Shards<T>::most,
               thin = s.nonzeros <= 2;
    const Index panel = small ? 65536 : thin ? std::clamp<Index>(128 * s.size, 16384, Index{1} << 20) : 16384;
    std::optional<Shards<T>> shards;
    if (small) shards.emplace(s, x);
    for (Index first = 0; first < x.rows; first += panel) {
        const SketchMap m = map_of(s, block, first, std::min(panel, x.rows - first));
        if (few)
            absorb_few(s, x, m);
        else if (small)
            shards->absorb(s, x, m);
        else if (thin)
            absorb_by_bucket(s, x, m);
        else
            absorb_strips(s, x, m);
        absorb_targets(s, block, m);
    }
    if (small) shards->flush(s);
}

template void absorb_rows(RowSketch&, const DenseView<float>&, const Block&);
template void absorb_rows(RowSketch&, const DenseView<double>&, const Block&);

}  // namespace esker

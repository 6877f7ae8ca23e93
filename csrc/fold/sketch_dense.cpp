// Dense rows of X under a sparse sign map, in one of four ways that the shape alone decides. Where float32
// rows are many, they are summed in float32 within a panel and added in float64.
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

// The roots of a panel's weights in T; none where all are one.
template <class T>
std::vector<T> roots(const SketchMap& m) {
    if (std::all_of(m.root.begin(), m.root.end(), [](double r) { return r == 1.0; })) return {};
    return {m.root.begin(), m.root.end()};
}

// The first row of the sketch that segment g has.
Index edge(const RowSketch& s, Index g) { return g * s.size / s.nonzeros; }

// out(tiles) += in, rows `first` to `last` of the sketch, columns j to j + width; and in = 0.
template <class T>
void flush(RowSketch& s, T* in, Index first, Index last, Index j, Index width) {
    for (Index c = j; c < j + width;) {
        const Index n = std::min(tile - c % tile, j + width - c);
        double* out = s.x.tile(c / tile) + c % tile;
        for (Index b = first; b < last; b++) {
            T* from = in + (b - first) * width + (c - j);
            double* to = out + b * tile;
            for (Index v = 0; v < n; v++) to[v] += static_cast<double>(from[v]), from[v] = 0;
        }
        c += n;
    }
}

// The same of a strip whose rows are 128 bytes, the first `width` numbers of which count.
template <class T>
void add_strip(RowSketch& s, const T* in, Index first, Index last, Index j, Index width) {
    constexpr Index wide = 128 / sizeof(T);
    double* out = s.x.tile(j / tile) + j % tile;
    for (Index b = first; b < last; b++)
        for (Index v = 0; v < width; v++)
            out[b * tile + v] += static_cast<double>(in[(b - first) * wide + v]);
}

// A small sketch: shards of the rows have one each. A segment of it and some rows stay in a core's own cache,
// and X is read once, in order.
template <class T>
struct Shards {
    static constexpr Index most = Index{1} << 17;  // numbers of a sketch
    Index count, cols;
    std::vector<std::vector<double>> own;  // size + 1 rows each
    std::vector<std::vector<T>> panel;     // size rows each

    Shards(const RowSketch& s, const DenseView<T>& x)
        : count(x.rows >= 4096 ? 4 : 1),
          cols(x.cols),
          own(static_cast<std::size_t>(count),
              std::vector<double>(static_cast<std::size_t>((s.size + 1) * x.cols))),
          panel(static_cast<std::size_t>(count), std::vector<T>(static_cast<std::size_t>(s.size * x.cols))) {}

    void absorb(const RowSketch& s, const DenseView<T>& x, const SketchMap& m) {
        const Index bytes = cols * Index{sizeof(T)};
        const Index near = std::clamp<Index>((Index{64} << 10) / std::max<Index>(1, bytes), 16, 1024);
        const std::vector<T> root = roots<T>(m);
        parallel_for(count, [&](Index k) {
            const Index end = (k + 1) * m.rows / count;
            Index since = 0;
            for (Index i = k * m.rows / count; i < end; i += near) {
                const Index n = std::min(near, end - i);
                some(s, x, m, root.empty() ? nullptr : root.data() + i, static_cast<std::size_t>(k), i, n);
                if ((since += n) >= 4096 || i + n == end) add(s, static_cast<std::size_t>(k)), since = 0;
            }
        });
    }

    void some(const RowSketch& s, const DenseView<T>& x, const SketchMap& m, const T* root, std::size_t k,
              Index i, Index n) {
        const auto scatter = map_kernels().sketch.scatter(T{});
        const auto& rows = kernels().rows<T>();
        for (Index g = 0; g < m.segments; g++)
            scatter(panel[k].data() + edge(s, g) * cols, x.row(m.first + i), x.stride, m.segment(g) + i, n,
                    root, cols, static_cast<std::int32_t>(edge(s, g)));
        for (Index r = i; s.means && r < i + n; r++)
            rows.axpy(own[k].data() + s.size * cols, m.weight[static_cast<std::size_t>(r)],
                      x.row(m.first + r), cols);
    }

    void add(const RowSketch& s, std::size_t k) {
        double* out = own[k].data();
        T* in = panel[k].data();
        for (Index v = 0; v < s.size * cols; v++) out[v] += static_cast<double>(in[v]), in[v] = 0;
    }

    void finish(RowSketch& s) {
        for (auto& one : own) flush(s, one.data(), 0, s.size + 1, 0, cols);
    }
};

// A large sketch with one or two entries a row: threads share out the columns, and X is read once, in order.
template <class T>
void absorb_thin(RowSketch& s, const DenseView<T>& x, const SketchMap& m) {
    const Index parts = x.cols < 1024 ? 2 : 4;
    const std::vector<T> root = roots<T>(m);
    const auto scatter = map_kernels().sketch.scatter(T{});
    const auto& k = kernels().rows<T>();
    parallel_for(parts, [&](Index part) {
        const Index j = part * x.cols / parts / 8 * 8,
                    end = part + 1 < parts ? (part + 1) * x.cols / parts / 8 * 8 : x.cols, width = end - j;
        std::vector<T> panel(static_cast<std::size_t>(s.size * width));
        std::vector<double> sums(static_cast<std::size_t>(width));
        constexpr Index near = 64;
        for (Index i = 0; i < m.rows; i += near) {
            const Index n = std::min(near, m.rows - i);
            for (Index g = 0; g < m.segments; g++)
                scatter(panel.data() + edge(s, g) * width, x.row(m.first + i) + j, x.stride, m.segment(g) + i,
                        n, root.empty() ? nullptr : root.data() + i, width,
                        static_cast<std::int32_t>(edge(s, g)));
            for (Index r = i; s.means && r < i + n; r++)
                k.axpy(sums.data(), m.weight[static_cast<std::size_t>(r)], x.row(m.first + r) + j, width);
        }
        flush(s, panel.data(), 0, s.size, j, width);
        flush(s, sums.data(), s.size, s.size + 1, j, width);
    });
}

// Strips of 128 bytes of columns: a panel's are packed, then added to the sketch segment by segment, each of
// which stays in a core's own cache. Where strips are few, each is shared out by segments as well.
template <class T>
void absorb_strips(RowSketch& s, const DenseView<T>& x, const SketchMap& m) {
    constexpr Index wide = 128 / sizeof(T);
    const std::vector<T> root = roots<T>(m);
    const auto scatter = map_kernels().sketch.scatter(T{});
    const auto& k = kernels().rows<T>();
    const Index strips = (x.cols + wide - 1) / wide, parts = strips < 16 ? std::min<Index>(m.segments, 4) : 1;
    parallel_for(strips * parts, [&](Index task) {
        const Index j = task / parts * wide, part = task % parts, width = std::min(wide, x.cols - j);
        std::vector<T> packed(static_cast<std::size_t>(m.rows * wide)), panel;
        std::vector<double> sums(static_cast<std::size_t>(wide));
        for (Index i = 0; i < m.rows; i++) {
            const T* row = x.row(m.first + i) + j;
            if (i + 8 < m.rows) {  // the next rows lie far apart
                __builtin_prefetch(row + 8 * x.stride);
                __builtin_prefetch(row + 8 * x.stride + wide / 2);
            }
            std::copy_n(row, width, packed.data() + i * wide);
            if (s.means && part == 0) k.axpy(sums.data(), m.weight[static_cast<std::size_t>(i)], row, width);
        }
        if (s.means && part == 0) flush(s, sums.data(), s.size, s.size + 1, j, width);
        for (Index g = part * m.segments / parts; g < (part + 1) * m.segments / parts; g++) {
            const Index first = edge(s, g), last = edge(s, g + 1);
            panel.assign(static_cast<std::size_t>((last - first) * wide), T{0});
            scatter(panel.data(), packed.data(), wide, m.segment(g), m.rows,
                    root.empty() ? nullptr : root.data(), wide, static_cast<std::int32_t>(first));
            add_strip(s, panel.data(), first, last, j, width);
        }
    });
}

}  // namespace

template <class T>
void absorb_rows(RowSketch& s, const DenseView<T>& x, const Block& block) {
    const bool few = x.rows * s.nonzeros < s.size, small = !few && (s.size + 1) * x.cols <= Shards<T>::most,
               thin = s.nonzeros <= 2 && x.cols >= 128;
    const Index panel = small  ? 65536
                        : thin ? std::clamp<Index>(128 * s.size, 16384, Index{1} << 20)
                               : std::clamp<Index>(4 * s.size, 16384, 32768);
    std::optional<Shards<T>> shards;
    if (small) shards.emplace(s, x);
    for (Index first = 0; first < x.rows; first += panel) {
        const SketchMap m = map_of(s, block, first, std::min(panel, x.rows - first));
        if (few)
            absorb_few(s, x, m);
        else if (small)
            shards->absorb(s, x, m);
        else if (thin)
            absorb_thin(s, x, m);
        else
            absorb_strips(s, x, m);
        absorb_targets(s, block, m);
    }
    if (small) shards->finish(s);
}

template void absorb_rows(RowSketch&, const DenseView<float>&, const Block&);
template void absorb_rows(RowSketch&, const DenseView<double>&, const Block&);

}  // namespace esker

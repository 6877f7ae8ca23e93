// Dense rows into a Gram: panels of 256 or 512 rows shifted by their own mean, packed, multiplied and flushed
// in one visit. With s = x - shift rounded and delta the mean that is left of s, the centred sums are sum w s
// s' - W delta delta'. Targets are columns of the same panels.
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <type_traits>

#include "base/parallel.hpp"
#include "fold/gram_panels.hpp"
#include "isa/kernels.hpp"

namespace esker {
namespace {

struct Free {
    std::size_t mapped = 0;
    void operator()(void* p) const noexcept { mapped ? void(munmap(p, mapped)) : std::free(p); }
};
template <class T>
using Aligned = std::unique_ptr<T[], Free>;

// On huge pages where large: blocks are short, and pages would take longer to come than to be read. mapped:
// straight from the system and back to it, where malloc would keep what is freed.
template <class T>
Aligned<T> aligned(Index n, bool mapped = false) {
    constexpr std::size_t huge = std::size_t{2} << 20;
    const std::size_t size = static_cast<std::size_t>(n) * sizeof(T) + 64;
    const std::size_t align = size >= huge && !mapped ? huge : 64, bytes = (size + align - 1) / align * align;
    if (mapped) {
        void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) throw std::bad_alloc();
        return Aligned<T>(static_cast<T*>(p), Free{bytes});
    }
    void* p = std::aligned_alloc(align, bytes);
    if (!p) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    if (align == huge) madvise(p, bytes, MADV_HUGEPAGE);
#endif
    return Aligned<T>(static_cast<T*>(p));
}

// How many strips, groups and chunks (columns centred and packed at once) a panel has.
template <class T>
struct Layout {
    Index d, t, strips, groups, chunks, strip_size, strips_size, groups_size;
    bool apart;  // whether panels whose columns drift are set apart
    Layout(Index d, Index t, bool apart) : d(d), t(t), apart(apart) {
        const auto& k = kernels().gram<T>();
        strips = (d + t + k.strip - 1) / k.strip, groups = (d + k.group - 1) / k.group;
        chunks = std::max<Index>(1, (d + k.chunk - 1) / k.chunk);
        strip_size = panel_rows<T> * k.strip;
        constexpr Index line = 64 / static_cast<Index>(sizeof(T));
        strips_size = strips * strip_size;
        groups_size = (groups * k.group_size + line - 1) / line * line;
    }
};

template <class T>
struct Panel {
    Index begin = 0, rows = 0;
    double weight = 0;
    T *strips = nullptr, *groups = nullptr;
    Aligned<T> shift, root;
    Aligned<double> plus, minus, targets;  // targets: mean, what rounding left of it, sum of squares, unit
    PackedPanel<T> packed;
    std::vector<Index> drifting;  // columns of each chunk, as far as one row in 31 tells

    Panel(const Layout<T>& at, T* packed_columns)
        : strips(packed_columns),
          groups(strips + at.strips_size),
          shift(aligned<T>(at.d + kernels().gram<T>().strip)),
          root(aligned<T>(panel_rows<T>)),
          plus(aligned<double>(at.d + at.t)),
          minus(aligned<double>(at.d + at.t)),
          targets(aligned<double>(4 * at.t)),
          drifting(static_cast<std::size_t>(at.chunks), 0) {
        std::fill_n(shift.get(), at.d + kernels().gram<T>().strip, T(0));
        packed = {strips, groups, plus.get(), minus.get(), targets.get() + 3 * at.t, 0};
    }
};

// Takes rows on; whether any of them counts.
template <class T>
bool open(Panel<T>& p, const Block& block, Index begin, Index rows) {
    p.begin = begin, p.rows = p.packed.rows = rows;
    p.weight = static_cast<double>(rows);
    if (!block.weight) return true;
    p.weight = 0;
    for (Index k = 0; k < rows; k++) {
        p.weight += block.weight[begin + k];
        p.root[k] = static_cast<T>(std::sqrt(block.weight[begin + k]));
    }
    return p.weight > 0;
}

// Targets go into the strips beside the columns of X, divided by a power of two so that T holds them.
template <class T>
void pack_targets(Panel<T>& p, const Layout<T>& at, const Block& block) {
    const Index t = at.t, strip = kernels().gram<T>().strip;
    const double *y = block.y + p.begin * t, *w = block.weight ? block.weight + p.begin : nullptr;
    double *mean = p.targets.get(), *left = mean + t, *squares = left + t, *unit = squares + t;
    kernels().centre_targets(mean, left, squares, y, w, p.rows, t);
    for (Index c = 0; c < t; c++) {
        const double spread = std::sqrt(squares[c] / p.weight);
        unit[c] = spread > 0 && spread < 1e300 ? std::ldexp(1.0, std::ilogb(spread)) : 1.0;
        T* to = p.strips + (at.d + c) / strip * at.strip_size + (at.d + c) % strip;
        const double per = 1 / unit[c];
        for (Index k = 0; k < p.rows; k++) {
            const T z = static_cast<T>((y[k * t + c] - mean[c]) * per);
            to[k * strip] = w ? p.root[k] * z : z;
        }
    }
}

template <class T>
void pack(Panel<T>& p, const Layout<T>& at, const DenseView<T>& x, const Block& block, Index chunk) {
    const auto& kernel = kernels().gram<T>();
    const Index j = chunk * kernel.chunk, cols = std::min(kernel.chunk, at.d - j);
    if (cols > 0) {
        const T* rows = x.row(p.begin) + j;
        const double* w = block.weight ? block.weight + p.begin : nullptr;
        kernel.mean(p.shift.get() + j, p.minus.get() + j, rows, x.stride, w, p.rows, cols);
        kernel.pack(p.strips + j / kernel.strip * at.strip_size,
                    p.groups + j / kernel.group * kernel.group_size, rows, x.stride, p.shift.get() + j,
                    w ? p.root.get() : nullptr, p.rows, cols);
        if (std::is_same_v<T, float> && at.apart)  // while they are near
            p.drifting[static_cast<std::size_t>(chunk)] = kernel.drifting(rows, x.stride, p.rows, cols, 31);
    }
    if (chunk == at.chunks - 1 && at.t) pack_targets(p, at, block);
}

// Chan's update but for the products: the means move on, and the panel learns its rank-one terms.
template <class T>
void meet(Gram& s, Panel<T>& p, const Layout<T>& at) {
    double *mean = p.targets.get(), *left = mean + at.t, *squares = left + at.t;
    for (Index c = 0; c < at.t; c++) mean[c] += left[c];
    const Step step = step_to(s, p.weight, mean);
    const double root_between = std::sqrt(step.between), root_weight = std::sqrt(p.weight);
    double *plus = p.plus.get(), *minus = p.minus.get(), *means = s.mean_x.data();
    for (Index j = 0; j < at.d; j++) {
        const double delta = minus[j], dx = (static_cast<double>(p.shift[j]) - means[j]) + delta;
        means[j] += step.share * dx;
        plus[j] = root_between * dx;
        minus[j] = root_weight * delta;
    }
    for (Index c = 0; c < at.t; c++) {
        const double dy = step.dy[static_cast<std::size_t>(c)];
        plus[at.d + c] = root_between * dy;
        minus[at.d + c] = root_weight * left[c];
        s.yy[static_cast<std::size_t>(c)] +=
            squares[c] - p.weight * left[c] * left[c] + step.between * dy * dy;
    }
}

// Tiles of one task: groups begin .. end - 1 by strips first .. last - 1, after so many tiles of earlier
// tasks.
struct Deal {
    Index begin, end, first, last, before;
};

// Tiles of groups begin .. end - 1 in a strip.
template <class T>
Index tiles_of(const Layout<T>& at, Index strip, Index begin, Index end) {
    const auto& kernel = kernels().gram<T>();
    const Index reach = (std::min(at.d, (strip + 1) * kernel.strip) + kernel.group - 1) / kernel.group;
    return std::max<Index>(0, std::min(end, reach) - begin);
}

// block: rows of a block row of packed sums, which no task crosses, or 0.
template <class T>
std::vector<Deal> deals(const Layout<T>& at, Index panels, Index block) {
    const auto& kernel = kernels().gram<T>();
    // A task's groups of all panels stay in a core's second cache.
    const Index size = panels * kernel.group_size * static_cast<Index>(sizeof(T));
    const Index near = std::max<Index>(1, (Index{320} << 10) / size);
    std::vector<Deal> tasks;
    Index before = 0;
    for (Index g = 0, end = 0; g < at.groups; g = end) {
        end = std::min(at.groups, g + near);
        if (block) end = std::min(end, (g * kernel.group / block + 1) * block / kernel.group);
        for (Index s = g * kernel.group / kernel.strip; s < at.strips; s += 2) {
            tasks.push_back({g, end, s, std::min(at.strips, s + 2), before});
            for (Index i = s; i < tasks.back().last; i++) before += tiles_of(at, i, g, end);
        }
    }
    tasks.push_back({0, 0, 0, 0, before});  // the end
    return tasks;
}

// How many panels are packed together, and whether as many more are packed meanwhile.
struct AtOnce {
    Index together;
    bool twice;
};
template <class T>
AtOnce panels_at_once(const Layout<T>& at, Index rows, bool packed, bool shared) {
    const Index bytes = (at.strips_size + at.groups_size) * static_cast<Index>(sizeof(T));
    // Shared panels are packed a few at a time, so that the threads seldom meet; the next few are packed by
    // whoever has no more tiles of these to multiply. Packed sums are there because memory is short.
    const Index room = packed ? Index{0} : Index{12} << 20;
    // Two of them at least, where those are not large, are added to the triangle in one go.
    const Index least = packed ? 1 : std::clamp<Index>((Index{16} << 20) / std::max<Index>(1, bytes), 1, 2);
    const Index most = shared ? std::clamp<Index>(room / 2 / std::max<Index>(1, bytes), least, 4) : 1;
    const Index needed = (rows + panel_rows<T> - 1) / panel_rows<T>, together = std::min(most, needed);
    return {together, shared && together < needed && 2 * bytes <= room};
}

// Panels whose columns drift together, which float32 products would leave few digits of, are multiplied in
// float64; how many are left, in front.
Index set_apart(Gram& s, std::vector<Panel<float>>& panels, Index n, const DenseView<float>& x,
                const Block& block, bool shared) {
    Index left = 0;
    std::vector<double> rows;
    for (Index g = 0; g < n; g++) {
        Panel<float>& p = panels[static_cast<std::size_t>(g)];
        if (std::accumulate(p.drifting.begin(), p.drifting.end(), Index{0}) < 2) {
            std::swap(panels[static_cast<std::size_t>(left++)], p);
            continue;
        }
        for (Index at = 0; at < p.rows; at += panel_rows<double>) {
            const Index count = std::min(panel_rows<double>, p.rows - at), first = p.begin + at;
            rows.clear();
            for (Index i = first; i < first + count; i++)
                rows.insert(rows.end(), x.row(i), x.row(i) + x.cols);
            Block part = block;
            if (part.y) part.y += first * part.targets;
            if (part.weight) part.weight += first;
            absorb_dense(s, DenseView<double>{rows.data(), count, x.cols, x.cols}, part, 0, count, shared);
        }
    }
    return left;
}

}  // namespace

template <class T>
void absorb_dense(Gram& s, const DenseView<T>& x, const Block& block, Index begin, Index end, bool shared) {
    if (begin == end) return;
    const auto& kernel = kernels().gram<T>();
    const Layout<T> at(x.cols, block.targets, !s.block_rows);
    const Index size = at.strips_size + at.groups_size;
    const AtOnce at_once = panels_at_once(at, end - begin, s.block_rows > 0, shared);
    const Index together = at_once.together;  // no structured binding: Clang lets no lambda see one
    const bool twice = at_once.twice;
    const auto columns = aligned<T>((twice ? 2 : 1) * together * size, s.block_rows > 0);
    std::vector<Panel<T>> panels, others;
    for (Index g = 0; g < together; g++) panels.emplace_back(at, columns.get() + g * size);
    for (Index g = 0; twice && g < together; g++)
        others.emplace_back(at, columns.get() + (together + g) * size);
    const auto tasks = deals(at, together, s.block_rows);
    auto deal = [&](Index n, auto&& f) {
        if (shared) return parallel_for(n, f);
        for (Index task = 0; task < n; task++) f(task);
    };
    std::vector<double> before(std::is_same_v<T, float> ? static_cast<std::size_t>(at.d) : 0);
    Index row = begin;
    auto take = [&](std::vector<Panel<T>>& some) {  // the next rows; how many panels have rows that count
        Index n = 0;
        for (; row < end && n < together; row += panel_rows<T>)
            n += open(some[static_cast<std::size_t>(n)], block, row, std::min(panel_rows<T>, end - row));
        return n;
    };
    auto pack_task = [&](std::vector<Panel<T>>& some, Index task) {
        pack(some[static_cast<std::size_t>(task / at.chunks)], at, x, block, task % at.chunks);
    };
    s.noise = std::max(s.noise, 4 * 0x1p-104);
    Index n = take(panels);
    deal(n * at.chunks, [&](Index task) { pack_task(panels, task); });
    while (n) {
        if constexpr (std::is_same_v<T, float>)
            if (at.apart) n = set_apart(s, panels, n, x, block, shared);
        for (Index g = 0; g < n; g++) meet(s, panels[static_cast<std::size_t>(g)], at);
        // How much of the diagonal is float32 products: what the tiles add beyond the means' part.
        const bool coarse = std::is_same_v<T, float>;
        Index tall = 0;
        for (Index g = 0; g < n; g++) tall += panels[static_cast<std::size_t>(g)].rows;
        if (coarse)
            for (Index j = 0; j < at.d; j++) {
                double own = s.row(j)[j];
                for (Index g = 0; g < n; g++) {
                    const double plus = panels[static_cast<std::size_t>(g)].plus[j];
                    own += plus * plus;
                }
                before[static_cast<std::size_t>(j)] = own;
            }
        // The rows of the next panels are brought nearer by all tiles in equal parts.
        const Index places = std::max<Index>(1, tasks.back().before * n * prefetches<T>);
        const Index left = std::min(end - row, n * panel_rows<T>) * x.stride * static_cast<Index>(sizeof(T));
        const Index step = (left + places - 1) / places;
        const char* next = reinterpret_cast<const char*>(x.data + row * x.stride);
        const Index tiles = n ? static_cast<Index>(tasks.size()) - 1 : 0,
                    following = twice ? take(others) : 0;
        std::vector<PackedPanel<T>> packed;
        for (Index g = 0; g < n; g++) packed.push_back(panels[static_cast<std::size_t>(g)].packed);
        deal(tiles + following * at.chunks, [&](Index i) {
            if (i >= tiles) return pack_task(others, i - tiles);
            const Deal& task = tasks[static_cast<std::size_t>(i)];
            const Index first = task.begin * kernel.group;
            const GramSums sums{s.xx.data() + s.origin(first), s.stride(first), s.xy.data(), at.d, at.t};
            const char* ahead = next + task.before * n * prefetches<T> * step;
            for (Index strip = task.first; strip < task.last; strip++) {
                kernel.tiles(sums, packed.data(), n, strip, task.begin, task.end, ahead, step);
                ahead += tiles_of(at, strip, task.begin, task.end) * n * prefetches<T> * step;
            }
        });
        if (coarse)
            for (Index j = 0; j < at.d; j++) {
                double& all = s.coarse[static_cast<std::size_t>(j)];
                const double added = s.row(j)[j] - before[static_cast<std::size_t>(j)];
                all = std::sqrt(all * all + added * added *
                                                std::min(1.0, static_cast<double>(tile_rows) /
                                                                  static_cast<double>(tall)));
            }
        if (twice) {
            n = following;
            std::swap(panels, others);
        } else {
            n = take(panels);
            deal(n * at.chunks, [&](Index task) { pack_task(panels, task); });
        }
    }
}

template <class T>
Index absorb_dense_bytes(Index rows, Index d, Index t, bool packed, bool shared) {
    const Layout<T> at(d, t, !packed);
    const auto [together, twice] = panels_at_once(at, rows, packed, shared);
    constexpr Index huge = Index{2} << 20;  // the last page of an allocation
    const Index size =
        (twice ? 2 : 1) * together * (at.strips_size + at.groups_size) * static_cast<Index>(sizeof(T));
    const Index beside = (twice ? 2 : 1) * together * (24 * d + 48 * t) + 16 * d;
    Index apart = 0;
    if (std::is_same_v<T, float> && !packed)
        apart =
            panel_rows<double> * 8 * d + absorb_dense_bytes<double>(panel_rows<double>, d, t, packed, shared);
    return (size < huge || packed ? size : (size + huge) / huge * huge) + beside + apart;
}
template Index absorb_dense_bytes<float>(Index, Index, Index, bool, bool);
template Index absorb_dense_bytes<double>(Index, Index, Index, bool, bool);

template void absorb_dense(Gram&, const DenseView<float>&, const Block&, Index, Index, bool);
template void absorb_dense(Gram&, const DenseView<double>&, const Block&, Index, Index, bool);

}  // namespace esker

// Dense rows into a Gram: panels of 256 rows shifted by their own mean, packed, multiplied and flushed in one
// visit. With s = x - shift rounded and delta the mean that is left of s, the centred sums are sum w s s' - W
// delta delta'.
#include <algorithm>
#include <cmath>
#include <memory>
#include <type_traits>

#include "base/parallel.hpp"
#include "fold/gram_panels.hpp"
#include "isa/kernels.hpp"

namespace esker {
namespace {

struct Free {
    void operator()(void* p) const noexcept { std::free(p); }
};
template <class T>
std::unique_ptr<T[], Free> aligned(Index n) {
    void* p = std::aligned_alloc(64, (static_cast<std::size_t>(n) * sizeof(T) + 63) / 64 * 64);
    if (!p) throw std::bad_alloc();
    return std::unique_ptr<T[], Free>(static_cast<T*>(p));
}

// What is known of a panel before its columns are looked at: weights, and the targets centred.
template <class T>
struct Panel {
    Index begin = 0, rows = 0;
    double weight = 0;
    std::vector<T> root;         // square roots of the weights; empty for ones
    std::vector<double> z;       // rows x (1 + targets): root, root (y - mean y)
    std::vector<double> left_y;  // the mean that rounding left in the centred targets
    Step step;
};

template <class T>
Panel<T> look(Gram& s, const Block& block, Index begin, Index rows) {
    Panel<T> p;
    p.begin = begin, p.rows = rows;
    const Index t = block.targets, width = 1 + t;
    for (Index k = 0; k < rows; k++) p.weight += block.w(begin + k);
    if (p.weight == 0) return p;
    p.z.resize(static_cast<std::size_t>(rows * width));
    if (block.weight) p.root.resize(static_cast<std::size_t>(rows));
    std::vector<double> mean(static_cast<std::size_t>(t), 0.0), sums(static_cast<std::size_t>(t), 0.0);
    for (Index k = 0; k < rows; k++)
        for (Index c = 0; c < t; c++)
            mean[static_cast<std::size_t>(c)] += block.w(begin + k) * block.y[(begin + k) * t + c];
    for (double& m : mean) m /= p.weight;
    p.left_y.assign(static_cast<std::size_t>(t), 0.0);
    for (Index k = 0; k < rows; k++) {
        const double w = block.w(begin + k), root = std::sqrt(w);
        if (block.weight) p.root[static_cast<std::size_t>(k)] = static_cast<T>(root);
        double* z = p.z.data() + k * width;
        z[0] = root;
        for (Index c = 0; c < t; c++) {
            const double y = block.y[(begin + k) * t + c] - mean[static_cast<std::size_t>(c)];
            z[1 + c] = root * y;
            p.left_y[static_cast<std::size_t>(c)] += w * y;
            sums[static_cast<std::size_t>(c)] += w * y * y;
        }
    }
    for (Index c = 0; c < t; c++) {
        const auto at = static_cast<std::size_t>(c);
        p.left_y[at] /= p.weight;
        mean[at] += p.left_y[at];
        s.yy[at] += sums[at] - p.weight * p.left_y[at] * p.left_y[at];
    }
    p.step = step_to(s, p.weight, mean.data());
    for (Index c = 0; c < t; c++) {
        const double dy = p.step.dy[static_cast<std::size_t>(c)];
        s.yy[static_cast<std::size_t>(c)] += p.step.between * dy * dy;
    }
    return p;
}

}  // namespace

template <class T>
void absorb_dense(Gram& s, const DenseView<T>& x, const Block& block, Index begin, Index end, bool shared) {
    const auto& kernel = kernels().gram<T>();
    const Index d = x.cols, strips = (d + kernel.strip - 1) / kernel.strip, depth = panel_rows * kernel.strip;
    const Index t = block.targets, packed_size = strips * depth;
    if (d == 0) {
        for (Index r = begin; r < end; r += panel_rows) look<T>(s, block, r, std::min(panel_rows, end - r));
        return;
    }
    // Shared panels are packed a few at a time: fewer meetings of the threads, and a tile of the triangle
    // stays near.
    const Index group =
        shared ? std::clamp<Index>((Index{6} << 20) / (packed_size * static_cast<Index>(sizeof(T))), 1, 8)
               : 1;
    const auto packed = aligned<T>(group * packed_size);
    const auto ranks = aligned<double>(2 * group * d);  // per panel: plus, minus of GramKernels::tiles
    s.noise = std::max(s.noise, 4 * 0x1p-104);
    auto deal = [&](Index tasks, auto&& f) {
        if (shared) return parallel_for(tasks, f);
        for (Index task = 0; task < tasks; task++) f(task);
    };
    std::vector<Panel<T>> panels;
    for (Index at = begin; at < end;) {
        panels.clear();
        for (; at < end && static_cast<Index>(panels.size()) < group; at += panel_rows) {
            auto panel = look<T>(s, block, at, std::min(panel_rows, end - at));
            if (panel.weight > 0) panels.push_back(std::move(panel));
        }
        deal(strips, [&](Index strip) {
            const Index j0 = strip * kernel.strip, n = std::min(kernel.strip, d - j0);
            T shift[64];  // no strip is wider
            std::vector<double> sums(static_cast<std::size_t>((1 + t) * kernel.strip));
            for (std::size_t g = 0; g < panels.size(); g++) {
                const Panel<T>& p = panels[g];
                const T* rows = x.row(p.begin) + j0;
                T* to = packed.get() + static_cast<Index>(g) * packed_size + strip * depth;
                const double* w = block.weight ? block.weight + p.begin : nullptr;
                kernel.mean(shift, rows, x.stride, w, p.rows, n);
                kernel.pack(to, rows, x.stride, shift, p.root.empty() ? nullptr : p.root.data(), p.rows, n);
                kernel.cross(sums.data(), to, p.z.data(), p.rows, 1 + t);
                double* plus = ranks.get() + 2 * static_cast<Index>(g) * d;
                double* minus = plus + d;
                const double root_between = std::sqrt(p.step.between), root_weight = std::sqrt(p.weight);
                for (Index j = 0; j < n; j++) {
                    const Index column = j0 + j;
                    const double delta = sums[static_cast<std::size_t>(j)] / p.weight;
                    double& mean = s.mean_x[static_cast<std::size_t>(column)];
                    const double dx = (static_cast<double>(shift[j]) - mean) + delta;
                    mean += p.step.share * dx;
                    plus[column] = root_between * dx;
                    minus[column] = root_weight * delta;
                    for (Index c = 0; c < t; c++)
                        s.xy[static_cast<std::size_t>(c * d + column)] +=
                            sums[static_cast<std::size_t>((1 + c) * kernel.strip + j)] -
                            p.weight * delta * p.left_y[static_cast<std::size_t>(c)] +
                            p.step.between * dx * p.step.dy[static_cast<std::size_t>(c)];
                }
            }
        });
        // How much of the diagonal is float32 products: what the tiles add beyond the means' part.
        const bool coarse = std::is_same_v<T, float>;
        if (coarse)
            for (Index j = 0; j < d; j++) {
                double before = s.row(j)[j];
                for (std::size_t g = 0; g < panels.size(); g++) {
                    const double plus = ranks[2 * static_cast<Index>(g) * d + j];
                    before += plus * plus;
                }
                s.coarse[static_cast<std::size_t>(j)] -= before;
            }
        deal(strips, [&](Index task) {
            const Index strip = strips - 1 - task;  // the tallest columns of tiles first
            for (std::size_t g = 0; g < panels.size(); g++) {
                const double* plus = ranks.get() + 2 * static_cast<Index>(g) * d;
                kernel.tiles(s.xx.data() + 1, d + 1, packed.get() + static_cast<Index>(g) * packed_size, plus,
                             plus + d, panels[g].rows, d, strip);
            }
        });
        if (coarse)
            for (Index j = 0; j < d; j++) s.coarse[static_cast<std::size_t>(j)] += s.row(j)[j];
    }
}

template void absorb_dense(Gram&, const DenseView<float>&, const Block&, Index, Index, bool);
template void absorb_dense(Gram&, const DenseView<double>&, const Block&, Index, Index, bool);

}  // namespace esker

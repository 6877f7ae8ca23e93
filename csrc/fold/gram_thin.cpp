// Dense rows of few columns into a Gram: each panel is centred by its own mean, packed and multiplied a few
// rows at a time, and its whole triangle flushed, by one thread.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <type_traits>
#include <vector>

#include "fold/gram_panels.hpp"
#include "isa/kernels.hpp"

namespace esker {
namespace {

struct Free {
    void operator()(void* p) const noexcept { std::free(p); }
};

// Memory of a thread, kept for its next rows: pages take longer to come than to be summed. Thin panels and
// their sums take less than a megabyte.
char* thread_room(std::size_t bytes) {
    static thread_local std::unique_ptr<char, Free> room;
    static thread_local std::size_t size = 0;
    if (bytes > size) {
        room.reset(), size = 0;
        room.reset(static_cast<char*>(std::aligned_alloc(64, bytes)));
        if (!room) throw std::bad_alloc();
        std::fill_n(room.get(), bytes, char(0));  // what lies beside the columns is multiplied, never used
        size = bytes;
    }
    return room.get();
}

template <class T>
struct Thin {
    Gram& s;
    const DenseView<T>& x;
    const Block& block;
    const ThinKernels<T>& kernel = kernels().thin<T>();
    const Index d = x.cols, t = block.targets;
    const Index pitch = (d + t + kernel.lanes - 1) / kernel.lanes * kernel.lanes, wide = pitch + 8;
    const Index size = kernel.size(pitch, d), few = kernel.rows(pitch);
    T *packed = nullptr, *sums = nullptr, *shift = nullptr, *root = nullptr;
    double *total = nullptr, *plus = nullptr, *minus = nullptr, *unit = nullptr;
    double *mean = nullptr, *left = nullptr, *squares = nullptr;
    double weight = 0;

    Thin(Gram& s, const DenseView<T>& x, const Block& block) : s(s), x(x), block(block) {
        std::size_t bytes = 0;
        auto after = [&](auto** p, Index n, char* base) {  // where it lies, once there is a base
            using Number = std::remove_reference_t<decltype(**p)>;
            if (base) *p = reinterpret_cast<Number*>(base + bytes);
            bytes += (static_cast<std::size_t>(n) * sizeof(Number) + 63) / 64 * 64;
        };
        auto place = [&](char* base) {
            bytes = 0;
            after(&packed, few * pitch + 8, base), after(&sums, 2 * size, base);
            after(&shift, wide, base), after(&root, panel_rows<T>, base);
            after(&total, size, base);
            for (double** p : {&plus, &minus, &unit}) after(p, wide, base);
            for (double** p : {&mean, &left, &squares}) after(p, t, base);
        };
        place(nullptr);
        place(thread_room(bytes));
        std::fill_n(total, size, 0.0), std::fill_n(unit, wide, 1.0);
        std::fill_n(shift, wide, T(0)), std::fill_n(plus, wide, 0.0), std::fill_n(minus, wide, 0.0);
    }

    // Whether any of the rows counts.
    bool weigh(Index begin, Index rows) {
        weight = static_cast<double>(rows);
        if (!block.weight) return true;
        weight = 0;
        for (Index k = 0; k < rows; k++) {
            weight += block.weight[begin + k];
            root[k] = static_cast<T>(std::sqrt(block.weight[begin + k]));
        }
        return weight > 0;
    }

    // The columns' and the targets' means.
    void centre(Index begin, Index rows) {
        const double* w = block.weight ? block.weight + begin : nullptr;
        kernels().gram<T>().mean(shift, minus, x.row(begin), x.stride, w, rows, d);
        if (!t) return;
        kernels().centre_targets(mean, left, squares, block.y + begin * t, w, rows, t);
        for (Index c = 0; c < t; c++) {  // a power of two, so that T holds what is divided by it
            const double spread = std::sqrt(squares[c] / weight);
            unit[d + c] = spread > 0 && spread < 1e300 ? std::ldexp(1.0, std::ilogb(spread)) : 1.0;
        }
    }

    // Rows begin on, the first of which is row k of the panel.
    void pack(Index begin, Index k, Index rows) {
        const T* own = block.weight ? root + k : nullptr;
        kernel.pack(packed, pitch, x.row(begin), x.stride, shift, own, rows, d);
        for (Index c = 0; c < t; c++) {
            const double* y = block.y + begin * t + c;
            const double at = mean[c], per = 1 / unit[d + c];
            T* to = packed + d + c;
            for (Index i = 0; i < rows; i++) {
                const T z = static_cast<T>((y[i * t] - at) * per);
                to[i * pitch] = own ? own[i] * z : z;
            }
        }
    }

    // Chan's update but for the products: the means move on, and the panel learns its rank-one terms.
    void meet() {
        for (Index c = 0; c < t; c++) mean[c] += left[c];
        const Step step = step_to(s, weight, mean);
        const double root_between = std::sqrt(step.between), root_weight = std::sqrt(weight);
        double* means = s.mean_x.data();
        for (Index j = 0; j < d; j++) {
            const double delta = minus[j], dx = (static_cast<double>(shift[j]) - means[j]) + delta;
            means[j] += step.share * dx;
            plus[j] = root_between * dx;
            minus[j] = root_weight * delta;
        }
        for (Index c = 0; c < t; c++) {
            const auto at = static_cast<std::size_t>(c);
            plus[d + c] = root_between * step.dy[at];
            minus[d + c] = root_weight * left[c];
            s.yy[at] += squares[c] - weight * left[c] * left[c] + step.between * step.dy[at] * step.dy[at];
        }
    }

    // A panel whose columns drift together, which float32 products would leave few digits of, is multiplied
    // in float64.
    void apart(Index begin, Index rows) {
        std::vector<double> wide_rows;
        for (Index at = 0; at < rows; at += panel_rows<double>) {
            const Index count = std::min(panel_rows<double>, rows - at), first = begin + at;
            wide_rows.clear();
            for (Index i = first; i < first + count; i++)
                wide_rows.insert(wide_rows.end(), x.row(i), x.row(i) + d);
            Block part = block;
            if (part.y) part.y += first * t;
            if (part.weight) part.weight += first;
            // Not by another of these: a thread has one room.
            absorb_dense(s, DenseView<double>{wide_rows.data(), count, d, d}, part, 0, count, false);
        }
    }

    void absorb(Index begin, Index end) {
        for (Index rows; begin < end; begin += rows) {
            rows = std::min(panel_rows<T>, end - begin);
            if (!weigh(begin, rows)) continue;
            if constexpr (std::is_same_v<T, float>)
                if (kernels().gram<T>().drifting(x.row(begin), x.stride, rows, d, 31) > 1) {
                    apart(begin, rows);
                    continue;
                }
            centre(begin, rows);
            const Index next = begin + rows, ahead = std::min(end - next, panel_rows<T>) * x.stride;
            const Index bytes = ahead * static_cast<Index>(sizeof(T));
            for (Index k = 0, n; k < rows; k += n) {
                n = std::min(few, rows - k);
                pack(begin + k, k, n);
                const Index from = bytes * k / rows, to = bytes * (k + n) / rows;
                kernel.triangle(sums, packed, pitch, k, n, d,
                                reinterpret_cast<const char*>(x.row(next)) + from, to - from);
            }
            meet();
            kernel.flush(total, sums, pitch, rows, d, unit, plus, minus);
            for (Index from = 0; std::is_same_v<T, float> && from < rows; from += tile_rows)
                for (Index j = 0; j < d; j++) {
                    double& all = s.coarse[static_cast<std::size_t>(j)];
                    const auto own =
                        static_cast<double>(sums[from / tile_rows * size + block_row(j) + place(j)]);
                    all = std::sqrt(all * all + own * own);
                }
        }
        for (Index i = 0; i < d; i++) {
            const double* from = total + block_row(i);
            double* to = s.row(i);
            for (Index j = i; j < d; j++) to[j] += from[place(j)];
            for (Index c = 0; c < t; c++) s.xy[static_cast<std::size_t>(c * d + i)] += from[place(d + c)];
        }
    }

    // The sum of columns i and j >= i lies at block_row(i) + place(j).
    Index block_row(Index i) const {
        const Index group = i / 8 * 8, from = group / kernel.lanes * kernel.lanes;
        return kernel.size(pitch, group) - 8 * from + (i - group) * kernel.lanes;
    }
    Index place(Index j) const { return j / kernel.lanes * kernel.lanes * 8 + j % kernel.lanes; }
};

}  // namespace

template <class T>
void absorb_thin(Gram& s, const DenseView<T>& x, const Block& block, Index begin, Index end) {
    if (begin == end) return;
    s.noise = std::max(s.noise, 4 * 0x1p-104);
    Thin<T>(s, x, block).absorb(begin, end);
}

template void absorb_thin(Gram&, const DenseView<float>&, const Block&, Index, Index);
template void absorb_thin(Gram&, const DenseView<double>&, const Block&, Index, Index);

}  // namespace esker

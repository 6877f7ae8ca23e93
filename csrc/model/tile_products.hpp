// Products X W of dense rows with a matrix that lies ready in strips, in register tiles, and what is made of
// each tile while the first cache has it. A number is summed in one order whatever the rows beside it, so its
// bits depend on neither threads nor blocks.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "base/parallel.hpp"
#include "base/view.hpp"
#include "isa/kernels.hpp"

namespace esker {

// Numbers on cache lines, not set to anything.
template <class T>
class Aligned {
public:
    explicit Aligned(Index n)
        : data_(static_cast<T*>(std::aligned_alloc(
              64, (static_cast<std::size_t>(std::max<Index>(n, 1)) * sizeof(T) + 63) / 64 * 64))) {
        if (!data_) throw std::bad_alloc();
    }
    T* get() const noexcept { return data_.get(); }

private:
    struct Free {
        void operator()(T* p) const noexcept { std::free(p); }
    };
    std::unique_ptr<T, Free> data_;
};

// A matrix of `inner` rows and `cols` columns as strips of columns side by side, the last filled up with
// zeros.
template <class T>
class Strips {
public:
    // transposed: w is cols x inner, by rows
    Strips(const T* w, Index inner, Index cols, Index stride, bool transposed = false)
        : inner(inner), cols(cols), wide(kernels().gradient<T>().wide), data_(inner * padded()) {
        parallel_for((cols + wide - 1) / wide, [&](Index s) {
            T* to = data_.get() + s * wide * inner;
            const Index first = s * wide, count = std::min(wide, cols - first);
            if (transposed) {
                for (Index k = 0; k < count; k++)
                    for (Index i = 0; i < inner; i++) to[i * wide + k] = w[(first + k) * stride + i];
            } else {
                for (Index i = 0; i < inner; i++) std::copy_n(w + i * stride + first, count, to + i * wide);
            }
            for (Index i = 0; count < wide && i < inner; i++)
                std::fill_n(to + i * wide + count, wide - count, T(0));
        });
    }
    const T* strip(Index s) const noexcept { return data_.get() + s * wide * inner; }
    Index padded() const noexcept { return (cols + wide - 1) / wide * wide; }

    const Index inner, cols, wide;

private:
    Aligned<T> data_;
};

// Rows of a panel, which stays in the second cache; numbers of a row that pass by at once; columns of a task.
constexpr Index panel_high = 96, panel_deep = 256, panel_wide = 1024;

// then(row, rows, column, columns, tile) for all parts of X W, on all threads: tile has columns side by side,
// strips.wide numbers apart by rows.
template <class T, class F>
void tile_products(const DenseView<T>& x, const Strips<T>& strips, F&& then) {
    const auto& kernel = kernels().gradient<T>();
    const Index wide = strips.wide, inner = x.cols;
    const Index room = 64 / static_cast<Index>(sizeof(T));
    const Index pitch =
        (inner + room - 1) / room * room + room;  // rows keep off each other's places in a cache
    const Index span = panel_wide / wide * wide;
    const Index down = (x.rows + panel_high - 1) / panel_high, across = (strips.cols + span - 1) / span;
    const std::vector<double> zeros(static_cast<std::size_t>(inner), 0.0);
    parallel_for(down * across, [&](Index task) {
        const Index row = task / across * panel_high, rows = std::min(panel_high, x.rows - row);
        const Index first = task % across * span, last = std::min(first + span, strips.cols);
        const Index high = (rows + kernel.high - 1) / kernel.high * kernel.high;
        const Aligned<T> panel(high * pitch), tile(high * wide);
        kernel.centre(panel.get(), pitch, x.row(row), x.stride, zeros.data(), rows, inner);
        for (Index column = first; column < last; column += wide) {
            const T* strip = strips.strip(column / wide);
            for (Index k = 0; k < inner; k += panel_deep)
                kernel.along(tile.get(), panel.get() + k, pitch, rows, strip + k * wide,
                             std::min(panel_deep, inner - k), k > 0);
            then(row, rows, column, std::min(wide, last - column), tile.get());
        }
    });
}

}  // namespace esker

// SketchTiles: a matrix in tiles of 32 columns, each row-major, so that a tile's rows stay in cache.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "base/buffer.hpp"
#include "base/parallel.hpp"
#include "base/view.hpp"

namespace esker {

struct SketchTiles {
    static constexpr Index width = 32;
    Index rows = 0, count = 0;

    double* tile(Index t) noexcept { return numbers() + t * rows * width; }
    const double* tile(Index t) const noexcept { return numbers() + t * rows * width; }

    // At least so many columns; new ones are zero. Pages are made where they are first touched, by whichever
    // thread that is.
    void fit(Index rows_, Index cols) {
        rows = rows_;
        count = std::max(count, (cols + width - 1) / width);
        buffer.grow(static_cast<std::size_t>(2 * count * rows * width));
    }
    void clear() {
        buffer = Buffer();
        count = 0;
    }
    void add(const SketchTiles& other) {
        const Index each = rows * width;
        parallel_for(other.count, [&](Index t) {
            double* out = tile(t);
            const double* in = other.tile(t);
            for (Index i = 0; i < each; i++) out[i] += in[i];
        });
    }
    // The first n rows and cols columns, times a factor, row-major; returns whether all are finite.
    template <class T>
    bool read(T* out, Index n, Index cols, double factor) const {
        constexpr Index some = 64;
        std::atomic<bool> finite{true};
        parallel_for((n + some - 1) / some, [&](Index task) {
            for (Index t = 0; t * width < cols; t++)
                for (Index i = task * some; i < std::min(n, (task + 1) * some); i++) {
                    const double* in = tile(t) + i * width;
                    T* to = out + i * cols + t * width;
                    T none = 0;  // NaN is not equal to it
                    for (Index j = 0; j < std::min(width, cols - t * width); j++) {
                        to[j] = static_cast<T>(factor * in[j]);
                        none += to[j] * 0;
                    }
                    if (none != 0) finite = false;
                }
        });
        return finite;
    }
    void write(const double* in, Index rows_, Index cols) {
        clear();
        fit(rows_, cols);
        for (Index i = 0; i < rows; i++)
            for (Index j = 0; j < cols; j++) tile(j / width)[i * width + j % width] = in[i * cols + j];
    }

private:
    Buffer buffer;  // pairs of floats are doubles
    double* numbers() noexcept { return reinterpret_cast<double*>(buffer.data()); }
    const double* numbers() const noexcept { return reinterpret_cast<const double*>(buffer.data()); }
};

}  // namespace esker

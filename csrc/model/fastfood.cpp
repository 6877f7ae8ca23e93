// Fastfood over panels of rows, turned so that vectors go over rows: permutations move whole cache lines.
#include "model/fastfood.hpp"

#include <algorithm>
#include <vector>

#include "base/parallel.hpp"
#include "isa/map_kernels.hpp"
#include "model/hadamard.hpp"

namespace esker {
namespace {

// out[i] = factor[i] x[place[i]] for rows of `wide` numbers; a null place leaves them where they are.
template <class T>
void move_rows(T* out, const T* x, const std::int32_t* place, const T* factor, Index rows, Index wide) {
    for (Index i = 0; i < rows; i++) {
        const T* const from = x + (place ? place[i] : i) * wide;
        const T f = factor[i];
#pragma omp simd
        for (Index j = 0; j < wide; j++) out[i * wide + j] = f * from[j];
    }
}

// fill(i, room): a pointer to the columns of row i, which may lie in room.
template <class T, class Fill>
void panels(const Fastfood<T>& f, T* out, Index rows, T factor, Fill&& fill) {
    const auto& turn = map_kernels().projection<T>();
    const auto& hadamard = map_kernels().hadamard<T>();
    const auto& cosine = map_kernels().cosine<T>();
    const Index wide = turn.rows, n = f.padded;
    parallel_for((rows + wide - 1) / wide, [&](Index task) {
        const Index first = task * wide, used = std::min(wide, rows - first);
        const Room<T> panel(n * wide), moved(n * wide), room(n * hadamard.panel), dense(wide * f.cols);
        std::vector<const T*> from(static_cast<std::size_t>(wide));
        std::vector<T*> to(static_cast<std::size_t>(wide));
        for (Index i = 0; i < wide; i++)  // beyond the last row it is taken again
            from[static_cast<std::size_t>(i)] = i < used ? fill(first + i, dense.get() + i * f.cols)
                                                         : from[static_cast<std::size_t>(used - 1)];
        turn.turn(panel.get(), from.data(), f.cols);
        move_rows<T>(panel.get(), panel.get(), nullptr, f.sign, f.cols, wide);
        std::fill(panel.get() + f.cols * wide, panel.get() + n * wide, T(0));
        hadamard.columns(panel.get(), n, wide, wide, room.get());
        for (Index begin = 0; begin < f.features; begin += n) {
            const Index count = std::min(n, f.features - begin);
            move_rows<T>(moved.get(), panel.get(), f.place + begin, f.normal + begin, n, wide);
            hadamard.columns(moved.get(), n, wide, wide, room.get());
            move_rows<T>(moved.get(), moved.get(), nullptr, f.scale + begin, count, wide);
            for (Index i = 0; i < used; i++)
                to[static_cast<std::size_t>(i)] = out + (first + i) * f.features + begin;
            turn.turn_back(to.data(), moved.get(), count, used, T(1));
            for (Index i = 0; i < used; i++) {
                T* const row = to[static_cast<std::size_t>(i)];
                cosine.cosine(row, row, f.offset + begin, factor, count);
            }
        }
    });
}

}  // namespace

template <class T>
void Fastfood<T>::apply(T* out, const DenseView<T>& x, T factor) const {
    panels(*this, out, x.rows, factor, [&](Index i, T*) { return x.row(i); });
}

template <class T>
template <class I>
void Fastfood<T>::apply(T* out, const CsrView<T, I>& x, T factor) const {
    panels(*this, out, x.rows, factor, [&](Index i, T* room) -> const T* {
        const auto row = x.row(i);
        std::fill_n(room, cols, T(0));
        for (Index k = 0; k < row.size; k++) room[row.columns[k]] += row.values[k];
        return room;
    });
}

#define ESKER_EACH(T)                                                                             \
    template struct Fastfood<T>;                                                                  \
    template void Fastfood<T>::apply<std::int32_t>(T*, const CsrView<T, std::int32_t>&, T) const; \
    template void Fastfood<T>::apply<std::int64_t>(T*, const CsrView<T, std::int64_t>&, T) const;
ESKER_EACH(float)
ESKER_EACH(double)
#undef ESKER_EACH

}  // namespace esker

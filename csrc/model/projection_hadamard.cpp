// The subsampled randomized Hadamard transform of rows.
#include <algorithm>

#include "base/parallel.hpp"
#include "base/permutation.hpp"
#include "model/hadamard.hpp"
#include "model/projection.hpp"

namespace esker {
namespace {

template <class T, class Fill>
void each_row(T* out, Index rows, const HadamardMap& map, double scale, Fill&& fill) {
    const auto components = static_cast<Index>(map.places.size());
    const Index group = std::max<Index>(1, 65536 / map.padded);
    parallel_for((rows + group - 1) / group, [&](Index task) {
        const Room<T> vector(map.padded), room(hadamard_room<T>(map.padded));
        T* const x = vector.get();
        for (Index i = task * group; i < std::min(rows, (task + 1) * group); i++) {
            const Index filled = fill(i, x);
            std::fill(x + filled, x + map.padded, T(0));
            hadamard(x, x, map.padded, room.get(), filled);
            T* const to = out + i * components;
            for (Index c = 0; c < components; c++)
                to[c] = static_cast<T>(scale) * x[map.places[static_cast<std::size_t>(c)]];
        }
    });
}

}  // namespace

HadamardMap::HadamardMap(std::uint64_t seed, Index cols, Index components)
    : cols(cols), padded(next_power_of_two(cols)) {
    require(components <= padded, "expected at most " + std::to_string(padded) +
                                      " components, the columns padded to a power of two, got " +
                                      std::to_string(components));
    negative.resize(static_cast<std::size_t>((cols + 31) / 32));
    for (std::size_t j = 0; j < negative.size(); j++)
        negative[j] = draw(seed, static_cast<std::int64_t>(j), Stream::projection_sign)[0];
    places.resize(static_cast<std::size_t>(padded));
    permutation(places.data(), seed, 0, Stream::projection_place, padded);
    places.resize(static_cast<std::size_t>(components));
}

template <class T>
void HadamardMap::apply(T* out, const DenseView<T>& x, double scale) const {
    Room<T> signs(cols);
    for (Index j = 0; j < cols; j++) signs.get()[j] = sign(j) ? T(-1) : T(1);
    each_row(out, x.rows, *this, scale, [&](Index i, T* to) {
        const T* const row = x.row(i);
        const T* const with = signs.get();
#pragma omp simd
        for (Index j = 0; j < cols; j++) to[j] = row[j] * with[j];
        return cols;
    });
}

template <class T, class I>
void HadamardMap::apply(T* out, const CsrView<T, I>& x, double scale) const {
    each_row(out, x.rows, *this, scale, [&](Index i, T* to) {
        const auto row = x.row(i);
        std::fill_n(to, cols, T(0));
        for (Index k = 0; k < row.size; k++) {
            const auto j = static_cast<Index>(row.columns[k]);
            to[j] += sign(j) ? -row.values[k] : row.values[k];
        }
        return cols;
    });
}

#define ESKER_EACH(T)                                                                                     \
    template void HadamardMap::apply<T>(T*, const DenseView<T>&, double) const;                           \
    template void HadamardMap::apply<T, std::int32_t>(T*, const CsrView<T, std::int32_t>&, double) const; \
    template void HadamardMap::apply<T, std::int64_t>(T*, const CsrView<T, std::int64_t>&, double) const;
ESKER_EACH(float)
ESKER_EACH(double)
#undef ESKER_EACH

}  // namespace esker

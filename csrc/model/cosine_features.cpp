// Random Fourier features of dense and of sparse rows.
#include "model/cosine_features.hpp"

#include <algorithm>
#include <vector>

#include "isa/map_kernels.hpp"
#include "model/tile_products.hpp"

namespace esker {

template <class T>
void cosine_features(T* out, const DenseView<T>& x, const T* weights, Index cols, const T* offset, T scale) {
    const Strips<T> strips(weights, x.cols, cols, cols);
    const auto cosine = map_kernels().cosine<T>().cosine_tile;
    tile_products(x, strips, [&](Index row, Index rows, Index column, Index columns, const T* tile) {
        cosine(out + row * cols + column, cols, tile, strips.wide, offset + column, scale, rows, columns);
    });
}

template <class T, class I>
void cosine_features(T* out, const CsrView<T, I>& x, const T* weights, Index cols, const T* offset, T scale) {
    constexpr Index some = 64, span = 2048;  // rows of a task; columns whose sums stay in the first cache
    const auto& kernel = map_kernels();
    parallel_for((x.rows + some - 1) / some, [&](Index task) {
        const Index end = std::min((task + 1) * some, x.rows);
        std::vector<Index> places;
        for (Index i = task * some; i < end; i++) {
            const auto row = x.row(i);
            places.resize(static_cast<std::size_t>(row.size));
            for (Index k = 0; k < row.size; k++)
                places[static_cast<std::size_t>(k)] = static_cast<Index>(row.columns[k]) * cols;
            for (Index first = 0; first < cols; first += span) {
                const Index count = std::min(span, cols - first);
                T* to = out + i * cols + first;
                kernel.row_sums<T>().row_sums(to, row.values, places.data(), row.size, weights + first,
                                              count);
                kernel.cosine<T>().cosine(to, to, offset + first, scale, count);
            }
        }
    });
}

template void cosine_features(float*, const DenseView<float>&, const float*, Index, const float*, float);
template void cosine_features(double*, const DenseView<double>&, const double*, Index, const double*, double);
template void cosine_features(float*, const CsrView<float, std::int32_t>&, const float*, Index, const float*,
                              float);
template void cosine_features(double*, const CsrView<double, std::int32_t>&, const double*, Index,
                              const double*, double);
template void cosine_features(float*, const CsrView<float, std::int64_t>&, const float*, Index, const float*,
                              float);
template void cosine_features(double*, const CsrView<double, std::int64_t>&, const double*, Index,
                              const double*, double);

}  // namespace esker

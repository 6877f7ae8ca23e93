// Rows scattered to places with signs.
#include "model/tensor_sketch.hpp"

#include <algorithm>
#include <vector>

#include "base/parallel.hpp"

namespace esker {

namespace {

// Each column's place and its factor, sketches of a column side by side.
template <class T>
struct Place {
    std::int64_t at;
    T factor;
};

template <class T, class F>
void sketch_rows(T* out, Index rows, const SketchTables& t, F&& add_row) {
    std::vector<Place<T>> places(static_cast<std::size_t>(t.degree * t.columns));
    for (Index s = 0; s < t.degree; s++)
        for (Index j = 0; j < t.columns; j++)
            places[static_cast<std::size_t>(j * t.degree + s)] = {
                s * t.size + t.places[s * t.columns + j],
                static_cast<T>(t.scale * static_cast<double>(t.signs[s * t.columns + j]))};
    const Index length = t.degree * t.size, some = std::clamp<Index>((1 << 16) / length, 1, 256);
    parallel_for((rows + some - 1) / some, [&](Index task) {
        for (Index i = task * some; i < std::min((task + 1) * some, rows); i++) {
            T* to = out + i * length;
            std::fill_n(to, length, T(0));
            const auto add = [&](Index j, T x) {
                const Place<T>* p = places.data() + j * t.degree;
                for (Index s = 0; s < t.degree; s++) to[p[s].at] += p[s].factor * x;
            };
            const Index own = add_row(i, add);
            if (own < t.columns)
                for (Index s = 0; s < t.degree; s++)
                    to[s * t.size + t.places[s * t.columns + own]] +=
                        static_cast<T>(t.constant * static_cast<double>(t.signs[s * t.columns + own]));
        }
    });
}

}  // namespace

template <class T>
void count_sketches(T* out, const DenseView<T>& x, const SketchTables& tables) {
    sketch_rows(out, x.rows, tables, [&](Index i, const auto& add) {
        const T* row = x.row(i);
        for (Index j = 0; j < x.cols; j++) add(j, row[j]);
        return x.cols;
    });
}

template <class T, class I>
void count_sketches(T* out, const CsrView<T, I>& x, const SketchTables& tables) {
    sketch_rows(out, x.rows, tables, [&](Index i, const auto& add) {
        const auto row = x.row(i);
        for (Index k = 0; k < row.size; k++) add(static_cast<Index>(row.columns[k]), row.values[k]);
        return x.cols;
    });
}

template void count_sketches(float*, const DenseView<float>&, const SketchTables&);
template void count_sketches(double*, const DenseView<double>&, const SketchTables&);
template void count_sketches(float*, const CsrView<float, std::int32_t>&, const SketchTables&);
template void count_sketches(double*, const CsrView<double, std::int32_t>&, const SketchTables&);
template void count_sketches(float*, const CsrView<float, std::int64_t>&, const SketchTables&);
template void count_sketches(double*, const CsrView<double, std::int64_t>&, const SketchTables&);

}  // namespace esker

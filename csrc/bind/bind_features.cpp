// Features of kernels for Python.
#include "base/parallel.hpp"
#include "base/philox.hpp"
#include "bind/array.hpp"
#include "isa/map_kernels.hpp"
#include "model/cosine_features.hpp"
#include "model/tile_products.hpp"

namespace esker::bind {

namespace {

// Pieces of a long row of numbers, on all threads.
template <class F>
void in_pieces(Index n, F&& f) {
    constexpr Index piece = 1 << 14;
    parallel_for((n + piece - 1) / piece, [&](Index p) { f(p * piece, std::min(piece, n - p * piece)); });
}

template <class T>
void define(py::module_& m) {
    m.def(
        "cosine",
        [](py::array_t<T>& out, const Array<T>& x, const Array<T>& offset, double scale) {
            require(out.size() == x.size() && offset.size() == x.size() && (out.flags() & py::array::c_style),
                    "out, x and offset must be equally long");
            T* to = out.mutable_data();
            const T *from = x.data(), *add = offset.data();
            const py::gil_scoped_release release;
            in_pieces(x.size(), [&](Index i, Index n) {
                map_kernels().cosine<T>().cosine(to + i, from + i, add + i, static_cast<T>(scale), n);
            });
        },
        py::arg("out").noconvert(), py::arg("x").noconvert(), py::arg("offset").noconvert(), py::arg("scale"),
        "out = scale cos(x + offset), in the numbers' own precision.");
    m.def(
        "cosine_features",
        [](py::array_t<T>& out, const py::object& x, const Array<T>& weights, const Array<T>& offset,
           double scale) {
            const Matrix rows = matrix_of(x);
            require(weights.ndim() == 2 && weights.shape(0) == cols(rows),
                    "weights must have a row for each column of x");
            const Index d = weights.shape(1);
            require(offset.size() == d, "offset must have a number for each column of weights");
            require(out.ndim() == 2 && out.shape(1) == d && (out.flags() & py::array::c_style),
                    "out must be by rows, with a column for each of weights");
            T* to = out.mutable_data();
            const T *w = weights.data(), *add = offset.data();
            const Index n = out.shape(0);
            const py::gil_scoped_release release;
            std::visit(
                [&](const auto& view) {
                    if constexpr (std::is_same_v<typename std::decay_t<decltype(view)>::Scalar, T>) {
                        require(view.rows == n, "out must have as many rows as x");
                        cosine_features(to, view, w, d, add, static_cast<T>(scale));
                    } else {
                        require(false, "x must have the dtype of out");
                    }
                },
                rows);
        },
        py::arg("out").noconvert(), py::arg("x"), py::arg("weights").noconvert(),
        py::arg("offset").noconvert(), py::arg("scale"), "out = scale cos(x weights + offset).");
    m.def(
        "row_products",
        [](py::array_t<T>& out, const Array<T>& x, const Array<T>& w) {
            require(x.ndim() == 2 && w.ndim() == 2 && out.ndim() == 2 && (out.flags() & py::array::c_style) &&
                        x.shape(1) == w.shape(0) && out.shape(0) == x.shape(0) && out.shape(1) == w.shape(1),
                    "x must be rows x inner, w inner x cols, and out rows x cols, by rows");
            T* const first = out.mutable_data();
            const DenseView<T> rows{x.data(), x.shape(0), x.shape(1), x.shape(1)};
            const T* from = w.data();
            const Index inner = w.shape(0), d = w.shape(1);
            const py::gil_scoped_release release;
            const Strips<T> strips(from, inner, d, d);
            tile_products(rows, strips,
                          [&](Index row, Index count, Index column, Index columns, const T* tile) {
                              for (Index i = 0; i < count; i++, tile += strips.wide)
                                  std::copy_n(tile, columns, first + (row + i) * d + column);
                          });
        },
        py::arg("out").noconvert(), py::arg("x").noconvert(), py::arg("w").noconvert(),
        "out = x w, each number summed in one order whatever the rows beside it.");
}

}  // namespace

void bind_features(py::module_& m) {
    m.attr("FEATURE_STREAMS") = py::dict(py::arg("weight") = static_cast<int>(Stream::feature_weight),
                                         py::arg("offset") = static_cast<int>(Stream::feature_offset),
                                         py::arg("table") = static_cast<int>(Stream::tensor_table));
    define<float>(m);
    define<double>(m);
}

}  // namespace esker::bind

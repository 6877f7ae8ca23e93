// Tensor sketches and features of the chi-squared kernel for Python.
#include "base/parallel.hpp"
#include "bind/array.hpp"
#include "model/chi2_features.hpp"
#include "model/tensor_sketch.hpp"

namespace esker::bind {

namespace {

template <class T>
void define(py::module_& m) {
    m.def(
        "count_sketches",
        [](py::array_t<T>& out, const py::object& x, const Array<std::int64_t>& places,
           const Array<std::int64_t>& signs, double scale, double constant) {
            const Matrix rows = matrix_of(x);
            const Index d = cols(rows);
            require(out.ndim() == 3 && (out.flags() & py::array::c_style),
                    "out must have 3 dimensions, by rows");
            require(
                places.ndim() == 2 && places.shape(0) == out.shape(1) &&
                    (places.shape(1) == d || places.shape(1) == d + 1) && signs.ndim() == 2 &&
                    signs.shape(0) == places.shape(0) && signs.shape(1) == places.shape(1),
                "places and signs must have a row for each sketch and a column for each of x, or one more");
            const SketchTables tables{places.data(), signs.data(), out.shape(1), places.shape(1),
                                      out.shape(2),  scale,        constant};
            for (py::ssize_t i = 0; i < places.size(); i++)
                require(tables.places[i] >= 0 && tables.places[i] < tables.size,
                        "places must lie within a sketch");
            T* to = out.mutable_data();
            const Index n = out.shape(0);
            const py::gil_scoped_release release;
            std::visit(
                [&](const auto& view) {
                    if constexpr (std::is_same_v<typename std::decay_t<decltype(view)>::Scalar, T>) {
                        require(view.rows == n, "out must have as many rows as x");
                        count_sketches(to, view, tables);
                    } else {
                        require(false, "x must have the dtype of out");
                    }
                },
                rows);
        },
        py::arg("out").noconvert(), py::arg("x"), py::arg("places").noconvert(), py::arg("signs").noconvert(),
        py::arg("scale"), py::arg("constant"),
        "out[i, s, places[s, j]] = sum of signs[s, j] scale x[i, j]; a last column of the tables is a "
        "constant's.");
    m.def(
        "chi2_features",
        [](py::array_t<T>& out, const Array<T>& x, double interval) {
            require(out.ndim() == 3 && (out.flags() & py::array::c_style) && out.shape(1) % 2 == 1,
                    "out must have 3 dimensions, by rows, the second one odd");
            require(x.ndim() == 2 && x.shape(0) == out.shape(0) && x.shape(1) == out.shape(2),
                    "x must be rows x columns of out");
            T* to = out.mutable_data();
            const T* from = x.data();
            const Index n = x.shape(0), d = x.shape(1), kinds = out.shape(1), steps = (kinds + 1) / 2;
            const py::gil_scoped_release release;
            constexpr Index piece = 4096;  // of a row; or so many numbers of rows
            const Index pieces = (d + piece - 1) / piece,
                        some = std::max<Index>(1, piece / std::max<Index>(d, 1));
            parallel_for((n + some - 1) / some * pieces, [&](Index task) {
                const Index begin = task % pieces * piece, size = std::min(piece, d - begin);
                for (Index i = task / pieces * some; i < std::min(n, (task / pieces + 1) * some); i++)
                    chi2_features(to + i * kinds * d + begin, d, from + i * d + begin, size, steps, interval);
            });
        },
        py::arg("out").noconvert(), py::arg("x").noconvert(), py::arg("interval"),
        "Features of the additive chi-squared kernel: out[i, 0] of the root, then pairs of cosine and sine.");
}

}  // namespace

void bind_features_sketch(py::module_& m) {
    define<float>(m);
    define<double>(m);
}

}  // namespace esker::bind

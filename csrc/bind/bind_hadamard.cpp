// Walsh-Hadamard transforms for Python.
#include "bind/array.hpp"
#include "model/hadamard.hpp"

namespace esker::bind {
namespace {

template <class T>
void define(py::module_& m) {
    m.def(
        "hadamard_rows",
        [](Array<T>& out, const Array<T>& x) {
            require(
                x.ndim() == 2 && out.ndim() == 2 && out.shape(0) == x.shape(0) && out.shape(1) == x.shape(1),
                "out must have the shape of x, 2 dimensions");
            T* to = out.mutable_data();
            const DenseView<T> in{x.data(), x.shape(0), x.shape(1), x.shape(1)};
            const py::gil_scoped_release release;
            hadamard_rows(to, in.cols, in);
        },
        py::arg("out").noconvert(), py::arg("x").noconvert(),
        "out = H x for each row of x, not scaled; out may be x.");
    m.def(
        "hadamard_columns",
        [](Array<T>& x) {
            require(x.ndim() == 2, "x must have 2 dimensions");
            T* to = x.mutable_data();
            const Index rows = x.shape(0), cols = x.shape(1);
            const py::gil_scoped_release release;
            hadamard_columns(to, rows, cols, cols);
        },
        py::arg("x").noconvert(), "Each column of x becomes its transform, not scaled.");
}

}  // namespace

void bind_hadamard(py::module_& m) {
    define<float>(m);
    define<double>(m);
}

}  // namespace esker::bind

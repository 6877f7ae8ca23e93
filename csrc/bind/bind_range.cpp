// The range finder's products for Python.
#include "bind/array.hpp"
#include "solve/range_product.hpp"

namespace esker::bind {
namespace {

template <class T>
void bind_product(py::module_& m, const char* name) {
    using Product = RangeProduct<T>;
    py::class_<Product>(m, name, "X'(w (X - shift) Q) for many columns of Q, in one walk.")
        .def(py::init<Index, Index, bool>(), py::arg("cols"), py::arg("lanes"), py::arg("sparse"))
        .def_readonly("cols", &Product::cols)
        .def_readonly("lanes", &Product::lanes)
        .def(
            "begin",
            [](Product& s, const Array<T>& q, const Array<double>& shift) {
                require(q.ndim() == 2 && q.shape(0) == s.cols && q.shape(1) == s.lanes,
                        "q must be (cols, lanes)");
                require(shift.size() == s.cols, "shift must be (cols,)");
                const py::gil_scoped_release release;
                s.begin(q.data(), shift.data());
            },
            py::arg("q").noconvert(), py::arg("shift").noconvert())
        .def(
            "update",
            [](Product& s, const py::object& x, const std::optional<Array<double>>& weight) {
                const Block b = block_of(x, std::nullopt, weight, std::int64_t{0});
                const py::gil_scoped_release release;
                s.update(b);
            },
            py::arg("x"), py::arg("weight").noconvert() = py::none())
        .def(
            "finish",
            [](const Product& s, py::array_t<T, py::array::c_style>& out) {
                require(out.ndim() == 2 && out.shape(0) == s.cols && out.shape(1) == s.lanes,
                        "out must be (cols, lanes)");
                T* to = out.mutable_data();
                const py::gil_scoped_release release;
                s.finish(to);
            },
            py::arg("out").noconvert())
        .def_static("bytes", &Product::bytes, py::arg("cols"), py::arg("lanes"), py::arg("sparse"),
                    "Bytes that it keeps.");
}

}  // namespace

void bind_range(py::module_& m) {
    bind_product<float>(m, "RangeProduct32");
    bind_product<double>(m, "RangeProduct64");
}

}  // namespace esker::bind

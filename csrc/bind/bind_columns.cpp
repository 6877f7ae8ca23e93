// ColumnMoments, scaling and filling in for Python.
#include "bind/array.hpp"
#include "fold/column_moments.hpp"

namespace esker::bind {

namespace {

using Number = Array<double>;

// out and x have one shape, the vectors a place for each column.
template <class T>
DenseView<T> rows_into(const py::array_t<T>& out, const py::object& x,
                       std::initializer_list<const Number*> vectors) {
    const Matrix m = matrix_of(x);
    const auto* view = std::get_if<DenseView<T>>(&m);
    require(view, "x must be dense and of the dtype of out");
    require(out.ndim() == 2 && out.shape(0) == view->rows && out.shape(1) == view->cols &&
                (out.flags() & py::array::c_style),
            "out must have the shape of x, by rows");
    for (const Number* v : vectors) require(v->size() == view->cols, "one number for each column of x");
    return *view;
}

template <class T>
void define(py::module_& m) {
    m.def(
        "standardise",
        [](py::array_t<T>& out, const py::object& x, const Number& mean, const Number& scale) {
            const auto view = rows_into(out, x, {&mean, &scale});
            T* to = out.mutable_data();
            const double *a = mean.data(), *b = scale.data();
            const py::gil_scoped_release release;
            standardise(to, view, a, b);
        },
        py::arg("out").noconvert(), py::arg("x"), py::arg("mean").noconvert(), py::arg("scale").noconvert(),
        "out = (x - mean) / scale by columns, in float64.");
    m.def(
        "fill_missing",
        [](py::array_t<T>& out, const py::object& x, const Number& with) {
            const auto view = rows_into(out, x, {&with});
            T* to = out.mutable_data();
            const double* a = with.data();
            const py::gil_scoped_release release;
            fill_missing(to, view, a);
        },
        py::arg("out").noconvert(), py::arg("x"), py::arg("with_").noconvert(),
        "out = x with NaN replaced by its column's number.");
}

}  // namespace

void bind_columns(py::module_& m) {
    py::class_<ColumnMoments>(m, "ColumnMoments",
                              "Weight, mean, second moment and size of each column, NaN left out.")
        .def(py::init<>())
        .def(
            "update",
            [](ColumnMoments& s, const py::object& x, const std::optional<Array<double>>& weight) {
                const Block b = block_of(x, std::nullopt, weight, std::int64_t{0});
                const py::gil_scoped_release release;
                s.update(b);
            },
            py::arg("x"), py::arg("weight").noconvert() = py::none())
        .def("merge", &ColumnMoments::merge, py::arg("other"), py::call_guard<py::gil_scoped_release>())
        .def("widen", &ColumnMoments::widen, py::arg("cols"))
        .def(
            "finish",
            [](const ColumnMoments& s) {
                auto f = s.finish();
                return py::make_tuple(own(std::move(f.weight)), own(std::move(f.mean)),
                                      own(std::move(f.variance)), own(std::move(f.most)));
            },
            "(weight, mean, variance, largest size), each of the columns' length.")
        .def_readonly("rows", &ColumnMoments::rows)
        .def_readonly("row_weight", &ColumnMoments::row_weight)
        .def("to_arrays",
             [](const ColumnMoments& s) {
                 py::dict d;
                 d["rows"] = copy(std::vector<std::int64_t>{s.rows});
                 d["row_weight"] = copy(std::vector<double>{s.row_weight});
                 d["weight"] = copy(s.weight), d["mean"] = copy(s.mean);
                 d["m2"] = copy(s.m2), d["most"] = copy(s.most);
                 return d;
             })
        .def_static(
            "from_arrays",
            [](const py::dict& d) {
                ColumnMoments s;
                auto numbers = [&](const char* name) { return vector_of(py::cast<Array<double>>(d[name])); };
                s.rows = vector_of(py::cast<Array<std::int64_t>>(d["rows"])).at(0);
                s.row_weight = numbers("row_weight").at(0);
                s.weight = numbers("weight"), s.mean = numbers("mean");
                s.m2 = numbers("m2"), s.most = numbers("most");
                const auto n = s.mean.size();
                require(s.weight.size() == n && s.m2.size() == n && s.most.size() == n,
                        "columns must be equally many");
                return s;
            },
            py::arg("arrays"));
    define<float>(m);
    define<double>(m);
}

}  // namespace esker::bind

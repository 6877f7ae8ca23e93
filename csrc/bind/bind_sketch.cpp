// RowSketch for Python.
#include "bind/array.hpp"
#include "fold/sketch.hpp"

namespace esker::bind {
namespace {

py::dict to_arrays(const RowSketch& s) {
    py::dict d;
    d["map"] = copy(std::vector<std::int64_t>{s.size, s.nonzeros});
    d["seed"] = copy(std::vector<std::uint64_t>{s.seed});
    d["rows"] = copy(std::vector<std::int64_t>{s.rows});
    d["x"] = own(untile(s.x, s.size + 1, s.cols), {s.size + 1, s.cols});
    d["y"] = own(untile(s.y, s.size + 1, s.targets + 1), {s.size + 1, s.targets + 1});
    return d;
}

RowSketch from_arrays(const py::dict& d) {
    const auto map = vector_of(py::cast<Array<std::int64_t>>(d["map"]));
    RowSketch s(map.at(0), vector_of(py::cast<Array<std::uint64_t>>(d["seed"])).at(0), map.at(1));
    const auto x = py::cast<Array<double>>(d["x"]), y = py::cast<Array<double>>(d["y"]);
    require(
        x.ndim() == 2 && y.ndim() == 2 && x.shape(0) == s.size + 1 && y.shape(0) == s.size + 1 &&
            y.shape(1) >= 1,
        "x and y must have size + 1 = " + std::to_string(s.size + 1) + " rows, and y at least one column");
    s.rows = vector_of(py::cast<Array<std::int64_t>>(d["rows"])).at(0);
    s.cols = x.shape(1), s.targets = y.shape(1) - 1;
    s.x = to_tiles(x.data(), s.size + 1, s.cols);
    s.y = to_tiles(y.data(), s.size + 1, s.targets + 1);
    return s;
}

}  // namespace

void bind_sketch(py::module_& m) {
    py::class_<RowSketch>(m, "RowSketch",
                          "S [X | y | sqrt(w)] with a sparse sign matrix S of (seed, row key).")
        .def(py::init<Index, std::uint64_t, Index>(), py::arg("size"), py::arg("seed"),
             py::arg("nonzeros") = 8)
        .def(
            "update",
            [](RowSketch& s, const py::object& x, const std::optional<Array<double>>& y,
               const std::optional<Array<double>>& weight,
               const std::variant<std::int64_t, Array<std::int64_t>>& keys) {
                const Block b = block_of(x, y, weight, keys);
                const py::gil_scoped_release release;
                s.update(b);
            },
            py::arg("x"), py::arg("y").noconvert() = py::none(), py::arg("weight").noconvert() = py::none(),
            py::arg("keys").noconvert() = std::int64_t{0})
        .def("merge", &RowSketch::merge, py::arg("other"), py::call_guard<py::gil_scoped_release>())
        .def("widen", &RowSketch::widen, py::arg("cols"))
        .def(
            "finish",
            [](const RowSketch& s) {
                auto f = s.finish();
                return py::make_tuple(own(std::move(f.x), {s.size, s.cols}),
                                      own(std::move(f.y), {s.size, s.targets}), own(std::move(f.root)),
                                      own(std::move(f.mean_x)), own(std::move(f.mean_y)), f.weight);
            },
            "(S X, S y, S sqrt(w), mean of X, mean of y, weight).")
        .def_readonly("rows", &RowSketch::rows)
        .def_readonly("cols", &RowSketch::cols)
        .def_readonly("targets", &RowSketch::targets)
        .def("__repr__", &RowSketch::describe)
        .def("to_arrays", &to_arrays)
        .def_static("from_arrays", &from_arrays, py::arg("arrays"));
}

}  // namespace esker::bind

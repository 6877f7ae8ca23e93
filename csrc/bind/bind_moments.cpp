// Moments for Python.
#include "bind/array.hpp"
#include "fold/moments.hpp"

namespace esker::bind {

void bind_moments(py::module_& m) {
    py::class_<Moments>(m, "Moments", "Mean and centred second moment of each column.")
        .def(py::init<>())
        .def(
            "update",
            [](Moments& s, const py::object& x, const std::optional<Array<double>>& y,
               const std::optional<Array<double>>& weight,
               const std::variant<std::int64_t, Array<std::int64_t>>& keys) {
                const Block b = block_of(x, y, weight, keys);
                const py::gil_scoped_release release;
                s.update(b);
            },
            py::arg("x"), py::arg("y").noconvert() = py::none(), py::arg("weight").noconvert() = py::none(),
            py::arg("keys").noconvert() = std::int64_t{0})
        .def("merge", &Moments::merge, py::arg("other"), py::call_guard<py::gil_scoped_release>())
        .def("widen", &Moments::widen, py::arg("cols"))
        .def(
            "finish",
            [](const Moments& s) {
                auto f = s.finish();
                return py::make_tuple(own(std::move(f.mean)), own(std::move(f.variance)));
            },
            "(mean, variance), each of the columns' length.")
        .def_readonly("weight", &Moments::weight)
        .def_readonly("rows", &Moments::rows)
        .def_readonly("nonzeros", &Moments::nonzeros)
        .def("to_arrays",
             [](const Moments& s) {
                 py::dict d;
                 d["weight"] = copy(std::vector<double>{s.weight});
                 d["counts"] = copy(std::vector<std::int64_t>{s.rows, s.nonzeros});
                 d["mean"] = copy(s.mean);
                 d["m2"] = copy(s.m2);
                 return d;
             })
        .def_static(
            "from_arrays",
            [](const py::dict& d) {
                Moments s;
                const auto counts = vector_of(py::cast<Array<std::int64_t>>(d["counts"]));
                s.weight = vector_of(py::cast<Array<double>>(d["weight"])).at(0);
                s.rows = counts.at(0), s.nonzeros = counts.at(1);
                s.mean = vector_of(py::cast<Array<double>>(d["mean"]));
                s.m2 = vector_of(py::cast<Array<double>>(d["m2"]));
                require(s.mean.size() == s.m2.size(), "mean and m2 must be equally long");
                return s;
            },
            py::arg("arrays"));
}

}  // namespace esker::bind

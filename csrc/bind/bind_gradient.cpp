// Gradient for Python, and the products of its minimiser.
#include "bind/array.hpp"
#include "fold/gradient.hpp"
#include "solve/basis.hpp"

namespace esker::bind {

void bind_gradient(py::module_& m) {
    auto matrix = [](const Gradient& s, std::vector<double> v) {
        return own(std::move(v), {s.models, s.cols});
    };
    py::class_<Gradient>(m, "Gradient", "A loss over rows, and its slopes.")
        .def(py::init(
                 [](const Array<double>& coef, const Array<double>& intercept, const Array<double>& shift) {
                     require(coef.ndim() == 2 && coef.shape(0) == intercept.size(),
                             "coef must be (models, d), intercept (models,) and shift (d,)");
                     return Gradient(coef.shape(1), vector_of(coef), vector_of(intercept), vector_of(shift));
                 }),
             py::arg("coef").noconvert(), py::arg("intercept").noconvert(), py::arg("shift").noconvert())
        .def(
            "update",
            [](Gradient& s, const py::object& x, const std::optional<Array<double>>& y,
               const std::optional<Array<double>>& weight) {
                const Block b = block_of(x, y, weight, std::int64_t{0});
                const py::gil_scoped_release release;
                s.update(b);
            },
            py::arg("x"), py::arg("y").noconvert(), py::arg("weight").noconvert() = py::none())
        .def("merge", &Gradient::merge, py::arg("other"), py::call_guard<py::gil_scoped_release>())
        .def("widen", &Gradient::widen, py::arg("cols"))
        .def(
            "finish",
            [matrix](const Gradient& s) {
                auto f = s.finish();
                return py::make_tuple(f.value, matrix(s, std::move(f.slope)), own(std::move(f.level)),
                                      own(std::move(f.curvature)), f.spread);
            },
            "Sums of w l; of w slope (x - shift), (models, d); of w slope and of w times the second "
            "derivative, (models,); of "
            "w |x - shift|^2, where asked for.")
        .def_property(
            "loss", [](const Gradient& s) { return static_cast<std::int64_t>(s.loss); },
            [](Gradient& s, std::int64_t loss) {
                require(loss >= 0 && loss <= 4, "loss must be 0 to 4");
                s.loss = static_cast<Gradient::Loss>(loss);
            },
            "0: classes; 1: half of Tweedie's deviance; 2: half the square; 3: the squared hinge; 4: the "
            "squared tube.")
        .def_readwrite("power", &Gradient::power)
        .def_readwrite("precise", &Gradient::precise)
        .def_readwrite("spreads", &Gradient::spreads)
        .def_readonly("cols", &Gradient::cols)
        .def_readonly("models", &Gradient::models)
        .def_readonly("rows", &Gradient::rows)
        .def_property_readonly("weight", [](const Gradient& s) { return s.sums.weight; })
        .def("to_arrays",
             [matrix](const Gradient& s) {
                 py::dict d;
                 d["coef"] = matrix(s, s.coef);
                 d["intercept"] = copy(s.intercept);
                 d["shift"] = copy(s.shift);
                 d["weight"] = copy(std::vector<double>{s.sums.weight, s.sums.value, s.sums.spread, s.power});
                 d["rows"] = copy(std::vector<std::int64_t>{s.rows, s.precise, s.spreads,
                                                            static_cast<std::int64_t>(s.loss)});
                 d["level"] = copy(s.sums.level);
                 d["curvature"] = copy(s.sums.curvature);
                 d["slope"] = own(std::vector<double>(s.sums.slope), {s.cols, s.models});
                 return d;
             })
        .def_static(
            "from_arrays",
            [](const py::dict& d) {
                const auto coef = py::cast<Array<double>>(d["coef"]);
                require(coef.ndim() == 2, "coef must be (models, d)");
                Gradient s(coef.shape(1), vector_of(coef), vector_of(py::cast<Array<double>>(d["intercept"])),
                           vector_of(py::cast<Array<double>>(d["shift"])));
                const auto weight = vector_of(py::cast<Array<double>>(d["weight"]));
                s.sums.weight = weight.at(0), s.sums.value = weight.at(1), s.sums.spread = weight.at(2);
                s.power = weight.at(3);
                const auto rows = vector_of(py::cast<Array<std::int64_t>>(d["rows"]));
                s.rows = rows.at(0), s.precise = rows.at(1) != 0, s.spreads = rows.at(2) != 0;
                require(rows.at(3) >= 0 && rows.at(3) <= 4, "loss must be 0 to 4");
                s.loss = static_cast<Gradient::Loss>(rows.at(3));
                auto take = [&](std::vector<double>& to, const char* name) {
                    auto from = vector_of(py::cast<Array<double>>(d[name]));
                    require(from.size() == to.size(), std::string(name) + " does not fit coef");
                    to = std::move(from);
                };
                take(s.sums.level, "level"), take(s.sums.curvature, "curvature"), take(s.sums.slope, "slope");
                return s;
            },
            py::arg("arrays"));

    py::class_<Basis>(m, "Basis", "A square matrix that rows are multiplied with.")
        .def(py::init([](const Array<double>& vectors) {
                 require(vectors.ndim() == 2 && vectors.shape(0) == vectors.shape(1),
                         "vectors must be (d, d)");
                 return Basis(vectors.data(), vectors.shape(0));
             }),
             py::arg("vectors").noconvert())
        .def(
            "times",
            [](const Basis& s, const Array<double>& rows, bool transposed) {
                require(rows.ndim() == 2 && rows.shape(1) == s.d,
                        "rows must be of " + std::to_string(s.d) + " numbers");
                std::vector<double> out(static_cast<std::size_t>(rows.size()));
                const Index n = rows.shape(0);
                {
                    const py::gil_scoped_release release;
                    s.times(out.data(), rows.data(), n, transposed);
                }
                return own(std::move(out), {n, s.d});
            },
            py::arg("rows").noconvert(), py::arg("transposed"), "rows V, or rows V'.");
}

}  // namespace esker::bind

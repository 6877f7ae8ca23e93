// Conjugate gradients' view of the rows, for Python.
#include "bind/array.hpp"
#include "solve/krylov.hpp"

namespace esker::bind {

void bind_krylov(py::module_& m) {
    py::class_<ColumnSums>(m, "ColumnSums", "Sums of the columns, their squares and their products with y.")
        .def(py::init([](Index cols, const Array<double>& shift, const std::optional<Array<double>>& start) {
                 return ColumnSums(cols, vector_of(shift), start ? vector_of(*start) : std::vector<double>{});
             }),
             py::arg("cols"), py::arg("shift").noconvert(), py::arg("start").noconvert() = py::none())
        .def(
            "update",
            [](ColumnSums& s, const py::object& x, const std::optional<Array<double>>& y,
               const std::optional<Array<double>>& weight) {
                const Block b = block_of(x, y, weight, std::int64_t{0});
                const py::gil_scoped_release release;
                s.update(b);
            },
            py::arg("x"), py::arg("y").noconvert(), py::arg("weight").noconvert())
        .def(
            "finish",
            [](const ColumnSums& s) {
                std::vector<double> out;
                {
                    const py::gil_scoped_release release;
                    out = s.finish();
                }
                return own(std::move(out), {static_cast<py::ssize_t>(2 + s.shift.size()), s.cols});
            },
            "(2 + targets, d): sums of w x, w x^2 and w x (y - shift), or w x s, s = y - shift - x.start.")
        .def_readonly("rest", &ColumnSums::rest, "Of w s, with a start.")
        .def_readonly("rest_squares", &ColumnSums::rest_squares, "Of w s^2, with a start.")
        .def_readonly("cols", &ColumnSums::cols)
        .def_readonly("rows", &ColumnSums::rows)
        .def_readonly("weight", &ColumnSums::weight)
        .def_property_readonly("y", [](const ColumnSums& s) { return copy(s.y); })
        .def_property_readonly("yy", [](const ColumnSums& s) { return copy(s.yy); });

    py::class_<NormalProduct>(m, "NormalProduct", "Sums of w s (x - mean), s = base + y + (x - mean).p.")
        .def(py::init<Index, Index, bool>(), py::arg("cols"), py::arg("lanes"), py::arg("sparse"))
        .def_static("numbers", &NormalProduct::numbers, py::arg("cols"), py::arg("lanes"), py::arg("sparse"),
                    "How many float64 it keeps.")
        .def(
            "begin",
            [](NormalProduct& s, const Array<double>& p, const Array<double>& base,
               const Array<double>& mean) {
                require(p.ndim() == 2 && p.shape(0) == s.lanes && p.shape(1) == s.cols &&
                            base.size() == s.lanes && mean.size() == s.cols,
                        "p must be (lanes, d), base (lanes,) and mean (d,)");
                const py::gil_scoped_release release;
                s.begin(p.data(), base.data(), mean.data());
            },
            py::arg("p").noconvert(), py::arg("base").noconvert(), py::arg("mean").noconvert())
        .def(
            "update",
            [](NormalProduct& s, const py::object& x, const std::optional<Array<double>>& y,
               const std::optional<Array<double>>& weight, const std::optional<Array<Index>>& target) {
                const Block b = block_of(x, y, weight, std::int64_t{0});
                const Index* column = nullptr;
                if (target) {
                    require(target->size() == s.lanes && y, "target must name a column of y for each lane");
                    column = target->data();
                    for (Index k = 0; k < s.lanes; k++)
                        require(column[k] >= 0 && column[k] < b.targets, "target must name columns of y");
                }
                const py::gil_scoped_release release;
                s.update(b, column);
            },
            py::arg("x"), py::arg("y").noconvert(), py::arg("weight").noconvert(),
            py::arg("target").noconvert())
        .def(
            "finish",
            [](const NormalProduct& s) {
                std::vector<double> out(static_cast<std::size_t>(s.lanes * s.cols)),
                    sums(static_cast<std::size_t>(2 * s.lanes));
                {
                    const py::gil_scoped_release release;
                    s.finish(out.data(), sums.data());
                }
                return py::make_tuple(own(std::move(out), {s.lanes, s.cols}),
                                      own(std::move(sums), {s.lanes, 2}));
            },
            "The sums (lanes, d); and of w s and w s^2 (lanes, 2).");
}

}  // namespace esker::bind

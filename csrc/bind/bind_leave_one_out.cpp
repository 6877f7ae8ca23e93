// Leave-one-out for Python.
#include "bind/array.hpp"
#include "solve/leave_one_out.hpp"

namespace esker::bind {

void bind_leave_one_out(py::module_& m) {
    py::class_<LeaveOneOut>(m, "LeaveOneOut",
                            "Leave-one-out errors of ridge for many alphas, from rotated rows.")
        .def(py::init([](const Array<double>& vectors, const Array<double>& mean, const Array<double>& mean_y,
                         const Array<double>& shrink, const Array<double>& coef, double share) {
                 require(vectors.ndim() == 2 && shrink.ndim() == 2 && coef.ndim() == 2 &&
                             mean.size() == vectors.shape(0) && shrink.shape(0) == vectors.shape(1) &&
                             coef.shape(0) == vectors.shape(1) &&
                             coef.shape(1) == mean_y.size() * shrink.shape(1),
                         "vectors must be (d, r), mean (d), shrink (r, alphas), coef (r, targets x alphas)");
                 auto v = vector_of(vectors), at = vector_of(mean), at_y = vector_of(mean_y);
                 const py::gil_scoped_release release;
                 return std::make_unique<LeaveOneOut>(std::move(v), vectors.shape(1), std::move(at),
                                                      std::move(at_y), shrink.data(), shrink.shape(1),
                                                      coef.data(), share);
             }),
             py::arg("vectors").noconvert(), py::arg("mean").noconvert(), py::arg("mean_y").noconvert(),
             py::arg("shrink").noconvert(), py::arg("coef").noconvert(), py::arg("share"))
        .def(
            "update",
            [](LeaveOneOut& s, const py::object& x, const std::optional<Array<double>>& y,
               const std::optional<Array<double>>& weight, std::optional<Array<double>> errors) {
                const Block b = block_of(x, y, weight, std::int64_t{0});
                require(!errors || errors->size() == b.n * s.targets * s.alphas,
                        "errors must be rows x targets x alphas");
                double* to = errors ? errors->mutable_data() : nullptr;
                const py::gil_scoped_release release;
                s.update(b, to);
            },
            py::arg("x"), py::arg("y").noconvert(), py::arg("weight").noconvert() = py::none(),
            py::arg("errors").noconvert() = py::none(),
            "Adds the rows' weighted squares; writes their errors where asked.")
        .def_property_readonly(
            "squares",
            [](const LeaveOneOut& s) { return own(std::vector<double>(s.squares), {s.targets, s.alphas}); })
        .def_readonly("least", &LeaveOneOut::least, "The smallest 1 - leverage of a row with weight.");
}

}  // namespace esker::bind

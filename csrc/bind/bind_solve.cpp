// Solves for Python: Cholesky beside a Gram, and true residuals.
#include "bind/array.hpp"
#include "fold/gram.hpp"
#include "solve/cholesky_packed.hpp"
#include "solve/residual.hpp"

#include <cmath>

namespace esker::bind {
namespace {

bool interrupted() {
    const py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
}

Scaling factorise_gram(Gram& s, double alpha, bool centred) {
    s.check_sums();
    const auto d = static_cast<std::size_t>(s.cols());
    std::vector<double> mean, floor(d, 0.0);
    if (!centred)
        for (const double m : s.mean_x) mean.push_back(std::sqrt(s.weight) * m);
    else
        for (std::size_t j = 0; j < d; j++) floor[j] = s.noise * s.weight * s.mean_x[j] * s.mean_x[j];
    const double* rank_one = centred ? nullptr : mean.data();
    if (!s.block_rows) return factorise(s.xx.data(), s.cols(), alpha, rank_one, floor.data(), interrupted);
    s.spent = true;
    return factorise_packed(s.xx.data(), s.layout(), alpha, rank_one, floor.data(), interrupted);
}

void check_sides(const std::vector<double>& scale, const Array<double>& b, Index n) {
    require(static_cast<Index>(scale.size()) == n && b.ndim() == 2 && b.shape(1) == n,
            "the right-hand sides must be rows of " + std::to_string(n) +
                " numbers, and the factor of that order");
}

}  // namespace

void bind_solve(py::module_& m) {
    py::class_<Scaling>(m, "Scaling", "What a factorisation leaves beside the factor.")
        .def_readonly("rcond", &Scaling::rcond)
        .def_readonly("norm", &Scaling::norm)
        .def_property_readonly("scale", [](const Scaling& f) { return copy(f.scale); });
    m.def("factorise", &factorise_gram, py::arg("gram"), py::arg("alpha"), py::arg("centred"),
          py::call_guard<py::gil_scoped_release>(),
          "Cholesky of a Gram's X'X + alpha I, in the room that the Gram keeps for it; packed, in the sums' "
          "place.");
    m.def(
        "multiply",
        [](const Gram& s, const Array<double>& b) {
            require(s.block_rows == 0, "the product with packed sums is multiply_factored");
            require(b.ndim() == 2 && b.shape(1) == s.cols(),
                    "the factors must be rows of " + std::to_string(s.cols()) + " numbers");
            std::vector<double> out(static_cast<std::size_t>(b.size()));
            const Index rows = b.shape(0);
            {
                const py::gil_scoped_release release;
                multiply(out.data(), s.xx.data(), s.cols(), b.data(), rows);
            }
            return own(std::move(out), {rows, s.cols()});
        },
        py::arg("gram"), py::arg("b").noconvert(), "b X'X, centred; b (rows, d).");
    m.def(
        "solve",
        [](const Gram& s, const Scaling& f, Array<double> b) {
            check_sides(f.scale, b, s.cols());
            double* to = b.mutable_data();
            const Index rows = b.shape(0);
            const py::gil_scoped_release release;
            if (s.block_rows)
                solve_packed(s.xx.data(), s.layout(), f.scale, to, rows);
            else
                solve(s.xx.data(), s.cols(), f.scale, to, rows);
        },
        py::arg("gram"), py::arg("scaling"), py::arg("b").noconvert(),
        "b becomes the solutions, a row each.");
    m.def(
        "multiply_factored",
        [](const Gram& s, const Scaling& f, Array<double> b) {
            check_sides(f.scale, b, s.cols());
            require(s.spent, "only packed sums are known by their factor; factorise them first");
            double* to = b.mutable_data();
            const Index rows = b.shape(0);
            const py::gil_scoped_release release;
            multiply_packed(s.xx.data(), s.layout(), f.scale, to, rows);
        },
        py::arg("gram"), py::arg("scaling"), py::arg("b").noconvert(),
        "b becomes b times what was factored, of a packed Gram.");

    py::class_<Residual>(m, "Residual",
                         "Sums of true residuals: gradient (targets, d), sum, squares (targets), left (d).")
        .def(py::init<Index, Index>(), py::arg("cols"), py::arg("targets"))
        .def(
            "update",
            [](Residual& s, const py::object& x, const std::optional<Array<double>>& y,
               const std::optional<Array<double>>& weight, const Array<double>& mean,
               const Array<double>& coef, const Array<double>& intercept) {
                const Block b = block_of(x, y, weight, std::int64_t{0});
                require(mean.size() == static_cast<py::ssize_t>(s.left.size()) &&
                            coef.size() == static_cast<py::ssize_t>(s.gradient.size()) &&
                            intercept.size() == static_cast<py::ssize_t>(s.sum.size()),
                        "mean must be (d,), coef (targets, d) and intercept (targets,)");
                const py::gil_scoped_release release;
                s.update(b, mean.data(), coef.data(), intercept.data());
            },
            py::arg("x"), py::arg("y").noconvert(), py::arg("weight").noconvert(),
            py::arg("mean").noconvert(), py::arg("coef").noconvert(), py::arg("intercept").noconvert())
        .def_readonly("weight", &Residual::weight)
        .def_property_readonly(
            "gradient",
            [](const Residual& s) {
                return own(std::vector<double>(s.gradient),
                           {static_cast<py::ssize_t>(s.sum.size()), static_cast<py::ssize_t>(s.left.size())});
            })
        .def_property_readonly("sum", [](const Residual& s) { return copy(s.sum); })
        .def_property_readonly("left", [](const Residual& s) { return copy(s.left); })
        .def_property_readonly("squares", [](const Residual& s) { return copy(s.squares); });
}

}  // namespace esker::bind

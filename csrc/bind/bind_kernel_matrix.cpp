// Kernel matrices for Python.
#include "bind/array.hpp"
#include "solve/cholesky.hpp"
#include "solve/kernel_matrix.hpp"

namespace esker::bind {
namespace {

bool interrupted() {
    const py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
}

void check_shape(const Array<double>& a, Index rows, Index columns, const char* what) {
    require(a.ndim() == 2 && (rows < 0 || a.shape(0) == rows) && (columns < 0 || a.shape(1) == columns),
            std::string(what) + " has the wrong shape for this kernel matrix");
}

}  // namespace

void bind_kernel_matrix(py::module_& m) {
    py::class_<KernelMatrix>(m, "KernelMatrix", "X X' of rows about their mean, and products with the rows.")
        .def(py::init([](const py::object& x, const std::optional<Array<double>>& weight, bool centred) {
                 const Block b = block_of(x, std::nullopt, weight, std::int64_t{0});
                 const py::gil_scoped_release release;
                 return KernelMatrix(b.x, b.weight, centred);
             }),
             py::arg("x"), py::arg("weight").noconvert(), py::arg("centred"), py::keep_alive<1, 2>())
        .def(
            "multiply",
            [](KernelMatrix& k, bool wide) {
                const py::gil_scoped_release release;
                k.multiply(wide, interrupted);
            },
            py::arg("wide"),
            "Products in the rows' precision, flushed to float64 every few hundred columns; or all in "
            "float64.")
        .def_readonly("n", &KernelMatrix::n)
        .def_readonly("d", &KernelMatrix::d)
        .def_readonly("trace", &KernelMatrix::trace)
        .def_readonly("loss", &KernelMatrix::loss)
        .def_property_readonly("mean", [](const KernelMatrix& k) { return copy(k.mean); })
        .def_property_readonly("root", [](const KernelMatrix& k) { return copy(k.root); })
        .def(
            "full",
            [](const KernelMatrix& k) {
                std::vector<double> out(static_cast<std::size_t>(k.n * k.n));
                for (Index i = 0; i < k.n; i++)
                    for (Index j = i; j < k.n; j++)
                        out[static_cast<std::size_t>(i * k.n + j)] =
                            out[static_cast<std::size_t>(j * k.n + i)] = k.row(i)[j];
                return own(std::move(out), {k.n, k.n});
            },
            "Both triangles, n x n.")
        .def(
            "factorise",
            [](KernelMatrix& k, double alpha, const Array<double>& rank_one) {
                require(rank_one.size() == k.n, "the rank-one vector must have the matrix's order");
                const std::vector<double> floor(static_cast<std::size_t>(k.n), 0.0);
                const py::gil_scoped_release release;
                return factorise(k.values.data(), k.n, alpha, rank_one.data(), floor.data(), interrupted);
            },
            py::arg("alpha"), py::arg("rank_one").noconvert(),
            "Cholesky of K + rank_one rank_one' + alpha I.")
        .def(
            "solve",
            [](const KernelMatrix& k, const Scaling& f, Array<double> b) {
                check_shape(b, -1, k.n, "b");
                require(static_cast<Index>(f.scale.size()) == k.n,
                        "the factor must be of this kernel matrix");
                double* to = b.mutable_data();
                const Index rows = b.shape(0);
                const py::gil_scoped_release release;
                solve(k.values.data(), k.n, f.scale, to, rows);
            },
            py::arg("scaling"), py::arg("b").noconvert(), "b becomes the solutions, a row each.")
        .def(
            "forth",
            [](const KernelMatrix& k, const Array<double>& w) {
                check_shape(w, -1, k.d, "w");
                const Index targets = w.shape(0);
                std::vector<double> out(static_cast<std::size_t>(k.n * targets));
                {
                    const py::gil_scoped_release release;
                    k.forth(out.data(), w.data(), targets);
                }
                return own(std::move(out), {k.n, targets});
            },
            py::arg("w").noconvert(), "(X - mean) w', n x targets.")
        .def(
            "back",
            [](const KernelMatrix& k, const Array<double>& u) {
                check_shape(u, k.n, -1, "u");
                const Index targets = u.shape(1);
                std::vector<double> out(static_cast<std::size_t>(targets * k.d));
                {
                    const py::gil_scoped_release release;
                    k.back(out.data(), u.data(), targets);
                }
                return own(std::move(out), {targets, k.d});
            },
            py::arg("u").noconvert(), "u'(X - mean), targets x d.");
}

}  // namespace esker::bind

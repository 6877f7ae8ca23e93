// What src/esker/blocks asks of the kernels: order, and checks of what comes from outside.
#include "base/permutation.hpp"
#include "bind/array.hpp"
#include "io/check.hpp"

namespace esker::bind {

void bind_blocks(py::module_& m) {
    m.def(
        "permutation",
        [](std::uint64_t seed, std::int64_t key, std::uint32_t stream, std::int64_t n) {
            std::vector<std::int64_t> order(static_cast<std::size_t>(std::max<std::int64_t>(n, 0)));
            {
                const py::gil_scoped_release release;
                permutation(order.data(), seed, key, static_cast<Stream>(stream), n);
            }
            return own(std::move(order));
        },
        py::arg("seed"), py::arg("key"), py::arg("stream"), py::arg("n"),
        "A permutation of 0..n-1, a pure function of (seed, key, stream).");
    m.attr("STREAMS") = py::dict(py::arg("unit_order") = static_cast<int>(Stream::unit_order),
                                 py::arg("row_order") = static_cast<int>(Stream::row_order));
    m.def(
        "first_nonfinite",
        [](const py::object& x) {
            const Matrix view = matrix_of(x);
            const py::gil_scoped_release release;
            return first_nonfinite(view);
        },
        py::arg("x"), "(row, column) of the first NaN or infinity, or None.");
    m.def(
        "csr_repeats",
        [](const py::object& x) {
            const Matrix view = matrix_of(x);
            const auto size = static_cast<Index>(py::len(py::cast<py::tuple>(x)[0]));
            const py::gil_scoped_release release;
            return csr_repeats(view, size);
        },
        py::arg("x"),
        "Whether a row of a CSR matrix names a column twice; ValueError where its indices or indptr are out "
        "of range.");
}

}  // namespace esker::bind

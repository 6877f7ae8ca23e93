// What src/esker/blocks asks of the kernels: order, and checks of what comes from outside.
#include "base/permutation.hpp"
#include "base/transpose.hpp"
#include "bind/array.hpp"
#include "io/check.hpp"

namespace esker::bind {

namespace {

// The rows of a matrix whose columns are contiguous: columns is (d, n), out is (n, d).
template <class T>
void rows_of(py::array_t<T>& out, const py::array_t<T>& columns) {
    require(out.ndim() == 2 && columns.ndim() == 2 && out.shape(0) == columns.shape(1) &&
                out.shape(1) == columns.shape(0),
            "out must have the shape of columns.T");
    const auto size = static_cast<py::ssize_t>(sizeof(T));
    require(out.flags() & py::array::c_style, "out must be C-contiguous");
    require(columns.shape(1) <= 1 || columns.strides(1) == size, "every column must be contiguous");
    T* to = out.mutable_data();
    const T* from = columns.data();
    const Index rows = out.shape(0), cols = out.shape(1), stride = columns.strides(0) / size;
    const py::gil_scoped_release release;
    transpose(to, from, rows, cols, stride);
}

template <class T>
void bind_total(py::module_& m) {
    m.def(
        "total",
        [](const Array<T>& x) {
            const T* data = x.data();
            const Index n = x.size();
            const py::gil_scoped_release release;
            return total(data, n);
        },
        py::arg("x").noconvert(),
        "Sum of a C-contiguous array's numbers in float64, at the speed of memory.");
}

}  // namespace

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
    m.def(
        "dealt",
        [](std::uint64_t seed, std::int64_t key, std::uint32_t stream, std::int64_t n, std::int64_t turn,
           std::int64_t hands) {
            std::vector<std::int64_t> rows;
            {
                const py::gil_scoped_release release;
                rows = dealt(seed, key, static_cast<Stream>(stream), n, turn, hands);
            }
            return own(std::move(rows));
        },
        py::arg("seed"), py::arg("key"), py::arg("stream"), py::arg("n"), py::arg("turn"), py::arg("hands"),
        "0..n-1, dealt `turn` at a time, at random, from `hands` runs of neighbours, each in its own order.");
    bind_total<float>(m), bind_total<double>(m), bind_total<std::int32_t>(m), bind_total<std::int64_t>(m);
    m.def("transpose", &rows_of<float>, py::arg("out").noconvert(), py::arg("columns").noconvert(),
          "out[i, j] = columns[j, i], a tile at a time; both float32 or both float64, columns contiguous.");
    m.def("transpose", &rows_of<double>, py::arg("out").noconvert(), py::arg("columns").noconvert());
    m.attr("STREAMS") = py::dict(py::arg("unit_order") = static_cast<int>(Stream::unit_order),
                                 py::arg("row_order") = static_cast<int>(Stream::row_order),
                                 py::arg("split") = static_cast<int>(Stream::split),
                                 py::arg("group") = static_cast<int>(Stream::group),
                                 py::arg("sample") = static_cast<int>(Stream::sample));
    m.def(
        "first_nonfinite",
        [](const py::object& x) {
            const Matrix view = matrix_of(x);
            const py::gil_scoped_release release;
            return first_nonfinite(view);
        },
        py::arg("x"), "(row, column) of the first NaN or infinity, or None.");
    m.def(
        "first_infinite",
        [](const py::object& x) {
            const Matrix view = matrix_of(x);
            const py::gil_scoped_release release;
            return first_infinite(view);
        },
        py::arg("x"), "(row, column) of the first infinity, or None.");
    m.def(
        "csr_bounds",
        [](const py::object& x) {
            const Matrix view = matrix_of(x);
            const auto size = static_cast<Index>(py::len(py::cast<py::tuple>(x)[0]));
            const py::gil_scoped_release release;
            csr_bounds(view, size);
        },
        py::arg("x"), "ValueError where a CSR matrix's indices or indptr are out of range.");
    m.def(
        "csr_repeats",
        [](const py::object& x) {
            const Matrix view = matrix_of(x);
            const py::gil_scoped_release release;
            return csr_repeats(view);
        },
        py::arg("x"), "Whether a row of a CSR matrix within bounds names a column twice.");
}

}  // namespace esker::bind

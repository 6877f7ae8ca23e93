// The boundary: NumPy arrays in, views out; strict about dtype and layout, so that no copy is made in
// silence.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/view.hpp"

namespace esker::bind {

namespace py = pybind11;

template <class T>
using Array = py::array_t<T, py::array::c_style>;

// A NumPy array that owns a vector's memory.
template <class T>
py::array_t<T> own(std::vector<T> values, std::vector<py::ssize_t> shape) {
    auto* kept = new std::vector<T>(std::move(values));
    py::capsule owner(kept, [](void* p) { delete static_cast<std::vector<T>*>(p); });
    return py::array_t<T>(std::move(shape), kept->data(), owner);
}
template <class T>
py::array_t<T> own(std::vector<T> values) {
    const auto n = static_cast<py::ssize_t>(values.size());
    return own(std::move(values), {n});
}
// A NumPy copy of a vector.
template <class T>
py::array_t<T> copy(const std::vector<T>& values) {
    return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}
template <class T>
std::vector<T> vector_of(const Array<T>& a) {
    return std::vector<T>(a.data(), a.data() + a.size());
}

// X as Python sends it: a 2-d C-contiguous (by rows) float32/float64 array, or (data, indices, indptr,
// columns) of a CSR.
inline Matrix matrix_of(const py::object& x) {
    auto dense = [](const auto& a) -> Matrix {
        using T = typename std::decay_t<decltype(a)>::value_type;
        require(a.ndim() == 2, "X must have 2 dimensions, got " + std::to_string(a.ndim()));
        require(a.shape(1) <= 1 || a.strides(1) == static_cast<py::ssize_t>(sizeof(T)),
                "the columns of X must be contiguous; use np.ascontiguousarray(X)");
        const auto stride = a.shape(0) > 1 ? a.strides(0) / static_cast<py::ssize_t>(sizeof(T)) : a.shape(1);
        return DenseView<T>{a.data(), a.shape(0), a.shape(1), stride};
    };
    auto csr = [&](auto scalar, auto integer) -> std::optional<Matrix> {
        using T = decltype(scalar);
        using I = decltype(integer);
        const auto t = py::cast<py::tuple>(x);
        if (!py::isinstance<py::array_t<T>>(t[0]) || !py::isinstance<py::array_t<I>>(t[1]))
            return std::nullopt;
        const auto data = py::cast<Array<T>>(t[0]);
        const auto indices = py::cast<Array<I>>(t[1]);
        require(py::isinstance<py::array_t<I>>(t[2]), "indptr must have the dtype of indices");
        const auto indptr = py::cast<Array<I>>(t[2]);
        require(indptr.size() >= 1, "indptr must hold at least one number");
        require(data.size() >= static_cast<py::ssize_t>(indptr.data()[indptr.size() - 1]) &&
                    data.size() == indices.size(),
                "data and indices must be as long as indptr says");
        return CsrView<T, I>{data.data(), indices.data(), indptr.data(), indptr.size() - 1,
                             py::cast<Index>(t[3])};
    };
    if (py::isinstance<py::array_t<float>>(x)) return dense(py::cast<py::array_t<float>>(x));
    if (py::isinstance<py::array_t<double>>(x)) return dense(py::cast<py::array_t<double>>(x));
    if (py::isinstance<py::tuple>(x)) {
        if (auto m = csr(float{}, std::int32_t{})) return *m;
        if (auto m = csr(double{}, std::int32_t{})) return *m;
        if (auto m = csr(float{}, std::int64_t{})) return *m;
        if (auto m = csr(double{}, std::int64_t{})) return *m;
    }
    throw py::type_error(
        "X must be float32 or float64: a 2-d array, or (data, indices, indptr, columns) of a CSR matrix "
        "with int32 or int64 indices, got " +
        py::repr(py::type::of(x)).cast<std::string>());
}

// The arguments of every update; the arrays outlive the call because Python's frame holds them.
inline Block block_of(const py::object& x, const std::optional<Array<double>>& y,
                      const std::optional<Array<double>>& weight,
                      const std::variant<std::int64_t, Array<std::int64_t>>& keys,
                      const std::optional<Array<Index>>& order = std::nullopt) {
    Block b;
    b.x = matrix_of(x);
    const Index rows = std::visit([](const auto& m) { return m.rows; }, b.x);
    auto length = [&](py::ssize_t n, const char* what) {
        require(n == rows,
                std::string(what) + " has " + std::to_string(n) + " rows, X has " + std::to_string(rows));
    };
    if (y) {
        require(y->ndim() == 2, "y must be rows x targets, float64");
        length(y->shape(0), "y");
        b.y = y->data();
        b.targets = y->shape(1);
    }
    if (weight) length(weight->size(), "sample_weight"), b.weight = weight->data();
    if (const auto* values = std::get_if<Array<std::int64_t>>(&keys)) {
        length(values->size(), "keys");
        b.keys.values = values->data();
    } else {
        b.keys.first = std::get<std::int64_t>(keys);
    }
    b.n = rows;
    if (order) b.order = order->data(), b.n = order->size();
    return b;
}

}  // namespace esker::bind

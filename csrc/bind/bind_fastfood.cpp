// Fastfood features for Python.
#include "bind/array.hpp"
#include "model/fastfood.hpp"

namespace esker::bind {
namespace {

template <class T>
void define(py::module_& m) {
    m.def(
        "fastfood",
        [](Array<T>& out, const py::object& x, const Array<T>& sign, const Array<std::int32_t>& place,
           const Array<T>& normal, const Array<T>& scale, const Array<T>& offset, Index padded,
           double factor) {
            const Matrix rows = matrix_of(x);
            const Index n = std::visit([](const auto& v) { return v.rows; }, rows), d = cols(rows);
            require(out.ndim() == 2 && out.shape(0) == n, "out must be rows x features");
            const Index features = out.shape(1), whole = (features + padded - 1) / padded * padded;
            require(padded > 0 && (padded & (padded - 1)) == 0 && d > 0 && d <= padded,
                    "padded must be a power of two, no less than the columns");
            require(sign.size() == d && offset.size() == features && place.size() == whole &&
                        normal.size() == whole && scale.size() == whole,
                    "expected a sign for each column, an offset for each feature, and places, normal "
                    "numbers and scales of whole blocks");
            for (py::ssize_t i = 0; i < place.size(); i++)
                require(place.data()[i] >= 0 && place.data()[i] < padded, "a place is beyond its block");
            const Fastfood<T> map{
                d, padded, features, sign.data(), place.data(), normal.data(), scale.data(), offset.data()};
            T* const to = out.mutable_data();
            const py::gil_scoped_release release;
            std::visit(
                [&](const auto& view) {
                    using U = typename std::decay_t<decltype(view)>::Scalar;
                    if constexpr (std::is_same_v<U, T>)
                        map.apply(to, view, static_cast<T>(factor));
                    else
                        require(false, "out must have the dtype of x");
                },
                rows);
        },
        py::arg("out").noconvert(), py::arg("x"), py::arg("sign").noconvert(), py::arg("place").noconvert(),
        py::arg("normal").noconvert(), py::arg("scale").noconvert(), py::arg("offset").noconvert(),
        py::arg("padded"), py::arg("factor"),
        "out = factor cos(diag(scale) H diag(normal) P H diag(sign) x + offset), block by block.");
}

}  // namespace

void bind_fastfood(py::module_& m) {
    define<float>(m);
    define<double>(m);
}

}  // namespace esker::bind

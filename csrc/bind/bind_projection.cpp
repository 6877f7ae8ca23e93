// Random projections for Python.
#include "bind/array.hpp"
#include "model/projection.hpp"

namespace esker::bind {
namespace {

bool interrupted() {
    const py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
}

// f(out's numbers, view of x) for x of out's dtype, dense or not.
template <class T, class F>
auto with_rows(py::array_t<T>& out, const py::object& x, Index components, F&& f) {
    const Matrix m = matrix_of(x);
    return std::visit(
        [&](const auto& view) {
            using U = typename std::decay_t<decltype(view)>::Scalar;
            require(out.ndim() == 2 && out.shape(0) == view.rows && out.shape(1) == components &&
                        (out.flags() & py::array::c_style),
                    "out must be rows x components, by rows");
            if constexpr (std::is_same_v<U, T>) {
                T* const to = out.mutable_data();
                const py::gil_scoped_release release;
                return f(to, view);
            } else {
                require(false, "out must have the dtype of x");
                return f(static_cast<T*>(nullptr), DenseView<T>{});
            }
        },
        m);
}

template <class T>
void define(py::module_& m) {
    m.def(
        "project_normal",
        [](py::array_t<T>& out, const py::object& x, std::uint64_t seed, double scale) {
            const Index components = out.ndim() == 2 ? out.shape(1) : 0;
            require(components > 0, "out must be rows x components, at least 1 component");
            with_rows(out, x, components, [&](T* to, const auto& view) {
                project_normal(to, view, components, seed, scale, interrupted);
                return true;
            });
        },
        py::arg("out").noconvert(), py::arg("x"), py::arg("seed"), py::arg("scale"),
        "out = x R', R[c][j] = scale times the normal number c of column j.");
    m.def(
        "project_count",
        [](py::array_t<T>& out, const py::array_t<T>& x, const Array<std::int64_t>& places,
           Index components) {
            const auto kept = vector_of(places);
            for (const std::int64_t p : kept)
                require(p >= 0 && p >> 1 < components, "a place is beyond the components");
            const Matrix rows = matrix_of(x);
            const auto& view = std::get<DenseView<T>>(rows);
            require(view.cols == static_cast<Index>(kept.size()) && out.ndim() == 2 &&
                        out.shape(0) == view.rows && out.shape(1) == components &&
                        (out.flags() & py::array::c_style),
                    "out must be rows x components, by rows, and places one for each column of x");
            T* const to = out.mutable_data();
            const py::gil_scoped_release release;
            project_count(to, view, kept, components);
        },
        py::arg("out").noconvert(), py::arg("x").noconvert(), py::arg("places").noconvert(),
        py::arg("components"), "out[i][place of j] += signed x[i][j]; a place is place << 1 | negative.");
    m.def(
        "all_finite",
        [](const py::array_t<T>& x) {
            const Matrix rows = matrix_of(x);
            const py::gil_scoped_release release;
            return all_finite(std::get<DenseView<T>>(rows));
        },
        py::arg("x").noconvert(), "Whether every number is finite; all threads.");
}

}  // namespace

void bind_projection(py::module_& m) {
    define<float>(m);
    define<double>(m);
    py::class_<SignMap>(m, "SignMap", "A projection by sparse signs, for dense rows.")
        .def(py::init<std::uint64_t, Index, Index, double>(), py::arg("seed"), py::arg("cols"),
             py::arg("components"), py::arg("density"), py::call_guard<py::gil_scoped_release>())
        .def(
            "apply",
            [](const SignMap& s, py::array out, const py::object& x, double scale) {
                auto run = [&](auto number) {
                    using T = decltype(number);
                    auto to = py::cast<py::array_t<T>>(out);
                    return with_rows(to, x, s.components, [&](T* p, const auto& view) {
                        if constexpr (requires { view.stride; }) {
                            require(view.cols == s.cols, "x must have the map's columns");
                            return s.apply(p, s.components, view, scale);
                        } else {
                            require(false, "x must be dense");
                            return false;
                        }
                    });
                };
                return py::isinstance<py::array_t<float>>(out) ? run(float{}) : run(double{});
            },
            py::arg("out"), py::arg("x"), py::arg("scale"),
            "out = scale x map'; whether all of x is finite.");
    m.def(
        "draw_signs",
        [](std::uint64_t seed, Index cols, Index components, double density) {
            std::vector<std::int64_t> entries, ends{0};
            {
                const py::gil_scoped_release release;
                for (Index j = 0; j < cols; j++) {
                    draw_signs(entries, seed, j, components, density);
                    ends.push_back(static_cast<std::int64_t>(entries.size()));
                }
            }
            return py::make_tuple(own(std::move(entries)), own(std::move(ends)));
        },
        py::arg("seed"), py::arg("cols"), py::arg("components"), py::arg("density"),
        "(entries, ends): of each column component << 1 | negative, ascending.");
    m.def(
        "count_places",
        [](std::uint64_t seed, Index cols, Index components) {
            return own(count_places(seed, cols, components));
        },
        py::arg("seed"), py::arg("cols"), py::arg("components"),
        "Of each column place << 1 | negative under a count sketch.");
    py::class_<HadamardMap>(m, "HadamardMap", "A subsampled randomized Hadamard transform.")
        .def(py::init<std::uint64_t, Index, Index>(), py::arg("seed"), py::arg("cols"), py::arg("components"))
        .def_readonly("padded", &HadamardMap::padded)
        .def_property_readonly("places", [](const HadamardMap& h) { return copy(h.places); })
        .def_property_readonly("negative",
                               [](const HadamardMap& h) {
                                   std::vector<std::uint8_t> bits;
                                   for (Index j = 0; j < h.cols; j++) bits.push_back(h.sign(j));
                                   return own(std::move(bits));
                               })
        .def(
            "apply",
            [](const HadamardMap& h, py::array out, const py::object& x, double scale) {
                auto run = [&](auto number) {
                    using T = decltype(number);
                    auto to = py::cast<py::array_t<T>>(out);
                    with_rows(to, x, static_cast<Index>(h.places.size()), [&](T* p, const auto& view) {
                        require(view.cols == h.cols, "x must have the map's columns");
                        h.apply(p, view, scale);
                        return true;
                    });
                };
                py::isinstance<py::array_t<float>>(out) ? run(float{}) : run(double{});
            },
            py::arg("out"), py::arg("x"), py::arg("scale"), "out = scale P H D x.");
}

}  // namespace esker::bind

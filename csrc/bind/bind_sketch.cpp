// RowSketch for Python.
#include "base/parallel.hpp"
#include "bind/array.hpp"
#include "fold/sketch.hpp"
#include "isa/map_kernels.hpp"

namespace esker::bind {
namespace {

py::dict to_arrays(const RowSketch& s) {
    py::dict d;
    d["map"] = copy(std::vector<std::int64_t>{s.size, s.nonzeros, s.means});
    d["seed"] = copy(std::vector<std::uint64_t>{s.seed});
    d["rows"] = copy(std::vector<std::int64_t>{s.rows});
    const py::array_t<double> x({s.size + 1, s.cols}), y({s.size + 1, s.targets + 1});
    s.x.read(static_cast<double*>(x.request().ptr), s.size + 1, s.cols, 1.0);
    s.y.read(static_cast<double*>(y.request().ptr), s.size + 1, s.targets + 1, 1.0);
    d["x"] = x, d["y"] = y;
    return d;
}

RowSketch from_arrays(const py::dict& d) {
    const auto map = vector_of(py::cast<Array<std::int64_t>>(d["map"]));
    RowSketch s(map.at(0), vector_of(py::cast<Array<std::uint64_t>>(d["seed"])).at(0), map.at(1),
                map.size() < 3 || map[2] != 0);
    const auto x = py::cast<Array<double>>(d["x"]), y = py::cast<Array<double>>(d["y"]);
    require(
        x.ndim() == 2 && y.ndim() == 2 && x.shape(0) == s.size + 1 && y.shape(0) == s.size + 1 &&
            y.shape(1) >= 1,
        "x and y must have size + 1 = " + std::to_string(s.size + 1) + " rows, and y at least one column");
    s.rows = vector_of(py::cast<Array<std::int64_t>>(d["rows"])).at(0);
    s.cols = x.shape(1), s.targets = y.shape(1) - 1;
    s.x.write(x.data(), s.size + 1, s.cols);
    s.y.write(y.data(), s.size + 1, s.targets + 1);
    return s;
}

// S X, and whether it is finite.
template <class T>
std::pair<py::object, bool> sketch_x(const RowSketch& s) {
    py::array_t<T> out({s.size, s.cols});
    T* to = out.mutable_data();
    const py::gil_scoped_release release;
    const bool finite = s.read_x(to);
    return {std::move(out), finite};
}

template <class T>
py::array_t<T> normals(const Array<std::int64_t>& keys, Index size, std::uint64_t seed,
                       std::uint32_t stream) {
    const Index n = keys.size(), step = (size + 3) / 4 * 4;
    py::array_t<T> out({n, step});  // the kernel may write whole fours
    T* to = out.mutable_data();
    const std::int64_t* k = keys.data();
    {
        const py::gil_scoped_release release;
        constexpr Index some = 64;
        parallel_for((n + some - 1) / some, [&](Index task) {
            for (Index i = task * some; i < std::min(n, (task + 1) * some); i++)
                map_kernels().gaussian<T>().normals(to + i * step, 0, size, k[i], seed, stream, T{1});
        });
    }
    return step == size ? out : py::array_t<T>(out[py::make_tuple(py::ellipsis(), py::slice(0, size, 1))]);
}

}  // namespace

void bind_sketch(py::module_& m) {
    m.def(
        "gaussian_rows",
        [](const Array<std::int64_t>& keys, Index size, std::uint64_t seed, std::uint32_t stream,
           bool single) -> py::object {
            if (single) return normals<float>(keys, size, seed, stream);
            return normals<double>(keys, size, seed, stream);
        },
        py::arg("keys").noconvert(), py::arg("size"), py::arg("seed"), py::arg("stream"), py::arg("single"),
        "A row of `size` normal numbers for each key.");
    py::class_<RowSketch>(m, "RowSketch",
                          "S [X | y | sqrt(w)] with a sparse sign matrix S of (seed, row key).")
        .def(py::init<Index, std::uint64_t, Index, bool>(), py::arg("size"), py::arg("seed"),
             py::arg("nonzeros") = 8, py::arg("means") = true)
        .def(
            "update",
            [](RowSketch& s, const py::object& x, const std::optional<Array<double>>& y,
               const std::optional<Array<double>>& weight,
               const std::variant<std::int64_t, Array<std::int64_t>>& keys) {
                const Block b = block_of(x, y, weight, keys);
                const py::gil_scoped_release release;
                s.update(b);
            },
            py::arg("x"), py::arg("y").noconvert() = py::none(), py::arg("weight").noconvert() = py::none(),
            py::arg("keys").noconvert() = std::int64_t{0})
        .def("merge", &RowSketch::merge, py::arg("other"), py::call_guard<py::gil_scoped_release>())
        .def("widen", &RowSketch::widen, py::arg("cols"))
        .def(
            "finish",
            [](const RowSketch& s, bool single) {
                const auto [x, finite] = single ? sketch_x<float>(s) : sketch_x<double>(s);
                auto f = s.finish_without_x();
                return py::make_tuple(x, own(std::move(f.y), {s.size, s.targets}), own(std::move(f.root)),
                                      own(std::move(f.mean_x)), own(std::move(f.mean_y)), f.weight, finite);
            },
            py::arg("single") = false,
            "(S X, S y, S sqrt(w), mean of X, mean of y, weight, whether S X is finite).")
        .def_readonly("rows", &RowSketch::rows)
        .def_readonly("cols", &RowSketch::cols)
        .def_readonly("targets", &RowSketch::targets)
        .def("__repr__", &RowSketch::describe)
        .def("to_arrays", &to_arrays)
        .def_static("from_arrays", &from_arrays, py::arg("arrays"));
}

}  // namespace esker::bind

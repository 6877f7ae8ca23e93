// Kernel functions between rows and landmarks, for Python.
#include <memory>

#include "base/parallel.hpp"
#include "base/philox.hpp"
#include "bind/array.hpp"
#include "solve/kernel_normal.hpp"

namespace esker::bind {
namespace {

KernelFunction function_of(const std::string& kernel, double gamma, double coef0, int degree) {
    const std::pair<const char*, KernelKind> kinds[] = {{"rbf", KernelKind::rbf},
                                                        {"laplacian", KernelKind::laplacian},
                                                        {"linear", KernelKind::linear},
                                                        {"poly", KernelKind::polynomial},
                                                        {"polynomial", KernelKind::polynomial},
                                                        {"sigmoid", KernelKind::sigmoid}};
    for (const auto& [name, kind] : kinds)
        if (kernel == name) return {kind, gamma, coef0, degree};
    throw std::invalid_argument(
        "kernel must be 'rbf', 'laplacian', 'linear', 'poly', 'polynomial' or 'sigmoid', got '" + kernel +
        "'");
}

Index rows_of(const Matrix& x) {
    return std::visit([](const auto& m) { return m.rows; }, x);
}
bool is_float(const Matrix& x) {
    return std::visit(
        [](const auto& m) { return std::is_same_v<typename std::decay_t<decltype(m)>::Scalar, float>; }, x);
}

// Of float32 landmarks in float32, unless all is wanted in float64.
struct Landmarks {
    std::variant<PackedLandmarks<float>, PackedLandmarks<double>> at;
    Landmarks(const Matrix& z, const KernelFunction& f, bool wide) : at(make(z, f, wide)) {}
    static decltype(at) make(const Matrix& z, const KernelFunction& f, bool wide) {
        if (wide || !is_float(z)) return decltype(at)(std::in_place_index<1>, z, f);
        return decltype(at)(std::in_place_index<0>, z, f);
    }
};

struct Normal {
    std::variant<KernelNormal<float>, KernelNormal<double>> sums;
    Normal(const Landmarks& z, Index lanes) : sums(make(z, lanes)) {}
    static decltype(sums) make(const Landmarks& z, Index lanes) {
        if (const auto* at = std::get_if<1>(&z.at)) return decltype(sums)(std::in_place_index<1>, *at, lanes);
        return decltype(sums)(std::in_place_index<0>, std::get<0>(z.at), lanes);
    }
};

py::object block(const Landmarks& z, const py::object& rows) {
    const Matrix x = matrix_of(rows);
    const Index n = rows_of(x);
    return std::visit(
        [&](const auto& at) -> py::object {
            using P = std::remove_cvref_t<decltype(*at.z())>;
            require(cols(x) == at.d, "the rows have " + std::to_string(cols(x)) + " columns, the landmarks " +
                                         std::to_string(at.d));
            py::array_t<P> out({n, at.m});
            P* to = out.mutable_data();
            {
                const py::gil_scoped_release release;
                kernel_block(to, at.m, at, x);
            }
            return out;
        },
        z.at);
}

}  // namespace

void bind_kernel_tiles(py::module_& m) {
    py::class_<Landmarks>(m, "KernelLandmarks",
                          "Landmarks of a kernel function, ready for products with rows.")
        .def(py::init([](const py::object& z, const std::string& kernel, double gamma, double coef0,
                         int degree, bool wide) {
                 const Matrix rows = matrix_of(z);
                 const auto f = function_of(kernel, gamma, coef0, degree);
                 const py::gil_scoped_release release;
                 return std::make_unique<Landmarks>(rows, f, wide);
             }),
             py::arg("z"), py::arg("kernel"), py::arg("gamma"), py::arg("coef0") = 1.0, py::arg("degree") = 3,
             py::arg("wide") = false)
        .def_property_readonly(
            "m", [](const Landmarks& z) { return std::visit([](auto& at) { return at.m; }, z.at); })
        .def_property_readonly(
            "d", [](const Landmarks& z) { return std::visit([](auto& at) { return at.d; }, z.at); })
        .def_property_readonly("wide", [](const Landmarks& z) { return z.at.index() == 1; })
        .def("block", block, py::arg("x"), "k(x, z), rows x m, in the landmarks' precision.")
        .def(
            "scores",
            [](const Landmarks& z, const py::object& rows, const Array<double>& v) {
                const Matrix x = matrix_of(rows);
                const Index n = rows_of(x), lanes = v.ndim() == 2 ? v.shape(0) : 0;
                std::vector<double> out(static_cast<std::size_t>(n * lanes));
                std::visit(
                    [&](const auto& at) {
                        require(v.ndim() == 2 && v.shape(1) == at.m && cols(x) == at.d,
                                "v must be lanes x landmarks, and the rows as wide as the landmarks");
                        const py::gil_scoped_release release;
                        kernel_scores(out.data(), at, x, v.data(), lanes);
                    },
                    z.at);
                return own(std::move(out), {n, lanes});
            },
            py::arg("x"), py::arg("v").noconvert(), "k(x, z) v', rows x lanes, v being lanes x m.");

    m.def(
        "kernel_block",
        [](const py::object& x, const py::object& z, const std::string& kernel, double gamma, double coef0,
           int degree, bool wide) {
            const Landmarks at(matrix_of(z), function_of(kernel, gamma, coef0, degree), wide);
            return block(at, x);
        },
        py::arg("x"), py::arg("z"), py::arg("kernel"), py::arg("gamma"), py::arg("coef0") = 1.0,
        py::arg("degree") = 3, py::arg("wide") = false,
        "k(x, z), rows x landmarks: float32 for float32 landmarks unless `wide`, else float64.");

    py::class_<Normal>(m, "KernelNormal", "K'(w s), s = base + y + K v, in one visit to each row.")
        .def(py::init([](const Landmarks& z, Index lanes) { return std::make_unique<Normal>(z, lanes); }),
             py::arg("landmarks"), py::arg("lanes"), py::keep_alive<1, 2>())
        .def(
            "begin",
            [](Normal& s, const std::optional<Array<double>>& v, const Array<double>& base) {
                std::visit(
                    [&](auto& sums) {
                        require((!v ||
                                 (v->ndim() == 2 && v->shape(0) == sums.lanes && v->shape(1) == sums.at.m)) &&
                                    base.size() == sums.lanes,
                                "v must be lanes x landmarks, and base have a number for each lane");
                        sums.begin(v ? v->data() : nullptr, base.data());
                    },
                    s.sums);
            },
            py::arg("v").noconvert(), py::arg("base").noconvert(), "Sums start anew; v: (lanes, m) or None.")
        .def(
            "update",
            [](Normal& s, const py::object& x, const std::optional<Array<double>>& y,
               const std::optional<Array<double>>& weight) {
                const Block b = block_of(x, y, weight, std::int64_t{0});
                std::visit(
                    [&](auto& sums) {
                        require(cols(b.x) == sums.at.d, "the rows must be as wide as the landmarks");
                        const py::gil_scoped_release release;
                        sums.update(b);
                    },
                    s.sums);
            },
            py::arg("x"), py::arg("y").noconvert(), py::arg("weight").noconvert())
        .def(
            "finish",
            [](const Normal& s) {
                return std::visit(
                    [](const auto& sums) {
                        std::vector<double> out(static_cast<std::size_t>(sums.lanes * sums.at.m));
                        for (Index l = 0; l < sums.lanes; l++)
                            std::copy_n(sums.sums.data() + l * sums.at.pitch(), sums.at.m,
                                        out.data() + l * sums.at.m);
                        return py::make_tuple(own(std::move(out), {sums.lanes, sums.at.m}), copy(sums.level),
                                              copy(sums.squares));
                    },
                    s.sums);
            },
            "The sums (lanes, m); of each lane the sums of w s and of w s^2.");

    m.def(
        "row_priorities",
        [](std::uint64_t seed, const std::variant<std::int64_t, Array<std::int64_t>>& keys, Index n) {
            Keys at;
            if (const auto* values = std::get_if<Array<std::int64_t>>(&keys)) {
                require(values->size() == n, "there must be n keys");
                at.values = values->data();
            } else {
                at.first = std::get<std::int64_t>(keys);
            }
            std::vector<std::uint64_t> out(static_cast<std::size_t>(n));
            {
                const py::gil_scoped_release release;
                constexpr Index piece = 1 << 16;
                parallel_for((n + piece - 1) / piece, [&](Index task) {
                    for (Index i = task * piece; i < std::min(n, (task + 1) * piece); i++) {
                        const Words w = draw(seed, at(i), Stream::landmarks);
                        out[static_cast<std::size_t>(i)] = std::uint64_t{w[0]} << 32 | w[1];
                    }
                });
            }
            return own(std::move(out));
        },
        py::arg("seed"), py::arg("keys"), py::arg("n"),
        "A random 64-bit number for each row, of (seed, key): the rows with the smallest are a uniform "
        "sample.");
}

}  // namespace esker::bind

// Gram for Python.
#include "bind/array.hpp"
#include "fold/gram.hpp"

namespace esker::bind {

void bind_gram(py::module_& m) {
    auto upper = [](const Gram& s) {
        const Index d = s.cols();
        std::vector<double> out(static_cast<std::size_t>(d * d), 0.0);
        for (Index i = 0; i < d; i++) std::copy(s.row(i) + i, s.row(i) + d, out.data() + i * d + i);
        return own(std::move(out), {d, d});
    };
    py::class_<Gram>(m, "Gram", "Centred second moments of X and y.")
        .def(py::init([](Index packed) { return packed ? Gram::packed(packed) : Gram{}; }),
             py::arg("packed") = 0)
        .def_property_readonly("packed", [](const Gram& s) { return s.block_rows > 0; })
        .def(
            "update",
            [](Gram& s, const py::object& x, const std::optional<Array<double>>& y,
               const std::optional<Array<double>>& weight) {
                const Block b = block_of(x, y, weight, std::int64_t{0});
                const py::gil_scoped_release release;
                s.update(b);
            },
            py::arg("x"), py::arg("y").noconvert() = py::none(), py::arg("weight").noconvert() = py::none())
        .def("merge", &Gram::merge, py::arg("other"), py::call_guard<py::gil_scoped_release>())
        .def("forget", &Gram::forget, py::arg("other"), py::call_guard<py::gil_scoped_release>(),
             "Take rows off again that were absorbed before.")
        .def("set_targets", &Gram::set_targets, py::arg("order"),
             "Target t becomes what target order[t] was; zeros for -1.")
        .def("finite", &Gram::finite, "Whether all rows were finite, and their products.")
        .def("widen", &Gram::widen, py::arg("cols"), py::call_guard<py::gil_scoped_release>())
        .def(
            "finish",
            [](const Gram& s) {
                auto f = s.finish();
                return own(std::move(f.xx), {s.cols(), s.cols()});
            },
            "X'X centred, both triangles, d x d.")
        .def_readonly("weight", &Gram::weight)
        .def_readonly("rows", &Gram::rows)
        .def_readonly("noise", &Gram::noise)
        .def("loss", &Gram::loss, py::arg("centred"), "Relative rounding error of the sums of products.")
        .def_property_readonly("cols", &Gram::cols)
        .def_property_readonly("targets", &Gram::targets)
        .def_property_readonly("mean_x", [](const Gram& s) { return copy(s.mean_x); })
        .def_property_readonly("mean_y", [](const Gram& s) { return copy(s.mean_y); })
        .def_property_readonly(
            "xy", [](const Gram& s) { return own(std::vector<double>(s.xy), {s.targets(), s.cols()}); })
        .def_property_readonly("diagonal",
                               [](const Gram& s) {
                                   s.check_sums();
                                   std::vector<double> d;
                                   for (Index j = 0; j < s.cols(); j++) d.push_back(s.row(j)[j]);
                                   return own(std::move(d));
                               })
        .def_property_readonly("peak_y",
                               [](const Gram& s) {
                                   std::vector<double> peak(s.peak_y);
                                   peak.resize(s.mean_y.size(), 0.0);
                                   return own(std::move(peak));
                               })
        .def_property_readonly("yy", [](const Gram& s) { return copy(s.yy); })
        .def("to_arrays",
             [upper](const Gram& s) {
                 s.check_sums();
                 py::dict d;
                 if (s.block_rows) d["packed"] = copy(std::vector<std::int64_t>{s.block_rows});
                 d["weight"] = copy(std::vector<double>{s.weight, s.noise});
                 d["rows"] = copy(std::vector<std::int64_t>{s.rows});
                 d["mean_x"] = copy(s.mean_x);
                 d["mean_y"] = copy(s.mean_y);
                 d["xx"] = upper(s);
                 d["xy"] = own(std::vector<double>(s.xy), {s.targets(), s.cols()});
                 d["yy"] = copy(s.yy);
                 d["coarse"] = copy(s.coarse);
                 d["peak"] = copy(s.peak);
                 if (!s.peak_y.empty()) d["peak_y"] = copy(s.peak_y);
                 return d;
             })
        .def_static(
            "from_arrays",
            [](const py::dict& d) {
                const auto mean = vector_of(py::cast<Array<double>>(d["mean_x"]));
                const auto width = static_cast<Index>(mean.size());
                Gram s = d.contains("packed") ? Gram::packed(width) : Gram{};
                const auto weight = vector_of(py::cast<Array<double>>(d["weight"]));
                s.weight = weight.at(0), s.noise = weight.at(1);
                s.rows = vector_of(py::cast<Array<std::int64_t>>(d["rows"])).at(0);
                s.widen(width);
                s.mean_x = mean;
                s.mean_y = vector_of(py::cast<Array<double>>(d["mean_y"]));
                s.xy = vector_of(py::cast<Array<double>>(d["xy"]));
                s.yy = vector_of(py::cast<Array<double>>(d["yy"]));
                s.coarse = vector_of(py::cast<Array<double>>(d["coarse"]));
                // Models saved before rows could be forgotten have none.
                if (d.contains("peak")) s.peak = vector_of(py::cast<Array<double>>(d["peak"]));
                if (d.contains("peak_y")) s.peak_y = vector_of(py::cast<Array<double>>(d["peak_y"]));
                const auto xx = py::cast<Array<double>>(d["xx"]);
                const auto cols = static_cast<std::size_t>(s.cols()), targets = s.mean_y.size();
                require(static_cast<std::size_t>(xx.size()) == cols * cols && s.xy.size() == cols * targets &&
                            s.yy.size() == targets && s.coarse.size() == cols && s.peak.size() == cols &&
                            (s.peak_y.empty() || s.peak_y.size() == targets),
                        "the arrays of a Gram must be xx (d, d), xy (targets, d) and yy (targets,) for "
                        "mean_x (d,) and mean_y (targets,)");
                for (Index i = 0; i < s.cols(); i++)
                    std::copy(xx.data() + i * s.cols() + i, xx.data() + (i + 1) * s.cols(), s.row(i) + i);
                return s;
            },
            py::arg("arrays"))
        .def("copy", [](const Gram& s) { return Gram(s); }, py::call_guard<py::gil_scoped_release>());
    m.def("absorb_bytes", &absorb_bytes, py::arg("rows"), py::arg("cols"), py::arg("targets"),
          py::arg("numbers"), py::arg("entries"), py::arg("packed"),
          "Bytes that absorbing blocks of so many rows takes beside a Gram, at most.");
}

}  // namespace esker::bind

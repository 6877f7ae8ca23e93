// The losses for Python, number by number: what tests and solvers hold against the learners' own.
#include "bind/array.hpp"
#include "model/loss.hpp"

namespace esker::bind {
namespace {

using Numbers = Array<double>;

void same_size(const Numbers& p, const Numbers& y) {
    require(p.size() == y.size(), "a loss needs as many targets as predictions, got " +
                                      std::to_string(y.size()) + " and " + std::to_string(p.size()));
}

// (values, slopes, curvatures), and values and slopes again as a row's lanes have them
py::tuple loss_parts(const std::string& name, double parameter, const Numbers& p, const Numbers& y) {
    same_size(p, y);
    const auto n = static_cast<std::size_t>(p.size());
    std::vector<double> value(n), slope(n), curvature(n), lane_value(n), lane_slope(n), unit(n, 1.0);
    std::visit(
        [&](const auto& loss) {
            for (std::size_t i = 0; i < n; i++) {
                const double a = p.data()[i], b = y.data()[i];
                if constexpr (requires { loss.curvature(a, b); })
                    value[i] = loss.value(a, b), slope[i] = loss.slope(a, b),
                    curvature[i] = loss.curvature(a, b);
                else
                    throw std::invalid_argument("loss='" + name + "' is of all lanes together, not of one");
            }
            over(loss, lane_slope.data(), lane_value.data(), p.data(), y.data(), unit.data(),
                 static_cast<int>(n));
        },
        loss_named(name, parameter));
    return py::make_tuple(own(std::move(value)), own(std::move(slope)), own(std::move(curvature)),
                          own(std::move(lane_value)), own(std::move(lane_slope)));
}

py::array_t<double> loss_moved(const std::string& name, double parameter, const Numbers& p, const Numbers& y,
                               const Numbers& t) {
    same_size(p, y);
    same_size(p, t);
    std::vector<double> moved(static_cast<std::size_t>(p.size()));
    std::visit(
        [&](const auto& loss) {
            if constexpr (std::decay_t<decltype(loss)>::flows)
                for (std::size_t i = 0; i < moved.size(); i++)
                    moved[i] = loss.moved(p.data()[i], y.data()[i], t.data()[i]);
            else
                throw std::invalid_argument("loss='" + name + "' steps by its slope alone");
        },
        loss_named(name, parameter));
    return own(std::move(moved));
}

}  // namespace

void bind_loss(py::module_& m) {
    m.def("loss_parts", &loss_parts, py::arg("loss"), py::arg("parameter"), py::arg("prediction").noconvert(),
          py::arg("target").noconvert(),
          "(values, slopes, curvatures, values of lanes, slopes of lanes) of predictions and targets.");
    m.def("loss_moved", &loss_moved, py::arg("loss"), py::arg("parameter"), py::arg("prediction").noconvert(),
          py::arg("target").noconvert(), py::arg("time").noconvert(),
          "How far predictions that follow their slope for a time fall.");
}

}  // namespace esker::bind

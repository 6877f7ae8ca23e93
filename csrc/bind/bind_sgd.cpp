// Sgd for Python.
#include <cstring>

#include "bind/array.hpp"
#include "fold/sgd_shards.hpp"

namespace esker::bind {
namespace {

using Weights = std::optional<Array<double>>;
using KeysArg = std::variant<std::int64_t, Array<std::int64_t>>;
using Order = std::optional<Array<Index>>;

py::array_t<float> floats(const Buffer& b) {
    return py::array_t<float>(static_cast<py::ssize_t>(b.size()), b.data());
}
Buffer buffer_of(const py::handle& h) {
    const auto a = py::cast<Array<float>>(h);
    Buffer b(static_cast<std::size_t>(a.size()));
    if (a.size()) std::memcpy(b.data(), a.data(), static_cast<std::size_t>(a.size()) * sizeof(float));
    return b;
}

void put_moments(py::dict& d, const std::string& name, const Moments& m) {
    d[py::str(name + "_mean")] = copy(m.mean);
    d[py::str(name + "_m2")] = copy(m.m2);
    d[py::str(name + "_weight")] = copy(std::vector<double>{m.weight});
    d[py::str(name + "_rows")] = copy(std::vector<std::int64_t>{m.rows, m.nonzeros});
}
template <class T>
std::vector<T> get(const py::dict& d, const std::string& name) {
    require(d.contains(name), "the arrays of an Sgd state lack '" + name + "'");
    return vector_of(py::cast<Array<T>>(d[py::str(name)]));
}
Moments get_moments(const py::dict& d, const std::string& name) {
    Moments m;
    m.mean = get<double>(d, name + "_mean");
    m.m2 = get<double>(d, name + "_m2");
    const auto weight = get<double>(d, name + "_weight");
    const auto rows = get<std::int64_t>(d, name + "_rows");
    require(weight.size() == 1 && rows.size() == 2, "an Sgd state's moments need one weight and two counts");
    m.weight = weight[0];
    m.rows = rows.at(0), m.nonzeros = rows.at(1);
    require(m.mean.size() == m.m2.size(), "an Sgd state's mean and m2 must be equally long");
    return m;
}

py::dict to_arrays(const Sgd& s) {
    py::dict d;
    const std::string& name = s.loss_name;
    d["loss"] = copy(std::vector<std::uint8_t>(name.begin(), name.end()));
    d["loss_parameter"] = copy(std::vector<double>{s.loss_parameter});
    d["step"] = copy(std::vector<std::uint8_t>(s.step.name(), s.step.name() + std::strlen(s.step.name())));
    d["step_shape"] = copy(std::vector<double>{s.step.power, s.step.offset});
    d["lane_scale"] = copy(s.lane_scale);
    d["l1_due"] = copy(s.l1_due);
    d["r"] = floats(s.r);
    for (const auto& [key, numbers] :
         {std::pair{"bias_z", &s.bias_z}, {"bias_won", &s.bias_won}, {"most_slope", &s.most_slope}})
        d[key] = copy(*numbers);
    d["lane_target"] = copy(s.table.target);
    d["lane_rate"] = copy(s.table.rate);
    d["lane_l1"] = copy(s.table.l1);
    d["lane_l2"] = copy(s.table.l2);
    if (s.resamples()) {
        d["lane_replicate"] = copy(s.table.replicate);
        d["bootstrap_seed"] = copy(std::vector<std::int64_t>{static_cast<std::int64_t>(s.table.seed)});
    }
    d["flags"] = copy(std::vector<std::int64_t>{s.fit_intercept, s.classes, s.scaled_penalty,
                                                static_cast<std::int64_t>(s.layout)});
    d["counts"] = copy(std::vector<std::int64_t>{s.cols, s.rows, s.steps});
    d["average"] = copy(std::vector<std::int64_t>{s.average.from, s.average.steps});
    d["average_scales"] = copy(s.average.scales);
    d["average_bias"] = copy(s.average.bias);
    d["average_lag"] = copy(s.average.lag);
    d["w"] = floats(s.w);
    d["h"] = floats(s.h);
    d["last"] = copy(s.last);
    d["bias"] = copy(s.bias);
    d["bias_h"] = copy(s.bias_h);
    d["sums"] = copy(std::vector<double>{s.weight_sum, s.nonzero_sum, s.meter_weight});
    d["loss_sum"] = copy(s.loss_sum);
    d["centre"] = copy(s.centre);
    d["scale"] = copy(s.scale);
    d["y_centre"] = copy(s.y_centre);
    d["y_scale"] = copy(s.y_scale);
    put_moments(d, "x", s.x_moments);
    put_moments(d, "y", s.y_moments);
    return d;
}

Sgd from_arrays(const py::dict& d) {
    const auto letters = get<std::uint8_t>(d, "loss");
    const auto parameter = get<double>(d, "loss_parameter");
    const auto step = get<std::uint8_t>(d, "step");
    const auto shape = get<double>(d, "step_shape");
    const auto flags = get<std::int64_t>(d, "flags");
    const auto counts = get<std::int64_t>(d, "counts");
    const auto sums = get<double>(d, "sums");
    require(parameter.size() == 1 && shape.size() == 2 && flags.size() == 4 && counts.size() == 3 &&
                sums.size() == 3 && flags[3] >= 0 && flags[3] <= 2,
            "the arrays are not those of an Sgd state");
    LaneTable table{get<std::int32_t>(d, "lane_target"), get<double>(d, "lane_rate"),
                    get<double>(d, "lane_l1"), get<double>(d, "lane_l2")};
    if (d.contains("lane_replicate")) {
        table.replicate = get<std::int32_t>(d, "lane_replicate");
        const auto seed = get<std::int64_t>(d, "bootstrap_seed");
        require(seed.size() == 1, "an Sgd state's bootstrap needs one seed");
        table.seed = static_cast<std::uint64_t>(seed[0]);
    }
    Sgd s(std::string(letters.begin(), letters.end()), std::move(table), flags[0], flags[1], flags[2],
          parameter[0], step_named(std::string(step.begin(), step.end()), shape[0], shape[1]));
    s.set_layout(static_cast<Layout>(flags[3]));
    s.cols = counts[0], s.rows = counts[1], s.steps = counts[2];
    // Sizes below are products with cols: no table of a process has more entries than this.
    require(s.cols >= 0 && s.rows >= 0 && s.steps >= 0 && s.cols <= (Index{1} << 47) / s.pattern() / 4,
            "the counts of an Sgd state must be of a size that memory can hold, got " +
                std::to_string(s.cols) + " columns and " + std::to_string(s.rows) + " rows");
    require(d.contains("w") && d.contains("h"), "the arrays of an Sgd state lack 'w' or 'h'");
    s.w = buffer_of(d["w"]);
    s.h = buffer_of(d["h"]);
    s.last = get<std::uint32_t>(d, "last");
    s.lane_scale = get<double>(d, "lane_scale");
    s.l1_due = get<double>(d, "l1_due");
    require(d.contains("r"), "the arrays of an Sgd state lack 'r'");
    s.r = buffer_of(d["r"]);
    s.bias_z = get<double>(d, "bias_z");
    s.bias_won = get<double>(d, "bias_won");
    s.most_slope = get<double>(d, "most_slope");
    s.bias = get<double>(d, "bias");
    s.bias_h = get<double>(d, "bias_h");
    s.weight_sum = sums[0], s.nonzero_sum = sums[1], s.meter_weight = sums[2];
    s.loss_sum = get<double>(d, "loss_sum");
    s.centre = get<double>(d, "centre");
    s.scale = get<double>(d, "scale");
    s.y_centre = get<double>(d, "y_centre");
    s.y_scale = get<double>(d, "y_scale");
    s.x_moments = get_moments(d, "x");
    s.y_moments = get_moments(d, "y");
    const auto average = get<std::int64_t>(d, "average");
    require(average.size() == 2 && average[0] >= 0 && average[1] >= 0,
            "the averages of an Sgd state need their first step and how many count");
    s.average = {average[0], average[1], get<double>(d, "average_scales"), get<double>(d, "average_bias"),
                 get<double>(d, "average_lag")};
    const auto lanes = static_cast<std::size_t>(s.lanes()), cols = static_cast<std::size_t>(s.cols);
    const bool dense = s.layout == Layout::dense, sparse = s.layout == Layout::sparse;
    require(
        s.cols >= 0 && s.bias.size() == lanes && s.bias_h.size() == lanes && s.loss_sum.size() == lanes &&
            s.y_centre.size() == lanes && s.lane_scale.size() == lanes && s.l1_due.size() == lanes &&
            s.bias_z.size() == lanes && s.bias_won.size() == lanes && s.most_slope.size() == lanes &&
            s.r.size() >= (dense && s.fields() == 3 ? static_cast<std::size_t>(s.flat()) : 0) &&
            s.y_scale.size() == lanes && s.average.scales.size() == lanes && s.average.bias.size() == lanes &&
            s.average.lag.size() >= (s.average.from > 0 ? cols * static_cast<std::size_t>(s.width()) : 0) &&
            s.w.size() >= (sparse  ? cols * static_cast<std::size_t>(s.stride())
                           : dense ? static_cast<std::size_t>(s.flat())
                                   : 0) &&
            s.h.size() >= (dense && s.fields() >= 2 ? static_cast<std::size_t>(s.flat()) : 0) &&
            (!s.timed() || s.last_in_record() || s.last.size() == cols) &&
            (!sparse || !s.step.normalises() || s.scale.size() == cols) &&
            (!dense ||
             (s.centre.size() == cols && s.scale.size() == cols && s.x_moments.mean.size() == cols)),
        "the arrays of an Sgd state disagree about its columns or lanes");
    s.refresh_penalty_weights();
    return s;
}

template <class T>
py::array_t<double> read_out(const Sgd& s, Array<T>& coef, const std::optional<Array<std::int32_t>>& slots) {
    require(coef.ndim() == 2 && coef.shape(0) == s.lanes(), "coefficients are lanes x columns");
    const Index n = coef.shape(1);
    require(!slots || slots->size() == n, "each column needs the number of its record");
    T* out = coef.mutable_data();
    std::vector<double> intercept;
    {
        const py::gil_scoped_release release;
        intercept = s.read_out(out, n, slots ? slots->data() : nullptr, n);
    }
    return own(std::move(intercept));
}

}  // namespace

void bind_sgd(py::module_& m) {
    py::class_<Sgd>(m, "Sgd", "Linear models in lanes that learn by steps.")
        .def(py::init([](const std::string& loss, const Array<std::int32_t>& target,
                         const Array<double>& rate, const Array<double>& l1, const Array<double>& l2,
                         bool fit_intercept, bool classes, bool scaled_penalty, double loss_parameter,
                         const std::string& step, double step_power, double step_offset,
                         const std::optional<Array<std::int32_t>>& replicate, std::uint64_t seed) {
                 LaneTable table{vector_of(target), vector_of(rate), vector_of(l1), vector_of(l2)};
                 if (replicate) table.replicate = vector_of(*replicate), table.seed = seed;
                 return Sgd(loss, std::move(table), fit_intercept, classes, scaled_penalty, loss_parameter,
                            step_named(step, step_power, step_offset));
             }),
             py::arg("loss"), py::arg("lane_target").noconvert(), py::arg("lane_rate").noconvert(),
             py::arg("lane_l1").noconvert(), py::arg("lane_l2").noconvert(), py::arg("fit_intercept"),
             py::arg("classes"), py::arg("scaled_penalty"), py::arg("loss_parameter") = 0.0,
             py::arg("step") = "auto", py::arg("step_power") = 0.0, py::arg("step_offset") = 0.0,
             py::arg("lane_replicate") = py::none(), py::arg("bootstrap_seed") = 0)
        .def(
            "update_rows",
            [](Sgd& s, const py::object& x, const Array<double>& y, const Weights& weight,
               const KeysArg& keys, const Order& order, Index begin, Index end) {
                const Block b = block_of(x, y, weight, keys, order);
                const py::gil_scoped_release release;
                s.update_rows(b, begin, end < 0 ? b.n : end);
            },
            py::arg("x"), py::arg("y").noconvert(), py::arg("weight").noconvert(),
            py::arg("keys").noconvert(), py::arg("order").noconvert(), py::arg("begin"), py::arg("end"))
        .def(
            "evaluate",
            [](const Sgd& s, const py::object& x, const Array<double>& y, const Weights& weight,
               const KeysArg& keys, const Order& order, int columns) {
                const Block b = block_of(x, y, weight, keys, order);
                Sgd::Score score;
                {
                    const py::gil_scoped_release release;
                    score = s.evaluate(b, columns);
                }
                return py::make_tuple(own(std::move(score.loss)), score.weight, own(std::move(score.errors)),
                                      own(std::move(score.each), {b.n, columns}));
            },
            py::arg("x"), py::arg("y").noconvert(), py::arg("weight").noconvert(),
            py::arg("keys").noconvert(), py::arg("order").noconvert(), py::arg("columns") = 0,
            "(sum of losses, weight, sum of errors, each row's losses), the sums one a lane; of a row, as "
            "many "
            "as columns: none, that of all lanes in sum, or one a lane.")
        .def(
            "update_shards",
            [](Sgd& s, const py::object& x, const Array<double>& y, const Weights& weight,
               const KeysArg& keys, const Order& order, Index begin, Index end, Index at, int shards,
               Index rows) {
                const Block b = block_of(x, y, weight, keys, order);
                const py::gil_scoped_release release;
                update_shards(s, b, begin, end < 0 ? b.n : end, at, shards, rows);
            },
            py::arg("x"), py::arg("y").noconvert(), py::arg("weight").noconvert(),
            py::arg("keys").noconvert(), py::arg("order").noconvert(), py::arg("begin"), py::arg("end"),
            py::arg("at"), py::arg("shards"), py::arg("rows"))
        .def_property_readonly("shard_rows", &shard_rows)
        .def("merge", &Sgd::merge, py::arg("other"), py::call_guard<py::gil_scoped_release>())
        .def("widen", &Sgd::widen, py::arg("cols"), py::arg("late") = false)
        .def(
            "finish",
            [](const Sgd& s) {
                auto f = s.finish();
                return py::make_tuple(own(std::move(f.coef), {s.lanes(), s.cols}),
                                      own(std::move(f.intercept)));
            },
            "(coefficients, lanes x cols; intercepts, one a lane), in the units of the data.")
        .def("read_out", &read_out<float>, py::arg("coef").noconvert(), py::arg("slots").noconvert())
        .def("read_out", &read_out<double>, py::arg("coef").noconvert(), py::arg("slots").noconvert(),
             "Writes coefficients of sparse rows into lanes x columns; returns the intercepts.")
        .def("select", &Sgd::select, py::arg("lanes"), "A state of these lanes alone.",
             py::call_guard<py::gil_scoped_release>())
        .def(
            "copy", [](const Sgd& s) { return Sgd(s); }, py::call_guard<py::gil_scoped_release>())
        .def(
            "assign",
            [](Sgd& s, const Sgd& other) {
                try {
                    s = other;
                } catch (const std::bad_alloc&) {
                    // Old and new tables are never both in memory: here both are gone, and the state is a new
                    // one.
                    s = Sgd(other.loss_name, other.table, other.fit_intercept, other.classes,
                            other.scaled_penalty, other.loss_parameter, other.step);
                    throw;
                }
            },
            py::arg("other"), py::call_guard<py::gil_scoped_release>(),
            "Becomes a copy of another state, in the same memory; a new state where memory does not suffice.")
        .def("finite", &Sgd::finite, py::call_guard<py::gil_scoped_release>())
        .def("reset_meter", &Sgd::reset_meter)
        .def("meter", [](const Sgd& s) { return py::make_tuple(copy(s.loss_sum), s.meter_weight); })
        .def(
            "set_rates", [](Sgd& s, const Array<double>& rates) { s.set_rates(vector_of(rates)); },
            py::arg("rates").noconvert())
        .def(
            "set_targets",
            [](Sgd& s, const Array<std::int32_t>& targets) { s.set_targets(vector_of(targets)); },
            py::arg("targets").noconvert())
        .def("set_average", &Sgd::set_average, py::arg("first"))
        .def("averaged", &Sgd::averaged, "A state whose weights are the averages so far.")
        .def_property_readonly("average", [](const Sgd& s) { return s.average.from; })
        .def(
            "start_from",
            [](Sgd& s, const Array<double>& coef, const Array<double>& intercept, bool dense) {
                s.start_from(vector_of(coef), vector_of(intercept), dense);
            },
            py::arg("coef").noconvert(), py::arg("intercept").noconvert(), py::arg("dense"),
            "Weights to begin with: lanes x cols, and one intercept a lane.")
        .def(
            "set_penalties",
            [](Sgd& s, const Array<double>& l1, const Array<double>& l2) {
                s.set_penalties(vector_of(l1), vector_of(l2));
            },
            py::arg("l1").noconvert(), py::arg("l2").noconvert())
        .def(
            "scale_penalties", [](Sgd& s, const Array<double>& by) { s.scale_penalties(vector_of(by)); },
            py::arg("by").noconvert())
        .def_property_readonly(
            "penalties", [](const Sgd& s) { return py::make_tuple(copy(s.table.l1), copy(s.table.l2)); },
            "(l1, l2), each one a lane.")
        .def_property_readonly("lanes", &Sgd::lanes)
        .def_property_readonly("rates", [](const Sgd& s) { return copy(s.table.rate); })
        .def_property_readonly("targets", [](const Sgd& s) { return copy(s.table.target); })
        .def_property_readonly(
            "nbytes",
            [](const Sgd& s) {
                return (s.w.size() + s.h.size() + s.r.size() + s.last.size() + s.p1.size() + s.p2.size()) *
                           4 +
                       s.average.lag.size() * 8;
            })
        .def_readonly("loss", &Sgd::loss_name)
        .def_readonly("loss_parameter", &Sgd::loss_parameter)
        .def_property_readonly(
            "step", [](const Sgd& s) { return py::make_tuple(s.step.name(), s.step.power, s.step.offset); })
        .def_readonly("cols", &Sgd::cols)
        .def_readonly("rows", &Sgd::rows)
        .def_readonly("steps", &Sgd::steps)
        .def("to_arrays", &to_arrays)
        .def_static("from_arrays", &from_arrays, py::arg("arrays"));
}

}  // namespace esker::bind

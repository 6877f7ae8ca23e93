// Linear support vector machines for Python: rows once, a machine for each class.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>

#include "base/parallel.hpp"
#include "bind/array.hpp"
#include "solve/dual_descent.hpp"

namespace esker::bind {
namespace {

// Machines over the same rows, as many at work at once as there are threads.
struct Machines {
    using Clock = std::chrono::steady_clock;
    struct Work {
        std::unique_ptr<Machine> machine;
        std::size_t at;  // of all machines
        double ends;     // by `seconds`: its share of the time that there was when it began
    };

    Array<double> y;
    std::optional<Array<double>> weight;
    std::vector<py::object> kept;  // what the views look at
    std::unique_ptr<MachineRows> rows;
    MachineRules rules;
    std::vector<Index> labels;
    std::vector<double> factors;
    std::vector<Work> working;
    std::vector<double> coef, level, gaps, primals;
    std::vector<Index> epochs;
    std::vector<double> dual;  // of the last machine that ended
    std::unique_ptr<bool[]> converged;
    std::size_t begun = 0, ended = 0;
    Clock::time_point made = Clock::now();
    double time = std::numeric_limits<double>::infinity();  // seconds that all may take
    bool late = false, finite = true;

    double seconds() const { return std::chrono::duration<double>(Clock::now() - made).count(); }
    void start() {
        const std::size_t most = std::min<std::size_t>(labels.size(), static_cast<std::size_t>(threads()));
        while (working.size() < most && begun < labels.size()) {
            MachineRules own = rules;
            own.label = labels[begun], own.own = factors[begun];
            const double now = seconds(), waves = std::ceil(static_cast<double>(labels.size() - begun) /
                                                            static_cast<double>(most));
            working.push_back({std::make_unique<Machine>(*rows, own), begun, now + (time - now) / waves});
            begun++;
        }
    }
    void end(const Work& work) {
        const Machine& m = *work.machine;
        const std::size_t at = work.at, d = m.w.size() - 1;
        std::copy_n(m.w.begin(), d, coef.begin() + static_cast<std::ptrdiff_t>(at * d));
        level[at] = m.w[d] * rows->bias;
        gaps[at] = m.gap, primals[at] = m.primal, epochs[at] = m.epochs, converged[at] = m.converged;
        finite = finite && std::isfinite(m.primal);
        late = late || m.stopped;
        ended++;
    }
    // A slice of work of each machine at work; whether all have ended, or one for all.
    bool step() {
        start();
        parallel_for(static_cast<std::int64_t>(working.size()), [&](std::int64_t k) {
            Work& work = working[static_cast<std::size_t>(k)];
            Machine& m = *work.machine;
            const Index slice = std::max<Index>(1, (Index{1} << 24) / std::max<Index>(1, rows->stored()));
            for (Index e = 0; e < slice && !m.settled; e++) {
                m.epoch();
                if (seconds() >= work.ends) m.stop();
            }
        });
        for (std::size_t k = working.size(); k-- > 0;)
            if (working[k].machine->settled) {
                end(working[k]);
                if (labels.size() == 1) dual = std::move(working[k].machine->dual);
                working.erase(working.begin() + static_cast<std::ptrdiff_t>(k));
            }
        return ended == labels.size() || !finite;
    }
};

}  // namespace

void bind_dual_descent(py::module_& m) {
    py::class_<Machines>(m, "Machines", "Linear support vector machines over the same rows.")
        .def(py::init([](const std::vector<py::object>& parts, Index cols, const Array<double>& y,
                         const std::optional<Array<double>>& weight, std::vector<Index> labels,
                         std::vector<double> factors, double bias, double C, double epsilon, bool squared,
                         double tol, Index max_iter, std::uint64_t seed, double seconds) {
                 auto s = std::make_unique<Machines>();
                 std::vector<Matrix> views;
                 for (const py::object& x : parts) views.push_back(matrix_of(x));
                 require(!views.empty() && !labels.empty() && factors.size() == labels.size(),
                         "there must be rows, machines and a factor for each");
                 for (const Matrix& x : views)
                     require(esker::cols(x) <= cols && (x.index() > 1 || esker::cols(x) == cols),
                             "rows must have the columns of the machines");
                 s->y = y, s->weight = weight, s->kept = parts;
                 {
                     const double *py_y = y.data(), *py_w = weight ? weight->data() : nullptr;
                     const py::gil_scoped_release release;
                     s->rows = std::make_unique<MachineRows>(std::move(views), cols, bias, py_y, py_w);
                 }
                 require(y.size() == s->rows->n() && (!weight || weight->size() == s->rows->n()),
                         "y and weight must have a number for each row");
                 s->rules = {C, epsilon, squared, -1, 1, tol, max_iter, seed};
                 s->time = seconds;
                 const std::size_t k = labels.size();
                 s->labels = std::move(labels), s->factors = std::move(factors);
                 s->coef.assign(k * static_cast<std::size_t>(cols), 0.0);
                 s->level.assign(k, 0.0), s->gaps.assign(k, 0.0), s->primals.assign(k, 0.0);
                 s->epochs.assign(k, 0);
                 s->converged.reset(new bool[k]());
                 return s;
             }),
             py::arg("parts"), py::arg("cols"), py::arg("y").noconvert(), py::arg("weight").noconvert(),
             py::arg("labels"), py::arg("factors"), py::arg("bias"), py::arg("C"), py::arg("epsilon"),
             py::arg("squared"), py::arg("tol"), py::arg("max_iter"), py::arg("seed"), py::arg("seconds"))
        .def("step", &Machines::step, py::call_guard<py::gil_scoped_release>(),
             "Epochs of the machines at work; True once all have ended, or the sums of one are not finite.")
        .def_readonly("late", &Machines::late, "Whether a machine ended because its time was up.")
        .def_property_readonly("coef",
                               [](const Machines& s) {
                                   return own(std::vector<double>(s.coef),
                                              {static_cast<py::ssize_t>(s.labels.size()), s.rows->cols});
                               })
        .def_property_readonly("intercept", [](const Machines& s) { return copy(s.level); })
        .def_property_readonly("gaps", [](const Machines& s) { return copy(s.gaps); })
        .def_property_readonly("objectives", [](const Machines& s) { return copy(s.primals); })
        .def_property_readonly("epochs", [](const Machines& s) { return copy(s.epochs); })
        .def_property_readonly("dual", [](const Machines& s) { return copy(s.dual); })
        .def_property_readonly("converged", [](const Machines& s) {
            return py::array_t<bool>(static_cast<py::ssize_t>(s.labels.size()), s.converged.get());
        });
}

}  // namespace esker::bind

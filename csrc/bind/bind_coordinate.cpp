// Elastic nets on Grams for Python.
#include <algorithm>
#include <memory>

#include "bind/array.hpp"
#include "solve/coordinate.hpp"

namespace esker::bind {
namespace {

bool interrupted() {
    const py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
}

py::tuple enet_paths(const std::vector<Gram*>& grams, const std::vector<Index>& targets,
                     const Array<double>& alphas, const std::vector<double>& l1_ratios,
                     const std::optional<Array<double>>& start, bool centred, double tol, Index max_iter,
                     bool positive, bool random, std::uint64_t seed) {
    const std::size_t m = grams.size();
    require(m > 0 && targets.size() == m && l1_ratios.size() == m && alphas.ndim() == 2 &&
                alphas.shape(0) == static_cast<py::ssize_t>(m),
            "grams, targets, l1_ratios and the rows of alphas must be equally many, and at least one");
    const Index d = grams[0]->cols(), count = alphas.shape(1);
    for (const Gram* gram : grams)
        require(gram->block_rows == 0, "coordinate descent needs X'X whole, got packed sums");
    for (std::size_t i = 0; i < m; i++)
        require(grams[i]->cols() == d && targets[i] >= 0 && targets[i] < grams[i]->targets() &&
                    grams[i]->weight > 0,
                "each Gram must have rows, the same columns and the target asked for");
    require(!start || (start->ndim() == 2 && start->shape(0) == static_cast<py::ssize_t>(m) &&
                       start->shape(1) == d),
            "start must have a row of coefficients for each Gram");
    const auto total = static_cast<std::size_t>(count) * m;
    std::vector<double> coefs(total * static_cast<std::size_t>(d)), gaps(total);
    std::vector<Index> sweeps(total);
    const std::unique_ptr<bool[]> converged(new bool[total]());
    {
        const py::gil_scoped_release release;
        std::vector<Gram*> distinct(grams);
        std::sort(distinct.begin(), distinct.end());
        distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
        for (Gram* gram : distinct) mirror(*gram);
        const DescentRules rules{tol, max_iter, positive, random, seed};
        std::vector<Path> paths;
        for (std::size_t i = 0; i < m; i++) {
            const Index at = static_cast<Index>(i) * count;
            paths.push_back({descend_from(*grams[i], targets[i], centred, rules,
                                          start ? start->data() + static_cast<Index>(i) * d : nullptr),
                             alphas.data() + at, count, l1_ratios[i], coefs.data() + at * d, gaps.data() + at,
                             sweeps.data() + at, converged.get() + at});
        }
        follow(paths, interrupted);
    }
    const auto rows = static_cast<py::ssize_t>(m);
    return py::make_tuple(own(std::move(coefs), {rows, count, d}), own(std::move(gaps), {rows, count}),
                          own(std::move(sweeps), {rows, count}),
                          py::array_t<bool>({rows, static_cast<py::ssize_t>(count)}, converged.get()));
}

}  // namespace

void bind_coordinate(py::module_& m) {
    m.def("enet_paths", &enet_paths, py::arg("grams"), py::arg("targets"), py::arg("alphas").noconvert(),
          py::arg("l1_ratios"), py::arg("start").noconvert(), py::arg("centred"), py::arg("tol"),
          py::arg("max_iter"), py::arg("positive"), py::arg("random"), py::arg("seed"),
          "Elastic nets along falling alphas: coefs (m, k, d), gaps, sweeps and whether converged (m, k).");
    m.def(
        "enet_errors",
        [](const Gram& rows, const Gram& trained, const Array<double>& coefs, bool centred) {
            require(coefs.ndim() == 2 && coefs.shape(1) == rows.cols() && trained.cols() == rows.cols() &&
                        rows.targets() == 1 && trained.targets() == 1 && rows.weight > 0,
                    "coefs must be (k, d) for Grams of d columns and one target, with rows");
            std::vector<double> out(static_cast<std::size_t>(coefs.shape(0)));
            {
                const py::gil_scoped_release release;
                mean_squared_errors(out.data(), rows, trained, coefs.data(), coefs.shape(0), centred);
            }
            return own(std::move(out));
        },
        py::arg("rows"), py::arg("trained"), py::arg("coefs").noconvert(), py::arg("centred"),
        "Mean squared errors on the rows of one Gram of models (k, d) trained on another.");
}

}  // namespace esker::bind

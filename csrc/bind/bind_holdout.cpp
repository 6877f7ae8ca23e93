// Which rows are held out of learning: a function of (seed, row key).
#include "base/philox.hpp"
#include "bind/array.hpp"

namespace esker::bind {

void bind_holdout(py::module_& m) {
    m.def(
        "holdout_mask",
        [](std::uint64_t seed, const Array<std::int64_t>& keys, double fraction) {
            require(fraction >= 0 && fraction < 1,
                    "fraction must be in [0, 1), got " + std::to_string(fraction));
            py::array_t<bool> mask(keys.size());
            const std::int64_t* k = keys.data();
            bool* out = mask.mutable_data();
            const auto n = keys.size();
            const py::gil_scoped_release release;
            for (py::ssize_t i = 0; i < n; i++)
                out[i] = uniform(draw(seed, k[i], Stream::holdout)[0]) < fraction;
            return mask;
        },
        py::arg("seed"), py::arg("keys").noconvert(), py::arg("fraction"),
        "True for the rows that are held out: about this fraction, the same for the same seed and keys.");
}

}  // namespace esker::bind

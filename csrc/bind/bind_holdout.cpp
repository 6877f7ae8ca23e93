// Which rows are held out of learning: a function of (seed, row key).
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <variant>

#include "base/philox.hpp"
#include "bind/array.hpp"
#include "isa/kernels.hpp"

namespace esker::bind {
namespace {

void check(double fraction) {
    require(fraction >= 0 && fraction < 1, "fraction must be in [0, 1), got " + std::to_string(fraction));
}
// uniform(word) < fraction, in whole numbers
void held_out(bool* out, std::uint64_t seed, const std::int64_t* keys, Index n, double fraction) {
    const auto below = static_cast<std::uint64_t>(std::ceil(fraction * 0x1p32));
    kernels().drawn_below(out, keys, n, seed, static_cast<std::uint32_t>(Stream::holdout), below);
}

[[noreturn]] void refuse(Index row, Index rows) {
    throw std::invalid_argument("order must name rows that have keys, got row " + std::to_string(row) +
                                " where " + std::to_string(rows) + " have one");
}

}  // namespace

void bind_holdout(py::module_& m) {
    m.def(
        "holdout_mask",
        [](std::uint64_t seed, const Array<std::int64_t>& keys, double fraction) {
            check(fraction);
            py::array_t<bool> mask(keys.size());
            const std::int64_t* k = keys.data();
            bool* out = mask.mutable_data();
            const auto n = keys.size();
            const py::gil_scoped_release release;
            held_out(out, seed, k, n, fraction);
            return mask;
        },
        py::arg("seed"), py::arg("keys").noconvert(), py::arg("fraction"),
        "True for the rows that are held out: about this fraction, the same for the same seed and keys.");
    m.def(
        "hold_out",
        [](std::uint64_t seed, const std::variant<std::int64_t, Array<std::int64_t>>& keys,
           const Array<Index>& order, double fraction) {
            check(fraction);
            const auto* array = std::get_if<Array<std::int64_t>>(&keys);
            const Keys key{array ? array->data() : nullptr, array ? 0 : std::get<std::int64_t>(keys)};
            const Index rows = array ? array->size() : std::numeric_limits<Index>::max(), n = order.size();
            const Index* visits = order.data();
            py::array_t<Index> kept(n);
            Index* out = kept.mutable_data();
            std::vector<Index> held;
            Index count = 0;
            {
                const py::gil_scoped_release release;
                constexpr Index most = 512;  // apart, the draws become vectors
                std::int64_t some[most];
                bool apart[most];
                for (Index begin = 0; begin < n; begin += most) {
                    const Index size = std::min(most, n - begin);
                    for (Index i = 0; i < size; i++) {
                        const Index row = visits[begin + i];
                        if (row < 0 || row >= rows) refuse(row, rows);
                        some[i] = key(row);
                    }
                    held_out(apart, seed, some, size, fraction);
                    for (Index i = 0; i < size; i++) {
                        out[count] = visits[begin + i];
                        count += !apart[i];
                        if (apart[i]) held.push_back(visits[begin + i]);
                    }
                }
            }
            return py::make_tuple(py::array_t<Index>(kept[py::slice(0, count, 1)]), own(std::move(held)));
        },
        py::arg("seed"), py::arg("keys").noconvert(), py::arg("order").noconvert(), py::arg("fraction"),
        "(the rows of order that are learned from, those that are held out), both in its order; keys: all "
        "rows', or the first.");
}

}  // namespace esker::bind

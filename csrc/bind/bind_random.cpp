// Random numbers by (seed, key, stream) for Python.
#include "base/parallel.hpp"
#include "bind/array.hpp"
#include "isa/map_kernels.hpp"

namespace esker::bind {
namespace {

template <class T>
void define(py::module_& m) {
    m.def(
        "normals",
        [](Array<T>& out, std::int64_t key, std::uint64_t seed, std::uint32_t stream, std::int64_t first,
           double scale) {
            require(out.ndim() == 2, "out must have 2 dimensions");
            require(first >= 0 && first % 4 == 0,
                    "first must be a multiple of 4, got " + std::to_string(first));
            T* to = out.mutable_data();
            const Index rows = out.shape(0), cols = out.shape(1);
            const py::gil_scoped_release release;
            const auto& kernel = map_kernels().gaussian<T>();
            const Index group = std::max<Index>(1, 4096 / std::max<Index>(1, cols));
            parallel_for((rows + group - 1) / group, [&](Index task) {
                for (Index i = task * group; i < std::min(rows, (task + 1) * group); i++)
                    kernel.normals(to + i * cols, first, cols, key + i, seed, stream, static_cast<T>(scale));
            });
        },
        py::arg("out").noconvert(), py::arg("key"), py::arg("seed"), py::arg("stream"), py::arg("first") = 0,
        py::arg("scale") = 1.0,
        "Row i of out becomes the normal numbers first, first + 1, ... of key + i, times scale.");
}

}  // namespace

void bind_random(py::module_& m) {
    define<float>(m);
    define<double>(m);
}

}  // namespace esker::bind

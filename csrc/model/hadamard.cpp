// Blocking of Walsh-Hadamard transforms: parts of a vector that the first cache holds, then stages between
// parts.
#include "model/hadamard.hpp"

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "isa/map_kernels.hpp"

namespace esker {
namespace {

constexpr Index most_parts = 64;   // of a vector: a cache line of each stays in the first cache or the second
constexpr Index most_rows = 1024;  // of a matrix, in one visit to a panel of its columns
constexpr Index task_numbers = 65536;  // numbers that make a task worth a thread's while

}  // namespace

Index next_power_of_two(Index n) {
    require(n <= (Index{1} << 62), "a transform has at most 2^62 places, got " + std::to_string(n));
    Index m = 1;
    while (m < n) m *= 2;
    return m;
}

template <class T>
Index hadamard_room(Index n) {
    const auto& k = map_kernels().hadamard<T>();
    return n <= k.line ? 0 : std::min(most_parts, n / k.line) * k.panel;
}

template <class T>
void hadamard(T* out, const T* in, Index n, T* room, Index filled) {
    const auto& k = map_kernels().hadamard<T>();
    if (n <= k.line) return k.vector(out, in, n);
    const Index parts = std::min(most_parts, n / k.line), part = n / parts;
    for (Index i = 0; i * part < filled; i++)
        hadamard(out + i * part, in + i * part, part, room, std::min(part, filled - i * part));
    k.columns(out, parts, part, part, room);
}

template <class T>
void hadamard_rows(T* out, Index to, const DenseView<T>& in) {
    require(power_of_two(in.cols), "rows must be as long as a power of two, got " + std::to_string(in.cols));
    const Index group = std::max<Index>(1, task_numbers / 4 / in.cols);
    parallel_for((in.rows + group - 1) / group, [&](Index task) {
        const Room<T> room(hadamard_room<T>(in.cols));
        for (Index i = task * group; i < std::min(in.rows, (task + 1) * group); i++)
            hadamard(out + i * to, in.row(i), in.cols, room.get(), in.cols);
    });
}

template <class T>
void hadamard_columns(T* x, Index rows, Index cols, Index stride) {
    require(power_of_two(rows), "rows must be as many as a power of two, got " + std::to_string(rows));
    if (cols == 0) return;
    const auto& k = map_kernels().hadamard<T>();
    // Whole stages at a time: `step` rows that were done together before are one place of the next.
    for (Index step = 1; step < rows;) {
        const Index places = std::min(most_rows, rows / step);
        const Index wide = std::max(k.panel, std::min(cols, task_numbers / places) / k.panel * k.panel);
        const Index across = (cols + wide - 1) / wide, visits = rows / places * across;
        const Index group = std::max<Index>(1, task_numbers / (places * std::min(wide, cols)));
        parallel_for((visits + group - 1) / group, [&](Index task) {
            const Room<T> room(places * k.panel);
            for (Index v = task * group; v < std::min(visits, (task + 1) * group); v++) {
                const Index line = v / across, j = v % across * wide;
                const Index first = line / step * step * places + line % step;
                k.columns(x + first * stride + j, places, step * stride, std::min(wide, cols - j),
                          room.get());
            }
        });
        step *= places;
    }
}

#define ESKER_EACH(T)                                               \
    template Index hadamard_room<T>(Index);                         \
    template void hadamard<T>(T*, const T*, Index, T*, Index);      \
    template void hadamard_rows<T>(T*, Index, const DenseView<T>&); \
    template void hadamard_columns<T>(T*, Index, Index, Index);
ESKER_EACH(float)
ESKER_EACH(double)
#undef ESKER_EACH

}  // namespace esker

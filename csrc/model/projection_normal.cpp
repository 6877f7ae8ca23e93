// Projections by normal numbers: a slab of the matrix is made, multiplied and forgotten.
#include <algorithm>

#include "base/blas.hpp"
#include "base/parallel.hpp"
#include "base/philox.hpp"
#include "isa/map_kernels.hpp"
#include "model/hadamard.hpp"
#include "model/projection.hpp"

namespace esker {
namespace {

constexpr Index slab_numbers = Index{1}
                               << 20;  // of the matrix at once, as far as a slab is 64 to 1024 columns

Index slab_of(Index components) { return std::clamp<Index>(slab_numbers / components, 64, 1024); }

// Row j of the slab holds what column first + j of the data is multiplied with.
template <class T>
void make_slab(T* out, Index first, Index count, Index components, std::uint64_t seed, double scale) {
    const auto& k = map_kernels().gaussian<T>();
    const Index group = std::max<Index>(1, 4096 / components);
    parallel_for((count + group - 1) / group, [&](Index task) {
        for (Index j = task * group; j < std::min(count, (task + 1) * group); j++)
            k.normals(out + j * components, 0, components, first + j, seed,
                      static_cast<std::uint32_t>(Stream::projection), static_cast<T>(scale));
    });
}

}  // namespace

template <class T>
void project_normal(T* out, const DenseView<T>& x, Index components, std::uint64_t seed, double scale,
                    Poll poll) {
    const Index slab = std::min(slab_of(components), x.cols);
    const Room<T> room(slab * components);
    for (Index j = 0; j < x.cols; j += slab) {
        if (poll && poll()) throw Interrupted();
        const Index count = std::min(slab, x.cols - j);
        make_slab(room.get(), j, count, components, seed, scale);
        // By columns, as BLAS has it: out' += slab' x'
        blas::gemm('N', 'N', components, x.rows, count, T(1), room.get(), components, x.data + j,
                   std::max(x.stride, x.cols), j == 0 ? T(0) : T(1), out, components);
    }
}

template <class T, class I>
void project_normal(T* out, const CsrView<T, I>& x, Index components, std::uint64_t seed, double scale,
                    Poll poll) {
    const auto& k = map_kernels().projection<T>();
    const Index slab = std::min(slab_of(components), x.cols);
    const Room<T> room(slab * components);
    std::vector<Index> next(static_cast<std::size_t>(x.rows), 0);
    std::fill_n(out, x.rows * components, T(0));
    for (Index j = 0; j < x.cols; j += slab) {
        if (poll && poll()) throw Interrupted();
        make_slab(room.get(), j, std::min(slab, x.cols - j), components, seed, scale);
        parallel_for((x.rows + 31) / 32, [&](Index task) {
            for (Index i = task * 32; i < std::min(x.rows, task * 32 + 32); i++) {
                const auto row = x.row(i);
                Index& at = next[static_cast<std::size_t>(i)];
                for (; at < row.size && row.columns[at] < j + slab; at++)
                    k.add_scaled(out + i * components,
                                 room.get() + (static_cast<Index>(row.columns[at]) - j) * components,
                                 row.values[at], components);
            }
        });
    }
}

#define ESKER_DENSE(T) \
    template void project_normal<T>(T*, const DenseView<T>&, Index, std::uint64_t, double, Poll);
#define ESKER_CSR(T, I) \
    template void project_normal<T, I>(T*, const CsrView<T, I>&, Index, std::uint64_t, double, Poll);
ESKER_DENSE(float)
ESKER_DENSE(double)
ESKER_CSR(float, std::int32_t)
ESKER_CSR(float, std::int64_t)
ESKER_CSR(double, std::int32_t)
ESKER_CSR(double, std::int64_t)
#undef ESKER_DENSE
#undef ESKER_CSR

}  // namespace esker

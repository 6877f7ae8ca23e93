// The strips and tiles of a gradient's products (isa/gradient_kernels.hpp), in float64.
#include "solve/basis.hpp"

#include <algorithm>

#include "base/parallel.hpp"
#include "isa/kernels.hpp"

namespace esker {
namespace {

Index strips_of(Index d) {
    const Index wide = kernels().gradient_f64.wide;
    return (d + wide - 1) / wide;
}

void pack(Buffer& to, const double* v, Index d, Index across, Index along) {
    const Index wide = kernels().gradient_f64.wide;
    to.grow(static_cast<std::size_t>(2 * strips_of(d) * d * wide));
    auto* out = reinterpret_cast<double*>(to.data());
    parallel_for(strips_of(d), [&](Index t) {
        const Index columns = std::min(wide, d - t * wide);
        for (Index k = 0; k < d; k++)
            for (Index l = 0; l < columns; l++)
                out[(t * d + k) * wide + l] = v[k * along + (t * wide + l) * across];
    });
}

}  // namespace

Basis::Basis(const double* vectors, Index width) : d(width) {
    pack(forth_, vectors, d, 1, d);
    pack(back_, vectors, d, d, 1);
}

void Basis::times(double* out, const double* rows, Index n, bool transposed) const {
    const auto& kernel = kernels().gradient_f64;
    const Index padded = (n + kernel.high - 1) / kernel.high * kernel.high;
    Buffer a(static_cast<std::size_t>(2 * padded * d));
    auto* from = reinterpret_cast<double*>(a.data());
    std::copy(rows, rows + n * d, from);
    const auto* strips = reinterpret_cast<const double*>((transposed ? back_ : forth_).data());
    parallel_for(strips_of(d), [&](Index t) {
        Buffer b(static_cast<std::size_t>(2 * padded * kernel.wide));
        auto* c = reinterpret_cast<double*>(b.data());
        constexpr Index near = 256;  // so much of a strip stays in the first cache
        for (Index k = 0; k < d; k += near)
            kernel.along(c, from + k, d, n, strips + (t * d + k) * kernel.wide, std::min(near, d - k), k > 0);
        const Index columns = std::min(kernel.wide, d - t * kernel.wide);
        for (Index i = 0; i < n; i++)
            std::copy(c + i * kernel.wide, c + i * kernel.wide + columns, out + i * d + t * kernel.wide);
    });
}

}  // namespace esker

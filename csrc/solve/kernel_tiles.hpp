// Values of a kernel function between rows and a few landmarks, a panel of rows at a time, never all of them.
#pragma once

#include <type_traits>
#include <vector>

#include "base/buffer.hpp"
#include "base/error.hpp"
#include "base/view.hpp"
#include "isa/kernel_tile_kernels.hpp"

namespace esker {

enum class KernelKind { rbf, laplacian, linear, polynomial, sigmoid };

struct KernelFunction {
    KernelKind kind = KernelKind::rbf;
    double gamma = 1, coef0 = 1;
    int degree = 3;
};

// Landmarks as the tiles read them: about their mean where only differences count, so that a large common
// part of rows does not cancel, times what the kernel multiplies by, in strips.
template <class P>
struct PackedLandmarks {
    Index m = 0, d = 0, strips = 0;
    KernelMap map = KernelMap::same;
    int degree = 1;
    double scale = 1;  // of the rows
    bool distances = false;
    std::vector<double> shift;
    Buffer values, levels;

    PackedLandmarks(const Matrix& z, const KernelFunction& f);
    Index wide() const noexcept;
    Index pitch() const noexcept { return strips * wide(); }
    const P* z() const noexcept { return reinterpret_cast<const P*>(values.data()); }
    const P* level() const noexcept { return reinterpret_cast<const P*>(levels.data()); }
};

// Rows of a panel: as many as keep it in a core's second cache, a multiple of what the kernels' steps are.
template <class P>
Index panel_rows_of(Index pitch) noexcept {
    constexpr Index step = 12, bytes = Index{352} << 10;
    const Index fit = bytes / (pitch * static_cast<Index>(sizeof(P))) / step * step;
    return fit < step ? step : fit > 8 * step ? 8 * step : fit;
}

// A thread's panel.
template <class P>
struct KernelPanel {
    Index most, pitch;
    Buffer values, rows, levels;

    explicit KernelPanel(const PackedLandmarks<P>& at);
    P* data() noexcept { return reinterpret_cast<P*>(values.data()); }
    // Values of rows begin .. end - 1 of x, at most `most`; rows that fill it up to a multiple of 12 are
    // finite. Returns their number with those.
    Index fill(const PackedLandmarks<P>& at, const Matrix& x, Index begin, Index end);
};

// out, rows x m, ldo numbers apart = k(x, z).
template <class P>
void kernel_block(P* out, Index ldo, const PackedLandmarks<P>& at, const Matrix& x);

// out, rows x lanes = k(x, z) v', v being lanes x m.
template <class P>
void kernel_scores(double* out, const PackedLandmarks<P>& at, const Matrix& x, const double* v, Index lanes);

// Vectors, lanes x m, in P and padded with zeros to whole strips.
template <class P>
Buffer padded_vectors(const PackedLandmarks<P>& at, const double* v, Index lanes);

extern template struct PackedLandmarks<float>;
extern template struct PackedLandmarks<double>;
extern template struct KernelPanel<float>;
extern template struct KernelPanel<double>;

}  // namespace esker

// Rows and landmarks made ready for the tiles, and what is done with a panel at a time.
#include "solve/kernel_tiles.hpp"

#include <algorithm>
#include <cmath>

#include "base/parallel.hpp"
#include "isa/map_kernels.hpp"

namespace esker {
namespace {

constexpr double log2e = 1.4426950408889634;

template <class P>
Buffer room(Index n) {
    return Buffer(static_cast<std::size_t>(n) * (sizeof(P) / sizeof(float)));
}
template <class P>
P* as(Buffer& b) {
    return reinterpret_cast<P*>(b.data());
}

// to = scale (row i of x - shift), d numbers `step` apart; returns the sum of their squares.
template <class P, class T>
double put_row(P* to, Index step, const DenseView<T>& x, Index i, const std::vector<double>& shift,
               double scale) {
    const T* row = x.row(i);
    double squares = 0;
    if (shift.empty()) {
        for (Index j = 0; j < x.cols; j++) to[j * step] = static_cast<P>(scale * static_cast<double>(row[j]));
        return 0;
    }
    for (Index j = 0; j < x.cols; j++) {
        const auto v =
            static_cast<P>(scale * (static_cast<double>(row[j]) - shift[static_cast<std::size_t>(j)]));
        squares += static_cast<double>(v) * static_cast<double>(v);
        to[j * step] = v;
    }
    return squares;
}
template <class P, class T, class I>
double put_row(P* to, Index step, const CsrView<T, I>& x, Index i, const std::vector<double>& shift,
               double scale) {
    for (Index j = 0; j < x.cols; j++)
        to[j * step] = shift.empty() ? P(0) : static_cast<P>(-scale * shift[static_cast<std::size_t>(j)]);
    const auto row = x.row(i);
    for (Index e = 0; e < row.size; e++) {
        const auto j = static_cast<Index>(row.columns[e]);
        const double at = shift.empty() ? 0.0 : shift[static_cast<std::size_t>(j)];
        to[j * step] = static_cast<P>(scale * (static_cast<double>(row.values[e]) - at));
    }
    double squares = 0;
    if (!shift.empty())
        for (Index j = 0; j < x.cols; j++) {
            const auto v = static_cast<double>(to[j * step]);
            squares += v * v;
        }
    return squares;
}

template <class T>
void add_row(std::vector<double>& sum, const DenseView<T>& x, Index i) {
    for (Index j = 0; j < x.cols; j++) sum[static_cast<std::size_t>(j)] += static_cast<double>(x.row(i)[j]);
}
template <class T, class I>
void add_row(std::vector<double>& sum, const CsrView<T, I>& x, Index i) {
    const auto row = x.row(i);
    for (Index e = 0; e < row.size; e++)
        sum[static_cast<std::size_t>(row.columns[e])] += static_cast<double>(row.values[e]);
}

Index rows_of(const Matrix& x) {
    return std::visit([](const auto& m) { return m.rows; }, x);
}

void check_cols(Index have, Index want) {
    require(have == want,
            "the rows have " + std::to_string(have) + " columns, the landmarks " + std::to_string(want));
}

// f(panel, begin, end) of a panel each, dealt to the threads.
template <class P, class F>
void by_panels(const PackedLandmarks<P>& at, Index rows, F&& f) {
    const Index most = panel_rows_of<P>(at.pitch());
    const Index tasks = std::min<Index>((rows + most - 1) / most, 64);
    parallel_for(tasks, [&](Index task) {
        KernelPanel<P> panel(at);
        for (Index begin = rows * task / tasks, last = rows * (task + 1) / tasks; begin < last; begin += most)
            f(panel, begin, std::min(last, begin + most));
    });
}

}  // namespace

template <class P>
PackedLandmarks<P>::PackedLandmarks(const Matrix& rows, const KernelFunction& f)
    : m(rows_of(rows)),
      d(cols(rows)),
      distances(f.kind == KernelKind::rbf || f.kind == KernelKind::laplacian) {
    require(m > 0, "there must be at least one landmark");
    require(f.degree >= 1, "degree must be at least 1");
    double own = 1, level = 0;  // of the landmarks
    switch (f.kind) {
        case KernelKind::rbf:  // exp(-gamma |x - z|^2) = 2^(x.z - |x|^2 / 2 - |z|^2 / 2) of scaled rows
            map = KernelMap::two_to, scale = own = std::sqrt(2 * f.gamma * log2e);
            break;
        case KernelKind::laplacian:
            map = KernelMap::distance, scale = own = f.gamma * log2e;
            break;
        case KernelKind::linear:
            map = KernelMap::same;
            break;
        case KernelKind::polynomial:
            map = KernelMap::power, own = f.gamma, level = f.coef0, degree = f.degree;
            break;
        case KernelKind::sigmoid:
            map = KernelMap::tanh, own = 2 * log2e * f.gamma, level = 2 * log2e * f.coef0;
            break;
    }
    const Index n = wide();
    strips = (m + 2 * n - 1) / (2 * n) * 2;  // an even number, as vectors are multiplied by twos
    values = room<P>(strips * n * d), levels = room<P>(strips * n);
    std::visit(
        [&](const auto& x) {
            if (distances) {
                shift.assign(static_cast<std::size_t>(d), 0.0);
                for (Index i = 0; i < m; i++) add_row(shift, x, i);
                for (double& s : shift) s /= static_cast<double>(m);
            }
            for (Index i = 0; i < m; i++) {
                P* to = as<P>(values) + i / n * n * d + i % n;
                const double squares = put_row(to, n, x, i, shift, own);
                as<P>(levels)[i] = static_cast<P>(f.kind == KernelKind::rbf ? -0.5 * squares : level);
            }
        },
        rows);
}

template <class P>
Index PackedLandmarks<P>::wide() const noexcept {
    return map_kernels().kernel_tile.of<P>().wide;
}

template <class P>
KernelPanel<P>::KernelPanel(const PackedLandmarks<P>& at)
    : most(panel_rows_of<P>(at.pitch())),
      pitch(at.pitch()),
      values(room<P>(most * pitch)),
      rows(room<P>(most * at.d)),
      levels(room<P>(most)) {}

template <class P>
Index KernelPanel<P>::fill(const PackedLandmarks<P>& at, const Matrix& x, Index begin, Index end) {
    constexpr Index step = 12;
    const Index n = end - begin, padded = (n + step - 1) / step * step;
    std::visit(
        [&](const auto& m) {
            check_cols(m.cols, at.d);
            for (Index i = 0; i < n; i++) {
                const double squares = put_row(as<P>(rows) + i * at.d, 1, m, begin + i, at.shift, at.scale);
                as<P>(levels)[i] = at.map == KernelMap::two_to ? static_cast<P>(-0.5 * squares) : P(0);
            }
        },
        x);
    for (Index i = n * at.d; i < padded * at.d; i++) as<P>(rows)[i] = P(0);
    for (Index i = n; i < padded; i++) as<P>(levels)[i] = P(0);
    map_kernels().kernel_tile.of<P>().values(data(), pitch, as<P>(rows), at.d, as<P>(levels), padded, at.z(),
                                             at.level(), at.strips, at.d, at.map, at.degree);
    return padded;
}

template <class P>
void kernel_block(P* out, Index ldo, const PackedLandmarks<P>& at, const Matrix& x) {
    by_panels(at, rows_of(x), [&](KernelPanel<P>& panel, Index begin, Index end) {
        panel.fill(at, x, begin, end);
        for (Index i = begin; i < end; i++)
            std::copy_n(panel.data() + (i - begin) * panel.pitch, at.m, out + i * ldo);
    });
}

template <class P>
Buffer padded_vectors(const PackedLandmarks<P>& at, const double* v, Index lanes) {
    Buffer out = room<P>(lanes * at.pitch());
    for (Index l = 0; l < lanes; l++)
        for (Index j = 0; j < at.m; j++) as<P>(out)[l * at.pitch() + j] = static_cast<P>(v[l * at.m + j]);
    return out;
}

template <class P>
void kernel_scores(double* out, const PackedLandmarks<P>& at, const Matrix& x, const double* v, Index lanes) {
    Buffer kept = padded_vectors(at, v, lanes);
    const auto& kernel = map_kernels().kernel_tile.of<P>();
    by_panels(at, rows_of(x), [&](KernelPanel<P>& panel, Index begin, Index end) {
        std::vector<double> one(static_cast<std::size_t>(panel.most));
        const Index padded = panel.fill(at, x, begin, end);
        for (Index l = 0; l < lanes; l++) {
            kernel.forth(one.data(), panel.data(), panel.pitch, padded, as<P>(kept) + l * panel.pitch,
                         panel.pitch);
            for (Index i = begin; i < end; i++) out[i * lanes + l] = one[static_cast<std::size_t>(i - begin)];
        }
    });
}

template struct PackedLandmarks<float>;
template struct PackedLandmarks<double>;
template struct KernelPanel<float>;
template struct KernelPanel<double>;
template void kernel_block(float*, Index, const PackedLandmarks<float>&, const Matrix&);
template void kernel_block(double*, Index, const PackedLandmarks<double>&, const Matrix&);
template void kernel_scores(double*, const PackedLandmarks<float>&, const Matrix&, const double*, Index);
template void kernel_scores(double*, const PackedLandmarks<double>&, const Matrix&, const double*, Index);
template Buffer padded_vectors(const PackedLandmarks<float>&, const double*, Index);
template Buffer padded_vectors(const PackedLandmarks<double>&, const double*, Index);

}  // namespace esker

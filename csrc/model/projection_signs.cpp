// Projections by signs, sparse or one a column.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/parallel.hpp"
#include "base/philox.hpp"
#include "isa/map_kernels.hpp"
#include "model/hadamard.hpp"
#include "model/projection.hpp"

namespace esker {

void draw_signs(std::vector<std::int64_t>& out, std::uint64_t seed, Index column, Index components,
                double density) {
    // Gaps between nonzero entries are geometric: floor(log u / log(1 - density)), u uniform in (0, 1).
    const double rate = density < 1 ? 1 / std::log1p(-density) : 0.0;
    std::uint32_t number = 0;
    for (Index c = 0;; c++) {
        const Words w = draw(seed, column, Stream::projection, number++);
        const double u = ((std::uint64_t{w[0]} << 20 | w[1] >> 12) + 0.5) * 0x1p-52;
        const double gap = std::floor(std::log(u) * rate);
        if (!(gap < static_cast<double>(components - c))) return;
        c += static_cast<Index>(gap);
        if (c >= components) return;
        out.push_back(c << 1 | (w[2] >> 31));
    }
}

SignMap::SignMap(std::uint64_t seed, Index cols, Index components, double density)
    : cols(cols), components(components) {
    const Index slabs = (cols + slab - 1) / slab;
    begin.resize(static_cast<std::size_t>(slabs));
    entries.resize(static_cast<std::size_t>(slabs));
    parallel_for(slabs, [&](Index s) {
        const Index first = s * slab, count = std::min(slab, cols - first);
        std::vector<std::int64_t> drawn;
        std::vector<std::size_t> ends;
        for (Index j = 0; j < count; j++) {
            draw_signs(drawn, seed, first + j, components, density);
            ends.push_back(drawn.size());
        }
        require(drawn.size() < (std::size_t{1} << 32), "a slab of the map has 2^32 entries or more");
        auto& at = begin[static_cast<std::size_t>(s)];
        auto& to = entries[static_cast<std::size_t>(s)];
        at.assign(static_cast<std::size_t>(components) + 1, 0);
        to.resize(drawn.size());
        for (const std::int64_t e : drawn) at[static_cast<std::size_t>(e >> 1) + 1]++;
        for (std::size_t c = 1; c < at.size(); c++) at[c] += at[c - 1];
        std::vector<std::uint32_t> next(at.begin(), at.end() - 1);
        for (std::size_t j = 0, k = 0; j < ends.size(); j++)
            for (; k < ends[j]; k++)
                to[next[static_cast<std::size_t>(drawn[k] >> 1)]++] =
                    static_cast<std::uint16_t>(j << 1 | (drawn[k] & 1));
    });
}

template <class T>
bool SignMap::apply(T* out, Index to, const DenseView<T>& x, double scale) const {
    const auto& k = map_kernels().projection<T>();
    std::atomic<bool> finite{true};
    parallel_for((x.rows + k.rows - 1) / k.rows, [&](Index task) {
        const Index first = task * k.rows, used = std::min(k.rows, x.rows - first);
        const Room<T> panel(k.rows * std::min(slab, cols)), sums(k.rows * components);
        std::fill_n(sums.get(), k.rows * components, T(0));
        std::vector<const T*> from(static_cast<std::size_t>(k.rows));
        std::vector<T*> rows(static_cast<std::size_t>(k.rows));
        for (Index i = 0; i < k.rows; i++) rows[static_cast<std::size_t>(i)] = out + (first + i) * to;
        bool good = true;
        for (Index s = 0, j = 0; j < cols; s++, j += slab) {
            for (Index i = 0; i < k.rows; i++)  // beyond the last row it is taken again
                from[static_cast<std::size_t>(i)] = x.row(first + std::min(i, used - 1)) + j;
            good &= k.turn(panel.get(), from.data(), std::min(slab, cols - j));
            k.signed_sums(sums.get(), panel.get(), begin[static_cast<std::size_t>(s)].data(),
                          entries[static_cast<std::size_t>(s)].data(), components);
        }
        k.turn_back(rows.data(), sums.get(), components, used, static_cast<T>(scale));
        if (!good) finite = false;
    });
    return finite;
}

std::vector<std::int64_t> count_places(std::uint64_t seed, Index cols, Index components) {
    require(components > 0 && components < (Index{1} << 31),
            "a count sketch has 1 to 2^31 - 1 places, got " + std::to_string(components));
    std::vector<std::int64_t> places(static_cast<std::size_t>(cols));
    for (Index j = 0; j < cols; j++) {
        const Words w = draw(seed, j, Stream::projection_place);
        places[static_cast<std::size_t>(j)] =
            std::int64_t{below(w[0], static_cast<std::uint32_t>(components))} << 1 | (w[1] >> 31);
    }
    return places;
}

template <class T>
void project_count(T* out, const DenseView<T>& x, const std::vector<std::int64_t>& places, Index components) {
    parallel_for((x.rows + 15) / 16, [&](Index task) {
        for (Index i = task * 16; i < std::min(x.rows, task * 16 + 16); i++) {
            static constexpr T signs[2] = {1, -1};
            T* const to = out + i * components;
            const T* const row = x.row(i);
            std::fill_n(to, components, T(0));
            for (Index j = 0; j < x.cols; j++) {
                const std::int64_t p = places[static_cast<std::size_t>(j)];
                to[p >> 1] += signs[p & 1] * row[j];
            }
        }
    });
}

template <class T>
bool all_finite(const DenseView<T>& x) {
    std::atomic<bool> finite{true};
    const Index group = std::max<Index>(1, (Index{1} << 16) / std::max<Index>(1, x.cols));
    parallel_for((x.rows + group - 1) / group, [&](Index task) {
        T sum = 0;  // zero, or NaN once something was not finite
        for (Index i = task * group; i < std::min(x.rows, (task + 1) * group); i++) {
            const T* const row = x.row(i);
#pragma omp simd reduction(+ : sum)
            for (Index j = 0; j < x.cols; j++) sum += row[j] - row[j];
        }
        if (!(sum == 0)) finite = false;
    });
    return finite;
}

#define ESKER_EACH(T)                                                                                 \
    template bool SignMap::apply<T>(T*, Index, const DenseView<T>&, double) const;                    \
    template void project_count<T>(T*, const DenseView<T>&, const std::vector<std::int64_t>&, Index); \
    template bool all_finite<T>(const DenseView<T>&);
ESKER_EACH(float)
ESKER_EACH(double)
#undef ESKER_EACH

}  // namespace esker

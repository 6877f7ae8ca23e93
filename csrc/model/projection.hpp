// Random projections of rows to fewer columns, as functions of (seed, column number): nothing of the map is
// kept but what makes it, and rows are independent of each other, so any cut of them gives the same.
#pragma once

#include <vector>

#include "base/error.hpp"
#include "base/view.hpp"

namespace esker {

// Entries +-1 of column `column` in rows 0..components-1 of a map whose entries are nonzero with probability
// `density` each (Achlioptas 2003; Li, Hastie & Church 2006): components << 1 | negative, ascending, put at
// the end of `out`.
void draw_signs(std::vector<std::int64_t>& out, std::uint64_t seed, Index column, Index components,
                double density);

// The same map for dense rows: entries by slabs of columns, in each by component.
struct SignMap {
    static constexpr Index slab = 2048;  // columns of a panel that stay in the second cache; 2 slab < 2^16
    Index cols, components;
    std::vector<std::vector<std::uint32_t>> begin;
    std::vector<std::vector<std::uint16_t>> entries;
    SignMap(std::uint64_t seed, Index cols, Index components, double density);
    // out = scale x map', rows `to` numbers apart; whether all of x is finite.
    template <class T>
    bool apply(T* out, Index to, const DenseView<T>& x, double scale) const;
};

// out = x R', R[c][j] = scale times the normal number c of column j, made in slabs of columns. What is sparse
// has its column numbers in ascending order.
template <class T>
void project_normal(T* out, const DenseView<T>& x, Index components, std::uint64_t seed, double scale,
                    Poll poll);
template <class T, class I>
void project_normal(T* out, const CsrView<T, I>& x, Index components, std::uint64_t seed, double scale,
                    Poll poll);

// The subsampled randomized Hadamard transform (Ailon & Chazelle 2009; Tropp 2011): signs, the transform of
// the columns padded with zeros to a power of two, some of its outputs.
struct HadamardMap {
    Index cols, padded;
    std::vector<std::uint32_t> negative;  // a bit for each column
    std::vector<Index> places;            // of the outputs
    HadamardMap(std::uint64_t seed, Index cols, Index components);
    bool sign(Index j) const noexcept { return negative[static_cast<std::size_t>(j / 32)] >> (j % 32) & 1; }
    template <class T>
    void apply(T* out, const DenseView<T>& x, double scale) const;
    template <class T, class I>
    void apply(T* out, const CsrView<T, I>& x, double scale) const;
};

// Count sketch (Charikar, Chen & Farach-Colton 2002): each column goes to one place, with a sign; place << 1
// | negative.
std::vector<std::int64_t> count_places(std::uint64_t seed, Index cols, Index components);
template <class T>
void project_count(T* out, const DenseView<T>& x, const std::vector<std::int64_t>& places, Index components);

// Whether every number is finite; all threads.
template <class T>
bool all_finite(const DenseView<T>& x);

}  // namespace esker

// The centred second moments of X and y: all that least squares needs of the rows, exact under merging. The
// update of Chan, Golub & LeVeque ("Updating formulae and a pairwise algorithm", 1979), panel by panel, in
// float64.
#pragma once

#include <vector>

#include "base/block_rows.hpp"
#include "fold/fold.hpp"

namespace esker {

struct Gram {
    double weight = 0;  // sum of the rows' weights
    Index rows = 0;
    double noise =
        0;  // a column whose second moment is below noise x weight x mean^2 is constant but for rounding
    std::vector<double> mean_x, mean_y;
    // Sums of w (x - mean)(x - mean)': entry (i, j), i <= j, is row(i)[j]. Whole, it lies at i (d + 1) + j +
    // 1, and what is left, i (d + 1) + j for j <= i, is room for a factor, so that a solve needs no second
    // matrix (solve/cholesky.hpp). Packed, there is no such room: the factor takes the sums' place
    // (solve/cholesky_packed.hpp).
    std::vector<double> xx;
    Index block_rows = 0;    // packed: the rows of a block row (base/block_rows.hpp), and the width is fixed
    bool spent = false;      // packed: a factor took the sums' place
    std::vector<double> xy;  // targets x d
    std::vector<double> yy;  // targets
    std::vector<double> coarse;  // d: root of the squares of what float32 products added to xx's diagonal, a
                                 // tile's rows at a time: their roundings are independent
    std::vector<double>
        peak;  // d: what the diagonal was before rows were forgotten; rounding is relative to it
    std::vector<double> peak_y;  // targets: the same of yy; empty where no rows were forgotten

    Index cols() const noexcept { return static_cast<Index>(mean_x.size()); }
    Index targets() const noexcept { return static_cast<Index>(mean_y.size()); }
    BlockRows layout() const noexcept { return {cols(), block_rows}; }
    // Entry (i, j) lies at origin(i) + i * stride(i) + j; both are the same for all rows of a block row.
    Index stride(Index i) const noexcept { return block_rows ? layout().ld(i / block_rows) : cols() + 1; }
    Index origin(Index i) const noexcept {
        if (!block_rows) return 1;
        const BlockRows at = layout();
        const Index b = i / block_rows;
        return at.begin(b) - at.first(b) * (at.ld(b) + 1);
    }
    double* row(Index i) noexcept { return xx.data() + origin(i) + i * stride(i); }
    const double* row(Index i) const noexcept { return xx.data() + origin(i) + i * stride(i); }

    static Gram packed(Index cols);
    void check_sums() const;  // refuses where a factor took their place
    void widen(Index cols);   // new columns are columns of zeros; refused where packed
    void update(const Block& block);
    void merge(const Gram& other);
    // Takes rows off again that were absorbed before; refuses, changing nothing, where what is left would be
    // rounding.
    void forget(const Gram& other);
    // Target t becomes what target order[t] was; zeros where order[t] is -1, for a class that no row had so
    // far.
    void set_targets(const std::vector<Index>& order);
    bool finite() const;  // whether the rows were: sums of products keep what is not finite
    struct Summary {
        std::vector<double> xx;
    };  // d x d, both triangles
    // Rounding of the sums of products, relative to the diagonal (about the origin where not centred).
    double loss(bool centred) const;
    Summary finish() const;
};
static_assert(Fold<Gram>);

// Bytes that absorbing blocks of up to so many rows and entries takes beside the sums, at most. numbers:
// bytes of one, 4 or 8; entries: 0 where rows are dense.
Index absorb_bytes(Index rows, Index d, Index targets, Index numbers, Index entries, bool packed);

}  // namespace esker

// X'(w (X - shift) Q) for a matrix Q of many columns, in one walk over the rows: what a range finder asks of
// them (Halko, Martinsson & Tropp, "Finding structure with randomness", 2011). Lanes are columns of Q; strips
// of them belong to one thread each, so that sums need neither copies nor an order of threads.
#pragma once

#include <vector>

#include "base/buffer.hpp"
#include "base/view.hpp"

namespace esker {

template <class T>
struct RangeProduct {
    Index cols, lanes;
    bool sparse;

    RangeProduct(Index cols, Index lanes, bool sparse);
    // Starts a walk. q: cols x lanes; shift: cols, which sparse rows need not be moved by: sums are mended in
    // finish.
    void begin(const T* q, const double* shift);
    void update(const Block& block);
    // out: cols x lanes.
    void finish(T* out) const;
    // Bytes that it keeps.
    static Index bytes(Index cols, Index lanes, bool sparse);

private:
    Index wide_, strips_;  // lanes of a strip, and how many there are
    std::vector<double> shift_;
    std::vector<T> base_;           // strips x wide: what sparse rows' products begin with
    std::vector<double> sums_;      // strips x wide: sums of w times the products
    std::vector<Buffer> tables_;    // sparse: records of Q and sums; dense: strips of Q
    std::vector<Buffer> partial_;   // dense: sums of the last rows
    std::vector<Buffer> total_;     // of each strip, in float64; none for sparse float64 rows
    Buffer panel_;                  // dense: rows less their shift
    std::vector<Buffer> products_;  // dense: a panel's products with a strip
    Index since_ = 0;               // dense: rows in the partial sums

    T* table(Index strip) { return reinterpret_cast<T*>(tables_[static_cast<std::size_t>(strip)].data()); }
    double* total(Index strip) {
        return reinterpret_cast<double*>(total_[static_cast<std::size_t>(strip)].data());
    }
    template <class I>
    void sparse_rows(const CsrView<T, I>& x, const Block& block);
    void dense_rows(const DenseView<T>& x, const Block& block);
    void flush_dense();
};

}  // namespace esker

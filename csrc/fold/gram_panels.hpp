// Rows into a Gram's centred sums: how the dense and the sparse path share their bookkeeping.
#pragma once

#include "fold/gram.hpp"

namespace esker {

// Dense rows [begin, end) of a view, panel by panel. shared: the panels' strips and tiles are dealt to the
// threads; otherwise the calling thread does all, so that many shards may run at once. The bits are the same.
template <class T>
void absorb_dense(Gram& s, const DenseView<T>& x, const Block& block, Index begin, Index end, bool shared);

// Bytes that this takes, at most.
template <class T>
Index absorb_dense_bytes(Index rows, Index d, Index t, bool packed, bool shared);

// The same of few columns (`is_thin`), always by the calling thread.
template <class T>
void absorb_thin(Gram& s, const DenseView<T>& x, const Block& block, Index begin, Index end);
constexpr bool is_thin(Index cols, Index targets) { return cols <= 128 && targets <= 32; }

// A sparse block: float64 products of the nonzeros, then one rank-one correction by the block's own mean.
template <class T, class I>
void absorb_sparse(Gram& s, const CsrView<T, I>& x, const Block& block);

// The scalars of Chan's update of s by rows of weight w and the targets' means; s.weight and s.mean_y move
// on.
struct Step {
    double between = 0;      // old w / new: the weight of the difference of the means
    double share = 0;        // w / new
    std::vector<double> dy;  // the targets' means minus the old ones
};
Step step_to(Gram& s, double w, const double* mean_y);

}  // namespace esker

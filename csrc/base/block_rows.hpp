// The upper triangle of a symmetric matrix in little more than half its room: block row b has rows [b block,
// (b + 1) block), whole from column b block on, with a leading dimension of its own. Kernels and BLAS see
// ordinary matrices.
#pragma once

#include <algorithm>

#include "base/view.hpp"

namespace esker {

struct BlockRows {
    Index n = 0, block = 1;

    Index count() const noexcept { return (n + block - 1) / block; }
    Index first(Index b) const noexcept { return b * block; }
    Index rows(Index b) const noexcept { return std::min(block, n - first(b)); }
    Index ld(Index b) const noexcept { return n - first(b); }
    Index begin(Index b) const noexcept { return block * (b * n - block * (b * (b - 1) / 2)); }
    Index size() const noexcept {
        const Index last = count() - 1;
        return n ? begin(last) + rows(last) * ld(last) : 0;
    }
};

}  // namespace esker

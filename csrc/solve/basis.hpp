// Products of a few rows with one square matrix, again and again, on our own threads: between walks over rows
// BLAS's threads would wait for ours, and ours for them.
#pragma once

#include "base/buffer.hpp"
#include "base/view.hpp"

namespace esker {

struct Basis {
    Index d;

    Basis(const double* vectors, Index d);  // row-major d x d
    // out = rows V, or rows V'; both n x d.
    void times(double* out, const double* rows, Index n, bool transposed) const;

private:
    Buffer forth_, back_;  // V and V' in strips of columns
};

}  // namespace esker

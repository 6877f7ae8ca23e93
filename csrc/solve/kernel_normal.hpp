// K'(w (base + y + K v)) of a kernel matrix K between rows and landmarks, in one visit to each row: what
// conjugate gradients for the normal equations of kernel ridge regression ask for. K is never stored.
#pragma once

#include <vector>

#include "solve/kernel_tiles.hpp"

namespace esker {

template <class P>
struct KernelNormal {
    const PackedLandmarks<P>& at;        // borrowed
    Index lanes;                         // vectors, and columns of y
    std::vector<double> sums;            // lanes x pitch: K'(w s)
    std::vector<double> level, squares;  // lanes: of w s, and of w s^2

    KernelNormal(const PackedLandmarks<P>& at, Index lanes);
    // v: lanes x m, or null for zeros; base: lanes. Sums start anew.
    void begin(const double* v, const double* base);
    // s = base + y + K v; y (rows x lanes) and weight may be null.
    void update(const Block& block);

private:
    Buffer v_;
    bool zero_ = true;
    std::vector<double> base_;
};

extern template struct KernelNormal<float>;
extern template struct KernelNormal<double>;

}  // namespace esker

// The loops of rows times a square matrix, X V: rows packed in strips so that a vector holds one column of
// many rows, the matrix packed in groups of columns. The product has the rows' layout, so it can be
// multiplied again as it lies.
#pragma once

#include <cstdint>

namespace esker {

struct RotationKernels {
    std::int64_t lanes;  // rows of a strip: b[k][l] is number k of row l
    std::int64_t group;  // columns of a group: a[k][i] is number k of column i
    // For each of `groups`: c[i][l] = sum over k < depth of a[k][i] b[k][l], added to what is in c where
    // `more`; the groups of a and of c follow each other.
    void (*product)(double* c, const double* a, const double* b, std::int64_t depth, std::int64_t groups,
                    bool more);
    void (*square)(double* x, std::int64_t n);  // x = x * x
};

}  // namespace esker

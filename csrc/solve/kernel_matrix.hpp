// The kernel matrix R (X - 1 mean')(X - 1 mean')' R of rows, R the roots of their weights, and products with
// those rows: all that ridge needs where rows are fewer than columns.
#pragma once

#include <vector>

#include "base/error.hpp"
#include "base/view.hpp"

namespace esker {

// The entries of sparse rows by columns, rows ascending; their values are as X has them.
struct ByColumns {
    std::vector<Index> start;       // column j's entries are start[j] .. start[j + 1]
    std::vector<std::int32_t> row;  // of each entry
    std::vector<float> f32;         // one of these holds the values
    std::vector<double> f64;
    // Columns so full that dense tiles multiply them sooner, and about their mean; marked, and listed.
    std::vector<char> is_full;
    std::vector<Index> full;
};

struct KernelMatrix {
    Matrix x;  // borrowed
    Index n = 0, d = 0;
    bool centred = true;
    std::vector<double> root;    // n
    std::vector<double> mean;    // d; zeros where not centred
    std::vector<double> values;  // n (n + 1) numbers, as solve/cholesky.hpp wants them
    ByColumns by_columns;        // of sparse rows
    double trace = 0;
    double loss = 0;  // rounding of the products, relative to the diagonal

    // Takes the rows' (weighted) mean; weight may be null for ones, and must not be all zero.
    KernelMatrix(const Matrix& x, const double* weight, bool centred);

    // Multiplies in the rows' own precision over a few hundred columns, or (`wide`) all in float64; sums are
    // float64.
    void multiply(bool wide, Poll poll);
    // out (n x targets) = (X - mean) w', w being targets x d.
    void forth(double* out, const double* w, Index targets) const;
    // out (targets x d) = u'(X - mean), u being n x targets.
    void back(double* out, const double* u, Index targets) const;

    double* row(Index i) noexcept { return values.data() + i * (n + 1) + 1; }
    const double* row(Index i) const noexcept { return values.data() + i * (n + 1) + 1; }
};

}  // namespace esker

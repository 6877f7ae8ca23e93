// What conjugate gradients on the normal equations see of the rows, each in one walk: the columns' sums, and
// X'(w (X p)) for several p at once. Sums belong to shards, whose number follows from the shape of the
// problem, and are added in their order.
#pragma once

#include <vector>

#include "base/buffer.hpp"
#include "base/view.hpp"

namespace esker {

// Weight, and sums of w x, w x^2, w (y - shift), w (y - shift)^2 and w x (y - shift); widens with the rows.
// With `start`, of one target and sparse rows that do not widen, what start predicts is taken off in the same
// visit: s = y - shift - x.start, and the last sums are w x s.
struct ColumnSums {
    Index cols = 0, rows = 0;
    double weight = 0;
    std::vector<double> shift, y, yy;   // one for each target
    std::vector<double> start;          // none, or a number for each column
    double rest = 0, rest_squares = 0;  // with a start: w s, w s^2

    ColumnSums(Index cols, std::vector<double> shift, std::vector<double> start = {});
    void update(const Block& block);
    // Row-major (2 + targets) x cols: w x, w x^2, then w x (y - shift), or w x s, of each target.
    std::vector<double> finish() const;

private:
    void add_columns(const Block& block);
    void add_from_start(const Block& block);

    std::vector<std::vector<double>> shards_;  // a record of 2 + targets numbers for each column
    std::vector<Buffer> tables_;               // with a start: a record of its number and three sums
};

// s = base + y + (x - mean).p for every lane, and the sums of w s (x - mean). Sparse rows are taken as they
// are: base brings -mean.p, and finish takes off mean times the sum of w s.
struct NormalProduct {
    Index cols, lanes;
    bool sparse;

    NormalProduct(Index cols, Index lanes, bool sparse);
    // Starts a walk. p: lanes x cols; base: lanes; mean: cols.
    void begin(const double* p, const double* base, const double* mean);
    // target: the column of y that each lane adds; null adds none.
    void update(const Block& block, const Index* target);
    // out: lanes x cols; sums: each lane's sum of w s, then of w s^2, lanes x 2.
    void finish(double* out, double* sums) const;
    // Numbers that it keeps, eight bytes each.
    static Index numbers(Index cols, Index lanes, bool sparse);

private:
    // Lanes that lie side by side; dense rows have one group, whose shards hold lanes x cols.
    struct Group {
        Index first, lanes, width;
    };
    Index shards_;
    std::vector<Group> groups_;
    std::vector<double> p_, mean_, base_;
    std::vector<Buffer> tables_;  // groups x shards
    std::vector<double> sums_;    // groups x shards x 2 widths
    double* table(std::size_t group, Index shard);
    double* sums(std::size_t group, Index shard);
};

}  // namespace esker

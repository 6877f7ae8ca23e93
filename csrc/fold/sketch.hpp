// RowSketch: S [X | y | 1] with a random sparse sign matrix S, so that (SX)'(SX) is X'WX on average, from few
// rows. A row has one entry in each of `nonzeros` segments of the sketch's rows (SparseStack; Cohen, "Nearly
// tight oblivious subspace embeddings by trace inequalities", SODA 2016). The entries are a function of
// (seed, row key) alone, so any order, cut or share-out of the rows gives the same sketch, and sketches of
// different rows add.
#pragma once

#include <string>
#include <vector>

#include "fold/fold.hpp"

namespace esker {

struct RowSketch {
    static constexpr Index tile = 32;  // columns side by side: size x tile numbers stay in cache

    Index size = 0, nonzeros = 8;
    std::uint64_t seed = 0;
    Index cols = 0, targets = 0, rows = 0;
    // Each tile is (size + 1) x 32, row-major: the sketch times sqrt(nonzeros), then one row of weighted
    // sums. The last of the columns of y is sqrt(weight), whose sum row is the weight.
    std::vector<std::vector<double>> x, y;

    RowSketch(Index size, std::uint64_t seed, Index nonzeros);
    void widen(Index cols);  // new columns are columns of zeros
    void update(const Block& block);
    void merge(const RowSketch& other);  // refuses another map
    std::string describe() const;

    struct Summary {
        std::vector<double> x, y, root;      // S X, S y, S sqrt(w): size x cols, size x targets, size
        std::vector<double> mean_x, mean_y;  // exact, weighted
        double weight;
    };
    Summary finish() const;
};
static_assert(Fold<RowSketch>);

// The tiles as one row-major matrix of (size + 1) x cols, and back.
std::vector<double> untile(const std::vector<std::vector<double>>& tiles, Index rows, Index cols);
std::vector<std::vector<double>> to_tiles(const double* matrix, Index rows, Index cols);

}  // namespace esker

// RowSketch: S [X | y | 1] with a random sparse sign matrix S, so that (SX)'(SX) is X'WX on average, from few
// rows. A row has one entry in each of `nonzeros` segments of the sketch's rows (SparseStack; Cohen, "Nearly
// tight oblivious subspace embeddings by trace inequalities", SODA 2016). The entries are a function of
// (seed, row key) alone, so any order, cut or share-out of the rows gives the same sketch, and sketches of
// different rows add.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "fold/fold.hpp"
#include "fold/sketch_tiles.hpp"

namespace esker {

struct RowSketch {
    static constexpr Index tile = SketchTiles::width;

    Index size = 0, nonzeros = 8;
    std::uint64_t seed = 0;
    Index cols = 0, targets = 0, rows = 0;
    bool means = true;  // whether sums of the rows and of their roots of weights are wanted
    // Each tile is (size + 1) x 32, row-major: the sketch times sqrt(nonzeros), then one row of weighted
    // sums. The last of the columns of y is sqrt(weight), whose sum row is the weight.
    SketchTiles x, y;

    RowSketch(Index size, std::uint64_t seed, Index nonzeros, bool means = true);
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
    Summary finish_without_x() const;
    // S X alone, row-major; whether it is finite.
    template <class T>
    bool read_x(T* out) const {
        return x.read(out, size, cols, 1 / std::sqrt(static_cast<double>(nonzeros)));
    }
};
static_assert(Fold<RowSketch>);

}  // namespace esker

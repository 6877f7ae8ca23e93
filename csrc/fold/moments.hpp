// Mean and centred second moment of each column, by rows for dense blocks and by nonzeros for sparse ones.
// Merging is Chan's update (Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm", 1979).
#pragma once

#include <vector>

#include "fold/fold.hpp"

namespace esker {

struct Moments {
    double weight = 0;  // sum of the rows' weights
    Index rows = 0, nonzeros = 0;
    std::vector<double> mean, m2;

    void widen(Index cols);  // new columns are columns of zeros
    void update(const Block& block);
    void merge(const Moments& other);
    struct Summary {
        std::vector<double> mean, variance;
    };
    Summary finish() const;
};
static_assert(Fold<Moments>);

}  // namespace esker

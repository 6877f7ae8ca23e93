// Weight, mean, centred second moment and largest size of each column for itself, NaN being a missing value:
// what scaling and filling in need. Dense rows go in panels of 256, each by its own mean; shares of a block
// are cut by its shape, so that threads change no bit. Merging is Chan's update.
#pragma once

#include <vector>

#include "fold/fold.hpp"

namespace esker {

struct ColumnMoments {
    Index rows = 0;
    double row_weight = 0;  // of all rows
    std::vector<double> weight, mean, m2, most;

    void widen(Index cols);  // new columns are columns of zeros
    void update(const Block& block);
    void merge(const ColumnMoments& other);
    struct Summary {
        std::vector<double> weight, mean, variance, most;
    };
    Summary finish() const;
};
static_assert(Fold<ColumnMoments>);

// Rows of `x` as (x - mean) / scale into `out` (rows x cols, row-major), on all threads.
template <class T>
void standardise(T* out, const DenseView<T>& x, const double* mean, const double* scale);
// Rows of `x` with NaN replaced by its column's number.
template <class T>
void fill_missing(T* out, const DenseView<T>& x, const double* with);

}  // namespace esker

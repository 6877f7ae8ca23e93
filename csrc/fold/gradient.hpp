// A loss over rows and its slopes, at coefficients that are given: all that a minimiser asks of one walk. Two
// classes have one model and the logistic loss; more have one each and the softmax's; numbers have one model.
#pragma once

#include <vector>

#include "base/buffer.hpp"
#include "fold/fold.hpp"

namespace esker {

struct Gradient {
    // What a score and y lose: as classes; half of Tweedie's deviance of y from the exponential of the score,
    // less what y alone adds (power 1: Poisson's, 2: gamma's); half the square of their difference; the
    // square of what a class, 0 or 1, lacks to a margin of 1; the square of what their difference exceeds
    // `power` by.
    enum class Loss : std::int64_t { classes, deviance, squared, squared_hinge, squared_tube };
    // Sums of w, w l and, where asked for, w |x - shift|^2 (of sparse rows at most so much); and of each
    // model w slope, w slope (x - shift) and w times the loss's second derivative, p (1 - p) of classes.
    struct Sums {
        double weight = 0, value = 0, spread = 0;
        std::vector<double> level, curvature;  // models
        std::vector<double> slope;             // cols x models
    };
    Index cols = 0, models = 0, rows = 0;
    Loss loss = Loss::classes;
    double power = 1;          // of the deviance, at least 1; of the tube its half width
    bool precise = false;      // whether dense float32 rows of several models are multiplied in float64, too
    bool spreads = false;      // whether sums of |x - shift|^2 are asked for
    std::vector<double> coef;  // models x cols
    std::vector<double> intercept;  // models: the scores where x = shift
    std::vector<double> shift;      // cols
    Sums sums;

    Gradient(Index cols, std::vector<double> coef, std::vector<double> intercept, std::vector<double> shift);
    void widen(Index cols);           // new columns have coefficients of 0
    void update(const Block& block);  // y: one column, the class's index or the number
    void merge(const Gradient& other);
    struct Summary {
        double value, spread;
        std::vector<double> slope;  // models x cols
        std::vector<double> level, curvature;
    };
    Summary finish() const;

private:
    template <class X, class F>
    void deal(const X& x, const Block& block, F&& rows_of);
    template <class T>
    void dense(const DenseView<T>& x, const Block& block);
    template <class T, class I>
    void sparse(const CsrView<T, I>& x, const Block& block);
    void gather(const std::vector<Sums>& shards);
    const double* packed(bool sparse);  // coefficients x models, for sparse rows of several models
    template <class T>
    const T* strips();  // in strips, for dense rows of several models

    std::vector<double> by_column_;
    Buffer strips_;
    Index strips_of_ = 0;  // bytes of a number, 0 where they are yet to be made
};
static_assert(Fold<Gradient>);

}  // namespace esker

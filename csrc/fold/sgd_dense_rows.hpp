// How Sgd reads a dense row: standardised by running moments, in units of each feature's largest value, or as
// it is.
#pragma once

#include "fold/sgd_rows.hpp"

namespace esker::rows {

// A value so many standard deviations off says that much of its feature's spread: what one absurd value says
// must not rule all others.
constexpr double spread_most = 100.0;

template <class T>
void see_features(Sgd& s, const T* x, double weight) {
    if (s.steps > settled_rows) return;
    Moments& m = s.x_moments;
    const double far = spread_most * spread_most / m.weight;  // infinite of the first row
    m.weight += weight;
    m.rows++;
    kernels().rows<T>().moments(m.mean.data(), m.m2.data(), x, weight / m.weight, weight, far, s.cols);
    if (!refresh_due(s)) return;
    std::vector<double> centre(m.mean.size(), 0.0), scale(m.mean.size(), 0.0);
    for (std::size_t j = 0; j < centre.size(); j++) {
        const double mean = m.mean[j];
        const double sd = s.fit_intercept ? spread(m.m2[j], m.weight, mean)
                                          : spread(m.m2[j] + m.weight * mean * mean, m.weight, 0.0);
        if (s.fit_intercept) centre[j] = mean;
        // A column that has been constant waits at 0 for a scale; at the last refresh it is taken as it
        // comes.
        scale[j] = sd > 0 ? 1.0 / sd : s.steps >= settled_rows ? 1.0 : s.scale[j];
    }
    // A spread seen in few rows may be far too small. The weight learned at that scale was noise: it stays of
    // the order of its rate, as a weight in normalised updates does when a larger value comes.
    s.rescale_features(centre, scale, 1.0);
}

template <class T>
bool grow_scales(Sgd& s, const T* row) {
    bool grown = false;
    for (Index j = 0; j < s.cols; j++) grown = grow_scale(s, j, static_cast<double>(row[j])) || grown;
    return grown;
}

// A value so many times its feature's scale is absurd: what it made of the prediction would fill the
// accumulators of all other features.
constexpr float absurd = 1000.0f;

// Rows of float32 or float64.
struct DenseRows {
    static constexpr bool single = false, plain = false, bets = false;
    static constexpr bool flat = true;
    const DenseView<float> single_x;  // one of the two
    const DenseView<double> wide_x;
    const LaneKernels& lanes = kernels().lanes;
    Index at = 0;

    DenseRows(const DenseView<float>& x, const Sgd&) : single_x(x) {}
    DenseRows(const DenseView<double>& x, const Sgd&) : wide_x(x) {}
    // f of the row's values as they lie.
    template <class F>
    auto with_row(Index i, F&& f) const {
        return wide_x.data ? f(wide_x.row(i)) : f(single_x.row(i));
    }
    void open(const Sgd&, Row&, Index i) { at = i; }
    void see(Sgd& s, double weight) {
        with_row(at, [&](const auto* row) {
            if (s.automatic())
                see_features(s, row, weight);
            else if (s.step.normalises() && grow_scales(s, row))
                s.refresh_penalty_weights();
        });
    }
    void read(const Sgd& s, Row& r) {
        r.values.resize(static_cast<std::size_t>(s.cols));
        r.expanded.resize(static_cast<std::size_t>(s.flat()));  // the tail beyond cols stays zero
        if (wide_x.data)
            lanes.standardise_f64(r.values.data(), wide_x.row(at), s.centre.data(), s.scale.data(), s.cols);
        else
            lanes.standardise_f32(r.values.data(), single_x.row(at), s.centre.data(), s.scale.data(), s.cols);
        lanes.expand(r.expanded.data(), r.values.data(), s.cols, s.width());
    }
    double size(const Sgd& s, const Row& r) const {
        return (s.fit_intercept ? 1.0 : 0.0) + kernels().plain.squares(r.values.data(), s.cols);
    }
    // Whether this row had absurd values, which now say nothing: they are their features' means.
    bool tame(const Sgd& s, Row& r) const {
        if (!s.automatic()) return false;
        bool found = false;
        for (float& v : r.values)
            if (std::abs(v) > absurd) v = 0.0f, found = true;
        if (found) lanes.expand(r.expanded.data(), r.values.data(), s.cols, s.width());
        return found;
    }
    double dot(const Sgd& s, Row& r) {
        read(s, r);
        return product(s, r);
    }
    double product(const Sgd& s, Row& r) const {
        lanes.flat_dot(r.reach.data(), s.w.data(), r.expanded.data(), s.flat(), s.pattern());
        fold_pattern(r.dot, r.reach, s.width(), s.pattern());
        if (s.step.rule != Rule::normalized) return static_cast<double>(s.cols);
        return size(s, r);
    }
    void step(Sgd& s, Row& r, const LaneStep& step, Shrink shrink) {
        lanes.flat.step[static_cast<int>(shrink)](s.w.data(), s.h.data(), r.expanded.data(), s.p2.data(),
                                                  s.p1.data(), s.flat(), s.pattern(), step);
    }
    void accumulate(Sgd& s, Row& r, const LaneStep& step) {
        lanes.flat.accumulate(r.dot.data(), s.w.data(), s.h.data(), r.expanded.data(), s.flat(), s.pattern(),
                              step);
        fold_pattern(r.reach, r.dot, s.width(), s.pattern());
    }
    void apply(Sgd& s, Row& r, const LaneStep& step, Shrink shrink) {
        lanes.flat.apply[static_cast<int>(shrink)](s.w.data(), s.h.data(), r.expanded.data(), s.p2.data(),
                                                   s.p1.data(), s.flat(), s.pattern(), step);
    }
    void prefetch(const Sgd&, Index) const {}
    void prefetch_row(Index i) const {
        with_row(i, [&](const auto* row) { prefetch_lines(row, std::max(wide_x.cols, single_x.cols)); });
    }
    void prefetch_bounds(Index) const {}
};

}  // namespace esker::rows

// How steps read a row that work on flat arrays: normalised ones, FTRL-proximal's and bets.
#pragma once

#include "fold/sgd_dense_rows.hpp"

namespace esker::rows {

// CSR rows whose records are gathered into flat arrays. Normalised steps.
template <class I>
struct PairRows {
    static constexpr bool single = false, flat = true, plain = false, bets = false;
    FloatRows<I> x;
    const PairKernels<I>& kernel;
    const LaneKernels& lanes = kernels().lanes;
    std::vector<float> w, h, v, p2, p1, scale;  // the row's records, flat
    NonZeros<I> kept;
    const I* columns = nullptr;
    Index count = 0;

    PairRows(const FloatRows<I>& x, const Sgd& s) : x(x), kernel(table()[kernel_of_width(s.width())]) {}
    static const PairKernels<I>* table() {
        if constexpr (std::is_same_v<I, std::int32_t>)
            return kernels().adaptive.pairs_i32;
        else
            return kernels().adaptive.pairs_i64;
    }
    // Whole patterns: a row whose entries do not fill the last one is padded.
    Index length(const Sgd& s) const {
        return (count * s.width() + s.pattern() - 1) / s.pattern() * s.pattern();
    }
    void open(const Sgd& s, Row& r, Index i) {
        const auto row = x.row(r.values, i);
        kept.open(row.values, row.columns, row.size, x.floats_from(r.values, i));
        columns = kept.columns;
        count = kept.count;
        const auto room = static_cast<std::size_t>(count * s.width() + 16);
        if (w.size() < room)
            for (auto* f : {&w, &h, &v, &p2, &p1}) f->resize(room + room / 2);
    }
    void see(Sgd& s, double) {
        if (!s.step.normalises()) return;
        for (Index j = 0; j < count; j++)
            grow_scale(s, columns[j], static_cast<double>(kept.values[static_cast<std::size_t>(j)]));
    }
    // Values in units of their features, where the step takes them so, and their squares' sum.
    double spread(const Sgd& s) {
        float* values = kept.values.data();
        double size = s.fit_intercept ? 1.0 : 0.0;
        if (s.step.normalises()) {
            scale.resize(static_cast<std::size_t>(count));
            for (Index j = 0; j < count; j++) {
                const double unit = s.scale[static_cast<std::size_t>(columns[j])];
                scale[static_cast<std::size_t>(j)] = static_cast<float>(std::min(unit, most_scale));
                values[j] = static_cast<float>(static_cast<double>(values[j]) * unit);
                size += static_cast<double>(values[j]) * static_cast<double>(values[j]);
            }
        }
        kernel.spread(v.data(), values, count, s.width());
        return size;
    }
    double dot(const Sgd& s, Row& r) {
        const double size = spread(s);
        kernel.gather(w.data(), h.data(), s.w.data(), columns, count, s.width());
        lanes.flat_dot(r.reach.data(), w.data(), v.data(), length(s), s.pattern());
        fold_pattern(r.dot, r.reach, s.width(), s.pattern());
        return size;
    }
    void accumulate(Sgd& s, Row& r, const LaneStep& step) {
        lanes.flat.accumulate(r.dot.data(), w.data(), h.data(), v.data(), length(s), s.pattern(), step);
        fold_pattern(r.reach, r.dot, s.width(), s.pattern());
    }
    void age(Sgd& s, Shrink shrink) {
        if (shrink == Shrink::none) return;
        const float* of = s.step.rule == Rule::normalized && !s.scaled_penalty ? scale.data() : nullptr;
        kernel.ages(p2.data(), p1.data(), s.last.data(), of, columns, count, s.width(),
                    static_cast<std::uint32_t>(s.steps));
    }
    void step(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        age(s, shrink);
        lanes.flat.step[static_cast<int>(shrink)](w.data(), h.data(), v.data(), p2.data(), p1.data(),
                                                  length(s), s.pattern(), step);
        kernel.scatter(s.w.data(), w.data(), h.data(), columns, count, s.width());
    }
    void apply(Sgd& s, Row&, const LaneStep& step, Shrink shrink) {
        age(s, shrink);
        lanes.flat.apply[static_cast<int>(shrink)](w.data(), h.data(), v.data(), p2.data(), p1.data(),
                                                   length(s), s.pattern(), step);
        kernel.scatter(s.w.data(), w.data(), h.data(), columns, count, s.width());
    }
    void prefetch(const Sgd& s, Index i) const { prefetch_records(s, x, i); }
    void prefetch_row(Index i) const { prefetch_sparse_row(x, i); }
    void prefetch_bounds(Index i) const { __builtin_prefetch(x.indptr + i); }
};

// What FTRL-proximal adds to a layout: weights that follow from the sums, and penalties that grow with the
// rows.
struct Ftrl {
    const AdaptiveTable& kernel = kernels().adaptive;
    std::vector<float> w, l1, l2, per_rate;

    void weights(const Sgd& s, const float* z, const float* n, Index size) {
        const auto pattern = static_cast<std::size_t>(s.pattern());
        if (static_cast<Index>(w.size()) < size) w.resize(static_cast<std::size_t>(size + size / 2));
        for (auto* v : {&l1, &l2, &per_rate}) v->assign(pattern, 0.0f);
        for (std::size_t k = 0; k < static_cast<std::size_t>(s.lanes()); k++) {
            l1[k] = static_cast<float>(s.table.l1[k] * s.weight_sum);
            l2[k] = static_cast<float>(s.table.l2[k] * s.weight_sum);
            per_rate[k] = static_cast<float>(1.0 / s.table.rate[k]);
        }
        for (int k = s.lanes(); k < s.width(); k++) per_rate[static_cast<std::size_t>(k)] = 1.0f;
        if (s.width() < s.pattern())
            for (auto* v : {&l1, &l2, &per_rate}) repeat(*v, s.width(), s.pattern());
        kernel.ftrl_weights(w.data(), z, n, size, s.pattern(), l1.data(), l2.data(), per_rate.data());
    }
};

template <class I>
struct FtrlRows : PairRows<I> {
    Ftrl ftrl;
    using Base = PairRows<I>;
    using Base::Base;

    double dot(const Sgd& s, Row& r) {
        const Index n = Base::length(s);
        this->kernel.gather(this->w.data(), this->h.data(), s.w.data(), this->columns, this->count,
                            s.width());
        Base::spread(s);
        ftrl.weights(s, this->w.data(), this->h.data(), n);
        this->lanes.flat_dot(r.reach.data(), ftrl.w.data(), this->v.data(), n, s.pattern());
        fold_pattern(r.dot, r.reach, s.width(), s.pattern());
        return 0.0;
    }
    void accumulate(Sgd& s, Row& r, const LaneStep& step) {
        ftrl.kernel.ftrl_accumulate(r.dot.data(), this->w.data(), this->h.data(), ftrl.w.data(),
                                    this->v.data(), Base::length(s), s.pattern(), step, ftrl.per_rate.data());
        fold_pattern(r.reach, r.dot, s.width(), s.pattern());
    }
    void apply(Sgd& s, Row&, const LaneStep& step, Shrink) {
        ftrl.kernel.ftrl_apply(this->w.data(), this->v.data(), Base::length(s), s.pattern(), step,
                               ftrl.per_rate.data());
        this->kernel.scatter(s.w.data(), this->w.data(), this->h.data(), this->columns, this->count,
                             s.width());
    }
    void step(Sgd& s, Row& r, const LaneStep& step, Shrink shrink) {
        accumulate(s, r, step);
        apply(s, r, step, shrink);
    }
};

struct FtrlDense : DenseRows {
    Ftrl ftrl;
    using Base = DenseRows;
    using Base::Base;

    double dot(const Sgd& s, Row& r) {
        Base::read(s, r);
        ftrl.weights(s, s.w.data(), s.h.data(), s.flat());
        this->lanes.flat_dot(r.reach.data(), ftrl.w.data(), r.expanded.data(), s.flat(), s.pattern());
        fold_pattern(r.dot, r.reach, s.width(), s.pattern());
        return 0.0;
    }
    void accumulate(Sgd& s, Row& r, const LaneStep& step) {
        ftrl.kernel.ftrl_accumulate(r.dot.data(), s.w.data(), s.h.data(), ftrl.w.data(), r.expanded.data(),
                                    s.flat(), s.pattern(), step, ftrl.per_rate.data());
        fold_pattern(r.reach, r.dot, s.width(), s.pattern());
    }
    void apply(Sgd& s, Row& r, const LaneStep& step, Shrink) {
        ftrl.kernel.ftrl_apply(s.w.data(), r.expanded.data(), s.flat(), s.pattern(), step,
                               ftrl.per_rate.data());
    }
    void step(Sgd& s, Row& r, const LaneStep& step, Shrink shrink) {
        accumulate(s, r, step);
        apply(s, r, step, shrink);
    }
};

// What coin betting adds to a layout: weights that follow from the bets, and no rate.
struct Coin {
    const AdaptiveTable& kernel = kernels().adaptive;
    std::vector<float> w, most;

    void weights(const Sgd& s, const float* z, const float* g, const float* won, Index size) {
        if (static_cast<Index>(w.size()) < size) w.resize(static_cast<std::size_t>(size + size / 2));
        see_slopes(s);
        kernel.coin_weights(w.data(), z, g, won, size, s.pattern(), most.data());
    }
    void see_slopes(const Sgd& s) {
        most.assign(static_cast<std::size_t>(s.pattern()), 1.0f);
        for (int k = 0; k < s.lanes(); k++)
            most[static_cast<std::size_t>(k)] = static_cast<float>(s.most_slope[static_cast<std::size_t>(k)]);
        if (s.width() < s.pattern()) repeat(most, s.width(), s.pattern());
    }
    void dot(const Sgd& s, Row& r, const float* x, Index size) {
        kernels().lanes.flat_dot(r.reach.data(), w.data(), x, size, s.pattern());
        fold_pattern(r.dot, r.reach, s.width(), s.pattern());
        const auto by = static_cast<float>(s.share() * s.share());
        for (int k = 0; k < s.lanes(); k++) r.dot[static_cast<std::size_t>(k)] *= by;
    }
};

template <class I>
struct CoinRows : PairRows<I> {
    static constexpr bool bets = true;
    Coin coin;
    std::vector<float> won;
    using Base = PairRows<I>;
    using Base::Base;

    double dot(const Sgd& s, Row& r) {
        const double size = Base::spread(s);
        const Index n = Base::length(s);
        if (won.size() < this->w.size()) won.resize(this->w.size());
        this->kernel.gather_triples(this->w.data(), this->h.data(), won.data(), s.w.data(), this->columns,
                                    this->count, s.width());
        coin.weights(s, this->w.data(), this->h.data(), won.data(), n);
        coin.dot(s, r, this->v.data(), n);
        return size;
    }
    void bet(Sgd& s, const LaneStep& step) {
        coin.see_slopes(s);
        coin.kernel.coin_bet(this->w.data(), this->h.data(), won.data(), this->v.data(), Base::length(s),
                             s.pattern(), step, coin.most.data());
        this->kernel.scatter_triples(s.w.data(), this->w.data(), this->h.data(), won.data(), this->columns,
                                     this->count, s.width());
    }
};

struct CoinDense : DenseRows {
    static constexpr bool bets = true;
    Coin coin;
    const float* values = nullptr;
    using Base = DenseRows;
    using Base::Base;

    double dot(const Sgd& s, Row& r) {
        Base::read(s, r);
        values = r.expanded.data();
        coin.weights(s, s.w.data(), s.h.data(), s.r.data(), s.flat());
        coin.dot(s, r, values, s.flat());
        return Base::size(s, r);
    }
    void bet(Sgd& s, const LaneStep& step) {
        coin.see_slopes(s);
        coin.kernel.coin_bet(s.w.data(), s.h.data(), s.r.data(), values, s.flat(), s.pattern(), step,
                             coin.most.data());
    }
};

}  // namespace esker::rows

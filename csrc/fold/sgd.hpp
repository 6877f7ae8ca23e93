// Sgd: K linear models side by side, one in each lane, that learn from one walk over the rows by scale-free
// AdaGrad steps.
//
// A feature's step is rate x slope x value / sqrt(H), with H the sum of (slope value^2)^2 over the rows seen:
// the gradient's AdaGrad (Duchi, Hazan & Singer, JMLR 2011) and the feature's scale at once, so that
// rescaling a feature rescales its weight and changes nothing else. All rates are divided by the root of the
// mean number of nonzeros a row, as in normalised updates (Ross, Mineiro & Langford, UAI 2013). Dense rows
// are standardised first, by running moments that are refreshed when the number of rows is a power of two, up
// to 65,536; the weights are then re-expressed, the function stays. Targets of losses that scale with them
// are standardised the same way. Steps of losses that say `flows` follow their slope and cannot overshoot
// (Karampatziakis & Langford, UAI 2011). Where the prediction is a logarithm, the intercept starts at that of
// the running mean.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/buffer.hpp"
#include "fold/fold.hpp"
#include "fold/moments.hpp"
#include "model/loss.hpp"
#include "model/step.hpp"

namespace esker {

// Which model each lane is.
struct LaneTable {
    std::vector<std::int32_t>
        target;  // the column of y; or, with classes, the class that is told from the rest
    std::vector<double> rate, l1, l2;
    std::vector<std::int32_t> replicate = {};  // of a bootstrap, each lane's; -1 is the rows as they are
    std::uint64_t seed = 0;                    // of the bootstrap
    int size() const noexcept { return static_cast<int>(target.size()); }
};

enum class Layout {
    unknown,
    sparse,
    dense
};  // decided by the first block: records by feature, or flat and standardised

// Averages of the weights after each step (Polyak & Juditsky, 1992), at the cost of the weights that change:
// a sum is `scales` times the weight, less what it would be more had the weight always been what it is (Xu,
// 2011).
struct Average {
    Index from = 0;   // the first step that counts; 0 keeps no averages
    Index steps = 0;  // steps that count so far
    std::vector<double> scales,
        bias;                 // one a lane: what its weights counted, its intercepts, summed over them
    std::vector<double> lag;  // as weights of records lie
};

struct Sgd {
    // --- what the learner is; the same for all states that merge ---
    std::string loss_name;
    double loss_parameter;  // epsilon, quantile or power; 0 for losses without
    AnyLoss loss;
    int degree;  // of the loss: what its value scales with
    Step step;
    LaneTable table;
    bool fit_intercept = true, classes = false, scaled_penalty = true;

    // --- what it has learned ---
    Layout layout = Layout::unknown;
    Index cols = 0;
    Index rows = 0;                    // rows consumed, also those of weight zero
    Index steps = 0;                   // rows that had weight
    Buffer w;                          // sparse: records of lanes weights, lanes accumulators; dense: weights
    Buffer h;                          // dense: accumulators
    std::vector<std::uint32_t> last;   // sparse, with a penalty: the step of a feature's last visit
    std::vector<double> bias, bias_h;  // one a lane
    std::vector<double>
        lane_scale;  // plain: what a lane's weights count, to which l2 penalties have shrunk it
    Buffer r;        // coin, dense: what bets have won
    std::vector<double> bias_z, bias_won;  // coin: the intercept's sum of slopes, and what its bets have won
    std::vector<double> most_slope;        // coin: the largest slope of a lane so far, at least 1
    std::vector<double> l1_due;            // plain: the l1 penalty of all steps so far
    double weight_sum = 0, nonzero_sum = 0;  // their ratio is the mean number of nonzeros a row
    Moments x_moments, y_moments;            // of dense rows; of targets that are not labels
    std::vector<double> centre, scale;       // dense or normalised: x' = (x - centre) * scale
    std::vector<double> y_centre, y_scale;   // one a lane: y' = (y - centre) / scale

    Average average;

    // --- progressive validation: each row's loss before it is learned from ---
    std::vector<double> loss_sum;
    double meter_weight = 0;

    Sgd(std::string loss, LaneTable table, bool fit_intercept, bool classes, bool scaled_penalty,
        double loss_parameter = 0.0, Step step = {});

    void update(const Block& block) { update_rows(block, 0, block.n); }
    void update_rows(const Block& block, Index begin, Index end);
    void merge(const Sgd& other);
    // A penalty acts on new columns from now on; or, late, as if they had been there from the start.
    void widen(Index cols, bool late = false);
    struct Coefficients {
        std::vector<double> coef, intercept;
    };  // lanes x cols, lanes
    Coefficients finish() const;
    // The coefficients of records, lane k's `stride` x k from the first: of feature j those of record
    // slot[j], or of its own. Returns the intercepts.
    template <class T>
    std::vector<double> read_out(T* coef, Index stride, const std::int32_t* slot, Index n) const;

    struct Score {
        std::vector<double> loss, errors;
        double weight = 0;
        std::vector<double> each;  // rows x columns: each row's loss, of every lane, or all lanes' in sum
    };
    // columns: of `each`; 0, 1 or lanes.
    Score evaluate(const Block& block, int columns = 0) const;
    Sgd select(const std::vector<int>& lanes) const;
    std::vector<bool> finite() const;
    void reset_meter();
    void start_from(const std::vector<double>& coef, const std::vector<double>& intercept, bool dense);
    void set_targets(const std::vector<std::int32_t>& targets);

    // --- averages, in sgd_average.cpp ---
    void set_average(Index from);  // from here on, sums being empty
    Sgd averaged() const;          // a state whose weights are the averages, and which keeps none
    double summed(Index feature, int lane) const;
    void settle_sums(std::size_t lane);  // as if all sums came before this step
    void count_step();

    // --- shape of the tables ---
    int lanes() const noexcept { return table.size(); }
    int width() const noexcept { return width_; }  // lanes, padded: 1, 4, 8 or a multiple of 16
    int pattern() const noexcept { return width_ < 16 ? 16 : width_; }
    Index flat() const noexcept;  // floats of a dense table
    Shrink shrink() const noexcept;
    // A lane's penalties as its standardised target has them: with scaled_penalty the targets' units do not
    // matter.
    double l1(std::size_t lane) const noexcept {
        return scaled_penalty || degree != 2 ? table.l1[lane] : table.l1[lane] / y_scale[lane];
    }
    double l2(std::size_t lane) const noexcept {
        return scaled_penalty || degree != 1 ? table.l2[lane] : table.l2[lane] * y_scale[lane];
    }
    bool plain() const noexcept { return step.rule == Rule::plain; }
    bool automatic() const noexcept { return step.rule == Rule::automatic; }
    // Sparse: are records worked on where they lie, and not gathered first?
    bool records() const noexcept { return automatic() || step.rule == Rule::adagrad; }
    bool last_in_record() const noexcept { return records() && width_ == 1; }
    // What all rates are multiplied by, so that they do not depend on how much a row holds.
    double share() const noexcept {
        if (automatic())
            return std::sqrt(std::min(1.0, weight_sum / nonzero_sum));  // 1 / root of the mean count
        return step.normalises() && nonzero_sum > 0 ? std::sqrt(weight_sum / nonzero_sum) : 1.0;
    }
    // What a lane's rate is divided by for its intercept.
    double intercept_root(std::size_t lane, double share) const noexcept {
        const double root = std::sqrt(bias_h[lane]);
        return step.rule == Rule::ftrl ? 1.0 + root : step.rule == Rule::normalized ? root / share : root;
    }
    bool timed() const noexcept { return timed_; }
    // Does a row count differently in each lane?
    bool resamples() const noexcept { return !table.replicate.empty(); }
    // Floats of a record a lane: a weight, and an accumulator or, plain, what an l1 penalty has taken.
    int fields() const noexcept { return fields_; }
    Index stride() const noexcept { return stride_; }  // of the sparse table
    std::uint32_t last_visit(Index feature) const;
    void set_last_visit(Index feature, std::uint32_t step);
    // The weight and accumulator of one lane of one feature, wherever the layout keeps them.
    float& weight_at(Index feature, int lane);
    float& accumulator_at(Index feature, int lane);
    float weight_at(Index feature, int lane) const {
        return const_cast<Sgd*>(this)->weight_at(feature, lane);
    }
    float accumulator_at(Index feature, int lane) const {
        return const_cast<Sgd*>(this)->accumulator_at(feature, lane);
    }
    float& won_at(Index feature, int lane);  // coin: what bets have won
    float settled(Index feature,
                  int lane) const;  // the weight with the penalty of the steps since its last visit

    void choose_layout(Layout wanted);
    void set_layout(Layout chosen) noexcept;
    // most: a weight of a standardised feature grows at most so much (less than the function asks for).
    void rescale_features(const std::vector<double>& centre, const std::vector<double>& scale,
                          double most = std::numeric_limits<double>::infinity());
    void rescale_targets(const std::vector<double>& centre, const std::vector<double>& scale);
    void refresh_penalty_weights();
    void set_rates(const std::vector<double>& rates);
    void set_penalties(const std::vector<double>& l1, const std::vector<double>& l2);
    void scale_penalties(const std::vector<double>& by);
    void place_weight(Index feature, int lane, double weight);  // FTRL: what z the weight is
    void merge_bets(const Sgd& other);  // coin: the weights are averaged, of what was won the sum is kept
    void shrink_lane(std::size_t lane, double by) {  // plain: all weights of a lane, times `by`
        lane_scale[lane] *= by > 0 ? by : 0.0;
        if (!(lane_scale[lane] > 1e-9)) fold_scale(lane);  // before the table has no digits
    }
    void fold_scale(std::size_t lane);
    std::vector<float> p2, p1;  // dense: how much the penalty of each weight counts

private:
    int width_ = 1;
    Index stride_ = 0;  // with timed_, what the layout and the penalties come to
    bool timed_ = false;
    int fields_ = 2;
};
static_assert(Fold<Sgd>);

constexpr float first_accumulator = 1e-37f;  // keeps 0 / 0 out; below any square that float32 steps make
constexpr double most_scale = 1e18;          // of a penalty: its square is a float32
constexpr double unscaled = 1.0;             // a target's scale before it has varied
constexpr Index settled_rows = 65536;        // the scales are refreshed up to here

}  // namespace esker

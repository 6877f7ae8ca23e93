// Sgd taught by several learners at once: rounds of rows, and meetings where changes are added up.
#include "fold/sgd_shards.hpp"

#include <bit>
#include <chrono>
#include <cmath>

#include "base/parallel.hpp"

namespace esker {
namespace {

constexpr Index least_rows = 128, most_rows = 4096, most_dense_rows = 1024;
constexpr double dense_numbers = 1 << 17;  // that a learner reads between two meetings
constexpr double visits_a_record = 5;  // that a round must bring for a meeting to take an eighth of its time

// Whether the learners of a round take turns on one thread, which gives the same bits: where other programs
// have the cores, threads wait for each other longer than they gain. Both ways are timed; the slower one is
// tried again after twice as many rounds each time.
class Turns {
public:
    bool take_turns() const noexcept { return next == 0 ? !slower_together : slower_together; }
    void done(double seconds_a_row) noexcept {
        const bool turns = take_turns(), tried = next == 0;
        double& mine = turns ? alone : together;
        mine = mine > 0 && !tried ? 0.75 * mine + 0.25 * seconds_a_row : seconds_a_row;
        if (tried) {
            const bool before = slower_together;
            slower_together = together > 0 && alone > 0 && together > alone;
            pause = before == slower_together ? std::min(2 * pause, longest) : first;
            next = pause;
        } else {
            next--;
            // What was the faster way no longer is: look again soon.
            if (alone > 0 && together > 0 && mine > 2.0 * (turns ? together : alone)) next = 0, pause = first;
        }
    }

private:
    static constexpr int first = 8, longest = 4096;
    double alone = 0, together = 0;  // seconds a row
    bool slower_together = false;
    int next = 0, pause = first / 2;
};

struct Round {
    Sgd first;
    std::vector<Sgd> others;

    Round(const Sgd& s, int shards) : first(s) {
        for (int k = 1; k < shards; k++) others.push_back(s);
    }

    void meet_scalars(Sgd& s) {
        auto add = [&](auto member) {
            auto& sum = s.*member;
            for (const Sgd& o : others) sum += o.*member - first.*member;
        };
        auto add_each = [&](std::vector<double> Sgd::* member) {
            for (std::size_t q = 0; q < s.bias.size(); q++)
                for (const Sgd& o : others) (s.*member)[q] += (o.*member)[q] - (first.*member)[q];
        };
        add(&Sgd::rows), add(&Sgd::steps);
        add(&Sgd::weight_sum), add(&Sgd::nonzero_sum), add(&Sgd::meter_weight);
        add_each(&Sgd::bias), add_each(&Sgd::bias_h), add_each(&Sgd::loss_sum);
    }
    void copy_scalars(const Sgd& from, Sgd& to) const {
        to.rows = from.rows, to.steps = from.steps;
        to.weight_sum = from.weight_sum, to.nonzero_sum = from.nonzero_sum,
        to.meter_weight = from.meter_weight;
        to.bias = from.bias, to.bias_h = from.bias_h, to.loss_sum = from.loss_sum;
    }

    // Numbers [begin, end) of a table: all learners have the sum then. An accumulator may have started anew,
    // then it is not below the first one.
    void meet_numbers(Sgd& s, Buffer Sgd::* table, Index begin, Index end, float least) {
        float *mine = (s.*table).data(), *before = (first.*table).data();
        for (Sgd& o : others) {
            const float* theirs = (o.*table).data();
#pragma omp simd
            for (Index i = begin; i < end; i++) mine[i] += theirs[i] - before[i];
        }
        for (Index i = begin; i < end; i++) mine[i] = std::max(mine[i], least);
        for (Sgd& o : others) std::copy(mine + begin, mine + end, (o.*table).data() + begin);
        std::copy(mine + begin, mine + end, before + begin);
    }
    // The step of a feature's last visit goes on by as many steps as all learners together have settled.
    void meet_visits(Sgd& s, Index begin, Index end) {
        for (Index j = begin; j < end; j++) {
            const std::uint32_t before = first.last_visit(j);
            std::int64_t moved = s.last_visit(j) - before;
            for (const Sgd& o : others) moved += o.last_visit(j) - before;
            const auto t = static_cast<std::uint32_t>(std::min<std::int64_t>(before + moved, s.steps));
            s.set_last_visit(j, t), first.set_last_visit(j, t);
            for (Sgd& o : others) o.set_last_visit(j, t);
        }
    }
    // Records of one lane: weight, accumulator and, with a penalty, the step of the last visit.
    template <int R>
    void meet_records(Sgd& s, Index begin, Index end) {
        const auto now = static_cast<std::uint32_t>(s.steps);
        float *mine = s.w.data() + begin * R, *before = first.w.data() + begin * R;
        for (Sgd& o : others) {
            const float* theirs = o.w.data() + begin * R;
            for (Index i = 0; i < (end - begin) * R; i += R) {
                mine[i] += theirs[i] - before[i];
                mine[i + 1] = std::max(mine[i + 1] + (theirs[i + 1] - before[i + 1]), first_accumulator);
                if constexpr (R == 4) {
                    const auto t = std::bit_cast<std::uint32_t>(mine[i + 2]) +
                                   (std::bit_cast<std::uint32_t>(theirs[i + 2]) -
                                    std::bit_cast<std::uint32_t>(before[i + 2]));
                    mine[i + 2] = std::bit_cast<float>(std::min(t, now));
                }
            }
        }
        for (Sgd& o : others) std::copy(mine, mine + (end - begin) * R, o.w.data() + begin * R);
        std::copy(mine, mine + (end - begin) * R, before);
    }
    void meet_features(Sgd& s, Index begin, Index end) {
        constexpr float any = -std::numeric_limits<float>::infinity();
        const Index width = s.width(), stride = s.stride();
        if (s.layout == Layout::dense) {
            meet_numbers(s, &Sgd::w, begin * width, end * width, any);
            meet_numbers(s, &Sgd::h, begin * width, end * width, first_accumulator);
            return;
        }
        if (width == 1) return s.timed() ? meet_records<4>(s, begin, end) : meet_records<2>(s, begin, end);
        if (s.timed()) meet_visits(s, begin, end);
        for (Index j = begin; j < end; j++) {
            meet_numbers(s, &Sgd::w, j * stride, j * stride + width, any);
            meet_numbers(s, &Sgd::w, j * stride + width, (j + 1) * stride, first_accumulator);
        }
    }

    void meet(Sgd& s, bool alone) {
        meet_scalars(s);
        copy_scalars(s, first);
        for (Sgd& o : others) copy_scalars(s, o);
        constexpr Index piece = 4096;
        const Index pieces = (s.cols + piece - 1) / piece;
        auto meet_piece = [&](Index p) { meet_features(s, p * piece, std::min(s.cols, (p + 1) * piece)); };
        if (alone)
            for (Index p = 0; p < pieces; p++) meet_piece(p);
        else
            parallel_for(pieces, meet_piece);
    }
};

}  // namespace

bool can_shard(const Sgd& s) noexcept {
    return s.layout != Layout::unknown && s.steps >= settled_rows && s.average.from == 0 && s.automatic() &&
           std::holds_alternative<Logistic>(s.loss);
}

Index shard_rows(const Sgd& s) noexcept {
    if (!can_shard(s) || !(s.nonzero_sum > 0)) return 0;
    // Beyond this all learners would correct the same error. It is seen in a dense row's features at once.
    const double rate = *std::max_element(s.table.rate.begin(), s.table.rate.end());
    const double most = 2.0 * std::sqrt(static_cast<double>(s.steps)) / rate;
    auto rows = [](double wanted, double most, Index largest) -> Index {
        if (wanted > 2.0 * static_cast<double>(largest) || wanted > 4.0 * most) return 0;
        const auto least = static_cast<std::uint64_t>(std::ceil(std::max(wanted, 1.0)));
        const auto limit = std::bit_floor(static_cast<std::uint64_t>(std::max(most, 1.0)));
        const auto power = static_cast<Index>(std::min(std::bit_ceil(least), limit));
        return power < least_rows / 2 ? 0 : std::clamp(power, least_rows / 2, largest);
    };
    if (s.layout == Layout::dense)
        return rows(std::min(dense_numbers / static_cast<double>(s.flat()), 1.0 * most_dense_rows), most,
                    most_dense_rows);
    const double floats = static_cast<double>(s.cols) * static_cast<double>(s.stride()) / 4;
    const double wanted =
        visits_a_record * floats * s.weight_sum / s.nonzero_sum / std::max(1, s.width() / 8);
    return rows(std::max(wanted, static_cast<double>(least_rows)), 8.0 * most, most_rows);
}

void update_shards(Sgd& s, const Block& block, Index begin, Index end, Index at, int shards, Index rows) {
    require(shards >= 1 && rows >= 1, "shards and their rows must be positive, got " +
                                          std::to_string(shards) + " and " + std::to_string(rows));
    require(can_shard(s), "an Sgd state is shared by several learners once it has learned from " +
                              std::to_string(settled_rows) + " rows by step 'auto' and the log loss");
    if (shards == 1) return s.update_rows(block, begin, end);
    s.widen(cols(block.x));
    Round round(s, shards);
    const Index whole = rows * shards;
    thread_local Turns turns;
    while (begin < end) {
        const Index n = std::min(end - begin, whole - at % whole);
        auto cut = [&](int k) { return begin + n * k / shards; };
        auto learn = [&](Index k) {
            Sgd& learner = k == 0 ? s : round.others[static_cast<std::size_t>(k - 1)];
            const int q = static_cast<int>(k);
            if (cut(q) < cut(q + 1)) learner.update_rows(block, cut(q), cut(q + 1));
        };
        const auto begun = std::chrono::steady_clock::now();
        const bool alone = turns.take_turns();
        if (alone)
            for (int k = 0; k < shards; k++) learn(k);
        else
            parallel_for(shards, learn);
        round.meet(s, alone);
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
        turns.done(taken.count() / static_cast<double>(n));
        begin += n, at += n;
    }
}

}  // namespace esker

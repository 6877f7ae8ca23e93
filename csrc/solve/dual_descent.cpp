// Epochs of dual coordinate descent: what a visit does to a row, which rows are visited, and when it ends.
#include "solve/dual_descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/parallel.hpp"
#include "base/permutation.hpp"
#include "solve/dual_coordinate.hpp"
#include "solve/dual_rows.hpp"

namespace esker {
namespace {

constexpr Index patience = 8;         // visits of all rows, as many, between looks at those left out
constexpr Index ahead = 4;            // rows that are asked for before they are visited
constexpr Index bucket_bytes = 2048;  // neighbours that are visited together

// How much g, the slope but for epsilon, violates what is best of b; below 0: by how much it holds there.
double violation(const Coordinate& at, double b, double g, double epsilon) {
    const double up =
        b >= at.high ? -std::numeric_limits<double>::infinity() : -(g + (b >= 0 ? epsilon : -epsilon));
    const double down =
        b <= at.low ? -std::numeric_limits<double>::infinity() : g + (b > 0 ? epsilon : -epsilon);
    return std::max(up, down);  // what the dual falls by, for a small step up, and down
}

}  // namespace

struct Machine::Tally {
    double change = 0, gap = 0, most = 0;
    bool moved = false;
};

MachineRows::MachineRows(std::vector<Matrix> all, Index width, double constant, const double* targets,
                         const double* weights)
    : parts(std::move(all)), cols(width), bias(constant), y(targets), weight(weights) {
    for (const Matrix& part : parts) {
        require(part.index() == parts[0].index(), "all blocks must be of one storage and dtype");
        first.push_back(first.back() + std::visit([](const auto& m) { return m.rows; }, part));
        stored_ += stored_numbers(part);
    }
    squares.resize(static_cast<std::size_t>(n()));
    constexpr Index band = 4096;
    parallel_for((n() + band - 1) / band, [&](Index b) {
        with_rows(*this, [&](const auto& x) {
            for (Index i = b * band; i < std::min(n(), (b + 1) * band); i++)
                squares[static_cast<std::size_t>(i)] = x.square(i) + bias * bias;
        });
    });
}

Machine::Machine(const MachineRows& all, const MachineRules& wanted)
    : rows(&all),
      rules(wanted),
      w(static_cast<std::size_t>(all.cols + 1), 0.0),
      dual(static_cast<std::size_t>(all.n()), 0.0),
      out_(static_cast<std::size_t>(all.n()), 0),
      most_(std::numeric_limits<double>::infinity()),
      enough_(2 * wanted.tol) {
    for (Index i = 0; i < all.n(); i++)
        if (all.w(i) > 0 && (wanted.own > 0 || all.y[i] != static_cast<double>(wanted.label)))
            active_.push_back(i);
}

template <class V>
void Machine::visit(Tally& tally) {
    const Opened<V> x(*rows);
    const double epsilon = rules.epsilon, bias = rows->bias;
    const Index* order = order_.data();
    const auto count = static_cast<Index>(order_.size());
    double *at_w = w.data(), &level = w.back();
    for (Index k = 0; k < count; k++) {
        const Index i = order[k];
        if (k + ahead < count) {
            const Index next = order[k + ahead];
            x.prefetch(next);
            __builtin_prefetch(&dual[static_cast<std::size_t>(next)]);
            __builtin_prefetch(&rows->squares[static_cast<std::size_t>(next)]);
        }
        const Coordinate at(*rows, rules, i);
        double& b = dual[static_cast<std::size_t>(i)];
        const double was = b, z = x.dot(i, at_w) + bias * level, g = z - at.t + at.lambda * was;
        tally.gap += at.loss(z, rules) + at.own(was, epsilon) + was * z;
        const double off = violation(at, was, g, epsilon);
        if (off <= 0) {
            if (-off > most_) out_[static_cast<std::size_t>(i)] = 1;
            continue;
        }
        tally.most = std::max(tally.most, off);
        const double bend = std::max(rows->squares[static_cast<std::size_t>(i)] + at.lambda, 1e-150);
        const double straight = was - g / bend, flat = epsilon / bend;
        const double soft = std::copysign(std::max(0.0, std::abs(straight) - flat), straight);
        b = std::clamp(soft, at.low, at.high);
        const double step = b - was;
        if (step == 0) continue;
        tally.moved = true;
        tally.change += step * (g + 0.5 * bend * step) + epsilon * (std::abs(b) - std::abs(was));
        x.axpy(i, at_w, step);
        level += bias * step;
    }
}

void Machine::epoch() {
    // Buckets of neighbours, whose bytes lie together, in a random order.
    const Index bytes =
        std::max<Index>(1, rows->stored() * number_bytes(*rows) / std::max<Index>(1, rows->n()));
    const Index bucket = std::clamp<Index>(bucket_bytes / bytes, 1, 8);
    const auto n = static_cast<Index>(active_.size()), buckets = (n + bucket - 1) / bucket;
    std::vector<Index> places(static_cast<std::size_t>(buckets));
    permutation(places.data(), rules.seed, epochs, Stream::coordinate, buckets);
    order_.clear();
    for (const Index p : places)
        order_.insert(order_.end(), active_.begin() + p * bucket,
                      active_.begin() + std::min(n, (p + 1) * bucket));
    Tally tally;
    std::visit([&](const auto& m) { visit<std::decay_t<decltype(m)>>(tally); }, rows->parts[0]);
    epochs++;
    if (!std::isfinite(tally.gap) || !std::isfinite(tally.change)) {  // nothing makes them finite again
        primal = gap = std::numeric_limits<double>::quiet_NaN();
        settled = true;
        return;
    }
    dual_value_ += tally.change;
    // Nor will a row move that did not, when none did.
    const bool last = epochs >= rules.max_iter || (!tally.moved && all_);
    unseen_ = n < rows->n() ? unseen_ + n : 0;
    // The rows left out are not in that gap: what they say is asked for now and then.
    if (last || !tally.moved || tally.gap <= enough_ * std::abs(dual_value_) ||
        unseen_ > patience * rows->n()) {
        look(last);
        unseen_ = 0;
        const double share =
            std::max(0.1, rules.tol * primal / gap);  // of this idea of the gap, for the next look
        if (!settled) enough_ = std::min(2 * rules.tol, tally.gap / std::abs(dual_value_) * share);
        return;
    }
    most_ = tally.most;
    all_ =
        std::erase_if(active_, [&](Index i) { return out_[static_cast<std::size_t>(i)] != 0; }) == 0 && all_;
    std::fill(out_.begin(), out_.end(), 0);
    if (active_.empty()) look(false);
}

void Machine::stop() {
    if (settled) return;
    look(true);
    stopped = !converged;
}

void Machine::look(bool last) {
    constexpr Index band = 4096;
    const Index n = rows->n(), bands = (n + band - 1) / band;
    std::vector<double> losses(static_cast<std::size_t>(bands)), owns(static_cast<std::size_t>(bands)),
        mosts(static_cast<std::size_t>(bands));
    std::vector<double> off(static_cast<std::size_t>(n));
    parallel_for(bands, [&](Index s) {
        double loss = 0, own = 0, most = 0;
        with_rows(*rows, [&](const auto& x) {
            for (Index i = s * band; i < std::min(n, (s + 1) * band); i++) {
                const auto k = static_cast<std::size_t>(i);
                if (!(Coordinate(*rows, rules, i).c > 0)) {
                    off[k] = -std::numeric_limits<double>::infinity();
                    continue;
                }
                const Coordinate at(*rows, rules, i);
                const double b = dual[k], z = x.dot(i, w.data()) + rows->bias * w.back();
                loss += at.loss(z, rules);
                own += at.own(b, rules.epsilon);
                off[k] = violation(at, b, z - at.t + at.lambda * b, rules.epsilon);
                most = std::max(most, off[k]);
            }
        });
        const auto k = static_cast<std::size_t>(s);
        losses[k] = loss, owns[k] = own, mosts[k] = most;
    });
    double square = 0, own = 0, loss = 0;
    for (const double v : w) square += v * v;
    most_ = 0;
    for (std::size_t s = 0; s < losses.size(); s++)
        loss += losses[s], own += owns[s], most_ = std::max(most_, mosts[s]);
    primal = 0.5 * square + loss;
    dual_value_ = 0.5 * square + own;
    gap = std::max(primal + dual_value_, 0.0);
    if (last || gap <= rules.tol * primal) {  // it is, if w is the sum of the rows that it is taken for
        const std::vector<double> sum = weighted_sum(*rows, dual.data());
        double exact = 0;
        for (const double v : sum) exact += v * v;
        gap = std::max(primal + 0.5 * exact + own, 0.0);
        converged = gap <= rules.tol * primal;
        settled = converged || last;
        if (settled) return;
        w = sum, dual_value_ = 0.5 * exact + own;
    }
    active_.clear();
    all_ = true;
    for (Index i = 0; i < n; i++)
        if (off[static_cast<std::size_t>(i)] > -most_)
            active_.push_back(i);
        else
            all_ = all_ && off[static_cast<std::size_t>(i)] == -std::numeric_limits<double>::infinity();
    std::fill(out_.begin(), out_.end(), 0);
}

}  // namespace esker

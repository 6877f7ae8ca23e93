// Rows taken off a Gram again (Chan's update backwards), and targets that come or change places.
#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "fold/gram.hpp"

namespace esker {
namespace {

// A column that keeps less than `constant` of its second moment keeps nothing but rounding: it is constant
// from now on. One that keeps less than `least` has lost half its digits: that is refused.
constexpr double constant = 64 * 0x1p-52, least = 1e-8;
// Rows that were learned never take off more than there was, but for the rounding of float32 products.
constexpr double beyond = 1e-5;

std::string figure(double x) {
    std::string s = std::to_string(x);
    return s.substr(0, s.find('.') + 4);
}

}  // namespace

void Gram::forget(const Gram& other) {
    check_sums(), other.check_sums();
    const Index d = cols(), theirs = other.cols();
    require(theirs <= d, "the rows to forget have " + std::to_string(theirs) + " columns, the sums " +
                             std::to_string(d) + "; forget rows that were learned");
    require(other.targets() == targets(), "the rows to forget have " + std::to_string(other.targets()) +
                                              " targets, the sums " + std::to_string(targets()));
    require(other.rows < rows && other.weight < weight * (1 - 0x1p-40),
            "expected fewer rows to forget than were learned, got " + std::to_string(other.rows) +
                " rows of weight " + figure(other.weight) + " where " + std::to_string(rows) +
                " rows of weight " + figure(weight) + " were learned; to forget all, start with a new model");
    // state = (rest) + (other) about their means: with W the rest's weight, w the other's and e = mean_rest -
    // mean_other, sums_rest = sums - sums_other - W w / (W + w) e e'.
    const double rest = weight - other.weight, between = rest * other.weight / weight;
    std::vector<double> mean(mean_x), mean_t(mean_y), dx(mean_x.size()), dy(mean_y.size());
    for (std::size_t j = 0; j < dx.size(); j++) {
        const double theirs_at = static_cast<Index>(j) < theirs ? other.mean_x[j] : 0.0;
        mean[j] += (other.weight / rest) * (mean_x[j] - theirs_at);
        dx[j] = mean[j] - theirs_at;
    }
    for (std::size_t t = 0; t < dy.size(); t++) {
        mean_t[t] += (other.weight / rest) * (mean_y[t] - other.mean_y[t]);
        dy[t] = mean_t[t] - other.mean_y[t];
    }
    // Nothing is changed before it is known that enough is left.
    std::vector<char> empty(mean_x.size(), 0);
    std::vector<double> before(mean_x.size());
    for (Index j = 0; j < d; j++) {
        const auto at = static_cast<std::size_t>(j);
        before[at] = std::max(peak[at], row(j)[j]);
        const double left = row(j)[j] - (j < theirs ? other.row(j)[j] : 0.0) - between * dx[at] * dx[at];
        require(left >= -beyond * before[at],
                "the rows to forget hold more of column " + std::to_string(j) +
                    " than was learned; forget rows that were learned, with the "
                    "weights they were learned with");
        empty[at] = left <= constant * before[at];
        require(empty[at] || left >= least * before[at],
                "forgetting these rows would leave column " + std::to_string(j) + " with " +
                    std::to_string(left / before[at] * 1e9) +
                    "e-9 of its second moment, which rounding has spoilt; fit the rows that remain anew");
    }
    std::vector<double> left_y(mean_y.size()), before_y(mean_y.size());
    peak_y.resize(mean_y.size(), 0.0);
    for (std::size_t t = 0; t < left_y.size(); t++) {
        before_y[t] = std::max(peak_y[t], yy[t]);
        left_y[t] = yy[t] - other.yy[t] - between * dy[t] * dy[t];
        require(
            left_y[t] >= -beyond * before_y[t],
            "the rows to forget hold more of target " + std::to_string(t) +
                " than was learned; forget rows that were learned, with the weights they were learned with");
        if (left_y[t] <= constant * before_y[t]) left_y[t] = 0;
        require(left_y[t] == 0 || left_y[t] >= least * before_y[t],
                "forgetting these rows would leave target " + std::to_string(t) + " with " +
                    std::to_string(left_y[t] / before_y[t] * 1e9) +
                    "e-9 of its second moment, which rounding has spoilt; fit the rows that remain anew");
    }
    parallel_for((d + 63) / 64, [&](Index task) {
        for (Index i = task * 64; i < std::min(d, task * 64 + 64); i++) {
            const auto at = static_cast<std::size_t>(i);
            double* to = row(i);
            const double* from = i < theirs ? other.row(i) : nullptr;
            const double scaled = between * dx[at];
            for (Index j = i; j < d; j++) {
                const auto b = static_cast<std::size_t>(j);
                const double own = j < theirs ? from[j] : 0.0;
                to[j] = empty[at] || empty[b] ? 0.0 : to[j] - own - scaled * dx[b];
            }
        }
    });
    for (Index t = 0; t < targets(); t++) {
        const auto c = static_cast<std::size_t>(t);
        for (Index j = 0; j < d; j++) {
            const auto at = static_cast<std::size_t>(j);
            double& to = xy[static_cast<std::size_t>(t * d + j)];
            const double own = j < theirs ? other.xy[static_cast<std::size_t>(t * theirs + j)] : 0.0;
            to = empty[at] || left_y[c] == 0 ? 0.0 : to - own - between * dy[c] * dx[at];
        }
        yy[c] = left_y[c];
        peak_y[c] = left_y[c] == 0 ? 0.0 : before_y[c];
    }
    for (Index j = 0; j < d; j++) {
        const auto at = static_cast<std::size_t>(j);
        coarse[at] = empty[at] ? 0.0 : std::hypot(coarse[at], j < theirs ? other.coarse[at] : 0.0);
        peak[at] = empty[at] ? 0.0 : before[at];
    }
    mean_x = std::move(mean), mean_y = std::move(mean_t);
    weight = rest, rows -= other.rows;
}

void Gram::set_targets(const std::vector<Index>& order) {
    const auto d = static_cast<std::size_t>(cols());
    std::vector<double> mean(order.size(), 0.0), squares(order.size(), 0.0), cross(order.size() * d, 0.0),
        peaks(peak_y.empty() ? 0 : order.size(), 0.0);
    for (std::size_t t = 0; t < order.size(); t++) {
        if (order[t] < 0) continue;
        require(order[t] < targets(), "there is no target " + std::to_string(order[t]));
        const auto from = static_cast<std::size_t>(order[t]);
        mean[t] = mean_y[from], squares[t] = yy[from];
        if (!peaks.empty()) peaks[t] = peak_y[from];
        std::copy_n(xy.data() + from * d, d, cross.data() + t * d);
    }
    mean_y = std::move(mean), yy = std::move(squares), xy = std::move(cross), peak_y = std::move(peaks);
}

bool Gram::finite() const {
    check_sums();
    // Every product of column j with another lies in the diagonal's reach: infinity and NaN show there.
    double sum = 0;
    for (Index j = 0; j < cols(); j++) sum += 0 * row(j)[j] + 0 * mean_x[static_cast<std::size_t>(j)];
    for (const double square : yy) sum += 0 * square;
    return sum == 0;
}

}  // namespace esker

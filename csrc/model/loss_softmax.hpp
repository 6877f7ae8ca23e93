// The cross-entropy of a softmax: a loss of all classes' lanes together, each of which has its value.
//
// A row's step raises the score of its own class and lowers the others, so that its loss falls however large
// the weight or the rate.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "model/loss_over.hpp"

namespace esker {

struct Softmax {
    static constexpr bool flows = false, log_link = false;
    static constexpr int degree = 0;
    int classes = 0;                  // lanes of a model; 0: all that there are
    std::vector<std::int32_t> order;  // the lanes, model after model; empty: as they lie

    // The first lanes of all classes are a model, the second ones another (at another rate, say), and so on.
    static Softmax of(const std::vector<std::int32_t>& target);

    // y: +1 for the row's own class, else -1. Sums are added up by a lane's place in its model, so that they
    // do not depend on other models.
    void over(double* slopes, double* values, const double* p, const double* y, int n) const {
        const LaneKernels& f = kernels().lanes;
        static thread_local std::vector<double> room;
        const int size = lanes_of_model(n);
        if (room.size() < 2 * static_cast<std::size_t>(size)) room.resize(2 * static_cast<std::size_t>(size));
        double *below = room.data(), *e = below + size;
        each_model(n, size, [&](auto lane) {
            Eight most, sum;
            most.fill(-std::numeric_limits<double>::infinity()), sum.fill(0.0);
            double own = -std::numeric_limits<double>::infinity();
            for (int c = 0; c < size; c++) {
                below[c] = p[lane(c)];
                if (y[lane(c)] > 0) own = below[c];
            }
            in_eights(size, [&](int c, std::size_t q) { most[q] = std::max(most[q], below[c]); });
            const double top = *std::max_element(most.begin(), most.end());
            for (int c = 0; c < size; c++) below[c] -= top;
            f.exp(e, below, size);
            in_eights(size, [&](int c, std::size_t q) { sum[q] += e[c]; });
            const double total =
                ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
            double value;
            f.log(&value, &total, 1);
            value -= own - top;
            for (int c = 0; c < size; c++) {
                slopes[lane(c)] = e[c] / total - (y[lane(c)] > 0 ? 1.0 : 0.0);
                values[lane(c)] = value;
            }
        });
    }
    // 1 for the lanes of models whose largest score is not that of the row's class alone.
    void missed(double* wrong, const double* p, const double* y, int n) const {
        const int size = lanes_of_model(n);
        each_model(n, size, [&](auto lane) {
            double own = -std::numeric_limits<double>::infinity(), other = own;
            for (int c = 0; c < size; c++) {
                double& most = y[lane(c)] > 0 ? own : other;
                most = std::max(most, p[lane(c)]);
            }
            for (int c = 0; c < size; c++) wrong[lane(c)] = own > other ? 0.0 : 1.0;
        });
    }
    // A model is as good as the worst of its lanes.
    void share(std::vector<bool>& ok) const {
        const int n = static_cast<int>(ok.size()), size = lanes_of_model(n);
        each_model(n, size, [&](auto lane) {
            bool all = true;
            for (int c = 0; c < size; c++) all = all && ok[static_cast<std::size_t>(lane(c))];
            for (int c = 0; c < size; c++) ok[static_cast<std::size_t>(lane(c))] = all;
        });
    }

private:
    using Eight = std::array<double, 8>;

    int lanes_of_model(int n) const noexcept { return classes > 0 ? classes : n; }
    // f(lane) for every model; lane(c) is that of its class number c.
    template <class F>
    void each_model(int n, int size, F&& f) const {
        for (int m = 0; m < n; m += size) {
            const std::int32_t* lanes = order.data() + m;
            if (order.empty())
                f([m](int c) { return m + c; });
            else
                f([lanes](int c) { return lanes[c]; });
        }
    }
    // f(c, c modulo 8), eight at a time, in loops that become vectors.
    template <class F>
    static void in_eights(int n, F&& f) {
        int c = 0;
        for (; c + 8 <= n; c += 8)
            for (int q = 0; q < 8; q++) f(c + q, static_cast<std::size_t>(q));
        for (int q = 0; c < n; c++, q++) f(c, static_cast<std::size_t>(q));
    }
};

}  // namespace esker

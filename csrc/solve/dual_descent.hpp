// Linear support vector machines by dual coordinate descent (Hsieh, Chang, Lin, Keerthi & Sundararajan, 2008;
// Ho & Lin, 2012). One form serves all: minimise |X'b|^2 / 2 + sum(lambda b^2 / 2 - t b + epsilon |b|) for
// low <= b <= high, where w = X'b. A label has t = 1 or -1 and b of its sign; a number has t = y; lambda is 1
// / (2 C) of squared losses, else |b| is at most C. Rows are visited in a random order.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "base/view.hpp"

namespace esker {

// The rows of a fit, which all its machines share.
struct MachineRows {
    std::vector<Matrix> parts;    // of one kind
    std::vector<Index> first{0};  // each part's first row, and at last n
    Index cols = 0;
    double bias = 0;            // of the constant column beside X; 0: there is none
    const double* y = nullptr;  // n
    const double* weight = nullptr;
    std::vector<double> squares;  // of each row, with the constant

    MachineRows(std::vector<Matrix> parts, Index cols, double bias, const double* y, const double* weight);
    Index n() const noexcept { return first.back(); }
    double w(Index i) const noexcept { return weight ? weight[i] : 1.0; }
    Index stored() const noexcept { return stored_; }

private:
    Index stored_ = 0;  // numbers
};

struct MachineRules {
    double C = 1, epsilon = 0;
    bool squared = false;
    Index label = -1;   // y == label against all others; -1: y are numbers
    double own = 1;     // what rows of that label weigh more
    double tol = 1e-4;  // of the duality gap, relative to the primal objective
    Index max_iter = 1000;
    std::uint64_t seed = 0;
};

// One machine, and where it stands.
struct Machine {
    const MachineRows* rows;
    MachineRules rules;
    std::vector<double> w;       // cols, then the constant's
    std::vector<double> dual;    // n: b
    double primal = 0, gap = 0;  // once settled, exactly for this w and dual
    Index epochs = 0;
    bool settled = false, converged = false, stopped = false;

    Machine(const MachineRows& rows, const MachineRules& rules);
    void epoch();  // visits the active rows once; then perhaps settled
    void stop();   // settled now, by what has been visited

private:
    struct Tally;
    template <class V>
    void visit(Tally& tally);
    void look(bool last);  // at the gap, and at which rows matter
    std::vector<Index> active_, order_;
    bool all_ = true;        // whether those are all that have weight
    std::vector<char> out_;  // rows that the last epoch would leave out
    double most_ = 0;        // the largest violation of the epoch before
    double dual_value_ = 0;  // of what is minimised, by its changes
    Index unseen_ = 0;       // visits since all rows were looked at
    double enough_ = 0;      // an epoch's own idea of the gap, at which to look
};

}  // namespace esker

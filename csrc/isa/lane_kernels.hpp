// Kernels of the learners that step: K models, one in each lane of a feature's record, share one walk over a
// row.
#pragma once

#include <cstdint>

namespace esker {

// What a penalty costs a step: nothing, a shrinkage, or a shrinkage and a truncation.
enum class Shrink { none, l2, elastic };
constexpr int shrinks = 3;
// Chunks of lanes are 1, 4, 8 or 16 wide; a wider table is several chunks of 16.
constexpr int lane_widths = 4;
constexpr int width_index(int lanes) noexcept { return lanes == 1 ? 0 : lanes == 4 ? 1 : lanes == 8 ? 2 : 3; }

// One step's numbers. Arrays hold one float a lane; eg, el2 and el1 are multiplied by the lanes' rates.
struct LaneStep {
    const float* g;    // slope of the loss times sqrt(weight): what the accumulators see
    const float* eg;   // rate x slope x weight
    const float* el2;  // rate x l2
    const float* el1;  // rate x l1
    float often;  // what an increment is multiplied by once its sum is 2^20 times as large: 64 on one row in
                  // 64, else 0
};

// Rows of CSR matrices. A record is lanes weights, then lanes accumulators. `last` holds, for each feature,
// the step of its last visit: the penalty of the steps between acts now. scaled: the penalty acts on the
// weight times the feature's scale.
template <class I>
struct SparseLaneKernels {
    // out[k] = sum of x w_k; returns how many x are not zero
    std::int64_t (*dot)(float* out, const float* table, const float* x, const I* column, std::int64_t n,
                        int lanes);
    // accumulate g^2 x^4, and step
    void (*step[shrinks])(float* table, std::uint32_t* last, const float* x, const I* column, std::int64_t n,
                          int lanes, const LaneStep& s, std::uint32_t now, bool scaled);
    // the same in two halves, for losses whose slope has no bound: accumulate, and sum x^2 /
    // sqrt(accumulator) into reach[k]
    void (*accumulate)(float* reach, float* table, const float* x, const I* column, std::int64_t n, int lanes,
                       const LaneStep& s);
    void (*apply[shrinks])(float* table, std::uint32_t* last, const float* x, const I* column, std::int64_t n,
                           int lanes, const LaneStep& s, std::uint32_t now, bool scaled);
};

// Rows of dense matrices, standardised, with weights w[feature][lane] and accumulators h alike. n counts w's
// floats, a multiple of the pattern's length (16, or the lanes if more); x holds one float a weight. The
// arrays of LaneStep are repeated to the pattern's length. p2 and p1 weight the penalty of each weight.
struct DenseLaneKernels {
    void (*expand)(float* out, const float* x, std::int64_t n, int lanes);  // out[j lanes + k] = x[j]
    void (*dot)(float* out, const float* w, const float* x, std::int64_t n, int pattern);
    void (*step[shrinks])(float* w, float* h, const float* x, const float* p2, const float* p1,
                          std::int64_t n, int pattern, const LaneStep& s);
    void (*accumulate)(float* reach, float* h, const float* x, std::int64_t n, int pattern,
                       const LaneStep& s);
    void (*apply[shrinks])(float* w, float* h, const float* x, const float* p2, const float* p1,
                           std::int64_t n, int pattern, const LaneStep& s);
};

struct LaneKernels {
    SparseLaneKernels<std::int32_t> sparse_i32[lane_widths];
    SparseLaneKernels<std::int64_t> sparse_i64[lane_widths];
    DenseLaneKernels dense;
    void (*standardise_f32)(float* out, const float* x, const double* centre, const double* scale,
                            std::int64_t n);
    void (*standardise_f64)(float* out, const double* x, const double* centre, const double* scale,
                            std::int64_t n);
    void (*exp)(double* out, const double* x, std::int64_t n);  // at most 2 ulp; x is clamped to [-708, 709]
    void (*log1p)(double* out, const double* x, std::int64_t n);  // at most 2 ulp for x in [0, 1]
};

}  // namespace esker

// Kernels of learners whose steps adapt to each feature: records that are gathered into flat arrays, worked
// on there, and scattered back.
#pragma once

#include "isa/lane_kernels.hpp"

namespace esker {

// A record is lanes weights, then lanes sums. Flat arrays are padded to a multiple of 16 floats.
template <class I>
struct PairKernels {
    void (*gather)(float* w, float* h, const float* table, const I* c, std::int64_t n, int lanes);
    void (*scatter)(float* table, const float* w, const float* h, const I* c, std::int64_t n, int lanes);
    void (*spread)(float* out, const float* x, std::int64_t n, int lanes);  // a value for each of its weights
    // how much the penalty of each weight counts; scale: one a feature of the row, or null for 1
    void (*ages)(float* p2, float* p1, std::uint32_t* last, const float* scale, const I* c, std::int64_t n,
                 int lanes, std::uint32_t now);
    // records of three numbers a lane
    void (*gather_triples)(float* z, float* g, float* r, const float* table, const I* c, std::int64_t n,
                           int lanes);
    void (*scatter_triples)(float* table, const float* z, const float* g, const float* r, const I* c,
                            std::int64_t n, int lanes);
};

struct AdaptiveTable {
    PairKernels<std::int32_t> pairs_i32[4];  // 1 lane, 4, 8, a multiple of 16
    PairKernels<std::int64_t> pairs_i64[4];
    // FTRL-proximal on flat arrays of z and n; per_rate: 1 / rate. l1, l2 and per_rate are repeated to the
    // pattern's length, as the arrays of LaneStep are.
    void (*ftrl_weights)(float* w, const float* z, const float* n, std::int64_t size, int pattern,
                         const float* l1, const float* l2, const float* per_rate);
    void (*ftrl_accumulate)(float* reach, float* z, float* n, const float* w, const float* x,
                            std::int64_t size, int pattern, const LaneStep& s, const float* per_rate);
    void (*ftrl_apply)(float* z, const float* x, std::int64_t size, int pattern, const LaneStep& s,
                       const float* per_rate);
    // Coin betting on flat arrays; most: a lane's largest slope so far.
    void (*coin_weights)(float* w, const float* z, const float* g, const float* r, std::int64_t size,
                         int pattern, const float* most);
    void (*coin_bet)(float* z, float* g, float* r, const float* x, std::int64_t size, int pattern,
                     const LaneStep& s, const float* most);
};

}  // namespace esker

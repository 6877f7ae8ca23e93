// Kernels of the learners that step: K models, one in each lane of a feature's record, share one walk over a
// row.
#pragma once

#include <cstdint>

namespace esker {

// What a penalty costs a step: nothing, a shrinkage, or a shrinkage and a truncation.
enum class Shrink { none, l2, elastic };
constexpr int shrinks = 3;
// Floats of a record of so many lanes; a single lane keeps the step of its last visit in the record.
constexpr int record_floats(int lanes, bool timed) noexcept { return lanes == 1 && timed ? 4 : 2 * lanes; }

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
// weight times the feature's scale. Wide records (8 lanes or more) are worked on where they lie.
template <class I>
struct WideKernels {
    // out[k] = sum of x w_k, in 8 places; returns whether an x is 0, which a step must not see
    bool (*dot)(float* out, const float* table, const float* x, const I* column, std::int64_t n, int lanes);
    // accumulate g^2 x^2 or g^2 x^4, and step
    void (*step[shrinks])(float* table, std::uint32_t* last, const float* x, const I* column, std::int64_t n,
                          int lanes, const LaneStep& s, std::uint32_t now, bool scaled);
    // the same in two halves, for losses whose slope has no bound: accumulate, and sum x^2 /
    // sqrt(accumulator) into reach[k]
    void (*accumulate)(float* reach, float* table, const float* x, const I* column, std::int64_t n, int lanes,
                       const LaneStep& s);
    void (*apply[shrinks])(float* table, std::uint32_t* last, const float* x, const I* column, std::int64_t n,
                           int lanes, const LaneStep& s, std::uint32_t now, bool scaled);
};

// Records of 4 lanes are gathered into flat arrays first and scattered back after, so that roots and
// divisions fill whole vectors. The arrays are padded with w = 0, h = 1 to a multiple of 16 floats; x, one
// float a weight, with 0.
template <class I>
struct NarrowKernels {
    void (*gather)(float* w, float* h, const float* table, const I* c, std::int64_t n);
    void (*spread)(float* x, const float* values, std::int64_t n);  // a value for each of its weights
    void (*scatter)(float* table, const float* w, const float* h, const I* c, std::int64_t n);
    // how much the penalty of each weight counts: the steps since the feature's last visit, times x^2 and |x|
    // if scaled
    void (*age)(float* p2, float* p1, std::uint32_t* last, const float* x, const I* c, std::int64_t n,
                std::uint32_t now, bool scaled);
};

// The last entries of a row that fill no batch: the last one stands there again until they do,
// so that it is worked on twice and written twice, the same both times.
template <class I>
struct RowEnd {
    alignas(64) float x[16];
    alignas(64) I c[16];
};

// A single lane: its records (weight, accumulator; with a penalty also the step of the last visit, and a
// spare) are worked on 16 at a time. dot leaves them in r, which has room for 4 floats an entry and 64 more,
// and the end of the row in `end`, for the step that follows; zeros: whether an x is 0, which a step must not
// see. timed: the records are of the second kind.
template <class I>
struct SingleKernels {
    float (*dot[2])(float* r, RowEnd<I>* end, const float* table, const I* c, const float* x, std::int64_t n,
                    bool* zeros);
    void (*step[shrinks])(float* r, const RowEnd<I>* end, float* table, const I* c, const float* x,
                          std::int64_t n, const LaneStep& s, std::uint32_t now, bool scaled);
    float (*accumulate)(float* r, const RowEnd<I>* end, const float* x, std::int64_t n, const LaneStep& s);
    void (*apply[shrinks])(float* r, const RowEnd<I>* end, float* table, const I* c, const float* x,
                           std::int64_t n, const LaneStep& s, std::uint32_t now, bool scaled);
};

// Flat arrays of weights, accumulators and values, one float a weight; n is a multiple of the pattern's
// length (16, or the lanes if more), and the arrays of LaneStep are repeated to that length. p2 and p1 weight
// the penalty of each weight.
struct FlatKernels {
    void (*step[shrinks])(float* w, float* h, const float* x, const float* p2, const float* p1,
                          std::int64_t n, int pattern, const LaneStep& s);
    void (*accumulate)(float* reach, float* w, float* h, const float* x, std::int64_t n, int pattern,
                       const LaneStep& s);
    void (*apply[shrinks])(float* w, float* h, const float* x, const float* p2, const float* p1,
                           std::int64_t n, int pattern, const LaneStep& s);
};

// A row under the log loss, and what it changes; arrays hold one number a lane.
struct LogLossRow {
    const float* dot;
    const double* y;             // the row's targets
    const std::int32_t* target;  // the column of y; with classes, the class that is told from the rest
    bool classes;
    const double *rate, *weight, *root;  // what the row counts in each lane, and its root
    double metered, share;               // what its loss counts; what all rates are multiplied by
    double intercept;                    // 1, or 0 where there is none to learn
    double *bias, *bias_h, *loss_sum;
    float *g, *eg;  // as LaneStep has them
};

struct LaneKernels {
    // By the steps, AdaGrad's on values as they are (g x), the scale-free ones (g x^2); in chunks of 8, of 16
    WideKernels<std::int32_t> wide_i32[2][2];
    WideKernels<std::int64_t> wide_i64[2][2];
    NarrowKernels<std::int32_t> narrow_i32;
    NarrowKernels<std::int64_t> narrow_i64;
    SingleKernels<std::int32_t> single_i32[2];  // by the steps
    SingleKernels<std::int64_t> single_i64[2];
    FlatKernels flat;         // accumulates (g x)^2: rows that have been standardised, AdaGrad's
    FlatKernels flat_scaled;  // accumulates (g x^2)^2: rows as they are
    void (*flat_dot)(float* out, const float* w, const float* x, std::int64_t n, int pattern);
    void (*expand)(float* out, const float* x, std::int64_t n, int lanes);  // out[j lanes + k] = x[j]
    // copies n floats, padded with 0 to a multiple of 16, and counts the zeros; room: how many may be read
    std::int64_t (*stage)(float* out, const float* x, std::int64_t n, std::int64_t room);
    void (*log_loss)(const LogLossRow& r, int lanes);
    void (*log_loss_one)(const LogLossRow& r, double* e, double* beyond);
    void (*standardise_f32)(float* out, const float* x, const double* centre, const double* scale,
                            std::int64_t n);
    void (*standardise_f64)(float* out, const double* x, const double* centre, const double* scale,
                            std::int64_t n);
    double (*exp_one)(double x);
    void (*exp)(double* out, const double* x, std::int64_t n);  // at most 2 ulp; x is clamped to [-708, 709]
    void (*log1p)(double* out, const double* x, std::int64_t n);  // at most 2 ulp for x in [0, 1]
    void (*log)(double* out, const double* x, std::int64_t n);    // at most 2 ulp for normal x above 0
};

}  // namespace esker

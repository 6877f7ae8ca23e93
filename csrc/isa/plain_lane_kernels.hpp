// Kernels of learners that take plain steps: K models, one in each lane of a feature's record.
#pragma once

#include <cstdint>

namespace esker {

// Rows of CSR matrices. A record is lanes weights; with an l1 penalty, also what has been taken of each.
template <class I>
struct PlainKernels {
    // out[k] = sum of x w_k
    void (*dot)(float* out, const float* table, const float* x, const I* column, std::int64_t n, int lanes,
                std::int64_t stride);
    // w_k -= eg_k x
    void (*step)(float* table, const float* x, const I* column, std::int64_t n, int lanes,
                 std::int64_t stride, const float* eg);
    // the weights of a row's features, `scale` times each, are truncated by what is due of the penalty;
    // unscale: 1 / scale
    void (*truncate)(float* table, const I* column, std::int64_t n, int lanes, std::int64_t stride,
                     const float* due, const float* scale, const float* unscale);
};

struct PlainTable {
    PlainKernels<std::int32_t> rows_i32[4];  // 1 lane, 4, 8, a multiple of 16
    PlainKernels<std::int64_t> rows_i64[4];
    // The same for flat arrays of weights and values, n being a multiple of the pattern's length, to which
    // the arrays of one number a lane are repeated.
    void (*flat_step)(float* w, const float* x, std::int64_t n, int pattern, const float* eg);
    void (*flat_truncate)(float* w, float* taken, std::int64_t n, int pattern, const float* due,
                          const float* scale, const float* unscale);
    double (*squares)(const float* x, std::int64_t n);  // sum of x^2
};

}  // namespace esker

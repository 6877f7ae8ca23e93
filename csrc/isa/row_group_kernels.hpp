// Four dense rows at a time against one vector: a core's loads and its chains of sums serve all four.
#pragma once

#include <cstdint>

namespace esker {

template <class T>
struct RowGroupKernels {
    static constexpr std::int64_t rows = 4;
    // sums[k] = (x_k - mean) . p; rows are `stride` numbers apart
    void (*dots)(double* sums, const T* x, std::int64_t stride, const double* mean, const double* p,
                 std::int64_t d);
    // out += a[0] (x_0 - mean) + ... + a[3] (x_3 - mean)
    void (*add)(double* out, const double* a, const T* x, std::int64_t stride, const double* mean,
                std::int64_t d);
};

}  // namespace esker

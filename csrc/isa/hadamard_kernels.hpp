// Kernels of the fast Walsh-Hadamard transform: x becomes H x, H[i][j] = (-1)^(number of ones in i & j).
// Stages go from neighbours to halves in every kernel, so the bits are those of the plain butterfly on every
// instruction set.
#pragma once

#include <cstdint>

namespace esker {

template <class T>
struct HadamardKernels {
    std::int64_t line;   // longest vector of `vector`: it stays in the first cache
    std::int64_t panel;  // columns that `columns` takes at once where they need room: a cache line of them

    // out = H in for n numbers side by side, n a power of two up to `line`; out may be in.
    void (*vector)(T* out, const T* in, std::int64_t n);
    // The rows of x, `stride` numbers apart, become H x, each column by itself; rows is a power of two. room:
    // rows * panel numbers, 64-byte aligned, for rows > 8; it is asked for the columns as they go by.
    void (*columns)(T* x, std::int64_t rows, std::int64_t stride, std::int64_t cols, T* room);
};

}  // namespace esker

// The loops of kernel matrices k(X, Z): tiles of products that become values while they are in registers, and
// what is multiplied with a panel of such values while it is in the second cache.
#pragma once

#include <cstdint>

namespace esker {

// What becomes of t = x_level + z_level + x.z (of `distance`: of -|x - z| summed over the columns).
enum class KernelMap : int { two_to, distance, same, power, tanh };

// A strip is `wide` columns of the panel side by side. z: strips of n x wide; out: rows `pitch` numbers
// apart, a multiple of `wide`; x: rows x_pitch numbers apart. Rows come in steps of `high`; 64-byte aligned
// but for x.
template <class T>
struct KernelTileKernels {
    std::int64_t high, wide;
    void (*values)(T* out, std::int64_t pitch, const T* x, std::int64_t x_pitch, const T* x_level,
                   std::int64_t rows, const T* z, const T* z_level, std::int64_t strips, std::int64_t n,
                   KernelMap map, int degree);
    // out[i] = sum of k[i][j] v[j] over j < m, rows in steps of 4, m in steps of `wide`
    void (*forth)(double* out, const T* k, std::int64_t pitch, std::int64_t rows, const T* v, std::int64_t m);
    // out[j] += sum of u[i] k[i][j]
    void (*back)(double* out, const T* u, const T* k, std::int64_t pitch, std::int64_t rows, std::int64_t m);
};

struct KernelTileTable {
    KernelTileKernels<float> f32;
    KernelTileKernels<double> f64;
    template <class T>
    const KernelTileKernels<T>& of() const noexcept;
};
template <>
inline const KernelTileKernels<float>& KernelTileTable::of<float>() const noexcept {
    return f32;
}
template <>
inline const KernelTileKernels<double>& KernelTileTable::of<double>() const noexcept {
    return f64;
}

}  // namespace esker

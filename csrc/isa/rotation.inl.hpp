// Rotation kernels: a tile of c lives in registers over the whole depth.
#if defined(__AVX512F__)
inline constexpr std::int64_t rotation_bytes = 64, rotation_group = 12, rotation_vectors = 2;  // 24 of 32
#elif defined(__AVX__)
inline constexpr std::int64_t rotation_bytes = 32, rotation_group = 6, rotation_vectors = 2;  // 12 of 16
#elif defined(__aarch64__)
inline constexpr std::int64_t rotation_bytes = 16, rotation_group = 4, rotation_vectors = 4;  // 16 of 32
#else
inline constexpr std::int64_t rotation_bytes = 16, rotation_group = 4, rotation_vectors = 2;  // 8 of 16
#endif
inline constexpr std::int64_t rotation_width = rotation_bytes / 8;
inline constexpr std::int64_t rotation_lanes = rotation_vectors * rotation_width;
typedef double RotationVector __attribute__((vector_size(rotation_bytes), may_alias));

inline void rotation_tile(double* __restrict c, const double* __restrict a, const double* __restrict b,
                          std::int64_t depth, bool more) {
    using V = RotationVector;
    V sum[rotation_group][rotation_vectors] = {};
    if (more)
#pragma GCC unroll 12
        for (int i = 0; i < rotation_group; i++)
#pragma GCC unroll 4
            for (int v = 0; v < rotation_vectors; v++)
                sum[i][v] = *reinterpret_cast<const V*>(c + i * rotation_lanes + v * rotation_width);
    for (std::int64_t k = 0; k < depth; k++) {
        V right[rotation_vectors];
#pragma GCC unroll 4
        for (int v = 0; v < rotation_vectors; v++)
            right[v] = *reinterpret_cast<const V*>(b + k * rotation_lanes + v * rotation_width);
#pragma GCC unroll 12
        for (int i = 0; i < rotation_group; i++)
#pragma GCC unroll 4
            for (int v = 0; v < rotation_vectors; v++) sum[i][v] += a[k * rotation_group + i] * right[v];
    }
#pragma GCC unroll 12
    for (int i = 0; i < rotation_group; i++)
#pragma GCC unroll 4
        for (int v = 0; v < rotation_vectors; v++)
            *reinterpret_cast<V*>(c + i * rotation_lanes + v * rotation_width) = sum[i][v];
}

inline void rotation_product(double* __restrict c, const double* __restrict a, const double* __restrict b,
                             std::int64_t depth, std::int64_t groups, bool more) {
    for (std::int64_t g = 0; g < groups; g++)
        rotation_tile(c + g * rotation_group * rotation_lanes, a + g * depth * rotation_group, b, depth,
                      more);
}

inline void rotation_square(double* __restrict x, std::int64_t n) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; i++) x[i] *= x[i];
}

constexpr RotationKernels rotation_kernels() {
    return {rotation_lanes, rotation_group, rotation_product, rotation_square};
}

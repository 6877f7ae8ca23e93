// Tiles of kernel matrices, in GCC's vector types; names of their own, as tables differ in what they include.
#if defined(__AVX512F__)
inline constexpr std::int64_t kernel_bytes = 64, kernel_high = 12;
#elif defined(__AVX__)
inline constexpr std::int64_t kernel_bytes = 32, kernel_high = 6;
#else
inline constexpr std::int64_t kernel_bytes = 16, kernel_high = 6;
#endif
inline constexpr int kernel_vectors = 2;
template <class T>
inline constexpr std::int64_t kernel_lanes = kernel_bytes / static_cast<std::int64_t>(sizeof(T));
template <class T>
inline constexpr std::int64_t kernel_wide = kernel_vectors * kernel_lanes<T>;

template <class T>
struct KernelVector {
    typedef T type __attribute__((vector_size(kernel_bytes), may_alias));
    typedef std::int64_t bits __attribute__((vector_size(kernel_bytes)));
    static constexpr std::int64_t all_but_sign = 0x7fffffffffffffff;
};
template <>
struct KernelVector<float> {
    typedef float type __attribute__((vector_size(kernel_bytes), may_alias));
    typedef std::int32_t bits __attribute__((vector_size(kernel_bytes)));
    static constexpr std::int32_t all_but_sign = 0x7fffffff;
};
// As many T as a vector has doubles, wherever they lie.
template <class T>
struct KernelFew {
    typedef T type __attribute__((vector_size(kernel_bytes * sizeof(T) / 8), may_alias, aligned(sizeof(T))));
};

// Sums stay in registers, see gram_tiles.inl.hpp.
template <class V>
[[gnu::always_inline]] inline void kernel_hold(V& sum) {
#if defined(__AVX512F__)
    asm("" : "+v"(sum));
#elif defined(__x86_64__)
    asm("" : "+x"(sum));
#elif defined(__aarch64__)
    asm("" : "+w"(sum));
#else
    (void)sum;
#endif
}

// The greater one, in one instruction, which GCC 12 makes a comparison and a choice.
template <class V>
[[gnu::always_inline]] inline V kernel_most(V a, V b) {
#if defined(__AVX512F__)
    if constexpr (sizeof(a[0]) == 4) return (V)_mm512_max_ps((__m512)a, (__m512)b);
    return (V)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif defined(__AVX__)
    if constexpr (sizeof(a[0]) == 4) return (V)_mm256_max_ps((__m256)a, (__m256)b);
    return (V)_mm256_max_pd((__m256d)a, (__m256d)b);
#else
    return a > b ? a : b;
#endif
}

// 2^t for t of at most 120; what lies below 2^-100 (float64: 2^-1000) is that. Nearest integers by adding a
// number whose last place is 1, so that it stands in the low bits; the rest in [-1/2, 1/2] by a polynomial.
template <class T, class V>
[[gnu::always_inline]] inline V kernel_two_to(V t) {
    using Bits = typename KernelVector<T>::bits;
    constexpr bool narrow = sizeof(T) == 4;
    constexpr T magic = narrow ? T(0x1.8p23) : T(0x1.8p52);
    t = kernel_most<V>(t, V{} + T(narrow ? -100 : -1000));
    const V shifted = t + magic, f = t - (shifted - magic);
    V p;
    if constexpr (narrow) {
        p = V{} + 0x1.44138ap-13f;
        p = p * f + 0x1.5f0890p-10f;
        p = p * f + 0x1.3b2a54p-7f;
        p = p * f + 0x1.c6af6cp-5f;
        p = p * f + 0x1.ebfbe0p-3f;
        p = p * f + 0x1.62e430p-1f;
    } else {
        p = V{} + 0x1.ed64f299eb262p-32;
        p = p * f + 0x1.e6063f7217bc6p-28;
        p = p * f + 0x1.b522873e251a0p-24;
        p = p * f + 0x1.62bfd47773353p-20;
        p = p * f + 0x1.ffcbfda0e1ce7p-17;
        p = p * f + 0x1.430913096fd9fp-13;
        p = p * f + 0x1.5d87fe7860810p-10;
        p = p * f + 0x1.3b2ab6fba1ddap-7;
        p = p * f + 0x1.c6b08d704a24ap-5;
        p = p * f + 0x1.ebfbdff82c598p-3;
        p = p * f + 0x1.62e42fefa39efp-1;
    }
    p = p * f + T(1);
    return (V)((Bits)p + ((Bits)shifted << (narrow ? 23 : 52)));
}

template <class T, KernelMap map, class V>
[[gnu::always_inline]] inline V kernel_value(V t, int degree) {
    if constexpr (map == KernelMap::two_to || map == KernelMap::distance) return kernel_two_to<T>(t);
    if constexpr (map == KernelMap::power) {
        V out = V{} + T(1), square = t;
        for (int d = degree; d; d >>= 1, square *= square)
            if (d & 1) out *= square;
        return out;
    }
    if constexpr (map == KernelMap::tanh) {  // t is 2 log2(e) times what it is of
        const V top = V{} + T(60);
        return T(1) - T(2) / (kernel_two_to<T>(t < top ? t : top) + T(1));
    }
    return t;
}

template <class T, KernelMap map>
[[gnu::noinline]] void kernel_tile(T* __restrict out, std::int64_t pitch, const T* __restrict x,
                                   std::int64_t x_pitch, const T* __restrict x_level, const T* __restrict z,
                                   const T* __restrict z_level, std::int64_t n, int degree) {
    using V = typename KernelVector<T>::type;
    using Bits = typename KernelVector<T>::bits;
    constexpr std::int64_t wide = kernel_wide<T>;
    V sum[kernel_high][kernel_vectors] = {};
    for (std::int64_t k = 0; k < n; k++, z += wide, x++) {
        V right[kernel_vectors];
#pragma GCC unroll 4
        for (int v = 0; v < kernel_vectors; v++)
            right[v] = *reinterpret_cast<const V*>(z + v * kernel_lanes<T>);
#pragma GCC unroll 16
        for (int i = 0; i < kernel_high; i++)
#pragma GCC unroll 4
            for (int v = 0; v < kernel_vectors; v++) {
                if constexpr (map == KernelMap::distance) {
                    const V apart = x[i * x_pitch] - right[v];
                    sum[i][v] -= (V)((Bits)apart & (Bits{} + KernelVector<T>::all_but_sign));
                } else {
                    sum[i][v] += x[i * x_pitch] * right[v];
                }
                kernel_hold(sum[i][v]);
            }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kernel_high; i++)
#pragma GCC unroll 4
        for (int v = 0; v < kernel_vectors; v++) {
            const V level = *reinterpret_cast<const V*>(z_level + v * kernel_lanes<T>) + x_level[i];
            *reinterpret_cast<V*>(out + i * pitch + v * kernel_lanes<T>) =
                kernel_value<T, map>(sum[i][v] + level, degree);
        }
}

template <class T, KernelMap map>
void kernel_tiles(T* out, std::int64_t pitch, const T* x, std::int64_t x_pitch, const T* x_level,
                  std::int64_t rows, const T* z, const T* z_level, std::int64_t strips, std::int64_t n,
                  int degree) {
    constexpr std::int64_t wide = kernel_wide<T>;
    for (std::int64_t s = 0; s < strips; s++)  // a strip of z stays in the first cache
        for (std::int64_t i = 0; i < rows; i += kernel_high)
            kernel_tile<T, map>(out + i * pitch + s * wide, pitch, x + i * x_pitch, x_pitch, x_level + i,
                                z + s * n * wide, z_level + s * wide, n, degree);
}

template <class T>
void kernel_values(T* out, std::int64_t pitch, const T* x, std::int64_t x_pitch, const T* x_level,
                   std::int64_t rows, const T* z, const T* z_level, std::int64_t strips, std::int64_t n,
                   KernelMap map, int degree) {
    switch (map) {
        case KernelMap::two_to:
            return kernel_tiles<T, KernelMap::two_to>(out, pitch, x, x_pitch, x_level, rows, z, z_level,
                                                      strips, n, degree);
        case KernelMap::distance:
            return kernel_tiles<T, KernelMap::distance>(out, pitch, x, x_pitch, x_level, rows, z, z_level,
                                                        strips, n, degree);
        case KernelMap::same:
            return kernel_tiles<T, KernelMap::same>(out, pitch, x, x_pitch, x_level, rows, z, z_level, strips,
                                                    n, degree);
        case KernelMap::power:
            return kernel_tiles<T, KernelMap::power>(out, pitch, x, x_pitch, x_level, rows, z, z_level,
                                                     strips, n, degree);
        case KernelMap::tanh:
            return kernel_tiles<T, KernelMap::tanh>(out, pitch, x, x_pitch, x_level, rows, z, z_level, strips,
                                                    n, degree);
    }
}

// Sums in T over so many columns, the rest of the sum in float64.
inline constexpr std::int64_t kernel_chunk = 512;

template <class T>
void kernel_forth(double* __restrict out, const T* __restrict k, std::int64_t pitch, std::int64_t rows,
                  const T* __restrict v, std::int64_t m) {
    using V = typename KernelVector<T>::type;
    constexpr std::int64_t n = kernel_lanes<T>;
    for (std::int64_t i = 0; i < rows; i += 4, k += 4 * pitch) {
        double total[4] = {};
        for (std::int64_t j0 = 0; j0 < m; j0 += kernel_chunk) {
            const std::int64_t end = j0 + kernel_chunk < m ? j0 + kernel_chunk : m;
            V sum[4][2] = {};
            for (std::int64_t j = j0; j < end; j += 2 * n) {
                const V a = *reinterpret_cast<const V*>(v + j), b = *reinterpret_cast<const V*>(v + j + n);
#pragma GCC unroll 4
                for (int r = 0; r < 4; r++) {
                    sum[r][0] += *reinterpret_cast<const V*>(k + r * pitch + j) * a;
                    sum[r][1] += *reinterpret_cast<const V*>(k + r * pitch + j + n) * b;
                }
            }
#pragma GCC unroll 4
            for (int r = 0; r < 4; r++) {
                const V both = sum[r][0] + sum[r][1];
                for (std::int64_t l = 0; l < n; l++) total[r] += static_cast<double>(both[l]);
            }
        }
        for (int r = 0; r < 4; r++) out[i + r] = total[r];
    }
}

template <class T>
void kernel_back(double* __restrict out, const T* __restrict u, const T* __restrict k, std::int64_t pitch,
                 std::int64_t rows, std::int64_t m) {
    using V = typename KernelVector<T>::type;
    using Few = typename KernelFew<T>::type;
    using V64 = typename KernelFew<double>::type;  // aligned as numbers are
    constexpr std::int64_t n = kernel_lanes<T>, few = kernel_lanes<double>, some = 2;
    for (std::int64_t j = 0; j < m; j += some * n) {
        V sum[2][some] = {};  // two of each, so that an addition need not wait for the one before it
        for (std::int64_t i = 0; i < rows; i += 2)
#pragma GCC unroll 2
            for (int r = 0; r < 2; r++)
#pragma GCC unroll 4
                for (std::int64_t c = 0; c < some; c++)
                    sum[r][c] += u[i + r] * *reinterpret_cast<const V*>(k + (i + r) * pitch + j + c * n);
        alignas(64) T kept[some * n];
#pragma GCC unroll 4
        for (std::int64_t c = 0; c < some; c++) *reinterpret_cast<V*>(kept + c * n) = sum[0][c] + sum[1][c];
        for (std::int64_t l = 0; l < some * n; l += few)
            *reinterpret_cast<V64*>(out + j + l) +=
                __builtin_convertvector(*reinterpret_cast<const Few*>(kept + l), V64);
    }
}

template <class T>
constexpr KernelTileKernels<T> kernel_tile_kernels() {
    return {kernel_high, kernel_wide<T>, kernel_values<T>, kernel_forth<T>, kernel_back<T>};
}
constexpr KernelTileTable kernel_tile_table() {
    return {kernel_tile_kernels<float>(), kernel_tile_kernels<double>()};
}

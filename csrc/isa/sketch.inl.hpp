// The sums of some columns stay in registers while the rows go by.
template <class T, int N>
inline void gather_columns(double* __restrict out, const T* __restrict x, std::int64_t stride,
                           const std::int32_t* __restrict rows, std::int64_t count,
                           const T* __restrict factor) {
#ifdef __AVX512F__
    constexpr int bytes = 64;
#else
    constexpr int bytes = 32;
#endif
    constexpr int lanes = bytes / static_cast<int>(sizeof(T));
    typedef T Vector __attribute__((vector_size(bytes), aligned(sizeof(T)), may_alias));
    Vector sum[N] = {};
    for (std::int64_t k = 0; k < count; k++) {
        const T* row = x + (rows[k] >> 1) * stride;
        const T f = factor[rows[k]];
#pragma GCC unroll 8
        for (int v = 0; v < N; v++) sum[v] += f * *reinterpret_cast<const Vector*>(row + v * lanes);
    }
    typedef double Wide __attribute__((vector_size(8 * lanes), aligned(8), may_alias));
#pragma GCC unroll 8
    for (int v = 0; v < N; v++)
        *reinterpret_cast<Wide*>(out + v * lanes) += __builtin_convertvector(sum[v], Wide);
}

template <class T>
inline void gather_rows(double* out, const T* x, std::int64_t stride, const std::int32_t* rows,
                        std::int64_t count, const T* factor, std::int64_t width) {
#ifdef __AVX512F__
    constexpr std::int64_t lanes = 64 / sizeof(T);
#else
    constexpr std::int64_t lanes = 32 / sizeof(T);
#endif
    std::int64_t j = 0;
    for (; j + 8 * lanes <= width; j += 8 * lanes)
        gather_columns<T, 8>(out + j, x + j, stride, rows, count, factor);
    for (; j + 4 * lanes <= width; j += 4 * lanes)
        gather_columns<T, 4>(out + j, x + j, stride, rows, count, factor);
    for (; j + lanes <= width; j += lanes) gather_columns<T, 1>(out + j, x + j, stride, rows, count, factor);
    typedef T Four __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));
    for (; j + 4 <= width; j += 4) {
        Four sum{};
        for (std::int64_t k = 0; k < count; k++)
            sum += factor[rows[k]] * *reinterpret_cast<const Four*>(x + (rows[k] >> 1) * stride + j);
        for (int v = 0; v < 4; v++) out[j + v] += static_cast<double>(sum[v]);
    }
    for (; j < width; j++) {
        T sum = 0;
        for (std::int64_t k = 0; k < count; k++) sum += factor[rows[k]] * x[(rows[k] >> 1) * stride + j];
        out[j] += static_cast<double>(sum);
    }
}

// Philox4x32-10 (base/philox.hpp) for 64 keys side by side; a draw serves four segments.
inline void place_rows(std::int32_t* __restrict to, std::int64_t stride, const std::int64_t* __restrict keys,
                       std::int64_t n, std::uint64_t seed, std::uint32_t stream, std::int64_t segments,
                       const std::uint32_t* __restrict edge) {
    constexpr int side = 64;
    std::uint32_t word[4][side], low[side], high[side];
    for (std::int64_t i = 0; i < n; i += side) {
        const int m = static_cast<int>(n - i < side ? n - i : side);
        for (int l = 0; l < side; l++) {
            const auto key = static_cast<std::uint64_t>(keys[l < m ? i + l : i]);
            low[l] = static_cast<std::uint32_t>(key), high[l] = static_cast<std::uint32_t>(key >> 32);
        }
        for (std::int64_t g = 0; g < segments; g += 4) {
#pragma omp simd
            for (int l = 0; l < side; l++) {
                std::uint32_t c0 = low[l], c1 = high[l], c2 = stream, c3 = static_cast<std::uint32_t>(g / 4);
                std::uint32_t k0 = static_cast<std::uint32_t>(seed),
                              k1 = static_cast<std::uint32_t>(seed >> 32);
#pragma GCC unroll 10
                for (int round = 0; round < 10; round++) {
                    const std::uint64_t a = std::uint64_t{0xD2511F53u} * c0,
                                        b = std::uint64_t{0xCD9E8D57u} * c2;
                    c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ k0, c1 = static_cast<std::uint32_t>(b);
                    c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1, c3 = static_cast<std::uint32_t>(a);
                    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
                }
                word[0][l] = c0, word[1][l] = c1, word[2][l] = c2, word[3][l] = c3;
            }
            for (std::int64_t h = g; h < segments && h < g + 4; h++) {
                const std::uint32_t *w = word[h - g], first = edge[h], span = edge[h + 1] - edge[h];
                std::int32_t* out = to + h * stride + i;
                for (int l = 0; l < m; l++)
                    out[l] = static_cast<std::int32_t>(
                        (first + static_cast<std::uint32_t>((std::uint64_t{w[l]} * span) >> 32)) << 1 |
                        (w[l] & 1));
            }
        }
    }
}

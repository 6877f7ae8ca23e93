// Rows added to places that stay in cache; W is the width where it is known.
template <class T, int W>
inline void scatter_width(T* out, const T* x, std::int64_t stride, const std::int32_t* to, std::int64_t n,
                          const T* root, std::int64_t any, std::int32_t base) {
    static constexpr T signs[2] = {1, -1};  // a branch would be mispredicted half of the time
    const std::int64_t width = W ? W : any;
    const bool far = !W && width * static_cast<std::int64_t>(sizeof(T)) >= 512;
    for (std::int64_t i = 0; i < n; i++) {
        const T f = root ? signs[to[i] & 1] * root[i] : signs[to[i] & 1];
        T* __restrict o = out + ((to[i] >> 1) - base) * width;
        const T* __restrict row = x + i * stride;
        if (far && i + 1 < n) {
            const char* next = reinterpret_cast<const char*>(out + ((to[i + 1] >> 1) - base) * width);
            const std::int64_t bytes = width * static_cast<std::int64_t>(sizeof(T));
            for (std::int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(next + line, 1);
        }
#pragma omp simd
        for (std::int64_t j = 0; j < width; j++) o[j] += f * row[j];
    }
}

template <class T>
inline void scatter_rows(T* out, const T* x, std::int64_t stride, const std::int32_t* to, std::int64_t n,
                         const T* root, std::int64_t width, std::int32_t base) {
    constexpr int strip = 128 / static_cast<int>(sizeof(T));
    (width == strip ? scatter_width<T, strip> : scatter_width<T, 0>)(out, x, stride, to, n, root, width,
                                                                     base);
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

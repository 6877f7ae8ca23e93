// Records of a weight and a sum for each lane, gathered into flat arrays for steps that adapt to each
// feature, and FTRL-proximal's steps on flat arrays. Flat arrays end at a multiple of 16 floats.

template <int W, class I>
void gather_pairs(float* __restrict w, float* __restrict h, const float* __restrict table,
                  const I* __restrict c, std::int64_t n, int lanes) {
    const int all = all_lanes<W>(lanes);
    for (std::int64_t j = 0; j < n; j++) {
        const float* __restrict record = table + static_cast<std::int64_t>(c[j]) * (2 * all);
        for (int k = 0; k < all; k += W) {
            __builtin_memcpy(w + j * all + k, record + k, W * sizeof(float));
            __builtin_memcpy(h + j * all + k, record + all + k, W * sizeof(float));
        }
    }
    for (std::int64_t i = n * all; i % 16 != 0; i++) w[i] = 0.0f, h[i] = 1.0f;
}

template <int W, class I>
void scatter_pairs(float* __restrict table, const float* __restrict w, const float* __restrict h,
                   const I* __restrict c, std::int64_t n, int lanes) {
    const int all = all_lanes<W>(lanes);
    for (std::int64_t j = 0; j < n; j++) {
        float* __restrict record = table + static_cast<std::int64_t>(c[j]) * (2 * all);
        for (int k = 0; k < all; k += W) {
            __builtin_memcpy(record + k, w + j * all + k, W * sizeof(float));
            __builtin_memcpy(record + all + k, h + j * all + k, W * sizeof(float));
        }
    }
}

// How much the penalty of each weight counts: the steps since its feature's last visit, times the feature's
// `scale` (squared, for an l2 penalty) where there is one.
template <int W, class I>
void pair_ages(float* __restrict p2, float* __restrict p1, std::uint32_t* __restrict last,
               const float* __restrict scale, const I* __restrict c, std::int64_t n, int lanes,
               std::uint32_t now) {
    const int all = all_lanes<W>(lanes);
    for (std::int64_t j = 0; j < n; j++) {
        const float gap = static_cast<float>(static_cast<std::int32_t>(now - last[c[j]]));
        const float s = scale ? scale[j] : 1.0f;
        last[c[j]] = now;
        for (int k = 0; k < all; k++) p2[j * all + k] = gap * (s * s), p1[j * all + k] = gap * s;
    }
    for (std::int64_t i = n * all; i % 16 != 0; i++) p2[i] = 0.0f, p1[i] = 0.0f;
}

// A value for each of its weights.
template <int W>
void spread_values(float* __restrict out, const float* __restrict x, std::int64_t n, int lanes) {
    const int all = all_lanes<W>(lanes);
    for (std::int64_t j = 0; j < n; j++)
        for (int k = 0; k < all; k++) out[j * all + k] = x[j];
    for (std::int64_t i = n * all; i % 16 != 0; i++) out[i] = 0.0f;
}

inline float truncated(float w, float by) {
    const float size = __builtin_fabsf(w) - by;
    return size > 0.0f ? __builtin_copysignf(size, w) : 0.0f;
}

// The weight that minimises z w + |w| l1 + (curve + l2) w^2 / 2, curve being the sum of the steps' so far,
// (1 + sqrt(n)) / rate (McMahan et al., KDD 2013, with beta = 1).
inline void ftrl_weights(float* __restrict w, const float* __restrict z, const float* __restrict n,
                         std::int64_t size, int pattern, const float* __restrict l1,
                         const float* __restrict l2, const float* __restrict per_rate) {
    for (int c = 0; c < pattern; c += 16)
        for (std::int64_t i = c; i < size; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) {
                const float curve = (1.0f + __builtin_sqrtf(n[i + k])) * per_rate[c + k];
                w[i + k] = -truncated(z[i + k], l1[c + k]) / (curve + l2[c + k]);
            }
        }
}
// Squares of slopes are added up, z keeps the weight where it is, and sum x^2 / (1 + sqrt(n)) goes into
// reach.
inline void ftrl_accumulate(float* __restrict reach, float* __restrict z, float* __restrict n,
                            const float* __restrict w, const float* __restrict x, std::int64_t size,
                            int pattern, const LaneStep& s, const float* __restrict per_rate) {
    const float often = s.often;
    for (int c = 0; c < pattern; c += 16) {
        float sum[16] = {};
        const float* __restrict g = s.g + c;
        for (std::int64_t i = c; i < size; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) {
                const float v = x[i + k], q = g[k] * v, before = n[i + k];
                // A square beyond float32 would leave inf x 0.
                const float more = grown(before, q * q, often), after = more < 1e36f ? more : 1e36f;
                const float root = __builtin_sqrtf(after);
                z[i + k] -= (root - __builtin_sqrtf(before)) * per_rate[c + k] * w[i + k];
                n[i + k] = after;
                sum[k] += v * v / (1.0f + root);
            }
        }
        for (int k = 0; k < 16; k++) reach[c + k] = sum[k];
    }
}
inline void ftrl_apply(float* __restrict z, const float* __restrict x, std::int64_t size, int pattern,
                       const LaneStep& s, const float* __restrict per_rate) {
    for (int c = 0; c < pattern; c += 16)
        for (std::int64_t i = c; i < size; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) z[i + k] += s.eg[c + k] * per_rate[c + k] * x[i + k];
        }
}

// Coin betting: a weight is the share z / (most + g) of the wealth, which began at 4, over the largest slope.
// z and g sum the slopes against the weight and their sizes, r is what bets have won.
inline float bet(float z, float g, float r, float most) { return (4.0f + r) * z / (most * (most + g)); }
inline void coin_weights(float* __restrict w, const float* __restrict z, const float* __restrict g,
                         const float* __restrict r, std::int64_t size, int pattern,
                         const float* __restrict most) {
    for (int c = 0; c < pattern; c += 16)
        for (std::int64_t i = c; i < size; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) w[i + k] = bet(z[i + k], g[i + k], r[i + k], most[c + k]);
        }
}
inline void coin_bet(float* __restrict z, float* __restrict g, float* __restrict r, const float* __restrict x,
                     std::int64_t size, int pattern, const LaneStep& s, const float* __restrict most) {
    const float often = s.often;
    for (int c = 0; c < pattern; c += 16)
        for (std::int64_t i = c; i < size; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) {
                const float q = s.eg[c + k] * x[i + k];
                r[i + k] -= q * bet(z[i + k], g[i + k], r[i + k], most[c + k]);
                z[i + k] -= q;
                g[i + k] = grown(g[i + k], __builtin_fabsf(q), often);
            }
        }
}
template <int W, class I>
void gather_triples(float* __restrict z, float* __restrict g, float* __restrict r,
                    const float* __restrict table, const I* __restrict c, std::int64_t n, int lanes) {
    const int all = all_lanes<W>(lanes);
    for (std::int64_t j = 0; j < n; j++) {
        const float* __restrict record = table + static_cast<std::int64_t>(c[j]) * (3 * all);
        for (int k = 0; k < all; k += W) {
            __builtin_memcpy(z + j * all + k, record + k, W * sizeof(float));
            __builtin_memcpy(g + j * all + k, record + all + k, W * sizeof(float));
            __builtin_memcpy(r + j * all + k, record + 2 * all + k, W * sizeof(float));
        }
    }
    for (std::int64_t i = n * all; i % 16 != 0; i++) z[i] = 0.0f, g[i] = 0.0f, r[i] = 0.0f;
}
template <int W, class I>
void scatter_triples(float* __restrict table, const float* __restrict z, const float* __restrict g,
                     const float* __restrict r, const I* __restrict c, std::int64_t n, int lanes) {
    const int all = all_lanes<W>(lanes);
    for (std::int64_t j = 0; j < n; j++) {
        float* __restrict record = table + static_cast<std::int64_t>(c[j]) * (3 * all);
        for (int k = 0; k < all; k += W) {
            __builtin_memcpy(record + k, z + j * all + k, W * sizeof(float));
            __builtin_memcpy(record + all + k, g + j * all + k, W * sizeof(float));
            __builtin_memcpy(record + 2 * all + k, r + j * all + k, W * sizeof(float));
        }
    }
}

template <int W, class I>
constexpr PairKernels<I> pairs() {
    return {gather_pairs<W, I>, scatter_pairs<W, I>,  spread_values<W>,
            pair_ages<W, I>,    gather_triples<W, I>, scatter_triples<W, I>};
}
constexpr AdaptiveTable adaptive_table() {
    using A = std::int32_t;
    using B = std::int64_t;
    return {{pairs<1, A>(), pairs<4, A>(), pairs<8, A>(), pairs<16, A>()},
            {pairs<1, B>(), pairs<4, B>(), pairs<8, B>(), pairs<16, B>()},
            ftrl_weights,
            ftrl_accumulate,
            ftrl_apply,
            coin_weights,
            coin_bet};
}

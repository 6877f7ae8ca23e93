// The steps of 8 lanes or more, on records where they lie.

// Records of fewer lanes than 16 are as wide as a chunk, which the compiler then knows.
template <int W>
constexpr int all_lanes(int lanes) {
    return W < 16 ? W : lanes;
}

// The lanes whose 8 sums, one for every eighth entry, registers have room for.
#ifdef __AVX512F__
constexpr int most_summed = 16;
#else
constexpr int most_summed = 8;
#endif

template <int S>
struct VectorOf;
template <>
struct VectorOf<8> {
    typedef V8 type;
};
template <>
struct VectorOf<16> {
    typedef V16 type;
};

// Sums in 8 places, as those of a single lane.
template <int W, class I>
bool wide_dot(float* __restrict out, const float* __restrict table, const float* __restrict x,
              const I* __restrict column, std::int64_t n, int lanes) {
    constexpr int S = W < most_summed ? W : most_summed;
    typedef typename VectorOf<S>::type V;
    const std::int64_t stride = 2 * all_lanes<W>(lanes);
    V8 least = {};
    least += 1.0f;
    for (int c = 0; c < all_lanes<W>(lanes); c += S) {
        V a{}, b{}, d{}, e{}, f{}, g{}, p{}, q{};  // an array of them would lie in memory
        const float* __restrict from = table + c;
        const auto product = [&](std::int64_t j) {
            const V value = x[j] - V{};
            return value * load<V>(from + column[j] * stride);
        };
        std::int64_t j = 0;
        for (; j + 8 <= n; j += 8) {
            const V8 values = load<V8>(x + j);
            least = values == 0.0f ? values : least;
            a += product(j), b += product(j + 1), d += product(j + 2), e += product(j + 3);
            f += product(j + 4), g += product(j + 5), p += product(j + 6), q += product(j + 7);
        }
        const std::int64_t left = n - j;
        if (left > 0) a += product(j);
        if (left > 1) b += product(j + 1);
        if (left > 2) d += product(j + 2);
        if (left > 3) e += product(j + 3);
        if (left > 4) f += product(j + 4);
        if (left > 5) g += product(j + 5);
        if (left > 6) p += product(j + 6);
        store(out + c, ((a + f) + (d + p)) + ((b + g) + (e + q)));
    }
    bool zeros = false;
    for (std::int64_t j = n / 8 * 8; j < n; j++) zeros |= x[j] == 0.0f;
    for (int k = 0; k < 8; k++) zeros |= least[k] == 0.0f;
    return zeros;
}

template <int W, class I, Shrink S, bool accumulating>
void wide_walk(float* __restrict table, std::uint32_t* __restrict last, const float* __restrict x,
               const I* __restrict column, std::int64_t n, int lanes, const LaneStep& s, std::uint32_t now,
               bool scaled) {
    const int all = all_lanes<W>(lanes);
    const std::int64_t stride = 2 * all;
    const float often = s.often;
    if constexpr (S == Shrink::none) {
        // Lanes that do not move are left alone, W at a time: of thousands of classes most, at most rows.
        for (int c = 0; c < all; c += W) {
            const float* __restrict g = s.g + c;
            const float* __restrict eg = s.eg + c;
            bool moves = false;
            for (int k = 0; k < W; k++) moves |= g[k] != 0.0f || eg[k] != 0.0f;
            if (!moves) continue;
            for (std::int64_t j = 0; j < n; j++) {
                const float v = x[j], v2 = v * v;
                float* __restrict w = table + column[j] * stride + c;
                float* __restrict h = w + all;
#pragma omp simd
                for (int k = 0; k < W; k++) {
                    if constexpr (accumulating) {
                        const float q = g[k] * v2, before = h[k];
                        h[k] = grown(before, q * q, often);
                        w[k] = kept(w[k], before, h[k]);
                    }
                    w[k] -= eg[k] * v / __builtin_sqrtf(h[k]);
                }
            }
        }
        return;
    }
    for (std::int64_t j = 0; j < n; j++) {
        const float v = x[j], v2 = v * v;
        float* __restrict record = table + column[j] * stride;
        float a2 = 0, a1 = 0;
        if constexpr (S != Shrink::none) {
            const float gap = static_cast<float>(static_cast<std::int32_t>(now - last[column[j]]));
            last[column[j]] = now;
            a2 = scaled ? gap * v2 : gap;
            a1 = scaled ? gap * __builtin_fabsf(v) : gap;
        }
        for (int c = 0; c < all; c += W) {
            float* __restrict w = record + c;
            float* __restrict h = record + all + c;
            const float* __restrict g = s.g + c;
            const float* __restrict eg = s.eg + c;
            const float* __restrict el2 = s.el2 + c;
            const float* __restrict el1 = s.el1 + c;
#pragma omp simd
            for (int k = 0; k < W; k++) {
                if constexpr (accumulating) {
                    const float q = g[k] * v2, before = h[k];
                    h[k] = grown(before, q * q, often);
                    w[k] = kept(w[k], before, h[k]);
                }
                const float root = __builtin_sqrtf(h[k]);
                float top = w[k] * root - eg[k] * v;
                if constexpr (S == Shrink::elastic) top = truncated(top, el1[k] * a1);
                w[k] = top / (root + el2[k] * a2);
            }
        }
    }
}

template <int W, class I, Shrink S>
void wide_step(float* table, std::uint32_t* last, const float* x, const I* column, std::int64_t n, int lanes,
               const LaneStep& s, std::uint32_t now, bool scaled) {
    wide_walk<W, I, S, true>(table, last, x, column, n, lanes, s, now, scaled);
}
template <int W, class I, Shrink S>
void wide_apply(float* table, std::uint32_t* last, const float* x, const I* column, std::int64_t n, int lanes,
                const LaneStep& s, std::uint32_t now, bool scaled) {
    wide_walk<W, I, S, false>(table, last, x, column, n, lanes, s, now, scaled);
}

template <int W, class I>
void wide_accumulate(float* __restrict reach, float* __restrict table, const float* __restrict x,
                     const I* __restrict column, std::int64_t n, int lanes, const LaneStep& s) {
    const int all = all_lanes<W>(lanes);
    const std::int64_t stride = 2 * all;
    const float often = s.often;
    for (int c = 0; c < all; c += W) {
        float sum[8][W] = {};
        const float* __restrict g = s.g + c;
        for (std::int64_t j = 0; j < n; j++) {
            const float v2 = x[j] * x[j];
            float* __restrict w = table + column[j] * stride + c;
            float* __restrict h = w + all;
            float* __restrict r = sum[j % 8];
#pragma omp simd
            for (int k = 0; k < W; k++) {
                const float q = g[k] * v2, before = h[k];
                h[k] = grown(before, q * q, often);
                w[k] = kept(w[k], before, h[k]);
                r[k] += v2 / __builtin_sqrtf(h[k]);
            }
        }
#pragma omp simd
        for (int k = 0; k < W; k++)
            reach[c + k] = ((sum[0][k] + sum[4][k]) + (sum[2][k] + sum[6][k])) +
                           ((sum[1][k] + sum[5][k]) + (sum[3][k] + sum[7][k]));
    }
}

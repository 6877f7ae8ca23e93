// The steps of a single model: its records are copied side by side, worked on 16 at a time, and copied back.
typedef float V16 __attribute__((vector_size(64), aligned(4), may_alias));
inline V16 load16(const float* p) { return *reinterpret_cast<const V16*>(p); }
inline void store16(float* p, V16 v) { *reinterpret_cast<V16*>(p) = v; }

// 16 records of R floats <-> 16 weights, accumulators and (R = 4) steps of the last visit.
template <int R>
void unpack(float* w, float* h, float* t, const float* r) {
#ifndef __AVX512F__
    for (int k = 0; k < 16; k++) w[k] = r[R * k], h[k] = r[R * k + 1];
    if constexpr (R == 4)
        for (int k = 0; k < 16; k++) t[k] = r[R * k + 2];
#else
    const V16 a = load16(r), b = load16(r + 16);
    if constexpr (R == 2) {
        store16(w, __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30));
        store16(h, __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
    } else {
        const V16 c = load16(r + 32), d = load16(r + 48);
        const V16 ab =
            __builtin_shufflevector(a, b, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
        const V16 cd =
            __builtin_shufflevector(c, d, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
        const V16 ta =
            __builtin_shufflevector(a, b, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
        const V16 tc =
            __builtin_shufflevector(c, d, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
        store16(w, __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
        store16(
            h, __builtin_shufflevector(ab, cd, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
        store16(t, __builtin_shufflevector(ta, tc, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    }
#endif
}
template <int R>
void pack(float* r, const float* w_, const float* h_, float now) {
#ifndef __AVX512F__
    for (int k = 0; k < 16; k++) r[R * k] = w_[k], r[R * k + 1] = h_[k];
    if constexpr (R == 4)
        for (int k = 0; k < 16; k++) r[R * k + 2] = now;
#else
    const V16 w = load16(w_), h = load16(h_);
    const V16 low = __builtin_shufflevector(w, h, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const V16 high =
        __builtin_shufflevector(w, h, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    if constexpr (R == 2) {
        store16(r, low);
        store16(r + 16, high);
    } else {
        const V16 t = {now, 0, now, 0, now, 0, now, 0, now, 0, now, 0, now, 0, now, 0};
        store16(r, __builtin_shufflevector(low, t, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23));
        store16(r + 16, __builtin_shufflevector(low, t, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15,
                                                30, 31));
        store16(r + 32,
                __builtin_shufflevector(high, t, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23));
        store16(r + 48, __builtin_shufflevector(high, t, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15,
                                                30, 31));
    }
#endif
}

typedef float V8 __attribute__((vector_size(32)));
typedef float V4 __attribute__((vector_size(16)));
inline float sum16(const float* sum) {  // by halves
    const V16 v = load16(sum);
    const V8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                 __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    const V4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
    return (b[0] + b[2]) + (b[1] + b[3]);
}

template <int R, class I>
float single_dot(float* __restrict r, const float* __restrict table, const I* __restrict c,
                 const float* __restrict x, std::int64_t n, std::uint32_t now) {
    for (std::int64_t j = 0; j < n; j++)
        __builtin_memcpy(r + R * j, table + static_cast<std::int64_t>(c[j]) * R, R * sizeof(float));
    for (std::int64_t j = n; j % 16 != 0; j++) {
        r[R * j] = 0.0f;
        r[R * j + 1] = 1.0f;
        if constexpr (R == 4) r[R * j + 2] = __builtin_bit_cast(float, now), r[R * j + 3] = 0.0f;
    }
    alignas(64) float sum[16] = {}, w[16], h[16], t[16];
    for (std::int64_t j = 0; j < n; j += 16) {
        unpack<R>(w, h, t, r + R * j);
#pragma omp simd
        for (int k = 0; k < 16; k++) sum[k] += w[k] * x[j + k];
    }
    return sum16(sum);
}

template <int R, Shrink S, bool accumulating, class I>
void single_walk(float* __restrict r, float* __restrict table, const I* __restrict c,
                 const float* __restrict x, std::int64_t n, const LaneStep& s, std::uint32_t now,
                 bool scaled) {
    const float g = s.g[0], eg = s.eg[0], el2 = s.el2[0], el1 = s.el1[0], often = s.often;
    const float flat = scaled ? 0.0f : 1.0f, with_value = 1.0f - flat;
    alignas(64) float w[16], h[16], t[16];
    for (std::int64_t j = 0; j < n; j += 16) {
        unpack<R>(w, h, t, r + R * j);
#pragma omp simd
        for (int k = 0; k < 16; k++) {
            const float v = x[j + k];
            if constexpr (accumulating) {
                const float q = g * (v * v), before = h[k];
                h[k] = grown(before, q * q, often);
                w[k] = kept(w[k], before, h[k]);
            }
            const float root = __builtin_sqrtf(h[k]);
            if constexpr (S == Shrink::none) {
                w[k] -= eg * v / root;
            } else {
                const auto since = static_cast<std::int32_t>(now - __builtin_bit_cast(std::uint32_t, t[k]));
                const float gap = static_cast<float>(since);
                float top = w[k] * root - eg * v;
                if constexpr (S == Shrink::elastic)
                    top = truncated(top, el1 * gap * (flat + with_value * __builtin_fabsf(v)));
                w[k] = top / (root + el2 * gap * (flat + with_value * (v * v)));
            }
        }
        pack<R>(r + R * j, w, h, __builtin_bit_cast(float, now));
    }
#pragma GCC unroll 4
    for (std::int64_t j = 0; j < n; j++)
        __builtin_memcpy(table + static_cast<std::int64_t>(c[j]) * R, r + R * j, R * sizeof(float));
}
template <int R, Shrink S, class I>
void single_step(float* r, float* table, const I* c, const float* x, std::int64_t n, const LaneStep& s,
                 std::uint32_t now, bool scaled) {
    single_walk<R, S, true>(r, table, c, x, n, s, now, scaled);
}
template <int R, Shrink S, class I>
void single_apply(float* r, float* table, const I* c, const float* x, std::int64_t n, const LaneStep& s,
                  std::uint32_t now, bool scaled) {
    single_walk<R, S, false>(r, table, c, x, n, s, now, scaled);
}

template <int R>
float single_accumulate(float* __restrict r, const float* __restrict x, std::int64_t n, const LaneStep& s) {
    const float g = s.g[0], often = s.often;
    alignas(64) float sum[16] = {}, w[16], h[16], t[16];
    for (std::int64_t j = 0; j < n; j += 16) {
        unpack<R>(w, h, t, r + R * j);
#pragma omp simd
        for (int k = 0; k < 16; k++) {
            const float v2 = x[j + k] * x[j + k], q = g * v2, before = h[k];
            h[k] = grown(before, q * q, often);
            w[k] = kept(w[k], before, h[k]);
            sum[k] += v2 / __builtin_sqrtf(h[k]);
        }
        for (int k = 0; k < 16; k++) r[R * (j + k)] = w[k], r[R * (j + k) + 1] = h[k];
    }
    return sum16(sum);
}

template <class I>
constexpr SingleKernels<I> single() {
    return {
        {single_dot<2, I>, single_dot<4, I>},
        {single_step<2, Shrink::none, I>, single_step<4, Shrink::l2, I>, single_step<4, Shrink::elastic, I>},
        {single_accumulate<2>, single_accumulate<4>},
        {single_apply<2, Shrink::none, I>, single_apply<4, Shrink::l2, I>,
         single_apply<4, Shrink::elastic, I>}};
}

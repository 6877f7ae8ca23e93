// The steps of models in lanes. The inner loops run over the W lanes of a chunk and become one vector each.
//
// A step with rate e on a weight w with accumulator h, slope g, value x and shrinkage a over the steps since
// the last visit is
//     w <- truncate(w sqrt(h) - e g x, e l1) / (sqrt(h) + e a),
// which is the proximal step of size e / sqrt(h), written so that it takes one root and one division.

// h += q, where a float32 sum must not stall: once q is below h / 2^20, 64 q is added on one row in 64
// instead.
inline float grown(float h, float q, float often) { return h + (h * 0x1p-20f > q ? q * often : q); }

inline float truncated(float w, float by) {
    const float size = __builtin_fabsf(w) - by;
    return size > 0.0f ? __builtin_copysignf(size, w) : 0.0f;
}

template <int W, class I>
std::int64_t sparse_dot(float* __restrict out, const float* __restrict table, const float* __restrict x,
                        const I* __restrict column, std::int64_t n, int lanes) {
    std::int64_t count = 0;
    for (std::int64_t j = 0; j < n; j++) count += x[j] != 0.0f;
    const std::int64_t stride = 2 * lanes;
    for (int c = 0; c < lanes; c += W) {
        float sum[W] = {};
        for (std::int64_t j = 0; j < n; j++) {
            const float* __restrict w = table + column[j] * stride + c;
            const float v = x[j];
#pragma omp simd
            for (int k = 0; k < W; k++) sum[k] += v * w[k];
        }
        for (int k = 0; k < W; k++) out[c + k] = sum[k];
    }
    return count;
}

template <int W, class I, Shrink S, bool accumulating>
void sparse_walk(float* __restrict table, std::uint32_t* __restrict last, const float* __restrict x,
                 const I* __restrict column, std::int64_t n, int lanes, const LaneStep& s, std::uint32_t now,
                 bool scaled) {
    const std::int64_t stride = 2 * lanes;
    for (std::int64_t j = 0; j < n; j++) {
        const float v = x[j], v2 = v * v;
        if (v == 0.0f) continue;
        float* __restrict record = table + column[j] * stride;
        float a2 = 0, a1 = 0;
        if constexpr (S != Shrink::none) {
            const float gap = static_cast<float>(now - last[column[j]]);
            last[column[j]] = now;
            a2 = scaled ? gap * v2 : gap;
            a1 = scaled ? gap * __builtin_fabsf(v) : gap;
        }
        for (int c = 0; c < lanes; c += W) {
            float* __restrict w = record + c;
            float* __restrict h = record + lanes + c;
            const float* __restrict g = s.g + c;
            const float* __restrict eg = s.eg + c;
            const float* __restrict el2 = s.el2 + c;
            const float* __restrict el1 = s.el1 + c;
#pragma omp simd
            for (int k = 0; k < W; k++) {
                if constexpr (accumulating) {
                    const float q = g[k] * v2;
                    h[k] = grown(h[k], q * q, s.often);
                }
                const float root = __builtin_sqrtf(h[k]);
                float top = w[k] * root - eg[k] * v;
                float bottom = root;
                if constexpr (S == Shrink::elastic) top = truncated(top, el1[k] * a1);
                if constexpr (S != Shrink::none) bottom += el2[k] * a2;
                w[k] = top / bottom;
            }
        }
    }
}

template <int W, class I, Shrink S>
void sparse_step(float* table, std::uint32_t* last, const float* x, const I* column, std::int64_t n,
                 int lanes, const LaneStep& s, std::uint32_t now, bool scaled) {
    sparse_walk<W, I, S, true>(table, last, x, column, n, lanes, s, now, scaled);
}
template <int W, class I, Shrink S>
void sparse_apply(float* table, std::uint32_t* last, const float* x, const I* column, std::int64_t n,
                  int lanes, const LaneStep& s, std::uint32_t now, bool scaled) {
    sparse_walk<W, I, S, false>(table, last, x, column, n, lanes, s, now, scaled);
}

template <int W, class I>
void sparse_accumulate(float* __restrict reach, float* __restrict table, const float* __restrict x,
                       const I* __restrict column, std::int64_t n, int lanes, const LaneStep& s) {
    const std::int64_t stride = 2 * lanes;
    for (int k = 0; k < lanes; k++) reach[k] = 0;
    for (std::int64_t j = 0; j < n; j++) {
        const float v2 = x[j] * x[j];
        if (v2 == 0.0f) continue;
        for (int c = 0; c < lanes; c += W) {
            float* __restrict h = table + column[j] * stride + lanes + c;
            const float* __restrict g = s.g + c;
            float* __restrict r = reach + c;
#pragma omp simd
            for (int k = 0; k < W; k++) {
                const float q = g[k] * v2;
                h[k] = grown(h[k], q * q, s.often);
                r[k] += v2 / __builtin_sqrtf(h[k]);
            }
        }
    }
}

// --- dense rows: flat arrays, patterns of 16 floats or more ------------------------------------------

inline void dense_expand(float* __restrict out, const float* __restrict x, std::int64_t n, int lanes) {
    if (lanes == 1) {
        for (std::int64_t j = 0; j < n; j++) out[j] = x[j];
    } else if (lanes == 4) {
        for (std::int64_t j = 0; j < n; j++)
            for (int k = 0; k < 4; k++) out[4 * j + k] = x[j];
    } else {
        for (std::int64_t j = 0; j < n; j++)
            for (int k = 0; k < lanes; k++) out[j * lanes + k] = x[j];
    }
}

inline void dense_dot(float* __restrict out, const float* __restrict w, const float* __restrict x,
                      std::int64_t n, int pattern) {
    for (int c = 0; c < pattern; c += 16) {
        float sum[16] = {};
        for (std::int64_t i = c; i < n; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) sum[k] += x[i + k] * w[i + k];
        }
        for (int k = 0; k < 16; k++) out[c + k] = sum[k];
    }
}

template <Shrink S, bool accumulating>
void dense_walk(float* __restrict w, float* __restrict h, const float* __restrict x,
                const float* __restrict p2, const float* __restrict p1, std::int64_t n, int pattern,
                const LaneStep& s) {
    const float often = s.often;
    for (int c = 0; c < pattern; c += 16) {
        const float* __restrict g = s.g + c;
        const float* __restrict eg = s.eg + c;
        const float* __restrict el2 = s.el2 + c;
        const float* __restrict el1 = s.el1 + c;
        for (std::int64_t i = c; i < n; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) {
                const float v = x[i + k];
                if constexpr (accumulating) {
                    const float q = g[k] * v;
                    h[i + k] = grown(h[i + k], q * q, often);
                }
                const float root = __builtin_sqrtf(h[i + k]);
                float top = w[i + k] * root - eg[k] * v;
                float bottom = root;
                if constexpr (S == Shrink::elastic) top = truncated(top, el1[k] * p1[i + k]);
                if constexpr (S != Shrink::none) bottom += el2[k] * p2[i + k];
                w[i + k] = top / bottom;
            }
        }
    }
}
template <Shrink S>
void dense_step(float* w, float* h, const float* x, const float* p2, const float* p1, std::int64_t n,
                int pattern, const LaneStep& s) {
    dense_walk<S, true>(w, h, x, p2, p1, n, pattern, s);
}
template <Shrink S>
void dense_apply(float* w, float* h, const float* x, const float* p2, const float* p1, std::int64_t n,
                 int pattern, const LaneStep& s) {
    dense_walk<S, false>(w, h, x, p2, p1, n, pattern, s);
}

inline void dense_accumulate(float* __restrict reach, float* __restrict h, const float* __restrict x,
                             std::int64_t n, int pattern, const LaneStep& s) {
    const float often = s.often;
    for (int c = 0; c < pattern; c += 16) {
        float sum[16] = {};
        const float* __restrict g = s.g + c;
        for (std::int64_t i = c; i < n; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) {
                const float v = x[i + k], q = g[k] * v;
                h[i + k] = grown(h[i + k], q * q, often);
                sum[k] += v * v / __builtin_sqrtf(h[i + k]);
            }
        }
        for (int k = 0; k < 16; k++) reach[c + k] = sum[k];
    }
}

template <class T>
void standardise(float* __restrict out, const T* __restrict x, const double* __restrict centre,
                 const double* __restrict scale, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++)
        out[j] = static_cast<float>((static_cast<double>(x[j]) - centre[j]) * scale[j]);
}

template <int W, class I>
constexpr SparseLaneKernels<I> sparse_lane_kernels() {
    return {
        sparse_dot<W, I>,
        {sparse_step<W, I, Shrink::none>, sparse_step<W, I, Shrink::l2>, sparse_step<W, I, Shrink::elastic>},
        sparse_accumulate<W, I>,
        {sparse_apply<W, I, Shrink::none>, sparse_apply<W, I, Shrink::l2>,
         sparse_apply<W, I, Shrink::elastic>}};
}
constexpr LaneKernels lane_kernels() {
    using A = std::int32_t;
    using B = std::int64_t;
    return {{sparse_lane_kernels<1, A>(), sparse_lane_kernels<4, A>(), sparse_lane_kernels<8, A>(),
             sparse_lane_kernels<16, A>()},
            {sparse_lane_kernels<1, B>(), sparse_lane_kernels<4, B>(), sparse_lane_kernels<8, B>(),
             sparse_lane_kernels<16, B>()},
            {dense_expand,
             dense_dot,
             {dense_step<Shrink::none>, dense_step<Shrink::l2>, dense_step<Shrink::elastic>},
             dense_accumulate,
             {dense_apply<Shrink::none>, dense_apply<Shrink::l2>, dense_apply<Shrink::elastic>}},
            standardise<float>,
            standardise<double>,
            exp_n,
            log1p_n};
}

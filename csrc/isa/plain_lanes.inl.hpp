// Plain steps of models in lanes: w <- w - e g x. A weight counts `scale` times, one number a lane, which is
// how an l2 penalty costs nothing; an l1 penalty truncates by what is due in all, less what has been taken
// (Tsuruoka, Tsujii & Ananiadou, ACL 2009).

// Sums of every fourth product, which do not wait for one another; added up the same for any number of lanes.
template <int W, class I>
void plain_dot(float* __restrict out, const float* __restrict table, const float* __restrict x,
               const I* __restrict column, std::int64_t n, int lanes, std::int64_t stride) {
    for (int c = 0; c < all_lanes<W>(lanes); c += W) {
        float a[W] = {}, b[W] = {}, e[W] = {}, f[W] = {};
        const float* __restrict from = table + c;
        std::int64_t j = 0;
        for (; j + 4 <= n; j += 4) {
            // Else a loop over single floats becomes one of gathers, which takes longer and rounds otherwise.
            if constexpr (W == 1) __asm__ volatile("");
            const float* __restrict wa = from + column[j] * stride;
            const float* __restrict wb = from + column[j + 1] * stride;
            const float* __restrict we = from + column[j + 2] * stride;
            const float* __restrict wf = from + column[j + 3] * stride;
#pragma omp simd
            for (int k = 0; k < W; k++) {
                a[k] += x[j] * wa[k];
                b[k] += x[j + 1] * wb[k];
                e[k] += x[j + 2] * we[k];
                f[k] += x[j + 3] * wf[k];
            }
        }
        for (; j < n; j++) {
            if constexpr (W == 1) __asm__ volatile("");
            const float* __restrict w = from + column[j] * stride;
#pragma omp simd
            for (int k = 0; k < W; k++) a[k] += x[j] * w[k];
        }
        for (int k = 0; k < W; k++) out[c + k] = (a[k] + b[k]) + (e[k] + f[k]);
    }
}

template <int W, class I>
void plain_step(float* __restrict table, const float* __restrict x, const I* __restrict column,
                std::int64_t n, int lanes, std::int64_t stride, const float* __restrict eg) {
    for (std::int64_t j = 0; j < n; j++) {
        const float v = x[j];
        for (int c = 0; c < all_lanes<W>(lanes); c += W) {
            float* __restrict w = table + column[j] * stride + c;
#pragma omp simd
            for (int k = 0; k < W; k++) w[k] -= eg[c + k] * v;
        }
    }
}

// w and what has been taken of it so far, `taken`, with its sign; due: in all until now; unscale: 1 / scale.
inline void take(float& w, float& taken, float due, float scale, float unscale) {
    const float size = w * scale, sign = __builtin_copysignf(1.0f, size);
    const float rest = __builtin_fabsf(size) - (due + sign * taken);
    const float left = sign * (rest > 0.0f ? rest : 0.0f);  // no branch on a sign, which cannot be foreseen
    taken += left - size;
    w = left == size ? w : left * unscale;
}

template <int W, class I>
void plain_truncate(float* __restrict table, const I* __restrict column, std::int64_t n, int lanes,
                    std::int64_t stride, const float* __restrict due, const float* __restrict scale,
                    const float* __restrict unscale) {
    for (std::int64_t j = 0; j < n; j++)
        for (int c = 0; c < all_lanes<W>(lanes); c += W) {
            float* __restrict w = table + column[j] * stride + c;
            float* __restrict taken = w + all_lanes<W>(lanes);
#pragma omp simd
            for (int k = 0; k < W; k++) take(w[k], taken[k], due[c + k], scale[c + k], unscale[c + k]);
        }
}

// Flat arrays, as those of FlatKernels.
inline void plain_flat_step(float* __restrict w, const float* __restrict x, std::int64_t n, int pattern,
                            const float* __restrict eg) {
    for (int c = 0; c < pattern; c += 16)
        for (std::int64_t i = c; i < n; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) w[i + k] -= eg[c + k] * x[i + k];
        }
}
inline void plain_flat_truncate(float* __restrict w, float* __restrict taken, std::int64_t n, int pattern,
                                const float* __restrict due, const float* __restrict scale,
                                const float* __restrict unscale) {
    for (int c = 0; c < pattern; c += 16)
        for (std::int64_t i = c; i < n; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++)
                take(w[i + k], taken[i + k], due[c + k], scale[c + k], unscale[c + k]);
        }
}

inline double sum_of_squares(const float* __restrict x, std::int64_t n) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t j = 0; j < n; j++) sum += static_cast<double>(x[j]) * static_cast<double>(x[j]);
    return sum;
}

template <int W, class I>
constexpr PlainKernels<I> plain_rows() {
    return {plain_dot<W, I>, plain_step<W, I>, plain_truncate<W, I>};
}
constexpr PlainTable plain_table() {
    using A = std::int32_t;
    using B = std::int64_t;
    return {{plain_rows<1, A>(), plain_rows<4, A>(), plain_rows<8, A>(), plain_rows<16, A>()},
            {plain_rows<1, B>(), plain_rows<4, B>(), plain_rows<8, B>(), plain_rows<16, B>()},
            plain_flat_step,
            plain_flat_truncate,
            sum_of_squares};
}

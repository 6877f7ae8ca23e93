// The steps of models in lanes. The inner loops run over the W lanes of a chunk and become one vector each.
//
// A step with rate e on a weight w with accumulator h, slope g, value x and shrinkage a over the steps since
// the last visit is
//     w <- truncate(w sqrt(h) - e g x, e l1) / (sqrt(h) + e a),
// which is the proximal step of size e / sqrt(h), written so that it takes one root and one division.

typedef float V16 __attribute__((vector_size(64)));
typedef float V8 __attribute__((vector_size(32)));
typedef float V4 __attribute__((vector_size(16)));
template <class V>
inline V load(const float* p) {
    V v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
template <class V>
inline void store(float* p, V v) {
    __builtin_memcpy(p, &v, sizeof v);
}

// h += q, where a float32 sum must not stall: once q is below h / 2^20, 64 q is added on one row in 64
// instead.
// What is beyond float32, an absurd value's fourth power, counts as its largest numbers do.
inline float grown(float h, float q, float often) {
    const float more = h + (h * 0x1p-20f > q ? q * often : q);
    return more < 3e38f ? more : 3e38f;
}

// A feature whose accumulator grows more than 16-fold in one row had only seen values (or slopes) that say
// nothing beside this one, and a weight of the order of 1 / value from them: it starts anew.
inline float kept(float w, float before, float after) { return after > 16.0f * before ? 0.0f : w; }

inline float truncated(float w, float by) {
    const float size = __builtin_fabsf(w) - by;
    return size > 0.0f ? __builtin_copysignf(size, w) : 0.0f;
}

#include "isa/wide_lanes.inl.hpp"

// --- dense rows: flat arrays, patterns of 16 floats or more ------------------------------------------

inline void expand(float* __restrict out, const float* __restrict x, std::int64_t n, int lanes) {
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

// Every second pattern has sums of its own: with 4 lanes these are a row's 8 places.
inline void flat_dot(float* __restrict out, const float* __restrict w, const float* __restrict x,
                     std::int64_t n, int pattern) {
    for (int c = 0; c < pattern; c += 16) {
        float sum[16] = {}, other[16] = {};
        std::int64_t i = c;
        for (; i + pattern < n; i += 2 * pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) {
                sum[k] += x[i + k] * w[i + k];
                other[k] += x[i + pattern + k] * w[i + pattern + k];
            }
        }
        if (i < n) {
#pragma omp simd
            for (int k = 0; k < 16; k++) sum[k] += x[i + k] * w[i + k];
        }
#pragma omp simd
        for (int k = 0; k < 16; k++) out[c + k] = sum[k] + other[k];
    }
}

// power: how often the value enters the accumulator's root; 1 for standardised values, 2 where the step
// divides by the scale.
template <int power, Shrink S, bool accumulating>
void flat_walk(float* __restrict w, float* __restrict h, const float* __restrict x,
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
                    const float q = power == 2 ? g[k] * (v * v) : g[k] * v, before = h[i + k];
                    h[i + k] = grown(before, q * q, often);
                    if constexpr (power == 2) w[i + k] = kept(w[i + k], before, h[i + k]);
                }
                const float root = __builtin_sqrtf(h[i + k]);
                if constexpr (S == Shrink::none) {
                    w[i + k] -= eg[k] * v / root;
                } else {
                    float top = w[i + k] * root - eg[k] * v;
                    if constexpr (S == Shrink::elastic) top = truncated(top, el1[k] * p1[i + k]);
                    w[i + k] = top / (root + el2[k] * p2[i + k]);
                }
            }
        }
    }
}
template <int power, Shrink S>
void flat_step(float* w, float* h, const float* x, const float* p2, const float* p1, std::int64_t n,
               int pattern, const LaneStep& s) {
    flat_walk<power, S, true>(w, h, x, p2, p1, n, pattern, s);
}
template <int power, Shrink S>
void flat_apply(float* w, float* h, const float* x, const float* p2, const float* p1, std::int64_t n,
                int pattern, const LaneStep& s) {
    flat_walk<power, S, false>(w, h, x, p2, p1, n, pattern, s);
}

template <int power>
void flat_accumulate(float* __restrict reach, float* __restrict w, float* __restrict h,
                     const float* __restrict x, std::int64_t n, int pattern, const LaneStep& s) {
    const float often = s.often;
    for (int c = 0; c < pattern; c += 16) {
        float sums[2][16] = {};  // as those of the dot
        const float* __restrict g = s.g + c;
        float* __restrict sum = sums[0];
        float* __restrict other = sums[1];
        for (std::int64_t i = c; i < n; i += pattern) {
#pragma omp simd
            for (int k = 0; k < 16; k++) {
                const float v = x[i + k], q = power == 2 ? g[k] * (v * v) : g[k] * v, before = h[i + k];
                h[i + k] = grown(before, q * q, often);
                if constexpr (power == 2) w[i + k] = kept(w[i + k], before, h[i + k]);
                sum[k] += v * v / __builtin_sqrtf(h[i + k]);
            }
            float* const next = other;
            other = sum, sum = next;
        }
#pragma omp simd
        for (int k = 0; k < 16; k++) reach[c + k] = sums[0][k] + sums[1][k];
    }
}

// --- narrow records: gathered, worked on as flat arrays, scattered -----------------------------------

// Copies a row's values, padded with 0 to a multiple of 16; returns how many of them are zero. room: floats
// that may be read.
inline std::int64_t stage(float* __restrict out, const float* __restrict x, std::int64_t n,
                          std::int64_t room) {
    const auto m = static_cast<std::int32_t>(n);
    const std::int64_t whole = (n + 15) / 16 * 16, full = room >= whole ? whole : n / 16 * 16;
    std::int32_t count = 0;
    for (std::int64_t j = 0; j < full; j += 16) {
        const std::int32_t left = m - static_cast<std::int32_t>(j);
#pragma omp simd reduction(+ : count)
        for (int k = 0; k < 16; k++) {
            const float v = x[j + k];
            const bool inside = k < left;
            out[j + k] = inside ? v : 0.0f;
            count += inside && v == 0.0f;
        }
    }
    for (std::int64_t j = full; j < whole; j++) {
        out[j] = j < n ? x[j] : 0.0f;
        count += j < n && x[j] == 0.0f;
    }
    return count;
}

template <int W, class I>
void gather(float* __restrict w, float* __restrict h, const float* __restrict table, const I* __restrict c,
            std::int64_t n) {
    for (std::int64_t j = 0; j < n; j++) {
        const float* __restrict record = table + static_cast<std::int64_t>(c[j]) * (2 * W);
        __builtin_memcpy(w + j * W, record, W * sizeof(float));
        __builtin_memcpy(h + j * W, record + W, W * sizeof(float));
    }
    for (std::int64_t i = n * W; i % 16 != 0; i++) w[i] = 0.0f, h[i] = 1.0f;
}

template <int W>
void spread(float* __restrict x, const float* __restrict values, std::int64_t n) {
    for (std::int64_t j = 0; j < n; j++)
        for (int k = 0; k < W; k++) x[j * W + k] = values[j];
    for (std::int64_t i = n * W; i % 16 != 0; i++) x[i] = 0.0f;
}

template <int W, class I>
void scatter(float* __restrict table, const float* __restrict w, const float* __restrict h,
             const I* __restrict c, std::int64_t n) {
    for (std::int64_t j = 0; j < n; j++) {
        float* __restrict record = table + static_cast<std::int64_t>(c[j]) * (2 * W);
        __builtin_memcpy(record, w + j * W, W * sizeof(float));
        __builtin_memcpy(record + W, h + j * W, W * sizeof(float));
    }
}

template <int W, class I>
void age(float* __restrict p2, float* __restrict p1, std::uint32_t* __restrict last,
         const float* __restrict x, const I* __restrict c, std::int64_t n, std::uint32_t now, bool scaled) {
    for (std::int64_t j = 0; j < n; j++) {
        const float gap = static_cast<float>(static_cast<std::int32_t>(now - last[c[j]]));
        last[c[j]] = now;
        for (int k = 0; k < W; k++) p2[j * W + k] = gap;
    }
    const std::int64_t m = n * W;
    for (std::int64_t i = m; i % 16 != 0; i++) p2[i] = 0.0f;
    const std::int64_t whole = (m + 15) / 16 * 16;
    if (scaled) {
#pragma omp simd
        for (std::int64_t i = 0; i < whole; i++) {
            const float gap = p2[i], v = __builtin_fabsf(x[i]);
            p2[i] = gap * (v * v);
            p1[i] = gap * v;
        }
    } else {
        __builtin_memcpy(p1, p2, static_cast<std::size_t>(whole) * sizeof(float));
    }
}

// A value whose square is still a float32.
constexpr double farthest = 1e18;

template <class T>
void standardise(float* __restrict out, const T* __restrict x, const double* __restrict centre,
                 const double* __restrict scale, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++) {
        const double v = (static_cast<double>(x[j]) - centre[j]) * scale[j];
        out[j] = static_cast<float>(v > farthest ? farthest : v < -farthest ? -farthest : v);
    }
}

template <int W, class I>
constexpr WideKernels<I> wide() {
    return {
        wide_dot<W, I>,
        {wide_step<W, I, Shrink::none>, wide_step<W, I, Shrink::l2>, wide_step<W, I, Shrink::elastic>},
        wide_accumulate<W, I>,
        {wide_apply<W, I, Shrink::none>, wide_apply<W, I, Shrink::l2>, wide_apply<W, I, Shrink::elastic>}};
}
template <int W, class I>
constexpr NarrowKernels<I> narrow() {
    return {gather<W, I>, spread<W>, scatter<W, I>, age<W, I>};
}
template <int power>
constexpr FlatKernels flat() {
    return {
        {flat_step<power, Shrink::none>, flat_step<power, Shrink::l2>, flat_step<power, Shrink::elastic>},
        flat_accumulate<power>,
        {flat_apply<power, Shrink::none>, flat_apply<power, Shrink::l2>, flat_apply<power, Shrink::elastic>}};
}
#include "isa/single_lane.inl.hpp"

constexpr LaneKernels lane_kernels() {
    using A = std::int32_t;
    using B = std::int64_t;
    return {{wide<8, A>(), wide<16, A>()},
            {wide<8, B>(), wide<16, B>()},
            narrow<4, A>(),
            narrow<4, B>(),
            single<A>(),
            single<B>(),
            flat<1>(),
            flat<2>(),
            flat_dot,
            expand,
            stage,
            standardise<float>,
            standardise<double>,
            exp_one,
            exp_n,
            log1p_n,
            log_n};
}

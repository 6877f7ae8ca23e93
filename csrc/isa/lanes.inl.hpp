// The steps of models in lanes.
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

#include "isa/lane_step.inl.hpp"
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

template <int power, Shrink S, bool accumulating>
void flat_walk(float* __restrict w, float* __restrict h, const float* __restrict x,
               const float* __restrict p2, const float* __restrict p1, std::int64_t n, int pattern,
               const LaneStep& s) {
    for (int c = 0; c < pattern; c += widest) {
        const Widest g = load<Widest>(s.g + c), eg = load<Widest>(s.eg + c);
        const Widest el2 = load<Widest>(s.el2 + c), el1 = load<Widest>(s.el1 + c);
        for (std::int64_t i = c; i < n; i += pattern) {
            const Widest v = load<Widest>(x + i);
            Widest weight = load<Widest>(w + i), sum = load<Widest>(h + i), shrinkage{}, due{};
            if constexpr (accumulating) accumulate<power>(weight, sum, v, g, s.often), store(h + i, sum);
            if constexpr (S != Shrink::none) shrinkage = el2 * load<Widest>(p2 + i);
            if constexpr (S == Shrink::elastic) due = el1 * load<Widest>(p1 + i);
            store(w + i, stepped<S>(weight, sum, v, eg, shrinkage, due));
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
    for (int c = 0; c < pattern; c += widest) {
        Widest sum{}, other{};  // as those of the dot
        const Widest g = load<Widest>(s.g + c);
        for (std::int64_t i = c; i < n; i += pattern) {
            const Widest v = load<Widest>(x + i);
            Widest weight = load<Widest>(w + i), grow = load<Widest>(h + i);
            accumulate<power>(weight, grow, v, g, s.often);
            store(w + i, weight), store(h + i, grow);
            const Widest more = sum + (v * v) * inverse_root(grow);
            sum = other, other = more;
        }
        store(reach + c, sum + other);
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

template <int power, int W, class I>
constexpr WideKernels<I> wide() {
    return {wide_dot<W, I>,
            {wide_walk<W, I, power, Shrink::none, true>, wide_walk<W, I, power, Shrink::l2, true>,
             wide_walk<W, I, power, Shrink::elastic, true>},
            wide_accumulate<W, I, power>,
            {wide_walk<W, I, power, Shrink::none, false>, wide_walk<W, I, power, Shrink::l2, false>,
             wide_walk<W, I, power, Shrink::elastic, false>}};
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
    return {{{wide<1, 8, A>(), wide<1, 16, A>()}, {wide<2, 8, A>(), wide<2, 16, A>()}},
            {{wide<1, 8, B>(), wide<1, 16, B>()}, {wide<2, 8, B>(), wide<2, 16, B>()}},
            narrow<4, A>(),
            narrow<4, B>(),
            {single<1, A>(), single<2, A>()},
            {single<1, B>(), single<2, B>()},
            flat<1>(),
            flat<2>(),
            flat_dot,
            expand,
            stage,
            log_loss,
            log_loss_one,
            standardise<float>,
            standardise<double>,
            exp_one,
            exp_n,
            log1p_n,
            log_n};
}

// The steps of a single model. A row is taken 16 entries at a time: their records go from the table to
// registers as weights, accumulators and steps of the last visit, and back.
typedef float V16 __attribute__((vector_size(64), aligned(4), may_alias));
inline V16 load16(const float* p) { return *reinterpret_cast<const V16*>(p); }
inline void store16(float* p, V16 v) { *reinterpret_cast<V16*>(p) = v; }
typedef float V8 __attribute__((vector_size(32)));
typedef float V4 __attribute__((vector_size(16), aligned(4), may_alias));

#ifdef __AVX512F__
#include "isa/records_avx512.inl.hpp"
#else
template <int R, class I>
void fetch16(float* __restrict w, float* __restrict h, float* __restrict t, const float* __restrict table,
             const I* __restrict c) {
    for (int k = 0; k < 16; k++) {
        const float* record = table + static_cast<std::int64_t>(c[k]) * R;
        w[k] = record[0], h[k] = record[1];
        if constexpr (R == 4) t[k] = record[2];
    }
}
template <int R, class I>
void put16(float* __restrict table, const I* __restrict c, const float* w, const float* h, float now) {
    for (int k = 0; k < 16; k++) {
        float* record = table + static_cast<std::int64_t>(c[k]) * R;
        record[0] = w[k], record[1] = h[k];
        if constexpr (R == 4) record[2] = now;
    }
}
// The last entries of a row, and the last one again until they are 16.
template <class I>
void fill_end(RowEnd<I>* __restrict end, const I* __restrict c, const float* __restrict x,
              std::int64_t left) {
    for (std::int64_t k = 0; k < 16; k++) {
        const std::int64_t from = k < left ? k : left - 1;
        end->x[k] = x[from], end->c[k] = c[from];
    }
}
#endif

inline float sum16(V16 v) {  // by halves
    const V8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                 __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    const V4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
    return (b[0] + b[2]) + (b[1] + b[3]);
}

// What dot leaves in r for each 16 entries: weights, accumulators, steps of the last visit.
constexpr int group = 4 * 16;

template <int R, class I>
float single_dot(float* __restrict r, RowEnd<I>* __restrict end, const float* __restrict table,
                 const I* __restrict c, const float* __restrict x, std::int64_t n, bool* zeros) {
    V16 sum = {}, least = {};
    least += 1.0f;
    const std::int64_t whole = n / 16 * 16;
    for (std::int64_t j = 0; j < whole; j += 16, r += group) {
        fetch16<R>(r, r + 16, r + 32, table, c + j);
        const V16 v = load16(x + j);
        sum += load16(r) * v;
        least = v == 0.0f ? v : least;
    }
    if (whole < n) {
        fill_end(end, c + whole, x + whole, n - whole);
        fetch16<R>(r, r + 16, r + 32, table, end->c);
        alignas(64) float once[16];
        const auto left = static_cast<std::int32_t>(n - whole);
#pragma omp simd
        for (std::int32_t k = 0; k < 16; k++) once[k] = k < left ? end->x[k] : 0.0f;
        const V16 v = load16(end->x);
        sum += load16(r) * load16(once);
        least = v == 0.0f ? v : least;
    }
    *zeros = sum16(least) != 16.0f;
    return sum16(sum);
}

template <Shrink S, bool accumulating>
inline void step16(float* w, float* h, const float* t, const float* x, const LaneStep& s, std::uint32_t now,
                   float flat) {
    const float g = s.g[0], eg = s.eg[0], el2 = s.el2[0], el1 = s.el1[0], often = s.often;
    const float with_value = 1.0f - flat;
#pragma omp simd
    for (int k = 0; k < 16; k++) {
        const float v = x[k];
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
}

template <int R, Shrink S, bool accumulating, class I>
void single_walk(const float* __restrict r, const RowEnd<I>* __restrict end, float* __restrict table,
                 const I* __restrict c, const float* __restrict x, std::int64_t n, const LaneStep& s,
                 std::uint32_t now, bool scaled) {
    const float flat = scaled ? 0.0f : 1.0f;
    for (std::int64_t j = 0; j < n; j += 16, r += group) {
        const bool whole = j + 16 <= n;
        alignas(64) float w[16], h[16], t[16];
        store16(w, load16(r)), store16(h, load16(r + 16));
        if constexpr (R == 4) store16(t, load16(r + 32));
        step16<S, accumulating>(w, h, t, whole ? x + j : end->x, s, now, flat);
        put16<R>(table, whole ? c + j : end->c, w, h, __builtin_bit_cast(float, now));
    }
}
template <int R, Shrink S, class I>
void single_step(float* r, const RowEnd<I>* end, float* table, const I* c, const float* x, std::int64_t n,
                 const LaneStep& s, std::uint32_t now, bool scaled) {
    single_walk<R, S, true>(r, end, table, c, x, n, s, now, scaled);
}
template <int R, Shrink S, class I>
void single_apply(float* r, const RowEnd<I>* end, float* table, const I* c, const float* x, std::int64_t n,
                  const LaneStep& s, std::uint32_t now, bool scaled) {
    single_walk<R, S, false>(r, end, table, c, x, n, s, now, scaled);
}

template <class I>
float single_accumulate(float* __restrict r, const RowEnd<I>* __restrict end, const float* __restrict x,
                        std::int64_t n, const LaneStep& s) {
    const float g = s.g[0], often = s.often;
    alignas(64) float sum[16] = {};  // over the entries of each place
    for (std::int64_t j = 0; j < n; j += 16, r += group) {
        const float* from = j + 16 <= n ? x + j : end->x;
        const auto left = static_cast<std::int32_t>(n - j < 16 ? n - j : 16);
#pragma omp simd
        for (int k = 0; k < 16; k++) {
            const float v2 = from[k] * from[k], q = g * v2, before = r[16 + k];
            const float after = grown(before, q * q, often);
            r[16 + k] = after;
            r[k] = kept(r[k], before, after);
            sum[k] += (k < left ? v2 : 0.0f) / __builtin_sqrtf(after);
        }
    }
    return sum16(load16(sum));
}

template <class I>
constexpr SingleKernels<I> single() {
    return {
        {single_dot<2, I>, single_dot<4, I>},
        {single_step<2, Shrink::none, I>, single_step<4, Shrink::l2, I>, single_step<4, Shrink::elastic, I>},
        single_accumulate<I>,
        {single_apply<2, Shrink::none, I>, single_apply<4, Shrink::l2, I>,
         single_apply<4, Shrink::elastic, I>}};
}

// The steps of a single model. A row is taken a batch of entries at a time, as many as a vector has floats:
// their records go from the table to registers as weights, accumulators and steps of the last visit, and
// back.
#ifdef __AVX512F__
#include "isa/records_avx512.inl.hpp"
typedef V16 Batch;
#elif defined(__AVX2__)
#include "isa/records_avx2.inl.hpp"
typedef V8 Batch;
#else
template <int R, class I>
void fetch(float* __restrict w, float* __restrict h, float* __restrict t, const float* __restrict table,
           const I* __restrict c) {
    for (int k = 0; k < 8; k++) {
        const float* record = table + static_cast<std::int64_t>(c[k]) * R;
        w[k] = record[0], h[k] = record[1];
        if constexpr (R == 4) t[k] = record[2];
    }
}
template <int R, class I>
void put(float* __restrict table, const I* __restrict c, const float* w, const float* h, float now) {
    for (int k = 0; k < 8; k++) {
        float* record = table + static_cast<std::int64_t>(c[k]) * R;
        record[0] = w[k], record[1] = h[k];
        if constexpr (R == 4) record[2] = now;
    }
}
// The last entries of a row, and the last one again until they are a batch.
template <class I>
void fill_end(RowEnd<I>* __restrict end, const I* __restrict c, const float* __restrict x,
              std::int64_t left) {
    for (std::int64_t k = 0; k < 8; k++) {
        const std::int64_t from = k < left ? k : left - 1;
        end->x[k] = x[from], end->c[k] = c[from];
    }
}
typedef V8 Batch;
#endif
constexpr int batch = sizeof(Batch) / sizeof(float);

// A row's numbers are added up in 8 places, every eighth one in each, and these by halves: so for any number
// of lanes, and for batches of 8 or of 16.
inline void add_places(V8& sum, V8 a, V8 b) { sum += a * b; }
inline void add_places(V8& sum, V16 a, V16 b) {
    const auto front = [](V16 v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7); };
    const auto back = [](V16 v) { return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15); };
    sum += front(a) * front(b);
    sum += back(a) * back(b);
}
inline float sum_places(V8 a) {
    const V4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
    return (b[0] + b[2]) + (b[1] + b[3]);
}

// What dot leaves in r for each batch: weights, accumulators, steps of the last visit.
constexpr int group = 4 * batch;

template <int R, class I>
float single_dot(float* __restrict r, RowEnd<I>* __restrict end, const float* __restrict table,
                 const I* __restrict c, const float* __restrict x, std::int64_t n, bool* zeros) {
    V8 sum = {};
    Batch least = {};
    least += 1.0f;
    const auto see = [&](const I* columns, Batch values, Batch counted) {
        fetch<R>(r, r + batch, r + 2 * batch, table, columns);
        add_places(sum, load<Batch>(r), counted);
        least = values == 0.0f ? values : least;
        r += group;
    };
    std::int64_t j = 0;
    for (; j + batch <= n; j += batch) {
        const Batch v = load<Batch>(x + j);
        see(c + j, v, v);
    }
    if (j < n) {
        fill_end(end, c + j, x + j, n - j);
        alignas(64) float once[batch];
        const auto left = static_cast<std::int32_t>(n - j);
#pragma omp simd
        for (std::int32_t k = 0; k < batch; k++) once[k] = k < left ? end->x[k] : 0.0f;
        see(end->c, load<Batch>(end->x), load<Batch>(once));
    }
    bool none = true;
    for (int k = 0; k < batch; k++) none = none && least[k] != 0.0f;
    *zeros = !none;
    return sum_places(sum);
}

template <Shrink S, bool accumulating>
inline void step_batch(float* w, float* h, const float* t, const float* x, float g, float eg, float el2,
                       float el1, float often, std::uint32_t now, float flat) {
    const float with_value = 1.0f - flat;
#pragma omp simd
    for (int k = 0; k < batch; k++) {
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
                top = truncated(top, el1 * (gap * (flat + with_value * __builtin_fabsf(v))));
            w[k] = top / (root + el2 * (gap * (flat + with_value * (v * v))));
        }
    }
}

template <int R, Shrink S, bool accumulating, class I>
void single_walk(const float* __restrict r, const RowEnd<I>* __restrict end, float* __restrict table,
                 const I* __restrict c, const float* __restrict x, std::int64_t n, const LaneStep& s,
                 std::uint32_t now, bool scaled) {
    const float flat = scaled ? 0.0f : 1.0f;
    const float g = s.g[0], eg = s.eg[0], el2 = s.el2[0], el1 = s.el1[0], often = s.often;
    for (std::int64_t j = 0; j < n; j += batch, r += group) {
        const bool whole = j + batch <= n;
        alignas(64) float w[batch], h[batch], t[batch];
        store(w, load<Batch>(r)), store(h, load<Batch>(r + batch));
        if constexpr (R == 4) store(t, load<Batch>(r + 2 * batch));
        step_batch<S, accumulating>(w, h, t, whole ? x + j : end->x, g, eg, el2, el1, often, now, flat);
        put<R>(table, whole ? c + j : end->c, w, h, __builtin_bit_cast(float, now));
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
    V8 sum = {};
    Batch ones = {};
    ones += 1.0f;
    for (std::int64_t j = 0; j < n; j += batch, r += group) {
        const float* from = j + batch <= n ? x + j : end->x;
        const auto left = static_cast<std::int32_t>(n - j < batch ? n - j : batch);
        alignas(64) float more[batch];
#pragma omp simd
        for (int k = 0; k < batch; k++) {
            const float v2 = from[k] * from[k], q = g * v2, before = r[batch + k];
            const float after = grown(before, q * q, often);
            r[batch + k] = after;
            r[k] = kept(r[k], before, after);
            more[k] = (k < left ? v2 : 0.0f) / __builtin_sqrtf(after);
        }
        add_places(sum, load<Batch>(more), ones);
    }
    return sum_places(sum);
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

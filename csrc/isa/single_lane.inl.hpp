// The steps of a single model. A row is taken a batch of entries at a time, as many as a vector has floats:
// their records go from the table to registers as weights, accumulators and steps of the last visit, and
// back.
#ifdef __AVX512F__
#include "isa/records_avx512.inl.hpp"
#elif defined(__AVX2__)
#include "isa/records_avx2.inl.hpp"
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
#endif
typedef Widest Batch;
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

// The steps since `then`, which float32 numbers hold as bits.
template <class V>
inline V steps_since(V then, std::uint32_t now) {
    typedef std::uint32_t Words __attribute__((vector_size(sizeof(V))));
    typedef std::int32_t Signed __attribute__((vector_size(sizeof(V))));
    return __builtin_convertvector((Signed)(now - (Words)then), V);
}

template <int R, int power, Shrink S, bool accumulating, class I>
void single_walk(float* __restrict r, const RowEnd<I>* __restrict end, float* __restrict table,
                 const I* __restrict c, const float* __restrict x, std::int64_t n, const LaneStep& s,
                 std::uint32_t now, bool scaled) {
    const Batch g = every<Batch>(s.g[0]), eg = every<Batch>(s.eg[0]);
    for (std::int64_t j = 0; j < n; j += batch, r += group) {
        const bool whole = j + batch <= n;
        const Batch v = load<Batch>(whole ? x + j : end->x);
        Batch w = load<Batch>(r), h = load<Batch>(r + batch), shrinkage{}, due{};
        if constexpr (accumulating) accumulate<power>(w, h, v, g, s.often);
        if constexpr (S != Shrink::none) {
            const Batch gap = steps_since(load<Batch>(r + 2 * batch), now);
            shrinkage = s.el2[0] * (scaled ? gap * (v * v) : gap);
            if constexpr (S == Shrink::elastic) due = s.el1[0] * (scaled ? gap * size_of(v) : gap);
        }
        alignas(64) float weights[batch], sums[batch];
        store(weights, stepped<S>(w, h, v, eg, shrinkage, due)), store(sums, h);
        put<R>(table, whole ? c + j : end->c, weights, sums, __builtin_bit_cast(float, now));
    }
}

template <int power, class I>
float single_accumulate(float* __restrict r, const RowEnd<I>* __restrict end, const float* __restrict x,
                        std::int64_t n, const LaneStep& s) {
    const Batch g = every<Batch>(s.g[0]);
    V8 sum = {};
    for (std::int64_t j = 0; j < n; j += batch, r += group) {
        const Batch v = load<Batch>(j + batch <= n ? x + j : end->x);
        Batch w = load<Batch>(r), h = load<Batch>(r + batch);
        accumulate<power>(w, h, v, g, s.often);
        store(r, w), store(r + batch, h);
        alignas(64) float squares[batch];
        store(squares, v * v);
        for (std::int64_t k = n - j; k < batch; k++) squares[k] = 0.0f;
        add_places(sum, load<Batch>(squares), inverse_root(h));
    }
    return sum_places(sum);
}

template <int power, class I>
constexpr SingleKernels<I> single() {
    return {{single_dot<2, I>, single_dot<4, I>},
            {single_walk<2, power, Shrink::none, true, I>, single_walk<4, power, Shrink::l2, true, I>,
             single_walk<4, power, Shrink::elastic, true, I>},
            single_accumulate<power, I>,
            {single_walk<2, power, Shrink::none, false, I>, single_walk<4, power, Shrink::l2, false, I>,
             single_walk<4, power, Shrink::elastic, false, I>}};
}

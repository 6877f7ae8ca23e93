// One adaptive step of a vector of weights: of one feature in many lanes, or of many features of one lane.
// All layouts of CSR rows take it from here, so that a lane has the same bits whoever lies beside it.
//
// A step with rate e on a weight w with accumulator h, slope g, value x and shrinkage a over the steps since
// the last visit is, with r = 1 / sqrt(h),
//     w <- truncate(w - e g x r, e l1 r) / (1 + e a r),
// which is the proximal step of size e r.

template <class V>
inline V every(float x) {
    return x - V{};
}
template <class V>
inline V size_of(V x) {
    return x < 0.0f ? -x : x;
}

// 1 / sqrt(h), h positive and no denormal, within 4 ulp: an estimate of 11 bits or more, and a step of
// Newton's. It takes half as long as a root and a division.
template <class V>
inline V improved(V r, V h) {
    const V half = 0.5f * h * r;
    return r * (1.5f - half * r);
}
#ifdef __AVX512F__
inline V16 inverse_root(V16 h) {
    return improved<V16>(_mm512_maskz_rsqrt14_ps(static_cast<__mmask16>(-1), h), h);
}
inline V8 inverse_root(V8 h) {
    return improved<V8>(_mm256_maskz_rsqrt14_ps(static_cast<__mmask8>(-1), h), h);
}
#elif defined(__AVX2__)
inline V8 inverse_root(V8 h) { return improved<V8>(_mm256_rsqrt_ps(h), h); }
#else
inline V8 inverse_root(V8 h) {
#ifdef __SSE2__
    const V4 front = _mm_rsqrt_ps(__builtin_shufflevector(h, h, 0, 1, 2, 3));
    const V4 back = _mm_rsqrt_ps(__builtin_shufflevector(h, h, 4, 5, 6, 7));
    return improved<V8>(__builtin_shufflevector(front, back, 0, 1, 2, 3, 4, 5, 6, 7), h);
#else
    V8 r;
    for (int k = 0; k < 8; k++) r[k] = 1.0f / __builtin_sqrtf(h[k]);
    return r;
#endif
}
#endif

// The most floats of a vector.
#ifdef __AVX512F__
typedef V16 Widest;
#else
typedef V8 Widest;
#endif
constexpr int widest = sizeof(Widest) / sizeof(float);

// h += q, where a float32 sum must not stall: once q is below h / 2^20, 64 q is added on one row in 64
// instead.
// What is beyond float32, an absurd value's fourth power, counts as its largest numbers do.
template <class V>
inline V grown(V h, V q, float often) {
    const V more = h + (h * 0x1p-20f > q ? q * often : q);
    return more < 3e38f ? more : every<V>(3e38f);
}

// A slope g and a value v are added to h. power: how often the value enters the accumulator's root; 1 for
// values as they are, 2 where the step divides by the feature's scale. There, a feature whose accumulator
// grows more than 16-fold in one row had only seen values (or slopes) that say nothing beside this one, and a
// weight of the order of 1 / value from them: it starts anew.
template <int power, class V>
inline void accumulate(V& w, V& h, V v, V g, float often) {
    const V q = power == 2 ? g * (v * v) : g * v, before = h;
    h = grown(before, q * q, often);
    if constexpr (power == 2) w = h > 16.0f * before ? V{} : w;
}

// Shrinkage: e l2 times the steps since the last visit; due: e l1 times them.
template <Shrink S, class V>
inline V stepped(V w, V h, V v, V eg, V shrinkage, V due) {
    const V r = inverse_root(h);
    const V move = eg * v;
    if constexpr (S == Shrink::none) return w - move * r;
    V to = w - move * r;
    if constexpr (S == Shrink::elastic) {
        const V left = size_of(to) - due * r;
        to = left > 0.0f ? (to < 0.0f ? -left : left) : V{};
    }
    return to / (1.0f + shrinkage * r);
}

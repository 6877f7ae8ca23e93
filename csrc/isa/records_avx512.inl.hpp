// A single lane's records between the table and registers, 16 at a time, with AVX-512.
//
// Shuffles are the compilers' own: many of GCC 12's AVX-512 intrinsics warn of a variable in its headers.
inline V16 four_quarters(__m128 a, __m128 b, __m128 c, __m128 d) {
    const __m256 front = _mm256_insertf128_ps(_mm256_castps128_ps256(a), b, 1);
    const __m256 back = _mm256_insertf128_ps(_mm256_castps128_ps256(c), d, 1);
    return __builtin_shufflevector(front, back, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
template <class I>
inline V16 eight_records(const float* table, const I* c) {  // of 2 floats, side by side
    const auto at = [&](int k) { return table + static_cast<std::int64_t>(c[k]) * 2; };
    const auto two = [&](int k) {
        const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at(k)));
        return _mm_loadh_pi(_mm_castsi128_ps(low), reinterpret_cast<const __m64*>(at(k + 1)));
    };
    return four_quarters(two(0), two(2), two(4), two(6));
}
template <class I>
inline void put_eight(float* table, const I* c, V16 records) {
    const auto at = [&](int k) {
        return reinterpret_cast<__m64*>(table + static_cast<std::int64_t>(c[k]) * 2);
    };
    const auto two = [&](int k, __m128 pair) {
        _mm_storel_pi(at(k), pair);
        _mm_storeh_pi(at(k + 1), pair);
    };
    two(0, __builtin_shufflevector(records, records, 0, 1, 2, 3));
    two(2, __builtin_shufflevector(records, records, 4, 5, 6, 7));
    two(4, __builtin_shufflevector(records, records, 8, 9, 10, 11));
    two(6, __builtin_shufflevector(records, records, 12, 13, 14, 15));
}
// Records k, k + 4, k + 8 and k + 12, of 4 floats.
template <class I>
inline V16 every_fourth(const float* table, const I* c, int k) {
    const auto one = [&](int i) { return _mm_loadu_ps(table + static_cast<std::int64_t>(c[i]) * 4); };
    return four_quarters(one(k), one(k + 4), one(k + 8), one(k + 12));
}
template <class I>
inline void put_every_fourth(float* table, const I* c, int k, V16 v) {
    const auto one = [&](int i, __m128 x) { _mm_storeu_ps(table + static_cast<std::int64_t>(c[i]) * 4, x); };
    one(k, __builtin_shufflevector(v, v, 0, 1, 2, 3));
    one(k + 4, __builtin_shufflevector(v, v, 4, 5, 6, 7));
    one(k + 8, __builtin_shufflevector(v, v, 8, 9, 10, 11));
    one(k + 12, __builtin_shufflevector(v, v, 12, 13, 14, 15));
}
// Of each four floats of a and of b: the first two, one of each in turn; the last two so; the first two of a,
// then of b; the last two so.
inline V16 low_turns(V16 a, V16 b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}
inline V16 high_turns(V16 a, V16 b) {
    return __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}
inline V16 low_pairs(V16 a, V16 b) {
    return __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
}
inline V16 high_pairs(V16 a, V16 b) {
    return __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
}

template <int R, class I>
inline void fetch(float* w, float* h, float* t, const float* table, const I* c) {
    if constexpr (R == 2) {
        const V16 a = eight_records(table, c), b = eight_records(table, c + 8);
        store(w, __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30));
        store(h, __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
    } else {
        const V16 a0 = every_fourth(table, c, 0), a1 = every_fourth(table, c, 1);
        const V16 a2 = every_fourth(table, c, 2), a3 = every_fourth(table, c, 3);
        const V16 front01 = low_turns(a0, a1), front23 = low_turns(a2, a3);
        store(w, low_pairs(front01, front23));
        store(h, high_pairs(front01, front23));
        store(t, low_pairs(high_turns(a0, a1), high_turns(a2, a3)));
    }
}
template <int R, class I>
inline void put(float* table, const I* c, const float* w_, const float* h_, float now) {
    const V16 w = load<V16>(w_), h = load<V16>(h_);
    if constexpr (R == 2) {
        put_eight(table, c,
                  __builtin_shufflevector(w, h, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
        put_eight(
            table, c + 8,
            __builtin_shufflevector(w, h, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
    } else {
        const V16 t = {now, 0, now, 0, now, 0, now, 0, now, 0, now, 0, now, 0, now, 0};
        const V16 front = low_turns(w, h), back = high_turns(w, h);
        put_every_fourth(table, c, 0, low_pairs(front, t));
        put_every_fourth(table, c, 1, high_pairs(front, t));
        put_every_fourth(table, c, 2, low_pairs(back, t));
        put_every_fourth(table, c, 3, high_pairs(back, t));
    }
}

inline void fill16(void* out, const void* x, std::int64_t left) {
    const auto some = static_cast<__mmask16>((1u << left) - 1);
    const __m512i last = _mm512_set1_epi32(static_cast<std::int32_t>(left - 1));
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i from = _mm512_mask_mov_epi32(last, some, lane);
    _mm512_storeu_si512(out, _mm512_maskz_permutexvar_epi32(static_cast<__mmask16>(-1), from,
                                                            _mm512_maskz_loadu_epi32(some, x)));
}
// The last entries of a row, and the last one again until they are 16.
template <class I>
inline void fill_end(RowEnd<I>* end, const I* c, const float* x, std::int64_t left) {
    fill16(end->x, x, left);
    if constexpr (sizeof(I) == 4) {
        fill16(end->c, c, left);
    } else {
        for (std::int64_t k = 0; k < 16; k++) end->c[k] = c[k < left ? k : left - 1];
    }
}

// A single lane's records between the table and registers, 8 at a time, with AVX2.
template <class I>
inline __m256 records_of_two(const float* table, const I* c, int k) {  // k, k + 1, k + 4 and k + 5
    const auto at = [&](int i) {
        return reinterpret_cast<const double*>(table + static_cast<std::int64_t>(c[i]) * 2);
    };
    const __m128d front = _mm_loadh_pd(_mm_load_sd(at(k)), at(k + 1));
    const __m128d back = _mm_loadh_pd(_mm_load_sd(at(k + 4)), at(k + 5));
    return _mm256_castpd_ps(_mm256_insertf128_pd(_mm256_castpd128_pd256(front), back, 1));
}
template <class I>
inline __m256 records_of_four(const float* table, const I* c, int k) {  // k and k + 4
    const auto one = [&](int i) { return _mm_loadu_ps(table + static_cast<std::int64_t>(c[i]) * 4); };
    return _mm256_insertf128_ps(_mm256_castps128_ps256(one(k)), one(k + 4), 1);
}
// Of each four floats of a and of b: the first two; the last two.
inline __m256 low_pairs(__m256 a, __m256 b) {
    return _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)));
}
inline __m256 high_pairs(__m256 a, __m256 b) {
    return _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)));
}

template <int R, class I>
inline void fetch(float* w, float* h, float* t, const float* table, const I* c) {
    if constexpr (R == 2) {
        const __m256 a = records_of_two(table, c, 0), b = records_of_two(table, c, 2);
        _mm256_storeu_ps(w, _mm256_shuffle_ps(a, b, 0x88));
        _mm256_storeu_ps(h, _mm256_shuffle_ps(a, b, 0xdd));
    } else {
        const __m256 a = records_of_four(table, c, 0), b = records_of_four(table, c, 1);
        const __m256 d = records_of_four(table, c, 2), e = records_of_four(table, c, 3);
        const __m256 front = _mm256_unpacklo_ps(a, b), back = _mm256_unpacklo_ps(d, e);
        _mm256_storeu_ps(w, low_pairs(front, back));
        _mm256_storeu_ps(h, high_pairs(front, back));
        _mm256_storeu_ps(t, low_pairs(_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(d, e)));
    }
}
template <int R, class I>
inline void put(float* table, const I* c, const float* w_, const float* h_, float now) {
    const __m256 w = _mm256_loadu_ps(w_), h = _mm256_loadu_ps(h_);
    const __m256 front = _mm256_unpacklo_ps(w, h), back = _mm256_unpackhi_ps(w, h);
    if constexpr (R == 2) {
        const auto two = [&](int k, __m128 pair) {
            const auto at = [&](int i) {
                return reinterpret_cast<double*>(table + static_cast<std::int64_t>(c[i]) * 2);
            };
            _mm_storel_pd(at(k), _mm_castps_pd(pair));
            _mm_storeh_pd(at(k + 1), _mm_castps_pd(pair));
        };
        two(0, _mm256_castps256_ps128(front));
        two(2, _mm256_castps256_ps128(back));
        two(4, _mm256_extractf128_ps(front, 1));
        two(6, _mm256_extractf128_ps(back, 1));
    } else {
        const auto two = [&](int k, __m256 records) {
            const auto at = [&](int i) { return table + static_cast<std::int64_t>(c[i]) * 4; };
            _mm_storeu_ps(at(k), _mm256_castps256_ps128(records));
            _mm_storeu_ps(at(k + 4), _mm256_extractf128_ps(records, 1));
        };
        const __m256 t = _mm256_setr_ps(now, 0, now, 0, now, 0, now, 0);
        two(0, low_pairs(front, t));
        two(1, high_pairs(front, t));
        two(2, low_pairs(back, t));
        two(3, high_pairs(back, t));
    }
}

// The last entries of a row, and the last one again until they are a batch.
inline void fill8(void* out, const void* x, __m256i some, std::int32_t last) {
    const __m256i there = _mm256_maskload_epi32(static_cast<const int*>(x), some);
    _mm256_storeu_si256(static_cast<__m256i*>(out), _mm256_blendv_epi8(_mm256_set1_epi32(last), there, some));
}
template <class I>
inline void fill_end(RowEnd<I>* end, const I* c, const float* x, std::int64_t left) {
    const __m256i some = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<std::int32_t>(left)),
                                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    fill8(end->x, x, some, __builtin_bit_cast(std::int32_t, x[left - 1]));
    if constexpr (sizeof(I) == 4) {
        fill8(end->c, c, some, c[left - 1]);
    } else {
        for (std::int64_t k = 0; k < 8; k++) end->c[k] = c[k < left ? k : left - 1];
    }
}

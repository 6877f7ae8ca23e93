// Bytes of text, 64 at a time: which of them are what, as the bits of a mask; and the places of a mask's
// bits.

#if defined(__AVX512F__) && defined(__AVX512BW__)
struct Bytes64 {
    __m512i v;
    explicit Bytes64(const char* p) : v(_mm512_loadu_si512(p)) {}
    std::uint64_t are(char c) const { return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(c)); }
    std::uint64_t no_digits() const {
        return _mm512_cmpgt_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8('0')), _mm512_set1_epi8(9));
    }
};
#elif defined(__AVX2__)
struct Bytes64 {
    __m256i v[2];
    explicit Bytes64(const char* p) {
        for (int i = 0; i < 2; i++) v[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * i));
    }
    static std::uint64_t bits(__m256i m) { return static_cast<std::uint32_t>(_mm256_movemask_epi8(m)); }
    std::uint64_t are(char c) const {
        const __m256i all = _mm256_set1_epi8(c);
        return bits(_mm256_cmpeq_epi8(v[0], all)) | bits(_mm256_cmpeq_epi8(v[1], all)) << 32;
    }
    std::uint64_t no_digits() const {
        std::uint64_t digits = 0;
        for (int i = 0; i < 2; i++) {
            const __m256i d = _mm256_sub_epi8(v[i], _mm256_set1_epi8('0'));
            digits |= bits(_mm256_cmpeq_epi8(_mm256_min_epu8(d, _mm256_set1_epi8(9)), d)) << 32 * i;
        }
        return ~digits;
    }
};
#elif defined(__SSE2__)
struct Bytes64 {
    __m128i v[4];
    explicit Bytes64(const char* p) {
        for (int i = 0; i < 4; i++) v[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * i));
    }
    static std::uint64_t bits(__m128i m) { return static_cast<std::uint32_t>(_mm_movemask_epi8(m)); }
    std::uint64_t are(char c) const {
        std::uint64_t mask = 0;
        for (int i = 0; i < 4; i++) mask |= bits(_mm_cmpeq_epi8(v[i], _mm_set1_epi8(c))) << 16 * i;
        return mask;
    }
    std::uint64_t no_digits() const {
        std::uint64_t digits = 0;
        for (int i = 0; i < 4; i++) {
            const __m128i d = _mm_sub_epi8(v[i], _mm_set1_epi8('0'));
            digits |= bits(_mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8(9)), d)) << 16 * i;
        }
        return ~digits;
    }
};
#else
struct Bytes64 {
    const char* p;
    explicit Bytes64(const char* from) : p(from) {}
    std::uint64_t are(char c) const {
        std::uint64_t mask = 0;
        for (int i = 0; i < 64; i++) mask |= static_cast<std::uint64_t>(p[i] == c) << i;
        return mask;
    }
    std::uint64_t no_digits() const {
        std::uint64_t mask = 0;
        for (int i = 0; i < 64; i++)
            mask |= static_cast<std::uint64_t>(static_cast<unsigned char>(p[i] - '0') > 9) << i;
        return mask;
    }
};
#endif

// The places of a mask's bits, counted from `first`; where the next go.
inline std::uint16_t* put_places(std::uint16_t* to, std::uint64_t mask, int first) {
#if defined(__AVX512F__) && defined(__AVX512BW__)
    __m512i place = _mm512_add_epi32(_mm512_set1_epi32(first),
                                     _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    for (int i = 0; i < 4; i++) {
        const auto some = static_cast<__mmask16>(mask >> 16 * i);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                            _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(some, place)));
        to += __builtin_popcount(some);
        place = _mm512_add_epi32(place, _mm512_set1_epi32(16));
    }
    return to;
#else
    // Eight at a time, without asking which is the last: what is too much is overwritten.
    std::uint16_t* const end = to + __builtin_popcountll(mask);
    for (; to < end; to += 8)
        for (int i = 0; i < 8; i++) {
            to[i] = static_cast<std::uint16_t>(first + __builtin_ctzll(mask | std::uint64_t{1} << 63));
            mask &= mask - 1;
        }
    return end;
#endif
}

inline std::int64_t marks(std::uint16_t* places, const char* p, std::int64_t blocks) {
    std::uint16_t* to = places;
    std::uint64_t behind_colon = 0;
    for (std::int64_t block = 0; block < blocks; block++) {
        const Bytes64 bytes(p + 64 * block);
        const std::uint64_t colons = bytes.are(':');
        behind_colon |= colons << 1;
        to = put_places(to, bytes.no_digits() & ~(bytes.are('-') & behind_colon),
                        static_cast<int>(64 * block));
        behind_colon = colons >> 63;
    }
    return to - places;
}

inline void count_bytes(std::int64_t* counts, const char* p, std::int64_t n, char a, char b) {
    std::int64_t of_a = 0, of_b = 0, i = 0;
    for (; i + 64 <= n; i += 64) {
        const Bytes64 bytes(p + i);
        of_a += __builtin_popcountll(bytes.are(a));
        of_b += __builtin_popcountll(bytes.are(b));
    }
    for (; i < n; i++) of_a += p[i] == a, of_b += p[i] == b;
    counts[0] = of_a, counts[1] = of_b;
}

template <class T>
void quotients(T* __restrict out, const std::int64_t* __restrict above, const double* __restrict below,
               std::int64_t n) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; i++) out[i] = static_cast<T>(static_cast<double>(above[i]) / below[i]);
}

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
// Eight entries at a time, one in each 64 bits: the 7 bytes before a mark and the mark itself are fetched,
// what stands before the token is cleared, the point is closed up, and the digits are added up by pairs.
inline int entries(std::int32_t* columns, std::int64_t* mantissas, double* divisors, int room, const char* p,
                   const char* base, const std::uint16_t* next, const std::uint16_t* known) {
    const auto all = [](long long x) { return _mm512_set1_epi64(x); };
    // The bits of a lane from the top on that hold n bytes.
    const auto top = [&](__m512i n) {
        return _mm512_sllv_epi64(all(-1), _mm512_sub_epi64(all(64), _mm512_slli_epi64(n, 3)));
    };
    // The byte that stands n bytes below the top one.
    const auto below_top = [&](__m512i x, __m512i n) {
        const __m512i shift = _mm512_sub_epi64(all(56), _mm512_slli_epi64(n, 3));
        return _mm512_and_si512(_mm512_srlv_epi64(x, shift), all(0xFF));
    };
    const auto fours = [](__m512i digits) {
        const __m512i pairs = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(0x010A));
        return _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00010064));
    };
    const __m512i third = _mm512_setr_epi64(0, 3, 6, 9, 12, 15, 18, 21);
    const __m512d above = _mm512_setr_pd(1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7);
    const __m512d below = _mm512_sub_pd(_mm512_setzero_pd(), above);
    const __m512i one = all(1);
    __m512i last_end = all(p - base - 1);
    int n = 0;
    for (; n + 8 <= room && next + 24 <= known; next += 24) {
        const __m512i places = _mm512_loadu_si512(next);
        const auto pick = [&](int k) {
            return _mm512_maskz_permutexvar_epi16(0x11111111u, _mm512_add_epi64(third, all(k)), places);
        };
        const __m512i colon = pick(0), point = pick(1), end = pick(2);
        const __m512i begin = _mm512_add_epi64(_mm512_alignr_epi64(end, last_end, 7), one);
        const __m512i column = _mm512_i64gather_epi64(colon, base - 7, 1);
        const __m512i number = _mm512_i64gather_epi64(end, base - 7, 1);
        const __m512i width = _mm512_sub_epi64(colon, begin);
        const __m512i length = _mm512_sub_epi64(_mm512_sub_epi64(end, colon), one);  // with sign and point
        const __mmask8 negative = _mm512_cmpeq_epi64_mask(below_top(number, length), all('-'));
        const __m512i behind = _mm512_sub_epi64(_mm512_sub_epi64(end, point), one);
        const __m512i digits = _mm512_mask_sub_epi64(_mm512_sub_epi64(length, one), negative,
                                                     _mm512_sub_epi64(length, one), one);
        const __m512i ends = _mm512_srli_epi64(number, 56);
        const __mmask8 lines = _mm512_cmpeq_epi64_mask(ends, all('\n'));
        const auto good = static_cast<unsigned>(
            _mm512_cmpeq_epi64_mask(_mm512_srli_epi64(column, 56), all(':')) &
            _mm512_cmple_epu64_mask(_mm512_sub_epi64(width, one), all(6)) &
            _mm512_cmple_epu64_mask(length, all(7)) & _mm512_cmpgt_epi64_mask(digits, behind) &
            _mm512_cmpgt_epi64_mask(behind, _mm512_setzero_si512()) &
            _mm512_cmpeq_epi64_mask(below_top(number, _mm512_add_epi64(behind, one)), all('.')) &
            (lines | _mm512_cmpeq_epi64_mask(ends, all(' '))));
        const __m512i fraction = top(behind), v = _mm512_slli_epi64(number, 8);
        const __m512i closed = _mm512_ternarylogic_epi64(fraction, v, _mm512_slli_epi64(number, 16), 0xCA);
        const __m512i nibbles = _mm512_set1_epi8(0x0F);
        const __m512i both = _mm512_madd_epi16(
            _mm512_packus_epi32(
                fours(_mm512_and_si512(_mm512_and_si512(_mm512_slli_epi64(column, 8), top(width)), nibbles)),
                fours(_mm512_and_si512(_mm512_and_si512(closed, top(digits)), nibbles))),
            _mm512_set1_epi32(0x00012710));
        const __m512i sorted = _mm512_permutexvar_epi32(
            _mm512_setr_epi32(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15), both);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(columns + n), _mm512_castsi512_si256(sorted));
        _mm512_storeu_si512(mantissas + n, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(sorted, 1)));
        const __m512i power = _mm512_mask_add_epi64(behind, negative, behind, all(8));
        _mm512_storeu_pd(divisors + n, _mm512_permutex2var_pd(above, power, below));
        // As many as are good, up to the first end of a line.
        int taken = __builtin_ctz(~good | 0x100u);
        const unsigned ended = lines & ((1u << taken) - 1);
        if (ended) taken = __builtin_ctz(ended) + 1;
        n += taken;
        if (ended || taken < 8) break;
        last_end = end;
    }
    return n;
}
constexpr auto entries_kernel = entries;
#else
constexpr std::nullptr_t entries_kernel = nullptr;
#endif

constexpr TextKernels text_kernels() {
    return {marks, entries_kernel, count_bytes, quotients<float>, quotients<double>};
}

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

constexpr TextKernels text_kernels() { return {marks, count_bytes, quotients<float>, quotients<double>}; }

// Normal numbers by Box and Muller: the radius from one Philox word, the angle from the next. Logarithm, sine
// and cosine are polynomials of our own, and no product is fused with a sum, so that every instruction set
// gives the same bits.
#if defined(__AVX512F__)
inline constexpr int philox_draws = 16, philox_vectors = 2;
typedef __m512i PhiloxVector;
inline PhiloxVector philox_all(std::uint64_t x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
inline PhiloxVector philox_product(PhiloxVector a, PhiloxVector b) { return _mm512_mul_epu32(a, b); }
inline PhiloxVector philox_high(PhiloxVector a) { return _mm512_srli_epi64(a, 32); }
inline PhiloxVector philox_up(PhiloxVector a) { return _mm512_slli_epi64(a, 32); }
#elif defined(__AVX2__)
inline constexpr int philox_draws = 8, philox_vectors = 2;
typedef __m256i PhiloxVector;
inline PhiloxVector philox_all(std::uint64_t x) { return _mm256_set1_epi64x(static_cast<long long>(x)); }
inline PhiloxVector philox_product(PhiloxVector a, PhiloxVector b) { return _mm256_mul_epu32(a, b); }
inline PhiloxVector philox_high(PhiloxVector a) { return _mm256_srli_epi64(a, 32); }
inline PhiloxVector philox_up(PhiloxVector a) { return _mm256_slli_epi64(a, 32); }
#else
inline constexpr int philox_draws = 4, philox_vectors = 2;
typedef std::uint64_t PhiloxVector __attribute__((vector_size(16)));
inline PhiloxVector philox_all(std::uint64_t x) { return PhiloxVector{x, x}; }
#ifdef __SSE2__
inline PhiloxVector philox_product(PhiloxVector a, PhiloxVector b) {
    return (PhiloxVector)_mm_mul_epu32((__m128i)a, (__m128i)b);
}
#else
inline PhiloxVector philox_product(PhiloxVector a, PhiloxVector b) {
    return (a & 0xffffffffu) * (b & 0xffffffffu);
}
#endif
inline PhiloxVector philox_high(PhiloxVector a) { return a >> 32; }
inline PhiloxVector philox_up(PhiloxVector a) { return a << 32; }
#endif

// Words 0 and 2 of `philox_draws` draws from `number` on, side by side, and words 1 and 3.
inline void philox_words(std::uint32_t* even, std::uint32_t* odd, std::uint64_t key, std::uint32_t number,
                         std::uint64_t seed, std::uint32_t stream) {
    typedef std::uint64_t Lanes __attribute__((vector_size(sizeof(PhiloxVector)), may_alias));
    constexpr int lanes = sizeof(PhiloxVector) / 8;
    // Products see the lower halves only; what the upper ones hold does not matter until the end.
    PhiloxVector c[philox_vectors][4];
#pragma GCC unroll 2
    for (int v = 0; v < philox_vectors; v++) {
        Lanes draw;
#pragma GCC unroll 8
        for (int i = 0; i < lanes; i++)
            draw[i] = std::uint32_t(number + static_cast<std::uint32_t>(v * lanes + i));
        c[v][0] = philox_all(key), c[v][1] = philox_all(key >> 32), c[v][2] = philox_all(stream);
        c[v][3] = (PhiloxVector)draw;
    }
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    const PhiloxVector first = philox_all(0xD2511F53u), second = philox_all(0xCD9E8D57u);
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
#pragma GCC unroll 2
        for (int v = 0; v < philox_vectors; v++) {
            const PhiloxVector a = philox_product(c[v][0], first), b = philox_product(c[v][2], second);
            c[v][0] = (PhiloxVector)((Lanes)philox_high(b) ^ (Lanes)c[v][1] ^ (Lanes)philox_all(k0)),
            c[v][1] = b;
            c[v][2] = (PhiloxVector)((Lanes)philox_high(a) ^ (Lanes)c[v][3] ^ (Lanes)philox_all(k1)),
            c[v][3] = a;
        }
    const Lanes low = (Lanes)philox_all(0xffffffffu);
#pragma GCC unroll 2
    for (int v = 0; v < philox_vectors; v++) {
        *reinterpret_cast<Lanes*>(even + v * 2 * lanes) = ((Lanes)c[v][0] & low) | (Lanes)philox_up(c[v][2]);
        *reinterpret_cast<Lanes*>(odd + v * 2 * lanes) = ((Lanes)c[v][1] & low) | (Lanes)philox_up(c[v][3]);
    }
}

template <class T>
struct GaussianNumber;
template <>
struct GaussianNumber<float> {
    typedef std::int32_t Int;
    static constexpr int mantissa = 23;
    static constexpr Int root_half = 0x3f3504f3;
    // 2 / (2 k + 1); (-1)^k / (2 k + 1)!; (-1)^k / (2 k)!
    static constexpr float logs[] = {2.0f, 2.0f / 3, 2.0f / 5, 2.0f / 7, 2.0f / 9};
    static constexpr float sines[] = {1.0f, -1.0f / 6, 1.0f / 120, -1.0f / 5040, 1.0f / 362880};
    static constexpr float cosines[] = {1.0f, -0.5f, 1.0f / 24, -1.0f / 720, 1.0f / 40320, -1.0f / 3628800};
};
template <>
struct GaussianNumber<double> {
    typedef std::int64_t Int;
    static constexpr int mantissa = 52;
    static constexpr Int root_half = 0x3fe6a09e667f3bcd;
    static constexpr double logs[] = {2.0,      2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9, 2.0 / 11,
                                      2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};
    static constexpr double sines[] = {
        1.0,           -1.0 / 6,        1.0 / 120,          -1.0 / 5040,
        1.0 / 362880., -1.0 / 39916800, 1.0 / 6227020800.0, -1.0 / 1307674368000.0};
    static constexpr double cosines[] = {1.0,
                                         -0.5,
                                         1.0 / 24,
                                         -1.0 / 720,
                                         1.0 / 40320,
                                         -1.0 / 3628800,
                                         1.0 / 479001600.0,
                                         -1.0 / 87178291200.0,
                                         1.0 / 20922789888000.0};
};

template <class T>
struct Gaussian {
    using N = GaussianNumber<T>;
    using Int = typename N::Int;
    static constexpr int wide =
        philox_draws * 2 * 4 / static_cast<int>(sizeof(T)) / 2;  // half of the draws' pairs
    typedef T V __attribute__((vector_size(wide * sizeof(T))));
    typedef T Loose __attribute__((vector_size(wide * sizeof(T)), aligned(sizeof(T)), may_alias));
    typedef Int I __attribute__((vector_size(wide * sizeof(T))));
    typedef std::uint32_t W __attribute__((vector_size(wide * 4)));
    typedef std::uint32_t LooseWords __attribute__((vector_size(wide * 4), aligned(4), may_alias));
    typedef std::int32_t S __attribute__((vector_size(wide * 4)));

    // A product that no sum may be fused with.
    static V product(V a, V b) {
        V p = a * b;
#if defined(__x86_64__)
        __asm__("" : "+x"(p));
#elif defined(__aarch64__)
        __asm__("" : "+w"(p));
#else
        __asm__("" : "+m"(p));
#endif
        return p;
    }
    static V all(T x) { return x - V{}; }
    template <int terms>
    static V polynomial(const T (&c)[terms], V x) {
        V sum = all(c[terms - 1]);
#pragma GCC unroll 16
        for (int k = terms - 2; k >= 0; k--) sum = product(sum, x) + c[k];
        return sum;
    }
    static V root(V x) {
        V out;
#pragma GCC unroll 16
        for (int i = 0; i < wide; i++)
            if constexpr (sizeof(T) == 4)
                out[i] = __builtin_sqrtf(x[i]);
            else
                out[i] = __builtin_sqrt(x[i]);
        return out;
    }

    // sqrt(-2 log u), u = (word / 4 + 1/2) / 2^30 (whole division), so neither 0 nor, but by rounding, 1.
    static V radius(W word) {
        const V u = __builtin_convertvector((S)(word >> 1 | 1u), V) * T(0x1p-31);
        const I bits = (I)u;
        const I k = (bits - N::root_half) >> N::mantissa;  // u = 2^k m, m between the roots of 1/2 and 2
        const V m = (V)(bits - (k << N::mantissa)), s = (m - T(1)) / (m + T(1));
        const V log =
            product(s, polynomial(N::logs, product(s, s))) +
            product(__builtin_convertvector(__builtin_convertvector(k, S), V), all(T(0x1.62e42fefa39efp-1)));
        return root(log * T(-2));
    }
    // Two numbers of radius r at an angle of word / 2^32 turns.
    static void turn(V r, W word, V& one, V& two) {
        const W ahead = word + 0x20000000u, quarter = ahead >> 30;
        const S rest = (S)(ahead & 0x3fffffffu) - 0x20000000;
        const V y = __builtin_convertvector(rest, V) * T(0x1.921fb54442d18p+2 * 0x1p-32), y2 = product(y, y);
        const V sine = product(y, polynomial(N::sines, y2)), cosine = polynomial(N::cosines, y2);
        const I q = __builtin_convertvector(quarter, I);
        const I swapped = -(q & 1);
        const I a = ((I)cosine & ~swapped) | ((I)sine & swapped),
                b = ((I)sine & ~swapped) | ((I)cosine & swapped);
        constexpr int top = 8 * sizeof(T) - 2;
        one = product(r, (V)(a ^ ((q + 1) & 2) << top));
        two = product(r, (V)(b ^ (q & 2) << top));
    }
    // `2 wide` numbers from `wide` pairs of words.
    static void pairs(T* out, const std::uint32_t* even, const std::uint32_t* odd, T scale) {
        V one, two;
        turn(radius((W) * reinterpret_cast<const LooseWords*>(even)),
             (W) * reinterpret_cast<const LooseWords*>(odd), one, two);
        one *= scale, two *= scale;
        V low, high;
        if constexpr (wide == 2) {
            low = __builtin_shufflevector(one, two, 0, 2), high = __builtin_shufflevector(one, two, 1, 3);
        } else if constexpr (wide == 4) {
            low = __builtin_shufflevector(one, two, 0, 4, 1, 5),
            high = __builtin_shufflevector(one, two, 2, 6, 3, 7);
        } else if constexpr (wide == 8) {
            low = __builtin_shufflevector(one, two, 0, 8, 1, 9, 2, 10, 3, 11);
            high = __builtin_shufflevector(one, two, 4, 12, 5, 13, 6, 14, 7, 15);
        } else {
            low = __builtin_shufflevector(one, two, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            high = __builtin_shufflevector(one, two, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                           31);
        }
        *reinterpret_cast<Loose*>(out) = low, *reinterpret_cast<Loose*>(out + wide) = high;
    }
    static void normals(T* out, std::int64_t first, std::int64_t count, std::int64_t key, std::uint64_t seed,
                        std::uint32_t stream, T scale) {
        constexpr int numbers = philox_draws * 4;
        alignas(64) std::uint32_t even[philox_draws * 2], odd[philox_draws * 2];
        alignas(64) T room[numbers];
        for (std::int64_t i = 0; i < count; i += numbers) {
            philox_words(even, odd, static_cast<std::uint64_t>(key),
                         static_cast<std::uint32_t>((first + i) / 4), seed, stream);
            T* to = count - i >= numbers ? out + i : room;
            for (int j = 0; j < philox_draws * 2; j += wide) pairs(to + 2 * j, even + j, odd + j, scale);
            if (to == room)
                for (std::int64_t j = 0; j < count - i; j++) out[i + j] = room[j];
        }
    }
};

template <class T>
constexpr GaussianKernels<T> gaussian_kernels() {
    return {Gaussian<T>::normals};
}

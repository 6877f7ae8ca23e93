// cos(x + offset) over rows of numbers, in float32 or float64 throughout.
template <class T>
struct Circle;  // pi / 2 in three parts; the products of the first two with whole numbers up to `most` are
                // exact
template <>
struct Circle<float> {
    using Bits = std::int32_t;
    using Word = std::uint32_t;
    static constexpr float magic = 0x1.8p23f, over_pi = 0x1.45f306p-2f, limit = 12000.0f;
    static constexpr float first = 0x1.92p+0f, second = 0x1.fb4p-12f, third = 0x1.4442d2p-24f;
    static constexpr int sign_place = 31;
    // (sin r / r - 1) / r^2, by powers of r^2; |r| <= pi / 2
    static inline float tail(float t) {
        const float t2 = t * t;
        return (-0x1.555554p-3f + t * 0x1.11104ep-7f) + t2 * (-0x1.9fb686p-13f + t * 0x1.61a18ap-19f);
    }
};
template <>
struct Circle<double> {
    using Bits = std::int64_t;
    using Word = std::uint64_t;
    static constexpr double magic = 0x1.8p52, over_pi = 0x1.45f306dc9c883p-2, limit = 1.6e6;
    static constexpr double first = 0x1.921fb544p+0, second = 0x1.0b4611a6p-34, third = 0x1.3198a2e037073p-69;
    static constexpr int sign_place = 63;
    static inline double tail(double t) {
        const double t2 = t * t, t4 = t2 * t2;
        const double c0 = -0x1.5555555555555p-3 + t * 0x1.1111111111107p-7;
        const double c2 = -0x1.a01a01a018aadp-13 + t * 0x1.71de3a5456716p-19;
        const double c4 = -0x1.ae6455a1d7062p-26 + t * 0x1.6124015b5e21fp-33;
        const double c6 = -0x1.ae5138c0e3949p-41 + t * 0x1.89a486679c979p-49;
        return (c0 + t2 * c2) + t4 * (c4 + t2 * c6);
    }
};

// x = (k + 1/2) pi + r, so that cos x = -(-1)^k sin r, exact about the zeros; |x| <= limit.
template <class T>
inline T cosine_one(T x) {
    using C = Circle<T>;
    using Bits = typename C::Bits;
    using Word = typename Circle<T>::Word;
    const T shifted = (x * C::over_pi - T(0.5)) + C::magic;  // k stands in the low bits
    const T odd = T(2) * (shifted - C::magic) + T(1);
    const T r = ((x - odd * C::first) - odd * C::second) - odd * C::third;
    const T t = r * r;
    const T sine = r + r * (t * C::tail(t));
    const Word sign = ~static_cast<Word>(__builtin_bit_cast(Bits, shifted)) << C::sign_place;
    return __builtin_bit_cast(T, static_cast<Word>(__builtin_bit_cast(Bits, sine)) ^ sign);
}

// Angles beyond the limit, one by one, where there are any: float32 ones in float64, larger ones by the
// library.
template <class T>
[[gnu::noinline]] inline T cosine_far(T x) {
    const double wide = static_cast<double>(x);
    if (__builtin_fabs(wide) <= Circle<double>::limit) return static_cast<T>(cosine_one(wide));
    return static_cast<T>(__builtin_cos(wide));
}
template <class T>
inline bool near_one(T x) {
    return x <= Circle<T>::limit && x >= -Circle<T>::limit;
}

template <class T>
void cosine(T* out, const T* x, const T* __restrict offset, T scale, std::int64_t n) {
    constexpr std::int64_t few = 128;
    T angle[few];
    for (std::int64_t begin = 0; begin < n; begin += few) {
        const std::int64_t size = n - begin < few ? n - begin : few;
        const T *from = x + begin, *add = offset + begin;
        T* to = out + begin;
        typename Circle<T>::Bits far = 0;
#pragma omp simd reduction(| : far)
        for (std::int64_t i = 0; i < size; i++) {
            const T a = from[i] + add[i];
            angle[i] = a;
            far |= near_one(a) ? 0 : 1;
            to[i] = scale * cosine_one(a);
        }
        for (std::int64_t i = 0; far && i < size; i++)
            if (!near_one(angle[i])) to[i] = scale * cosine_far(angle[i]);
    }
}

// One cache line or two of each row.
template <class T, std::int64_t n>
void cosine_strip(T* __restrict out, std::int64_t apart, const T* __restrict x, const T* offset, T scale,
                  std::int64_t rows) {
    T add[n];
    __builtin_memcpy(add, offset, sizeof add);
    typename Circle<T>::Bits far[n] = {};
    for (std::int64_t i = 0; i < rows; i++) {
#pragma omp simd
        for (std::int64_t j = 0; j < n; j++) {
            const T a = x[i * n + j] + add[j];
            far[j] |= near_one(a) ? 0 : 1;
            out[i * apart + j] = scale * cosine_one(a);
        }
    }
    typename Circle<T>::Bits any = 0;
    for (std::int64_t j = 0; j < n; j++) any |= far[j];
    for (std::int64_t i = 0; any && i < rows; i++)
        for (std::int64_t j = 0; j < n; j++)
            if (const T a = x[i * n + j] + add[j]; !near_one(a)) out[i * apart + j] = scale * cosine_far(a);
}

template <class T>
void cosine_tile(T* out, std::int64_t apart, const T* x, std::int64_t wide, const T* offset, T scale,
                 std::int64_t rows, std::int64_t n) {
    constexpr std::int64_t line = 64 / static_cast<std::int64_t>(sizeof(T));
    if (n == wide && n == line) return cosine_strip<T, line>(out, apart, x, offset, scale, rows);
    if (n == wide && n == 2 * line) return cosine_strip<T, 2 * line>(out, apart, x, offset, scale, rows);
    for (std::int64_t i = 0; i < rows; i++) cosine(out + i * apart, x + i * wide, offset, scale, n);
}

template <class T>
constexpr CosineKernels<T> cosine_kernels() {
    return {cosine<T>, cosine_tile<T>, log_n};
}

// exp and log1p over short arrays: polynomials of our own, so that a row's lanes are one vector call and
// every maker's mathematical library gives the same model.
inline double exp_one(double x) {
    constexpr double magic = 0x1.8p52;  // adding it rounds to an integer that stands in the low bits
    const double v = x < -708.0 ? -708.0 : x > 709.0 ? 709.0 : x;
    const double shifted = v * 0x1.71547652b82fep0 + magic;
    const double k = shifted - magic;
    const double r = (v - k * 0x1.62e42fefa0000p-1) - k * 0x1.cf79abc9e3b3ap-40;  // k ln 2 in two parts
    // Taylor to r^13, |r| <= ln 2 / 2, in Estrin's order: a row waits for this, so short chains matter.
    const double r2 = r * r, r4 = r2 * r2;
    const double c2 = 0.5 + r * (1.0 / 6), c4 = 1.0 / 24 + r * (1.0 / 120), c6 = 1.0 / 720 + r * (1.0 / 5040);
    const double c8 = 1.0 / 40320 + r * (1.0 / 362880), c10 = 1.0 / 3628800 + r * (1.0 / 39916800);
    const double c12 = 1.0 / 479001600 + r * (1.0 / 6227020800.0);
    const double high = (c6 + r2 * c8) + r4 * (c10 + r2 * c12);
    const double p = 1.0 + (r + r2 * ((c2 + r2 * c4) + r4 * high));
    const std::int64_t bits = __builtin_bit_cast(std::int64_t, shifted) << 52;  // k into the exponent's place
    return __builtin_bit_cast(double, __builtin_bit_cast(std::int64_t, p) + bits);
}
inline void exp_n(double* __restrict out, const double* __restrict x, std::int64_t n) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; i++) out[i] = exp_one(x[i]);
}

inline double twice_atanh(double s) {  // |s| <= 1/3
    const double t = s * s, t2 = t * t, t4 = t2 * t2, t8 = t4 * t4;
    const double a = (1.0 / 3 + t * (1.0 / 5)) + t2 * (1.0 / 7 + t * (1.0 / 9));
    const double b = (1.0 / 11 + t * (1.0 / 13)) + t2 * (1.0 / 15 + t * (1.0 / 17));
    const double c = (1.0 / 19 + t * (1.0 / 21)) + t2 * (1.0 / 23 + t * (1.0 / 25));
    const double d = (1.0 / 27 + t * (1.0 / 29)) + t2 * (1.0 / 31 + t * (1.0 / 33));
    const double p = (a + t4 * b) + t8 * (c + t4 * d);
    return 2.0 * s + 2.0 * s * (t * p);
}
inline double log1p_one(double x) { return twice_atanh(x / (2.0 + x)); }
inline void log1p_n(double* __restrict out, const double* __restrict x, std::int64_t n) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; i++) out[i] = log1p_one(x[i]);
}
inline void log_n(double* __restrict out, const double* __restrict x, std::int64_t n) {
    constexpr double magic = 0x1.8p52;
#pragma omp simd
    for (std::int64_t i = 0; i < n; i++) {
        const std::int64_t bits = __builtin_bit_cast(std::int64_t, x[i]);
        // x = 2^k m with m in [sqrt(1/2), sqrt(2)); k + 1024 above the bits of m
        const std::uint64_t high =
            (static_cast<std::uint64_t>(bits) + (0x4000000000000000u - 0x3fe6a09e667f3bcdu)) >> 52;
        const std::int64_t k = static_cast<std::int64_t>(high) - 1024;
        const double m = __builtin_bit_cast(double, bits - (k << 52));
        const double exponent =
            __builtin_bit_cast(double, __builtin_bit_cast(std::int64_t, magic) + k) - magic;
        out[i] = exponent * 0x1.62e42fefa0000p-1 +
                 (twice_atanh((m - 1.0) / (m + 1.0)) + exponent * 0x1.cf79abc9e3b3ap-40);
    }
}

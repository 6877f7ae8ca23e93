// exp and log1p over short arrays: polynomials of our own, so that a row's lanes are one vector call and
// every maker's mathematical library gives the same model.
inline void exp_n(double* __restrict out, const double* __restrict x, std::int64_t n) {
    constexpr double magic = 0x1.8p52;  // adding it rounds to an integer that stands in the low bits
#pragma omp simd
    for (std::int64_t i = 0; i < n; i++) {
        const double v = x[i] < -708.0 ? -708.0 : x[i] > 709.0 ? 709.0 : x[i];
        const double shifted = v * 0x1.71547652b82fep0 + magic;
        const double k = shifted - magic;
        const double r = (v - k * 0x1.62e42fefa0000p-1) - k * 0x1.cf79abc9e3b3ap-40;  // k ln 2 in two parts
        double p = 1.0 / 6227020800.0;  // Taylor to r^13: |r| <= ln 2 / 2
        p = p * r + 1.0 / 479001600.0;
        p = p * r + 1.0 / 39916800.0;
        p = p * r + 1.0 / 3628800.0;
        p = p * r + 1.0 / 362880.0;
        p = p * r + 1.0 / 40320.0;
        p = p * r + 1.0 / 5040.0;
        p = p * r + 1.0 / 720.0;
        p = p * r + 1.0 / 120.0;
        p = p * r + 1.0 / 24.0;
        p = p * r + 1.0 / 6.0;
        p = p * r + 0.5;
        p = p * (r * r) + r + 1.0;
        const std::int64_t bits = __builtin_bit_cast(std::int64_t, shifted)
                                  << 52;  // k into the exponent's place
        out[i] = __builtin_bit_cast(double, __builtin_bit_cast(std::int64_t, p) + bits);
    }
}

inline void log1p_n(double* __restrict out, const double* __restrict x, std::int64_t n) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; i++) {
        const double s = x[i] / (2.0 + x[i]), t = s * s;  // log1p(x) = 2 atanh(s), s <= 1/3
        double p = 1.0 / 33;
        p = p * t + 1.0 / 31;
        p = p * t + 1.0 / 29;
        p = p * t + 1.0 / 27;
        p = p * t + 1.0 / 25;
        p = p * t + 1.0 / 23;
        p = p * t + 1.0 / 21;
        p = p * t + 1.0 / 19;
        p = p * t + 1.0 / 17;
        p = p * t + 1.0 / 15;
        p = p * t + 1.0 / 13;
        p = p * t + 1.0 / 11;
        p = p * t + 1.0 / 9;
        p = p * t + 1.0 / 7;
        p = p * t + 1.0 / 5;
        p = p * t + 1.0 / 3;
        out[i] = 2.0 * s + 2.0 * s * (t * p);
    }
}

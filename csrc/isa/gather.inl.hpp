// The sums of 32 columns stay in registers while the rows go by.
typedef double Eight __attribute__((vector_size(64), aligned(8), may_alias));
inline void gather32(double* __restrict out, const double* __restrict x, const std::int32_t* __restrict rows,
                     std::int64_t count) {
    static constexpr double signs[2] = {1.0, -1.0};  // a branch would be mispredicted half of the time
    Eight* to = reinterpret_cast<Eight*>(out);
    Eight a = to[0], b = to[1], c = to[2], d = to[3];
    for (std::int64_t k = 0; k < count; k++) {
        const Eight* row = reinterpret_cast<const Eight*>(x + (rows[k] >> 1) * std::int64_t{32});
        const double sign = signs[rows[k] & 1];
        a += sign * row[0], b += sign * row[1], c += sign * row[2], d += sign * row[3];
    }
    to[0] = a, to[1] = b, to[2] = c, to[3] = d;
}

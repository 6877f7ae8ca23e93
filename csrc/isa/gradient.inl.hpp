// Gradients over dense rows. Tiles are of group_cols by tile_vectors vectors, as a Gram's, but read the rows
// where they lie: a few loads from different rows cost less than packing them again.
// Four rows at a time, so that an addition need not wait for the one before it; as many columns as a vector
// has doubles, where a compiler would take as many as it has numbers of the rows.
template <bool squared, class T>
void scores_of_rows(double* __restrict out, double* __restrict squares, const T* __restrict x,
                    std::int64_t stride, const double* __restrict shift, const double* __restrict w,
                    std::int64_t rows, std::int64_t cols) {
    using V = typename Vector<double>::type;
    using Loose = typename Vector<double>::loose;
    using Few = typename Narrow<T>::type;
    constexpr std::int64_t n = lanes<double>;
    std::int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        const T* r[4] = {x + i * stride, x + (i + 1) * stride, x + (i + 2) * stride, x + (i + 3) * stride};
        V sum[4] = {}, square[4] = {};
        std::int64_t j = 0;
        for (; j + n <= cols; j += n) {
            const V s = *reinterpret_cast<const Loose*>(shift + j),
                    own = *reinterpret_cast<const Loose*>(w + j);
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++) {
                const V at = __builtin_convertvector(*reinterpret_cast<const Few*>(r[k] + j), V) - s;
                sum[k] += at * own;
                if constexpr (squared) square[k] += at * at;
            }
        }
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            double total = 0, size = 0;
            for (std::int64_t l = 0; l < n; l++) total += sum[k][l], size += square[k][l];
            for (std::int64_t c = j; c < cols; c++) {
                const double at = static_cast<double>(r[k][c]) - shift[c];
                total += at * w[c];
                if constexpr (squared) size += at * at;
            }
            out[i + k] = total;
            if constexpr (squared) squares[i + k] = size;
        }
    }
    for (; i < rows; i++) {
        const T* row = x + i * stride;
        out[i] = shifted_dot(row, shift, w, cols);
        if constexpr (!squared) continue;
        double size = 0;
        for (std::int64_t j = 0; j < cols; j++) {
            const double at = static_cast<double>(row[j]) - shift[j];
            size += at * at;
        }
        squares[i] = size;
    }
}

template <class T>
void gradient_scores(double* out, double* squares, const T* x, std::int64_t stride, const double* shift,
                     const double* w, std::int64_t rows, std::int64_t cols) {
    (squares ? scores_of_rows<true, T> : scores_of_rows<false, T>)(out, squares, x, stride, shift, w, rows,
                                                                   cols);
}

template <class T>
void gradient_sum(double* __restrict out, const double* __restrict g, const T* __restrict x,
                  std::int64_t stride, const double* __restrict shift, std::int64_t rows, std::int64_t cols) {
    using V = typename Vector<double>::type;
    using Loose = typename Vector<double>::loose;
    using Few = typename Narrow<T>::type;
    constexpr std::int64_t n = lanes<double>;
    std::int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        const T* r[4] = {x + i * stride, x + (i + 1) * stride, x + (i + 2) * stride, x + (i + 3) * stride};
        const double a = g[i], b = g[i + 1], c = g[i + 2], e = g[i + 3];
        std::int64_t j = 0;
        auto at = [&](int k) { return __builtin_convertvector(*reinterpret_cast<const Few*>(r[k] + j), V); };
        for (; j + n <= cols; j += n) {
            const V s = *reinterpret_cast<const Loose*>(shift + j);
            *reinterpret_cast<Loose*>(out + j) +=
                (a * (at(0) - s) + b * (at(1) - s)) + (c * (at(2) - s) + e * (at(3) - s));
        }
        for (; j < cols; j++) {
            const double s = shift[j];
            out[j] += (a * (static_cast<double>(r[0][j]) - s) + b * (static_cast<double>(r[1][j]) - s)) +
                      (c * (static_cast<double>(r[2][j]) - s) + e * (static_cast<double>(r[3][j]) - s));
        }
    }
    for (; i < rows; i++) shifted_axpy(out, g[i], x + i * stride, shift, cols);
}

template <class T, class X>
void gradient_centre(T* __restrict out, std::int64_t pitch, const X* __restrict x, std::int64_t stride,
                     const double* __restrict shift, std::int64_t rows, std::int64_t cols) {
    for (std::int64_t i = 0; i < rows; i++, out += pitch, x += stride) {
#pragma omp simd
        for (std::int64_t j = 0; j < cols; j++) out[j] = static_cast<T>(static_cast<double>(x[j]) - shift[j]);
        for (std::int64_t j = cols; j < pitch; j++) out[j] = T(0);
    }
    const std::int64_t beyond = (rows + group_cols - 1) / group_cols * group_cols - rows;
    for (std::int64_t j = 0; j < beyond * pitch; j++) out[j] = T(0);
}

// One tile; step: between the numbers of a row of the tile, across: whether rows of the tile are columns.
template <class T, bool across>
[[gnu::noinline]] void gradient_tile(T* __restrict c, const T* __restrict a, std::int64_t pitch,
                                     const T* __restrict b, std::int64_t n, bool more) {
    using V = typename Vector<T>::type;
    constexpr std::int64_t wide = strip_cols<T>;
    V sum[group_cols][tile_vectors] = {};
    for (std::int64_t k = 0; k < n; k++, b += wide, a += across ? pitch : 1) {
        V right[tile_vectors];
#pragma GCC unroll 4
        for (int v = 0; v < tile_vectors; v++) right[v] = *reinterpret_cast<const V*>(b + v * lanes<T>);
#pragma GCC unroll 16
        for (int i = 0; i < group_cols; i++)
#pragma GCC unroll 4
            for (int v = 0; v < tile_vectors; v++) {
                sum[i][v] += a[across ? i : i * pitch] * right[v];
                hold(sum[i][v]);
            }
    }
#pragma GCC unroll 16
    for (int i = 0; i < group_cols; i++)
#pragma GCC unroll 4
        for (int v = 0; v < tile_vectors; v++) {
            V& to = *reinterpret_cast<V*>(c + i * wide + v * lanes<T>);
            to = more ? to + sum[i][v] : sum[i][v];
        }
}

template <class T, bool across>
void gradient_product(T* c, const T* a, std::int64_t pitch, std::int64_t m, const T* b, std::int64_t n,
                      bool more) {
    for (std::int64_t i = 0; i < m; i += group_cols)
        gradient_tile<T, across>(c + i * strip_cols<T>, a + (across ? i : i * pitch), pitch, b, n, more);
}

// log x, x >= 1 and finite: x = 2^e m, m in [1, 2).
inline double log_one(double x) {
    const std::int64_t bits = __builtin_bit_cast(std::int64_t, x), e = (bits >> 52) - 1023;
    const double m = __builtin_bit_cast(double, (bits & 0xfffffffffffff) | (std::int64_t{1023} << 52)) - 1.0;
    return log1p_one(m) + static_cast<double>(e) * 0x1.62e42fefa39efp-1;
}

// With margin m = score or -score and e = exp(-|m|): the loss is log1p(e) + max(-m, 0), the slope's size 1 /
// (1 + exp(m)); no overflow either way (model/loss.hpp).
template <bool weighted>
inline void logistic_rows(double* __restrict scores, const double* __restrict y,
                          const double* __restrict weight, double base, std::int64_t rows,
                          double* __restrict sums) {
    double value = 0, level = 0, curvature = 0;
#pragma omp simd reduction(+ : value, level, curvature)
    for (std::int64_t i = 0; i < rows; i++) {
        const double w = weighted ? weight[i] : 1.0;
        const double label = 2.0 * y[i] - 1.0, m = label * (scores[i] + base);
        const double e = exp_one(m < 0 ? m : -m), per = 1.0 / (1.0 + e);
        const double p = m > 0 ? e * per : per, g = -w * label * p;
        value += w * (log1p_one(e) + (m < 0 ? -m : 0.0));
        level += g;
        curvature += w * p * (1.0 - p);
        scores[i] = g;
    }
    sums[0] += value, sums[1] += level, sums[2] += curvature;
}

inline void gradient_logistic(double* scores, const double* y, const double* weight, double base,
                              std::int64_t rows, double* sums) {
    (weight ? logistic_rows<true> : logistic_rows<false>)(scores, y, weight, base, rows, sums);
}

// With E_a(s) = exp(a s) / a, and E_0(s) = s: E_a(s) - y E_b(s), where a = 2 - power and b = 1 - power.
inline void gradient_deviance(double* __restrict scores, const double* __restrict y,
                              const double* __restrict weight, double base, double power, std::int64_t rows,
                              double* __restrict sums) {
    const double a = 2.0 - power, b = 1.0 - power;
    const double over_a = a == 0 ? 0.0 : 1.0 / a, over_b = b == 0 ? 0.0 : 1.0 / b;
    const double flat_a = a == 0 ? 1.0 : 0.0, flat_b = b == 0 ? 1.0 : 0.0;
    double value = 0, level = 0, curvature = 0;
#pragma omp simd reduction(+ : value, level, curvature)
    for (std::int64_t i = 0; i < rows; i++) {
        const double w = weight ? weight[i] : 1.0, s = scores[i] + base;
        const double up = exp_one(a * s), down = y[i] * exp_one(b * s), g = w * (up - down);
        value += w * (up * over_a - down * over_b + s * (flat_a - y[i] * flat_b));
        level += g;
        curvature += w * (a * up - b * down);
        scores[i] = g;
    }
    sums[0] += value, sums[1] += level, sums[2] += curvature;
}

inline void gradient_squared(double* __restrict scores, const double* __restrict y,
                             const double* __restrict weight, double base, std::int64_t rows,
                             double* __restrict sums) {
    double value = 0, level = 0, curvature = 0;
#pragma omp simd reduction(+ : value, level, curvature)
    for (std::int64_t i = 0; i < rows; i++) {
        const double w = weight ? weight[i] : 1.0, off = scores[i] + base - y[i];
        value += 0.5 * w * off * off;
        level += w * off;
        curvature += w;
        scores[i] = w * off;
    }
    sums[0] += value, sums[1] += level, sums[2] += curvature;
}

template <class T>
void gradient_softmax(T* __restrict scores, std::int64_t apart, const double* __restrict base,
                      const double* __restrict y, const double* __restrict weight, std::int64_t rows,
                      std::int64_t models, double* __restrict sums, double* __restrict room) {
    constexpr std::int64_t wide = strip_cols<T>;
    const std::int64_t strips = (models + wide - 1) / wide, padded = strips * wide;
    double* __restrict slopes = sums + 1, * __restrict curvatures = slopes + padded;
    for (std::int64_t i = 0; i < rows; i++) {
        const double w = weight ? weight[i] : 1.0;
        const auto own = static_cast<std::int64_t>(y[i]);
        double top = -1e308;
        for (std::int64_t s = 0; s < strips; s++) {
            const T* __restrict at = scores + s * apart + i * wide;
            const double* __restrict more = base + s * wide;
            double* __restrict to = room + s * wide;
#pragma omp simd reduction(max : top)
            for (std::int64_t l = 0; l < wide; l++) {
                const double v = static_cast<double>(at[l]) + more[l];
                to[l] = v;
                top = v > top ? v : top;
            }
        }
        const double mine = room[own];
        double total = 0;
#pragma omp simd reduction(+ : total)
        for (std::int64_t k = 0; k < padded; k++) {
            const double e = exp_one(room[k] - top);
            room[k] = e;
            total += e;
        }
        sums[0] += w * (log_one(total) + (top - mine));
        const double per = 1.0 / total;
#pragma omp simd
        for (std::int64_t k = 0; k < padded; k++) {
            const double p = room[k] * per;
            curvatures[k] += w * p * (1.0 - p);
            slopes[k] += w * p;
            room[k] = w * p;
        }
        slopes[own] -= w;
        room[own] -= w;
        for (std::int64_t s = 0; s < strips; s++) {
            T* __restrict at = scores + s * apart + i * wide;
            const double* __restrict from = room + s * wide;
#pragma omp simd
            for (std::int64_t l = 0; l < wide; l++) at[l] = static_cast<T>(from[l]);
        }
    }
}

template <class T>
void gradient_flush(double* __restrict out, std::int64_t ldo, const T* __restrict c, std::int64_t m,
                    std::int64_t count) {
    constexpr std::int64_t wide = strip_cols<T>;
    for (std::int64_t i = 0; i < m; i++, out += ldo, c += wide) {
        if (count == wide) {
#pragma omp simd
            for (std::int64_t l = 0; l < wide; l++) out[l] += static_cast<double>(c[l]);
        } else {
            for (std::int64_t l = 0; l < count; l++) out[l] += static_cast<double>(c[l]);
        }
    }
}

template <class T>
constexpr GradientKernels<T> gradient_kernels() {
    return {group_cols,
            strip_cols<T>,
            gradient_scores<T>,
            gradient_sum<T>,
            gradient_centre<T, T>,
            gradient_centre<T, float>,
            gradient_product<T, false>,
            gradient_product<T, true>,
            gradient_logistic,
            gradient_deviance,
            gradient_squared,
            gradient_softmax<T>,
            gradient_flush<T>};
}

// Gram kernels: GCC's vector types, as wide as the file's instruction set; a tile lives in registers over a
// whole panel.
#if defined(__AVX512F__)
inline constexpr std::int64_t vector_bytes = 64, tile_rows = 8, tile_vectors = 2;  // 16 sums of 32 registers
#elif defined(__AVX__)
inline constexpr std::int64_t vector_bytes = 32, tile_rows = 4, tile_vectors = 3;  // 12 of 16
#elif defined(__aarch64__)
inline constexpr std::int64_t vector_bytes = 16, tile_rows = 4, tile_vectors = 4;  // 16 of 32
#else
inline constexpr std::int64_t vector_bytes = 16, tile_rows = 4, tile_vectors = 2;  // 8 of 16
#endif

template <class T>
inline constexpr std::int64_t lanes = vector_bytes / static_cast<std::int64_t>(sizeof(T));
template <class T>
inline constexpr std::int64_t strip_cols = tile_vectors * lanes<T>;
template <class T>
struct Vector {
    typedef T type __attribute__((vector_size(vector_bytes), may_alias));
};

template <class T>
void strip_mean(T* __restrict mean, const T* __restrict x, std::int64_t stride, const double* w,
                std::int64_t rows, std::int64_t cols) {
    // Relative to the first row that counts, so that a constant column's mean is that constant to the bit.
    constexpr std::int64_t n = strip_cols<T>;
    std::int64_t k0 = 0;
    while (w && k0 + 1 < rows && w[k0] == 0) k0++;
    const T* first = x + k0 * stride;
    double total = 0;
    if (w) {
        double sum[n] = {};
        for (std::int64_t k = k0; k < rows; k++) {
            total += w[k];
#pragma omp simd
            for (std::int64_t j = 0; j < cols; j++)
                sum[j] += w[k] * (static_cast<double>(x[k * stride + j]) - static_cast<double>(first[j]));
        }
        for (std::int64_t j = 0; j < cols; j++)
            mean[j] = static_cast<T>(static_cast<double>(first[j]) + sum[j] / total);
        return;
    }
    // A shift need only be near the mean: what it misses is summed in float64 by `cross` and corrected.
    T sum[n] = {};
    if (cols == n) {
        for (std::int64_t k = 1; k < rows; k++)
#pragma omp simd
            for (std::int64_t j = 0; j < n; j++) sum[j] += x[k * stride + j] - first[j];
    } else {
        for (std::int64_t k = 1; k < rows; k++)
#pragma omp simd
            for (std::int64_t j = 0; j < cols; j++) sum[j] += x[k * stride + j] - first[j];
    }
    for (std::int64_t j = 0; j < cols; j++) mean[j] = first[j] + sum[j] / static_cast<T>(rows);
}

template <class T>
void strip_pack(T* __restrict strip, const T* __restrict x, std::int64_t stride, const T* __restrict shift,
                const T* __restrict root, std::int64_t rows, std::int64_t cols) {
    constexpr std::int64_t n = strip_cols<T>;
    if (cols == n) {
        for (std::int64_t k = 0; k < rows; k++) {
            const T s = root ? root[k] : T(1);
#pragma omp simd
            for (std::int64_t j = 0; j < n; j++) strip[k * n + j] = s * (x[k * stride + j] - shift[j]);
        }
        return;
    }
    for (std::int64_t k = 0; k < rows; k++) {
        const T s = root ? root[k] : T(1);
#pragma omp simd
        for (std::int64_t j = 0; j < cols; j++) strip[k * n + j] = s * (x[k * stride + j] - shift[j]);
        for (std::int64_t j = cols; j < n; j++) strip[k * n + j] = T(0);
    }
}

// A few targets at a time, so that a strip's number is converted to float64 once for all of them.
template <class T, int targets>
void strip_cross_of(double* __restrict out, const T* __restrict strip, const double* __restrict z,
                    std::int64_t rows, std::int64_t z_stride) {
    constexpr std::int64_t n = strip_cols<T>, lanes64 = lanes<double>, width = n / lanes64;
    using V64 = typename Vector<double>::type;
    typedef T Narrow __attribute__((vector_size(vector_bytes * sizeof(T) / 8), may_alias));
    V64 sum[targets][width] = {};
    for (std::int64_t k = 0; k < rows; k++) {
#pragma GCC unroll 8
        for (std::int64_t v = 0; v < width; v++) {
            const auto p =
                __builtin_convertvector(*reinterpret_cast<const Narrow*>(strip + k * n + v * lanes64), V64);
#pragma GCC unroll 4
            for (int t = 0; t < targets; t++) sum[t][v] += z[k * z_stride + t] * p;
        }
    }
    for (int t = 0; t < targets; t++)
        for (std::int64_t v = 0; v < width; v++)
            for (std::int64_t l = 0; l < lanes64; l++) out[t * n + v * lanes64 + l] = sum[t][v][l];
}

template <class T>
void strip_cross(double* __restrict out, const T* __restrict strip, const double* __restrict z,
                 std::int64_t rows, std::int64_t targets) {
    std::int64_t t = 0;
    for (; t + 2 <= targets; t += 2)
        strip_cross_of<T, 2>(out + t * strip_cols<T>, strip, z + t, rows, targets);
    if (t < targets) strip_cross_of<T, 1>(out + t * strip_cols<T>, strip, z + t, rows, targets);
}

// sums[i][j] over one panel for tile_rows rows (columns of X from a) and `vectors` vectors of columns from b.
template <class T, int vectors>
void tile_product(T* __restrict sums, const T* __restrict a, const T* __restrict b, std::int64_t rows) {
    using V = typename Vector<T>::type;
    constexpr std::int64_t n = strip_cols<T>;
    V c[tile_rows][vectors] = {};
    for (std::int64_t k = 0; k < rows; k++) {
        V right[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) right[v] = *reinterpret_cast<const V*>(b + k * n + v * lanes<T>);
#pragma GCC unroll 8
        for (int i = 0; i < tile_rows; i++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) c[i][v] += a[k * n + i] * right[v];
    }
#pragma GCC unroll 8
    for (int i = 0; i < tile_rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) *reinterpret_cast<V*>(sums + i * n + v * lanes<T>) = c[i][v];
}

template <class T>
void tile_column(double* __restrict c, std::int64_t ldc, const T* __restrict packed,
                 const double* __restrict plus, const double* __restrict minus, std::int64_t rows,
                 std::int64_t d, std::int64_t s) {
    constexpr std::int64_t n = strip_cols<T>, depth = panel_rows * n;
    alignas(64) T sums[tile_rows * n];
    const std::int64_t j0 = s * n, j1 = j0 + n < d ? j0 + n : d;
    const auto last = static_cast<int>((j1 - j0 + lanes<T> - 1) / lanes<T>);  // vectors that hold columns
    for (std::int64_t i0 = 0; i0 < j1; i0 += tile_rows) {
        const T* a = packed + (i0 / n) * depth + i0 % n;
        // On the diagonal, vectors whose columns all lie left of row i0 are left out.
        const int from = i0 > j0 ? static_cast<int>((i0 - j0) / lanes<T>) : 0;
        const T* b = packed + s * depth + from * lanes<T>;
        T* out = sums + from * lanes<T>;
        switch (last - from) {
            case 1:
                tile_product<T, 1>(out, a, b, rows);
                break;
            case 2:
                tile_product<T, 2>(out, a, b, rows);
                break;
            case 3:
                if constexpr (tile_vectors >= 3) tile_product<T, 3>(out, a, b, rows);
                break;
            default:
                if constexpr (tile_vectors >= 4) tile_product<T, 4>(out, a, b, rows);
                break;
        }
        const std::int64_t i1 = i0 + tile_rows < j1 ? i0 + tile_rows : j1;
        for (std::int64_t i = i0; i < i1; i++) {
            const std::int64_t begin = i > j0 ? i : j0;
            const T* sum = sums + (i - i0) * n - j0;
            double* row = c + i * ldc;
            const double up = plus[i], down = minus[i];
#pragma omp simd
            for (std::int64_t j = begin; j < j1; j++)
                row[j] += static_cast<double>(sum[j]) + (up * plus[j] - down * minus[j]);
        }
    }
}

template <class T>
double shifted_dot(const T* __restrict x, const double* __restrict shift, const double* __restrict w,
                   std::int64_t d) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t j = 0; j < d; j++) sum += (static_cast<double>(x[j]) - shift[j]) * w[j];
    return sum;
}

template <class T>
void shifted_axpy(double* __restrict out, double a, const T* __restrict x, const double* __restrict shift,
                  std::int64_t d) {
#pragma omp simd
    for (std::int64_t j = 0; j < d; j++) out[j] += a * (static_cast<double>(x[j]) - shift[j]);
}

template <class T>
constexpr GramKernels<T> gram_kernels() {
    return {strip_cols<T>, strip_mean<T>, strip_pack<T>, strip_cross<T>, tile_column<T>};
}
template <class T>
constexpr ResidualKernels<T> residual_kernels() {
    return {shifted_dot<T>, shifted_axpy<T>};
}

// Kernels that make a Gram's panels ready, in GCC's vector types, as wide as the file's instruction set; a
// tile of group x strip sums lives in registers (isa/gram_tiles.inl.hpp).
#if defined(__AVX512F__)
inline constexpr std::int64_t vector_bytes = 64, group_cols = 12,
                              tile_vectors = 2;  // 24 sums of 32 registers
#elif defined(__AVX__)
inline constexpr std::int64_t vector_bytes = 32, group_cols = 6, tile_vectors = 2;  // 12 of 16
#elif defined(__aarch64__)
inline constexpr std::int64_t vector_bytes = 16, group_cols = 8, tile_vectors = 3;  // 24 of 32
#else
inline constexpr std::int64_t vector_bytes = 16, group_cols = 6, tile_vectors = 2;  // 12 of 16
#endif

template <class T>
inline constexpr std::int64_t lanes = vector_bytes / static_cast<std::int64_t>(sizeof(T));
template <class T>
inline constexpr std::int64_t strip_cols = tile_vectors * lanes<T>;
// Groups are stored as whole vectors that overlap, the last of them a little beyond; the odd cache line also
// keeps groups off each other's sets.
template <class T>
inline constexpr std::int64_t group_size =
    panel_rows<T> * group_cols + 64 / static_cast<std::int64_t>(sizeof(T));
template <class T>
inline constexpr std::int64_t chunk_cols = 384 / static_cast<std::int64_t>(sizeof(T));
static_assert(chunk_cols<float> % strip_cols<float> == 0 && chunk_cols<float> % group_cols == 0);
static_assert(chunk_cols<double> % strip_cols<double> == 0 && chunk_cols<double> % group_cols == 0);
static_assert(packed_rows % strip_cols<float> == 0 && packed_rows % strip_cols<double> == 0 &&
              packed_rows % group_cols == 0);

template <class T>
struct Vector {
    typedef T type __attribute__((vector_size(vector_bytes), may_alias));
    typedef T loose __attribute__((vector_size(vector_bytes), may_alias, aligned(sizeof(T))));
};
// As many T as there are doubles in a vector.
template <class T>
struct Narrow {
    typedef T type __attribute__((vector_size(vector_bytes * sizeof(T) / 8), may_alias, aligned(sizeof(T))));
};

// Rows of so many numbers come nearer, where they lie so far apart that the machine would not see to it.
template <class T>
inline void rows_ahead(const T* x, std::int64_t stride, std::int64_t rows, std::int64_t cols) {
    constexpr std::int64_t line = 64 / static_cast<std::int64_t>(sizeof(T));
    if (stride <= 4 * line) return;
    for (std::int64_t k = 0; k < rows; k++)
        for (std::int64_t j = 0; j < cols; j += line) __builtin_prefetch(x + k * stride + j);
}
template <class T>
inline void room_ahead(T* out, std::int64_t size, std::int64_t pieces, std::int64_t length) {
    constexpr std::int64_t line = 64 / static_cast<std::int64_t>(sizeof(T));
    for (std::int64_t i = 0; i < pieces; i++, out += size)
        for (std::int64_t j = 0; j < length; j += line) __builtin_prefetch(out + j, 1);
}

template <class T>
void panel_mean(T* __restrict shift, double* __restrict delta, const T* __restrict x, std::int64_t stride,
                const double* w, std::int64_t rows, std::int64_t cols) {
    // Relative to the first row that counts, so that a constant column's mean is that constant to the bit.
    std::int64_t k = 0;
    while (w && k + 1 < rows && w[k] == 0) k++;
    const T* first = x + k * stride;
    double total = w ? w[k] : static_cast<double>(rows);
    for (std::int64_t j = 0; j < cols; j++) delta[j] = 0;
    if (w) {
        for (k++; k < rows; k++) {
            total += w[k];
            const T* row = x + k * stride;
#pragma omp simd
            for (std::int64_t j = 0; j < cols; j++)
                delta[j] += w[k] * (static_cast<double>(row[j]) - static_cast<double>(first[j]));
        }
    } else {
        for (k++; k + 8 <= rows; k += 8) {  // eight rows in T, the rest of the sum in float64
            const T* row = x + k * stride;
            if (k + 24 <= rows) rows_ahead(row + 16 * stride, stride, 8, cols);
#pragma omp simd
            for (std::int64_t j = 0; j < cols; j++) {
                const T f = first[j];
                const T a = (row[j] - f) + (row[j + stride] - f);
                const T b = (row[j + 2 * stride] - f) + (row[j + 3 * stride] - f);
                const T c = (row[j + 4 * stride] - f) + (row[j + 5 * stride] - f);
                const T e = (row[j + 6 * stride] - f) + (row[j + 7 * stride] - f);
                delta[j] += static_cast<double>((a + b) + (c + e));
            }
        }
        for (; k < rows; k++)
            for (std::int64_t j = 0; j < cols; j++)
                delta[j] += static_cast<double>(x[k * stride + j] - first[j]);
    }
    for (std::int64_t j = 0; j < cols; j++) {
        const double from_first = delta[j] / total, at = static_cast<double>(first[j]);
        shift[j] = static_cast<T>(at + from_first);
        delta[j] = from_first - (static_cast<double>(shift[j]) - at);
    }
}

// Rows k .. end of one strip or group: `width` columns next to each other, of which the first `cols` are X's.
// Whole vectors are read up to row `safe`: what they hold beyond those columns is nobody's.
template <class T, std::int64_t width>
void pack_columns(T* __restrict out, const T* __restrict x, std::int64_t stride, const T* __restrict shift,
                  const T* root, std::int64_t k, std::int64_t end, std::int64_t cols, std::int64_t safe) {
    using Loose = typename Vector<T>::loose;
    constexpr std::int64_t vectors = (width + lanes<T> - 1) / lanes<T>;
    Loose from[vectors];
    for (std::int64_t v = 0; v < vectors; v++)
        from[v] = *reinterpret_cast<const Loose*>(shift + v * lanes<T>);
    for (; k < end && k < safe; k++) {
        const T s = root ? root[k] : T(1);
#pragma GCC unroll 4
        for (std::int64_t v = 0; v < vectors; v++)
            *reinterpret_cast<Loose*>(out + k * width + v * lanes<T>) =
                s * (*reinterpret_cast<const Loose*>(x + k * stride + v * lanes<T>) - from[v]);
    }
    for (; k < end; k++)
        for (std::int64_t j = 0; j < cols; j++)
            out[k * width + j] = (root ? root[k] : T(1)) * (x[k * stride + j] - shift[j]);
}

template <class T, std::int64_t width>
void pack_all(T* __restrict out, std::int64_t size, const T* __restrict x, std::int64_t stride,
              const T* __restrict shift, const T* root, std::int64_t k, std::int64_t end, std::int64_t rows,
              std::int64_t cols) {
    constexpr std::int64_t cover = (width + lanes<T> - 1) / lanes<T> * lanes<T>;
    for (std::int64_t j = 0; j < cols; j += width, out += size) {
        const std::int64_t beyond = j + cover - cols;  // how far a row's vectors reach into the next rows
        const std::int64_t safe = beyond <= 0 ? rows : stride > 0 ? rows - (beyond + stride - 1) / stride : 0;
        T edge[cover];  // what follows the last column's shift may be written by another thread meanwhile
        for (std::int64_t c = 0; beyond > 0 && c < cover; c++) edge[c] = c < cols - j ? shift[j + c] : T(0);
        pack_columns<T, width>(out, x + j, stride, beyond > 0 ? edge : shift + j, root, k, end,
                               cols - j < width ? cols - j : width, safe);
    }
}

template <class T>
void panel_pack(T* __restrict strips, T* __restrict groups, const T* __restrict x, std::int64_t stride,
                const T* __restrict shift, const T* root, std::int64_t rows, std::int64_t cols) {
    constexpr std::int64_t n = strip_cols<T>, near = 16;  // so many rows stay in the first cache
    for (std::int64_t k = 0; k < rows; k += near) {
        const std::int64_t end = k + near < rows ? k + near : rows;
        if (end + near <= rows) {
            rows_ahead(x + end * stride, stride, near, cols);
            room_ahead(strips + end * n, panel_rows<T> * n, (cols + n - 1) / n, near * n);
            room_ahead(groups + end * group_cols, group_size<T>, (cols + group_cols - 1) / group_cols,
                       near * group_cols);
        }
        pack_all<T, n>(strips, panel_rows<T> * n, x, stride, shift, root, k, end, rows, cols);
        pack_all<T, group_cols>(groups, group_size<T>, x, stride, shift, root, k, end, rows, cols);
    }
}

// Of rows all over the panel, to its end: is the variance far above that of neighbours (von Neumann, 1941)?
// Products of numbers beyond 1e15, or all below 1e-13, would leave float32's range.
template <class T>
std::int64_t panel_drifting(const T* x, std::int64_t stride, std::int64_t rows, std::int64_t cols,
                            std::int64_t every) {
    constexpr std::int64_t n = strip_cols<T>;
    std::int64_t found = 0;
    for (std::int64_t j0 = 0; j0 < cols; j0 += n) {
        T sum[n] = {}, square[n] = {}, step[n] = {}, most[n] = {};
        const std::int64_t width = cols - j0 < n ? cols - j0 : n;
        const T* first = x + j0;
        std::int64_t seen = 0;
        auto look = [&](std::int64_t k, std::int64_t size) {
            const T *row = first + k * stride, *next = row + stride;
#pragma omp simd
            for (std::int64_t j = 0; j < size; j++) {
                const T v = row[j] - first[j], up = next[j] - row[j], far = v < 0 ? -v : v;
                sum[j] += v, square[j] += v * v, step[j] += up * up;
                most[j] = far > most[j] ? far : most[j];
            }
        };
        for (std::int64_t k = 0; k + 1 < rows; seen++) {
            if (width == n)
                look(k, n);
            else
                look(k, width);
            k = k + every + 1 < rows || k == rows - 2 ? k + every : rows - 2;
        }
        for (std::int64_t j = 0; j < width; j++) {
            found += seen > 0 && square[j] - sum[j] * sum[j] / static_cast<T>(seen) > 8 * step[j];
            found += most[j] > T(1e15) || (most[j] > 0 && most[j] < T(1e-13)) ? 2 : 0;
        }
    }
    return found;
}

inline void centre_targets(double* __restrict mean, double* __restrict left, double* __restrict squares,
                           const double* __restrict y, const double* __restrict w, std::int64_t rows,
                           std::int64_t targets) {
    double total = 0;
    for (std::int64_t c = 0; c < targets; c++) mean[c] = left[c] = squares[c] = 0;
    if (targets == 1 && !w) {  // along the rows, in vectors
        double sum = 0, rest = 0, square = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t k = 0; k < rows; k++) sum += y[k];
        const double m = sum / static_cast<double>(rows);
#pragma omp simd reduction(+ : rest, square)
        for (std::int64_t k = 0; k < rows; k++) {
            const double v = y[k] - m;
            rest += v, square += v * v;
        }
        mean[0] = m, left[0] = rest / static_cast<double>(rows), squares[0] = square;
        return;
    }
    for (std::int64_t k = 0; k < rows; k++) {
        const double own = w ? w[k] : 1.0;
        total += own;
#pragma omp simd
        for (std::int64_t c = 0; c < targets; c++) mean[c] += own * y[k * targets + c];
    }
    for (std::int64_t c = 0; c < targets; c++) mean[c] /= total;
    for (std::int64_t k = 0; k < rows; k++) {
        const double own = w ? w[k] : 1.0;
#pragma omp simd
        for (std::int64_t c = 0; c < targets; c++) {
            const double v = y[k * targets + c] - mean[c];
            left[c] += own * v, squares[c] += own * v * v;
        }
    }
    for (std::int64_t c = 0; c < targets; c++) left[c] /= total;
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
constexpr ResidualKernels<T> residual_kernels() {
    return {shifted_dot<T>, shifted_axpy<T>};
}

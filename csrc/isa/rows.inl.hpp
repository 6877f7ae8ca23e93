// Row kernels: written as plain loops that the compiler vectorises for the file's instruction set.
template <class T>
double dot(const T* __restrict x, const double* __restrict w, std::int64_t n) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t j = 0; j < n; j++) sum += static_cast<double>(x[j]) * w[j];
    return sum;
}

template <class T>
void axpy(double* __restrict y, double a, const T* __restrict x, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++) y[j] += a * static_cast<double>(x[j]);
}

// Welford's update of every column; a value whose square about the mean exceeds `far` times m2 counts as that
// far.
template <class T>
void moments(double* __restrict mean, double* __restrict m2, const T* __restrict x, double w_over_total,
             double w, double far, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++) {
        const double by = static_cast<double>(x[j]) - mean[j], square = by * by, most = far * m2[j];
        const double before = square > most && most > 0 ? by * __builtin_sqrt(most / square) : by;
        mean[j] += before * w_over_total;
        m2[j] += w * before * (before - before * w_over_total);
    }
}

template <class T>
void scale(double* __restrict y, double a, const T* __restrict x, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++) y[j] = a * static_cast<double>(x[j]);
}

template <class T>
void column_sums(double* __restrict weight, double* __restrict sum, double* __restrict most,
                 const T* __restrict x, const double* __restrict shift, double w, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++) {
        const double v = static_cast<double>(x[j]), size = v < 0 ? -v : v;
        const bool is = v == v;
        weight[j] += is ? w : 0.0;
        sum[j] += is ? w * (v - shift[j]) : 0.0;
        most[j] = size > most[j] ? size : most[j];
    }
}

template <class T>
void column_squares(double* __restrict sum, const T* __restrict x, const double* __restrict mean, double w,
                    std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++) {
        const double d = static_cast<double>(x[j]) - mean[j];
        sum[j] += d == d ? w * d * d : 0.0;
    }
}

template <class T>
void shift_scale(T* __restrict y, const T* __restrict x, const double* __restrict mean,
                 const double* __restrict scale, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++)
        y[j] = static_cast<T>((static_cast<double>(x[j]) - mean[j]) / scale[j]);
}

template <class T>
void fill_nan(T* __restrict y, const T* __restrict x, const double* __restrict with, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++) y[j] = x[j] == x[j] ? x[j] : static_cast<T>(with[j]);
}

inline void exchange32(std::uint32_t* __restrict keys, const std::int32_t* __restrict pairs, std::int64_t n) {
    for (std::int64_t p = 0; p < n; p++) {
        std::uint32_t* __restrict a = keys + 32 * std::int64_t{pairs[2 * p]};
        std::uint32_t* __restrict b = keys + 32 * std::int64_t{pairs[2 * p + 1]};
#pragma omp simd
        for (int r = 0; r < 32; r++) {
            const std::uint32_t x = a[r], y = b[r];
            a[r] = x < y ? x : y, b[r] = x < y ? y : x;
        }
    }
}

template <class T>
constexpr RowKernels<T> row_kernels() {
    return {dot<T>,         axpy<T>,           moments<T>,     scale<T>,
            column_sums<T>, column_squares<T>, shift_scale<T>, fill_nan<T>};
}

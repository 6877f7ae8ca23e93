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

template <class T>
void moments(double* __restrict mean, double* __restrict m2, const T* __restrict x, double w_over_total, double w,
             std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++) {
        const double before = static_cast<double>(x[j]) - mean[j];
        mean[j] += before * w_over_total;
        m2[j] += w * before * (static_cast<double>(x[j]) - mean[j]);
    }
}

template <class T>
constexpr RowKernels<T> row_kernels() { return {dot<T>, axpy<T>, moments<T>}; }

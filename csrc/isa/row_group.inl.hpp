// Four rows at a time: plain loops that the compiler vectorises, with a chain of sums for each row.
template <class T>
void group_dots(double* __restrict sums, const T* __restrict x, std::int64_t stride,
                const double* __restrict mean, const double* __restrict p, std::int64_t d) {
    const T *x1 = x + stride, *x2 = x1 + stride, *x3 = x2 + stride;
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (std::int64_t j = 0; j < d; j++) {
        const double m = mean[j], w = p[j];
        s0 += (static_cast<double>(x[j]) - m) * w;
        s1 += (static_cast<double>(x1[j]) - m) * w;
        s2 += (static_cast<double>(x2[j]) - m) * w;
        s3 += (static_cast<double>(x3[j]) - m) * w;
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

template <class T>
void group_add(double* __restrict out, const double* __restrict a, const T* __restrict x, std::int64_t stride,
               const double* __restrict mean, std::int64_t d) {
    const T *x1 = x + stride, *x2 = x1 + stride, *x3 = x2 + stride;
    const double a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
#pragma omp simd
    for (std::int64_t j = 0; j < d; j++) {
        const double m = mean[j];
        out[j] += a0 * (static_cast<double>(x[j]) - m) + a1 * (static_cast<double>(x1[j]) - m) +
                  (a2 * (static_cast<double>(x2[j]) - m) + a3 * (static_cast<double>(x3[j]) - m));
    }
}

template <class T>
constexpr RowGroupKernels<T> row_group_kernels() {
    return {group_dots<T>, group_add<T>};
}

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
void moments(double* __restrict mean, double* __restrict m2, const T* __restrict x, double w_over_total,
             double w, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; j++) {
        const double before = static_cast<double>(x[j]) - mean[j];
        mean[j] += before * w_over_total;
        m2[j] += w * before * (static_cast<double>(x[j]) - mean[j]);
    }
}

// Eight numbers, in registers; the sums of up to 32 columns stay there while the rows go by.
typedef double Eight __attribute__((vector_size(64)));
template <class T>
using EightOf __attribute__((vector_size(8 * sizeof(T)))) = T;

template <class T, int groups>
void gather_groups(double* __restrict out, const T* __restrict x, std::int64_t stride,
                   const std::int32_t* __restrict rows, const double* __restrict factor, std::int64_t count) {
    Eight sum[groups];
    __builtin_memcpy(sum, out, sizeof sum);
    for (std::int64_t k = 0; k < count; k++) {
        const std::int64_t i = rows[k] >> 1;
        const T* row = x + i * stride;
        const double f = rows[k] & 1 ? -factor[i] : factor[i];
#pragma GCC unroll 4
        for (int g = 0; g < groups; g++) {
            EightOf<T> v;
            __builtin_memcpy(&v, row + 8 * g, sizeof v);
            sum[g] += f * __builtin_convertvector(v, Eight);
        }
    }
    __builtin_memcpy(out, sum, sizeof sum);
}

template <class T>
void gather(double* out, const T* x, std::int64_t stride, const std::int32_t* rows, const double* factor,
            std::int64_t count, std::int64_t n) {
    switch (n / 8) {
        case 4:
            gather_groups<T, 4>(out, x, stride, rows, factor, count);
            break;
        case 3:
            gather_groups<T, 3>(out, x, stride, rows, factor, count);
            break;
        case 2:
            gather_groups<T, 2>(out, x, stride, rows, factor, count);
            break;
        case 1:
            gather_groups<T, 1>(out, x, stride, rows, factor, count);
            break;
        default:
            break;
    }
    const std::int64_t done = n / 8 * 8;
    if (done == n) return;
    for (std::int64_t k = 0; k < count; k++) {
        const std::int64_t i = rows[k] >> 1;
        const double f = rows[k] & 1 ? -factor[i] : factor[i];
        for (std::int64_t j = done; j < n; j++) out[j] += f * static_cast<double>(x[i * stride + j]);
    }
}

template <class T>
constexpr RowKernels<T> row_kernels() {
    return {dot<T>, axpy<T>, moments<T>, gather<T>};
}

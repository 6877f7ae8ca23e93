// Sums of rows with weights: some 8 vectors of a sum stay in registers while the rows pass by.
#if defined(__AVX512F__)
inline constexpr std::int64_t sum_bytes = 64;
#elif defined(__AVX__)
inline constexpr std::int64_t sum_bytes = 32;
#else
inline constexpr std::int64_t sum_bytes = 16;
#endif

template <class T, int vectors>
inline void row_sums_part(T* out, const T* values, const std::int64_t* places, std::int64_t count,
                          const T* w) {
    typedef T V __attribute__((vector_size(sum_bytes), may_alias, aligned(sizeof(T))));
    constexpr std::int64_t lanes = sum_bytes / static_cast<std::int64_t>(sizeof(T));
    V sum[vectors] = {};
    for (std::int64_t k = 0; k < count; k++) {
        const T* from = w + places[k];
        const T a = values[k];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) sum[v] += a * *reinterpret_cast<const V*>(from + v * lanes);
    }
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) *reinterpret_cast<V*>(out + v * lanes) = sum[v];
}

template <class T>
void row_sums(T* out, const T* values, const std::int64_t* places, std::int64_t count, const T* w,
              std::int64_t n) {
    constexpr std::int64_t lanes = sum_bytes / static_cast<std::int64_t>(sizeof(T));
    std::int64_t j = 0;
    for (; j + 8 * lanes <= n; j += 8 * lanes) row_sums_part<T, 8>(out + j, values, places, count, w + j);
    for (; j + lanes <= n; j += lanes) row_sums_part<T, 1>(out + j, values, places, count, w + j);
    for (; j < n; j++) {
        T sum = 0;
        for (std::int64_t k = 0; k < count; k++) sum += values[k] * w[places[k] + j];
        out[j] = sum;
    }
}

template <class T>
constexpr RowSumKernels<T> row_sum_kernels() {
    return {row_sums<T>};
}

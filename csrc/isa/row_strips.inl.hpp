// Packing of rows for X X', four rows by four columns at a time; a row is read along, a strip or group
// written stays in the first cache.
template <class T>
struct Four {
    typedef T type __attribute__((vector_size(4 * sizeof(T)), may_alias, aligned(sizeof(T))));
};

template <class T, class P, std::int64_t width>
void pack_four(P* __restrict out, const T* __restrict x, std::int64_t stride, const T* __restrict shift,
               const P* __restrict root, std::int64_t cols) {
    using V = typename Four<P>::type;
    using U = typename Four<T>::type;
    std::int64_t k = 0;
    for (; k + 4 <= cols; k += 4) {
        const V from = __builtin_convertvector(*reinterpret_cast<const U*>(shift + k), V);
        V r[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            r[i] = root[i] *
                   (__builtin_convertvector(*reinterpret_cast<const U*>(x + i * stride + k), V) - from);
        const V a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5),
                b = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
        const V c = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5),
                d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
        *reinterpret_cast<V*>(out + k * width) = __builtin_shufflevector(a, c, 0, 1, 4, 5);
        *reinterpret_cast<V*>(out + (k + 1) * width) = __builtin_shufflevector(a, c, 2, 3, 6, 7);
        *reinterpret_cast<V*>(out + (k + 2) * width) = __builtin_shufflevector(b, d, 0, 1, 4, 5);
        *reinterpret_cast<V*>(out + (k + 3) * width) = __builtin_shufflevector(b, d, 2, 3, 6, 7);
    }
    for (; k < cols; k++)
        for (int i = 0; i < 4; i++)
            out[k * width + i] = root[i] * (static_cast<P>(x[i * stride + k]) - static_cast<P>(shift[k]));
}

template <class T, class P, std::int64_t width>
void pack_rows_of(P* __restrict out, std::int64_t size, const T* __restrict x, std::int64_t stride,
                  const T* __restrict shift, const P* __restrict root, std::int64_t rows, std::int64_t cols) {
    for (std::int64_t i0 = 0; i0 < rows; i0 += width, out += size) {
        const std::int64_t n = i0 + width < rows ? width : rows - i0;
        std::int64_t i = 0;
        for (; i + 4 <= n; i += 4)
            pack_four<T, P, width>(out + i, x + (i0 + i) * stride, stride, shift, root + i0 + i, cols);
        for (; i < n; i++)
            for (std::int64_t k = 0; k < cols; k++)
                out[k * width + i] =
                    root[i0 + i] * (static_cast<P>(x[(i0 + i) * stride + k]) - static_cast<P>(shift[k]));
        for (; i < width; i++)
            for (std::int64_t k = 0; k < cols; k++) out[k * width + i] = P(0);
    }
}

template <class T, class P>
void pack_rows(P* __restrict strips, P* __restrict groups, const T* __restrict x, std::int64_t stride,
               const T* __restrict shift, const P* __restrict root, std::int64_t rows, std::int64_t cols) {
    pack_rows_of<T, P, strip_cols<P>>(strips, panel_rows<P> * strip_cols<P>, x, stride, shift, root, rows,
                                      cols);
    pack_rows_of<T, P, group_cols>(groups, group_size<P>, x, stride, shift, root, rows, cols);
}

// Four rows at a time, so that a sum is loaded and stored once for them.
template <class T>
void sum_rows(double* __restrict out, const double* __restrict a, std::int64_t targets, const T* __restrict x,
              std::int64_t stride, const double* __restrict shift, std::int64_t rows, std::int64_t cols) {
    std::int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        const T *r0 = x + i * stride, *r1 = r0 + stride, *r2 = r1 + stride, *r3 = r2 + stride;
        const double a0 = a[i * targets], a1 = a[(i + 1) * targets], a2 = a[(i + 2) * targets],
                     a3 = a[(i + 3) * targets];
#pragma omp simd
        for (std::int64_t j = 0; j < cols; j++) {
            const double s = shift[j];
            out[j] += (a0 * (static_cast<double>(r0[j]) - s) + a1 * (static_cast<double>(r1[j]) - s)) +
                      (a2 * (static_cast<double>(r2[j]) - s) + a3 * (static_cast<double>(r3[j]) - s));
        }
    }
    for (; i < rows; i++)
#pragma omp simd
        for (std::int64_t j = 0; j < cols; j++)
            out[j] += a[i * targets] * (static_cast<double>(x[i * stride + j]) - shift[j]);
}

constexpr RowStripKernels row_strip_kernels() {
    return {pack_rows<float, float>, pack_rows<double, double>, pack_rows<float, double>, sum_rows<float>,
            sum_rows<double>};
}

// Tiles of a Gram: a group by a strip of packed columns, multiplied in registers, summed over a few panels in
// the first cache, added to the triangle.
// Sums stay in registers: GCC 12, which mixes the rows of an unrolled loop, would keep some on the stack.
template <class V>
[[gnu::always_inline]] inline void hold(V& sum) {
#if defined(__AVX512F__)
    asm("" : "+v"(sum));
#elif defined(__x86_64__)
    asm("" : "+x"(sum));
#elif defined(__aarch64__)
    asm("" : "+w"(sum));
#else
    (void)sum;
#endif
}

// sums[i][j] over up to tile_rows rows for a group's columns i and `vectors` vectors of a strip's columns,
// added to those of earlier rows where `more`: short sums round less. Meanwhile rows that are wanted next
// come nearer: memory and arithmetic take turns otherwise. A call of its own: inlined, GCC 12 runs out of
// registers.
template <class T, int vectors>
[[gnu::noinline]] void tile_product(T* __restrict sums, const T* __restrict a, const T* __restrict b,
                                    std::int64_t rows, bool more, const char* ahead, std::int64_t step) {
    using V = typename Vector<T>::type;
    constexpr std::int64_t n = strip_cols<T>, few = 4;
    V c[group_cols][vectors] = {};
    auto row = [&](std::int64_t k) __attribute__((always_inline)) {
        V right[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) right[v] = *reinterpret_cast<const V*>(b + k * n + v * lanes<T>);
#pragma GCC unroll 16
        for (int i = 0; i < group_cols; i++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                c[i][v] += a[k * group_cols + i] * right[v];
                hold(c[i][v]);
            }
    };
    std::int64_t k = 0;
    for (; k + few <= rows; k += few, ahead += step) {
        __builtin_prefetch(ahead, 0, 2);
#pragma GCC unroll 4
        for (std::int64_t l = 0; l < few; l++) row(k + l);
    }
    for (; k < rows; k++) row(k);
#pragma GCC unroll 16
    for (int i = 0; i < group_cols; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            V& sum = *reinterpret_cast<V*>(sums + i * n + v * lanes<T>);
            sum = more ? sum + c[i][v] : c[i][v];
        }
}

// c[j] += sum[j] + up plus[j] - down minus[j] for `vectors` vectors of float64.
template <class T>
inline void flush_vectors(double* c, const T* sum, const double* plus, const double* minus, double up,
                          double down, std::int64_t vectors) {
    using V64 = typename Vector<double>::loose;
    using Few = typename Narrow<T>::type;
#pragma GCC unroll 8
    for (std::int64_t v = 0; v < vectors; v++) {
        const std::int64_t j = v * lanes<double>;
        V64& at = *reinterpret_cast<V64*>(c + j);
        at +=
            __builtin_convertvector(*reinterpret_cast<const Few*>(sum + j), V64) +
            (up * *reinterpret_cast<const V64*>(plus + j) - down * *reinterpret_cast<const V64*>(minus + j));
    }
}

// A tile's sums into float64, c with ldc numbers a row: columns from .. of strip j0, for the group's columns
// from i0 on.
template <class T>
void tile_flush(double* c, std::int64_t ldc, const GramSums& out, const PackedPanel<T>& p, const T* sums,
                std::int64_t i0, std::int64_t j0, std::int64_t from) {
    constexpr std::int64_t n = strip_cols<T>;
    const std::int64_t d = out.d, end = d + out.targets < j0 + n ? d + out.targets : j0 + n;
    const std::int64_t rows = i0 + group_cols < d ? group_cols : d - i0;
    if (i0 + group_cols <= j0 && j0 + n <= d) {
        for (std::int64_t i = 0; i < rows; i++)
            flush_vectors(c + i * ldc, sums + i * n, p.plus + j0, p.minus + j0, p.plus[i0 + i],
                          p.minus[i0 + i], n / lanes<double>);
        return;
    }
    // Left of the diagonal nothing is kept, so that whole vectors may be written there, not beyond the right
    // end.
    const std::int64_t right = d < end ? d - j0 : end - j0;
    const std::int64_t whole = right > from ? (right - from) / lanes<double> : 0;
    for (std::int64_t i = 0; i < rows; i++, c += ldc) {
        const T* sum = sums + i * n;
        const double up = p.plus[i0 + i], down = p.minus[i0 + i];
        flush_vectors(c + from, sum + from, p.plus + j0 + from, p.minus + j0 + from, up, down, whole);
        std::int64_t j = from + whole * lanes<double>;
        for (; j < right; j++)
            c[j] += static_cast<double>(sum[j]) + (up * p.plus[j0 + j] - down * p.minus[j0 + j]);
        for (j = right > 0 ? right : 0; j0 + j < end; j++) {
            const std::int64_t t = j0 + j - d;
            out.xy[t * d + i0 + i] +=
                p.unit[t] * static_cast<double>(sum[j]) + (up * p.plus[j0 + j] - down * p.minus[j0 + j]);
        }
    }
}

// c, ldc numbers a row, += total, n numbers a row, for columns from .. right - 1.
template <std::int64_t n>
void tile_add(double* c, std::int64_t ldc, const double* total, std::int64_t rows, std::int64_t from,
              std::int64_t right) {
    using V64 = typename Vector<double>::loose;
    for (std::int64_t i = 0; i < rows; i++, c += ldc, total += n) {
        std::int64_t j = from;
        for (; j + lanes<double> <= right; j += lanes<double>)
            *reinterpret_cast<V64*>(c + j) += *reinterpret_cast<const V64*>(total + j);
        for (; j < right; j++) c[j] += total[j];
    }
}

// A strip by groups that are few enough for their sums to stay in the first cache: of several panels they
// are added up there first.
template <class T>
void few_tiles(const GramSums& out, const PackedPanel<T>* panels, std::int64_t count, std::int64_t s,
               std::int64_t begin, std::int64_t end, T* sums, double* totals, const char* ahead,
               std::int64_t step) {
    constexpr std::int64_t n = strip_cols<T>, wide = lanes<T>, size = group_cols * n;
    const std::int64_t e = out.d + out.targets, j0 = s * n, j1 = j0 + n < e ? j0 + n : e;
    const std::int64_t right = j1 < out.d ? j1 - j0 : out.d - j0;
    const auto last = static_cast<int>((j1 - j0 + wide - 1) / wide);  // vectors that hold columns
    if (count > 1)
        for (std::int64_t i = 0; i < (end - begin) * size; i++) totals[i] = 0;
    for (std::int64_t panel = 0; panel < count; panel++) {
        const PackedPanel<T>& p = panels[panel];
        for (std::int64_t k = 0; k < p.rows; k += tile_rows) {
            const bool done = k + tile_rows >= p.rows, over = done && panel == count - 1;
            const std::int64_t rows = done ? p.rows - k : tile_rows;
            for (std::int64_t g = begin; g < end; g++, ahead += tile_rows / 4 * step) {
                const std::int64_t i0 = g * group_cols;
                // Vectors whose columns all lie left of column i0 are left out.
                const int from = i0 > j0 ? static_cast<int>((i0 - j0) / wide) : 0;
                if (over)
                    for (std::int64_t i = i0; i < i0 + group_cols && i < out.d; i++)
                        for (std::int64_t j = j0; j < j1 + 7 && j < out.d + 7; j += 8)
                            __builtin_prefetch(out.xx + i * out.ldc + (j < j1 ? j : j1 - 1), 1);
                const T* a = p.groups + g * group_size<T> + k * group_cols;
                const T* b = p.strips + (s * panel_rows<T> + k) * n + from * wide;
                T *tile = sums + (g - begin) * size, *to = tile + from * wide;
                switch (last - from) {
                    case 1:
                        tile_product<T, 1>(to, a, b, rows, k > 0, ahead, step);
                        break;
                    case 2:
                        tile_product<T, 2>(to, a, b, rows, k > 0, ahead, step);
                        break;
                    default:
                        if constexpr (tile_vectors >= 3)
                            tile_product<T, 3>(to, a, b, rows, k > 0, ahead, step);
                        break;
                }
                if (!done) continue;
                double *c = out.xx + i0 * out.ldc + j0, *total = totals + (g - begin) * size;
                if (count == 1) {
                    tile_flush(c, out.ldc, out, p, tile, i0, j0, from * wide);
                    continue;
                }
                tile_flush(total, n, out, p, tile, i0, j0, from * wide);
                if (over)
                    tile_add<n>(c, out.ldc, total, i0 + group_cols < out.d ? group_cols : out.d - i0,
                                from * wide, right);
            }
        }
    }
}

template <class T>
void panel_tiles(const GramSums& out, const PackedPanel<T>* panels, std::int64_t count, std::int64_t s,
                 std::int64_t begin, std::int64_t end, const char* ahead, std::int64_t step) {
    constexpr std::int64_t n = strip_cols<T>, few = 8;
    alignas(64) T sums[few * group_cols * n];
    alignas(64) double totals[few * group_cols * n];
    const std::int64_t e = out.d + out.targets, right = s * n + n < e ? s * n + n : e;
    const std::int64_t below = ((right < out.d ? right : out.d) + group_cols - 1) / group_cols;
    end = end < below ? end : below;
    const std::int64_t at_once = panel_rows<T> > tile_rows || count > 1 ? few : 1;
    for (std::int64_t g = begin; g < end; g += at_once) {
        const std::int64_t to = g + at_once < end ? g + at_once : end;
        few_tiles(out, panels, count, s, g, to, sums, totals, ahead, step);
        ahead += (to - g) * count * prefetches<T> * step;
    }
}

template <class T>
constexpr GramKernels<T> gram_kernels() {
    return {strip_cols<T>, group_cols,    group_size<T>,  chunk_cols<T>,
            panel_mean<T>, panel_pack<T>, panel_tiles<T>, panel_drifting<T>};
}

// Projections by sparse signs: a panel of rows, turned, is 64 bytes for each column, so that an entry of the
// map is a load and a sum of one or a few vectors, and a component's sums stay in registers.

template <class T>
struct Projection {
    static constexpr int wide = 32 / static_cast<int>(sizeof(T));  // a square of so many is turned at once
    static constexpr int rows = 64 / static_cast<int>(sizeof(T));
    typedef T V __attribute__((vector_size(32), aligned(sizeof(T)), may_alias));
    typedef T R __attribute__((vector_size(32)));

    static void square(R (&v)[wide]) {
        if constexpr (wide == 8) {
            R a[8], b[8];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                a[2 * i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
                a[2 * i + 1] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
            }
#pragma GCC unroll 2
            for (int i = 0; i < 2; i++)
#pragma GCC unroll 2
                for (int k = 0; k < 2; k++) {
                    const R low = a[4 * i + k], high = a[4 * i + 2 + k];
                    b[4 * i + 2 * k] = __builtin_shufflevector(low, high, 0, 1, 8, 9, 4, 5, 12, 13);
                    b[4 * i + 2 * k + 1] = __builtin_shufflevector(low, high, 2, 3, 10, 11, 6, 7, 14, 15);
                }
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                v[i] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
                v[i + 4] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
            }
        } else {
            const R a = __builtin_shufflevector(v[0], v[1], 0, 4, 2, 6);
            const R b = __builtin_shufflevector(v[0], v[1], 1, 5, 3, 7);
            const R c = __builtin_shufflevector(v[2], v[3], 0, 4, 2, 6);
            const R d = __builtin_shufflevector(v[2], v[3], 1, 5, 3, 7);
            v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5),
            v[1] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
            v[2] = __builtin_shufflevector(a, c, 2, 3, 6, 7),
            v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
        }
    }

    static bool turn(T* out, const T* const* x, std::int64_t cols) {
        R seen{};  // zero, or NaN once something was not finite
        T last = 0;
        std::int64_t j = 0;
        for (; j + wide <= cols; j += wide)
            for (int i = 0; i < rows; i += wide) {
                R v[wide];
#pragma GCC unroll 8
                for (int k = 0; k < wide; k++) {
                    v[k] = *reinterpret_cast<const V*>(x[i + k] + j);
                    seen += v[k] - v[k];
                }
                square(v);
#pragma GCC unroll 8
                for (int k = 0; k < wide; k++) *reinterpret_cast<V*>(out + (j + k) * rows + i) = v[k];
            }
        for (; j < cols; j++)
            for (int i = 0; i < rows; i++) out[j * rows + i] = x[i][j], last += x[i][j] - x[i][j];
        for (int k = 0; k < wide; k++) last += seen[k];
        return last == 0;
    }

    static void signed_sums(T* __restrict sums, const T* __restrict panel,
                            const std::uint32_t* __restrict begin, const std::uint16_t* __restrict entries,
                            std::int64_t components) {
        static constexpr T signs[2] = {1, -1};  // a branch would be mispredicted half of the time
        constexpr int lanes = hadamard_bytes / static_cast<int>(sizeof(T)), vectors = rows / lanes;
        using H = Hadamard<T>;
        using Lanes = typename H::R;
        for (std::int64_t c = 0; c < components; c++, sums += rows) {
            Lanes one[vectors], two[vectors];
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++) one[v] = H::load(sums + v * lanes), two[v] = Lanes{};
            std::uint32_t k = begin[c];
            const std::uint32_t end = begin[c + 1];
            for (; k + 2 <= end; k += 2) {
                const std::uint32_t a = entries[k], b = entries[k + 1];
                const T *const from = panel + (a >> 1) * rows, *const other = panel + (b >> 1) * rows;
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++) {
                    one[v] += signs[a & 1] * H::load(from + v * lanes);
                    two[v] += signs[b & 1] * H::load(other + v * lanes);
                }
            }
            if (k < end) {
                const std::uint32_t a = entries[k];
                const T* const from = panel + (a >> 1) * rows;
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++) one[v] += signs[a & 1] * H::load(from + v * lanes);
            }
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++) H::store(sums + v * lanes, one[v] + two[v]);
        }
    }

    static void turn_back(T* const* out, const T* sums, std::int64_t count, std::int64_t used, T scale) {
        std::int64_t c = 0;
        for (; c + wide <= count; c += wide)
            for (int i = 0; i < rows; i += wide) {
                R v[wide];
#pragma GCC unroll 8
                for (int k = 0; k < wide; k++)
                    v[k] = *reinterpret_cast<const V*>(sums + (c + k) * rows + i) * scale;
                square(v);
#pragma GCC unroll 8
                for (int k = 0; k < wide; k++)
                    if (i + k < used) *reinterpret_cast<V*>(out[i + k] + c) = v[k];
            }
        for (; c < count; c++)
            for (std::int64_t i = 0; i < used; i++) out[i][c] = scale * sums[c * rows + i];
    }

    static void add_scaled(T* __restrict out, const T* __restrict x, T a, std::int64_t n) {
#pragma omp simd
        for (std::int64_t i = 0; i < n; i++) out[i] += a * x[i];
    }
};

template <class T>
constexpr ProjectionKernels<T> projection_kernels() {
    using P = Projection<T>;
    return {P::rows, P::turn, P::signed_sums, P::turn_back, P::add_scaled};
}

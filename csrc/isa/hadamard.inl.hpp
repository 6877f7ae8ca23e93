// Fast Walsh-Hadamard transforms: 2 to 8 vectors are loaded, go through as many stages as they can together,
// and are stored, so that memory is visited once for three stages.
#if defined(__AVX512F__)
inline constexpr int hadamard_bytes = 64;
#elif defined(__AVX__)
inline constexpr int hadamard_bytes = 32;
#else
inline constexpr int hadamard_bytes = 16;
#endif
inline constexpr std::int64_t hadamard_panel_bytes = 256, hadamard_line_bytes = 16384;

template <class T>
struct Hadamard {
    static constexpr int wide = hadamard_bytes / static_cast<int>(sizeof(T));
    static constexpr std::int64_t cache_line = 64 / static_cast<std::int64_t>(sizeof(T));
    static constexpr std::int64_t panel = hadamard_panel_bytes / static_cast<std::int64_t>(sizeof(T));
    static constexpr std::int64_t line = hadamard_line_bytes / static_cast<std::int64_t>(sizeof(T));
    typedef T V __attribute__((vector_size(hadamard_bytes), aligned(sizeof(T)), may_alias));
    // Not loose: a plain vector keeps its registers
    typedef T R __attribute__((vector_size(hadamard_bytes)));

    static R load(const T* p) { return *reinterpret_cast<const V*>(p); }
    static void store(T* p, R v) { *reinterpret_cast<V*>(p) = v; }

    // Lanes i and i ^ apart change places.
    template <int apart>
    static R flip(R v) {
        if constexpr (wide == 2)
            return __builtin_shufflevector(v, v, 0 ^ apart, 1 ^ apart);
        else if constexpr (wide == 4)
            return __builtin_shufflevector(v, v, 0 ^ apart, 1 ^ apart, 2 ^ apart, 3 ^ apart);
        else if constexpr (wide == 8)
            return __builtin_shufflevector(v, v, 0 ^ apart, 1 ^ apart, 2 ^ apart, 3 ^ apart, 4 ^ apart,
                                           5 ^ apart, 6 ^ apart, 7 ^ apart);
        else
            return __builtin_shufflevector(v, v, 0 ^ apart, 1 ^ apart, 2 ^ apart, 3 ^ apart, 4 ^ apart,
                                           5 ^ apart, 6 ^ apart, 7 ^ apart, 8 ^ apart, 9 ^ apart, 10 ^ apart,
                                           11 ^ apart, 12 ^ apart, 13 ^ apart, 14 ^ apart, 15 ^ apart);
    }
    template <int apart>
    static R stage(R v) {
        R sign;
#pragma GCC unroll 16
        for (int i = 0; i < wide; i++) sign[i] = (i & apart) ? T(-1) : T(1);
        return flip<apart>(v) + v * sign;  // the product is exact
    }
    static R within(R v) {
        v = stage<1>(v);
        if constexpr (wide > 2) v = stage<2>(v);
        if constexpr (wide > 4) v = stage<4>(v);
        if constexpr (wide > 8) v = stage<8>(v);
        return v;
    }
    template <int log>
    static void between(R (&v)[1 << log]) {
#pragma GCC unroll 4
        for (int s = 0; s < log; s++)
#pragma GCC unroll 16
            for (int i = 0; i < (1 << log); i++)
                if (!(i >> s & 1)) {
                    const R a = v[i], b = v[i | 1 << s];
                    v[i] = a + b, v[i | 1 << s] = a - b;
                }
    }

    // The first stages of n numbers: those within a vector and `log` more. What comes next in memory is
    // mostly the next vector: the first half of it is asked for here, the rest by the passes that follow.
    template <int log>
    static void begin(T* out, const T* in, std::int64_t n) {
        for (std::int64_t i = 0; i < n; i += wide << log) {
            R v[1 << log];
#pragma GCC unroll 16
            for (int k = 0; k < (1 << log); k++) v[k] = within(load(in + i + k * wide));
            if (n == line)
#pragma GCC unroll 16
                for (int k = 0; k < (wide << log) / 2; k += cache_line)
                    __builtin_prefetch(in + n + i / 2 + k, 0, 2);
            between<log>(v);
#pragma GCC unroll 16
            for (int k = 0; k < (1 << log); k++) store(out + i + k * wide, v[k]);
        }
    }
    // `log` stages between groups of 2^log rows, `apart` rows from each other, of `rows`; rows are `cols`
    // numbers, a multiple of a vector, which lie `from` and `to` numbers apart.
    template <int log, bool asks>
    static const T* rows_pass(T* out, std::int64_t to, const T* in, std::int64_t from, std::int64_t rows,
                              std::int64_t apart, std::int64_t cols, const T* ask) {
        for (std::int64_t base = 0; base < rows; base += apart << log)
            for (std::int64_t row = base; row < base + apart; row++)
                for (std::int64_t j = 0; j < cols; j += wide) {
                    R v[1 << log];
#pragma GCC unroll 16
                    for (int k = 0; k < (1 << log); k++) v[k] = load(in + (row + k * apart) * from + j);
                    if (asks) __builtin_prefetch(ask, 0, 2), ask += cache_line;
                    between<log>(v);
#pragma GCC unroll 16
                    for (int k = 0; k < (1 << log); k++) store(out + (row + k * apart) * to + j, v[k]);
                }
        return ask;
    }
    template <bool asks = false>
    static const T* pass(int log, T* out, std::int64_t to, const T* in, std::int64_t from, std::int64_t rows,
                         std::int64_t apart, std::int64_t cols, const T* ask = nullptr) {
        if (log == 4) return rows_pass<4, asks>(out, to, in, from, rows, apart, cols, ask);
        if (log == 3) return rows_pass<3, asks>(out, to, in, from, rows, apart, cols, ask);
        if (log == 2) return rows_pass<2, asks>(out, to, in, from, rows, apart, cols, ask);
        return rows_pass<1, asks>(out, to, in, from, rows, apart, cols, ask);
    }
    // Stages of the next visit where `left` are: at most `most`, and never one alone where two and two do.
    static int share(int left, int most) {
        const int visits = (left + most - 1) / most;
        return (left + visits - 1) / visits;
    }
    static int log2(std::int64_t n) { return __builtin_ctzll(static_cast<unsigned long long>(n)); }

    static void vector(T* out, const T* in, std::int64_t n) {
        if (n < wide) {
            for (std::int64_t i = 0; i < n; i++) out[i] = in[i];
            for (std::int64_t h = 1; h < n; h *= 2)
                for (std::int64_t i = 0; i < n; i++)
                    if (!(i & h)) {
                        const T a = out[i], b = out[i | h];
                        out[i] = a + b, out[i | h] = a - b;
                    }
            return;
        }
        const int logs = log2(n / wide), first = logs < 3 ? logs : 3;
        if (first == 0)
            begin<0>(out, in, n);
        else if (first == 1)
            begin<1>(out, in, n);
        else if (first == 2)
            begin<2>(out, in, n);
        else
            begin<3>(out, in, n);
        std::int64_t h = std::int64_t{wide} << first, rows = n >> (log2(wide) + first);
        const T* ask = in + n + n / 2;
        for (int left = logs - first; left > 0;) {
            const int now = share(left, 4);
            if (n == line)
                ask = pass<true>(now, out, h, out, h, rows, 1, h, ask);
            else
                pass(now, out, h, out, h, rows, 1, h);
            h <<= now, rows >>= now, left -= now;
        }
    }

    // The panel beside one is asked for before its stages are done.
    static void ask(const T* x, std::int64_t rows, std::int64_t stride) {
        for (std::int64_t i = 0; i < rows; i++)
#pragma GCC unroll 4
            for (std::int64_t j = 0; j < panel; j += 64 / static_cast<std::int64_t>(sizeof(T)))
                __builtin_prefetch(x + i * stride + j, 1, 2);
    }
    // One panel of `cols` columns; what is no whole vector goes through room with zeros beside it.
    static void panel_columns(T* x, std::int64_t rows, std::int64_t stride, std::int64_t cols, T* room) {
        const bool whole = cols % wide == 0;
        const std::int64_t padded = (cols + wide - 1) / wide * wide;
        const int logs = log2(rows);
        if (!whole)
            for (std::int64_t i = 0; i < rows; i++)
                for (std::int64_t j = 0; j < padded; j++)
                    room[i * padded + j] = j < cols ? x[i * stride + j] : T(0);
        if (whole && logs <= 3) {
            pass(logs, x, stride, x, stride, rows, 1, cols);
            return;
        }
        // Rows a page apart share a set of the first cache, which has room for 8 lines.
        const int most = stride * static_cast<std::int64_t>(sizeof(T)) % 4096 == 0 ? 3 : 4;
        std::int64_t h = 1;
        for (int left = logs; left > 0;) {
            const int now = share(left, most);
            const bool first = whole && h == 1, last = whole && left == now;
            pass(now, last ? x : room, last ? stride : padded, first ? x : room, first ? stride : padded,
                 rows, h, padded);
            h <<= now, left -= now;
        }
        if (!whole)
            for (std::int64_t i = 0; i < rows; i++)
                for (std::int64_t j = 0; j < cols; j++) x[i * stride + j] = room[i * padded + j];
    }
    static void columns(T* x, std::int64_t rows, std::int64_t stride, std::int64_t cols, T* room) {
        if (rows == 1) return;
        for (std::int64_t j = 0; j < cols; j += panel) {
            if (rows > 16 && j + 2 * panel <= cols) ask(x + j + panel, rows, stride);
            panel_columns(x + j, rows, stride, j + panel < cols ? panel : cols - j, room);
        }
    }
};

template <class T>
constexpr HadamardKernels<T> hadamard_kernels() {
    using H = Hadamard<T>;
    return {H::line, H::panel, H::vector, H::columns};
}

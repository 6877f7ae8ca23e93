// Sparse rows against K vectors that lie side by side. A row's products come first, then its shares of the
// sums, whose lines are in the cache by then. Of a table that is larger than that, the lines of later rows
// are asked for meanwhile; of a small one, the asking took half of the time.
constexpr std::int64_t normal_ahead = 48;  // nonzeros

template <int K>
struct Lanes {
    typedef double Vector __attribute__((vector_size(8 * K), aligned(8), may_alias));
};

template <class T, class I, int K, bool Far>
void normal_rows_of(double* __restrict table, double* __restrict sums, const NormalRows<T, I>& r) {
    typedef typename Lanes<K>::Vector V;
    const std::int64_t last = r.indptr[r.end] - 1;
    V total{}, squares{}, base;
    for (int k = 0; k < K; k++) base[k] = r.base[k];
    for (std::int64_t i = r.begin; i < r.end; i++) {
        const double w = r.weight ? r.weight[i] : 1.0;
        const std::int64_t from = r.indptr[i], to = r.indptr[i + 1];
        if (w == 0.0) continue;
        V some[4] = {};  // four sums, so that an addition need not wait for the one before it
        for (std::int64_t j = from; j < to; j++) {
            if constexpr (Far) {
                const std::int64_t next = j + normal_ahead < last ? j + normal_ahead : last;
                double* line = table + r.columns[next] * std::int64_t{2 * K};
                __builtin_prefetch(line, 1);
                if constexpr (K == 8) __builtin_prefetch(line + 8, 1);
            }
            const V p = *reinterpret_cast<const V*>(table + r.columns[j] * std::int64_t{2 * K});
            some[(j - from) & 3] += static_cast<double>(r.values[j]) * p;
        }
        V s = base + ((some[0] + some[1]) + (some[2] + some[3]));
        if (r.y)
            for (int k = 0; k < K; k++) s[k] += r.y[i * r.targets + r.target[k]];
        const V ws = w * s;
        total += ws;
        squares += ws * s;
        for (std::int64_t j = from; j < to; j++) {
            V* out = reinterpret_cast<V*>(table + r.columns[j] * std::int64_t{2 * K} + K);
            *out += static_cast<double>(r.values[j]) * ws;
        }
    }
    for (int k = 0; k < K; k++) sums[k] += total[k], sums[K + k] += squares[k];
}

// One lane: plain numbers. `some` indexed by a variable would live in memory, so the loop is cut in fours.
template <class T, class I, int K>
void normal_rows(double* table, double* sums, const NormalRows<T, I>& r) {
    (r.far ? normal_rows_of<T, I, K, true> : normal_rows_of<T, I, K, false>)(table, sums, r);
}

template <class T, class I, bool Far>
void normal_row_of(double* __restrict table, double* __restrict sums, const NormalRows<T, I>& r) {
    const std::int64_t last = r.indptr[r.end] - 1;
    double total = 0, squares = 0;
    for (std::int64_t i = r.begin; i < r.end; i++) {
        const double w = r.weight ? r.weight[i] : 1.0;
        if (w == 0.0) continue;
        const std::int64_t n = r.indptr[i + 1] - r.indptr[i];
        const T* __restrict x = r.values + r.indptr[i];
        const I* __restrict c = r.columns + r.indptr[i];
        const std::int64_t room = last - r.indptr[i];  // entries after the row's first that exist
        double a = 0, b = 0, e = 0, f = 0;
        std::int64_t j = 0;
        for (; j + 4 <= n; j += 4) {
            if (Far && j + normal_ahead + 3 <= room)
                for (int t = 0; t < 4; t++)
                    __builtin_prefetch(table + c[j + normal_ahead + t] * std::int64_t{2}, 1);
            a += static_cast<double>(x[j]) * table[c[j] * std::int64_t{2}];
            b += static_cast<double>(x[j + 1]) * table[c[j + 1] * std::int64_t{2}];
            e += static_cast<double>(x[j + 2]) * table[c[j + 2] * std::int64_t{2}];
            f += static_cast<double>(x[j + 3]) * table[c[j + 3] * std::int64_t{2}];
        }
        for (; j < n; j++) a += static_cast<double>(x[j]) * table[c[j] * std::int64_t{2}];
        const double s = r.base[0] + (r.y ? r.y[i * r.targets + r.target[0]] : 0.0) + ((a + b) + (e + f));
        const double ws = w * s;
        total += ws, squares += ws * s;
        for (j = 0; j + 4 <= n; j += 4) {
            table[c[j] * std::int64_t{2} + 1] += static_cast<double>(x[j]) * ws;
            table[c[j + 1] * std::int64_t{2} + 1] += static_cast<double>(x[j + 1]) * ws;
            table[c[j + 2] * std::int64_t{2} + 1] += static_cast<double>(x[j + 2]) * ws;
            table[c[j + 3] * std::int64_t{2} + 1] += static_cast<double>(x[j + 3]) * ws;
        }
        for (; j < n; j++) table[c[j] * std::int64_t{2} + 1] += static_cast<double>(x[j]) * ws;
    }
    sums[0] += total, sums[1] += squares;
}

template <class T, class I>
void normal_row(double* table, double* sums, const NormalRows<T, I>& r) {
    (r.far ? normal_row_of<T, I, true> : normal_row_of<T, I, false>)(table, sums, r);
}

// One lane, and a column's own sums beside its share; far tables are asked for as above.
template <class T, class I, bool Far>
void normal_first_of(double* __restrict table, double* __restrict sums, const NormalRows<T, I>& r) {
    typedef typename Lanes<4>::Vector Record;  // p, and sums of w x, w x^2, w s x
    const std::int64_t last = r.indptr[r.end] - 1;
    double total = 0, squares = 0;
    for (std::int64_t i = r.begin; i < r.end; i++) {
        const double w = r.weight ? r.weight[i] : 1.0;
        if (w == 0.0) continue;
        const std::int64_t n = r.indptr[i + 1] - r.indptr[i];
        const T* __restrict x = r.values + r.indptr[i];
        const I* __restrict c = r.columns + r.indptr[i];
        const std::int64_t room = last - r.indptr[i];
        double some[4] = {};
        std::int64_t j = 0;
        for (; j + 4 <= n; j += 4) {
            if (Far && j + normal_ahead + 3 <= room)
                for (int t = 0; t < 4; t++)
                    __builtin_prefetch(table + c[j + normal_ahead + t] * std::int64_t{4}, 1);
#pragma GCC unroll 4
            for (int t = 0; t < 4; t++)
                some[t] += static_cast<double>(x[j + t]) * table[c[j + t] * std::int64_t{4}];
        }
        for (; j < n; j++) some[0] += static_cast<double>(x[j]) * table[c[j] * std::int64_t{4}];
        const double s =
            r.base[0] + r.y[i * r.targets + r.target[0]] + ((some[0] + some[1]) + (some[2] + some[3]));
        const double ws = w * s;
        total += ws, squares += ws * s;
        const Record each = {0.0, w, 0.0, ws}, more = {0.0, 0.0, w, 0.0};
        for (j = 0; j < n; j++) {
            const double v = static_cast<double>(x[j]);
            *reinterpret_cast<Record*>(table + c[j] * std::int64_t{4}) += v * (each + v * more);
        }
    }
    sums[0] += total, sums[1] += squares;
}

template <class T, class I>
void normal_first(double* table, double* sums, const NormalRows<T, I>& r) {
    (r.far ? normal_first_of<T, I, true> : normal_first_of<T, I, false>)(table, sums, r);
}

template <class T, class I>
constexpr NormalKernels<T, I> normal_kernels() {
    return {normal_first<T, I>,
            {normal_row<T, I>, normal_rows<T, I, 2>, normal_rows<T, I, 4>, normal_rows<T, I, 8>}};
}
constexpr NormalTable normal_table() {
    return {normal_kernels<float, std::int32_t>(), normal_kernels<float, std::int64_t>(),
            normal_kernels<double, std::int32_t>(), normal_kernels<double, std::int64_t>()};
}

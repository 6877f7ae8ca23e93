// Sparse rows against a strip of lanes. A row's products come first, then its shares of the sums, whose
// lines are in the first cache by then; of a table that is larger than a core's caches, the lines of later
// rows are asked for meanwhile.
constexpr std::int64_t range_ahead = 40;  // nonzeros

template <class T>
struct Strip {
    typedef T Vector __attribute__((vector_size(64), aligned(64), may_alias));
    typedef T Loose __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));
    static constexpr std::int64_t lanes = 64 / static_cast<std::int64_t>(sizeof(T));
};

template <class T, class I, bool Far>
void range_rows_of(T* __restrict table, double* __restrict sums, const RangeRows<T, I>& r) {
    using V = typename Strip<T>::Vector;
    constexpr std::int64_t lanes = Strip<T>::lanes;
    if (r.begin >= r.end) return;
    const std::int64_t last = r.indptr[r.end] - 1;
    const V base = *reinterpret_cast<const typename Strip<T>::Loose*>(r.base);
    V total{};
    for (std::int64_t i = r.begin; i < r.end; i++) {
        const std::int64_t from = r.indptr[i], to = r.indptr[i + 1];
        const T w = r.weight ? static_cast<T>(r.weight[i]) : T(1);
        V a = base, b{};
        std::int64_t j = from;
        auto ask = [&](std::int64_t at) {
            if constexpr (Far) {
                const T* line = table + r.columns[at < last ? at : last] * 2 * lanes;
                __builtin_prefetch(line, 1);
                __builtin_prefetch(line + lanes, 1);
            }
        };
        auto at = [&](std::int64_t k) {
            return *reinterpret_cast<const V*>(table + r.columns[k] * 2 * lanes);
        };
        for (; j + 2 <= to; j += 2) {
            ask(j + range_ahead), ask(j + range_ahead + 1);
            a += r.values[j] * at(j);
            b += r.values[j + 1] * at(j + 1);
        }
        if (j < to) ask(j + range_ahead), a += r.values[j] * at(j);
        const V y = w * (a + b);
        total += y;
        for (j = from; j < to; j++) {
            V* out = reinterpret_cast<V*>(table + r.columns[j] * 2 * lanes + lanes);
            *out += r.values[j] * y;
        }
        if (((i - r.begin) & 255) == 255 || i + 1 == r.end) {
            for (std::int64_t k = 0; k < lanes; k++) sums[k] += static_cast<double>(total[k]);
            total = V{};
        }
    }
}

template <class T, class I>
void range_rows(T* table, double* sums, const RangeRows<T, I>& r) {
    (r.far ? range_rows_of<T, I, true> : range_rows_of<T, I, false>)(table, sums, r);
}

constexpr RangeTable range_table() {
    return {{range_rows<float, std::int32_t>, range_rows<float, std::int64_t>},
            {range_rows<double, std::int32_t>, range_rows<double, std::int64_t>}};
}

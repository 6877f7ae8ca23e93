// The steps of 8 lanes or more, on records where they lie.

// Records of fewer lanes than 16 are as wide as a chunk, which the compiler then knows.
template <int W>
constexpr int all_lanes(int lanes) {
    return W < 16 ? W : lanes;
}

template <int S>
struct VectorOf;
template <>
struct VectorOf<8> {
    typedef V8 type;
};
template <>
struct VectorOf<16> {
    typedef V16 type;
};

// Sums in 8 places, as those of a single lane.
template <int W, class I>
bool wide_dot(float* __restrict out, const float* __restrict table, const float* __restrict x,
              const I* __restrict column, std::int64_t n, int lanes) {
    constexpr int S = W < widest ? W : widest;  // registers have room for 8 sums of each
    typedef typename VectorOf<S>::type V;
    const std::int64_t stride = 2 * all_lanes<W>(lanes);
    V8 least = {};
    least += 1.0f;
    for (int c = 0; c < all_lanes<W>(lanes); c += S) {
        V a{}, b{}, d{}, e{}, f{}, g{}, p{}, q{};  // an array of them would lie in memory
        const float* __restrict from = table + c;
        const auto product = [&](std::int64_t j) {
            const V value = x[j] - V{};
            return value * load<V>(from + column[j] * stride);
        };
        std::int64_t j = 0;
        for (; j + 8 <= n; j += 8) {
            const V8 values = load<V8>(x + j);
            least = values == 0.0f ? values : least;
            a += product(j), b += product(j + 1), d += product(j + 2), e += product(j + 3);
            f += product(j + 4), g += product(j + 5), p += product(j + 6), q += product(j + 7);
        }
        const std::int64_t left = n - j;
        if (left > 0) a += product(j);
        if (left > 1) b += product(j + 1);
        if (left > 2) d += product(j + 2);
        if (left > 3) e += product(j + 3);
        if (left > 4) f += product(j + 4);
        if (left > 5) g += product(j + 5);
        if (left > 6) p += product(j + 6);
        store(out + c, ((a + f) + (d + p)) + ((b + g) + (e + q)));
    }
    bool zeros = false;
    for (std::int64_t j = n / 8 * 8; j < n; j++) zeros |= x[j] == 0.0f;
    for (int k = 0; k < 8; k++) zeros |= least[k] == 0.0f;
    return zeros;
}

// Whether all numbers of a comparison are true, a word at a time.
template <class M>
inline bool all_true(M m) {
    long long words[sizeof(M) / sizeof(long long)], all = -1;
    __builtin_memcpy(words, &m, sizeof m);
    for (long long word : words) all &= word;
    return all == -1;
}

template <int W, class I, int power, Shrink S, bool accumulating>
void wide_walk(float* __restrict table, std::uint32_t* __restrict last, const float* __restrict x,
               const I* __restrict column, std::int64_t n, int lanes, const LaneStep& s, std::uint32_t now,
               bool scaled) {
    constexpr int N = W < widest ? W : widest;
    typedef typename VectorOf<N>::type V;
    const int all = all_lanes<W>(lanes);
    const std::int64_t stride = 2 * all;
    const float often = s.often;
    const auto step = [&](float* __restrict w, V v, V g, V eg, V shrinkage, V due) {
        float* __restrict h = w + all;
        V weight = load<V>(w), sum = load<V>(h);
        if constexpr (accumulating) accumulate<power>(weight, sum, v, g, often), store(h, sum);
        store(w, stepped<S>(weight, sum, v, eg, shrinkage, due));
    };
    if constexpr (S == Shrink::none) {
        // Lanes that do not move are left alone, W at a time: of thousands of classes most, at most rows.
        for (int c = 0; c < all; c += W) {
            const V g = load<V>(s.g + c), eg = load<V>(s.eg + c);
            const V more_g = load<V>(s.g + c + W - N), more_eg = load<V>(s.eg + c + W - N);
            if (all_true((g == 0.0f) & (eg == 0.0f) & (more_g == 0.0f) & (more_eg == 0.0f))) continue;
            for (std::int64_t j = 0; j < n; j++) {
                const V v = every<V>(x[j]);
                float* __restrict w = table + column[j] * stride + c;
                step(w, v, g, eg, V{}, V{});
                if constexpr (W == 2 * N) step(w + N, v, more_g, more_eg, V{}, V{});
            }
        }
    } else {
        for (std::int64_t j = 0; j < n; j++) {
            const float gap = static_cast<float>(static_cast<std::int32_t>(now - last[column[j]]));
            last[column[j]] = now;
            const float a2 = scaled ? gap * (x[j] * x[j]) : gap;
            const float a1 = scaled ? gap * __builtin_fabsf(x[j]) : gap;
            for (int k = 0; k < all; k += N)
                step(table + column[j] * stride + k, every<V>(x[j]), load<V>(s.g + k), load<V>(s.eg + k),
                     load<V>(s.el2 + k) * a2, load<V>(s.el1 + k) * a1);
        }
    }
}

template <int W, class I, int power>
void wide_accumulate(float* __restrict reach, float* __restrict table, const float* __restrict x,
                     const I* __restrict column, std::int64_t n, int lanes, const LaneStep& s) {
    constexpr int N = W < widest ? W : widest;
    typedef typename VectorOf<N>::type V;
    const int all = all_lanes<W>(lanes);
    const std::int64_t stride = 2 * all;
    const float often = s.often;
    for (int c = 0; c < all; c += N) {
        V sum[8] = {};
        const V g = load<V>(s.g + c);
        bool moves = false;  // a lane without a slope has no step, and its reach does not matter
        for (int k = 0; k < N; k++) moves |= s.g[c + k] != 0.0f;
        if (!moves) {
            store(reach + c, V{});
            continue;
        }
        for (std::int64_t j = 0; j < n; j++) {
            const V v = every<V>(x[j]);
            float* __restrict w = table + column[j] * stride + c;
            float* __restrict h = w + all;
            V weight = load<V>(w), grow = load<V>(h);
            accumulate<power>(weight, grow, v, g, often);
            store(w, weight), store(h, grow);
            sum[j % 8] += (v * v) * inverse_root(grow);
        }
        store(reach + c, ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7])));
    }
}

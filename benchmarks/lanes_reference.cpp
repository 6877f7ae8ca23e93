// The loops that `python -m benchmarks.bars lanes` measures ours against, as short as they can be: logistic
// AdaGrad of eight models in the SIMD lanes of one cache line a feature, and of one model. Compiled by that
// bar with the machine's own compiler, for the machine's own processor; no part of the package. They have no
// intercept, no loss to tell, no weights, an approximate root, and no guard against any bad number.
#include <immintrin.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace {

struct Rows {
    const float* x;
    const std::int32_t *column, *start;
    const double* y;  // -1 or 1
    std::int64_t n;
};
struct alignas(64) Eight {
    float w[8], g[8];
};
struct One {
    float w, g;
};

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class T>
struct Free {
    void operator()(T* p) const { std::free(p); }
};
template <class T>
using Table = std::unique_ptr<T[], Free<T>>;
template <class T>
Table<T> table(std::int64_t columns) {
    const std::size_t page = 2 << 20,
                      bytes = (static_cast<std::size_t>(columns) * sizeof(T) + page - 1) / page * page;
    Table<T> t(static_cast<T*>(std::aligned_alloc(page, bytes)));
    std::memset(static_cast<void*>(t.get()), 0, bytes);
    return t;
}

// The records of a row that comes later.
template <class T>
void prefetch(const Rows& r, std::int64_t i, const T* t) {
    if (i < r.n)
        for (std::int32_t k = r.start[i]; k < r.start[i + 1]; k++)
            _mm_prefetch(reinterpret_cast<const char*>(t + r.column[k]), _MM_HINT_T0);
}

void learn(const Rows& r, Eight* t, const float* rates, int ahead) {
    const __m256 rate = _mm256_loadu_ps(rates);
    for (std::int64_t i = 0; i < r.n; i++) {
        if (ahead) prefetch(r, i + ahead, t);
        __m256 dot = _mm256_setzero_ps();
        for (std::int32_t k = r.start[i]; k < r.start[i + 1]; k++)
            dot = _mm256_fmadd_ps(_mm256_load_ps(t[r.column[k]].w), _mm256_set1_ps(r.x[k]), dot);
        alignas(32) float s[8];
        _mm256_store_ps(s, dot);
        const auto y = static_cast<float>(r.y[i]);
        for (float& q : s) q = -y / (1 + std::exp(y * q));
        const __m256 g = _mm256_load_ps(s), step = _mm256_mul_ps(rate, g), g2 = _mm256_mul_ps(g, g);
        for (std::int32_t k = r.start[i]; k < r.start[i + 1]; k++) {
            Eight& e = t[r.column[k]];
            const __m256 x = _mm256_set1_ps(r.x[k]);
            const __m256 sum = _mm256_fmadd_ps(_mm256_mul_ps(x, x), g2, _mm256_load_ps(e.g));
            _mm256_store_ps(e.g, sum);
            _mm256_store_ps(
                e.w, _mm256_fnmadd_ps(_mm256_mul_ps(step, x), _mm256_rsqrt_ps(sum), _mm256_load_ps(e.w)));
        }
    }
}

void learn(const Rows& r, One* t, float rate, int ahead) {
    for (std::int64_t i = 0; i < r.n; i++) {
        if (ahead) prefetch(r, i + ahead, t);
        float dot = 0;
        for (std::int32_t k = r.start[i]; k < r.start[i + 1]; k++) dot += t[r.column[k]].w * r.x[k];
        const auto y = static_cast<float>(r.y[i]);
        const float g = -y / (1 + std::exp(y * dot));
        for (std::int32_t k = r.start[i]; k < r.start[i + 1]; k++) {
            One& o = t[r.column[k]];
            const float gi = g * r.x[k];
            o.g += gi * gi;
            o.w -= rate * gi / std::sqrt(o.g);
        }
    }
}

}  // namespace

extern "C" {

// Rows of 5 to 34 columns of 2^bits, distinct ones, drawn by an inverse power; values of unit-norm rows;
// noisy linear labels. Arrays have room for 34 entries a row; start for one more than the rows. Returns the
// number of entries.
std::int64_t generate(std::int64_t n, int bits, unsigned seed, float* x, std::int32_t* column,
                      std::int32_t* start, double* y) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform(0, 1);
    std::normal_distribution<float> normal;
    const std::int64_t d = std::int64_t{1} << bits;
    std::mt19937 fixed(1);
    std::vector<float> truth(static_cast<std::size_t>(d));
    for (float& t : truth) t = normal(fixed);
    std::vector<std::int64_t> seen(static_cast<std::size_t>(d), -1);
    std::int32_t size = 0;
    start[0] = 0;
    for (std::int64_t i = 0; i < n; i++) {
        const int k = 5 + static_cast<int>(uniform(random) * 30);
        const float value = 1 / std::sqrt(static_cast<float>(k));
        float margin = 0;
        for (int j = 0; j < k;) {
            const auto rank =
                static_cast<std::int64_t>(std::exp(uniform(random) * std::log(static_cast<double>(d)))) - 1;
            const auto c = static_cast<std::int32_t>((static_cast<std::uint64_t>(rank) * 2654435761u) &
                                                     static_cast<std::uint64_t>(d - 1));
            if (seen[static_cast<std::size_t>(c)] == i) continue;
            seen[static_cast<std::size_t>(c)] = i;
            column[size] = c, x[size] = value, size++, j++;
            margin += truth[static_cast<std::size_t>(c)] * value;
        }
        start[i + 1] = size;
        y[i] = margin + .3f * normal(random) > 0 ? 1 : -1;
    }
    return size;
}

// Seconds of one walk, the table's memory not among them; `errors` of rows as they came, one a model.
double fit(std::int64_t n, std::int64_t columns, const float* x, const std::int32_t* column,
           const std::int32_t* start, const double* y, const float* rates, int models, int ahead,
           float* weights) {
    const Rows r{x, column, start, y, n};
    const auto walk = [&](auto* t, auto&& rate, auto&& each) {
        for (std::int64_t j = 0; j < columns; j++) each(t[j]);
        const double began = now();
        learn(r, t, rate, ahead);
        return now() - began;
    };
    if (models == 8) {
        const auto t = table<Eight>(columns);
        const double took = walk(t.get(), rates, [](Eight& e) {
            for (float& g : e.g) g = 1e-10f;
        });
        for (std::int64_t j = 0; j < columns; j++)
            std::memcpy(weights + 8 * j, t[static_cast<std::size_t>(j)].w, 32);
        return took;
    }
    const auto t = table<One>(columns);
    const double took = walk(t.get(), rates[0], [](One& o) { o.g = 1e-10f; });
    for (std::int64_t j = 0; j < columns; j++) weights[j] = t[static_cast<std::size_t>(j)].w;
    return took;
}
}

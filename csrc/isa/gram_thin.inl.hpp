// A thin Gram: the whole triangle of a panel that lies row by row, in blocks of eight columns by one vector.
// Rows of a block of sums: a tile is four or eight of them by a few vectors, whatever the registers hold.
inline constexpr std::int64_t thin_group = 8;
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int thin_high = 8;  // 8 x 3 sums of 32 registers
#else
inline constexpr int thin_high = 4;  // 4 x 3 of 16
#endif
// Bytes of rows that are multiplied in one go, so that they stay in the first cache.
inline constexpr std::int64_t thin_bytes = 28 << 10;

// sums = a'b over the rows, or sums go on where `more`, for `high` columns from a on and `wide` vectors from
// b on, both with `pitch` numbers a row. A call of its own for the sake of registers, as tile_product.
template <class T, int high, int wide>
[[gnu::noinline]] void thin_product(T* __restrict sums, const T* __restrict a, const T* __restrict b,
                                    std::int64_t pitch, std::int64_t rows, bool more, const char* ahead,
                                    std::int64_t step) {
    using V = typename Vector<T>::type;
    constexpr std::int64_t n = lanes<T>, few = 4;
    V c[high][wide];
    auto sum = [&](int i, int v) -> V& { return *reinterpret_cast<V*>(sums + (v * thin_group + i) * n); };
#pragma GCC unroll 8
    for (int i = 0; i < high; i++)
#pragma GCC unroll 4
        for (int v = 0; v < wide; v++) c[i][v] = more ? sum(i, v) : V{};
    auto row = [&](std::int64_t k) __attribute__((always_inline)) {
        V right[wide];
#pragma GCC unroll 4
        for (int v = 0; v < wide; v++) right[v] = *reinterpret_cast<const V*>(b + k * pitch + v * n);
#pragma GCC unroll 8
        for (int i = 0; i < high; i++)
#pragma GCC unroll 4
            for (int v = 0; v < wide; v++) {
                c[i][v] += a[k * pitch + i] * right[v];
                hold(c[i][v]);
            }
    };
    std::int64_t k = 0;
    for (; k + few <= rows; k += few, ahead += step) {
        __builtin_prefetch(ahead, 0, 2);
#pragma GCC unroll 4
        for (std::int64_t l = 0; l < few; l++) row(0), a += pitch, b += pitch;
    }
    for (; k < rows; k++) row(0), a += pitch, b += pitch;
#pragma GCC unroll 8
    for (int i = 0; i < high; i++)
#pragma GCC unroll 4
        for (int v = 0; v < wide; v++) sum(i, v) = c[i][v];
}

// Calls of thin_product that thin_strip makes.
constexpr std::int64_t thin_tiles(std::int64_t vectors, std::int64_t real) {
    const std::int64_t high = real > thin_high && thin_high < thin_group ? 2 : 1;
    return vectors / 3 * high + (vectors % 3 == 2 ? high : vectors % 3);
}

// The tiles of columns i0 .. i0 + 7 by vectors from .. last - 1, of which `real` columns count.
template <class T>
const char* thin_strip(T* sums, const T* panel, std::int64_t pitch, std::int64_t i0, std::int64_t real,
                       std::int64_t from, std::int64_t last, std::int64_t rows, bool more, const char* ahead,
                       std::int64_t step) {
    constexpr std::int64_t n = lanes<T>, size = thin_group * n;
    const std::int64_t move = rows / 4 * step;
    const T *a = panel + i0, *b = panel + from * n;
    std::int64_t left = last - from;
    auto tiles = [&]<int wide>(std::integral_constant<int, wide>) {
        for (std::int64_t i = 0; i < thin_group && i < real; i += thin_high, ahead += move)
            thin_product<T, thin_high, wide>(sums + i * n, a + i, b, pitch, rows, more, ahead, step);
        sums += wide * size, b += wide * n, left -= wide;
    };
    while (left >= 3) tiles(std::integral_constant<int, 3>());
    if (left == 2) return tiles(std::integral_constant<int, 2>()), ahead;
    if (left == 1) {
        if (real > 4)
            thin_product<T, 8, 1>(sums, a, b, pitch, rows, more, ahead, step);
        else
            thin_product<T, 4, 1>(sums, a, b, pitch, rows, more, ahead, step);
        ahead += move;
    }
    return ahead;
}

template <class T>
std::int64_t thin_size(std::int64_t pitch, std::int64_t cols) {
    std::int64_t size = 0;
    for (std::int64_t i = 0; i < cols; i += thin_group) size += (pitch / lanes<T> - i / lanes<T>);
    return size * thin_group * lanes<T>;
}

template <class T>
std::int64_t thin_rows(std::int64_t pitch) {
    std::int64_t rows = 128;  // halved, it divides tile_rows
    while (rows > 64 && rows * pitch * static_cast<std::int64_t>(sizeof(T)) > thin_bytes) rows /= 2;
    return rows;
}

template <class T>
void thin_triangle(T* sums, const T* packed, std::int64_t pitch, std::int64_t k, std::int64_t rows,
                   std::int64_t cols, const char* ahead, std::int64_t bytes) {
    constexpr std::int64_t n = lanes<T>;
    const std::int64_t last = pitch / n;
    std::int64_t tiles = 0;
    for (std::int64_t i = 0; i < cols; i += thin_group) tiles += thin_tiles(last - i / n, cols - i);
    const std::int64_t places = tiles * (rows / 4), step = places ? (bytes + places - 1) / places : 0;
    // Sums start anew after tile_rows only: on a coarse grid of values the first roundings of a sum, ties
    // most of them, all pull one way.
    sums += k / tile_rows * thin_size<T>(pitch, cols);
    for (std::int64_t i = 0; i < cols; i += thin_group) {
        ahead = thin_strip<T>(sums, packed, pitch, i, cols - i, i / n, last, rows, k % tile_rows > 0, ahead,
                              step);
        sums += (last - i / n) * thin_group * n;
    }
}

template <class T>
void thin_flush(double* total, const T* sums, std::int64_t pitch, std::int64_t rows, std::int64_t cols,
                const double* unit, const double* plus, const double* minus) {
    using V64 = typename Vector<double>::type;
    using Loose = typename Vector<double>::loose;
    using Few = typename Narrow<T>::type;
    constexpr std::int64_t n = lanes<T>;
    const T* second = rows > tile_rows ? sums + thin_size<T>(pitch, cols) : nullptr;
    auto few = [](const T* at) { return __builtin_convertvector(*reinterpret_cast<const Few*>(at), V64); };
    for (std::int64_t i0 = 0; i0 < cols; i0 += thin_group) {
        const std::int64_t high = cols - i0 < thin_group ? cols - i0 : thin_group;
        for (std::int64_t j = i0 / n * n; j < pitch;
             j += n, total += thin_group * n, sums += thin_group * n) {
            for (std::int64_t l = 0; l < n; l += lanes<double>) {
                const V64 scale = *reinterpret_cast<const Loose*>(unit + j + l);
                const V64 up = *reinterpret_cast<const Loose*>(plus + j + l);
                const V64 down = *reinterpret_cast<const Loose*>(minus + j + l);
                for (std::int64_t i = 0; i < high; i++) {
                    V64 sum = few(sums + i * n + l);
                    if (second) sum += few(second + i * n + l);
                    *reinterpret_cast<V64*>(total + i * n + l) +=
                        scale * sum + (plus[i0 + i] * up - minus[i0 + i] * down);
                }
            }
            if (second) second += thin_group * n;
        }
    }
}

// `wide` vectors of each row, the last of them from column `last` on.
template <class T, int wide>
void thin_pack_vectors(T* __restrict panel, std::int64_t pitch, const T* __restrict x, std::int64_t stride,
                       const T* __restrict shift, const T* root, std::int64_t rows, std::int64_t last) {
    using V = typename Vector<T>::loose;
    V from[wide];
    auto place = [&](int v) { return v + 1 < wide ? v * lanes<T> : last; };
#pragma GCC unroll 4
    for (int v = 0; v < wide; v++) from[v] = *reinterpret_cast<const V*>(shift + place(v));
    for (std::int64_t k = 0; k < rows; k++, panel += pitch, x += stride) {
        const T s = root ? root[k] : T(1);
#pragma GCC unroll 4
        for (int v = 0; v < wide; v++)
            *reinterpret_cast<V*>(panel + place(v)) =
                s * (*reinterpret_cast<const V*>(x + place(v)) - from[v]);
    }
}

// The last vector of a row overlaps the one before: nothing beyond the row is read, nothing beyond the
// columns written.
template <class T>
void thin_pack(T* __restrict panel, std::int64_t pitch, const T* __restrict x, std::int64_t stride,
               const T* __restrict shift, const T* root, std::int64_t rows, std::int64_t cols) {
    constexpr std::int64_t n = lanes<T>, near = 32;  // so many rows stay in the first cache
    if (cols < n) {
        for (std::int64_t k = 0; k < rows; k++)
            for (std::int64_t j = 0; j < cols; j++)
                panel[k * pitch + j] = (root ? root[k] : T(1)) * (x[k * stride + j] - shift[j]);
        return;
    }
    for (std::int64_t k = 0; k < rows; k += near) {
        const std::int64_t some = k + near < rows ? near : rows - k;
        for (std::int64_t j = 0; j < cols; j += 4 * n) {
            T* to = panel + k * pitch + j;
            const T *from = x + k * stride + j, *own = root ? root + k : nullptr;
            const std::int64_t left = cols - j;
            if (left > 3 * n)
                thin_pack_vectors<T, 4>(to, pitch, from, stride, shift + j, own, some,
                                        left < 4 * n ? left - n : 3 * n);
            else if (left > 2 * n)
                thin_pack_vectors<T, 3>(to, pitch, from, stride, shift + j, own, some, left - n);
            else if (left > n)
                thin_pack_vectors<T, 2>(to, pitch, from, stride, shift + j, own, some, left - n);
            else
                thin_pack_vectors<T, 1>(to, pitch, from, stride, shift + j, own, some, left - n);
        }
    }
}

template <class T>
constexpr ThinKernels<T> thin_kernels() {
    return {lanes<T>, thin_rows<T>, thin_size<T>, thin_pack<T>, thin_triangle<T>, thin_flush<T>};
}

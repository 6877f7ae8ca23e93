// Rows to a page: for each of its sections the narrowest way that is exact.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/crc32c.hpp"
#include "io/bits.hpp"
#include "io/block_page.hpp"

namespace esker {
namespace {

constexpr std::size_t entry = 24;
// More numbers than this take at least a bit each, so that a reader can hold a file to its size.
constexpr Index free_numbers = Index{1} << 22;

class Page {
public:
    Page(std::size_t sections, Index rows, Index numbers) : bytes(16 + entry * sections) {
        put(0, static_cast<std::uint32_t>(sections));
        put(4, static_cast<std::uint32_t>(rows));
        put(8, static_cast<std::uint64_t>(numbers));
    }
    std::size_t begin(page::Kind kind, page::Dtype dtype, page::Encoding encoding, int bits,
                      std::int64_t base) {
        const std::size_t at = 16 + entry * sections_++;
        put(at, static_cast<std::uint8_t>(kind));
        put(at + 1, static_cast<std::uint8_t>(dtype));
        put(at + 2, static_cast<std::uint8_t>(encoding));
        put(at + 3, static_cast<std::uint8_t>(bits));
        put(at + 8, base);
        size_at_ = at + 16;
        return begin_ = bytes.size();
    }
    void end() {
        put(size_at_, static_cast<std::uint64_t>(bytes.size() - begin_));
        bytes.resize((bytes.size() + 7) / 8 * 8);
    }
    void raw(const void* data, std::size_t n) {
        const auto* p = static_cast<const std::byte*>(data);
        bytes.insert(bytes.end(), p, p + n);
    }
    std::vector<std::byte> bytes;

private:
    template <class U>
    void put(std::size_t at, U v) {
        std::memcpy(bytes.data() + at, &v, sizeof v);
    }
    std::size_t sections_ = 0, begin_ = 0, size_at_ = 0;
};

template <class T>
std::uint64_t pattern(T v) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof v);
    return bits;
}

template <class T>
bool all_same(const T* x, Index n) noexcept {
    for (Index k = 1; k < n; k++)
        if (pattern(x[k]) != pattern(x[0])) return false;
    return true;
}

// Whether every number is an integer that T and a packed section hold exactly; then its range.
template <class T>
bool integers(const T* x, Index n, std::int64_t& low, std::int64_t& high) noexcept {
    low = INT64_MAX, high = INT64_MIN;
    for (Index k = 0; k < n; k++) {
        std::int64_t v;
        if constexpr (std::is_floating_point_v<T>) {
            constexpr T limit = static_cast<T>(std::int64_t{1} << (sizeof(T) == 4 ? 24 : 53));
            if (!(x[k] >= -limit && x[k] <= limit)) return false;
            v = static_cast<std::int64_t>(x[k]);
            if (pattern(static_cast<T>(v)) != pattern(x[k])) return false;  // a fraction, or -0
        } else {
            v = static_cast<std::int64_t>(x[k]);
        }
        low = std::min(low, v), high = std::max(high, v);
    }
    return true;
}

template <class T, class F>
void pack(Page& page, Index n, int bits, F&& number) {
    if (bits == 0) return;
    page.bytes.reserve(page.bytes.size() + packed_size(static_cast<std::uint64_t>(n), bits) + page::align);
    BitWriter out(page.bytes, bits);
    for (Index k = 0; k < n; k++) out.put(number(k));
    out.finish();
}

// Numbers as one that is repeated, as packed integers, or as they are.
template <class T>
std::size_t numbers(Page& page, page::Kind kind, page::Dtype dtype, const T* x, Index n) {
    std::size_t at;
    if (n > 0 && n <= free_numbers && all_same(x, n)) {
        const auto base = std::is_integral_v<T> && sizeof(T) != 2 ? static_cast<std::int64_t>(x[0])
                                                                  : static_cast<std::int64_t>(pattern(x[0]));
        at = page.begin(kind, dtype, page::constant, 0, base);
        page.end();
        return at;
    }
    if constexpr (sizeof(T) != 2) {
        std::int64_t low, high;
        if (n > 0 && integers(x, n, low, high)) {
            const std::uint64_t spread = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
            const int bits = std::max(bits_of(spread), n > free_numbers ? 1 : 0);
            if (bits <= max_bits && bits < 8 * static_cast<int>(sizeof(T)) - 1) {
                at = page.begin(kind, dtype, page::packed, bits, low);
                pack<T>(page, n, bits, [&](Index k) {
                    return static_cast<std::uint64_t>(static_cast<std::int64_t>(x[k])) -
                           static_cast<std::uint64_t>(low);
                });
                page.end();
                return at;
            }
        }
    }
    at = page.begin(kind, dtype, page::raw, 0, 0);
    page.raw(x, sizeof(T) * static_cast<std::size_t>(n));
    page.end();
    return at;
}

template <class I>
void row_lengths(Page& page, const I* indptr, Index rows) {
    std::int64_t low = INT64_MAX, high = 0;
    for (Index r = 0; r < rows; r++) {
        const auto length = static_cast<std::int64_t>(indptr[r + 1] - indptr[r]);
        low = std::min(low, length), high = std::max(high, length);
    }
    const int bits = bits_of(static_cast<std::uint64_t>(high - low));
    page.begin(page::lengths, page::i64, bits ? page::packed : page::constant, bits, low);
    pack<I>(page, rows, bits, [&](Index r) {
        return static_cast<std::uint64_t>(static_cast<std::int64_t>(indptr[r + 1] - indptr[r]) - low);
    });
    page.end();
}

// Ascending rows as gaps, the number of columns left out before each; others, or where that is narrower, as
// they are.
template <class I>
Index column_numbers(Page& page, const I* ids, const I* indptr, Index rows) {
    const Index first = static_cast<Index>(indptr[0]), n = static_cast<Index>(indptr[rows]) - first;
    std::uint64_t low = ~std::uint64_t{0}, high = 0, widest = 0;
    bool ascending = true;
    for (Index r = 0; r < rows; r++) {
        std::uint64_t before = ~std::uint64_t{0};
        for (auto k = indptr[r]; k < indptr[r + 1]; k++) {
            const auto id = static_cast<std::uint64_t>(ids[k]);
            ascending &= before == ~std::uint64_t{0} ? k == indptr[r] : id > before;
            widest |= id - before - 1;
            low = std::min(low, id), high = std::max(high, id);
            before = id;
        }
    }
    const int least = n > free_numbers ? 1 : 0;
    const int gap_bits = std::max(bits_of(widest), least);
    const int own_bits = n ? std::max(bits_of(high - low), least) : 0;
    if (ascending && gap_bits <= own_bits && gap_bits <= max_bits &&
        gap_bits + bits_of(static_cast<std::uint64_t>(n)) <= 62) {
        page.begin(page::ids, page::i64, page::gaps, gap_bits, 0);
        if (gap_bits) {
            page.bytes.reserve(page.bytes.size() + packed_size(static_cast<std::uint64_t>(n), gap_bits));
            BitWriter out(page.bytes, gap_bits);
            for (Index r = 0; r < rows; r++) {
                std::uint64_t before = ~std::uint64_t{0};
                for (auto k = indptr[r]; k < indptr[r + 1]; k++) {
                    const auto id = static_cast<std::uint64_t>(ids[k]);
                    out.put(id - before - 1);
                    before = id;
                }
            }
            out.finish();
        }
    } else if (own_bits <= max_bits) {
        page.begin(page::ids, page::i64, page::packed, own_bits, n ? static_cast<std::int64_t>(low) : 0);
        pack<I>(page, n, own_bits, [&](Index k) { return static_cast<std::uint64_t>(ids[first + k]) - low; });
    } else {
        page.begin(page::ids, page::i64, page::raw, 0, 0);
        for (Index k = 0; k < n; k++) {
            const auto id = static_cast<std::int64_t>(ids[first + k]);
            page.raw(&id, sizeof id);
        }
    }
    page.end();
    return n ? static_cast<Index>(high) + 1 : 0;
}

template <class T>
constexpr page::Dtype dtype_of() noexcept {
    return sizeof(T) == 8 ? page::f64 : sizeof(T) == 4 ? page::f32 : page::f16;
}

template <class T>
void look(EncodedPage& e, const T* x, Index n) noexcept {
    Index nonzeros = 0;
    bool finite = true;
    for (Index k = 0; k < n; k++) {
        if constexpr (sizeof(T) == 2) {
            nonzeros += (x[k] & 0x7FFF) != 0;
            finite &= (x[k] & 0x7C00) != 0x7C00;
        } else {
            nonzeros += x[k] != 0;
            finite &= std::isfinite(x[k]);
        }
    }
    e.nonzeros = nonzeros, e.finite = finite;
}

template <class T>
void typed_targets(Page& page, page::Dtype dtype, const void* y, Index n) {
    numbers(page, page::y, dtype, static_cast<const T*>(y), n);
}

void targets(Page& page, page::Dtype dtype, const void* y, Index n) {
    switch (dtype) {
        case page::f32:
            return typed_targets<float>(page, dtype, y, n);
        case page::f64:
            return typed_targets<double>(page, dtype, y, n);
        case page::i32:
            return typed_targets<std::int32_t>(page, dtype, y, n);
        case page::i64:
            return typed_targets<std::int64_t>(page, dtype, y, n);
        default:
            return typed_targets<std::uint8_t>(page, page::boolean, y, n);
    }
}

}  // namespace

template <class T, class I>
EncodedPage encode_page(const PageRows<T, I>& rows) {
    const Index n = rows.rows;
    EncodedPage e;
    e.numbers = rows.ids ? static_cast<Index>(rows.indptr[n] - rows.indptr[0]) : n * rows.columns;
    Page page((rows.ids ? 3u : 1u) + (rows.y_dtype != page::none) + (rows.weight != nullptr), n, e.numbers);
    if (rows.y_dtype != page::none) targets(page, rows.y_dtype, rows.y, n * rows.targets);
    if (rows.weight) numbers(page, page::weight, page::f64, rows.weight, n);
    if (rows.ids) {
        row_lengths(page, rows.indptr, n);
        e.top = column_numbers(page, rows.ids, rows.indptr, n);
        const T* x = rows.x + rows.indptr[0];
        numbers(page, page::values, dtype_of<T>(), x, e.numbers);
        look(e, x, e.numbers);
    } else {
        // Dense rows lie as they are, so that a reader can put them where they belong.
        const std::size_t at = page.begin(page::dense, dtype_of<T>(), page::raw, 0, 0);
        e.x_at = sizeof(T) == 2 ? 0 : static_cast<Index>(at);
        page.bytes.reserve(at + sizeof(T) * static_cast<std::size_t>(e.numbers) + page::align);
        page.raw(rows.x, sizeof(T) * static_cast<std::size_t>(e.numbers));
        page.end();
        e.top = rows.columns;
        look(e, rows.x, e.numbers);
    }
    page.bytes.resize((page.bytes.size() + page::align - 1) / page::align * page::align);
    e.bytes = std::move(page.bytes);
    e.crc = crc32c(0, e.bytes.data(), e.bytes.size());
    return e;
}

template EncodedPage encode_page(const PageRows<float, std::int32_t>&);
template EncodedPage encode_page(const PageRows<float, std::int64_t>&);
template EncodedPage encode_page(const PageRows<double, std::int32_t>&);
template EncodedPage encode_page(const PageRows<double, std::int64_t>&);
template EncodedPage encode_page(const PageRows<std::uint16_t, std::int32_t>&);
template EncodedPage encode_page(const PageRows<std::uint16_t, std::int64_t>&);

}  // namespace esker

// Texts, decimal numbers and bins to hashes.
#include "io/table_tokens.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "io/murmur.hpp"

namespace esker {
namespace {

// Room for the longest decimal of a double in range.
struct Decimal {
    char text[448];
    char* end() noexcept { return text + sizeof text; }
};

template <class T>
std::uint32_t hash_number(const Prefix& prefix, T x) {
    Decimal to;
    auto hash = [&](const std::to_chars_result& r) {
        return prefix.hash(to.text, static_cast<std::size_t>(r.ptr - to.text));
    };
    if constexpr (std::is_floating_point_v<T>) {
        // A whole number reads as the integer that it is, so that a column may be of either type.
        if (x == std::trunc(x) && std::fabs(x) < T(9.2e18))
            return hash(std::to_chars(to.text, to.end(), static_cast<std::int64_t>(x)));
        const double size = std::fabs(static_cast<double>(x));
        const auto form =
            size >= 1e-4 && size < 1e16 ? std::chars_format::fixed : std::chars_format::scientific;
        return hash(std::to_chars(to.text, to.end(), x, form));
    } else {
        return hash(std::to_chars(to.text, to.end(), x));
    }
}

// "2^3.25" for bin 13, "-2^3.25" where x < 0.
std::uint32_t hash_bin(const Prefix& prefix, bool negative, int bin) {
    Decimal to;
    char* p = to.text;
    if (negative) *p++ = '-';
    *p++ = '2', *p++ = '^';
    if (bin < 0) *p++ = '-';
    const int size = std::abs(bin);
    p = std::to_chars(p, to.end(), size / 4).ptr;
    static constexpr const char* quarters[] = {"", ".25", ".5", ".75"};
    for (const char* q = quarters[size % 4]; *q; q++) *p++ = *q;
    return prefix.hash(to.text, static_cast<std::size_t>(p - to.text));
}

}  // namespace

int log_bin(double x) noexcept {
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    int exponent = static_cast<int>(bits >> 52 & 0x7ff) - 1023;
    if (exponent == -1023) {  // subnormal: leading zeros are part of the exponent
        x = std::frexp(x, &exponent);
        std::memcpy(&bits, &x, sizeof bits);
        exponent--;
    }
    // The fractions of 2^(1/4), 2^(1/2) and 2^(3/4).
    const std::uint64_t m = bits & 0xfffffffffffffull;
    return 4 * exponent + (m >= 0x306fe0a31b715ull) + (m >= 0x6a09e667f3bcdull) + (m >= 0xae89f995ad3adull);
}

Prefix::Prefix(const std::string& text) : bits_(8 * (text.size() % 4)), size_(text.size()) {
    const std::size_t whole = size_ / 4 * 4;
    for (std::size_t i = 0; i < whole; i += 4) state_ = murmur::step(state_, murmur::word(&text[i]));
    for (std::size_t i = whole; i < size_; i++)
        carry_ |= std::uint64_t{static_cast<unsigned char>(text[i])} << 8 * (i - whole);
}

std::uint32_t Prefix::hash(const char* value, std::size_t n) const noexcept {
    std::uint32_t h = state_;
    std::uint64_t carry = carry_;
    const char* const words = value + (n & ~std::size_t{3});
    for (const char* p = value; p != words; p += 4) {
        carry |= std::uint64_t{murmur::word(p)} << bits_;
        h = murmur::step(h, static_cast<std::uint32_t>(carry));
        carry >>= 32;
    }
    unsigned rest = bits_;
    for (const char* p = words; p != value + n; p++, rest += 8)
        carry |= std::uint64_t{static_cast<unsigned char>(*p)} << rest;
    if (rest >= 32) {
        h = murmur::step(h, static_cast<std::uint32_t>(carry));
        carry >>= 32, rest -= 32;
    }
    if (rest) h ^= murmur::scramble(static_cast<std::uint32_t>(carry));
    return murmur::finish(h, size_ + n);
}

Tokens::Tokens(const Column& column, bool binned)
    : column_(column),
      binned_(binned),
      prefix_(column.name + "="),
      missing_(prefix_.hash(nullptr, 0)),
      zero_(prefix_.hash("0", 1)) {
    std::visit(
        [&](const auto& v) {
            if constexpr (requires { v.codes; }) {
                if (!v.codes) return;
                if (v.texts > column.rows) {
                    seen_ = std::make_unique<HashTable>(v.texts);
                    return;
                }
                all_.resize(static_cast<std::size_t>(v.texts));
                for (Index i = 0; i < v.texts; i++) all_[static_cast<std::size_t>(i)] = text(v, i);
            }
        },
        column.values);
}

template <class Offset>
std::uint32_t Tokens::text(const Texts<Offset>& v, Index i) const {
    const auto a = static_cast<Index>(v.offsets[i]), b = static_cast<Index>(v.offsets[i + 1]);
    if (!(0 <= a && a <= b && b <= v.bytes))  // the message costs more than the hash
        throw std::invalid_argument("the offsets of column '" + column_.name + "' leave its texts");
    return prefix_.hash(v.data + a, static_cast<std::size_t>(b - a));
}

template <class Offset>
void Tokens::texts(const Texts<Offset>& v, std::uint32_t* out, Index begin, Index end) const {
    const auto size = static_cast<std::uint32_t>(std::min<Index>(v.texts, 0x7fffffff));
    auto wrong = [&] { throw std::invalid_argument("a code of column '" + column_.name + "' has no text"); };
    if (v.codes && !seen_ && !v.missing) {
        const std::uint32_t* const hashes = all_.data();
        for (Index i = begin; i < end; i++) {
            const auto code = static_cast<std::uint32_t>(v.codes[i]);
            if (code >= size) wrong();
            out[i - begin] = hashes[code];
        }
        return;
    }
    for (Index i = begin; i < end; i++) {
        const bool gone = v.missing && v.missing[i];
        if (!v.codes) {
            out[i - begin] = gone ? missing_ : text(v, i);
            continue;
        }
        const auto code = static_cast<std::uint32_t>(v.codes[i]);
        if (gone)
            out[i - begin] = missing_;
        else if (code >= size)
            wrong();
        else
            out[i - begin] = seen_ ? seen_->get(code, [&] { return text(v, code); }) : all_[code];
    }
}

template <class T>
std::uint32_t Tokens::number(T x, Index row, Bins& bins) const {
    if constexpr (std::is_floating_point_v<T>) {
        if (std::isnan(x)) return missing_;
        if (std::isinf(x))
            throw std::invalid_argument("column '" + column_.name + "' holds infinity in row " +
                                        std::to_string(row) +
                                        " of a block; set it to NaN where it means missing");
    }
    if (!binned_) return hash_number(prefix_, x);
    if (x == 0) return zero_;
    return bins.get(log_bin(static_cast<double>(x)), x < T(0),
                    [&](int bin, bool negative) { return hash_bin(prefix_, negative, bin); });
}

template <class T>
void Tokens::numbers(const T* values, std::uint32_t* out, Index begin, Index end, Bins& bins) const {
    for (Index i = begin; i < end; i++) {
        if constexpr (std::is_same_v<T, double>) {
            std::uint64_t bits;
            std::memcpy(&bits, &values[i], sizeof bits);
            if (binned_ && (bits >> 52 & 0x7ff) - 1 < 0x7fe) [[likely]] {  // neither 0, nor infinite, nor NaN
                out[i - begin] = bins.get(log_bin(values[i]), bits >> 63, [&](int bin, bool negative) {
                    return hash_bin(prefix_, negative, bin);
                });
                continue;
            }
        }
        out[i - begin] = number(values[i], i, bins);
    }
}

void Tokens::fill(std::uint32_t* out, Index begin, Index end, Bins& bins) const {
    std::visit(
        [&](const auto& v) {
            if constexpr (requires { v.codes; })
                texts(v, out, begin, end);
            else
                numbers(v.values, out, begin, end, bins);
        },
        column_.values);
}

}  // namespace esker

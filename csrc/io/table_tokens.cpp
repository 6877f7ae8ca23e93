// Texts, decimal numbers and bins to hashes.
#include "io/table_tokens.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "io/murmur.hpp"

namespace esker {
namespace {

// "column=" with room behind it for the value.
struct Writer {
    explicit Writer(const std::string& prefix) : prefix_size(prefix.size()) {
        if (prefix_size + room > sizeof fixed) {
            longer = prefix + std::string(room, ' ');
            text = longer.data();
        } else {
            std::memcpy(fixed, prefix.data(), prefix_size);
        }
    }
    std::uint32_t hash(const char* value, std::size_t n) {
        if (n > room)
            return murmur3_32(((std::string(text, prefix_size)).append(value, n)).data(), prefix_size + n, 0);
        std::memcpy(text + prefix_size, value, n);
        return murmur3_32(text, prefix_size + n, 0);
    }
    char* value() noexcept { return text + prefix_size; }
    char* end() noexcept { return value() + room; }
    std::uint32_t hash_until(const char* last) noexcept {
        return murmur3_32(text, static_cast<std::size_t>(last - text), 0);
    }

    static constexpr std::size_t room = 448;  // the longest decimal of a double in range, and most texts
    std::size_t prefix_size;
    char fixed[512];
    std::string longer;
    char* text = fixed;
};

template <class T>
std::uint32_t hash_number(Writer& to, T x) {
    if constexpr (std::is_floating_point_v<T>) {
        // A whole number reads as the integer that it is, so that a column may be of either type.
        if (x == std::trunc(x) && std::fabs(x) < T(9.2e18))
            return to.hash_until(std::to_chars(to.value(), to.end(), static_cast<std::int64_t>(x)).ptr);
        const double size = std::fabs(static_cast<double>(x));
        const auto form =
            size >= 1e-4 && size < 1e16 ? std::chars_format::fixed : std::chars_format::scientific;
        return to.hash_until(std::to_chars(to.value(), to.end(), x, form).ptr);
    } else {
        return to.hash_until(std::to_chars(to.value(), to.end(), x).ptr);
    }
}

// "2^3.25" for bin 13, "-2^3.25" where x < 0.
std::uint32_t hash_bin(Writer& to, bool negative, int bin) {
    char* p = to.value();
    if (negative) *p++ = '-';
    *p++ = '2', *p++ = '^';
    if (bin < 0) *p++ = '-';
    const int size = std::abs(bin);
    p = std::to_chars(p, to.end(), size / 4).ptr;
    static constexpr const char* quarters[] = {"", ".25", ".5", ".75"};
    for (const char* q = quarters[size % 4]; *q; q++) *p++ = *q;
    return to.hash_until(p);
}

constexpr int lowest_bin = 4 * -1075, bins = 4 * 2100;

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

Tokens::Tokens(const Column& column, bool binned)
    : column_(column),
      binned_(binned),
      prefix_(column.name + "="),
      missing_(murmur3_32(prefix_.data(), prefix_.size(), 0)) {
    if (binned) {
        table_ = std::make_unique<HashTable>(2 * bins);
        return;
    }
    std::visit(
        [&](const auto& v) {
            if constexpr (requires { v.codes; })
                if (v.codes) table_ = std::make_unique<HashTable>(v.texts);
        },
        column.values);
}

void Tokens::fill(std::uint32_t* out, Index begin, Index end) const {
    Writer to(prefix_);
    auto texts = [&](const auto& v) {
        auto hash = [&](Index text) {
            const auto a = static_cast<Index>(v.offsets[text]), b = static_cast<Index>(v.offsets[text + 1]);
            if (!(0 <= a && a <= b && b <= v.bytes))  // the message costs more than the hash
                throw std::invalid_argument("the offsets of column '" + column_.name + "' leave its texts");
            return to.hash(v.data + a, static_cast<std::size_t>(b - a));
        };
        for (Index i = begin; i < end; i++) {
            if (v.missing && v.missing[i]) {
                out[i - begin] = missing_;
            } else if (v.codes) {
                const Index code = v.codes[i];
                if (static_cast<std::uint64_t>(code) >= static_cast<std::uint64_t>(v.texts))
                    throw std::invalid_argument("a code of column '" + column_.name + "' has no text");
                out[i - begin] = table_->get(code, [&] { return hash(code); });
            } else {
                out[i - begin] = hash(i);
            }
        }
    };
    auto numbers = [&](const auto& v) {
        using T = std::decay_t<decltype(*v.values)>;
        for (Index i = begin; i < end; i++) {
            const T x = v.values[i];
            if constexpr (std::is_floating_point_v<T>) {
                if (std::isnan(x)) {
                    out[i - begin] = missing_;
                    continue;
                }
                if (std::isinf(x))
                    throw std::invalid_argument("column '" + column_.name + "' holds infinity in row " +
                                                std::to_string(i) +
                                                " of a block; set it to NaN where it means missing");
            }
            if (!binned_) {
                out[i - begin] = hash_number(to, x);
            } else if (x == 0) {
                out[i - begin] = table_->get(0, [&] { return to.hash("0", 1); });
            } else {
                const bool negative = x < T(0);
                const int bin = log_bin(static_cast<double>(x));
                out[i - begin] = table_->get(1 + (bin - lowest_bin) + (negative ? bins - 1 : 0),
                                             [&] { return hash_bin(to, negative, bin); });
            }
        }
    };
    std::visit(
        [&](const auto& v) {
            if constexpr (requires { v.codes; })
                texts(v);
            else
                numbers(v);
        },
        column_.values);
}

}  // namespace esker

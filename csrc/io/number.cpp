// The rare numbers: long mantissas, large exponents, no digit before the point, a leading plus.
#include "io/number.hpp"

#include <limits>

namespace esker {

bool scan_double_slow(const char*& p, double& out) noexcept {
    const char* q = p;
    const bool negative = *q == '-';
    q += negative || *q == '+';
    const char* const begin = q;
    // The power of ten of the first digit that is not zero tells overflow from underflow, if it comes to
    // that.
    std::int64_t power = 0, after_point = 0;
    bool any = false, nonzero = false;
    for (; is_digit(*q); q++) {
        any = true;
        power += nonzero;
        nonzero |= *q != '0';
    }
    if (*q == '.') {
        for (q++; is_digit(*q); q++) {
            any = true;
            after_point++;
            if (!nonzero && *q != '0') nonzero = true, power = -after_point;
        }
    }
    if (!any) return false;
    if ((*q | 0x20) == 'e') {
        const char* r = q + 1;
        const bool down = *r == '-';
        r += down || *r == '+';
        if (!is_digit(*r)) return false;
        std::int64_t e = 0;
        for (; is_digit(*r); r++)
            if (e < (std::int64_t{1} << 50)) e = e * 10 + (*r - '0');
        power += down ? -e : e;
        q = r;
    }
    double d = 0;
    if (nonzero) {
        const auto result = std::from_chars(begin, q, d);
        // Versions of the standard library differ in what they leave in d here.
        if (result.ec == std::errc::result_out_of_range)
            d = power > 0 ? std::numeric_limits<double>::infinity() : 0.0;
    }
    out = negative ? -d : d;
    p = q;
    return true;
}

}  // namespace esker

// sqrt(x L sech(pi j L)) times cos and sin of j L log x.
#include "model/chi2_features.hpp"

#include <algorithm>
#include <cmath>

#include "isa/map_kernels.hpp"

namespace esker {

template <class T>
void chi2_features(T* out, Index apart, const T* x, Index n, Index steps, double interval) {
    constexpr Index few = 256;
    constexpr double quarter = 0x1.921fb54442d18p+0;
    const auto& kernel = map_kernels().cosine<double>();
    double value[few], root[few], log[few], angle[few], wave[few], none[few], turn[few];
    std::fill_n(none, few, 0.0), std::fill_n(turn, few, -quarter);
    for (Index begin = 0; begin < n; begin += few) {
        const Index size = std::min(few, n - begin);
        T* to = out + begin;
        for (Index i = 0; i < size; i++)
            value[i] = x[begin + i] > 0 ? static_cast<double>(x[begin + i]) : 1.0;
        kernel.logarithm(log, value, size);
        for (Index i = 0; i < size; i++) {
            root[i] = x[begin + i] > 0 ? std::sqrt(value[i]) : 0.0;
            to[i] = static_cast<T>(root[i] * std::sqrt(interval));
        }
        for (Index j = 1; j < steps; j++) {
            const double each = interval * static_cast<double>(j);
            const double factor = std::sqrt(2 * interval / std::cosh(each * 2 * quarter));
            for (Index i = 0; i < size; i++) angle[i] = each * log[i];
            for (const double* offset : {none, turn}) {
                to += apart;
                kernel.cosine(wave, angle, offset, factor, size);
                for (Index i = 0; i < size; i++) to[i] = static_cast<T>(root[i] * wave[i]);
            }
        }
    }
}

template void chi2_features(float*, Index, const float*, Index, Index, double);
template void chi2_features(double*, Index, const double*, Index, Index, double);

}  // namespace esker

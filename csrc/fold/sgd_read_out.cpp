// Sgd's coefficients, read out of its tables in tiles: of records, and of tables that are standardised.
#include <algorithm>

#include "base/parallel.hpp"
#include "fold/sgd.hpp"

namespace esker {
namespace {

constexpr Index tile = 64;  // features whose records stay in the second cache for all lanes

template <class T>
void read_records(const Sgd& s, T* coef, Index stride, const std::int32_t* slot, Index from, Index to) {
    const bool as_they_are =
        !s.timed() && !s.plain() && s.step.rule != Rule::ftrl && s.step.rule != Rule::coin;
    Index records[tile];
    double scales[tile];
    for (Index j = from; j < to; j++) {
        records[j - from] = slot ? slot[j] : j;
        scales[j - from] = s.step.normalises() ? s.scale[static_cast<std::size_t>(records[j - from])] : 1.0;
    }
    for (int k = 0; k < s.lanes(); k++) {
        T* out = coef + k * stride;
        const double unit = s.y_scale[static_cast<std::size_t>(k)];
        for (Index j = from; j < to; j++) {
            const Index r = records[j - from];
            const float weight = as_they_are ? s.weight_at(r, k) : s.settled(r, k);
            out[j] = static_cast<T>(static_cast<double>(weight) * scales[j - from] * unit);
        }
    }
}

}  // namespace

template <class T>
std::vector<double> Sgd::read_out(T* coef, Index stride, const std::int32_t* slot, Index n) const {
    require(layout == Layout::sparse, "only tables of sparse rows are read out by records");
    for (Index j = 0; slot && j < n; j++)
        require(0 <= slot[j] && slot[j] < cols, "a column's record must be one of " + std::to_string(cols) +
                                                    ", got " + std::to_string(slot[j]));
    require(slot || n <= cols, "there are fewer records than columns to read out");
    const Index tiles = (n + tile - 1) / tile, share = 16;  // tiles a task
    parallel_for((tiles + share - 1) / share, [&](std::int64_t task) {
        for (Index t = task * share; t < std::min(tiles, (task + 1) * share); t++)
            read_records(*this, coef, stride, slot, t * tile, std::min(n, (t + 1) * tile));
    });
    std::vector<double> intercept(bias);
    for (std::size_t q = 0; q < intercept.size(); q++) intercept[q] = intercept[q] * y_scale[q] + y_centre[q];
    return intercept;
}
template std::vector<double> Sgd::read_out(float*, Index, const std::int32_t*, Index) const;
template std::vector<double> Sgd::read_out(double*, Index, const std::int32_t*, Index) const;

Sgd::Coefficients Sgd::finish() const {
    Coefficients out;
    out.coef.assign(static_cast<std::size_t>(lanes()) * static_cast<std::size_t>(cols), 0.0);
    if (layout == Layout::sparse) {
        out.intercept = read_out(out.coef.data(), cols, nullptr, cols);
        return out;
    }
    out.intercept = bias;
    for (Index from = 0; from < cols && layout == Layout::dense; from += tile)
        for (int k = 0; k < lanes(); k++) {
            const auto q = static_cast<std::size_t>(k);
            double* coef = out.coef.data() + k * cols;
            for (Index j = from; j < std::min(cols, from + tile); j++) {
                const auto i = static_cast<std::size_t>(j);
                const double weight = static_cast<double>(settled(j, k)) * scale[i];
                if (fit_intercept && automatic()) out.intercept[q] -= weight * centre[i];
                coef[j] = weight * y_scale[q];
            }
        }
    for (std::size_t q = 0; q < bias.size(); q++)
        out.intercept[q] = out.intercept[q] * y_scale[q] + y_centre[q];
    return out;
}

}  // namespace esker

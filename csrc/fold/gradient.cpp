// Gradient: how blocks are dealt to shards, each with sums of its own, and rows of one model.
#include "fold/gradient.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "fold/gradient_rows.hpp"

namespace esker {
namespace {

void check_classes(const Block& block, Index begin, Index end, Index models) {
    const double classes = static_cast<double>(std::max<Index>(models, 2));
    bool good = true;
    for (Index i = begin; i < end; i++) {
        const double y = block.y[i];
        good &= (y >= 0) & (y < classes) & (y == std::floor(y));
    }
    require(good, "y must hold class indices from 0 to " + std::to_string(static_cast<Index>(classes) - 1));
}

// A target that the loss has no distribution for is none to it in a row of weight 0.
void check_numbers(const Block& block, Index begin, Index end, const Gradient& at) {
    const bool deviance = at.loss == Gradient::Loss::deviance, above = deviance && at.power >= 2;
    const double least = deviance ? 0.0 : std::numeric_limits<double>::lowest();
    auto good = [&](Index i) {
        const double y = block.y[i], size = std::abs(y);
        return ((above ? y > least : y >= least) | (block.w(i) == 0)) &
               (size <= std::numeric_limits<double>::max());
    };
    bool all = true;
    for (Index i = begin; i < end; i++) all &= good(i);
    if (all) return;
    Index i = begin;
    while (good(i)) i++;
    throw std::invalid_argument(
        std::string("y must hold finite numbers") +
        (above      ? " above 0: a deviance of power 2 or more, such as gamma's, knows no others"
         : deviance ? " of at least 0: a deviance of power 1 or more, such as Poisson's, knows no others"
                    : "") +
        "; got " + number_name(block.y[i]) + " in " + row_name(block.keys(i)));
}

// Weight of rows [begin, end), whose targets and weights are looked at.
double checked(const Block& block, Index begin, Index end, const Gradient& at) {
    if (at.loss == Gradient::Loss::classes || at.loss == Gradient::Loss::squared_hinge)
        check_classes(block, begin, end, at.models);
    else
        check_numbers(block, begin, end, at);
    if (!block.weight) return static_cast<double>(end - begin);
    double total = 0;
    for (Index i = begin; i < end; i++) {
        require(block.weight[i] >= 0,
                "sample_weight must not be negative, got " + std::to_string(block.weight[i]));
        total += block.weight[i];
    }
    return total;
}

template <class T>
double spread_of(const DenseView<T>& x, const Block& block, Index begin, Index end,
                 const std::vector<double>& shift) {
    std::vector<double> sum(static_cast<std::size_t>(x.cols), 0.0);
    for (Index i = begin; i < end; i++)
        kernels().rows<T>().column_squares(sum.data(), x.row(i), shift.data(), block.w(i), x.cols);
    double total = 0;
    for (const double v : sum) total += v;
    return total;
}

// At most twice the sums about zero.
template <class T, class I>
double spread_of(const CsrView<T, I>& x, const Block& block, Index begin, Index end,
                 const std::vector<double>& shift) {
    double origin = 0, total = 0;
    for (const double v : shift) origin += v * v;
    for (Index i = begin; i < end; i++) {
        const auto row = x.row(i);
        double own = origin;
        for (Index j = 0; j < row.size; j++)
            own += static_cast<double>(row.values[j]) * static_cast<double>(row.values[j]);
        total += block.w(i) * own;
    }
    return origin > 0 ? 2 * total : total;
}

template <class T>
void dense_one(Gradient::Sums& s, const DenseView<T>& x, const Block& block, Index begin, Index end,
               const Gradient& at) {
    const Index fit = (Index{128} << 10) / std::max<Index>(1, x.cols * static_cast<Index>(sizeof(T)));
    const Index few = std::clamp<Index>(fit / 4 * 4, 4, gradient_few);
    const auto& kernel = kernels().gradient<T>();
    double scores[gradient_few], squares[gradient_few];
    for (Index i = begin; i < end; i += few) {
        const Index n = std::min(few, end - i);
        kernel.scores(scores, at.spreads ? squares : nullptr, x.row(i), x.stride, at.shift.data(),
                      at.coef.data(), n, x.cols);
        for (Index k = 0; at.spreads && k < n; k++) s.spread += block.w(i + k) * squares[k];
        slopes_of(s, at, scores, block, at.intercept[0], i, n);
        kernel.sum(s.slope.data(), scores, x.row(i), x.stride, at.shift.data(), n, x.cols);
    }
}

// Of rows as they are: what the shift takes off their slopes follows from the level.
template <class T, class I>
void sparse_one(Gradient::Sums& s, const CsrView<T, I>& x, const Block& block, Index begin, Index end,
                const Gradient& at, double base) {
    double scores[gradient_few];
    const double* w = at.coef.data();
    double* out = s.slope.data();
    for (Index i = begin; i < end; i += gradient_few) {
        const Index n = std::min(gradient_few, end - i);
        for (Index k = 0; k < n; k++) {
            const auto row = x.row(i + k);
            double a = 0, b = 0;
            Index j = 0;
            for (; j + 2 <= row.size; j += 2) {
                a += static_cast<double>(row.values[j]) * w[row.columns[j]];
                b += static_cast<double>(row.values[j + 1]) * w[row.columns[j + 1]];
            }
            if (j < row.size) a += static_cast<double>(row.values[j]) * w[row.columns[j]];
            scores[k] = a + b;
        }
        slopes_of(s, at, scores, block, base, i, n);
        for (Index k = 0; k < n; k++) {
            const auto row = x.row(i + k);
            const double g = scores[k];
            if (g == 0) continue;
            for (Index j = 0; j < row.size; j++)
                out[row.columns[j]] += g * static_cast<double>(row.values[j]);
        }
    }
}

// Rows of several models; coef: columns x models.
template <class T, class I>
void sparse_many(Gradient::Sums& s, const CsrView<T, I>& x, const Block& block, Index begin, Index end,
                 Index models, const double* coef, const std::vector<double>& base) {
    const auto& axpy = kernels().rows_f64.axpy;
    const auto& lanes = kernels().lanes;
    const auto size = static_cast<std::size_t>(models);
    std::vector<double> p(size), e(size);
    for (Index i = begin; i < end; i++) {
        const double w = block.w(i);
        if (w == 0) continue;
        const auto row = x.row(i);
        std::copy(base.begin(), base.end(), p.begin());
        for (Index j = 0; j < row.size; j++)
            axpy(p.data(), static_cast<double>(row.values[j]),
                 coef + static_cast<Index>(row.columns[j]) * models, models);
        const auto own = static_cast<std::size_t>(block.y[i]);
        const double top = *std::max_element(p.begin(), p.end()), mine = p[own];
        for (double& v : p) v -= top;
        lanes.exp(e.data(), p.data(), static_cast<int>(models));
        double total = 0;
        for (const double v : e) total += v;
        s.value += w * (std::log(total) + (top - mine));
        for (std::size_t k = 0; k < size; k++) {
            const double q = e[k] / total;
            p[k] = w * (q - (k == own ? 1.0 : 0.0));
            s.level[k] += p[k], s.curvature[k] += w * q * (1.0 - q);
        }
        for (Index j = 0; j < row.size; j++)
            axpy(s.slope.data() + static_cast<Index>(row.columns[j]) * models,
                 static_cast<double>(row.values[j]), p.data(), models);
    }
}

}  // namespace

Gradient::Gradient(Index width, std::vector<double> w, std::vector<double> b, std::vector<double> centre)
    : cols(width),
      models(static_cast<Index>(b.size())),
      coef(std::move(w)),
      intercept(std::move(b)),
      shift(std::move(centre)),
      sums(empty_sums(cols, models, models)) {
    require(models >= 1 && static_cast<Index>(coef.size()) == models * cols &&
                static_cast<Index>(shift.size()) == cols,
            "coef must be (models, d), intercept (models,) and shift (d,)");
}

void Gradient::widen(Index wanted) {
    if (wanted <= cols) return;
    std::vector<double> wide(static_cast<std::size_t>(models * wanted), 0.0);
    for (Index k = 0; k < models; k++)
        std::copy(coef.data() + k * cols, coef.data() + (k + 1) * cols, wide.data() + k * wanted);
    coef = std::move(wide);
    shift.resize(static_cast<std::size_t>(wanted), 0.0);
    sums.slope.resize(static_cast<std::size_t>(wanted * models), 0.0);
    cols = wanted;
    by_column_.clear();
    strips_of_ = 0;
}

const double* Gradient::packed(bool wanted) {
    if (wanted && by_column_.empty()) {
        by_column_.resize(coef.size());
        for (Index k = 0; k < models; k++)
            for (Index j = 0; j < cols; j++)
                by_column_[static_cast<std::size_t>(j * models + k)] =
                    coef[static_cast<std::size_t>(k * cols + j)];
    }
    return by_column_.data();
}

template <class T>
const T* Gradient::strips() {
    const Index wide = kernels().gradient<T>().wide, n = (models + wide - 1) / wide;
    strips_.grow(static_cast<std::size_t>(n * cols * wide) * (sizeof(T) / sizeof(float)));
    T* to = reinterpret_cast<T*>(strips_.data());
    if (strips_of_ == static_cast<Index>(sizeof(T))) return to;
    strips_of_ = sizeof(T);
    for (Index t = 0; t < n; t++)
        for (Index l = 0; l < wide; l++)
            for (Index j = 0; j < cols; j++) {
                const Index k = t * wide + l;
                to[(t * cols + j) * wide + l] =
                    k < models ? static_cast<T>(coef[static_cast<std::size_t>(k * cols + j)]) : T(0);
            }
    return to;
}

// Shards join in their order.
void Gradient::gather(const std::vector<Sums>& shards) {
    for (const Sums& s : shards) {
        sums.weight += s.weight, sums.value += s.value, sums.spread += s.spread;
        for (std::size_t k = 0; k < sums.level.size(); k++)
            sums.level[k] += s.level[k], sums.curvature[k] += s.curvature[k];
    }
    constexpr Index band = 1 << 14;
    const auto n = static_cast<Index>(sums.slope.size());
    parallel_for((n + band - 1) / band, [&](Index b) {
        const Index end = std::min(n, (b + 1) * band);
        for (const Sums& s : shards) {
            const Index last = std::min(end, static_cast<Index>(s.slope.size()));
            for (Index j = b * band; j < last; j++)
                sums.slope[static_cast<std::size_t>(j)] += s.slope[static_cast<std::size_t>(j)];
        }
    });
}

// rows_of(sums, begin, end) of each shard's rows.
template <class X, class F>
void Gradient::deal(const X& x, const Block& block, F&& rows_of) {
    std::vector<Sums> shards(static_cast<std::size_t>(gradient_shards(x.rows, x.cols * models)));
    const auto n = static_cast<Index>(shards.size());
    parallel_for(n, [&](Index i) {
        Sums& s = shards[static_cast<std::size_t>(i)] = empty_sums(x.cols, models, models);
        const Index begin = x.rows * i / n, end = x.rows * (i + 1) / n;
        s.weight = checked(block, begin, end, *this);
        if (spreads && !(models == 1 && requires { x.stride; }))  // one model's dense rows bring theirs
            s.spread = spread_of(x, block, begin, end, shift);
        rows_of(s, begin, end);
    });
    gather(shards);
}

template <class T>
void Gradient::dense(const DenseView<T>& x, const Block& block) {
    if (models == 1)
        return deal(x, block,
                    [&](Sums& s, Index begin, Index end) { dense_one(s, x, block, begin, end, *this); });
    if (precise || std::is_same_v<T, double>) {
        const double* own = strips<double>();
        return deal(x, block, [&](Sums& s, Index begin, Index end) {
            softmax_dense<double>(s, x, block, begin, end, *this, own);
        });
    }
    if constexpr (std::is_same_v<T, float>) {
        const float* own = strips<float>();
        deal(x, block, [&](Sums& s, Index begin, Index end) {
            softmax_dense<float>(s, x, block, begin, end, *this, own);
        });
    }
}

template <class T, class I>
void Gradient::sparse(const CsrView<T, I>& x, const Block& block) {
    const double* own = packed(models > 1);
    std::vector<double> base(intercept);
    for (Index k = 0; k < models; k++)
        base[static_cast<std::size_t>(k)] -=
            kernels().rows_f64.dot(shift.data(), coef.data() + k * cols, cols);
    const std::vector<double> before(sums.level);
    deal(x, block, [&](Sums& s, Index begin, Index end) {
        models > 1 ? sparse_many(s, x, block, begin, end, models, own, base)
                   : sparse_one(s, x, block, begin, end, *this, base[0]);
    });
    std::vector<double> level(before.size());
    for (std::size_t k = 0; k < level.size(); k++) level[k] = sums.level[k] - before[k];
    for (Index j = 0; j < cols; j++) {
        const double at = shift[static_cast<std::size_t>(j)];
        for (Index k = 0; at != 0 && k < models; k++)
            sums.slope[static_cast<std::size_t>(j * models + k)] -= at * level[static_cast<std::size_t>(k)];
    }
}

void Gradient::update(const Block& block) {
    std::visit(
        [&](const auto& x) {
            require(block.targets == 1 && block.y, loss == Loss::classes
                                                       ? "y must be one column of class indices"
                                                       : "y must be one column of numbers");
            require(loss == Loss::classes || (models == 1 && power >= (loss == Loss::squared_tube ? 0 : 1)),
                    "numbers have one model, and the power of a deviance is at least 1");
            widen(x.cols);
            if constexpr (requires { x.stride; }) {
                if (x.cols < cols &&
                    x.rows) {  // missing columns are columns of zeros, which lie off the shift
                    require(std::all_of(shift.begin() + x.cols, shift.end(), [](double v) { return v == 0; }),
                            "dense rows must have " + std::to_string(cols) + " columns, got " +
                                std::to_string(x.cols));
                }
                dense(x, block);
            } else {
                sparse(x, block);
            }
            rows += x.rows;
        },
        block.x);
}

void Gradient::merge(const Gradient& other) {
    require(other.models == models, "gradients of " + std::to_string(models) + " and " +
                                        std::to_string(other.models) + " models cannot be merged");
    if (other.cols < cols) {
        Gradient wide(other);
        wide.widen(cols);
        return merge(wide);
    }
    widen(other.cols);
    require(coef == other.coef && intercept == other.intercept && shift == other.shift &&
                loss == other.loss && power == other.power,
            "gradients of different losses, or at different coefficients, cannot be merged");
    rows += other.rows;
    gather({other.sums});
}

Gradient::Summary Gradient::finish() const {
    Summary f{sums.value, sums.spread, std::vector<double>(sums.slope.size()), sums.level, sums.curvature};
    for (Index j = 0; j < cols; j++)
        for (Index k = 0; k < models; k++)
            f.slope[static_cast<std::size_t>(k * cols + j)] =
                sums.slope[static_cast<std::size_t>(j * models + k)];
    return f;
}

}  // namespace esker

// Rows are dealt to shards by the block's shape; a shard's sums stay in its own memory until the walk ends.
#include "solve/krylov.hpp"

#include <algorithm>
#include <string>
#include <type_traits>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "isa/kernels.hpp"
#include "isa/map_kernels.hpp"

namespace esker {
namespace {

// Private sums are as many as keep several cores busy, and fewer where they are large: each thread should
// find the lines of its shard in its cache.
Index shards_of(Index numbers) {
    return std::clamp<Index>((Index{1} << 22) / std::max<Index>(numbers, 1), 2, 16);
}

constexpr Index widest = 8;

// Whether a table of so many numbers leaves a core's own cache (of half a megabyte and more).
bool far(Index numbers) { return numbers > (Index{1} << 15); }

typedef double Pair __attribute__((vector_size(16), aligned(8), may_alias));

template <class X>
constexpr bool is_dense = false;
template <class T>
constexpr bool is_dense<DenseView<T>> = true;

// Rows of the part of a block that belongs to a shard.
struct Share {
    Index begin, end;
    Share(Index rows, Index shard, Index shards)
        : begin(rows * shard / shards), end(rows * (shard + 1) / shards) {}
};

}  // namespace

// --- the columns' sums ---

ColumnSums::ColumnSums(Index columns, std::vector<double> about, std::vector<double> from)
    : cols(columns),
      shift(std::move(about)),
      y(shift.size(), 0.0),
      yy(shift.size(), 0.0),
      start(std::move(from)) {
    if (!start.empty()) {
        require(shift.size() == 1 && static_cast<Index>(start.size()) == cols,
                "a start is a number for each column, of one target");
        for (Index s = 0; s < shards_of(4 * cols); s++) {
            auto& table = tables_.emplace_back(static_cast<std::size_t>(4 * cols * 2));
            for (Index j = 0; j < cols; j++)
                reinterpret_cast<double*>(table.data())[4 * j] = -start[static_cast<std::size_t>(j)];
        }
        return;
    }
    const Index record = 2 + static_cast<Index>(shift.size());
    shards_.assign(static_cast<std::size_t>(shards_of(record * cols)), {});
    for (auto& shard : shards_) shard.assign(static_cast<std::size_t>(record * cols), 0.0);
}

void ColumnSums::update(const Block& block) {
    const auto targets = static_cast<Index>(shift.size());
    require(block.targets == targets, "every row must have " + std::to_string(targets) + " targets, got " +
                                          std::to_string(block.targets));
    if (start.empty())
        add_columns(block);
    else
        add_from_start(block);
    rows += block.n;
    for (Index i = 0; i < block.n; i++) {
        weight += block.w(i);
        for (Index t = 0; t < targets; t++) {
            const double v = block.y[i * targets + t] - shift[static_cast<std::size_t>(t)];
            y[static_cast<std::size_t>(t)] += block.w(i) * v;
            yy[static_cast<std::size_t>(t)] += block.w(i) * v * v;
        }
    }
}

void ColumnSums::add_from_start(const Block& block) {
    require(esker::cols(block.x) <= cols, "with a start, rows must have at most its columns");
    const auto shards = static_cast<Index>(tables_.size());
    std::vector<double> sums(static_cast<std::size_t>(2 * shards), 0.0);
    const double base = -shift[0];
    const Index target = 0;
    std::visit(
        [&](const auto& x) {
            using View = std::decay_t<decltype(x)>;
            if constexpr (is_dense<View>) {
                require(false, "a start is taken by sparse rows");
            } else {
                using T = typename View::Scalar;
                using I = typename View::Column;
                parallel_for(shards, [&](Index shard) {
                    const Share share(x.rows, shard, shards);
                    const NormalRows<T, I> rows{x.data,    x.indices,    x.indptr,     share.begin,
                                                share.end, block.weight, block.y,      block.targets,
                                                &target,   &base,        far(4 * cols)};
                    if (share.end > share.begin)
                        kernels().normal.of<T, I>().first(
                            reinterpret_cast<double*>(tables_[static_cast<std::size_t>(shard)].data()),
                            sums.data() + 2 * shard, rows);
                });
            }
        },
        block.x);
    for (Index s = 0; s < shards; s++)
        rest += sums[static_cast<std::size_t>(2 * s)],
            rest_squares += sums[static_cast<std::size_t>(2 * s + 1)];
}

void ColumnSums::add_columns(const Block& block) {
    const auto targets = static_cast<Index>(shift.size());
    const Index record = 2 + targets;
    cols = std::max(cols, esker::cols(block.x));
    const bool wide = far(record * cols);
    std::visit(
        [&](const auto& x) {
            using View = std::decay_t<decltype(x)>;
            parallel_for(static_cast<std::int64_t>(shards_.size()), [&](Index shard) {
                auto& sums = shards_[static_cast<std::size_t>(shard)];
                sums.resize(static_cast<std::size_t>(record * cols), 0.0);
                const Share share(x.rows, shard, static_cast<Index>(shards_.size()));
                std::vector<double> wy(static_cast<std::size_t>(targets));
                for (Index i = share.begin; i < share.end; i++) {
                    const double w = block.w(i);
                    if (w == 0) continue;
                    for (Index t = 0; t < targets; t++)
                        wy[static_cast<std::size_t>(t)] =
                            w * (block.y[i * targets + t] - shift[static_cast<std::size_t>(t)]);
                    auto add = [&](Index column, double value) {
                        double* to = sums.data() + column * record;
                        to[0] += w * value, to[1] += w * value * value;
                        for (Index t = 0; t < targets; t++)
                            to[2 + t] += value * wy[static_cast<std::size_t>(t)];
                    };
                    auto add_one = [&](Index column, double value) {  // of one target
                        double* to = sums.data() + column * 3;
                        const double wx = w * value;
                        *reinterpret_cast<Pair*>(to) += Pair{wx, wx * value};
                        to[2] += value * wy[0];
                    };
                    if constexpr (is_dense<View>) {
                        for (Index j = 0; j < x.cols; j++) add(j, static_cast<double>(x.row(i)[j]));
                    } else {
                        const auto row = x.row(i);
                        if (wide) {  // its lines are asked for well before they are needed
                            const Index last = static_cast<Index>(x.indptr[share.end] - x.indptr[i]) - 1;
                            for (Index k = 0; k < row.size; k++) {
                                const auto next = static_cast<Index>(row.columns[std::min(k + 32, last)]);
                                __builtin_prefetch(sums.data() + next * record, 1);
                                add(static_cast<Index>(row.columns[k]), static_cast<double>(row.values[k]));
                            }
                        } else if (targets == 1) {
                            for (Index k = 0; k < row.size; k++)
                                add_one(static_cast<Index>(row.columns[k]),
                                        static_cast<double>(row.values[k]));
                        } else {
                            for (Index k = 0; k < row.size; k++)
                                add(static_cast<Index>(row.columns[k]), static_cast<double>(row.values[k]));
                        }
                    }
                }
            });
        },
        block.x);
}

std::vector<double> ColumnSums::finish() const {
    const Index record = 2 + static_cast<Index>(shift.size());
    std::vector<double> out(static_cast<std::size_t>(record * cols), 0.0);
    constexpr Index band = 4096;
    parallel_for((cols + band - 1) / band, [&](Index b) {
        const Index from = b * band, to = std::min(cols, from + band);
        for (const auto& table : tables_)
            for (Index j = from; j < to; j++)
                for (Index r = 0; r < record; r++)
                    out[static_cast<std::size_t>(r * cols + j)] +=
                        reinterpret_cast<const double*>(table.data())[4 * j + 1 + r];
        for (const auto& shard : shards_)
            for (Index j = from; j < std::min(to, static_cast<Index>(shard.size()) / record); j++)
                for (Index r = 0; r < record; r++)
                    out[static_cast<std::size_t>(r * cols + j)] +=
                        shard[static_cast<std::size_t>(j * record + r)];
    });
    return out;
}

// --- X'(w (X p)) ---

NormalProduct::NormalProduct(Index columns, Index many, bool is_sparse)
    : cols(columns),
      lanes(many),
      sparse(is_sparse),
      shards_(shards_of(cols * std::min<Index>(sparse ? 2 * lanes : lanes, 2 * widest))) {
    if (!sparse) groups_.push_back({0, lanes, lanes});
    for (Index first = 0; sparse && first < lanes; first += widest) {
        const Index here = std::min(widest, lanes - first);
        Index width = 1;
        while (width < here) width *= 2;
        groups_.push_back({first, here, width});
    }
    for (const Group& g : groups_)
        for (Index s = 0; s < shards_; s++)
            tables_.emplace_back(static_cast<std::size_t>((sparse ? 2 : 1) * g.width * cols * 2));
    sums_.assign(groups_.size() * static_cast<std::size_t>(shards_ * 2 * std::max(lanes, widest)), 0.0);
}

Index NormalProduct::numbers(Index cols, Index lanes, bool sparse) {
    const Index shards = shards_of(cols * std::min<Index>(sparse ? 2 * lanes : lanes, 2 * widest));
    Index width = 1;
    while (width < std::min(lanes, widest)) width *= 2;
    const Index kept = sparse ? 2 * (lanes / widest * widest + (lanes % widest ? width : 0)) : lanes;
    return kept * cols * shards;
}

double* NormalProduct::table(std::size_t group, Index shard) {
    return reinterpret_cast<double*>(
        tables_[group * static_cast<std::size_t>(shards_) + static_cast<std::size_t>(shard)].data());
}

double* NormalProduct::sums(std::size_t group, Index shard) {
    const auto each = static_cast<std::size_t>(2 * std::max(lanes, widest));
    return sums_.data() +
           (group * static_cast<std::size_t>(shards_) + static_cast<std::size_t>(shard)) * each;
}

void NormalProduct::begin(const double* p, const double* base, const double* mean) {
    mean_.assign(mean, mean + cols);
    base_.assign(base, base + lanes);
    std::fill(sums_.begin(), sums_.end(), 0.0);
    if (!sparse) p_.assign(p, p + lanes * cols);
    for (std::size_t g = 0; g < groups_.size(); g++) {
        const Group& group = groups_[g];
        parallel_for(shards_, [&](Index shard) {
            double* to = table(g, shard);
            std::fill(to, to + (sparse ? 2 : 1) * group.width * cols, 0.0);
            for (Index k = 0; sparse && k < group.lanes; k++)
                for (Index j = 0; j < cols; j++)
                    to[j * 2 * group.width + k] = p[(group.first + k) * cols + j];
        });
    }
}

void NormalProduct::update(const Block& block, const Index* target) {
    require(esker::cols(block.x) <= cols, "the rows must have at most " + std::to_string(cols) +
                                              " columns, got " + std::to_string(esker::cols(block.x)));
    const Index tasks = shards_ * static_cast<Index>(groups_.size());
    auto sparse_rows = [&](const auto& x, std::size_t g, Index shard) {
        using View = std::decay_t<decltype(x)>;
        using T = typename View::Scalar;
        using I = typename View::Column;
        const Group& group = groups_[g];
        const Share share(x.rows, shard, shards_);
        double base[widest] = {};
        Index column[widest] = {};
        for (Index k = 0; k < group.lanes; k++) {
            base[k] = base_[static_cast<std::size_t>(group.first + k)];
            column[k] = target ? target[group.first + k] : 0;
        }
        NormalRows<T, I> rows{x.data,
                              x.indices,
                              x.indptr,
                              share.begin,
                              share.end,
                              block.weight,
                              target ? block.y : nullptr,
                              block.targets,
                              column,
                              base,
                              far(2 * group.width * cols)};
        const int size = group.width == 1 ? 0 : group.width == 2 ? 1 : group.width == 4 ? 2 : 3;
        if (share.end > share.begin)
            kernels().normal.of<T, I>().rows[size](table(g, shard), sums(g, shard), rows);
    };
    auto dense_rows = [&](const auto& x, Index shard) {
        using T = typename std::decay_t<decltype(x)>::Scalar;
        const auto& one = kernels().residual<T>();
        const auto& group = map_kernels().row_group<T>();
        constexpr Index most = RowGroupKernels<T>::rows;
        const Share share(x.rows, shard, shards_);
        double *out = table(0, shard), *sum = sums(0, shard);
        for (Index i = share.begin; i < share.end;) {
            Index n = std::min(most, share.end - i);
            for (Index r = 0; r < n; r++)
                if (block.w(i + r) == 0) n = 1;  // which is not even looked at
            if (n < most) n = 1;
            for (Index k = 0; k < lanes && block.w(i) != 0; k++) {
                double s[most], a[most];
                const double* p = p_.data() + k * cols;
                if (n == most)
                    group.dots(s, x.row(i), x.stride, mean_.data(), p, x.cols);
                else
                    s[0] = one.dot(x.row(i), mean_.data(), p, x.cols);
                for (Index r = 0; r < n; r++) {
                    s[r] += base_[static_cast<std::size_t>(k)] +
                            (target ? block.y[(i + r) * block.targets + target[k]] : 0.0);
                    a[r] = block.w(i + r) * s[r];
                    sum[k] += a[r], sum[lanes + k] += a[r] * s[r];
                }
                if (n == most)
                    group.add(out + k * cols, a, x.row(i), x.stride, mean_.data(), x.cols);
                else
                    one.axpy(out + k * cols, a[0], x.row(i), mean_.data(), x.cols);
            }
            i += n;
        }
    };
    std::visit(
        [&](const auto& x) {
            constexpr bool dense = is_dense<std::decay_t<decltype(x)>>;
            require(dense == !sparse, "blocks of one source must all be dense or all be sparse");
            parallel_for(tasks, [&](Index task) {
                if constexpr (dense)
                    dense_rows(x, task);
                else
                    sparse_rows(x, static_cast<std::size_t>(task / shards_), task % shards_);
            });
        },
        block.x);
}

void NormalProduct::finish(double* out, double* total) const {
    auto* self = const_cast<NormalProduct*>(this);  // table and sums only look
    std::fill(total, total + 2 * lanes, 0.0);
    for (std::size_t g = 0; g < groups_.size(); g++) {
        const Group& group = groups_[g];
        for (Index shard = 0; shard < shards_; shard++)
            for (Index k = 0; k < group.lanes; k++) {
                total[2 * (group.first + k)] += self->sums(g, shard)[k];
                total[2 * (group.first + k) + 1] += self->sums(g, shard)[group.width + k];
            }
        constexpr Index band = 4096;
        parallel_for((cols + band - 1) / band, [&](Index b) {
            for (Index j = b * band; j < std::min(cols, (b + 1) * band); j++)
                for (Index k = 0; k < group.lanes; k++) {
                    const Index lane = group.first + k;
                    double sum = sparse ? -total[2 * lane] * mean_[static_cast<std::size_t>(j)] : 0.0;
                    for (Index shard = 0; shard < shards_; shard++)
                        sum += self->table(
                            g, shard)[sparse ? j * 2 * group.width + group.width + k : lane * cols + j];
                    out[lane * cols + j] = sum;
                }
        });
    }
}

}  // namespace esker

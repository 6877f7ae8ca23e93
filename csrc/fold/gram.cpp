// Gram: how rows are dealt to shards, and how states meet.
#include "fold/gram.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "fold/gram_panels.hpp"
#include "isa/kernels.hpp"

namespace esker {
namespace {

// Up to this many columns each shard of the rows has a triangle of its own; wider triangles are shared out by
// tiles.
constexpr Index private_cols = 128;

// A function of the block's shape alone, so that the bits do not depend on the number of threads.
Index shards_of(Index rows, Index cols) {
    if (cols > private_cols) return 1;
    return std::clamp<Index>(rows / 1024, 1, 16);
}

Gram empty_like(const Gram& s) {
    Gram g;
    g.widen(s.cols());
    g.mean_y.resize(s.mean_y.size(), 0.0);
    g.xy.resize(s.xy.size(), 0.0);
    g.yy.resize(s.yy.size(), 0.0);
    return g;
}

// Sparse rows in as many columns; dense ones stay as they are.
template <class T>
DenseView<T> widened(const DenseView<T>& x, Index) {
    return x;
}
template <class T, class I>
CsrView<T, I> widened(CsrView<T, I> x, Index cols) {
    x.cols = std::max(x.cols, cols);
    return x;
}

template <class T>
void absorb_panels(Gram& s, const DenseView<T>& x, const Block& block) {
    const Index shards = shards_of(x.rows, x.cols);
    const bool thin = is_thin(x.cols, block.targets) && !s.block_rows;
    if (shards == 1 && thin) return absorb_thin(s, x, block, 0, x.rows);
    if (shards == 1) return absorb_dense(s, x, block, 0, x.rows, x.cols > private_cols);
    const Index panels = (x.rows + panel_rows<T> - 1) / panel_rows<T>;
    std::vector<Gram> parts(static_cast<std::size_t>(shards));
    parallel_for(shards, [&](Index i) {
        Gram& part = parts[static_cast<std::size_t>(i)];
        part = empty_like(s);
        const Index begin = panels * i / shards * panel_rows<T>;
        const Index end = std::min(x.rows, panels * (i + 1) / shards * panel_rows<T>);
        thin ? absorb_thin(part, x, block, begin, end) : absorb_dense(part, x, block, begin, end, false);
    });
    for (const Gram& part : parts) s.merge(part);
}

template <class T>
void absorb(Gram& s, const DenseView<T>& x, const Block& block);

// So many are written out at once.
template <class T>
Index rows_written(Index cols, bool packed) {
    const Index budget = packed ? Index{1} : Index{8} << 20,
                row_bytes = std::max<Index>(1, cols * static_cast<Index>(sizeof(T)));
    return std::max<Index>(1, budget / row_bytes / panel_rows<T>) * panel_rows<T>;
}

// Rows that fill(to, row) writes out densely as T, a few panels at a time.
template <class T, class Fill>
void absorb_written(Gram& s, Index rows, Index cols, const Block& block, Fill&& fill) {
    const Index chunk = rows_written<T>(cols, s.block_rows > 0);
    std::vector<T> written;
    for (Index begin = 0; begin < rows; begin += chunk) {
        const Index n = std::min(chunk, rows - begin);
        written.assign(static_cast<std::size_t>(n * cols), T(0));
        parallel_for((n + panel_rows<T> - 1) / panel_rows<T>, [&](Index panel) {
            for (Index i = panel * panel_rows<T>; i < std::min(n, (panel + 1) * panel_rows<T>); i++)
                fill(written.data() + i * cols, begin + i);
        });
        Block part = block;
        if (part.y) part.y += begin * part.targets;
        if (part.weight) part.weight += begin;
        absorb(s, DenseView<T>{written.data(), n, cols, cols}, part);
    }
}

// Do columns drift together inside a panel? Then its float32 products hold mostly the drift, and few digits
// of the rest. A few panels tell, and the last rows; each that is packed is looked at again, if less closely
// (gram_dense.cpp), but where memory has no room to do one of them otherwise: then `all` are looked at here.
template <class T>
bool drifts(const DenseView<T>& x, bool all) {
    const Index rows = std::min(panel_rows<T>, x.rows), panels = rows ? x.rows / rows : 0;
    const Index every = all ? 1 : std::max<Index>(1, panels / 8), looks = (panels + every - 1) / every + 1;
    std::vector<Index> drifting(static_cast<std::size_t>(looks), 0);
    parallel_for(looks, [&](Index i) {
        const Index from = std::min(i * every * rows, x.rows - rows);
        drifting[static_cast<std::size_t>(i)] =
            kernels().gram<T>().drifting(x.row(from), x.stride, rows, x.cols, 7);
    });
    return std::any_of(drifting.begin(), drifting.end(), [](Index n) { return n > 1; });
}

template <class T>
void absorb(Gram& s, const DenseView<T>& x, const Block& block) {
    if constexpr (std::is_same_v<T, float>)
        if (drifts(x, s.block_rows > 0))
            return absorb_written<double>(s, x.rows, x.cols, block, [&](double* to, Index i) {
                std::copy(x.row(i), x.row(i) + x.cols, to);
            });
    absorb_panels(s, x, block);
}

// Products of nonzeros cost about eight times a dense float32 product each: beyond that density rows are
// filled in.
template <class T, class I>
bool worth_filling(const CsrView<T, I>& x) {
    double pairs = 0;
    for (Index i = 0; i < x.rows; i++)
        pairs += static_cast<double>(x.row(i).size) * static_cast<double>(x.row(i).size);
    const double cost = std::is_same_v<T, float> ? 24 : 12;
    return pairs * cost >
           static_cast<double>(x.rows) * static_cast<double>(x.cols) * static_cast<double>(x.cols);
}

template <class T, class I>
void absorb(Gram& s, const CsrView<T, I>& x, const Block& block) {
    if (!worth_filling(x)) return absorb_sparse(s, x, block);
    absorb_written<T>(s, x.rows, x.cols, block, [&](T* to, Index i) {
        const auto row = x.row(i);
        for (Index k = 0; k < row.size; k++) to[static_cast<Index>(row.columns[k])] = row.values[k];
    });
}

// As `absorb` of dense rows: by panels in T or, where columns drift, written out in float64.
template <class T>
Index bytes_of_dense(Index rows, Index d, Index targets, bool packed) {
    const Index shards = shards_of(rows, d), each = (rows + shards - 1) / shards;
    const Index at_once = std::min<Index>(shards, threads());
    Index bytes = at_once * absorb_dense_bytes<T>(each, d, targets, packed, d > private_cols);
    if (shards > 1) bytes += shards * 8 * d * (d + targets + 4);
    if (!std::is_same_v<T, float>) return bytes;
    const Index written = std::min(rows, rows_written<double>(d, packed));
    return std::max(bytes, 8 * written * d + bytes_of_dense<double>(written, d, targets, packed));
}

template <class T>
Index bytes_of(Index rows, Index d, Index targets, Index entries, bool packed) {
    if (!entries) return bytes_of_dense<T>(rows, d, targets, packed);
    const Index written = std::min(rows, rows_written<T>(d, packed));
    const Index filled =
        written * d * static_cast<Index>(sizeof(T)) + bytes_of_dense<T>(written, d, targets, packed);
    return std::max(filled, 32 * entries + 16 * rows + 64 * d);  // transposed
}

}  // namespace

Index absorb_bytes(Index rows, Index d, Index targets, Index numbers, Index entries, bool packed) {
    return numbers == 4 ? bytes_of<float>(rows, d, targets, entries, packed)
                        : bytes_of<double>(rows, d, targets, entries, packed);
}

Gram Gram::packed(Index cols) {
    require(cols > 0, "packed sums need their width, got " + std::to_string(cols) + " columns");
    Gram s;
    s.block_rows = packed_rows;
    const auto d = static_cast<std::size_t>(cols);
    s.mean_x.resize(d, 0.0), s.coarse.resize(d, 0.0), s.peak.resize(d, 0.0);
    s.xx.resize(static_cast<std::size_t>(s.layout().size()), 0.0);
    return s;
}

void Gram::check_sums() const {
    require(!spent, "the factor took the place of these packed sums; sum the rows again");
}

void Gram::widen(Index wanted) {
    const Index d = cols();
    if (wanted <= d) return;
    require(!block_rows, "packed sums of " + std::to_string(d) + " columns cannot be widened to " +
                             std::to_string(wanted) + "; make them wide enough");
    std::vector<double> wide(static_cast<std::size_t>(wanted * (wanted + 1)), 0.0);
    for (Index i = 0; i < d; i++) std::copy(row(i) + i, row(i) + d, wide.data() + i * (wanted + 1) + 1 + i);
    xx = std::move(wide);
    std::vector<double> wide_y(static_cast<std::size_t>(targets() * wanted), 0.0);
    for (Index t = 0; t < targets(); t++)
        std::copy(xy.data() + t * d, xy.data() + (t + 1) * d, wide_y.data() + t * wanted);
    xy = std::move(wide_y);
    mean_x.resize(static_cast<std::size_t>(wanted), 0.0);
    coarse.resize(static_cast<std::size_t>(wanted), 0.0);
    peak.resize(static_cast<std::size_t>(wanted), 0.0);
}

void Gram::update(const Block& block) {
    std::visit(
        [&](const auto& given) {
            const auto x = block_rows ? widened(given, cols()) : given;
            for (Index i = 0; block.weight && i < x.rows; i++)
                if (!(block.weight[i] >= 0))
                    throw std::invalid_argument("sample_weight must not be negative, got " +
                                                std::to_string(block.weight[i]));
            check_sums();
            if (rows == 0 && targets() == 0) {
                const auto t = static_cast<std::size_t>(block.targets);
                mean_y.assign(t, 0.0), yy.assign(t, 0.0), xy.assign(t * mean_x.size(), 0.0);
            }
            require(block.targets == targets(), "y must have " + std::to_string(targets()) +
                                                    " columns as in earlier rows, got " +
                                                    std::to_string(block.targets));
            widen(x.cols);
            if (x.cols < cols()) {
                // A narrower block is folded on its own, then met: its missing columns are columns of zeros.
                Gram part;
                part.update(block);
                merge(part);
                return;
            }
            absorb(*this, x, block);
            rows += x.rows;
        },
        block.x);
}

void Gram::merge(const Gram& other) {
    check_sums(), other.check_sums();
    widen(other.cols());
    if (rows == 0 && targets() == 0) {
        const auto t = static_cast<std::size_t>(other.targets());
        mean_y.assign(t, 0.0), yy.assign(t, 0.0), xy.assign(t * mean_x.size(), 0.0);
    }
    require(other.targets() == targets() || other.rows == 0, "states of " + std::to_string(targets()) +
                                                                 " and " + std::to_string(other.targets()) +
                                                                 " targets cannot be merged");
    rows += other.rows;
    noise = std::max(noise, other.noise);
    for (std::size_t j = 0; j < other.coarse.size(); j++)
        coarse[j] = std::hypot(coarse[j], other.coarse[j]), peak[j] += other.peak[j];
    if (!other.peak_y.empty()) {
        peak_y.resize(mean_y.size(), 0.0);
        for (std::size_t t = 0; t < peak_y.size(); t++) peak_y[t] += other.peak_y[t];
    }
    if (other.weight == 0) return;
    const Index d = cols(), theirs = other.cols();
    const Step step = step_to(*this, other.weight, other.mean_y.data());
    std::vector<double> dx(mean_x.size());
    for (Index j = 0; j < d; j++) {
        const auto at = static_cast<std::size_t>(j);
        dx[at] = (j < theirs ? other.mean_x[at] : 0.0) - mean_x[at];
        mean_x[at] += step.share * dx[at];
    }
    auto meet = [&](Index i) {
        double* to = row(i);
        const double scaled = step.between * dx[static_cast<std::size_t>(i)];
        if (i < theirs) {
            const double* from = other.row(i);
            for (Index j = i; j < theirs; j++) to[j] += from[j] + scaled * dx[static_cast<std::size_t>(j)];
        }
        for (Index j = std::max(i, theirs); j < d; j++) to[j] += scaled * dx[static_cast<std::size_t>(j)];
    };
    if (d > private_cols) {
        parallel_for((d + 63) / 64, [&](Index task) {
            for (Index i = task * 64; i < std::min(d, task * 64 + 64); i++) meet(i);
        });
    } else {
        for (Index i = 0; i < d; i++) meet(i);
    }
    for (Index t = 0; t < targets(); t++) {
        const double dy = step.dy[static_cast<std::size_t>(t)];
        double* to = xy.data() + t * d;
        for (Index j = 0; j < d; j++)
            to[j] += (j < theirs ? other.xy[static_cast<std::size_t>(t * theirs + j)] : 0.0) +
                     step.between * dy * dx[static_cast<std::size_t>(j)];
        yy[static_cast<std::size_t>(t)] += other.yy[static_cast<std::size_t>(t)] + step.between * dy * dy;
    }
}

Step step_to(Gram& s, double w, const double* mean_y) {
    Step step;
    const double total = s.weight + w;
    step.share = w / total;
    step.between = s.weight * step.share;
    step.dy.resize(s.mean_y.size());
    for (std::size_t t = 0; t < s.mean_y.size(); t++) {
        step.dy[t] = mean_y[t] - s.mean_y[t];
        s.mean_y[t] += step.share * step.dy[t];
    }
    s.weight = total;
    return step;
}

double Gram::loss(bool centred) const {
    check_sums();
    double worst = 0, shrunk = 1;
    for (Index j = 0; j < cols(); j++) {
        const auto at = static_cast<std::size_t>(j);
        const double own = row(j)[j] + (centred ? 0.0 : weight * mean_x[at] * mean_x[at]);
        if (own > 0) worst = std::max(worst, coarse[at] / own), shrunk = std::max(shrunk, peak[at] / own);
    }
    return 0x1p-52 * shrunk + 0x1p-22 * worst;
}

Gram::Summary Gram::finish() const {
    check_sums();
    const Index d = cols();
    Summary f{std::vector<double>(static_cast<std::size_t>(d * d))};
    for (Index i = 0; i < d; i++)
        for (Index j = i; j < d; j++)
            f.xx[static_cast<std::size_t>(i * d + j)] = f.xx[static_cast<std::size_t>(j * d + i)] = row(i)[j];
    return f;
}

}  // namespace esker

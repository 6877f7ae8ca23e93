// X X' by panels of columns: rows about a shift near their mean are packed by transposing, multiplied by the
// Gram's tiles, and flushed to float64. What a rounded mean left in is taken off at the end: with q = root /
// |root| and P = I - q q', P K P is the same for any shift.
#include "solve/kernel_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <type_traits>

#include "base/parallel.hpp"
#include "isa/kernels.hpp"
#include "solve/kernel_products.hpp"

namespace esker {
namespace {

// Up to this many rows each shard of the panels has a triangle of its own; larger triangles are shared out by
// tiles.
constexpr Index private_rows = 256, shards = 16;
// Bytes of packed panels at a time: fewer meetings of the threads, and a tile of the triangle stays near.
constexpr Index together_bytes = Index{16} << 20;

struct Free {
    void operator()(void* p) const noexcept { std::free(p); }
};
template <class T>
std::unique_ptr<T[], Free> aligned(Index n) {
    void* p = std::aligned_alloc(64, (static_cast<std::size_t>(n) * sizeof(T) + 63) / 64 * 64);
    if (!p) throw std::bad_alloc();
    return std::unique_ptr<T[], Free>(static_cast<T*>(p));
}

double trace_of(const double* values, Index n) {
    double sum = 0;
    for (Index i = 0; i < n; i++) sum += values[i * (n + 1) + 1 + i];
    return sum;
}

// Panels' errors are independent of each other: with traces t of panels, sum t / root(sum t^2) of them count.
struct Share {
    double sum = 0, squares = 0;
    void add(double t) { sum += t, squares += t * t; }
};

// How the rows of one panel of columns are laid out, and how many rows are packed at once.
template <class P>
struct Layout {
    Index n, strips, groups, chunks, strips_size, groups_size;
    explicit Layout(Index n) : n(n) {
        const auto& k = kernels().gram<P>();
        strips = (n + k.strip - 1) / k.strip, groups = (n + k.group - 1) / k.group;
        chunks = (n + k.chunk - 1) / k.chunk;
        strips_size = strips * panel_rows<P> * k.strip, groups_size = groups * k.group_size;
    }
    Index bytes() const { return (strips_size + groups_size) * static_cast<Index>(sizeof(P)); }
};

template <class P>
struct Panel {
    std::unique_ptr<P[], Free> strips, groups;
    explicit Panel(const Layout<P>& at)
        : strips(aligned<P>(at.strips_size)), groups(aligned<P>(at.groups_size)) {}
};

// Groups begin .. end - 1 by strips first .. last - 1: so many groups of all panels stay in a core's second
// cache.
struct Deal {
    Index begin, end, first, last;
};
template <class P>
std::vector<Deal> deals(const Layout<P>& at, Index panels) {
    const auto& k = kernels().gram<P>();
    const Index near =
        std::max<Index>(1, (Index{320} << 10) / (panels * k.group_size * static_cast<Index>(sizeof(P))));
    std::vector<Deal> tasks;
    for (Index g = 0; g < at.groups; g += near)
        for (Index s = g * k.group / k.strip; s < at.strips; s += 4)
            tasks.push_back({g, std::min(at.groups, g + near), s, std::min(at.strips, s + 4)});
    return tasks;
}

// pack(panel, p, chunk): that chunk of the rows and the columns of panel p; width(p): how many columns it
// has.
template <class P, class Pack, class Width>
void add_panels(KernelMatrix& m, Index panels, Pack&& pack, Width&& width, Share& share, Poll poll) {
    if (!panels || !m.n) return;
    const auto& kernel = kernels().gram<P>();
    const Layout<P> at(m.n);
    std::vector<double> none(static_cast<std::size_t>(m.n), 0.0);
    auto of = [&](const Panel<P>& panel, Index p) {
        return PackedPanel<P>{
            panel.strips.get(), panel.groups.get(), none.data(), none.data(), nullptr, width(p)};
    };
    auto add = [&](double* to, const PackedPanel<P>* some, Index count, const Deal& deal) {
        const GramSums sums{to + 1, m.n + 1, nullptr, m.n, 0};
        const auto* at_hand = reinterpret_cast<const char*>(none.data());  // nothing more to ask for
        for (Index s = deal.first; s < deal.last; s++)
            kernel.tiles(sums, some, count, s, deal.begin, deal.end, at_hand, 0);
    };
    if (m.n <= private_rows) {
        const Index parts = std::min(panels, shards), round = 64;
        std::vector<std::vector<double>> sums(static_cast<std::size_t>(parts));
        for (Index begin = 0; begin < panels; begin += round) {
            if (poll && poll()) throw Interrupted();
            const Index count = std::min(round, panels - begin);
            parallel_for(parts, [&](Index part) {
                auto& to = sums[static_cast<std::size_t>(part)];
                if (to.empty()) to.assign(m.values.size(), 0.0);
                const Panel<P> panel(at);
                for (Index p = begin + count * part / parts; p < begin + count * (part + 1) / parts; p++) {
                    for (Index c = 0; c < at.chunks; c++) pack(panel, p, c);
                    const auto one = of(panel, p);
                    add(to.data(), &one, 1, {0, at.groups, 0, at.strips});
                }
            });
        }
        for (const auto& part : sums) {
            share.add(trace_of(part.data(), m.n));
            for (std::size_t i = 0; i < part.size(); i++) m.values[i] += part[i];
        }
        return;
    }
    const Index together = std::clamp<Index>(together_bytes / at.bytes(), 1, 8);
    std::vector<Panel<P>> packed;
    for (Index g = 0; g < std::min(together, panels); g++) packed.emplace_back(at);
    const auto tasks = deals(at, static_cast<Index>(packed.size()));
    double before = trace_of(m.values.data(), m.n);
    for (Index begin = 0; begin < panels; begin += together) {
        if (poll && poll()) throw Interrupted();
        const Index count = std::min(together, panels - begin);
        parallel_for(count * at.chunks, [&](Index task) {
            const Index g = task / at.chunks;
            pack(packed[static_cast<std::size_t>(g)], begin + g, task % at.chunks);
        });
        std::vector<PackedPanel<P>> some;
        for (Index g = 0; g < count; g++) some.push_back(of(packed[static_cast<std::size_t>(g)], begin + g));
        parallel_for(static_cast<Index>(tasks.size()), [&](Index task) {
            add(m.values.data(), some.data(), count, tasks[static_cast<std::size_t>(task)]);
        });
        const double after = trace_of(m.values.data(), m.n);
        share.add(after - before), before = after;
    }
}

// Rows i .. of a panel, by the kernel for T and P.
template <class P, class T>
void pack_chunk(const Panel<P>& panel, Index i, const T* x, Index stride, const T* shift, const P* root,
                Index rows, Index cols) {
    const auto& kernel = kernels().gram<P>();
    const auto& k = kernels().row_strips;
    P* strips = panel.strips.get() + i / kernel.strip * panel_rows<P> * kernel.strip;
    P* groups = panel.groups.get() + i / kernel.group * kernel.group_size;
    if constexpr (std::is_same_v<P, float>)
        k.pack_f32(strips, groups, x, stride, shift, root, rows, cols);
    else if constexpr (std::is_same_v<T, double>)
        k.pack_f64(strips, groups, x, stride, shift, root, rows, cols);
    else
        k.pack_wide(strips, groups, x, stride, shift, root, rows, cols);
}

template <class P, class T>
void add_dense(KernelMatrix& m, const DenseView<T>& x, Share& share, Poll poll) {
    const auto& kernel = kernels().gram<P>();
    const std::vector<T> shift(m.mean.begin(), m.mean.end());
    const std::vector<P> root(m.root.begin(), m.root.end());
    auto width = [&](Index p) { return std::min(panel_rows<P>, m.d - p * panel_rows<P>); };
    auto pack = [&](const Panel<P>& panel, Index p, Index chunk) {
        const Index i = chunk * kernel.chunk, j = p * panel_rows<P>, rows = std::min(kernel.chunk, m.n - i);
        pack_chunk<P>(panel, i, x.row(i) + j, x.stride, shift.data() + j, root.data() + i, rows, width(p));
    };
    add_panels<P>(m, (m.d + panel_rows<P> - 1) / panel_rows<P>, pack, width, share, poll);
}

// The full columns of sparse rows are written out densely, a panel at a time, and packed as dense rows are;
// the products of the others are added one by one.
template <class P, class T>
void add_full_columns(KernelMatrix& m, Share& share, Poll poll) {
    const auto columns = static_cast<Index>(m.by_columns.full.size());
    if (!columns) return;
    const auto& by = m.by_columns;
    const auto& kernel = kernels().gram<P>();
    const std::vector<P> root(m.root.begin(), m.root.end());
    auto width = [&](Index p) { return std::min(panel_rows<P>, columns - p * panel_rows<P>); };
    auto pack = [&](const Panel<P>& panel, Index p, Index chunk) {
        const Index i0 = chunk * kernel.chunk, rows = std::min(kernel.chunk, m.n - i0), cols = width(p);
        std::vector<T> dense(static_cast<std::size_t>(rows * cols), T(0)),
            shift(static_cast<std::size_t>(cols));
        for (Index k = 0; k < cols; k++) {
            const auto j = static_cast<std::size_t>(by.full[static_cast<std::size_t>(p * panel_rows<P> + k)]);
            shift[static_cast<std::size_t>(k)] = static_cast<T>(m.mean[j]);
            const auto first = by.row.begin() + by.start[j], last = by.row.begin() + by.start[j + 1];
            for (auto at = std::lower_bound(first, last, i0); at != last && *at < i0 + rows; ++at)
                dense[static_cast<std::size_t>((*at - i0) * cols + k)] =
                    values_of<T>(by)[static_cast<std::size_t>(at - by.row.begin())];
        }
        pack_chunk<P>(panel, i0, dense.data(), cols, shift.data(), root.data() + i0, rows, cols);
    };
    add_panels<P>(m, (columns + panel_rows<P> - 1) / panel_rows<P>, pack, width, share, poll);
}

// K becomes P K P: the exact mean is taken off, whatever the shift was.
void centre(KernelMatrix& m) {
    const Index n = m.n;
    double square = 0;
    for (const double r : m.root) square += r * r;
    std::vector<double> q(m.root), v(static_cast<std::size_t>(n), 0.0);
    for (double& e : q) e /= std::sqrt(square);
    for (Index i = 0; i < n; i++) {
        const double* row = m.row(i);
        const double a = q[static_cast<std::size_t>(i)];
        double sum = row[i] * a;
        for (Index j = i + 1; j < n; j++) {
            sum += row[j] * q[static_cast<std::size_t>(j)];
            v[static_cast<std::size_t>(j)] += a * row[j];
        }
        v[static_cast<std::size_t>(i)] += sum;
    }
    double twice = 0;
    for (Index i = 0; i < n; i++) twice += q[static_cast<std::size_t>(i)] * v[static_cast<std::size_t>(i)];
    for (std::size_t i = 0; i < v.size(); i++) v[i] -= twice / 2 * q[i];
    parallel_for((n + 63) / 64, [&](Index band) {
        for (Index i = band * 64; i < std::min(n, band * 64 + 64); i++) {
            const double a = q[static_cast<std::size_t>(i)], b = v[static_cast<std::size_t>(i)];
            double* row = m.row(i);
            for (Index j = i; j < n; j++)
                row[j] -= a * v[static_cast<std::size_t>(j)] + b * q[static_cast<std::size_t>(j)];
        }
    });
}

template <class P, class T>
void add_rows(KernelMatrix& m, const DenseView<T>& x, Share& share, Poll poll) {
    add_dense<P>(m, x, share, poll);
}
template <class P, class T, class I>
void add_rows(KernelMatrix& m, const CsrView<T, I>& x, Share& share, Poll poll) {
    add_sparse_products(m, x, poll);
    add_full_columns<P, T>(m, share, poll);
}

}  // namespace

void KernelMatrix::multiply(bool wide, Poll poll) {
    values.assign(static_cast<std::size_t>(n * (n + 1)), 0.0);
    Share coarse, fine;
    bool in32 = false;
    std::visit(
        [&](const auto& rows) {
            using T = typename std::decay_t<decltype(rows)>::Scalar;
            in32 = std::is_same_v<T, float> && !wide;
            if (in32)
                add_rows<T>(*this, rows, coarse, poll);
            else
                add_rows<double>(*this, rows, fine, poll);
        },
        x);
    trace = trace_of(values.data(), n);
    loss = 0x1p-52 + (trace > 0 ? 0x1p-22 * std::sqrt(coarse.squares) / trace : 0.0);
    if (!centred) return;
    centre(*this);
    trace = trace_of(values.data(), n);
}

}  // namespace esker

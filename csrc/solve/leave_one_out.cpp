// Leave-one-out: panels of rows are packed, rotated and used up while they are in a core's cache; panels are
// cut by the shape alone and their sums added in order.
#include "solve/leave_one_out.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <string>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "isa/kernels.hpp"

namespace esker {
namespace {

constexpr Index depth_most = 256;              // numbers of a row that are multiplied in one go
constexpr Index panel_bytes = Index{1} << 18;  // of packed rows
constexpr Index near_bytes = Index{1} << 17;   // of the matrix, which stay in the second cache

struct Free {
    void operator()(void* p) const noexcept { std::free(p); }
};
using Doubles = std::unique_ptr<double[], Free>;
Doubles aligned(Index n) {
    void* p = std::aligned_alloc(64, (static_cast<std::size_t>(n) * sizeof(double) + 63) / 64 * 64);
    if (!p) throw std::bad_alloc();
    return Doubles(static_cast<double*>(p));
}

Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
// Rows of a matrix are cut into equal pieces of at most depth_most.
Index pieces_of(Index depth) { return std::max<Index>(1, ceil_div(depth, depth_most)); }
Index piece_begin(Index depth, Index piece) { return depth * piece / pieces_of(depth); }

// a (rows x cols) as `product` reads it, piece by piece, group by group, the last group filled with zeros.
std::vector<double> pack(const double* a, Index rows, Index cols) {
    const Index group = kernels().rotation.group, groups = ceil_div(cols, group);
    std::vector<double> out(static_cast<std::size_t>(rows * groups * group), 0.0);
    double* to = out.data();
    for (Index piece = 0; piece < pieces_of(rows); piece++)
        for (Index g = 0; g < groups; g++)
            for (Index k = piece_begin(rows, piece); k < piece_begin(rows, piece + 1); k++, to += group)
                for (Index i = 0; i < std::min(group, cols - g * group); i++)
                    to[i] = a[k * cols + g * group + i];
    return out;
}

// c[strip] = b[strip] times the packed matrix, for every strip of a panel; c has `groups` groups.
void multiply(double* c, Index c_stride, const double* packed, const double* b, Index b_stride, Index depth,
              Index groups, Index strips) {
    const RotationKernels& k = kernels().rotation;
    const Index groups_near = std::max<Index>(1, near_bytes / (8 * k.group * std::min(depth, depth_most)));
    for (Index piece = 0; piece < pieces_of(depth); piece++) {
        const Index begin = piece_begin(depth, piece), size = piece_begin(depth, piece + 1) - begin;
        const double* a = packed + begin * groups * k.group;
        for (Index g = 0; g < groups; g += groups_near)
            for (Index s = 0; s < strips; s++)
                k.product(c + s * c_stride + g * k.group * k.lanes, a + g * size * k.group,
                          b + s * b_stride + begin * k.lanes, size, std::min(groups_near, groups - g),
                          piece > 0);
    }
}

// Rows [begin, begin + n), n <= lanes, minus the mean, as columns of a strip; missing rows are zeros.
template <class T>
void pack_rows(double* to, const DenseView<T>& x, Index begin, Index n, const double* mean, Index lanes) {
    for (Index l = 0; l < lanes; l++) {
        if (l >= n) {
            for (Index j = 0; j < x.cols; j++) to[j * lanes + l] = 0;
            continue;
        }
        const T* row = x.row(begin + l);
        for (Index j = 0; j < x.cols; j++) to[j * lanes + l] = static_cast<double>(row[j]) - mean[j];
    }
}
template <class T, class I>
void pack_rows(double* to, const CsrView<T, I>& x, Index begin, Index n, const double* mean, Index lanes) {
    for (Index j = 0; j < x.cols; j++)
        for (Index l = 0; l < lanes; l++) to[j * lanes + l] = l < n ? -mean[j] : 0.0;
    for (Index l = 0; l < n; l++) {
        const auto row = x.row(begin + l);
        for (Index k = 0; k < row.size; k++)
            to[static_cast<Index>(row.columns[k]) * lanes + l] += static_cast<double>(row.values[k]);
    }
}

template <class T>
bool few(const DenseView<T>&) {
    return false;
}
template <class T, class I>
bool few(const CsrView<T, I>& x) {
    const auto numbers = static_cast<double>(x.indptr[x.rows] - x.indptr[0]);
    return 8 * numbers < static_cast<double>(x.rows) * static_cast<double>(x.cols);
}

// Rows with few numbers: z is the sum of the rows of V that they name.
template <class T>
void rotate_few(double*, const LeaveOneOut&, const DenseView<T>&, Index, Index, Index, double*) {}
template <class T, class I>
void rotate_few(double* z, const LeaveOneOut& s, const CsrView<T, I>& x, Index begin, Index n, Index lanes,
                double* scratch) {
    const auto& k = kernels().rows<double>();
    std::fill(z, z + s.rank * lanes, 0.0);
    for (Index l = 0; l < n; l++) {
        for (Index j = 0; j < s.rank; j++) scratch[j] = -s.at_mean[static_cast<std::size_t>(j)];
        const auto row = x.row(begin + l);
        for (Index e = 0; e < row.size; e++)
            k.axpy(scratch, static_cast<double>(row.values[e]),
                   s.vectors.data() + static_cast<Index>(row.columns[e]) * s.rank, s.rank);
        for (Index j = 0; j < s.rank; j++) z[j * lanes + l] = scratch[j];
    }
}

}  // namespace

struct RotationRoom {
    Index strips, rank_groups, coef_groups, shrink_groups, x_stride, z_stride, p_stride, h_stride;
    Doubles x, z, p, h, scratch;
    RotationRoom(const LeaveOneOut& s, Index strips) : strips(strips) {
        const auto& k = kernels().rotation;
        rank_groups = ceil_div(s.rank, k.group);
        coef_groups = ceil_div(s.targets * s.alphas, k.group);
        shrink_groups = ceil_div(s.alphas, k.group);
        x_stride = s.cols * k.lanes;
        z_stride = rank_groups * k.group * k.lanes;
        p_stride = coef_groups * k.group * k.lanes;
        h_stride = shrink_groups * k.group * k.lanes;
        x = aligned(strips * x_stride), z = aligned(strips * z_stride);
        p = aligned(strips * p_stride), h = aligned(strips * h_stride);
        scratch = aligned(std::max<Index>(1, s.rank));
    }
};

namespace {

struct Found {
    std::vector<double> squares;
    double least = 1;
};

// From predictions and leverages of a panel to errors.
void settle(const LeaveOneOut& s, const Block& block, Index begin, Index n, const RotationRoom& room,
            Found& found, double* errors) {
    const Index lanes = kernels().rotation.lanes, outputs = s.targets * s.alphas;
    for (Index i = 0; i < n; i++) {
        const double w = block.w(begin + i);
        const double* h = room.h.get() + i / lanes * room.h_stride + i % lanes;
        const double* p = room.p.get() + i / lanes * room.p_stride + i % lanes;
        for (Index a = 0; a < s.alphas; a++) {
            // What is left of 1 - h below rounding is no number to divide by.
            const double left = std::max(1 - w * (s.share + h[a * lanes]), 0x1p-52);
            if (w > 0) found.least = std::min(found.least, left);
            for (Index t = 0; t < s.targets; t++) {
                const Index at = t * s.alphas + a;
                const double y = block.y[(begin + i) * s.targets + t] - s.mean_y[static_cast<std::size_t>(t)];
                const double e = (y - p[at * lanes]) / left;
                found.squares[static_cast<std::size_t>(at)] += w * e * e;
                if (errors) errors[(begin + i) * outputs + at] = e;
            }
        }
    }
}

template <class View>
void panel(const LeaveOneOut& s, const View& x, const Block& block, Index begin, Index n, RotationRoom& room,
           Found& found, double* errors) {
    const auto& k = kernels().rotation;
    const Index strips = ceil_div(n, k.lanes);
    auto of_strip = [&](auto&& f) {
        for (Index i = 0; i < strips; i++) f(i, begin + i * k.lanes, std::min(k.lanes, n - i * k.lanes));
    };
    if (few(x)) {
        of_strip([&](Index i, Index row, Index count) {
            rotate_few(room.z.get() + i * room.z_stride, s, x, row, count, k.lanes, room.scratch.get());
        });
    } else {
        of_strip([&](Index i, Index row, Index count) {
            pack_rows(room.x.get() + i * room.x_stride, x, row, count, s.mean.data(), k.lanes);
        });
        multiply(room.z.get(), room.z_stride, s.packed_vectors.data(), room.x.get(), room.x_stride, s.cols,
                 room.rank_groups, strips);
    }
    multiply(room.p.get(), room.p_stride, s.packed_coef.data(), room.z.get(), room.z_stride, s.rank,
             room.coef_groups, strips);
    k.square(room.z.get(), strips * room.z_stride);
    multiply(room.h.get(), room.h_stride, s.packed_shrink.data(), room.z.get(), room.z_stride, s.rank,
             room.shrink_groups, strips);
    settle(s, block, begin, n, room, found, errors);
}

}  // namespace

LeaveOneOut::LeaveOneOut(std::vector<double> v, Index rank_, std::vector<double> mean_x,
                         std::vector<double> means_y, const double* shrink, Index alphas_, const double* coef,
                         double share_)
    : cols(static_cast<Index>(mean_x.size())),
      rank(rank_),
      targets(static_cast<Index>(means_y.size())),
      alphas(alphas_),
      share(share_),
      mean(std::move(mean_x)),
      mean_y(std::move(means_y)),
      vectors(std::move(v)),
      at_mean(static_cast<std::size_t>(rank_), 0.0),
      packed_vectors(pack(vectors.data(), cols, rank)),
      packed_shrink(pack(shrink, rank, alphas)),
      packed_coef(pack(coef, rank, targets * alphas)),
      squares(static_cast<std::size_t>(targets * alphas), 0.0) {
    for (Index j = 0; j < cols; j++)
        kernels().rows<double>().axpy(at_mean.data(), mean[static_cast<std::size_t>(j)],
                                      vectors.data() + j * rank, rank);
}

void LeaveOneOut::update(const Block& block, double* errors) {
    require(esker::cols(block.x) == cols && block.targets == targets,
            "the rows must have " + std::to_string(cols) + " columns and " + std::to_string(targets) +
                " targets, got " + std::to_string(esker::cols(block.x)) + " and " +
                std::to_string(block.targets));
    std::visit(
        [&](const auto& x) {
            const Index lanes = kernels().rotation.lanes;
            const Index strips =
                std::clamp<Index>(panel_bytes / (8 * lanes * std::max<Index>(1, cols)), 1, 16);
            const Index rows = strips * lanes, panels = ceil_div(x.rows, rows);
            std::vector<Found> found(static_cast<std::size_t>(panels), Found{squares, 1});
            for (Found& f : found) std::fill(f.squares.begin(), f.squares.end(), 0.0);
            std::mutex guard;
            parallel_for(panels, [&](Index i) {
                std::shared_ptr<RotationRoom> room;
                {
                    const std::lock_guard<std::mutex> lock(guard);
                    if (!idle.empty()) room = std::move(idle.back()), idle.pop_back();
                }
                if (!room) room = std::make_shared<RotationRoom>(*this, strips);
                panel(*this, x, block, i * rows, std::min(rows, x.rows - i * rows), *room,
                      found[static_cast<std::size_t>(i)], errors);
                const std::lock_guard<std::mutex> lock(guard);
                idle.push_back(std::move(room));
            });
            for (const Found& f : found) {
                for (std::size_t j = 0; j < squares.size(); j++) squares[j] += f.squares[j];
                least = std::min(least, f.least);
            }
        },
        block.x);
}

}  // namespace esker

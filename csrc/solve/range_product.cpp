// Strips are dealt to the threads; a strip sees all rows in their order.
#include "solve/range_product.hpp"

#include <algorithm>
#include <string>
#include <type_traits>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "isa/kernels.hpp"
#include "isa/map_kernels.hpp"

namespace esker {
namespace {

// Entries that float32 sums of sparse rows take for each column, on average, before they go to float64.
constexpr Index entries_each = 32;
// Rows of a dense panel, and of float32 sums.
constexpr Index tall = 64, partial_tall = 256;

Index up(Index n, Index to) { return (n + to - 1) / to * to; }

template <class T>
std::size_t floats(Index n) {
    return static_cast<std::size_t>(n) * (sizeof(T) / sizeof(float));
}

// Rows apart by an odd number of lines, so that a column's numbers lie in different sets of a cache.
template <class T>
Index pitch_of(Index cols) {
    const Index line = 64 / static_cast<Index>(sizeof(T)), lines = (cols + line - 1) / line;
    return (lines + (lines % 2 ? 2 : 1)) * line;
}

}  // namespace

template <class T>
RangeProduct<T>::RangeProduct(Index columns, Index many, bool is_sparse)
    : cols(columns), lanes(many), sparse(is_sparse) {
    require(cols > 0 && lanes > 0, "a product needs columns and lanes");
    wide_ = sparse ? 64 / static_cast<Index>(sizeof(T)) : kernels().gradient<T>().wide;
    strips_ = (lanes + wide_ - 1) / wide_;
    const Index high = kernels().gradient<T>().high, rows = up(cols, high);
    for (Index s = 0; s < strips_; s++) {
        tables_.emplace_back(floats<T>((sparse ? 2 : 1) * cols * wide_));
        if (!sparse) {
            partial_.emplace_back(floats<T>(rows * wide_));
            products_.emplace_back(floats<T>(up(tall, high) * wide_));
        }
        if (!sparse || sizeof(T) == 4) total_.emplace_back(floats<double>(cols * wide_));
    }
    if (!sparse) panel_.grow(floats<T>(up(tall, high) * pitch_of<T>(cols)));
    base_.assign(static_cast<std::size_t>(strips_ * wide_), T(0));
    sums_.assign(base_.size(), 0.0);
}

template <class T>
Index RangeProduct<T>::bytes(Index cols, Index lanes, bool sparse) {
    const Index wide = sparse ? 64 / static_cast<Index>(sizeof(T)) : kernels().gradient<T>().wide;
    const Index padded = up(lanes, wide), size = static_cast<Index>(sizeof(T));
    Index each = 2 * size;
    if (!sparse || size == 4) each += 8;
    Index found = padded * cols * each + 16 * cols;
    if (!sparse) found += up(tall, 16) * (pitch_of<T>(cols) + padded) * size;
    return found;
}

template <class T>
void RangeProduct<T>::begin(const T* q, const double* shift) {
    shift_.assign(shift, shift + cols);
    std::fill(sums_.begin(), sums_.end(), 0.0);
    since_ = 0;
    const Index record = sparse ? 2 * wide_ : wide_;
    parallel_for(strips_, [&](Index s) {
        T* to = table(s);
        const Index first = s * wide_, count = std::min(wide_, lanes - first);
        std::vector<double> base(static_cast<std::size_t>(wide_), 0.0);
        for (Index j = 0; j < cols; j++) {
            T* own = to + j * record;
            for (Index k = 0; k < count; k++) own[k] = q[j * lanes + first + k];
            for (Index k = count; k < record; k++) own[k] = T(0);
            for (Index k = 0; k < count; k++)
                base[static_cast<std::size_t>(k)] -=
                    shift_[static_cast<std::size_t>(j)] * static_cast<double>(own[k]);
        }
        for (Index k = 0; k < wide_; k++)
            base_[static_cast<std::size_t>(first + k)] = static_cast<T>(base[static_cast<std::size_t>(k)]);
        if (!total_.empty()) std::fill(total(s), total(s) + cols * wide_, 0.0);
    });
}

template <class T>
void RangeProduct<T>::update(const Block& block) {
    require(esker::cols(block.x) <= cols, "the rows must have at most " + std::to_string(cols) +
                                              " columns, got " + std::to_string(esker::cols(block.x)));
    std::visit(
        [&](const auto& x) {
            using View = std::decay_t<decltype(x)>;
            if constexpr (!std::is_same_v<typename View::Scalar, T>) {
                require(false, "the rows must have the dtype of Q");
            } else if constexpr (std::is_same_v<View, DenseView<T>>) {
                require(!sparse && x.cols == cols, "blocks of one source must all be dense or all be sparse");
                dense_rows(x, block);
            } else {
                require(sparse, "blocks of one source must all be dense or all be sparse");
                sparse_rows(x, block);
            }
        },
        block.x);
}

template <class T>
template <class I>
void RangeProduct<T>::sparse_rows(const CsrView<T, I>& x, const Block& block) {
    const bool far = 2 * wide_ * cols * static_cast<Index>(sizeof(T)) > (Index{1} << 18);
    const auto& kernel = [&] {
        if constexpr (sizeof(T) == 4)
            return map_kernels().range.f32;
        else
            return map_kernels().range.f64;
    }();
    parallel_for(strips_, [&](Index s) {
        RangeRows<T, I> rows{x.data, x.indices, x.indptr, 0, 0, block.weight, base_.data() + s * wide_, far};
        double* sums = sums_.data() + s * wide_;
        while (rows.end < x.rows) {
            rows.begin = rows.end;
            if (total_.empty()) {
                rows.end = x.rows;
            } else {  // as many rows as float32 sums may take
                const I most =
                    x.indptr[rows.begin] +
                    static_cast<I>(std::min<Index>(
                        entries_each * cols, static_cast<Index>(x.indptr[x.rows] - x.indptr[rows.begin])));
                rows.end = std::upper_bound(x.indptr + rows.begin + 1, x.indptr + x.rows, most) - x.indptr;
                if (x.indptr[rows.end] > most && rows.end > rows.begin + 1) rows.end--;
            }
            if constexpr (sizeof(I) == 4)
                kernel.rows32(table(s), sums, rows);
            else
                kernel.rows64(table(s), sums, rows);
            if (total_.empty()) continue;
            T* from = table(s) + wide_;
            double* to = total(s);
            for (Index j = 0; j < cols; j++, from += 2 * wide_, to += wide_)
                for (Index k = 0; k < wide_; k++) to[k] += static_cast<double>(from[k]), from[k] = T(0);
        }
    });
}

template <class T>
void RangeProduct<T>::dense_rows(const DenseView<T>& x, const Block& block) {
    const auto& kernel = kernels().gradient<T>();
    const Index pitch = pitch_of<T>(cols), high = kernel.high;
    T* panel = reinterpret_cast<T*>(panel_.data());
    for (Index begin = 0; begin < x.rows; begin += tall) {
        const Index n = std::min(tall, x.rows - begin), bands = up(n, high) / high;
        parallel_for(bands, [&](Index b) {
            const Index i = b * high, own = std::min(high, n - i);
            kernel.centre(panel + i * pitch, pitch, x.row(begin + i), x.stride, shift_.data(), own, cols);
        });
        parallel_for(strips_, [&](Index s) {
            T* y = reinterpret_cast<T*>(products_[static_cast<std::size_t>(s)].data());
            T* z = reinterpret_cast<T*>(partial_[static_cast<std::size_t>(s)].data());
            kernel.along(y, panel, pitch, n, table(s), cols, false);
            for (Index i = 0; i < n; i++) {
                const T w = static_cast<T>(block.w(begin + i));
                for (Index k = 0; k < wide_; k++) {
                    y[i * wide_ + k] *= w;
                    sums_[static_cast<std::size_t>(s * wide_ + k)] += static_cast<double>(y[i * wide_ + k]);
                }
            }
            kernel.across(z, panel, pitch, cols, y, n, since_ > 0);
        });
        if ((since_ += n) >= partial_tall) flush_dense();
    }
    flush_dense();
}

template <class T>
void RangeProduct<T>::flush_dense() {
    if (!since_) return;
    parallel_for(strips_, [&](Index s) {
        const T* from = reinterpret_cast<const T*>(partial_[static_cast<std::size_t>(s)].data());
        kernels().gradient<T>().flush(total(s), wide_, from, cols, wide_);
    });
    since_ = 0;
}

template <class T>
void RangeProduct<T>::finish(T* out) const {
    auto* self = const_cast<RangeProduct*>(this);  // table and total only look
    constexpr Index band = 4096;
    parallel_for((cols + band - 1) / band, [&](Index b) {
        for (Index s = 0; s < strips_; s++) {
            const Index first = s * wide_, count = std::min(wide_, lanes - first);
            for (Index j = b * band; j < std::min(cols, (b + 1) * band); j++)
                for (Index k = 0; k < count; k++) {
                    double sum = total_.empty()
                                     ? static_cast<double>(self->table(s)[j * 2 * wide_ + wide_ + k])
                                     : self->total(s)[j * wide_ + k];
                    if (sparse)
                        sum -=
                            shift_[static_cast<std::size_t>(j)] * sums_[static_cast<std::size_t>(first + k)];
                    out[j * lanes + first + k] = static_cast<T>(sum);
                }
        }
    });
}

template struct RangeProduct<float>;
template struct RangeProduct<double>;

}  // namespace esker

// The loops of projections: panels of rows turned so that vectors go over rows, and sums of signed columns of
// such a panel.
#pragma once

#include <cstdint>

namespace esker {

template <class T>
struct ProjectionKernels {
    std::int64_t rows;  // of a panel
    // out[j rows + i] = x[i][j] for the panel's rows i and j < cols; x are pointers to rows. Whether all is
    // finite.
    bool (*turn)(T* out, const T* const* x, std::int64_t cols);
    // sums[c rows + i] += the signed columns of component c of the panel: entries begin[c] to begin[c + 1],
    // each column << 1 | negative.
    void (*signed_sums)(T* sums, const T* panel, const std::uint32_t* begin, const std::uint16_t* entries,
                        std::int64_t components);
    // out[i][c] = scale sums[c rows + i] for c < count; out are pointers to rows, of which `used` are there
    void (*turn_back)(T* const* out, const T* sums, std::int64_t count, std::int64_t used, T scale);
    // out[c] += a x[c]
    void (*add_scaled)(T* out, const T* x, T a, std::int64_t n);
};

}  // namespace esker

// Fast Walsh-Hadamard transforms of any size, of vectors that lie side by side or of a matrix's columns, on
// all threads. Fino & Algazi, "Unified matrix treatment of the fast Walsh-Hadamard transform", IEEE Trans.
// Comput. 1976. Stages go from neighbours to halves whatever the blocking, so the bits are those of the plain
// butterfly.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>

#include "base/view.hpp"

namespace esker {

// Cache-line aligned numbers that are not set to anything.
template <class T>
struct Room {
    explicit Room(Index n) : data_(static_cast<T*>(std::aligned_alloc(64, (bytes(n) + 63) / 64 * 64))) {
        if (!data_) throw std::bad_alloc();
    }
    T* get() const noexcept { return data_.get(); }

private:
    static std::size_t bytes(Index n) { return static_cast<std::size_t>(n > 0 ? n : 1) * sizeof(T); }
    struct Free {
        void operator()(T* p) const noexcept { std::free(p); }
    };
    std::unique_ptr<T, Free> data_;
};

constexpr bool power_of_two(Index n) noexcept { return n > 0 && (n & (n - 1)) == 0; }
Index next_power_of_two(Index n);  // at least n; refuses what no index holds

// How much room `hadamard` takes for a vector of n.
template <class T>
Index hadamard_room(Index n);
// out = H in, one vector on this thread; out may be in. room: hadamard_room<T>(n) numbers, 64-byte aligned.
// Where out is in and only its first `filled` numbers are not zero, what stays zero is not visited.
template <class T>
void hadamard(T* out, const T* in, Index n, T* room, Index filled);

// Each row of `in` to the row of out; all threads. Rows are as long as a power of two; out may be in.
template <class T>
void hadamard_rows(T* out, Index to, const DenseView<T>& in);
// Each column of x, whose rows are as many as a power of two, becomes its transform; all threads.
template <class T>
void hadamard_columns(T* x, Index rows, Index cols, Index stride);

}  // namespace esker

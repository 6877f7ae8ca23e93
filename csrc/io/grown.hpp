// Arrays of numbers for whoever does not know how many there will be; large ones ask for large pages, since
// the first touch of 4 kB at a time costs as much as filling them.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace esker {

// For free() and realloc(); null where there is no memory.
inline void* large_pages(std::size_t bytes) noexcept {
#ifdef __linux__
    constexpr std::size_t page = std::size_t{1} << 21;
    void* const p = std::aligned_alloc(page, (bytes + page - 1) / page * page);
    if (p) madvise(p, bytes / page * page, MADV_HUGEPAGE);  // a wish: nothing breaks where it is refused
    return p;
#else
    return std::malloc(bytes);
#endif
}

// An array that grows where the allocator can do so without a copy, and can be handed on to who calls free().
template <class T>
class Grown {
    static constexpr std::size_t large = std::size_t{1} << 22;

public:
    Grown() = default;
    Grown(const Grown&) = delete;
    Grown& operator=(const Grown&) = delete;
    ~Grown() { std::free(p_); }
    T* data() noexcept { return p_; }
    std::size_t size() const noexcept { return size_; }
    // Makes room for n, and counts them as there.
    T* resize(std::size_t n) {
        if (n > capacity_) reallocate(n < 2 * capacity_ ? 2 * capacity_ : n);
        size_ = n;
        return p_;
    }
    // Makes room without counting it.
    void reserve(std::size_t n) {
        if (n > capacity_) reallocate(n);
    }
    T* release() {
        if (size_ < capacity_ || !p_) reallocate(size_ ? size_ : 1);
        capacity_ = size_ = 0;
        return std::exchange(p_, nullptr);
    }

private:
    void reallocate(std::size_t n) {
        void* const p = n * sizeof(T) >= large && size_ == 0
                            ? fresh(n * sizeof(T))
                            : std::realloc(static_cast<void*>(p_), n * sizeof(T));
        if (!p) throw std::bad_alloc();
        p_ = static_cast<T*>(p), capacity_ = n;
    }
    void* fresh(std::size_t bytes) {
        std::free(std::exchange(p_, nullptr)), capacity_ = 0;
        return large_pages(bytes);
    }
    T* p_ = nullptr;
    std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace esker

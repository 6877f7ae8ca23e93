// A zero-filled array of floats for tables that are walked at random: cache-line aligned; where large, pages
// of the system's own, huge where it has them, which it fills with zeros as they are touched.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace esker {

struct Buffer {
    Buffer() = default;
    explicit Buffer(std::size_t n) { grow(n); }
    Buffer(const Buffer& other) : Buffer(other.size_) { copy_from(other); }
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(const Buffer& other) {
        if (this == &other) return *this;
        if (!other.size_ || capacity_ < other.size_) {
            *this = Buffer();  // never both in memory
            grow(other.size_);
        }
        // What is there already need not be asked of the system again, which takes longer than to copy.
        if (size_ > other.size_) std::memset(data_ + other.size_, 0, (size_ - other.size_) * sizeof(float));
        size_ = other.size_;
        copy_from(other);
        return *this;
    }
    Buffer& operator=(Buffer&& other) noexcept {
        Buffer taken(std::move(other));  // what was here is released
        swap(taken);
        return *this;
    }
    ~Buffer() { release(data_, capacity_); }

    float* data() noexcept { return data_; }
    const float* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

    // At least n floats; what was there stays, what is new is zero.
    void grow(std::size_t n) {
        if (n <= size_) return;
        if (n > capacity_) {
            std::size_t capacity = capacity_ ? std::max(n, capacity_ + capacity_ / 2) : n;
            if (capacity * sizeof(float) < huge) {
                capacity = (capacity + line - 1) / line * line;
                auto* fresh = static_cast<float*>(std::aligned_alloc(64, capacity * sizeof(float)));
                if (!fresh) throw std::bad_alloc();
                std::memset(fresh + size_, 0, (capacity - size_) * sizeof(float));
                if (size_) std::memcpy(fresh, data_, size_ * sizeof(float));
                std::free(data_);
                data_ = fresh;
            } else {
                capacity = (capacity * sizeof(float) + huge - 1) / huge * huge / sizeof(float);
                move_to_pages(capacity);
            }
            capacity_ = capacity;
        }
        size_ = n;  // beyond the old size all is zero
    }

private:
    static constexpr std::size_t huge = std::size_t{2} << 20, line = 64 / sizeof(float);

    // Huge pages need an address that is a multiple of their size.
    static char* pages(std::size_t bytes) {
        void* all = mmap(nullptr, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) throw std::bad_alloc();
        char* const begin = static_cast<char*>(all);
        const std::size_t before = (huge - reinterpret_cast<std::uintptr_t>(begin) % huge) % huge;
        if (before) munmap(begin, before);
        if (huge - before) munmap(begin + before + bytes, huge - before);
#ifdef MADV_HUGEPAGE
        madvise(begin + before, bytes, MADV_HUGEPAGE);
#endif
        return begin + before;
    }
    void move_to_pages(std::size_t capacity) {
        const std::size_t bytes = capacity * sizeof(float), had = capacity_ * sizeof(float);
        char* fresh = pages(bytes);
#ifdef MREMAP_FIXED
        // Pages that are there move without a copy. The mapping grows as it moves and stays a single one:
        // Linux before 6.17 refuses to move several at once, with EFAULT.
        if (had >= huge) {
            if (mremap(data_, had, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, fresh) != MAP_FAILED) {
                data_ = reinterpret_cast<float*>(fresh);
                return;
            }
            // What refuses may have given up those pages first, and another thread may have them by now.
            fresh = pages(bytes);
        }
#endif
        if (size_) std::memcpy(fresh, data_, size_ * sizeof(float));
        release(data_, capacity_);
        data_ = reinterpret_cast<float*>(fresh);
    }
    static void release(float* data, std::size_t capacity) noexcept {
        if (capacity * sizeof(float) >= huge)
            munmap(data, capacity * sizeof(float));
        else
            std::free(data);
    }
    void swap(Buffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }
    void copy_from(const Buffer& other) noexcept {
        if (other.size_) std::memcpy(data_, other.data_, other.size_ * sizeof(float));
    }
    float* data_ = nullptr;
    std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace esker

// A zero-filled array of floats for tables that are walked at random: cache-line aligned, on huge pages where
// large.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace esker {

struct Buffer {
    Buffer() = default;
    explicit Buffer(std::size_t n) { grow(n); }
    Buffer(const Buffer& other) : Buffer(other.size_) { copy_from(other); }
    Buffer(Buffer&&) noexcept = default;
    Buffer& operator=(const Buffer& other) {
        if (this != &other) *this = Buffer(other);
        return *this;
    }
    Buffer& operator=(Buffer&&) noexcept = default;

    float* data() noexcept { return data_.get(); }
    const float* data() const noexcept { return data_.get(); }
    std::size_t size() const noexcept { return size_; }

    // At least n floats; what was there stays, what is new is zero.
    void grow(std::size_t n) {
        if (n <= size_) return;
        if (n > capacity_) {
            const std::size_t capacity = capacity_ ? std::max(n, capacity_ + capacity_ / 2) : n;
            const std::size_t align = capacity * sizeof(float) >= huge ? huge : 64;
            const std::size_t bytes = (capacity * sizeof(float) + align - 1) / align * align;
            auto* fresh = static_cast<float*>(std::aligned_alloc(align, bytes));
            if (!fresh) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
            if (align == huge) madvise(fresh, bytes, MADV_HUGEPAGE);
#endif
            std::unique_ptr<float[], Free> kept(fresh);
            if (size_) std::memcpy(fresh, data(), size_ * sizeof(float));
            data_ = std::move(kept);
            capacity_ = capacity;
        }
        std::memset(data() + size_, 0, (n - size_) * sizeof(float));
        size_ = n;
    }

private:
    static constexpr std::size_t huge = std::size_t{2} << 20;
    struct Free {
        void operator()(float* p) const noexcept { std::free(p); }
    };
    void copy_from(const Buffer& other) {
        if (other.size_) std::memcpy(data(), other.data(), other.size_ * sizeof(float));
    }
    std::unique_ptr<float[], Free> data_;
    std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace esker

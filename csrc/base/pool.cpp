// Pieces are mapped one by one, on huge pages where large, so that what goes back is the system's again:
// malloc would keep it.
#include "base/pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace esker {
namespace {

constexpr std::size_t page = 1 << 16, huge = std::size_t{4} << 20;

Piece map(std::size_t size) {
    void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    if (size >= huge) madvise(p, size, MADV_HUGEPAGE);
#endif
    return {static_cast<std::byte*>(p), size};
}

void unmap(Piece piece) noexcept { munmap(piece.data, piece.size); }

}  // namespace

Piece Pool::take(std::size_t n) {
    // A little room, so that blocks of nearly one size fit each other's pieces; it is never touched.
    const std::size_t size = (std::max(n, page) + n / 16 + page - 1) / page * page;
    std::vector<Piece> dropped;
    {
        const std::lock_guard<std::mutex> lock(guard_);
        auto best = pieces_.end();
        for (auto it = pieces_.begin(); it != pieces_.end(); ++it)
            if (it->size >= n && it->size / 2 <= size && (best == pieces_.end() || it->size < best->size))
                best = it;
        if (best != pieces_.end()) {
            const Piece found = *best;
            pieces_.erase(best);
            idle_ -= found.size;
            return found;
        }
        for (std::size_t freed = 0; freed < size && !pieces_.empty();) {
            dropped.push_back(pieces_.back());
            freed += pieces_.back().size;
            idle_ -= pieces_.back().size;
            pieces_.pop_back();
        }
    }
    for (const Piece& piece : dropped) unmap(piece);
    return map(size);
}

void Pool::give(Piece piece) noexcept {
    try {
        const std::lock_guard<std::mutex> lock(guard_);
        if (!closed_ && idle_ + piece.size <= keep_) {
            pieces_.push_back(piece);
            idle_ += piece.size;
            return;
        }
    } catch (...) {  // no memory for the list itself
    }
    unmap(piece);
}

void Pool::close() noexcept {
    std::vector<Piece> pieces;
    {
        const std::lock_guard<std::mutex> lock(guard_);
        closed_ = true;
        pieces.swap(pieces_);
        idle_ = 0;
    }
    for (const Piece& piece : pieces) unmap(piece);
}

std::size_t Pool::idle() const noexcept {
    const std::lock_guard<std::mutex> lock(guard_);
    return idle_;
}

}  // namespace esker

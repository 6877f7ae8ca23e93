// Memory for blocks that is used again: fresh pages cost two to three times what filling them does. A piece
// comes back when its last user lets go of it, in whatever thread; what does not come back is simply new.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace esker {

struct Piece {
    std::byte* data = nullptr;
    std::size_t size = 0;  // at least what was asked for
};

class Pool {
public:
    // Idle memory of at most `keep` bytes waits to be used again; the rest goes back to the system at once.
    explicit Pool(std::size_t keep) : keep_(keep) {}
    ~Pool() { close(); }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // The smallest idle piece that holds n bytes and is not more than twice as large, or a new one. Where
    // none fits, as many idle bytes go back to the system as are taken, so that the sum does not grow.
    Piece take(std::size_t n);
    void give(Piece piece) noexcept;
    // What is idle goes back now, and what comes back later does so then.
    void close() noexcept;
    std::size_t idle() const noexcept;

private:
    mutable std::mutex guard_;
    std::vector<Piece> pieces_;
    std::size_t keep_, idle_ = 0;
    bool closed_ = false;
};

}  // namespace esker

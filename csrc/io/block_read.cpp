// pread and not mmap: a file that was cut short is an error here, not a signal. Dense rows are read to where
// they belong; everything else goes through pieces of memory small enough for a core's own cache.
#include "io/block_read.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

#include "base/crc32c.hpp"
#include "base/error.hpp"
#include "base/parallel.hpp"

namespace esker {
namespace {

// Read at once: what a core's second cache holds beside what is made of it.
constexpr Index stretch = 256 << 10;
// Of a page whose targets alone are wanted: what it says of itself, and few targets.
constexpr Index small = 4096;
static_assert(small >= static_cast<Index>(page::heads));

// Fills `n` bytes from the file's `offset` on, spread over up to three places.
void read_exactly(int file, iovec* to, int places, Index offset) {
    while (places > 0) {
        if (to->iov_len == 0) {
            to++, places--;
            continue;
        }
        const ssize_t got = preadv(file, to, places, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw std::system_error(errno, std::generic_category(), "cannot read the block file");
        if (got == 0)
            throw FormatError(
                "the file is truncated: expected bytes at " + std::to_string(offset) + ", and it ends there",
                0, 0);
        offset += got;
        for (auto left = static_cast<std::size_t>(got); left > 0;) {
            const std::size_t part = std::min(left, to->iov_len);
            to->iov_base = static_cast<char*>(to->iov_base) + part;
            to->iov_len -= part;
            left -= part;
            if (to->iov_len == 0 && places > 1) to++, places--;
        }
        if (to->iov_len == 0) places--;
    }
}

struct Borrowed {
    Pool& pool;
    Piece piece;
    Borrowed(Pool& pool, std::size_t n) : pool(pool), piece(pool.take(n)) {}
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    ~Borrowed() { pool.give(piece); }
};

std::size_t width(page::Dtype dtype) noexcept {
    return dtype == page::none                        ? 0
           : dtype == page::boolean                   ? 1
           : dtype == page::f32 || dtype == page::i32 ? 4
                                                      : 8;
}

void* moved(void* p, Index n, std::size_t item) noexcept {
    return p ? static_cast<std::byte*>(p) + static_cast<std::size_t>(n) * item : nullptr;
}

void compare(std::uint32_t expected, std::uint32_t found) {
    if (expected == found) return;
    auto hex = [](std::uint32_t v) {
        std::string s = "0x";
        for (int shift = 28; shift >= 0; shift -= 4) s += "0123456789abcdef"[v >> shift & 15];
        return s;
    };
    throw FormatError("it is damaged: expected checksum " + hex(expected) + ", got " + hex(found), 0, 0);
}

class Reader {
public:
    Reader(const PageRoom& room, int file, const PageEntry* pages, const std::uint32_t* crc, Index first_page,
           const PageShape& shape, Pool& scratch)
        : room_(room),
          file_(file),
          pages_(pages),
          crc_(crc),
          first_page_(first_page),
          shape_(shape),
          scratch_(scratch) {}

    // Pages begin..end-1, of which `rows` rows and `numbers` numbers lie before them.
    void read(Index begin, Index end, Index rows, Index numbers) const {
        Index page = begin;
        try {
            if (pages_[begin].x_at > 0) {
                for (; page < end; page++) {
                    dense(page, at(rows, numbers));
                    rows += pages_[page].rows, numbers += pages_[page].numbers;
                }
                return;
            }
            const Index first = pages_[begin].offset;
            const auto n = static_cast<std::size_t>(pages_[end - 1].offset + pages_[end - 1].size - first);
            const Borrowed memory(scratch_, n);
            iovec to{memory.piece.data, n};
            read_exactly(file_, &to, 1, first);
            for (; page < end; page++) {
                const PageEntry& e = pages_[page];
                const std::byte* bytes = memory.piece.data + (e.offset - first);
                compare(crc_[page], crc32c(0, bytes, static_cast<std::size_t>(e.size)));
                decode(page, bytes, static_cast<std::size_t>(e.size), at(rows, numbers), false);
                rows += e.rows, numbers += e.numbers;
            }
        } catch (const FormatError& error) {
            const PageEntry& e = pages_[page];
            throw FormatError("page " + std::to_string(first_page_ + page) + " (rows " +
                                  std::to_string(e.first_row) + " to " +
                                  std::to_string(e.first_row + e.rows - 1) + " of part " +
                                  std::to_string(e.part) + "): " + error.what(),
                              0, 0);
        }
    }

private:
    PageRoom at(Index rows, Index numbers) const noexcept {
        const std::size_t index = shape_.wide ? 8 : 4;
        return {moved(room_.x, numbers, width(shape_.x)),
                moved(room_.ids, numbers, index),
                moved(room_.indptr, rows, index),
                moved(room_.y, rows * shape_.targets, width(shape_.y)),
                room_.weight ? room_.weight + rows : nullptr,
                room_.first + numbers};
    }

    void decode(Index page, const std::byte* bytes, std::size_t size, const PageRoom& to,
                bool x_in_place) const {
        PageShape shape = shape_;
        shape.rows = pages_[page].rows, shape.numbers = pages_[page].numbers;
        decode_page(to, bytes, size, shape, x_in_place);
    }

    void dense(Index page, const PageRoom& to) const {
        const PageEntry& e = pages_[page];
        const Index x_bytes = e.numbers * static_cast<Index>(width(shape_.x)),
                    rest = e.size - e.x_at - x_bytes;
        if (rest < 0 || rest >= static_cast<Index>(page::align))
            throw FormatError("its numbers take more or less than its bytes", 0, 0);
        const Borrowed memory(scratch_, static_cast<std::size_t>(e.x_at));
        std::byte* const head = memory.piece.data;
        auto* x = static_cast<std::byte*>(to.x);
        std::byte tail[page::align];
        std::uint32_t crc = 0;
        for (Index done = 0; done < x_bytes || done == 0;) {
            const Index take = std::min(stretch, x_bytes - done);
            const bool first = done == 0, last = done + take == x_bytes;
            iovec places[3] = {{head, first ? static_cast<std::size_t>(e.x_at) : 0},
                               {x + done, static_cast<std::size_t>(take)},
                               {tail, last ? static_cast<std::size_t>(rest) : 0}};
            read_exactly(file_, places, 3, first ? e.offset : e.offset + e.x_at + done);
            if (first) crc = crc32c(0, head, static_cast<std::size_t>(e.x_at));
            crc = crc32c(crc, x + done, static_cast<std::size_t>(take));
            if (last) crc = crc32c(crc, tail, static_cast<std::size_t>(rest));
            if (last) break;
            done += take;
        }
        compare(crc_[page], crc);
        decode(page, head, static_cast<std::size_t>(e.x_at), to, true);
    }

    const PageRoom& room_;
    int file_;
    const PageEntry* pages_;
    const std::uint32_t* crc_;
    Index first_page_;
    const PageShape& shape_;
    Pool& scratch_;
};

}  // namespace

void read_pages(const PageRoom& room, int file, const PageEntry* pages, const std::uint32_t* crc, Index count,
                Index first_page, const PageShape& shape, Pool& scratch) {
    struct Task {
        Index begin, end, rows, numbers;
    };
    std::vector<Task> tasks;
    Index rows = 0, numbers = 0, bytes = 0;
    for (Index page = 0; page < count; page++) {
        if (bytes == 0) tasks.push_back({page, page, rows, numbers});
        bytes += pages[page].size;
        rows += pages[page].rows, numbers += pages[page].numbers;
        tasks.back().end = page + 1;
        if (bytes >= stretch) bytes = 0;
    }
    if (shape.sparse && shape.wide) *static_cast<std::int64_t*>(room.indptr) = room.first;
    if (shape.sparse && !shape.wide)
        *static_cast<std::int32_t*>(room.indptr) = static_cast<std::int32_t>(room.first);
    const Reader reader(room, file, pages, crc, first_page, shape, scratch);
    parallel_for(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t t) {
        const Task& task = tasks[static_cast<std::size_t>(t)];
        reader.read(task.begin, task.end, task.rows, task.numbers);
    });
}

void read_targets(void* y, int file, const PageEntry* pages, Index count, const PageShape& shape) {
    for (Index i = 0; i < count; i++) {
        const PageEntry& e = pages[i];
        PageShape here = shape;
        here.rows = e.rows, here.numbers = e.numbers;
        const auto size = static_cast<std::size_t>(e.size);
        const auto memory = std::make_unique_for_overwrite<std::byte[]>(size);
        std::byte* const bytes = memory.get();
        const Index known = std::min<Index>(e.size, small);
        iovec to{bytes, static_cast<std::size_t>(known)};
        read_exactly(file, &to, 1, e.offset);
        const Place place = place_of_targets(bytes, size, here);
        if (place.at + place.size > known) {
            to = {bytes + place.at, static_cast<std::size_t>(place.size)};
            read_exactly(file, &to, 1, e.offset + place.at);
        }
        decode_targets(y, bytes, size, here);
        y = moved(y, e.rows * shape.targets, width(shape.y));
    }
}

}  // namespace esker

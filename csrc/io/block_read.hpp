// Pages of an open block file to arrays: read, checked and decoded piece by piece, each while it is in a
// cache, by all threads.
#pragma once

#include "base/pool.hpp"
#include "io/block_page.hpp"

namespace esker {

// What the footer's table says of a page.
struct PageEntry {
    Index offset, size, part, first_row, rows, numbers, x_at, nonzeros;
};

// Pages that lie one behind the other in the file, to rows one behind the other in `room`; first_page is the
// first one's number, for messages. indptr[0] of sparse rows is set to room.first. FormatError where the
// file is shorter than its footer says or a page is damaged; std::system_error where the system cannot read.
void read_pages(const PageRoom& room, int file, const PageEntry* pages, const std::uint32_t* crc, Index count,
                Index first_page, const PageShape& shape, Pool& scratch);

// The targets alone of pages anywhere in the file, one page's behind the other's: only their bytes are read,
// and whether a checksum is right is not known.
void read_targets(void* y, int file, const PageEntry* pages, Index count, const PageShape& shape);

}  // namespace esker

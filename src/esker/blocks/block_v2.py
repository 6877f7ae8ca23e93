"""Block files of version 2: pages of rows, packed narrowly, each readable by itself; core.read_pages reads and decodes them.

A block is any run of neighbouring pages, so its size is the reader's choice. Every number that the table holds is checked
before it is used; what a page says of itself is checked by the decoder, in csrc/io/block_page_decode.cpp.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker._native import core
from esker.blocks.block import UNIT, Block, key
from esker.blocks.block_format import ALIGN, Footer, check_places
from esker.blocks.buffer import RowBuffer, csr, cut
from esker.blocks.memory import PANEL, Budget, block_rows, show_size
from esker.blocks.pool import Pool

__all__ = ["FIELDS", "FREE_NUMBERS", "StoredV2"]

#: Columns of the table of pages.
FIELDS = ("offset", "size", "part", "first_row", "rows", "numbers", "x_at", "nonzeros")
#: A page of more numbers than this has at least a bit for each, so that a small file cannot ask for much memory.
FREE_NUMBERS = 1 << 22
#: How many bytes the system is asked to fetch ahead of a block, while that is read; it cuts this to its own window.
FETCH = 1 << 27
Y_DTYPES = ("float32", "float64", "int32", "int64", "bool")


class Placed(NamedTuple):
    """What goes with rows that were read into a buffer."""

    rows: int
    numbers: int
    y: NDArray[Any] | None
    weight: NDArray[np.float64] | None


class StoredV2:
    """One file: its table of pages, and the reading of its rows."""

    def __init__(self, name: str, footer: Footer) -> None:
        self.name, self.facts, self.arrays, self.end = name, footer.facts, footer.arrays, footer.end
        try:
            self.check()
        except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise FormatError(f"the footer makes no sense: {error}", name) from None

    # --- what the footer says ---

    def check(self) -> None:
        facts, table, crc = self.facts, self.arrays["pages"], self.arrays["page_crc"]
        if table.ndim != 2 or table.shape[1] != len(FIELDS) or table.dtype != np.int64 or not len(table):
            raise ValueError("it has no table of pages, or one with other columns")
        if crc.shape != (len(table),) or crc.dtype != np.uint32:
            raise ValueError("it has not one checksum for each page")
        if facts["layout"] not in ("dense", "csr") or facts["dtype"] not in ("float32", "float64"):
            raise ValueError("its layout or dtype is unknown")
        self.sparse = facts["layout"] == "csr"
        self.dtype = np.dtype(facts["dtype"])
        self.half = facts["stored_dtype"] == "float16"
        if facts["stored_dtype"] not in (facts["dtype"], "float16") or (
            self.half and self.dtype != np.float32
        ):
            raise ValueError("its stored dtype is unknown")
        shape = facts["y_shape"]
        self.y_shape: tuple[int, ...] | None = None if shape is None else tuple(int(n) for n in shape)
        self.y_dtype = None if shape is None else np.dtype(facts["y_dtype"])
        if shape is not None and (facts["y_dtype"] not in Y_DTYPES or len(shape) > 1 or min([1, *shape]) < 0):
            raise ValueError("its targets are of an unknown kind")
        self.weighted = bool(facts["weighted"])
        columns = facts["n_columns"]
        if not isinstance(columns, int) or not 0 <= columns < 1 << 62:
            raise ValueError(f"it has {columns!r} columns")
        self.check_pages(table)
        self.pages, self.crc = table, np.ascontiguousarray(crc)
        #: The page with which each part begins, and where the rows of its part end that each page holds.
        self.part_begin = np.searchsorted(table[:, 2], np.arange(len(facts["parts"]) + 1))
        self.row_ends = table[:, 3] + table[:, 4]
        self.numbers_before = np.concatenate([[0], np.cumsum(table[:, 5])])
        unit = table[:, 3] // UNIT
        fresh = np.ones(len(table), bool)
        fresh[1:] = (unit[1:] != unit[:-1]) | (table[1:, 2] != table[:-1, 2])
        #: The page with which each page's unit of order begins.
        self.unit_begin = np.maximum.accumulate(np.where(fresh, np.arange(len(table)), 0))
        self.bytes_before = np.concatenate([[0], np.cumsum(self.decoded(table))])

    def check_pages(self, table: NDArray[np.int64]) -> None:
        """Pages lie where `check_places` says, cut at multiples of 256 rows, and have room for what they hold."""
        facts = self.facts
        _, size, _, first_row, rows, numbers, x_at, nonzeros = table.T
        if (table < 0).any() or (rows < 1).any() or (rows > UNIT).any() or (size % ALIGN).any():
            raise ValueError("it has pages of no rows, of more than 4,096, or of odd sizes")
        check_places(table, rows, self.end, facts["parts"], "pages")
        if (numbers > np.maximum(FREE_NUMBERS, 8 * size)).any() or (nonzeros > numbers).any():
            raise ValueError("its pages hold more numbers than they have room for")
        per_row = (1 if not self.y_shape else self.y_shape[0]) if self.y_shape is not None else 0
        if (per_row > np.maximum(FREE_NUMBERS, 8 * size) // rows).any():
            raise ValueError("its pages hold more targets than they have room for")
        if not self.sparse and (
            (facts["n_columns"] > self.end)
            or (rows * facts["n_columns"] != numbers).any()
            or len(set((x_at > 0).tolist())) > 1
        ):
            raise ValueError("its dense pages have other numbers than rows times columns")
        if (x_at > size).any() or (self.sparse and x_at.any()):
            raise ValueError("its pages have numbers outside them")
        if (first_row % PANEL).any() or (first_row // UNIT != (first_row + rows - 1) // UNIT).any():
            raise ValueError("its pages do not begin at multiples of 256 rows, or cross one of 4,096")
        known = facts["n_rows"], facts["n_numbers"], facts["nonzeros"]
        if (int(rows.sum()), int(numbers.sum()), int(nonzeros.sum())) != known:
            raise ValueError("its rows are not counted right")

    def decoded(self, table: NDArray[np.int64]) -> NDArray[np.int64]:
        """Bytes of each page's rows in memory."""
        numbers, rows = table[:, 5], table[:, 4]
        row = 8 * self.weighted + (self.y_dtype.itemsize * self.targets if self.y_dtype is not None else 0)
        index = 8 if self.wide(self.facts["n_columns"]) else 4
        x = (
            numbers * (self.dtype.itemsize + index) + index * rows
            if self.sparse
            else numbers * self.dtype.itemsize
        )
        return np.asarray(x + rows * row)

    @property
    def targets(self) -> int:
        return 0 if self.y_shape is None else int(np.prod(self.y_shape, dtype=np.int64))

    @staticmethod
    def wide(columns: int) -> bool:
        """Whether column numbers need 64 bits."""
        return columns > 1 << 31

    def describe_memory(self) -> int:
        """Bytes of all rows in memory."""
        return int(self.bytes_before[-1])

    # --- reading ---

    def read(
        self, descriptor: int, part: int, begin: int, end: int, columns: int, budget: Budget, pool: Pool
    ) -> Iterator[Block]:
        """Rows begin..end-1 of a part, in blocks that the budget allows; X is `columns` wide."""
        first, last = self.pages_of(part, begin, end)
        fetched = 0
        while first < last:
            stop = self.stop(first, last, budget.block_bytes)
            ahead = int(self.pages[min(stop, last - 1), 0]) + budget.block_bytes
            if last > stop and ahead > fetched:
                self.fetch(descriptor, int(self.pages[stop, 0]), FETCH)
                fetched = ahead + FETCH // 2
            block = self.pages_between(descriptor, first, stop, columns, pool)
            at = int(self.pages[first, 3])
            block = cut(block, max(begin - at, 0), min(end - at, len(block)))
            yield from self.pieces(block, budget)
            del block
            first = stop

    def pages_of(self, part: int, begin: int, end: int) -> tuple[int, int]:
        """The pages, from one to before another, that hold rows begin..end-1 of a part."""
        low, high = int(self.part_begin[part]), int(self.part_begin[part + 1])
        row_ends = self.row_ends[low:high]
        first = low + int(np.searchsorted(row_ends, begin, side="right"))
        return first, min(low + int(np.searchsorted(row_ends, end)) + 1, high) if end > begin else first

    def page_end(self, part: int, row: int) -> int:
        """Where the rows of the page end that holds a row."""
        return int(self.row_ends[self.pages_of(part, row, row + 1)[0]])

    def stop(self, first: int, last: int, nbytes: int) -> int:
        """Where a block of about so many bytes ends that begins with page `first`: where a unit of order does, if one does."""
        limit = int(self.bytes_before[first]) + nbytes
        stop = int(np.searchsorted(self.bytes_before, limit, side="right")) - 1
        stop = min(max(stop, first + 1), last)
        if stop < last and int(self.unit_begin[stop]) > first:
            return int(self.unit_begin[stop])
        return stop

    @staticmethod
    def fetch(descriptor: int, offset: int, n: int) -> None:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, offset, n, os.POSIX_FADV_WILLNEED)

    @staticmethod
    def pieces(block: Block, budget: Budget) -> Iterator[Block]:
        """A block of one page may be larger than the budget's: then it comes in pieces, which are views of it."""
        rows = len(block)
        if block.nbytes <= budget.block_bytes or rows <= PANEL:
            if budget.max_memory is not None and block.nbytes * (budget.depth + 1) > budget.max_memory:
                block_rows(block.nbytes / rows, budget)  # says what it would take
            yield block
            return
        if budget.max_memory is not None and block.nbytes * (budget.depth + 1) > budget.max_memory:
            raise ValueError(
                f"a page of the block file takes {show_size(block.nbytes)}, and {budget.depth + 1} of them are alive: "
                f"max_memory is {show_size(budget.max_memory)}; grant more memory"
            )
        step = block_rows(block.nbytes / rows, budget)
        for at in range(0, rows, step):
            yield cut(block, at, min(at + step, rows))

    def pages_between(self, descriptor: int, first: int, stop: int, columns: int, pool: Pool) -> Block:
        """Pages first..stop-1 as one block, in memory of the pool."""
        rows, numbers = self.size(first, stop)
        x: Any
        if self.sparse:
            index = np.int64 if self.wide(columns) or numbers >= 1 << 31 else np.int32
            x = pool.empty(numbers, self.dtype), pool.empty(numbers, index), pool.empty(rows + 1, index)
        else:
            x = pool.empty((rows, columns), self.dtype)
        y, weight = self.beside(rows, pool)
        self.into(x, y, weight, descriptor, first, stop, pool)
        part, row = int(self.pages[first, 2]), int(self.pages[first, 3])
        return Block(csr(x[0], x[1], x[2], columns) if self.sparse else x, y, weight, key(part, row))

    def fill(
        self,
        buffer: RowBuffer,
        descriptor: int,
        part: int,
        begin: int,
        end: int,
        columns: int,
        scratch: Pool,
        numbers: int | None,
    ) -> Placed | None:
        """Those pages of rows begin..end-1 that are whole, and together have fewer than `numbers`, behind the rows of a buffer."""
        first, last = self.pages_of(part, begin, end)
        if int(self.pages[first, 3]) != begin:
            return None
        last -= int(self.row_ends[last - 1]) > end
        if numbers is not None:
            most = int(self.numbers_before[first]) + numbers
            last = min(last, int(np.searchsorted(self.numbers_before, most)) - 1)
        if last <= first:
            return None
        rows, new = self.size(first, last)
        x: Any
        if self.sparse:
            wide = self.wide(columns) or buffer.numbers + new >= 1 << 31
            x = buffer.sparse_rows(rows, new, columns, self.dtype, np.int64 if wide else np.int32)
        else:
            x = buffer.dense_rows(rows, columns, self.dtype)
        if x is None:
            return None
        y, weight = self.beside(rows, scratch)
        self.into(x, y, weight, descriptor, first, last, scratch, buffer.numbers)
        return Placed(rows, new, y, weight)

    def size(self, first: int, stop: int) -> tuple[int, int]:
        """Rows and numbers of pages first..stop-1 of one part."""
        rows = int(self.row_ends[stop - 1]) - int(self.pages[first, 3])
        return rows, int(self.numbers_before[stop] - self.numbers_before[first])

    def beside(self, rows: int, pool: Pool) -> tuple[NDArray[Any] | None, NDArray[np.float64] | None]:
        """Room for targets and weights."""
        y = None if self.y_shape is None else pool.empty((rows, *self.y_shape), self.y_dtype)
        return y, pool.empty(rows, np.float64) if self.weighted else None

    def into(
        self,
        x: Any,
        y: NDArray[Any] | None,
        weight: NDArray[np.float64] | None,
        descriptor: int,
        first: int,
        stop: int,
        scratch: Pool,
        numbers: int = 0,
    ) -> None:
        """Pages first..stop-1 into these arrays; row pointers count on from `numbers`."""
        try:
            core.read_pages(
                x,
                y,
                weight,
                file=descriptor,
                table=self.pages[first:stop],
                crc=self.crc[first:stop],
                first_page=first,
                columns=self.facts["n_columns"],
                half=self.half,
                scratch=scratch.core,
                first=numbers if self.sparse else 0,
            )
        except FormatError as error:
            raise FormatError(error.message, self.name) from None

    def labels(self, descriptor: int, part: int, begin: int, end: int) -> NDArray[Any] | None:
        """The targets alone of some rows: their bytes are read, and no checksum is compared."""
        if self.y_shape is None:
            return None
        first, last = self.pages_of(part, begin, end)
        y = np.empty((self.size(first, last)[0], *self.y_shape), self.y_dtype)
        core.read_targets(y, file=descriptor, table=self.pages[first:last])
        at = int(self.pages[first, 3])
        return y[begin - at : end - at]

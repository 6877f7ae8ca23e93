"""Block files of version 1, as esker 0.1 wrote them before pages of their own: numbers as they lie in memory.

Every number that the tables hold is checked before it is used. Blocks are read by `preadv` into memory of their own, their
checksums compared page by page, and their arrays are views of that memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker._native import core
from esker.blocks.block import Block, key
from esker.blocks.block_format import ALIGN, Footer, check_places
from esker.blocks.buffer import csr
from esker.blocks.memory import Budget, block_rows
from esker.blocks.pool import Pool

__all__ = ["StoredV1"]

#: A block's bytes are checked in pages of so many, the first of which begins where the block does.
PAGE = 1 << 18
#: Section dtypes by code; a section's numbers are little-endian.
DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("<i8"),
    5: np.dtype("|b1"),
}


class Kind:
    """What a section holds."""

    dense, data, indices, indptr, y, weight = 1, 2, 3, 4, 5, 6


_KINDS = {
    Kind.dense: "dense",
    Kind.data: "data",
    Kind.indices: "indices",
    Kind.indptr: "indptr",
    Kind.y: "y",
    Kind.weight: "weight",
}
#: Columns of the footer's tables.
BLOCK_FIELDS = ("offset", "size", "part", "first_row", "rows", "columns", "numbers", "first_page")
SECTION_FIELDS = ("block", "kind", "dtype", "encoding", "offset", "size", "count")


class StoredV1:
    """One file: its tables, and the reading of its rows."""

    def __init__(self, name: str, footer: Footer) -> None:
        self.name, self.facts, self.arrays, self.end = name, footer.facts, footer.arrays, footer.end
        self.tables()
        y = self.facts["y_shape"]
        self.y_shape: tuple[int, ...] | None = None if y is None else tuple(y)

    def fail(self, message: str) -> FormatError:
        return FormatError(message, self.name)

    def tables(self) -> None:
        facts, arrays = self.facts, self.arrays
        try:
            blocks, sections, crc = arrays["blocks"], arrays["sections"], arrays["page_crc"]
            shapes = (len(BLOCK_FIELDS), len(SECTION_FIELDS))
            if (blocks.shape[1], sections.shape[1]) != shapes or crc.ndim != 1 or crc.dtype != np.uint32:
                raise ValueError("its tables have other columns")
            if blocks.dtype != np.int64 or sections.dtype != np.int64:
                raise ValueError("its tables are not of int64")
            self.check_blocks(facts, blocks, len(crc))
            self.sections = self.check_sections(facts, blocks, sections)
        except FormatError:
            raise
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise self.fail(f"the footer makes no sense: {error}") from None
        self.blocks, self.page_crc = blocks, crc

    def check_blocks(self, facts: dict[str, Any], blocks: NDArray[np.int64], pages: int) -> None:
        """Blocks lie where `check_places` says, are of sizes that the file can hold, and their pages are counted right."""
        _, size, _, first_row, rows, columns, numbers, first_page = blocks.T
        if len(blocks) == 0 or (blocks < 0).any() or (rows < 1).any() or (size % ALIGN).any():
            raise ValueError("it has no blocks, or blocks of no rows or of odd sizes")
        check_places(blocks, rows, self.end, facts["parts"], "blocks")
        counts = -(-size // PAGE)
        if (first_page != np.cumsum(counts) - counts).any() or counts.sum() != pages:
            raise ValueError("its blocks' pages are not counted right")
        if (columns > facts["n_columns"]).any() or (rows > self.end).any() or (numbers > self.end).any():
            raise ValueError("it has blocks wider than the whole, or larger than the file")
        if int(rows.sum()) != facts["n_rows"] or (first_row % 256).any():
            raise ValueError("its rows are not counted right")

    def check_sections(
        self, facts: dict[str, Any], blocks: NDArray[np.int64], sections: NDArray[np.int64]
    ) -> dict[int, dict[int, tuple[np.dtype[Any], int, int]]]:
        """Every section lies in its block, holds as many numbers as the block's rows need, and is of a known kind."""
        placed: dict[int, dict[int, tuple[np.dtype[Any], int, int]]] = {b: {} for b in range(len(blocks))}
        for b, kind, code, encoding, offset, size, count in sections.tolist():
            if kind not in _KINDS or code not in DTYPES or encoding != 0:
                raise self.fail(
                    f"block {b} has a section of kind {kind}, dtype {code}, encoding {encoding}, which this esker does "
                    f"not know; use esker {facts.get('needs', 'of a later version')} or later, or convert the source again"
                )
            dtype = DTYPES[code]
            if (
                b not in placed
                or kind in placed[b]
                or offset < 0
                or offset % ALIGN
                or count * dtype.itemsize != size
            ):
                raise ValueError(f"a section of block {b} is out of place")
            if size < 0 or offset + size > blocks[b, 1]:
                raise ValueError(f"a section of block {b} lies outside it")
            placed[b][kind] = dtype, offset, count
        x = {Kind.dense} if facts["layout"] == "dense" else {Kind.data, Kind.indices, Kind.indptr}
        targets = None if facts["y_shape"] is None else int(np.prod(facts["y_shape"], dtype=np.int64))
        required = x if targets is None else x | {Kind.y}
        for b, found in placed.items():
            _, _, _, _, rows, columns, numbers, _ = blocks[b].tolist()
            needs = {
                Kind.dense: rows * columns,
                Kind.data: numbers,
                Kind.indices: numbers,
                Kind.indptr: rows + 1,
                Kind.y: rows * (targets or 0),
                Kind.weight: rows,
            }
            if found.keys() - {Kind.weight} != required:
                raise ValueError(f"block {b} has not the sections that it needs")
            for kind, (dtype, _, count) in found.items():
                if count != needs[kind] or (kind in (Kind.dense, Kind.data) and dtype.name != facts["dtype"]):
                    raise ValueError(f"section {_KINDS[kind]} of block {b} has another length or dtype")
                if (kind in (Kind.indices, Kind.indptr)) != (dtype.kind == "i") and kind != Kind.y:
                    raise ValueError(f"section {_KINDS[kind]} of block {b} has another dtype")
            if Kind.indices in found and found[Kind.indices][0] != found[Kind.indptr][0]:
                raise ValueError(f"indices and indptr of block {b} differ in dtype")
        return placed

    # --- reading ---

    def describe_memory(self) -> int:
        """Bytes of all rows in memory."""
        return int(self.blocks[:, 1].sum())

    def read(
        self, descriptor: int, part: int, begin: int, end: int, columns: int, budget: Budget, pool: Pool
    ) -> Iterator[Block]:
        """Rows begin..end-1 of a part, in blocks that the budget allows; X is `columns` wide."""
        table = self.blocks
        here = (table[:, 2] == part) & (table[:, 3] < end) & (table[:, 3] + table[:, 4] > begin)
        for b in np.flatnonzero(here).tolist():
            size, first, rows = int(table[b, 1]), int(table[b, 3]), int(table[b, 4])
            low, high = max(begin - first, 0), min(end - first, rows)
            step = rows if size <= budget.block_bytes else block_rows(size / rows, budget)
            for at in range(low, high, step):
                yield _Stored(self, descriptor, b, columns).rows(at, min(at + step, high))


class _Stored:
    """One block of a file, and the reading of some of its rows."""

    def __init__(self, file: StoredV1, descriptor: int, number: int, columns: int) -> None:
        self.file, self.descriptor, self.number, self.columns = file, descriptor, number, columns
        self.offset, self.size, self.part, self.first, self.n, _, self.numbers, self.first_page = file.blocks[
            number
        ].tolist()
        self.sections = file.sections[number]
        self.raw: NDArray[np.uint8] | None = None

    def fail(self, message: str) -> FormatError:
        rows = f"rows {self.first} to {self.first + self.n - 1} of part {self.part}"
        return FormatError(f"block {self.number} ({rows}): {message}", self.file.name)

    def pages(self, begin: int, end: int) -> tuple[NDArray[np.uint8], int]:
        """The pages that hold bytes begin..end-1 of the block, checked, and where in the block they begin."""
        first, last = begin // PAGE, -(-end // PAGE)
        at = first * PAGE
        n = min(last * PAGE, self.size) - at
        room = np.empty(n + ALIGN, np.uint8)
        shift = -room.ctypes.data % ALIGN
        raw = room[shift : shift + n]
        filled = 0
        while filled < n:
            got = os.preadv(self.descriptor, [raw[filled:].data], self.offset + at + filled)
            if got == 0:
                raise self.fail(
                    f"the file is truncated: expected {n} bytes at {self.offset + at}, got {filled}"
                )
            filled += got
        for page in range(first, last):
            expected = int(self.file.page_crc[self.first_page + page])
            found = core.crc32c(raw[page * PAGE - at : (page + 1) * PAGE - at].data)
            if found != expected:
                raise self.fail(
                    f"page {page} is damaged: expected checksum {expected:#010x}, got {found:#010x}"
                )
        return raw, at

    def numbers_of(self, kind: int, begin: int, end: int) -> NDArray[Any]:
        """Numbers begin..end-1 of a section."""
        dtype, offset, _ = self.sections[kind]
        low, high = offset + begin * dtype.itemsize, offset + end * dtype.itemsize
        if low == high:
            return np.empty(0, dtype)
        raw, at = (self.raw, 0) if self.raw is not None else self.pages(low, high)
        return raw[low - at : high - at].view(dtype)

    def rows(self, begin: int, end: int) -> Block:
        """Rows begin..end-1 of the block."""
        if (begin, end) == (0, self.n):
            self.raw, _ = self.pages(0, self.size)
        d = self.columns
        x: Any
        if self.file.facts["layout"] == "csr":
            x = self.sparse(begin, end, d)
        else:
            x = self.numbers_of(Kind.dense, begin * d, end * d).reshape(end - begin, d)
        weight = self.numbers_of(Kind.weight, begin, end) if Kind.weight in self.sections else None
        y, shape = None, self.file.y_shape
        if shape is not None:
            t = int(np.prod(shape, dtype=np.int64))
            y = self.numbers_of(Kind.y, begin * t, end * t).reshape(end - begin, *shape)
        return Block(x, y, weight, key(self.part, self.first + begin))

    def sparse(self, begin: int, end: int, d: int) -> Any:
        indptr = self.numbers_of(Kind.indptr, begin, end + 1)
        first, last = int(indptr[0]), int(indptr[-1])
        if not 0 <= first <= last <= self.numbers or (indptr[1:] < indptr[:-1]).any():
            raise self.fail("its row pointers do not ascend, or lie outside it")
        indices = self.numbers_of(Kind.indices, first, last)
        # As unsigned numbers, so that one comparison finds negative ones too.
        if len(indices) and int(indices.view(f"u{indices.itemsize}").max()) >= d:
            raise self.fail(f"it has column numbers outside 0 to {d - 1}")
        return csr(self.numbers_of(Kind.data, first, last), indices, indptr - first if first else indptr, d)

"""Block files as Blocks: esker's own format, written by `write_block_file`, described in docs/block-file.md.

Blocks are read by `preadv` into memory of their own, their checksums compared, and their arrays are views of that
memory. Rows can be read anywhere: a part of a block costs the 256 KiB pages that hold it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker._native import core
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block, key
from esker.blocks.block_format import ALIGN, PAGE, Kind, read_layout
from esker.blocks.block_writer import write_block_file
from esker.blocks.buffer import RowBuffer, csr
from esker.blocks.memory import block_rows

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["BlockFile", "open_block_file", "write_block_file"]


class BlockFile(Blocks):
    """A block file.

    Parameters
    ----------
    path : path
    max_memory, block_size : int or str, optional
        As for `open_blocks`; stored blocks that are larger than this allows are read in pieces.

    Attributes
    ----------
    facts : dict
        What the footer says, see docs/block-file.md.
    moments : dict of arrays
        ``mean`` and ``m2`` of the features and ``y_mean`` and ``y_m2`` of numeric targets, where the file has them.
    parse_options : dict
        How the source was parsed (``zero_based`` and so on).

    Raises
    ------
    FormatError
        A file that is truncated, damaged, or of a newer version. Blocks are checked as they are read; the message
        names the block.
    """

    random_access = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
    ) -> None:
        self.path = Path(path)
        with open(self.path, "rb") as file:
            stat = os.fstat(file.fileno())
            self._stat = stat.st_size, stat.st_mtime_ns, stat.st_ino
            self._layout = read_layout(file.fileno(), stat.st_size, str(self.path))
        facts = self.facts = self._layout.facts
        super().__init__(
            [Part(i, str(p["name"]), int(p["rows"])) for i, p in enumerate(facts["parts"])],
            source=str(self.path),
            dtype=facts["dtype"],
            max_memory=max_memory,
            block_size=block_size,
        )
        self.files = (self.path,)
        self.n_rows, self.n_columns = facts["n_rows"], facts["n_columns"]
        self.is_sparse = facts["layout"] == "csr"
        self.nnz = facts["n_numbers"] if self.is_sparse else None
        self._y_shape = None if facts["y_shape"] is None else tuple(facts["y_shape"])
        self.n_targets = 0 if self._y_shape is None else int(np.prod(self._y_shape))
        self._labels = None if facts["labels"] is None else np.array(facts["labels"])
        self.feature_names = facts["feature_names"]
        self.sequential_first = facts["sequential_first"]
        self.checked = not facts["finite"]
        self.parse_options = facts["source"]["options"]
        self.moments = {k: v for k, v in self._layout.arrays.items() if k in ("mean", "m2", "y_mean", "y_m2")}

    # --- reading ---

    @contextmanager
    def _open(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            stat = os.fstat(descriptor)
            if (stat.st_size, stat.st_mtime_ns, stat.st_ino) != self._stat:
                raise FormatError("the file changed after it was opened; open it again", str(self.path))
            yield descriptor
        finally:
            os.close(descriptor)

    def _stretches(self, part: int, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Which rows of which blocks are rows begin..end-1 of a part."""
        table = self._layout.blocks
        for b in np.flatnonzero(
            (table[:, 2] == part) & (table[:, 3] < end) & (table[:, 3] + table[:, 4] > begin)
        ):
            first, rows = int(table[b, 3]), int(table[b, 4])
            yield int(b), max(begin - first, 0), min(end - first, rows)

    def _read(self, part: Part, start: int) -> Generator[Block, None, None]:
        with self._open() as descriptor:
            for b, begin, end in self._stretches(part.index, start, self.parts[part.index].rows or 0):
                size, rows = int(self._layout.blocks[b, 1]), int(self._layout.blocks[b, 4])
                step = rows if size <= self.block_bytes else block_rows(size / rows, self.budget)
                for at in range(begin, end, step):
                    yield _Stored(self, descriptor, b).rows(at, min(at + step, end))

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        with self._open() as descriptor:
            found = [
                _Stored(self, descriptor, b).rows(*ends)
                for b, *ends in self._stretches(part.index, begin, end)
            ]
        for block in found:
            self._check(part, block)
        if len(found) == 1:
            return found[0]
        buffer = RowBuffer(end - begin)
        for block in found:
            buffer.add(block)
        return buffer.block()


class _Stored:
    """One block of a file, and the reading of some of its rows."""

    def __init__(self, file: BlockFile, descriptor: int, number: int) -> None:
        self.file, self.descriptor, self.number = file, descriptor, number
        self.offset, self.size, self.part, self.first, self.n, _, self.numbers, self.first_page = (
            file._layout.blocks[number].tolist()
        )
        self.sections = file._layout.sections[number]
        self.raw: NDArray[np.uint8] | None = None

    def fail(self, message: str) -> FormatError:
        rows = f"rows {self.first} to {self.first + self.n - 1} of part {self.part}"
        return FormatError(f"block {self.number} ({rows}): {message}", str(self.file.path))

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
            expected = int(self.file._layout.page_crc[self.first_page + page])
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
        d = self.file.n_columns or 0
        x: Any
        if self.file.is_sparse:
            x = self.sparse(begin, end, d)
        else:
            x = self.numbers_of(Kind.dense, begin * d, end * d).reshape(end - begin, d)
        weight = self.numbers_of(Kind.weight, begin, end) if Kind.weight in self.sections else None
        return Block(x, self.targets(begin, end), weight, key(self.part, self.first + begin))

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

    def targets(self, begin: int, end: int) -> NDArray[Any] | None:
        shape = self.file._y_shape
        if shape is None:
            return None
        t = self.file.n_targets or 0
        y = self.numbers_of(Kind.y, begin * t, end * t).reshape(end - begin, *shape)
        labels = self.file._labels
        if labels is None:
            return y
        if len(y) and (y.min() < 0 or y.max() >= len(labels)):
            raise self.fail(f"it has label codes outside 0 to {len(labels) - 1}")
        return np.asarray(labels[y])


def open_block_file(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of a block file."""
    if len(paths) != 1:
        raise ValueError(
            f"expected one block file, got {len(paths)}; convert their sources together into one"
        )
    stored = "it is stored in the file; convert the source again to change it"
    refused = dict.fromkeys(("target", "weight", "columns", "zero_based", "n_features"), stored)
    options.refuse("a block file", **refused)
    blocks = BlockFile(paths[0], **options.memory)
    if options.dtype is not None and np.dtype(options.dtype) != blocks.dtype:
        raise ValueError(
            f"dtype= has no effect on a block file: it holds {blocks.dtype}; convert the source again"
        )
    return blocks

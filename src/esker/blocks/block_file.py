"""Block files as Blocks: esker's own format, written by `write_block_file`, described in docs/block-file.md.

Several files are one source, part after part. Rows can be read anywhere, at the cost of the pages that hold them. Version 2 is
read by block_v2.py, version 1 by block_v1.py.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block, key
from esker.blocks.block_facts import check_facts, described, together
from esker.blocks.block_format import read_footer
from esker.blocks.block_v1 import StoredV1
from esker.blocks.block_v2 import StoredV2
from esker.blocks.block_writer import write_block_file
from esker.blocks.buffer import RowBuffer
from esker.blocks.memory import Budget
from esker.blocks.pool import Pool

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["BlockFile", "open_block_file", "write_block_file"]


class BlockFile(Blocks):
    """One block file, or several as one source.

    Parameters
    ----------
    path : path or sequence of paths
        The parts of several files follow each other. They must agree in layout, dtype, shape of targets and, where they are
        dense, columns; sparse ones are as wide as the widest. String labels are put together.
    max_memory, block_size : int or str, optional
        As for `open_blocks`; blocks are put together of the files' pages as this allows.

    Attributes
    ----------
    facts : dict
        What the footer says, see docs/block-file.md; of several files, what their footers say together.
    moments : dict of arrays
        ``mean`` and ``m2`` of the features and ``y_mean`` and ``y_m2`` of numeric targets, where one file has them.
    parse_options : dict
        How the source was parsed (``zero_based`` and so on).

    Raises
    ------
    FormatError
        A file that is truncated, damaged, or of a newer version. Pages are checked as they are read; the message
        names page and rows.
    """

    random_access = True

    def __init__(
        self,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
    ) -> None:
        paths = [path] if isinstance(path, str | os.PathLike) else list(path)
        self.stored = [_File(Path(p)) for p in paths]
        facts = self.facts = together([(file.name, file.rows.facts) for file in self.stored])
        super().__init__(
            [Part(i, str(p["name"]), int(p["rows"])) for i, p in enumerate(facts["parts"])],
            source=", ".join(file.name for file in self.stored),
            dtype=facts["dtype"],
            max_memory=max_memory,
            block_size=block_size,
        )
        self.files = tuple(file.path for file in self.stored)
        self.path = self.files[0]
        self.n_rows, self.n_columns = facts["n_rows"], facts["n_columns"]
        self.is_sparse = facts["layout"] == "csr"
        self.nnz = facts["n_numbers"] if self.is_sparse else None
        y_shape = facts["y_shape"]
        self.n_targets = 0 if y_shape is None else int(np.prod(y_shape, dtype=np.int64))
        self.feature_names = facts["feature_names"]
        self.sequential_first = facts["sequential_first"]
        self.checked = not facts["finite"]
        self.fills = not self.checked and all(isinstance(file.rows, StoredV2) for file in self.stored)
        self.parse_options = facts["source"]["options"]
        known = self.stored[0].rows.arrays if len(self.stored) == 1 else {}
        self.moments = {k: v for k, v in known.items() if k in ("mean", "m2", "y_mean", "y_m2")}
        #: The file of each part, its number of that part, and what its codes of labels are here.
        self._parts = [
            (file, i, _codes(file.rows.facts["labels"], facts["labels"]))
            for file in self.stored
            for i in range(len(file.rows.facts["parts"]))
        ]
        self._labels = None if facts["labels"] is None else np.array(facts["labels"])

    def footer(self) -> dict[str, Any] | None:
        """What the files say of their rows; None where one is of version 1, which says less."""
        return described(self)

    def label_counts(self) -> dict[Any, int] | None:
        """Of one target with few values, as the footer has them."""
        said = self.footer()
        targets = [] if said is None else said["targets"]
        counts: dict[Any, int] | None = targets[0].get("counts") if len(targets) == 1 else None
        return counts

    # --- reading ---

    def _read(self, part: Part, start: int) -> Generator[Block, None, None]:
        with Pool((self.budget.depth + 1) * self.budget.block_bytes * 5 // 4) as pool:
            yield from self._rows_of(part, start, self.parts[part.index].rows or 0, self.budget, pool)

    def read_rows(self, part: Part, begin: int, end: int, pool: Pool | None = None) -> Block:
        """Rows begin..end-1 of a part as one block; a pool lends its memory."""
        whole = Budget(None, 1 << 62, 0)
        found = list(self._rows_of(part, begin, end, whole, pool or Pool(1 << 22)))
        for block in found:
            self._check(part, block)
        if len(found) == 1:
            return found[0]
        buffer = RowBuffer(end - begin)
        for block in found:
            buffer.add(block)
        return buffer.block()

    def read_unit(self, part: Part, begin: int, end: int, scratch: Pool) -> Block:
        return self.read_rows(part, begin, end, scratch)

    def fill(
        self,
        buffer: RowBuffer,
        part: Part,
        begin: int,
        end: int,
        scratch: Pool,
        numbers: int | None = None,
    ) -> int:
        file, number, codes = self._parts[part.index]
        rows = file.rows
        if self.checked or isinstance(rows, StoredV1):
            return 0
        width = self.n_columns or 0
        with file.open() as descriptor:
            placed = rows.fill(buffer, descriptor, number, begin, end, width, scratch, numbers)
        if placed is None:
            return 0
        y = self._strings(file, placed.y, begin, codes)
        buffer.note(placed.rows, placed.numbers, y, placed.weight, key(part.index, begin))
        return placed.rows

    def piece_end(self, part: Part, row: int, end: int) -> int:
        file, number, _ = self._parts[part.index]
        return end if isinstance(file.rows, StoredV1) else min(file.rows.page_end(number, row), end)

    def labels_of(self, part: Part, begin: int, end: int) -> NDArray[Any] | None:
        file, number, codes = self._parts[part.index]
        if not isinstance(file.rows, StoredV1):
            with suppress(FormatError), file.open() as descriptor:  # `read_rows` says what is wrong
                y = file.rows.labels(descriptor, number, begin, end)
                return self._strings(file, y, begin, codes)
        return self.read_rows(part, begin, end).y

    def _rows_of(self, part: Part, begin: int, end: int, budget: Budget, pool: Pool) -> Iterator[Block]:
        file, number, codes = self._parts[part.index]
        with file.open() as descriptor:
            for block in file.rows.read(descriptor, number, begin, end, self.n_columns or 0, budget, pool):
                row = block.first_key & (1 << 40) - 1
                y = self._strings(file, block.y, row, codes)
                yield Block(block.X, y, block.sample_weight, key(part.index, row))

    def _strings(
        self, file: _File, y: NDArray[Any] | None, row: int, codes: NDArray[np.int64] | None
    ) -> NDArray[Any] | None:
        """Labels for the file's codes of them, of rows from `row` on; other targets as they are."""
        if y is None or self._labels is None:
            return y
        n = len(file.rows.facts["labels"])
        if y.size and (y.min() < 0 or y.max() >= n):
            raise FormatError(
                f"rows from {row} on have label codes outside 0 to {n - 1}",
                file.name,
            )
        return np.asarray(self._labels[y if codes is None else codes[y]])


class _File:
    """A file and what its footer says; opened anew for each walk, and it must not have changed since."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        with open(path, "rb") as file:
            stat = os.fstat(file.fileno())
            self.stat = stat.st_size, stat.st_mtime_ns, stat.st_ino
            footer = read_footer(file.fileno(), stat.st_size, self.name)
        try:
            check_facts(footer.facts)
        except (ValueError, KeyError) as error:
            raise FormatError(f"the footer makes no sense: {error}", self.name) from None
        self.rows = StoredV1(self.name, footer) if footer.version == 1 else StoredV2(self.name, footer)

    @contextmanager
    def open(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            stat = os.fstat(descriptor)
            if (stat.st_size, stat.st_mtime_ns, stat.st_ino) != self.stat:
                raise FormatError("the file changed after it was opened; open it again", self.name)
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            yield descriptor
        finally:
            os.close(descriptor)


def _codes(own: list[str] | None, all_: list[str] | None) -> NDArray[np.int64] | None:
    """What a file's codes of labels are among those of all files; None where they are the same."""
    if own is None or all_ is None or own == all_[: len(own)]:
        return None
    where = {label: i for i, label in enumerate(all_)}
    return np.array([where[label] for label in own], np.int64)


def open_block_file(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of block files."""
    stored = "it is stored in the file; convert the source again to change it"
    refused = dict.fromkeys(("target", "weight", "columns", "zero_based", "n_features"), stored)
    options.refuse("a block file", **refused)
    blocks = BlockFile(paths, **options.memory)
    if options.dtype is not None and np.dtype(options.dtype) != blocks.dtype:
        raise ValueError(
            f"dtype= has no effect on a block file: it holds {blocks.dtype}; convert the source again"
        )
    return blocks

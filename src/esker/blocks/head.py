"""The first rows of a source: reading ends with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from esker.blocks.base import Blocks, Part
from esker.blocks.block import ROW_BITS, Block
from esker.blocks.buffer import cut
from esker.blocks.chosen import row_counts, take_rows
from esker.blocks.mapped import Mapped

__all__ = ["Head"]


class Head(Mapped):
    """The first `size` rows of ``inner``, in the order of its parts.

    Where the rows of the parts are known, each part's share is, and the source's random access is kept. Elsewhere rows are
    counted as they come.
    """

    def __init__(self, inner: Blocks, size: Any) -> None:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"head takes a positive whole number of rows, got {size!r}")
        super().__init__(inner, lambda block: block, {"nnz": None})
        self.size = int(size)
        self._found: dict[int, int] = {}
        counts = row_counts(inner)
        self._shares: dict[int, int] | None = None
        if counts is not None:
            left, self._shares = self.size, {}
            for part, rows in counts:
                self._shares[part] = min(left, rows)
                left -= self._shares[part]
            self.keeps_rows = True

    @property
    def source(self) -> str:  # type: ignore[override]
        """The inner source's, and how many rows of it."""
        return f"{self.inner.source} (first {self.size:,} rows)"

    @property
    def random_access(self) -> bool:  # type: ignore[override]
        """Whether any of these rows can be read, which takes that the parts' rows are known."""
        return self.inner.random_access and self._shares is not None

    @property
    def parts(self) -> tuple[Part, ...]:  # type: ignore[override]
        if self._shares is None:
            return tuple(replace(part, rows=None) for part in self.inner.parts)
        some = [replace(part, rows=self._shares[part.index]) for part in self.inner.parts]
        return tuple(part for part in some if part.rows)

    @property
    def n_rows(self) -> int | None:  # type: ignore[override]
        """At most `size`; None where only reading tells."""
        if self._shares is not None:
            return sum(self._shares.values())
        found = sum(self._found.values())
        return found if found == self.size or len(self._found) == len(self.inner.parts) else None

    def whole(self) -> Block | None:
        block = self.inner.whole()
        return None if block is None else cut(block, 0, min(self.size, len(block)))

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        return self.inner.read_rows(part, begin, end)

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        if self._shares is not None:
            yield from self._known(part, start, self._shares[part.index])
            return
        left = self.size - sum(self._count(p) for p in self.inner.parts if p.index < part.index)
        rows = 0
        for block in self._first(part, left):
            rows += len(block)
            at = block.keys & ((1 << ROW_BITS) - 1)
            if start and at[0] < start:
                block = take_rows(block, np.flatnonzero(at >= start))
            if len(block):
                yield block
        self._found[part.index] = rows

    def _known(self, part: Part, start: int, rows: int) -> Iterator[Block]:
        at = start
        if at >= rows:
            return
        for block in self.inner.read(part, start):
            piece = cut(block, 0, min(len(block), rows - at))
            at += len(piece)
            yield piece
            if at == rows:
                return

    def _first(self, part: Part, left: int) -> Iterator[Block]:
        """The part's first `left` rows; its reader is closed when they are had."""
        if left <= 0:
            return
        blocks = self.inner.read(part)
        try:
            for block in blocks:
                piece = cut(block, 0, min(len(block), left))
                left -= len(piece)
                yield piece
                if left == 0:
                    return
        finally:
            blocks.close()

    def _count(self, part: Part) -> int:
        """How many of the part's rows are among the first; read, once, where no walk has told."""
        if part.index not in self._found:
            before = sum(self._count(p) for p in self.inner.parts if p.index < part.index)
            self._found[part.index] = sum(map(len, self._first(part, self.size - before)))
        return self._found[part.index]

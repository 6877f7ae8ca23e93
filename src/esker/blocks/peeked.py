"""A source that can be read once, whose first rows have been looked at and are kept for the reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block
from esker.blocks.mapped import Mapped

__all__ = ["Peeked"]


class Peeked(Mapped):
    """`inner`, begun: ``first`` holds its first blocks, at least `rows` rows of them unless memory or rows end before."""

    def __init__(self, inner: Blocks, rows: int) -> None:
        super().__init__(inner, lambda block: block, {}, keeps_targets=True)
        self._walk: Iterator[Block] | None = inner.read(inner.parts[0])
        self.first: list[Block] = []
        #: Whether these are all rows there are.
        self.ended = False
        self._held, most = 0, inner.block_bytes
        for block in self._walk:
            self.first.append(block)
            rows -= len(block)
            self._held += block.nbytes
            if rows <= 0 or self._held >= most:
                break
        else:
            self.ended = True

    def labels(self) -> Iterator[NDArray[Any] | None]:
        """The targets of the first rows."""
        return (block.y for block in self.first)

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        if part.index or start or self._walk is None:
            yield from super()._read(part, start)  # where the source says that it is read once
            return
        first, walk = self.first, self._walk
        self.first, self._walk = [], None
        while first:
            yield first.pop(0)
        yield from walk

    @property
    def reading_bytes(self) -> int:
        return self.inner.reading_bytes + self._held

    def read_pieces(self, part: Part, start: int = 0) -> Iterator[Block]:
        return self._read(part, start)

"""Shuffle buffers filled row by row: where each ends, and how rows get there.

A source that can reads rows into their very place (`Blocks.fill`); what it cannot place, as a piece of rows across the end
of a buffer, is read as a block and copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker.blocks.ahead import share_cores
from esker.blocks.block import UNIT, Block
from esker.blocks.buffer import RowBuffer, cut
from esker.blocks.memory import PANEL
from esker.blocks.pool import Pool

if TYPE_CHECKING:
    from esker.blocks.base import Blocks, Part
    from esker.blocks.order import Rule

__all__ = ["Buffers", "Filling"]

#: So many numbers are read at a time, before it is looked at again who needs the cores.
SHARE = 1 << 19


class Filling:
    """Which buffer is being filled, and how full it is."""

    def __init__(self, rule: Rule, skipped_rows: int = 0) -> None:
        self.rule = rule
        self.number, self.rows = divmod(skipped_rows, rule.rows)
        self.numbers = 0

    def shares(
        self, x: Any, begin: int, end: int, keys: int | NDArray[np.int64]
    ) -> Iterator[tuple[int, int, int, bool]]:
        """Cut rows begin..end-1 of `x` to buffers: (buffer's number, begin, end, whether it is full then).

        `keys` are those of x's rows, or the first; row `end - 1` ends a granule of 256 keys or the part.
        """
        ends = np.empty(0, np.int64)  # where granules end
        if self.rule.numbers is not None:
            if isinstance(keys, int):
                ends = np.arange(begin + PANEL - (keys + begin) % PANEL, end, PANEL)
            else:
                granules = keys[begin:end] // PANEL
                ends = begin + 1 + np.flatnonzero(granules[1:] != granules[:-1])
            ends = np.append(ends, end)
        while begin < end:
            take, full = self._take(x, begin, end, ends)
            yield self.number, begin, begin + take, full
            if full:
                self.number, self.rows, self.numbers = self.number + 1, 0, 0
            begin += take

    def _take(self, x: Any, begin: int, end: int, ends: NDArray[np.int64]) -> tuple[int, bool]:
        rule = self.rule
        take = min(end - begin, rule.rows - self.rows)
        if rule.numbers is not None:
            near = ends[
                np.searchsorted(ends, begin, side="right") : np.searchsorted(ends, begin + take, side="right")
            ]
            full = self.numbers + (x.indptr[near] - x.indptr[begin]) >= rule.numbers
            if full.any():
                return int(near[np.argmax(full)]) - begin, True
            self.numbers += int(x.indptr[begin + take] - x.indptr[begin])
        self.rows += take
        return take, self.rows == rule.rows

    def room(self) -> tuple[int, int | None]:
        """Rows that the buffer lacks, and numbers, where those count."""
        numbers = self.rule.numbers
        return self.rule.rows - self.rows, None if numbers is None else numbers - self.numbers

    def took(self, rows: int, numbers: int) -> bool:
        """Count rows that lie in their place, fewer numbers than the buffer lacks; whether it is full then."""
        self.rows, self.numbers = self.rows + rows, self.numbers + numbers
        full = self.rows == self.rule.rows
        if full:
            self.number, self.rows, self.numbers = self.number + 1, 0, 0
        return full


class Buffers:
    """The buffers of a walk: what an empty one is, how the rows of a full one are mixed; those before number `start` are left out."""

    def __init__(
        self,
        empty: Callable[[Rule], RowBuffer],
        mix: Callable[[int, int], NDArray[np.int64] | None],
        start: int,
    ) -> None:
        self.empty, self.mix, self.start = empty, mix, start
        self.buffer: RowBuffer | None = None

    def of_pieces(
        self, pieces: Iterator[tuple[int, Block]], rule_of: Callable[[Block], Rule]
    ) -> Iterator[Block]:
        """Copy rows into buffers; the first piece, which tells the rule, begins at its position."""
        filling: Filling | None = None
        for position, piece in pieces:
            if filling is None:
                filling = Filling(rule_of(piece), position)
            yield from self._copied(filling, piece)
            del piece
        if filling is not None:
            yield from self._done(filling.number)

    def filled(
        self, blocks: Blocks, units: Iterator[tuple[Part, int, int]], rule: Rule, scratch: Pool
    ) -> Iterator[Block]:
        """The same of units whose rows are known: the source reads them into their place, where it can."""
        filling = Filling(rule)
        for part, begin, end in units:
            while begin < end:
                rows, numbers = filling.room()
                stop = min(begin + rows, end)
                number, found = filling.number, 0
                if number < self.start and numbers is None:  # counted, not read
                    took = stop - begin
                else:
                    self.buffer = self.empty(rule) if self.buffer is None else self.buffer
                    found = self.buffer.numbers
                    for most in (numbers,) if numbers is None else (min(numbers, SHARE), numbers):
                        share_cores()
                        took = blocks.fill(self.buffer, part, begin, stop, scratch, most)
                        if took:
                            break
                    found = self.buffer.numbers - found
                if took:
                    begin += took
                    if filling.took(took, found):
                        yield from self._done(number)
                else:
                    unit = min(stop if numbers is None else end, (begin // UNIT + 1) * UNIT)
                    stop = blocks.piece_end(part, begin, unit)
                    yield from self._copied(filling, blocks.read_unit(part, begin, stop, scratch))
                    begin = stop
        yield from self._done(filling.number)

    def _copied(self, filling: Filling, piece: Block) -> Iterator[Block]:
        for number, begin, end, is_full in filling.shares(piece.X, 0, len(piece), piece.raw_keys()):
            if number >= self.start:
                self.buffer = self.empty(filling.rule) if self.buffer is None else self.buffer
                self.buffer.add(cut(piece, begin, end))
            if is_full:
                yield from self._done(number)

    def _done(self, number: int) -> Iterator[Block]:
        """The buffer as a block, which its consumer drops before the next one is filled."""
        buffer, self.buffer = self.buffer, None
        if buffer is not None and number >= self.start and buffer.rows:
            yield buffer.block(self.mix(number, buffer.rows))

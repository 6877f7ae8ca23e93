"""KeyRanges: which row keys a sketch has seen, as far as a few ranges can tell."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from esker.blocks import Block

__all__ = ["KeyRanges"]

#: More ranges than this, as of rows in a random order, are not remembered.
MOST = 4096


class KeyRanges:
    """Sorted, disjoint ranges of keys; `known` is False once there were too many to keep.

    >>> seen = KeyRanges()
    >>> seen.add(0, 10), seen.add(20, 30), seen.add(10, 20)
    (None, None, None)
    >>> seen.begins, seen.ends, seen.overlap(29, 40), seen.overlap(30, 40)
    ([0], [30], 29, None)
    """

    def __init__(self, ends: list[int] | None = None, begins: list[int] | None = None) -> None:
        self.begins, self.ends = begins or [], ends or []
        self.known = True
        self.next = max(self.ends, default=0)  # one more than the largest key

    def add(self, begin: int, end: int) -> None:
        """Keys `begin` to `end` - 1, none of which is here."""
        self.next = max(self.next, end)
        if not self.known or begin == end:
            return
        at = bisect_right(self.begins, begin)
        if at and self.ends[at - 1] == begin:
            at -= 1
            self.ends[at] = end
        else:
            self.begins.insert(at, begin)
            self.ends.insert(at, end)
        if at + 1 < len(self.begins) and self.begins[at + 1] == end:
            self.ends[at] = self.ends.pop(at + 1)
            self.begins.pop(at + 1)
        if len(self.begins) > MOST:
            self.known, self.begins, self.ends = False, [], []

    def overlap(self, begin: int, end: int) -> int | None:
        """A key of `begin` to `end` - 1 that is here, or None."""
        at = bisect_right(self.begins, begin)
        if at and self.ends[at - 1] > begin:
            return begin
        if at < len(self.begins) and self.begins[at] < end:
            return self.begins[at]
        return None

    def add_block(self, block: Block) -> int | None:
        """Add a block's keys; a key that was here already is returned, and then nothing is added."""
        if block.row_keys is None:
            return self.add_all([(block.first_key, block.first_key + len(block))])
        keys = np.sort(block.row_keys)
        cuts = np.flatnonzero(np.diff(keys) != 1) + 1
        if len(cuts) >= MOST:
            self.known, self.begins, self.ends = False, [], []
            self.next = max(self.next, int(keys[-1]) + 1)
            return None
        begins, ends = keys[np.r_[0, cuts]], keys[np.r_[cuts - 1, len(keys) - 1]] + 1
        return self.add_all(list(zip(begins.tolist(), ends.tolist(), strict=True)))

    def add_all(self, ranges: list[tuple[int, int]]) -> int | None:
        """Add ranges; a key that was here already is returned, and then nothing is added."""
        for begin, end in ranges:
            common = self.overlap(begin, end)
            if common is not None:
                return common
        for begin, end in ranges:
            self.add(begin, end)
        return None

    def merge(self, other: KeyRanges) -> int | None:
        """Add another's keys; a key that both have is returned, and then nothing is added."""
        common = self.add_all(list(zip(other.begins, other.ends, strict=True)))
        if common is None:
            self.next = max(self.next, other.next)
            if not other.known:
                self.known, self.begins, self.ends = False, [], []
        return common

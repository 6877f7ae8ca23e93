"""Rows that lie clustered by label are noticed before or while a learner steps through them, and mixed, saying so.

A source that can be read anywhere is read in smaller units, from its first epoch on. One that cannot is copied to a
block file, once: its cache, or a temporary file that is removed with the data set. What is noticed is a function of the data.
"""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from esker.blocks.clusters import STRONG, Passing, clustering, label_sample
from esker.blocks.memory import show_size

if TYPE_CHECKING:
    from esker.blocks.base import Blocks
    from esker.blocks.cache import Cached

__all__ = ["Mixing"]


class Mixing:
    """What is known of one source's clusters, kept with it."""

    def __init__(self) -> None:
        self.passing = Passing()
        self.copy: Cached | None = None
        self.rows: float | None = None  # the share between regions of rows, where any row can be read
        self.probed: tuple[float, float] | None = (
            None  # the same from a text's bytes, and about how many rows there are
        )
        self.said = False

    def prepare(self, blocks: Blocks, epoch: int, buffer: int) -> tuple[Blocks, bool]:
        """The blocks to read an epoch from, and whether their units are to be small; `buffer` rows are mixed at a time."""
        if blocks.n_targets == 0:
            return blocks, False
        if self.copy is not None:
            return self.copy, True
        early = epoch == 0 and blocks.sequential_first
        if blocks.random_access and not early:
            return blocks, self._by_rows(blocks, buffer)
        if not self._noticed(blocks, epoch, buffer):
            return blocks, False
        if blocks.random_access:
            self._say(blocks, "its first epoch is permuted, too, not read in sequence")
            return blocks, True
        return self._copied(blocks)

    def watch(self, pieces: Iterator[Any], blocks: Blocks) -> Iterator[Any]:
        """Note the labels of an epoch that is read in sequence from its beginning."""
        if blocks.n_targets == 0 or self.probed is not None or self.passing.at:
            yield from pieces
            return
        yield from self.passing.watch(pieces)
        if not blocks.rereadable and self.passing.clustering() >= STRONG:
            self._say(
                blocks,
                "it can be read once only, so they could not be mixed; shuffle them, or write a file first",
            )

    # --- noticing ---

    def _by_rows(self, blocks: Blocks, buffer: int) -> bool:
        rows = blocks.n_rows or sum(int(p.rows or 0) for p in blocks.parts)
        if rows <= buffer or any(p.rows is None for p in blocks.parts):
            return False
        if self.rows is None:
            self.rows = clustering(label_sample(blocks))
        return self.rows >= STRONG

    def _noticed(self, blocks: Blocks, epoch: int, buffer: int) -> bool:
        if self.probed is None and not self.passing.at:
            probe = blocks.probe_labels()
            if probe is not None:
                self.probed = clustering(probe[0]), probe[1]
        if self.probed is not None:
            share, rows = self.probed
            return share >= STRONG and rows > buffer
        if epoch == 0 or not blocks.rereadable:
            return False  # labels are noted as they pass
        if not self.passing.whole:  # this walk goes on in the midst of one that another process began
            self.passing = Passing()
            for block in blocks:
                self.passing.add(block.y, len(block))
            self.passing.whole = True
        return self.passing.at > buffer and self.passing.clustering() >= STRONG

    # --- mixing ---

    def _copied(self, blocks: Blocks) -> tuple[Blocks, bool]:
        from esker.blocks.cache import Cached

        if blocks.build_cache():
            self._say(blocks, "it is read from its cache in permuted order")
            return blocks, True
        if not blocks.rereadable:
            return blocks, False
        copy = Cached(weakref.proxy(blocks), None, {})  # which owns this: no cycle keeps the file
        if not copy.build_cache():
            self._say(blocks, "a copy to mix them could not be written; they are read in sequence")
            return blocks, False
        self.copy = copy
        size = os.path.getsize(copy.cache.path) if copy.cache is not None else 0
        self._say(
            blocks,
            f"it is read in permuted order from a temporary copy of {show_size(size)} (pass cache='auto' to keep one)",
        )
        return copy, True

    def _say(self, blocks: Blocks, done: str) -> None:
        if not self.said:
            self.said = True
            warnings.warn(
                f"rows of {blocks.source} lie together by label or target, which is a poor order to learn in: {done}; "
                "shuffle=False keeps the order",
                UserWarning,
                stacklevel=4,
            )

"""Rows that a step makes of each block of Records: by several threads at once, in the source's order, into reused memory.

What reads the source is one thread at a time, so a reader that works on one core (pyarrow's) goes on while other threads make
rows of what it read before, and the learner learns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from esker._native import cores, thread_limit
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block
from esker.blocks.crew import in_order
from esker.blocks.mapped import Mapped
from esker.blocks.memory import empty
from esker.blocks.pool import Pool

__all__ = ["Made"]

Make = Callable[[Block, Callable[..., Any]], Block]


class Made(Mapped):
    """``inner`` with ``make(block, empty)`` for every block; `empty` gives its large arrays.

    `make` is called by several threads at once, on one core each; where max_memory is granted, by the reader alone, on all.
    """

    def __init__(self, inner: Blocks, make: Make, known: dict[str, Any]) -> None:
        super().__init__(inner, lambda block: make(block, empty), known, keeps_targets=True)
        self.make = make

    def over(self, inner: Blocks, known: dict[str, Any]) -> Mapped:
        return Made(inner, self.make, known)

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        return self._all(self.inner.read(part, start), lambda block: block)

    def read_pieces(self, part: Part, start: int = 0) -> Iterator[Block]:
        return self._all(self.inner.read_later(part, start), lambda make: make())

    def _all(self, items: Any, block_of: Callable[[Any], Block]) -> Iterator[Block]:
        threads = _threads(self.inner)
        slots = threads + 1
        with closing(items), Pool(slots * self.block_bytes) as pool:
            if threads > 1 and self.threaded and self.max_memory is None:

                def work(item: Any) -> Block:
                    return self.make(block_of(item), pool.empty)

                with closing(in_order(items, work, threads, slots)) as made:
                    yield from made
            else:
                for item in items:
                    yield self._apply(block_of(item))
                    del item


def _threads(blocks: Blocks) -> int:
    """As many as the caller's kernels and the source may use."""
    limit, allowed = thread_limit(), cores(blocks.n_threads)
    return min(limit, allowed) if limit else allowed

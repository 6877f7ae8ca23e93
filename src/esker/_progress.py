"""Who is told how a long walk goes, and who may end it early.

Whatever walks rows (an engine, the loop) calls `advance` after each block or stretch of rows and goes on
while it answers True. Somebody who wants to know, the command line or an estimator's ``verbose``, watches.
Without a watcher `advance` does nothing. A walk that is told to end keeps what it has learned so far.

>>> seen = Watch()
>>> with watching(seen):
...     advance(4096, 16384, loss=0.5)
True
>>> seen.rows, seen.facts
(4096, {'loss': 0.5})
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Watch", "advance", "late", "stopped", "until", "watching"]


class Watch:
    """Counts what is walked; sub-classes show it.

    Attributes
    ----------
    rows, nbytes : int
        Walked so far, over all epochs; bytes as the rows lie in memory.
    facts : dict
        What else the walker knows: ``loss`` (mean over the rows since the last mark), ``epoch``.
    stop : bool
        Set to ask the walk to end soon, keeping what it has.
    """

    def __init__(self) -> None:
        self.rows, self.nbytes, self.stop = 0, 0, False
        self.facts: dict[str, float] = {}

    def show(self) -> None:
        """Called after each advance."""


_watch: ContextVar[Watch | None] = ContextVar("esker_watch", default=None)
_ends: ContextVar[float] = ContextVar("esker_ends", default=inf)


@contextmanager
def watching(watch: Watch) -> Iterator[Watch]:
    """Walks in this context tell `watch`."""
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


@contextmanager
def until(moment: float) -> Iterator[None]:
    """Walks in this context end at a moment of `perf_counter`."""
    token = _ends.set(moment)
    try:
        yield
    finally:
        _ends.reset(token)


def late() -> bool:
    """Has the moment that this walk must end at come?"""
    return perf_counter() >= _ends.get()


def advance(rows: int, nbytes: int = 0, **facts: float) -> bool:
    """So many more rows are done; True asks for more, False to end here and keep what there is."""
    watch = _watch.get()
    if watch is None:
        return not late()
    watch.rows += rows
    watch.nbytes += nbytes
    watch.facts.update(facts)
    watch.show()
    return not (watch.stop or late())


def stopped() -> bool:
    """Has the watcher asked this walk to end, or its time run out?"""
    watch = _watch.get()
    return late() or (watch is not None and watch.stop)

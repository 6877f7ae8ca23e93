"""Walks that end in time; how often a caller's object can be walked: anew each time, or once; the one error where a second pass is asked of the latter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["Walks", "chain", "closing"]

T = TypeVar("T")


@contextmanager
def closing(walk: Iterator[T]) -> Iterator[Iterator[T]]:
    """A walk that ends with this context, wherever it stands: what it holds, such as open files and threads, is let go of.

    >>> with closing(iter([1, 2])) as walk:
    ...     next(walk)
    1
    """
    try:
        yield walk
    finally:
        close = getattr(walk, "close", None)  # of generators; other iterators hold nothing
        if close is not None:
            close()


class Walks:
    """Walks of an object.

    Parameters
    ----------
    make : callable
        Begins a walk: returns an iterator.
    again : bool
        Whether it may be called more than once.
    what : str
        What is walked, for the message.
    begun : iterator, optional
        A walk that has begun already: the first one. It is kept here and not by the Blocks, of which there may be copies
        (`Blocks.with_missing`), so that one of them alone takes it.
    """

    def __init__(
        self, make: Callable[[], Iterator[Any]], again: bool, what: str, begun: Iterator[Any] | None = None
    ) -> None:
        self._make, self.again, self._what, self._first = make, again, what, begun
        self._begun = False

    def __call__(self) -> Iterator[Any]:
        if self._begun and not self.again:
            raise ValueError(
                f"{self._what} can be walked once and has been walked already; to walk it again pass a list, an object whose "
                "__iter__ begins anew, or a function that returns a new one each time, or write "
                "it to a block file first with esker.blocks.write_block_file"
            )
        self._begun = True
        first, self._first = self._first, None
        return self._make() if first is None else first

    def put_back(self, walk: Iterator[Any]) -> None:
        """The first walk again, after its beginning was looked at."""
        self._begun, self._first = False, walk


def chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    """`first`, then the others, holding none."""
    yield first
    del first
    yield from rest

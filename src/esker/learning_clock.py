"""When to pause a walk: pieces of work short enough to look at the clock and at Ctrl-C between them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

__all__ = ["GRAIN", "Interrupt", "Pacer", "interruptible"]

#: Pieces that are long enough end at a multiple of so many rows of the walk.
GRAIN = 256
#: The first piece has so many: with thousands of models a single row may take milliseconds.
FIRST = 16
#: A piece of work takes about so many seconds.
PIECE = 0.02


class Pacer:
    """How many rows to learn from before looking at the clock again; the last piece's seconds, and the least of a row.

    Of a row they are infinite until a piece was long enough to tell: the first one makes the tables' memory as well.

    Parameters
    ----------
    deadline : float or None
        When to end, as `time.perf_counter` counts.
    """

    def __init__(self, deadline: float | None) -> None:
        self.deadline, self.rows, self.piece, self.row = deadline, FIRST, 0.0, float("inf")
        self.begun = False

    def done(self, rows: int, seconds: float) -> None:
        """A piece of so many rows took so long."""
        self.piece = seconds
        if self.begun and (rows >= GRAIN or seconds >= PIECE / 2):
            self.row = min(self.row, seconds / max(1, rows))
        self.begun = True
        if seconds < PIECE / 2 and rows >= self.rows:
            self.rows = min(self.rows * 2, 1 << 20)
        elif seconds > PIECE and self.rows > 1:
            self.rows //= 2

    def late(self, reserve: float = 0.0) -> bool:
        """Is the time spent, but for what finishing takes?"""
        return self.deadline is not None and perf_counter() + reserve >= self.deadline


class Interrupt:
    """Whether Ctrl-C came, and whether the walk is waiting for rows just now."""

    def __init__(self) -> None:
        self.came = self.waiting = False


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """The first Ctrl-C in this context sets a flag; the next one is KeyboardInterrupt, as ever.

    Where the walk waits for rows (``waiting`` is set) the first one raises too, for the walk to catch. Outside the main
    thread, or where the program has its own handler, nothing is changed.
    """
    interrupt = Interrupt()
    ours = threading.current_thread() is threading.main_thread()
    ours = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not ours:
        yield interrupt
        return

    def handle(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupt.came = True
        if interrupt.waiting:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, handle)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)

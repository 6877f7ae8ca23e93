"""How far a walk is: one line rewritten on a terminal, a plain line now and then elsewhere; always on stderr."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from esker._progress import Watch, watching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Line", "clock", "interruptible"]


class Line(Watch):
    """Rows, rows/s, MB/s, loss so far, time left.

    Parameters
    ----------
    rows : int, optional
        Of one epoch, where that is known.
    epochs : int
        At most.
    max_time : float, optional
        Seconds after which the walk ends by itself.
    out : text file
        Standard error by default.
    """

    def __init__(
        self,
        rows: int | None = None,
        epochs: int = 1,
        max_time: float | None = None,
        out: TextIO | None = None,
    ) -> None:
        super().__init__()
        self.out = sys.stderr if out is None else out
        self.rewrites = self.out.isatty()
        self.max_time = max_time
        self.planned, self.epochs = rows and rows * epochs, epochs
        self.began = time.monotonic()
        self._due = self.began + (0.2 if self.rewrites else 2.0)
        self._width = 0

    def show(self) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        # In a pipe the gaps grow: after 2 s, 4 s, 8 s, ..., then every half minute.
        self._due = now + (0.2 if self.rewrites else min(30.0, max(2.0, now - self.began)))
        self.write(self.text(now - self.began))

    def text(self, passed: float) -> str:
        """The line after so many seconds."""
        words = [f"{self.rows:,} rows"]
        left = [] if self.max_time is None else [self.max_time - passed]
        again = (
            self.epochs == 1 and self.facts.get("epoch", 0) > 0
        )  # nobody knows how many walks there will be
        if self.planned and self.rows and not again:
            if self.epochs == 1:
                words.append(f"{min(1.0, self.rows / self.planned):.0%}")
            left.append(passed * (self.planned / self.rows - 1.0))
        if again:
            words.append(f"walk {self.facts['epoch'] + 1:.0f}")
        if self.epochs > 1 and "epoch" in self.facts:
            words.append(f"epoch {self.facts['epoch'] + 1:.0f}")
        if passed > 0:
            words.append(f"{self.rows / passed:,.0f} rows/s")
            if self.nbytes:
                words.append(f"{self.nbytes / passed / 1e6:,.0f} MB/s")
        if "loss" in self.facts:
            words.append(f"loss {self.facts['loss']:.4g}")
        if left:
            # A learner that steps may converge before its last epoch.
            words.append(f"{'at most ' * (self.epochs > 1)}{clock(max(0.0, min(left)))} left")
        return "  ".join(words)

    def write(self, text: str) -> None:
        if self.rewrites:
            text = text[: shutil.get_terminal_size().columns - 1]
            self.out.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self.out.write(text + "\n")
        self.out.flush()

    def close(self) -> None:
        """Clear the line; what is said next starts afresh."""
        if self.rewrites and self._width:
            self.out.write("\r" + " " * self._width + "\r")
            self.out.flush()
            self._width = 0


@contextmanager
def interruptible(line: Line) -> Iterator[Line]:
    """Walks tell `line`, and the first Ctrl-C asks them to end and keep what they have; the second gives up."""

    def ask(number: int, frame: FrameType | None) -> None:
        line.stop = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        line.close()
        print(
            "stopping: keeping what is learned so far (Ctrl-C again to give it up)", file=line.out, flush=True
        )

    try:
        earlier = signal.signal(signal.SIGINT, ask)
    except ValueError:  # not the main thread: nobody's Ctrl-C arrives here
        earlier = None
    try:
        with watching(line):
            yield line
    finally:
        if earlier is not None:
            signal.signal(signal.SIGINT, earlier)
        line.close()


def clock(seconds: float) -> str:
    """Minutes and seconds, hours where needed.

    >>> clock(5), clock(75), clock(3725)
    ('0:05', '1:15', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

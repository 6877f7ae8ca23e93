"""A thread that runs an iterator ahead of its consumer, at most `depth` items, and ends with it.

The slot of an item is taken before the item is made, so that `depth` items and the consumer's own are all that live.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from esker._native import core, cores, thread_limit

__all__ = ["ahead", "share_cores"]

T = TypeVar("T")

_here = threading.local()


class _Reader:
    """The thread, and the queue between it and the consumer."""

    def __init__(self, make: Callable[[], Iterator[Any]], depth: int) -> None:
        self.make, self.depth = make, depth
        self.items: deque[Any] = deque()
        self.lock = threading.Condition()
        self.slots, self.stopped, self.ended = depth, False, False
        self.error: BaseException | None = None
        # Kernels called on the reader's thread use as many threads as its consumer may.
        self.kernel_threads = thread_limit()
        self.cores = cores(self.kernel_threads or None)
        self.waiting = False
        self.thread = threading.Thread(target=self.run, name="esker-reader")

    def run(self) -> None:
        core.set_thread_limit(self.kernel_threads)
        _here.reader = self
        try:
            items = self.make()
            try:
                while self.wait_for_slot():
                    item = next(items, self)
                    if item is self:
                        break
                    with self.lock:
                        self.items.append(item)
                        self.lock.notify_all()
                    del item
            finally:
                close = getattr(items, "close", None)
                if close is not None:
                    close()
        except BaseException as error:  # re-raised in the consumer's thread
            self.error = error
        finally:
            with self.lock:
                self.ended = True
                self.lock.notify_all()

    def wait_for_slot(self) -> bool:
        with self.lock:
            # A generator that was never closed must not keep the interpreter from ending: look up twice a second.
            while not self.lock.wait_for(lambda: self.slots > 0 or self.stopped, timeout=0.5):
                if not threading.main_thread().is_alive():
                    return False
            self.slots -= 1
            return not self.stopped

    def get(self) -> Any:
        with self.lock:
            self.waiting = True
            self.lock.wait_for(lambda: self.items or self.ended)
            self.waiting = False
            if self.items:
                self.slots += 1
                self.lock.notify_all()
                return self.items.popleft()
        if self.error is not None:
            raise self.error
        return self

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            self.items.clear()
            self.lock.notify_all()
        if self.thread.ident is not None:
            self.thread.join()


def share_cores() -> None:
    """Kernels called next on a reader's thread leave its consumer a core, unless that waits for them."""
    reader = getattr(_here, "reader", None)
    if reader is not None:
        core.set_thread_limit(reader.cores if reader.waiting else max(reader.cores - 1, 1))


def ahead(make: Callable[[], Iterator[T]], depth: int) -> Iterator[T]:
    """Yield what ``make()`` yields, made on a thread that runs at most `depth` items ahead.

    Parameters
    ----------
    make : callable
        Called on the thread; what it returns is iterated, and closed, there.
    depth : int
        0 makes the items here, without a thread.

    Notes
    -----
    An exception of the iterator is raised here, after the items before it. Closing the generator (leaving the loop, an
    exception, Ctrl-C) ends the thread before it returns.

    >>> list(ahead(lambda: iter("abc"), 2))
    ['a', 'b', 'c']
    """
    if depth == 0:
        yield from make()
        return
    reader = _Reader(make, depth)
    try:
        reader.thread.start()  # Ctrl-C may come while this waits for the thread to run
        while (item := reader.get()) is not reader:
            yield item
            del item
    finally:
        reader.stop()

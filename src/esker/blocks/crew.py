"""Several threads that work on the items of one iterator, and the results in the items' order.

Whoever is free takes the next item, so nothing waits but for room: at most `slots` items are at work or done and not yet
taken. Where the consumer is slow the crew sleeps, where it waits all of them work: the split between them and the
consumer follows from how fast each is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from esker._native import core

__all__ = ["in_order"]

J = TypeVar("J")
R = TypeVar("R")


class _Crew:
    """The threads, and what they have done so far."""

    def __init__(self, items: Iterator[Any], work: Callable[[Any], Any], threads: int, slots: int) -> None:
        self.items, self.work = items, work
        self.next_item = threading.Lock()
        self.change = threading.Condition()
        self.slots, self.begun, self.taken = slots, 0, 0
        self.done: dict[int, tuple[Any, BaseException | None]] = {}
        self.ended = self.stopped = False
        self.item: Any = None
        self.threads = [threading.Thread(target=self.run, name="esker-parser") for _ in range(threads)]

    def run(self) -> None:
        core.set_thread_limit(1)
        while (number := self.begin()) is not None:
            item, self.item = self.item, None
            self.next_item.release()
            try:
                self.put(number, self.work(item), None)
            except BaseException as error:  # re-raised in the consumer's thread
                self.put(number, None, error)
            del item

    def begin(self) -> int | None:
        """Take an item; its number is returned with `next_item` held, None where there is none or the walk is over."""
        self.next_item.acquire()
        number = None
        try:
            if self.wait_for_slot():
                self.item = next(self.items)
                number = self.begun
                self.begun += 1
        except StopIteration:
            self.end()
        except BaseException as error:
            self.put(self.begun, None, error)
            self.begun += 1
            self.end()
        finally:
            if number is None:
                self.next_item.release()
        return number

    def wait_for_slot(self) -> bool:
        def ready() -> bool:
            return self.begun - self.taken < self.slots or self.stopped or self.ended

        with self.change:
            # A generator that was never closed must not keep the interpreter from ending: look up twice a second.
            while not self.change.wait_for(ready, timeout=0.5):
                if not threading.main_thread().is_alive():
                    self.stopped = True
            return not (self.stopped or self.ended)

    def put(self, number: int, result: Any, error: BaseException | None) -> None:
        with self.change:
            self.done[number] = (result, error)
            self.change.notify_all()

    def end(self) -> None:
        with self.change:
            self.ended = True
            self.change.notify_all()

    def get(self) -> Any:
        """The next result; the crew itself at the end."""
        with self.change:
            self.change.wait_for(
                lambda: self.taken in self.done or (self.ended and self.taken == self.begun) or self.stopped
            )
            if self.taken not in self.done:
                return self
            result, error = self.done.pop(self.taken)
            self.taken += 1
            self.change.notify_all()
        if error is not None:
            raise error
        return result

    def stop(self) -> None:
        with self.change:
            self.stopped = True
            self.change.notify_all()
        for thread in self.threads:
            if thread.ident is not None:
                thread.join()


def in_order(
    items: Iterator[J], work: Callable[[J], R], threads: int, slots: int
) -> Generator[R, None, None]:
    """Yield ``work(item)`` for each item, in order, worked on by so many threads.

    Parameters
    ----------
    items : iterator
        Advanced by one of the threads at a time; not closed here.
    work : callable
        Called by several threads at once; kernels that it calls use one thread each.
    threads : int
        0 works here, without a thread.
    slots : int
        Items that are at work, or done and not yet taken.

    Notes
    -----
    An exception of `items` or of `work` is raised here, after the results before it. Closing the generator ends the threads
    before it returns.

    >>> list(in_order(iter([3, 1, 2]), lambda n: n * n, 2, 3))
    [9, 1, 4]
    """
    if threads == 0:
        for item in items:
            yield work(item)
        return
    crew = _Crew(items, work, threads, slots)
    try:
        for thread in crew.threads:
            thread.start()
        while (result := crew.get()) is not crew:
            yield result
            del result
    finally:
        crew.stop()

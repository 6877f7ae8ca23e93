"""A crew's results come in order, errors in their place, and no thread outlives its walk."""

from __future__ import annotations

import threading
import time

import pytest

from esker.blocks.crew import in_order


def parsers():
    return [t for t in threading.enumerate() if t.name == "esker-parser"]


def slow_square(n):
    time.sleep(0.001 * (n % 3))
    return n * n


@pytest.mark.parametrize("threads", [0, 1, 2, 5])
def test_in_order(threads):
    assert list(in_order(iter(range(50)), slow_square, threads, threads + 1)) == [n * n for n in range(50)]
    assert not parsers()


def test_no_more_are_begun_than_there_are_slots():
    begun = []
    walk = in_order((begun.append(n) or n for n in range(100)), lambda n: n, 3, 4)
    assert next(walk) == 0
    time.sleep(0.05)
    assert begun == [0, 1, 2, 3, 4]
    assert next(walk) == 1
    walk.close()
    assert not parsers()


def fails_at_seven(n):
    if n >= 7:
        raise KeyError(n)
    return slow_square(n)


@pytest.mark.parametrize("threads", [1, 4])
def test_the_first_error_comes_after_the_results_before_it(threads):
    got = []
    with pytest.raises(KeyError, match="7"):
        got.extend(in_order(iter(range(30)), fails_at_seven, threads, 6))
    walk = in_order(iter(range(30)), fails_at_seven, threads, 6)
    for n in range(7):
        assert next(walk) == n * n
    with pytest.raises(KeyError, match="7"):
        next(walk)
    assert not parsers()


def test_an_error_of_the_items_comes_in_its_place():
    def items():
        yield 1
        yield 2
        raise OSError("gone")

    walk = in_order(items(), slow_square, 3, 4)
    assert (next(walk), next(walk)) == (1, 4)
    with pytest.raises(OSError, match="gone"):
        next(walk)
    assert not parsers()

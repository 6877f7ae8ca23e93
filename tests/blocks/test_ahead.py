"""The reader thread: order, exceptions, depth, and that it ends with its consumer."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from esker.blocks import ArrayBlocks
from esker.blocks.ahead import ahead


def readers():
    return [t for t in threading.enumerate() if t.name == "esker-reader"]


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_items_come_in_order_and_the_thread_ends(depth):
    assert list(ahead(lambda: iter(range(100)), depth)) == list(range(100))
    assert not readers()


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_an_exception_comes_after_the_items_before_it(depth):
    def items():
        yield 1
        yield 2
        raise KeyError("three")

    seen = []
    with pytest.raises(KeyError, match="three"):
        seen.extend(ahead(items, depth))
    assert seen == [1, 2]
    assert not readers()


def test_an_exception_in_making_the_iterator():
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda: iter([1 / 0]), 2))
    assert not readers()


def test_leaving_the_loop_ends_the_thread_and_closes_the_source():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    walk = ahead(items, 2)
    assert next(walk) == 0
    assert readers()
    walk.close()
    assert closed.is_set()
    assert not readers()


def test_a_consumers_own_error_ends_the_thread():
    def consume():
        for _ in ahead(lambda: iter(range(1000)), 2):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        consume()
    deadline = time.monotonic() + 5
    while readers() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not readers()


@pytest.mark.parametrize("depth", [1, 2])
def test_no_more_than_depth_items_are_ahead(depth):
    made = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    for i in ahead(items, depth):
        time.sleep(0.005)
        assert len(made) <= i + 1 + depth
    assert len(made) == 20


def test_a_walk_of_files_runs_on_the_thread_and_one_of_memory_does_not(tmp_path):
    import numpy as np

    import esker

    X = np.ones((5000, 2))
    np.save(tmp_path / "x.npy", X)
    walk = iter(esker.open_blocks(tmp_path / "x.npy", block_size=4096 * 16))
    next(walk)
    assert readers()
    walk.close()
    assert not readers()
    walk = iter(ArrayBlocks(X))
    next(walk)
    assert not readers()


CHILD = """
import sys, time
from esker.blocks.ahead import ahead
def slow():
    while True:
        time.sleep(0.01)
        yield 0
walk = ahead(slow, 2)
next(walk)
if sys.argv[1] == "exit":
    print("ready", flush=True)
    sys.exit(0)  # the generator is never closed
try:
    print("ready", flush=True)
    for _ in walk: pass
except KeyboardInterrupt:
    import threading
    walk.close()
    print("interrupted", sum(t.name == "esker-reader" for t in threading.enumerate()))
"""


@pytest.mark.parametrize("how", ["exit", "interrupt"])
def test_the_interpreter_ends(how):
    child = subprocess.Popen([sys.executable, "-c", CHILD, how], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    if how == "interrupt":
        child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=20)
    assert child.returncode == 0
    assert rest == ("interrupted 0\n" if how == "interrupt" else "")


def test_an_interrupt_while_the_thread_starts_leaves_none(monkeypatch):
    start = threading.Thread.start

    def interrupted(self):
        start(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(ahead(lambda: iter(range(9)), 1))
    assert not readers()

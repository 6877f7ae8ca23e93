"""A contest: the same cell run by us and by the peers in turn (A B A B), each in its own process with the same threads.

A contender's process loads the data once, then runs when told to, so that no run pays for imports or for reading, a
peer that patches others does so in its own process alone, and both feel the machine's other work alike.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

__all__ = ["Cell", "Contender", "Worker", "alternate", "take_turns", "thread_limits"]

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Contender:
    """Who runs a cell: `run(data)` is timed. `patched`: scikit-learn is patched by sklearnex in this process first."""

    name: str
    run: Callable[[Any], Any]
    patched: bool = False
    needs: str = ""  # module that must be importable
    prepare: Callable[[Any], Any] | None = None  # untimed: the data in the form that this contender wants


@dataclass(frozen=True)
class Cell:
    """One comparison: data by name, contenders (ours first), what each reached, and what a run cannot do without."""

    name: str
    load: Callable[[str], Any]  # scale -> data
    contenders: Sequence[Contender]
    quality: Callable[[Any, Any], Mapping[str, float]]  # (data, what run returned)
    work: Callable[
        [Any], Mapping[str, float]
    ]  # {"bytes": , "float32 flops": , "float64 flops": , "file bytes": }
    threads: int = 2

    def contender(self, name: str) -> Contender:
        return next(c for c in self.contenders if c.name == name)


def thread_limits(threads: int) -> dict[str, str]:
    """Environment that limits every pool we know to `threads`."""
    names = "OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS BLIS_NUM_THREADS NUMEXPR_NUM_THREADS"
    return dict.fromkeys(names.split(), str(threads))


def take_turns(contenders: Sequence[Callable[[], Any]], runs: int) -> list[float]:
    """Medians of seconds in this process, one after the other, after one run of each that does not count."""
    seconds: list[list[float]] = [[] for _ in contenders]
    for turn in range(runs + 1):
        for took, go in zip(seconds, contenders):
            gc.collect()
            began = perf_counter()
            made = go()
            spent = perf_counter() - began
            del made
            if turn:
                took.append(spent)
    return [statistics.median(took) for took in seconds]


@dataclass
class Worker:
    """A child process that speaks JSON lines: told `run`, it runs once and says how long it took and what it reached."""

    arguments: Sequence[str]
    threads: int
    first: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Worker:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", *self.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **thread_limits(self.threads)},
        )
        self.first = self._hear()
        return self

    def _hear(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {' '.join(self.arguments)} ended with {self._process.wait()}")
        return json.loads(line)

    def run(self) -> dict[str, Any]:
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return self._hear()

    def __exit__(self, *problem: object) -> None:
        if problem[0] is not None:
            self._process.kill()
        with self._process:  # closes its pipes, on which it ends
            pass


@dataclass
class Outcome:
    """What a contender did in a contest."""

    name: str
    seconds: list[float]
    quality: dict[str, float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def alternate(cell: Cell, *, scale: str = "small", runs: int = 5, only: Sequence[str] = ()) -> dict[str, Any]:
    """Run a cell's contenders in turn, `runs` times each after one unmeasured run; returns outcomes, data, work.

    Contenders whose package is not installed are left out and named under "missing".
    """
    from contextlib import ExitStack
    from importlib.util import find_spec

    chosen = [c for c in cell.contenders if not only or c.name in only]
    missing = [c.name for c in chosen if c.needs and find_spec(c.needs) is None]
    chosen = [c for c in chosen if c.name not in missing]
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker([cell.name, c.name, scale], cell.threads)) for c in chosen]
        warm = [w.run() for w in workers]
        seconds: list[list[float]] = [[] for _ in workers]
        for _ in range(runs):
            for took, worker in zip(seconds, workers):
                took.append(worker.run()["seconds"])
    outcomes = [Outcome(c.name, s, w["quality"]) for c, s, w in zip(chosen, seconds, warm)]
    return {"outcomes": outcomes, "missing": missing, **workers[0].first}

"""Run learners, each in a process of its own, and keep what they reached; read it again.

`python -m benchmarks.race.measure DATA [LEARNER ...] [--scale SCALE]` measures some; what is kept is judged by the bar `time-to-error`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import ROOT, thread_limits
from benchmarks.datasets import data_folder
from benchmarks.race.data import DATA, share
from benchmarks.race.learners import LEARNERS

__all__ = ["Point", "fits", "measure", "points"]

#: A learner stops at the budget whose run takes longer than so many seconds.
CAPS = {"small": 1.0, "full": 5.0}


@dataclass(frozen=True)
class Point:
    """A learner at a budget: seconds of its runs, test errors and losses of its seeds, and of each test row, over seeds."""

    learner: str
    budget: Any
    seconds: np.ndarray
    errors: np.ndarray
    losses: np.ndarray | None
    wrong: np.ndarray
    loss: np.ndarray | None
    loading: float

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def error(self) -> float:
        return float(self.wrong.mean(dtype=np.float64))

    @property
    def log_loss(self) -> float:
        return float("nan") if self.loss is None else float(self.loss.mean(dtype=np.float64))


def _kept(data: str, learner: str, part: float) -> Path:
    folder = data_folder() / f"race-{part:g}" / data
    folder.mkdir(parents=True, exist_ok=True)
    return folder / (re.sub(r"[^a-zA-Z0-9]+", "-", learner).strip("-") + ".npz")


def fits(learner: str, data: Any) -> bool:
    """Whether a learner takes such rows, and its package is installed."""
    from scipy import sparse

    who = LEARNERS[learner]
    kind = "sparse" if sparse.issparse(data.X) else "dense"
    return (
        kind in who.kinds and data.X.shape[1] <= who.widest and (not who.needs or bool(find_spec(who.needs)))
    )


def measure(data: str, learner: str, scale: str) -> None:
    """Run a learner at its budgets."""
    part = share(scale)
    out = _kept(data, learner, part)
    command = [sys.executable, "-m", "benchmarks.race.worker", data, learner, str(part), str(CAPS[scale])]
    unfinished = out.with_suffix(".part.npz")
    subprocess.run([*command, str(unfinished)], check=True, cwd=ROOT, env={**os.environ, **thread_limits(2)})
    unfinished.rename(out)


def points(data: str, scale: str) -> Iterator[Point]:
    """What is kept of every learner on a data set."""
    for learner in LEARNERS:
        path = _kept(data, learner, share(scale))
        if not path.exists():
            continue
        with np.load(path) as found:
            for budget in found["budgets"].tolist():
                each = {
                    k: found.get(f"{budget}/{k}") for k in ("seconds", "errors", "losses", "wrong", "loss")
                }
                yield Point(learner, json.loads(budget), loading=float(found["loading"]), **each)


def main() -> None:
    """Measure some learners on a data set."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.race.measure", description=main.__doc__)
    parser.add_argument("data", choices=list(DATA))
    parser.add_argument("learner", nargs="*", help=", ".join(LEARNERS))
    parser.add_argument("--scale", choices=list(CAPS), default="full")
    args = parser.parse_args()
    split = DATA[args.data](share(args.scale))
    for learner in args.learner or [name for name in LEARNERS if fits(name, split)]:
        measure(args.data, learner, args.scale)


if __name__ == "__main__":
    main()

"""A fit in a process of its own, which a bar measures or kills: `Fit` is the parent's side, `main` the child's.

The child opens its source, says so, waits for a line, fits, says how long it took, waits again, and saves what it found.
`python -m benchmarks.bars.child JOB`, JOB as JSON: path, open (options of open_blocks), model, options,
in_memory, out; or kind and max_memory, for a source of the memory promise.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import ROOT

__all__ = ["Fit"]


class Fit:
    """A child that has opened its source; `go` lets it fit, `end` waits for that, `save` gets what it found."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        command = [sys.executable, "-m", "benchmarks.bars.child", json.dumps(job)]
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        self.pid = self._child.pid
        #: "ready", or "refused: " and why, where the source does not fit max_memory and says so before it is read.
        self.said = self._hear().strip()

    def _hear(self) -> str:
        said = self._child.stdout.readline()
        if not said:
            raise RuntimeError(f"{self.job['model']} on {self.job['path']} ended with {self._child.wait()}")
        return said

    def _tell(self, word: str) -> None:
        self._child.stdin.write(word + "\n")
        self._child.stdin.flush()

    def go(self) -> None:
        self._tell("go")

    def end(self) -> float:
        """Seconds of the fit."""
        return float(self._hear())

    def save(self) -> dict[str, np.ndarray]:
        """Coefficients and intercept; the child ends."""
        self._tell("save")
        with self._child:
            self._child.wait()
        with np.load(self.job["out"]) as kept:
            found = {name: kept[name] for name in kept}
        os.unlink(self.job["out"])
        return found

    def kill(self) -> None:
        """SIGKILL."""
        self._child.send_signal(signal.SIGKILL)
        with self._child:
            self._child.wait()


def source(job: dict[str, Any]) -> Any:
    """The Blocks that a job names; with "in_memory" all numbers are loaded first."""
    import esker

    if "kind" in job:
        from benchmarks.bars.promise_sources import KINDS

        return KINDS[job["kind"]].open(Path(job["path"]), job["max_memory"])
    if job.get("in_memory") == "array":
        whole = np.load(job["path"])
        return esker.open_blocks(whole, target=job["open"]["target"])
    blocks = esker.open_blocks(job["path"], **job["open"])
    if job.get("in_memory") == "rows":
        block = blocks.take_all()
        return esker.open_blocks(block.X, target=block.y)
    return blocks


def main() -> None:
    """Run one job."""
    job = json.loads(sys.argv[1])
    import sklearn.linear_model  # noqa: F401  (imports are not the fit's memory)

    from esker import linear_model

    if "checkpoint_every" in job:  # seconds; the defaults are longer than a test wants to wait
        import esker.learning

        esker.learning.CHECKPOINT_EVERY = job["checkpoint_every"]
        from esker.linear_model._gram_walk import Checkpoint

        Checkpoint.every = job["checkpoint_every"]
    model = getattr(linear_model, job["model"])(**job["options"])
    try:
        data = source(job)
    except ValueError as problem:
        if "kind" not in job or "max_memory" not in str(problem):
            raise
        print(f"refused: {problem}".replace("\n", " "), flush=True)
        return
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    model.fit(data)
    seconds = time.perf_counter() - began
    print(seconds, flush=True)
    sys.stdin.readline()
    out = Path(job["out"])
    np.savez(out.with_suffix(".part.npz"), coef=model.coef_, intercept=model.intercept_)
    out.with_suffix(".part.npz").rename(out)


if __name__ == "__main__":
    main()

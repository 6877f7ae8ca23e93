"""RidgeCV of 20 alphas by leave-one-out against scikit-learn's: time, memory beside the data, the alpha, each row's error.

Processes alternate. Each loads the same rows, fits once while it stores every row's squared error, which is when memory is
measured (peak resident set above that before the fit, stored errors included), and is then timed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.contest import ROOT, thread_limits
from benchmarks.spectrum import Optimum, rows

__all__ = ["run"]

SHAPES = {"small": (20_000, 200), "full": (100_000, 500)}
ALPHAS = np.logspace(-6, 2, 20)
RATIO, EXTRA = 20.0, 100e6


def run(scale: str, runs: int = 3) -> bool:
    """Print ratio, memory, and what both found."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = _Side("esker", scale, folder), _Side("sklearn", scale, folder)
        with ours, theirs:
            firsts = ours.hear(), theirs.hear()
            timed = [(ours.go(), theirs.go()) for _ in range(runs)]
        return _report(scale, firsts, timed, Path(folder))


def _report(scale: str, firsts: Any, timed: list[Any], folder: Path) -> bool:
    mine, peer = (statistics.median(t[i]["seconds"] for t in timed) for i in (0, 1))
    extra, peer_extra = (first["extra"] for first in firsts)
    n, d = SHAPES[scale]
    full = scale == "full"  # what the issue asks of 100k x 500
    holds = line(
        peer / mine >= RATIO or not full,
        f"RidgeCV, {len(ALPHAS)} alphas, f64 {n:,} x {d}: {mine:.2f} s, scikit-learn {peer:.2f} s: {peer / mine:.1f}x (>= {RATIO:g}x)",
    )
    holds &= line(
        extra <= EXTRA,
        f"memory beside the data {extra / 1e6:.0f} MB (<= {EXTRA / 1e6:.0f} MB), scikit-learn {peer_extra / 1e6:.0f} MB",
    )
    a, b = (first["alpha"] for first in firsts)
    holds &= line(a == b, f"alpha {a:g}, scikit-learn {b:g}")
    errors, theirs = (np.sqrt(np.load(folder / f"{name}.npy")) for name in ("esker", "sklearn"))
    # Relative to a row's own size: an error that happens to be near zero has no digits of its own.
    gap = float((np.abs(errors - theirs) / np.maximum(theirs, np.sqrt(np.mean(theirs**2, axis=0)))).max())
    holds &= line(
        gap <= 1e-8, f"leave-one-out errors differ by {gap:.1e} relative (<= 1e-8), {errors.size:,} of them"
    )
    X, y = rows(n, d, np.float64)
    optimum = Optimum(X, y, a)
    gaps = [optimum.gap(np.array(f["coef"]), f["intercept"]) for f in firsts]
    return holds & line(
        gaps[0] <= 1e-12,
        f"objective gap at alpha {a:g}: {gaps[0]:.1e} (<= 1e-12), scikit-learn {gaps[1]:.1e}",
    )


class _Side:
    """The parent's end of a contender's process."""

    def __init__(self, name: str, scale: str, folder: str) -> None:
        self.command = [sys.executable, "-m", "benchmarks.bars.ridge_cv", name, scale, folder]

    def __enter__(self) -> _Side:
        import os

        environment = {**os.environ, **thread_limits(2)}
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment
        )
        return self

    def hear(self) -> dict[str, Any]:
        said = self._child.stdout.readline()
        if not said:
            raise RuntimeError(f"{self.command} ended with {self._child.wait()}")
        return json.loads(said)

    def go(self) -> dict[str, Any]:
        self._child.stdin.write("go\n")
        self._child.stdin.flush()
        return self.hear()

    def __exit__(self, *problem: object) -> None:
        if problem[0] is not None:
            self._child.kill()
        with self._child:
            pass


def _resident(name: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(row.split()[1]) * 1024 for row in status if row.startswith(name))


def main() -> None:
    """A contender's process: fit on every line read."""
    name, scale, folder = sys.argv[1:]
    if name == "esker":
        from esker.linear_model import RidgeCV
    else:
        from sklearn.linear_model import RidgeCV
    X, y = rows(*SHAPES[scale], np.float64)
    RidgeCV().fit(X[:50, :5], y[:50])  # what is imported late
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _resident("VmRSS")
    first = RidgeCV(ALPHAS, store_cv_results=True).fit(X, y)
    extra = _resident("VmHWM") - before
    np.save(Path(folder) / f"{name}.npy", first.cv_results_)
    found = {
        "alpha": float(first.alpha_),
        "coef": first.coef_.tolist(),
        "intercept": float(first.intercept_),
        "extra": extra,
    }
    print(json.dumps(found), flush=True)
    del first
    for _ in sys.stdin:
        began = perf_counter()
        RidgeCV(ALPHAS).fit(X, y)
        print(json.dumps({"seconds": perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()

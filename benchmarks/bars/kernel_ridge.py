"""NystroemRidge on dense float32 rows against scikit-learn's Nystroem and Ridge: time, memory, test error; and a million rows in 1 GB.

Each contender has a process of its own and they take turns. Targets are -1 and 1, errors mean squares on held-out rows; both have
as many landmarks, drawn anew in every run. The floor is what the kernel's tiles take of a walk: `n m (2 d + 20)` operations, times
iterations, at the rate of float32 products in registers.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.contest import ROOT, thread_limits
from benchmarks.datasets import data_folder
from benchmarks.generate import higgs_like

__all__ = ["run"]

#: Rows and landmarks of the contest, and of what nobody else does, by scale.
CONTEST = {"small": (40_000, 600), "full": (300_000, 3_000)}
ALONE = {"small": (60_000, 1_000, 200, "100MB"), "full": (1_000_000, 5_000, 1_000, "1GB")}
RATIO, MEMORY, SECONDS, WORSE = 6.0, 0.2, 300.0, 1e-3
#: Operations a second of float32 fused multiply-adds on two cores of the machine that figures are shown for.
PEAK = 2.0e11
TEST, ALPHA = 20_000, 1.0


def run(scale: str, runs: int = 3) -> bool:
    """A line for each; at scale small the ratios are printed only."""
    return all([_contest(scale, runs), _alone(scale)])


def _contest(scale: str, runs: int) -> bool:
    n, m = CONTEST[scale]
    with tempfile.TemporaryDirectory(prefix="kernel-ridge-", dir=data_folder()) as folder:
        _write(folder, n)
        with ExitStack() as stack:
            sides = [
                stack.enter_context(_Side([name, folder, str(m), "none"])) for name in ("esker", "sklearn")
            ]
            found = [[side.go() for side in sides] for _ in range(runs)]
    ours, theirs = ([row[i] for row in found] for i in range(2))
    seconds = [statistics.median(f["seconds"] for f in side) for side in (ours, theirs)]
    error = [statistics.median(f["error"] for f in side) for side in (ours, theirs)]
    memory = [max(f["extra"] for f in side) for side in (ours, theirs)]
    ratio, share, full = seconds[1] / seconds[0], memory[0] / max(memory[1], 1), scale == "full"
    floor = ours[0]["passes"] * n * m * (2 * 28 + 20) / PEAK
    holds = error[0] <= error[1] * (1 + WORSE) and (not full or (ratio >= RATIO and share <= MEMORY))
    return line(
        holds,
        f"float32 {n:,} x 28, {m:,} landmarks: {ratio:.1f}x (>= {RATIO:g}x), memory {share:.2f} (<= {MEMORY:g}); "
        f"esker {seconds[0]:.2f} s (floor {floor:.2f} s, {ours[0]['passes']} walks), error {error[0]:.5f}, +{memory[0] / 1e6:.0f} MB; "
        f"sklearn {seconds[1]:.2f} s, error {error[1]:.5f}, +{memory[1] / 1e6:.0f} MB",
    )


def _alone(scale: str) -> bool:
    n, many, few, memory = ALONE[scale]
    with tempfile.TemporaryDirectory(prefix="kernel-ridge-", dir=data_folder()) as folder:
        _write(folder, n)
        found = []
        for m in (few, many):
            with _Side(["esker", folder, str(m), memory]) as side:
                found.append(side.go())
    small, large = found
    limit = float(memory.removesuffix("MB").removesuffix("GB")) * (1e6 if memory.endswith("MB") else 1e9)
    holds = large["error"] < small["error"] and large["extra"] <= limit
    holds = holds and (scale != "full" or large["seconds"] <= SECONDS)
    floor = large["passes"] * n * many * (2 * 28 + 20) / PEAK
    return line(
        holds,
        f"float32 {n:,} x 28, {many:,} landmarks within {memory}: {large['seconds']:.1f} s (<= {SECONDS:g} s; floor {floor:.1f} s, "
        f"{large['passes']} walks), +{large['extra'] / 1e6:.0f} MB, error {large['error']:.5f} (< {small['error']:.5f} of {few:,} landmarks)",
    )


def _write(folder: str, n: int) -> None:
    X, y = higgs_like(n + TEST).arrays()
    X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    np.save(Path(folder) / "X.npy", X)
    np.save(Path(folder) / "y.npy", np.where(y > 0, 1.0, -1.0).astype(np.float32))


class _Side:
    """The parent's end of a contender's process."""

    def __init__(self, arguments: list[str]) -> None:
        self.command = [sys.executable, "-m", "benchmarks.bars.kernel_ridge", *arguments]

    def __enter__(self) -> _Side:
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            self.command,
            stdin=pipe,
            stdout=pipe,
            text=True,
            cwd=ROOT,
            env={**os.environ, **thread_limits(2)},
        )
        return self

    def go(self) -> dict[str, Any]:
        self._child.stdin.write("go\n")
        self._child.stdin.flush()
        said = self._child.stdout.readline()
        if not said:
            raise RuntimeError(f"{self.command} ended with {self._child.wait()}")
        return json.loads(said)

    def __exit__(self, *problem: object) -> None:
        if problem[0] is not None:
            self._child.kill()
        with self._child:
            pass


def _resident(name: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(row.split()[1]) * 1024 for row in status if row.startswith(name))


def _model(name: str, m: int, seed: int, memory: str) -> Any:
    if name == "esker":
        from esker.kernel_ridge import NystroemRidge

        return NystroemRidge(
            ALPHA, n_components=m, random_state=seed, max_memory=None if memory == "none" else memory
        )
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    return make_pipeline(Nystroem(n_components=m, random_state=seed, gamma=1 / 28), Ridge(ALPHA))


def main() -> None:
    """A contender's process: fit on every line read."""
    name, folder, m, memory = sys.argv[1:]
    X, y = np.load(Path(folder) / "X.npy"), np.load(Path(folder) / "y.npy")
    X, y, X_test, y_test = X[:-TEST], y[:-TEST], X[-TEST:], y[-TEST:]
    _model(name, 50, 0, "none").fit(X[:500], y[:500]).predict(X[:10])  # what is imported late
    for seed, _ in enumerate(sys.stdin):
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before, began = _resident("VmRSS"), perf_counter()
        model = _model(name, int(m), seed, memory).fit(X, y)
        seconds, extra = perf_counter() - began, _resident("VmHWM") - before
        guess = np.concatenate([model.predict(X_test[i : i + 2000]) for i in range(0, TEST, 2000)])
        error = float(np.mean((guess - y_test) ** 2))
        passes = model.plan_["passes"] - 1 if name == "esker" else 0
        print(json.dumps({"seconds": seconds, "extra": extra, "error": error, "passes": passes}), flush=True)
        del model


if __name__ == "__main__":
    main()

"""One-vs-rest with thousands of classes of Zipf sizes, sparse: 10x Vowpal Wabbit's --oaa, as accurate as LIBLINEAR less half a point.

Each contender has a process of its own, whose peak resident memory is told. Vowpal Wabbit has the most weights that fit 16 GB (-b 29). A pass
of its own over all rows takes a quarter of an hour, so its speed is that of some rows after the first ones, when its table and
its reader have started; it is measured before and after ours, which is three passes' rows by the seconds of a whole fit: the race of
rates on some classes, three passes, and the making of `coef_`. Accuracies are those of all three on the same first rows, each
learning all of them: three passes of ours by the squared hinge loss (LIBLINEAR's), one of Vowpal Wabbit's by its logistic loss, and
LIBLINEAR at its defaults.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.contest import ROOT
from benchmarks.datasets import load

__all__ = ["run"]

FASTER, POINTS, BITS = 10.0, 0.005, 29
#: Of ours.
PASSES = 3
#: Rows of Vowpal Wabbit's that come before those that are timed, and those.
WARM = {"small": 200, "full": 500}
TIMED = {"small": 300, "full": 1_000}
#: Rows learned from and scored where accuracies are compared.
TRAIN, TEST = {"small": 6_000, "full": 18_801}, {"small": 4_689, "full": 4_689}
CLASSES = 3875


def _accuracy(predicted: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(predicted == y))


def esker(X: Any, y: np.ndarray, X_test: Any, y_test: np.ndarray) -> tuple[float, float]:
    from esker.linear_model import SGDClassifier

    model = SGDClassifier(
        "squared_hinge", penalty=None, max_iter=PASSES, tol=None, early_stopping=False, random_state=0
    )
    began = perf_counter()
    model.fit(X, y)
    seconds = perf_counter() - began
    return seconds, _accuracy(model.predict(X_test), y_test)


def _write(file: Path, X: Any, y: np.ndarray) -> None:
    """Rows in Vowpal Wabbit's text."""
    with open(file, "w") as out:
        for i in range(X.shape[0]):
            a, b = X.indptr[i], X.indptr[i + 1]
            pairs = zip(X.indices[a:b].tolist(), X.data[a:b].tolist())
            out.write(f"{y[i] + 1} | " + " ".join(f"{c}:{v:.6g}" for c, v in pairs) + "\n")


def vowpalwabbit(X: Any, y: np.ndarray, X_test: Any, y_test: np.ndarray) -> tuple[float, float]:
    """Seconds to learn from the rows, the start of its table included; no accuracy where there are no test rows."""
    import vowpalwabbit as vw

    with tempfile.TemporaryDirectory(prefix="esker-vw-") as folder:
        train, test, said = (Path(folder) / name for name in ("train", "test", "said"))
        _write(train, X, y)
        _write(test, X_test, y_test)
        asked = f"--oaa {CLASSES} -b {BITS} --loss_function logistic --quiet"
        began = perf_counter()
        if not len(y_test):
            vw.Workspace(f"-d {train} {asked}").finish()
            return perf_counter() - began, float("nan")
        # Test rows follow in the same run, unlabelled: a table of gigabytes is not written and read again.
        with open(train, "a") as out, open(test) as rows:
            out.writelines("".join(row.partition("|")[1:]) for row in rows)
        vw.Workspace(f"-d {train} {asked} -p {said}").finish()
        predicted = np.loadtxt(said, usecols=0)[len(y) :] - 1
        return perf_counter() - began, _accuracy(predicted, y_test)


def liblinear(X: Any, y: np.ndarray, X_test: Any, y_test: np.ndarray) -> tuple[float, float]:
    from sklearn.svm import LinearSVC

    used = np.unique(X.indices)  # its tables are dense float64
    began = perf_counter()
    model = LinearSVC().fit(X[:, used].astype(np.float64), y)
    seconds = perf_counter() - began
    return seconds, _accuracy(model.predict(X_test[:, used].astype(np.float64)), y_test)


def _measured(who: str, scale: str, train: int, test: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.bars.one_vs_rest", who, scale, str(train), str(test)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError(f"{who} failed:\n{said.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    right = f", accuracy {found['accuracy']:.4f} on {found['test']:,} rows" if found["test"] else ""
    print(
        f"        {who}: {found['train']:,} rows in {found['seconds']:.1f} s, peak {found['peak'] / 1e9:.1f} GB{right}",
        flush=True,
    )
    return found


def _peer_speed(scale: str) -> float:
    """Rows a second of Vowpal Wabbit after its first ones."""
    first, all_of_them = (
        _measured("vowpalwabbit", scale, rows, 0)["seconds"]
        for rows in (WARM[scale], WARM[scale] + TIMED[scale])
    )
    return TIMED[scale] / (all_of_them - first)


def run(scale: str) -> bool:
    """Speed on all rows of this scale; accuracies on its first ones."""
    data = load("geonames", scale)
    print(f"  {data}", flush=True)
    n = data.X.shape[0]
    before, ours, after = _peer_speed(scale), _measured("esker", scale, n, TEST[scale]), _peer_speed(scale)
    speed, peer = PASSES * n / ours["seconds"], (before + after) / 2
    text = (
        f"a fit of {PASSES} passes over {n:,} rows takes {ours['seconds']:.1f} s, {speed:,.0f} rows/s; one pass of Vowpal Wabbit -b {BITS} over "
        f"rows {WARM[scale] + 1:,} to {WARM[scale] + TIMED[scale]:,} {before:.0f} rows/s before and {after:.0f} after: {speed / peer:.1f}x (bound {FASTER:g}x); our whole fit against one of its passes {speed / peer / PASSES:.1f}x"
    )
    holds = line(speed / peer >= FASTER, text)
    train, test = TRAIN[scale], TEST[scale]
    own, vw, best = (
        _measured(who, scale, train, test)["accuracy"] for who in ("esker", "vowpalwabbit", "liblinear")
    )
    text = (
        f"accuracy on {test:,} rows of what the first {train:,} rows teach: {own:.4f}, LIBLINEAR's {best:.4f}, Vowpal Wabbit's {vw:.4f} "
        f"(bound {max(vw, best - POINTS):.4f})"
    )
    return line(own >= max(vw, best - POINTS), text) and holds


if __name__ == "__main__":
    contender, size, learned, scored = sys.argv[1:]
    split, a, b = load("geonames", size), int(learned), int(scored)
    took, accuracy = {f.__name__: f for f in (esker, vowpalwabbit, liblinear)}[contender](
        split.X[:a], split.y[:a], split.X_test[:b], split.y_test[:b]
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told = {"seconds": took, "accuracy": accuracy, "peak": peak, "train": a, "test": b}
    print(json.dumps(told))

"""One-vs-rest with thousands of classes of Zipf sizes, sparse: 10x Vowpal Wabbit's --oaa, as accurate as LIBLINEAR less half a point.

Each contender has a process of its own, whose peak resident memory is told. Vowpal Wabbit has the most weights that fit 16 GB (-b 29); on all
rows its pass takes an hour, so there it learns from the first rows alone and its pass is their time in proportion, and accuracies of
the three are compared on a tenth of the rows (`--scale small`), where each learns whole: one pass of ours and of Vowpal
Wabbit's, both by the log loss, and LIBLINEAR at its defaults.
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

FASTER, POINTS = 10.0, 0.005
#: Of Vowpal Wabbit's one pass the rows that are timed, where the whole takes too long.
TIMED = {"small": None, "full": 1_000}
CLASSES = 3875


def _accuracy(predicted: np.ndarray, data: Any) -> float:
    return float(np.mean(predicted == data.y_test))


def esker(data: Any, rows: int | None) -> tuple[float, float | None]:
    from esker.linear_model import SGDClassifier

    model = SGDClassifier(
        penalty=None, max_iter=1, tol=None, early_stopping=False, random_state=0, max_memory="6GB"
    )
    began = perf_counter()
    model.fit(data.X, data.y)
    seconds = perf_counter() - began
    return seconds, _accuracy(model.predict(data.X_test), data)


def vowpalwabbit(data: Any, rows: int | None) -> tuple[float, float | None]:
    import vowpalwabbit as vw

    n = data.X.shape[0] if rows is None else rows
    with tempfile.TemporaryDirectory(prefix="esker-vw-") as folder:
        files = [Path(folder) / f"{role}.vw" for role in ("train", "test")]
        for file, X, y in zip(files, (data.X[:n], data.X_test), (data.y, data.y_test)):
            with open(file, "w") as out:
                for i in range(X.shape[0]):
                    a, b = X.indptr[i], X.indptr[i + 1]
                    pairs = zip(X.indices[a:b].tolist(), X.data[a:b].tolist())
                    out.write(f"{y[i] + 1} | " + " ".join(f"{c}:{v:.6g}" for c, v in pairs) + "\n")
        model = Path(folder) / "model"
        began = perf_counter()
        learner = vw.Workspace(
            f"-d {files[0]} --oaa {CLASSES} -b 29 --loss_function logistic --quiet"
            + ("" if rows else f" -f {model}")
        )
        seconds = perf_counter() - began
        if rows is not None:
            return seconds / rows * data.X.shape[0], None
        learner.finish()
        said = Path(folder) / "said"
        vw.Workspace(f"-d {files[1]} -t -i {model} -p {said} --quiet").finish()
        return seconds, _accuracy(np.loadtxt(said, usecols=0) - 1, data)


def liblinear(data: Any, rows: int | None) -> tuple[float, float | None]:
    from sklearn.svm import LinearSVC

    used = np.unique(data.X.indices)  # its tables are dense float64
    began = perf_counter()
    model = LinearSVC().fit(data.X[:, used].astype(np.float64), data.y)
    seconds = perf_counter() - began
    return seconds, _accuracy(model.predict(data.X_test[:, used].astype(np.float64)), data)


def _measured(who: str, scale: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.bars.one_vs_rest", who, scale]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError(f"{who} failed:\n{said.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    right = "" if found["accuracy"] is None else f", accuracy {found['accuracy']:.4f}"
    print(f"        {who}: {found['seconds']:.1f} s, peak {found['peak'] / 1e9:.1f} GB{right}", flush=True)
    return found


def run(scale: str) -> bool:
    """Speed at this scale; accuracies on a tenth of the rows."""
    print(f"  {load('geonames', scale)}", flush=True)
    ours, peer = _measured("esker", scale), _measured("vowpalwabbit", scale)
    part = TIMED[scale]
    of = "" if part is None else f" (from its first {part:,} rows)"
    ratio = peer["seconds"] / ours["seconds"]
    text = f"one pass in {ours['seconds']:.1f} s, Vowpal Wabbit's in {peer['seconds']:.0f} s{of}: {ratio:.1f}x (bound {FASTER:g}x)"
    holds = line(ratio >= FASTER, text)
    if scale != "small":
        ours, peer = _measured("esker", "small"), _measured("vowpalwabbit", "small")
    best = _measured("liblinear", "small")["accuracy"]
    bound = max(peer["accuracy"], best - POINTS)
    text = f"accuracy on a tenth of the rows {ours['accuracy']:.4f}, LIBLINEAR's {best:.4f}, Vowpal Wabbit's {peer['accuracy']:.4f}"
    return line(ours["accuracy"] >= bound, text) and holds


if __name__ == "__main__":
    contender, size = sys.argv[1:]
    took, accuracy = {f.__name__: f for f in (esker, vowpalwabbit, liblinear)}[contender](
        load("geonames", size), TIMED[size]
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": took, "accuracy": accuracy, "peak": peak}))

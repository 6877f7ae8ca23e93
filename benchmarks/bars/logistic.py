"""LogisticRegression on dense rows in memory against the best of scikit-learn and scikit-learn-intelex, at the same objective.

Each contender has a process of its own, and they take turns. We fit at the default tol; each peer at the largest tol, from its own default
down, at which none of its objectives exceeds the least that anyone found by more than a ten-thousandth: at their defaults peers may
stop far from the minimum. One that already takes longer than the bar asks for is not asked again, nor for more.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.contest import ROOT, thread_limits
from benchmarks.datasets import data_folder

__all__ = ["run"]

#: Tolerances that a peer is tried at, and how far above the least an objective may be, relatively.
TOLERANCES, SAME = (1e-4, 1e-5, 1e-6, 1e-7), 1e-4

#: name: (rows, columns, classes, penalties alpha = 1 / (C n), ratio to reach)
CELLS = {
    "2M x 28": (2_000_000, 28, 2, [5e-7], 2.5),
    "100k x 1000, correlated": (100_000, 1000, 2, [1e-5], 4.0),
    "softmax, 100k x 512, 100 classes, three alphas": (100_000, 512, 100, [1e-2, 1e-3, 1e-4], 5.0),
}


def make(n: int, d: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels: independent columns where few; else correlated, of a decaying spectrum."""
    rng = np.random.default_rng(0)
    if d < 100:
        X = rng.standard_normal((n, d), dtype=np.float32)
        scores = X @ (0.4 * rng.standard_normal(d)).astype(np.float32)
        return X, (scores + rng.logistic(size=n) > 0).astype(np.int64)
    mixing = rng.standard_normal((d, d)) * (np.arange(1, d + 1) ** -0.6)[:, None] / np.sqrt(20)
    y = rng.integers(0, classes, n)
    centres = rng.standard_normal((classes, d)) if classes > 2 else np.zeros((2, d))
    X = ((2.0 * rng.standard_normal((n, d)) + centres[y]) @ mixing).astype(np.float32)
    if classes == 2:
        scores = X @ (0.1 * rng.standard_normal(d)).astype(np.float32)
        y = (scores + rng.logistic(size=n) > 0).astype(np.int64)
    return X, y


def run(scale: str, runs: int = 3) -> bool:
    """A line for each cell; at scale small with a twentieth of the rows, where the ratio is printed only.

    On the command line ESKER_CELLS names some by their beginnings, with semicolons between.
    """
    named = [part.strip() for part in os.environ.get("ESKER_CELLS", "").split(";") if part.strip()]
    chosen = [name for name in CELLS if not named or any(name.startswith(part) for part in named)]
    if not chosen:
        raise SystemExit(f"ESKER_CELLS names none of {', '.join(CELLS)}")
    holds = [_cell(name, scale, runs) for name in chosen]
    return all(holds)


def _cell(name: str, scale: str, runs: int) -> bool:
    n, d, classes, alphas, ratio = CELLS[name]
    full = scale == "full"
    n = n if full else n // 20
    # Of several classes the bar is scikit-learn's lbfgs; it takes minutes.
    names = ["esker", "sklearn"] + ["sklearnex"] * (classes == 2 and find_spec("sklearnex") is not None)
    with tempfile.TemporaryDirectory(prefix="logistic-", dir=data_folder()) as folder:
        X, y = make(n, d, classes)
        np.save(Path(folder) / "X.npy", X)
        np.save(Path(folder) / "y.npy", y)
        with ExitStack() as stack:
            sides = [stack.enter_context(_Side(who, folder, alphas)) for who in names]
            first = sides[0].go(TOLERANCES[0])
            least = [_objective(X, y, *model) for model in first["models"]]
            enough = 1.2 * ratio * first["seconds"]
            tried = [_equal(side, X, y, least, enough) for side in sides]
            timed = [
                [
                    took if took > enough else side.go(tol)["seconds"]
                    for side, (tol, _, took) in zip(sides, tried)
                ]
                for _ in range(runs)
            ]
    seconds = dict(zip(names, map(statistics.median, zip(*timed))))
    values = {who: values for who, (_, values, _) in zip(names, tried)}
    lowest = [min(each) for each in zip(*values.values())]
    excess = {who: max(b / c - 1 for b, c in zip(values[who], lowest)) for who in names}
    tols = {who: tol for who, (tol, _, _) in zip(names, tried)}
    apt = (who for who in names[1:] if excess[who] <= SAME or seconds[who] > enough)
    peer = min(apt, key=seconds.__getitem__, default=names[1])
    found = seconds[peer] / seconds["esker"]
    holds = (found >= ratio or not full) and excess["esker"] <= SAME
    told = ", ".join(
        f"{who} {seconds[who]:.3f} s (tol {tols[who]:g}, {excess[who]:.0e} above the least)" for who in names
    )
    return line(holds, f"{name} ({n:,} rows): {found:.2f}x (>= {ratio:g}x); {told}")


def _equal(
    side: _Side, X: np.ndarray, y: np.ndarray, least: list[float], enough: float
) -> tuple[float, list[float], float]:
    """The largest tolerance at which a contender's objectives are near the least ones, or it takes `enough`; those, and its seconds."""
    for tol in TOLERANCES:
        said = side.go(tol)
        values = [_objective(X, y, *model) for model in said["models"]]
        if said["seconds"] > enough or all(value <= low * (1 + SAME) for value, low in zip(values, least)):
            break
    return tol, values, said["seconds"]


def _objective(X: np.ndarray, y: np.ndarray, coef: Any, intercept: Any, alpha: float) -> float:
    """Mean loss plus alpha |coef|^2 / 2, in float64."""
    coef, intercept = np.asarray(coef), np.asarray(intercept)
    total = 0.0
    for i in range(0, len(y), 20_000):
        z = X[i : i + 20_000].astype(np.float64) @ coef.T + intercept
        own = y[i : i + 20_000]
        if z.shape[1] == 1:
            total += np.logaddexp(0, (1 - 2 * own) * z[:, 0]).sum()
        else:
            top = z.max(axis=1)
            total += (np.log(np.exp(z - top[:, None]).sum(axis=1)) + top - z[np.arange(len(own)), own]).sum()
    return float(total / len(y) + 0.5 * alpha * (coef**2).sum())


class _Side:
    """The parent's end of a contender's process."""

    def __init__(self, name: str, folder: str, alphas: list[float]) -> None:
        self.command = [sys.executable, "-m", "benchmarks.bars.logistic", name, folder, json.dumps(alphas)]

    def __enter__(self) -> _Side:
        environment = {**os.environ, **thread_limits(2)}
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment
        )
        return self

    def go(self, tol: float) -> dict[str, Any]:
        self._child.stdin.write(f"{tol}\n")
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


def main() -> None:
    """A contender's process: fit the path at every tolerance read."""
    name, folder, alphas = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    warnings.simplefilter("ignore")
    if name == "sklearnex":
        from sklearnex import patch_sklearn

        patch_sklearn(verbose=False)
    if name == "esker":
        from esker.linear_model import LogisticRegression
    else:
        from sklearn.linear_model import LogisticRegression
    X, y = np.load(folder / "X.npy"), np.load(folder / "y.npy")
    options = {} if name == "esker" else {"solver": "lbfgs"}
    LogisticRegression(**options).fit(X[:2000, :5].copy(), y[:2000])  # what is imported late
    for said in sys.stdin:
        began = perf_counter()
        models = [
            LogisticRegression(C=1 / (alpha * len(y)), tol=float(said), max_iter=1000, **options).fit(X, y)
            for alpha in alphas
        ]
        seconds = perf_counter() - began
        found = [(m.coef_.tolist(), m.intercept_.tolist(), alpha) for m, alpha in zip(models, alphas)]
        print(json.dumps({"seconds": seconds, "models": found}), flush=True)


if __name__ == "__main__":
    main()

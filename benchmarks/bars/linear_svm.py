"""LinearSVC and LinearSVR in memory against LIBLINEAR and scikit-learn's, at the same objective.

All run in one process and take turns; each at the largest tolerance of its own at which its objective is at most a thousandth above a
lower bound of the least, which is ours: the objective less the duality gap. LIBLINEAR gets its problem made beforehand.
"""

from __future__ import annotations

import os
import statistics
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import sklearn.svm
from scipy import sparse

from benchmarks.bars import line
from benchmarks.datasets import load
from benchmarks.generate import alpha_like
from esker.svm import LinearSVC, LinearSVR

__all__ = ["run"]

#: What is tried, from the loosest; and how far above the bound an objective may be, relatively.
TOLERANCES, SAME = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5), 1e-3
#: A peer that takes so many times our seconds, or the fastest peer's, is not tried at tighter ones.
ENOUGH, BEHIND = 20.0, 3.0
#: Seconds that a cell's repetitions may take; the first of them is always whole.
BUDGET = {"small": 8.0, "full": 30.0}


@dataclass(frozen=True)
class Cell:
    """A loss on a data set, LIBLINEAR's solvers for it, and the ratio to the fastest peer to reach."""

    data: str
    loss: str
    solvers: tuple[int, ...]
    ratio: float
    classes: int = 2


CELLS = {
    "sparse, hinge": Cell("rcv1-like", "hinge", (3,), 1.0),
    "sparse, squared hinge": Cell("rcv1-like", "squared_hinge", (1, 2), 1.0),
    "sparse, hinge, 8 classes": Cell("rcv1-like", "hinge", (3,), 1.0, classes=8),
    "sparse, epsilon-insensitive": Cell("rcv1-like", "epsilon_insensitive", (13,), 1.0),
    "dense, hinge": Cell("alpha-like", "hinge", (3,), 1.0),
    "dense, squared hinge": Cell("alpha-like", "squared_hinge", (2, 1), 1.0),
    "dense, squared epsilon-insensitive": Cell("alpha-like", "squared_epsilon_insensitive", (11, 12), 1.0),
}


def run(scale: str, runs: int = 3) -> bool:
    """A line for each cell; at scale small with 40,000 sparse and 10,000 dense rows, else 781,265 and 100,000.

    On the command line ESKER_CELLS names some by their beginnings, with semicolons between.
    """
    named = [part.strip() for part in os.environ.get("ESKER_CELLS", "").split(";") if part.strip()]
    chosen = [name for name in CELLS if not named or any(name.startswith(part) for part in named)]
    if not chosen:
        raise SystemExit(f"ESKER_CELLS names none of {', '.join(CELLS)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        holds = [_cell(name, CELLS[name], scale, runs) for name in chosen]
    return all(holds)


def _rows(cell: Cell, scale: str) -> tuple[Any, np.ndarray]:
    if cell.data == "alpha-like":
        X, y = alpha_like(100_000 if scale == "full" else 10_000).arrays()
    else:
        split = load(cell.data, scale)
        X, y = split.X, split.y
    if "epsilon" in cell.loss or cell.classes > 2:
        scores = X @ np.random.default_rng(0).standard_normal((X.shape[1], max(cell.classes, 2)))
        noise = np.random.default_rng(1).standard_normal(scores.shape) * scores.std() / 2
        scores = (scores + noise) / scores.std()
        return X, scores[:, 0] if cell.classes == 2 else scores.argmax(axis=1)
    return X, (y > 0).astype(np.int64)


def _cell(name: str, cell: Cell, scale: str, runs: int) -> bool:
    X, y = _rows(cell, scale)
    contenders = _contenders(cell, X, y)
    tight = _esker(cell, X, y)(1e-4)
    bound = np.asarray(tight.objective_) - np.asarray(tight.duality_gap_)
    tols, excess, limit, best = {}, {}, np.inf, np.inf
    seconds: dict[str, list[float]] = {}
    for who, fit in contenders.items():
        for tol in TOLERANCES:
            began = perf_counter()
            coef, level = _found(fit(tol))
            took = perf_counter() - began
            excess[who] = float((_objectives(cell, X, y, coef, level) / bound - 1).max())
            tols[who], seconds[who] = tol, [took]
            if who == "esker":
                limit = ENOUGH * took
            if excess[who] <= SAME or took > min(limit, BEHIND * best):
                break
        if who != "esker" and excess[who] <= SAME:
            best = min(best, took)
    apt = [who for who in contenders if who != "esker" and (excess[who] <= SAME or seconds[who][0] > limit)]
    # Those that are far behind have been timed once.
    again = ["esker", *(who for who in apt if seconds[who][0] <= BEHIND * min(seconds[w][0] for w in apt))]
    for who in again:
        seconds[who] = []
    began = perf_counter()
    for _ in range(runs):
        for who in again:
            begun = perf_counter()
            contenders[who](tols[who])
            seconds[who].append(perf_counter() - begun)
        if perf_counter() - began > BUDGET[scale]:
            break
    took = {who: statistics.median(each) for who, each in seconds.items()}
    peer = min(apt, key=took.__getitem__)
    ratio = took[peer] / took["esker"]
    told = ", ".join(
        f"{who} {took[who]:.3f} s (tol {tols[who]:g}, {excess[who]:.0e} above{'' if who in again else ', once'})"
        for who in contenders
    )
    return line(
        ratio >= cell.ratio and excess["esker"] <= SAME,
        f"{name} ({X.shape[0]:,} x {X.shape[1]:,}): {ratio:.2f}x (>= {cell.ratio:g}x); a product of all rows with w "
        f"{_product(X):.3f} s; {told}",
    )


def _product(X: Any) -> float:
    """Seconds of the least that an epoch does twice."""
    w = np.ones(X.shape[1], dtype=X.dtype)
    began = perf_counter()
    X @ w
    return perf_counter() - began


def _esker(cell: Cell, X: Any, y: np.ndarray) -> Callable[[float], Any]:
    model = LinearSVR if "epsilon" in cell.loss else LinearSVC
    return lambda tol: model(loss=cell.loss, tol=tol, random_state=0).fit(X, y)


def _contenders(cell: Cell, X: Any, y: np.ndarray) -> dict[str, Callable[[float], Any]]:
    """Ours first; fits at a tolerance."""
    found = {"esker": _esker(cell, X, y)}
    wide = sparse.csr_matrix(X.astype(np.float64)) if sparse.issparse(X) else X.astype(np.float64)
    theirs = sklearn.svm.LinearSVR if "epsilon" in cell.loss else sklearn.svm.LinearSVC
    for solver in cell.solvers:
        dual = solver not in (2, 11)
        found[f"sklearn(dual={dual})"] = lambda tol, dual=dual: theirs(
            loss=cell.loss, dual=dual, tol=tol, max_iter=1000, random_state=0
        ).fit(wide, y)
    try:
        from liblinear.liblinearutil import parameter, problem, train
    except ImportError:
        return found
    made = problem(y.astype(np.float64), sparse.csr_matrix(wide), bias=1.0)
    for solver in cell.solvers:
        found[f"liblinear -s {solver}"] = lambda tol, s=solver: train(
            made, parameter(f"-s {s} -c 1 -p 0 -e {tol} -B 1 -q")
        )
    return found


def _found(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (machines, d) and intercepts, for the higher class against the lower of two."""
    if hasattr(model, "coef_"):
        return np.atleast_2d(model.coef_).astype(np.float64), np.ravel(model.intercept_)
    d, k = model.nr_feature, model.nr_class
    labels = model.get_labels()
    many = k if k > 2 else 1
    w = np.array(model.w[: (d + 1) * many]).reshape(d + 1, many).T
    if k > 2:
        w = w[np.argsort(labels)]
    elif len(labels) == 2 and labels[0] < labels[1]:
        w = -w
    return w[:, :-1], w[:, -1]


def _objectives(cell: Cell, X: Any, y: np.ndarray, coef: np.ndarray, level: np.ndarray) -> np.ndarray:
    """What all minimise, of each machine, in float64."""
    total = 0.5 * ((coef**2).sum(axis=1) + level**2)
    for i in range(0, len(y), 20_000):
        z = X[i : i + 20_000].astype(np.float64) @ coef.T + level
        own = y[i : i + 20_000, None]
        if "epsilon" in cell.loss:
            miss = np.abs(z - own)
        else:
            sign = np.where(own == (np.arange(len(coef)) if len(coef) > 1 else 1), 1.0, -1.0)
            miss = np.maximum(0, 1 - sign * z)
        total = total + (miss**2 if "squared" in cell.loss else miss).sum(axis=0)
    return total

"""SGDClassifier(max_time=) with up to thousands of classes: fit returns at most 2 % + 50 ms after its time."""

from __future__ import annotations

import warnings
from time import perf_counter

import numpy as np
from scipy import sparse

from benchmarks.bars import line
from esker.linear_model import SGDClassifier

#: Classes, columns, nonzeros a row (None: dense).
SHAPES = {
    "small": [(2, 10_000, 50), (1000, 5000, 30), (500, 300, None)],
    "full": [
        (2, 200_000, 76),
        (2, 28, None),
        (300, 50_000, 50),
        (3875, 10_000, 40),
        (1000, 500, None),
        (3000, 300, None),
    ],
}
BUDGETS = {"small": (0.5, 2.0), "full": (0.5, 2.0, 6.0)}
ROWS = 60_000


def rows_of(classes: int, columns: int, nonzeros: int | None):
    """Random rows whose class moves one of their features."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, ROWS)
    y[:classes] = np.arange(classes)
    if nonzeros is None:
        X = rng.standard_normal((ROWS, columns), dtype=np.float32)
        X[np.arange(ROWS), y % columns] += 3
        return X, y
    indices = rng.integers(0, columns, (ROWS, nonzeros), dtype=np.int32)
    indices[:, 0] = y % columns
    indices.sort(axis=1)
    indices = np.where(np.diff(indices, axis=1, prepend=-1) == 0, -1, indices)  # no column twice in a row
    ends = np.concatenate([[0], np.cumsum((indices >= 0).sum(axis=1))]).astype(np.int32)
    kept = indices[indices >= 0]
    return sparse.csr_array((np.ones(len(kept), np.float32), kept, ends), shape=(ROWS, columns)), y


def run(scale: str) -> bool:
    """Each shape with each budget; the time is that of the whole call of fit."""
    holds = True
    for classes, columns, nonzeros in SHAPES[scale]:
        X, y = rows_of(classes, columns, nonzeros)
        for budget in BUDGETS[scale]:
            model = SGDClassifier(max_time=budget, max_iter=10**6, tol=None, random_state=0)
            begun = perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(X, y)
            over = perf_counter() - begun - budget
            bound = 0.02 * budget + 0.05
            kind = "dense" if nonzeros is None else f"{nonzeros} nonzeros a row"
            text = (
                f"{classes:,} classes, {columns:,} columns, {kind}: max_time={budget:g}, {over * 1e3:+.0f} ms "
                f"(bound {bound * 1e3:.0f} ms), {int(model.t_) - 1:,} rows, accuracy {model.score(X[:5000], y[:5000]):.3f}"
            )
            holds &= line(over <= bound and model.stop_reason_ == "time", text)
    return holds

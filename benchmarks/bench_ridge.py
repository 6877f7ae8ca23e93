"""Ridge in memory: dense tall, dense ill-conditioned, sparse; the objective reached says that all solved the same problem."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from benchmarks import ours, peers
from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender
from benchmarks.datasets import Split, load

ALPHA = 1.0


def objective(X: Any, y: np.ndarray, coef: np.ndarray, intercept: Any, alpha: float) -> float:
    """``|y - X w - b|^2 + alpha |w|^2`` in float64, a panel of rows at a time."""
    total = alpha * float(np.sum(np.asarray(coef, dtype=np.float64) ** 2))
    for begin in range(0, X.shape[0], 65_536):
        rows = X[begin : begin + 65_536].astype(np.float64)
        total += float(np.sum((y[begin : begin + 65_536] - rows @ np.ravel(coef) - intercept) ** 2))
    return total


def quality(data: Split, model: Any) -> dict[str, float]:
    """Objective on the training rows and R^2 on the test rows, computed by the same lines for all."""
    coef, intercept = np.ravel(model.coef_), np.ravel(model.intercept_)[0]
    left = data.y_test - data.X_test.astype(np.float64) @ coef.astype(np.float64) - intercept
    return {
        "objective": objective(data.X, data.y, coef, intercept, ALPHA),
        "test R2": 1 - np.mean(left**2) / np.var(data.y_test),
    }


def work(data: Split) -> dict[str, float]:
    """The Gram's upper half in X's precision, and one read of X."""
    n, d = data.X.shape
    if sparse.issparse(data.X):
        per_row = np.diff(data.X.indptr).astype(np.float64)
        return {"bytes": 12 * data.X.nnz, "float64 flops": float(np.sum(per_row * (per_row + 1)))}
    return {"bytes": data.X.nbytes, f"{data.X.dtype} flops": float(n) * d * (d + 1)}


def _cell(data: str, sklearn: dict[str, Any]) -> Cell:
    contenders = [
        Contender("esker", ours.ridge(ALPHA)),
        Contender("scikit-learn", peers.sklearn_ridge(ALPHA, **sklearn)),
    ]
    if not sklearn:
        contenders.append(
            Contender("sklearnex", peers.sklearn_ridge(ALPHA), patched=True, needs="sklearnex"),
        )
    return Cell(f"ridge/{data}", lambda scale: load(data, scale), contenders, quality, work)


CELLS = [
    _cell("dense-linear", {}),
    _cell("alpha-like", {}),
    _cell("higgs-like", {}),
    _cell("sparse-text", {"solver": "sparse_cg", "tol": 1e-10}),
    _cell("flights", {}),
]

test_ridge = suite(CELLS)

"""Ridge in float64 against a long-double oracle: 1e-10 at condition 1e3, 50 * condition * eps at 1e7."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks import oracle
from benchmarks.bars import line

__all__ = ["cases", "relative_error", "run"]

EPS = np.finfo(np.float64).eps


def conditioned(rng: np.random.Generator, n: int, d: int, condition: float) -> np.ndarray:
    """Rows whose centred matrix has singular values from 1 to 1 / condition."""
    k = min(n - 1, d)
    left = np.linalg.qr(np.column_stack([np.ones(n), rng.standard_normal((n, k))]))[0][:, 1:]
    right = np.linalg.qr(rng.standard_normal((d, k)))[0]
    return left * np.logspace(0, -np.log10(condition), k) @ right.T + rng.standard_normal(d)


def cases(condition: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, X, y, weights, alpha) of every kind of problem; alpha leaves the problem's condition as it is named."""
    rng = np.random.default_rng(5)
    for name, n, d, targets in (("n > d", 600, 40, 1), ("n < d", 60, 150, 1), ("7 targets", 600, 40, 7)):
        X = conditioned(rng, n, d, condition)
        y = (X - X.mean(0)) @ rng.standard_normal((d, targets)) + 0.01 * rng.standard_normal((n, targets))
        y = y[:, 0] if targets == 1 else y
        alpha = condition**-2.0
        yield name, {"X": X, "y": y, "alpha": alpha}
        if name == "n > d":
            yield "weighted", {"X": X, "y": y, "alpha": alpha, "sample_weight": rng.uniform(0.1, 3, n)}
            yield "no intercept", {"X": X - X.mean(0), "y": y, "alpha": alpha, "fit_intercept": False}
    # Sparse: columns of unlike scale make the condition; 10 % of the entries are there.
    X = np.where(rng.random((800, 60)) < 0.1, rng.standard_normal((800, 60)), 0) * np.logspace(
        0, -np.log10(condition), 60
    )
    y = X @ (rng.standard_normal(60) / X.std(0)) + 0.1 * rng.standard_normal(800)
    yield "sparse", {"X": X, "y": y, "alpha": 1e-3 * condition**-2.0, "sparse": True}
    wide = np.where(rng.random((60, 150)) < 0.1, rng.standard_normal((60, 150)), 0)
    wide[:, wide.any(0) == 0] = 1e-3
    yield (
        "sparse, n < d",
        {"X": wide, "y": rng.standard_normal(60), "alpha": 10 * condition**-2.0, "sparse": True},
    )


def condition_of(X: np.ndarray, alpha: float, sample_weight: Any = None, fit_intercept: bool = True) -> float:
    """The condition number of the problem: of the centred, weighted rows with sqrt(alpha) I below them."""
    v = np.ones(len(X)) if sample_weight is None else sample_weight
    centred = np.sqrt(v)[:, None] * (X - (v @ X / v.sum() if fit_intercept else 0))
    s = np.linalg.svd(np.vstack([centred, np.sqrt(alpha) * np.eye(X.shape[1])]), compute_uv=False)
    return float(s[0] / s[-1])


def relative_error(found: Any, true: np.ndarray) -> float:
    """The largest over targets of |found - true| / |true|."""
    found = np.asarray(found, dtype=np.longdouble).reshape(true.shape)
    return float(np.max(np.sqrt(np.sum((found - true) ** 2, axis=-1) / np.sum(true**2, axis=-1))))


def run(scale: str) -> bool:
    """Print a line for each case; both scales are the same, and quick."""
    from esker.linear_model import Ridge

    holds = True
    for condition in (1e3, 1e7):
        for name, case in cases(condition):
            is_sparse = case.pop("sparse", False)
            X, y, alpha = case.pop("X"), case.pop("y"), case.pop("alpha")
            weight, intercept = case.get("sample_weight"), case.get("fit_intercept", True)
            true, _ = oracle.ridge(X, y, alpha, **case)
            rows: Any = sparse.csr_array(X) if is_sparse else X
            model = Ridge(alpha=alpha, fit_intercept=intercept).fit(rows, y, sample_weight=weight)
            error, kappa = relative_error(model.coef_, true), condition_of(X, alpha, weight, intercept)
            bound = 1e-10 if kappa <= 2e3 else 50 * kappa * EPS
            holds &= line(
                error <= bound, f"{name:<14} condition {kappa:7.1e}  error {error:.1e}  bound {bound:.1e}"
            )
    return holds

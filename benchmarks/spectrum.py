"""Dense rows for least squares as issue-sized work: column scales over three decades, half the columns far from zero.

`rows` makes them in place, a panel at a time, so that 20 GB never need a second copy; `Optimum.gap` tells how far a fit is from the
optimum of its own objective, as an exact quadratic form about a float64 solution, so that it is good to 1e-15.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

__all__ = ["Optimum", "panels", "rows"]

PANEL = 16_384


def panels(n: int, d: int, dtype: Any = np.float32, seed: int = 0):
    """(X, y) of consecutive rows, PANEL at a time; column j has standard deviation ``logspace(0, -3, d)[j]``.

    Every second column has a mean of 10 standard deviations. y is linear in the columns (each contributes alike) plus
    noise of a tenth of its variance; X and y are of `dtype`. Panel i is a function of (d, seed, i).
    """
    scale = np.logspace(0, -3, d)
    mean = np.where(np.arange(d) % 2, 10.0, 0.0)
    w = np.random.default_rng([seed, d]).standard_normal(d) / np.sqrt(d)
    for i, begin in enumerate(range(0, n, PANEL)):
        rng = np.random.default_rng([seed, d, 1 + i])
        Z = rng.standard_normal((PANEL, d), dtype=np.float32)[: min(PANEL, n - begin)]
        y = Z @ w + 0.3 * rng.standard_normal(PANEL)[: len(Z)] + 5
        yield ((Z + mean) * scale).astype(dtype), y.astype(dtype)


def rows(n: int, d: int, dtype: Any = np.float32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(X, y) of `panels` in memory."""
    X, y, at = np.empty((n, d), dtype), np.empty(n, dtype), 0
    for part, target in panels(n, d, dtype, seed):
        X[at : at + len(part)], y[at : at + len(part)] = part, target
        at += len(part)
    return X, y


class Optimum:
    """The minimum of ``|y - X w - b|^2 + alpha |w|^2`` over rows in float64, refined by true residuals."""

    def __init__(self, X: np.ndarray, y: np.ndarray, alpha: float) -> None:
        n, d = X.shape
        self.n, self.alpha = n, alpha
        self.mean = np.mean(X, axis=0, dtype=np.float64)
        self.mean_y = float(np.mean(y, dtype=np.float64))
        self.H = alpha * np.eye(d)
        for Z, _ in self._panels(X, y):
            self.H += Z.T @ Z
        factor = linalg.cho_factor(self.H)
        self.w = np.zeros(d)
        for _ in range(4):
            g, self.value = -alpha * self.w, alpha * float(self.w @ self.w)
            for Z, t in self._panels(X, y):
                r = t - Z @ self.w
                g += Z.T @ r
                self.value += float(r @ r)
            self.w += linalg.cho_solve(factor, g)

    def _panels(self, X: np.ndarray, y: np.ndarray):
        for i in range(0, self.n, PANEL):
            yield X[i : i + PANEL] - self.mean, y[i : i + PANEL] - self.mean_y

    def gap(self, coef: Any, intercept: Any) -> float:
        """(f(coef, intercept) - f*) / f*."""
        e = np.ravel(coef).astype(np.float64) - self.w
        level = float(np.ravel(intercept)[0]) + float(self.mean @ (e + self.w)) - self.mean_y
        return float(e @ self.H @ e + self.n * level**2) / self.value

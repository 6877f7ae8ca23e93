"""Leave-one-out by its definition: a fit without each row, by QR of the rows themselves with sqrt(alpha) I below."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["left_out"]


def left_out(
    X: Any, y: np.ndarray, alphas: Any, weight: Any = None, fit_intercept: bool = True
) -> np.ndarray:
    """Each row's target minus the prediction of the fit without it, shape (n, targets, alphas)."""
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64).reshape(len(X), -1)
    n, d = X.shape
    root = np.sqrt(np.ones(n) if weight is None else weight)
    out = np.empty((n, y.shape[1], len(alphas)))
    for a, alpha in enumerate(alphas):
        for i in range(n):
            rest = np.arange(n) != i
            w = root[rest] ** 2
            mean = w @ X[rest] / w.sum() if fit_intercept else np.zeros(d)
            mean_y = w @ y[rest] / w.sum() if fit_intercept else np.zeros(y.shape[1])
            A = np.vstack([root[rest, None] * (X[rest] - mean), np.sqrt(alpha) * np.eye(d)])
            b = np.vstack([root[rest, None] * (y[rest] - mean_y), np.zeros((d, y.shape[1]))])
            coef = np.linalg.lstsq(A, b, rcond=None)[0]
            out[i, :, a] = y[i] - mean_y - (X[i] - mean) @ coef
    return out

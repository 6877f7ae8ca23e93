"""An oracle for least squares in long double: Householder QR of the centred, weighted rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

LONG = np.longdouble


def _solve(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    A, b = A.copy(), b.copy()
    d = A.shape[1]
    for k in range(d):
        v = A[k:, k].copy()
        v[0] += np.copysign(np.sqrt(v @ v), v[0])
        size = v @ v
        if size:
            A[k:, k:] -= np.outer(v * (2 / size), v @ A[k:, k:])
            b[k:] -= np.outer(v * (2 / size), v @ b[k:])
    w = np.zeros((d, b.shape[1]), LONG)
    for k in range(d - 1, -1, -1):
        w[k] = (b[k] - A[k, k + 1 :] @ w[k + 1 :]) / A[k, k]
    return w


def oracle(
    X: Any, y: np.ndarray, alpha: float, weight: np.ndarray | None = None, *, fit_intercept: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (targets, d) and intercepts (targets,) of ridge, in long double."""
    X = (X.toarray() if sparse.issparse(X) else X).astype(LONG)
    y = y.astype(LONG).reshape(len(X), -1)
    w = np.ones(len(X), LONG) if weight is None else weight.astype(LONG)
    mean = w @ X / w.sum() if fit_intercept else np.zeros(X.shape[1], LONG)
    mean_y = w @ y / w.sum() if fit_intercept else np.zeros(y.shape[1], LONG)
    root, d = np.sqrt(w)[:, None], X.shape[1]
    A = np.vstack([root * (X - mean), np.sqrt(LONG(alpha)) * np.eye(d, dtype=LONG)])
    b = np.vstack([root * (y - mean_y), np.zeros((d, y.shape[1]), LONG)])
    coef = _solve(A, b).T
    return coef, mean_y - coef @ mean


def error(found: Any, true: np.ndarray) -> float:
    """Relative, in the 2-norm."""
    found = np.atleast_2d(np.asarray(found)).astype(LONG)
    return float(np.sqrt(((found - true) ** 2).sum() / (true**2).sum()))

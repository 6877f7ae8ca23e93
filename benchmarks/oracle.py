"""Ridge by Householder reflections in long double: an oracle that shares no line with what it judges.

The penalty is appended to the centred rows as ``sqrt(alpha) I``, so no cross product squares the condition number.
"""

from __future__ import annotations

import numpy as np

__all__ = ["ridge"]

LONG = np.longdouble


def ridge(
    X: np.ndarray,
    y: np.ndarray,
    alpha: float,
    *,
    sample_weight: np.ndarray | None = None,
    fit_intercept: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """(coef of shape (targets, d), intercept of shape (targets,)) in long double.

    Minimises ``sum_i v_i |y_i - w x_i - b|^2 + alpha |w|^2``.
    """
    n, d = X.shape
    X, y = X.astype(LONG), y.reshape(n, -1).astype(LONG)
    v = np.ones(n, dtype=LONG) if sample_weight is None else sample_weight.astype(LONG)
    mean_x = v @ X / v.sum() if fit_intercept else np.zeros(d, dtype=LONG)
    mean_y = v @ y / v.sum() if fit_intercept else np.zeros(y.shape[1], dtype=LONG)
    root = np.sqrt(v)[:, None]
    A = np.vstack([root * (X - mean_x), np.sqrt(LONG(alpha)) * np.eye(d, dtype=LONG)])
    b = np.vstack([root * (y - mean_y), np.zeros((d, y.shape[1]), dtype=LONG)])
    coef = _least_squares(A, b)
    return coef.T, mean_y - mean_x @ coef


def _least_squares(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """argmin |A w - b| for A of full column rank; A and b are overwritten."""
    d = A.shape[1]
    for j in range(d):
        u = A[j:, j].copy()
        u[0] += np.copysign(np.sqrt(u @ u), u[0])
        u /= np.sqrt(u @ u)
        A[j:, j:] -= 2 * np.outer(u, u @ A[j:, j:])
        b[j:] -= 2 * np.outer(u, u @ b[j:])
    w = np.zeros((d, b.shape[1]), dtype=LONG)
    for j in range(d - 1, -1, -1):
        w[j] = (b[j] - A[j, j + 1 :] @ w[j + 1 :]) / A[j, j]
    return w

"""Ridge with fewer rows than columns: solve for one number a row, ``(K + alpha I) a = y`` with K = X X', w = X'a.

K is centred and in float64. Centring makes it singular along the weights' roots, where y has nothing: a rank-one term
there changes no solution and lets Cholesky through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, sparse

from esker._errors import NotPositiveDefinite
from esker._native import core
from esker.linear_model._solve import CONTRACTION, ENOUGH, STOP, Solution, refine, spectral, warn_singular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["dual_bytes", "solve_dual"]

_PANEL = 1 << 20  # numbers that are converted to float64 at a time


def dual_bytes(n: int) -> int:
    """Bytes that `solve_dual` takes beside the rows."""
    return 8 * n * (n + 1) + 16 * _PANEL


def solve_dual(
    block: Block, alpha: float | NDArray[np.float64], *, fit_intercept: bool = True
) -> tuple[Solution, NDArray[np.float64]]:
    """Minimise ``||y - X w - b||^2 + alpha ||w||^2`` for rows in memory: the solution, and the mean it is centred at."""
    problem = _Dual(block, fit_intercept)
    alphas = np.broadcast_to(np.asarray(alpha, dtype=np.float64), (problem.y.shape[1],))
    coef = np.empty((len(alphas), problem.d))
    solver, rcond, passes = "dual", np.inf, 0
    for a in np.unique(alphas):
        at = np.flatnonzero(alphas == a)
        part = problem.solve(float(a), at)
        coef[at] = part.coef
        if part.rcond < rcond:
            solver, rcond = part.solver, part.rcond
        passes = max(passes, part.passes)
    return Solution(coef, problem.mean_y, solver, float(rcond), passes), problem.mean


class _Dual:
    def __init__(self, block: Block, centred: bool) -> None:
        X, y = block.X, block.raw_y()
        assert y is not None
        self.X, (self.n, self.d), self.centred = X, X.shape, centred
        self.precision = X.dtype.name
        weight = np.ones(self.n) if block.sample_weight is None else block.sample_weight
        self.root, total = np.sqrt(weight), weight.sum()
        self.mean, self.mean_y = np.zeros(self.d), np.zeros(y.shape[1])
        if centred:
            first = 0.0 if sparse.issparse(X) else X[int(np.argmax(weight > 0))].astype(np.float64)
            self.mean = first + self._back(weight[:, None] / total, first)[0]
            self.mean_y = weight @ y / total
            self.mean_y = self.mean_y + weight @ (y - self.mean_y) / total
        self.y = self.root[:, None] * (y - self.mean_y)
        self.K = core.Symmetric(self.n)
        self._build()
        self.along = np.zeros(self.n)
        if centred:
            self.along = self.root / np.linalg.norm(self.root) * np.sqrt(self.trace / self.n)

    # --- products with the rows, panel by panel in float64; u is (n, t) ---

    def _panels(self, mean: Any) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
        step = max(1, _PANEL // self.d)
        for i in range(0, self.n, step):
            rows = self.X[i : i + step]
            yield i, min(self.n, i + step), rows.astype(np.float64) - mean

    def _back(self, u: NDArray[np.float64], mean: Any) -> NDArray[np.float64]:
        """u'(X - mean), shape (t, d)."""
        if sparse.issparse(self.X):
            return np.asarray((self.X.T @ u).T) - np.outer(u.sum(axis=0), np.broadcast_to(mean, (self.d,)))
        out = np.zeros((u.shape[1], self.d))
        for begin, end, rows in self._panels(mean):
            out += u[begin:end].T @ rows
        return out

    def _forth(self, w: NDArray[np.float64]) -> NDArray[np.float64]:
        """(X - mean) w', shape (n, t)."""
        if sparse.issparse(self.X):
            return np.asarray(self.X @ w.T) - self.mean @ w.T
        out = np.empty((self.n, len(w)))
        for begin, end, rows in self._panels(self.mean):
            out[begin:end] = rows @ w.T
        return out

    def _build(self) -> None:
        X = self.X
        if sparse.issparse(X) and X.nnz < 0.1 * self.n * self.d:
            X = X.astype(np.float64)
            K = np.ascontiguousarray((X @ X.T).toarray())
            at_mean = X @ self.mean
            K -= at_mean[:, None]
            K -= at_mean - self.mean @ self.mean
            K *= self.root[:, None]
            K *= self.root
            self.K.add(K)
            self.trace = float(K.trace())
            return
        X = X.tocsc() if sparse.issparse(X) else X
        self.trace, step = 0.0, max(1, _PANEL // self.n)
        for j in range(0, self.d, step):
            panel = X[:, j : j + step]
            panel = panel.toarray() if sparse.issparse(panel) else panel
            panel = (panel.astype(np.float64) - self.mean[j : j + step]) * self.root[:, None]
            self.trace += float(np.vdot(panel, panel))
            self.K.add_panel(np.ascontiguousarray(panel))

    # --- one alpha ---

    def solve(self, alpha: float, at: NDArray[np.intp]) -> Solution:
        y, mean_y = self.y[:, at], self.mean_y[at]
        loss = 2.0**-52
        try:
            scaling = self.K.factorise(alpha, self.along)
        except NotPositiveDefinite:
            return self._decomposed(alpha, y, mean_y)
        if loss > CONTRACTION * scaling.rcond:
            return self._decomposed(alpha, y, mean_y)

        def apply(r: NDArray[np.float64]) -> NDArray[np.float64]:
            out = np.array(r, order="C")
            self.K.solve(scaling, out)
            return out

        a, passes = apply(y.T), 0
        if loss > ENOUGH[self.precision] * scaling.rcond:

            def residual(a: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
                w = self._back(self.root[:, None] * a.T, self.mean)
                return (y - self.root[:, None] * self._forth(w)).T - alpha * a, mean_y

            a, _, passes, _left = refine(a, residual, apply, np.ones(self.n), STOP[self.precision])
        w = self._back(self.root[:, None] * a.T, self.mean)
        return Solution(w, mean_y, "dual", scaling.rcond, passes)

    def _decomposed(self, alpha: float, y: NDArray[np.float64], mean_y: NDArray[np.float64]) -> Solution:
        """Singular values of the rows themselves while they are few; else eigenvalues of K."""
        if self.n * self.d <= 1 << 26:
            X = self.X.toarray() if sparse.issparse(self.X) else self.X
            U, s, Vt = linalg.svd(
                (X.astype(np.float64) - self.mean) * self.root[:, None], full_matrices=False
            )
            kept = s > np.finfo(np.float64).eps * max(self.n, self.d) * s.max(initial=0.0)
            factor = np.where(kept, s / np.where(kept, s**2 + alpha, 1), 0.0)
            w, solver = ((y.T @ U) * factor) @ Vt, "svd"
            squares = s**2
        else:
            squares, V = spectral(self.K.full())
            kept = squares > 1e-14 * self.n * squares.max(initial=0.0)
            a = (y.T @ V) * np.where(kept, 1 / np.where(kept, squares + alpha, 1), 0.0) @ V.T
            w, solver = self._back(self.root[:, None] * a.T, self.mean), "eigen"
        full = min(int((self.root > 0).sum()) - self.centred, self.d)
        rank, top = int(kept.sum()), float(squares.max(initial=0.0))
        low = float(np.sort(squares)[::-1][full - 1]) if full > 0 else 0.0
        if rank < full and alpha <= 1e-14 * self.n * top:
            warn_singular(rank, full)
        return Solution(
            w, mean_y, solver, (max(low, 0.0) + alpha) / (top + alpha) if top + alpha > 0 else 0.0
        )

"""Ridge with fewer rows than columns: solve for one number a row, ``(K + alpha I) a = y`` with K = X X', w = X'a.

K is centred and summed in float64; float32 rows are multiplied in float32 over a few hundred columns at a time. Centring
makes K singular along the weights' roots, where y has nothing: a rank-one term there changes no solution and lets Cholesky
through. Where K's rounding or condition costs digits, true residuals of the rows are formed and corrected for; where float32
products are too coarse even for that, K is multiplied once more in float64; what is singular is decomposed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, sparse

from esker._errors import NotPositiveDefinite
from esker._native import core
from esker.blocks.memory import show_size
from esker.linear_model._input import check_squares
from esker.linear_model._normal import TINY
from esker.linear_model._solve import CONTRACTION, ENOUGH, STOP, Solution, refine, spectral, warn_singular

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["dual_bytes", "solve_dual"]

_UNIT_ROUNDOFF = 2.0**-53
#: Refinement ends when less than this is left of the dual vector, relatively.
_LEFT = {"float32": 3e-8, "float64": STOP["float64"]}
#: Packed panels, the triangles of shards, float64 panels of rows for many targets.
_PANELS = 32 << 20
#: Rows of up to so many numbers have their singular values taken, where K is singular.
_DECOMPOSED = 1 << 26


def dual_bytes(n: int, d: int, nnz: int) -> int:
    """Bytes that `solve_dual` takes beside n rows: K, vectors, and sparse rows of `nnz` entries (dense: 0) once more by columns."""
    return 8 * n * (n + 1) + min(_PANELS, 64 * n * d + (1 << 20)) + 64 * (n + d) + 20 * nnz


def solve_dual(
    block: Block,
    alpha: float | NDArray[np.float64],
    *,
    fit_intercept: bool = True,
    room: int | None = None,
) -> tuple[Solution, NDArray[np.float64]]:
    """Minimise ``||y - X w - b||^2 + alpha ||w||^2`` for rows in memory.

    Parameters
    ----------
    block : Block
        All rows, with y.
    alpha : float or ndarray of shape (targets,)
    fit_intercept : bool
        False minimises about the origin.
    room : int, optional
        Bytes beyond `dual_bytes` that a decomposition of singular rows may take; None is no limit.

    Returns
    -------
    solution : Solution
        ``solver`` says "dual", "svd" or "eigen".
    mean : ndarray of shape (d,)
        What the rows were centred at.
    """
    problem = _Dual(block, fit_intercept, room)
    alphas = np.broadcast_to(np.asarray(alpha, dtype=np.float64), (problem.y.shape[1],))
    parts: list[tuple[NDArray[np.intp], Solution]] = []
    for a in np.unique(alphas):
        at = np.flatnonzero(alphas == a)
        parts.append((at, problem.solve(float(a), at)))
    if len(parts) == 1:
        return parts[0][1], problem.mean
    coef = np.empty((len(alphas), problem.d))
    for at, part in parts:
        coef[at] = part.coef
    found = [part for _, part in parts]
    worst = min(found, key=lambda part: part.rcond)
    passes, gap = max(part.passes for part in found), max(part.suboptimality for part in found)
    return replace(worst, coef=coef, at_mean=problem.mean_y, passes=passes, suboptimality=gap), problem.mean


class _Dual:
    """The kernel matrix of a block's rows, and y centred and multiplied by the weights' roots."""

    def __init__(self, block: Block, centred: bool, room: int | None) -> None:
        y = block.raw_y()
        assert y is not None
        self.X, (self.n, self.d) = block.X, block.X.shape
        self.centred, self.room, self.precision = centred, room, block.X.dtype.name
        self.K = core.KernelMatrix(block.raw_x(), block.sample_weight, centred)
        self.root, self.mean = self.K.root, self.K.mean
        self.mean_y = np.zeros(y.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
            if centred:
                weight = self.root**2 if block.sample_weight is None else block.sample_weight
                self.mean_y = weight @ y / weight.sum()
                self.mean_y = self.mean_y + weight @ (y - self.mean_y) / weight.sum()
            self.y = self.root[:, None] * (y - self.mean_y)
            check_squares((self.y**2).sum(axis=0) + self.root @ self.root * self.mean_y**2)
        self.wide = self.precision == "float64"
        self._multiply()

    def _multiply(self) -> None:
        self.K.multiply(self.wide)
        self.along = np.zeros(self.n)
        if self.centred:
            self.along = self.root / np.linalg.norm(self.root) * np.sqrt(self.K.trace / self.n)

    # --- products with the rows; a dual vector a is (targets, n) ---

    def _coef(self, a: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.K.back(np.ascontiguousarray((self.root * a).T)))

    def _left(self, a: NDArray[np.float64], alpha: float, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """The true ``y - X X'a - alpha a``."""
        return np.asarray((y - self.root[:, None] * self.K.forth(self._coef(a))).T - alpha * a)

    # --- one alpha ---

    def solve(self, alpha: float, at: NDArray[np.intp]) -> Solution:
        """The solution for the targets `at`, by the first of the ways above that is good enough."""
        self._check_range(alpha)
        y, mean_y = self.y[:, at], self.mean_y[at]
        try:
            scaling = self.K.factorise(alpha, self.along)
        except NotPositiveDefinite:
            scaling = None
        if scaling is None or self.K.loss > CONTRACTION * scaling.rcond:
            if self.wide:
                return self._decomposed(alpha, y, mean_y)
            self.wide = True
            self._multiply()
            return self.solve(alpha, at)

        def apply(r: NDArray[np.float64]) -> NDArray[np.float64]:
            out = np.array(r, order="C")
            self.K.solve(scaling, out)
            return out

        a, passes = apply(y.T), 0
        if self.K.loss > ENOUGH[self.precision] * scaling.rcond:
            a, passes = self._refined(a, alpha, y, apply)
        w = self._coef(a)
        gap = self._gap(w, a, alpha, y, mean_y)
        rank = min(int((self.root > 0).sum()) - self.centred, self.d)
        return Solution(w, mean_y, "dual", float(scaling.rcond), passes, gap, rank)

    def _check_range(self, alpha: float) -> None:
        """Squares that overflow, or underflow where alpha does not outweigh them, say nothing true of the rows."""
        trace = float(self.K.trace)
        if not np.isfinite(trace):
            raise ValueError(
                "the sums of products of the rows are not finite: their values (or the weights) are too large for their products; scale them down"
            )
        if trace >= TINY or (alpha >= TINY and trace / _UNIT_ROUNDOFF < alpha):
            return
        values = self.X.data if sparse.issparse(self.X) else self.X
        if trace > 0 or 0 < float(np.abs(values).max(initial=0.0)) < TINY**0.5:
            raise ValueError(
                "the sums of products of the rows underflow: their values are too small for their products; scale them up"
            )

    def _gap(
        self,
        w: NDArray[np.float64],
        a: NDArray[np.float64],
        alpha: float,
        y: NDArray[np.float64],
        mean_y: NDArray[np.float64],
        at: NDArray[np.float64] | None = None,
    ) -> float:
        """A bound on the relative objective gap of w = X'a (or of `at`) rounded to X's dtype, by one product with the rows.

        The dual objective at a lies below the minimum, and the primal one at v is ``|y - X v - alpha a|^2 + alpha |v - w|^2``
        above it.
        """
        v = (w if at is None else at).astype(self.precision).astype(np.float64)
        size = np.linalg.norm(y, axis=0)
        left = (y - self.root[:, None] * self.K.forth(v)).T
        gap = ((left - alpha * a) ** 2).sum(axis=1) + alpha * ((v - w) ** 2).sum(axis=1)
        value = (left**2).sum(axis=1) + alpha * (v**2).sum(axis=1)
        # Rounding of predictions and residuals; and of the intercept, which is what is left of large terms.
        reach = np.abs(v) @ np.abs(self.mean)
        total = float(self.root @ self.root)
        doubt = 4 * _UNIT_ROUNDOFF * (size + np.sqrt(total) * (self.centred * (np.abs(mean_y) + reach)))
        gap = (np.sqrt(gap) + doubt) ** 2
        lowest = value - 2 * doubt * np.sqrt(value) - gap
        ratio = np.divide(gap, lowest, out=np.full(len(gap), np.inf), where=lowest > 0)
        return float(np.where(size == 0, 0.0, ratio).max(initial=0.0))

    def _refined(
        self, a: NDArray[np.float64], alpha: float, y: NDArray[np.float64], apply: Any
    ) -> tuple[NDArray[np.float64], int]:
        def gradient(a: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            return self._left(a, alpha, y), self.mean_y

        a, _, passes, _left = refine(a, gradient, apply, np.ones(self.n), _LEFT[self.precision])
        return a, passes

    def _decomposed(self, alpha: float, y: NDArray[np.float64], mean_y: NDArray[np.float64]) -> Solution:
        """Singular values of the rows themselves while they are few; else eigenvalues of K."""
        size = self.n * self.d
        if size <= _DECOMPOSED and (self.room is None or 40 * size <= self.room):
            X = self.X.toarray() if sparse.issparse(self.X) else self.X
            Z = (X.astype(np.float64) - self.mean) * self.root[:, None]
            U, s, Vt = linalg.svd(Z, full_matrices=False, overwrite_a=True)
            kept = s > np.finfo(np.float64).eps * max(self.n, self.d) * s.max(initial=0.0)
            w = ((y.T @ U) * np.where(kept, s / np.where(kept, s**2 + alpha, 1), 0.0)) @ Vt
            return self._cut(w, y, mean_y, "svd", alpha, s**2, kept, 0)
        need = 32 * self.n**2
        if self.room is not None and need > self.room:
            raise ValueError(
                f"X X' of these {self.n} rows is singular to working precision, and its eigenvectors take {show_size(need)} of "
                f"the {show_size(self.room)} that max_memory leaves; grant more memory, or a larger alpha"
            )
        squares, V = spectral(self.K.full())
        kept = squares > 1e-14 * self.n * squares.max(initial=0.0)
        factor = np.where(kept, 1 / np.where(kept, squares + alpha, 1), 0.0)

        def apply(r: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(((r @ V) * factor) @ V.T)

        a, passes = self._refined(apply(y.T), alpha, y, apply)
        return self._cut(self._coef(a), y, mean_y, "eigen", alpha, squares, kept, passes)

    def _cut(
        self,
        w: NDArray[np.float64],
        y: NDArray[np.float64],
        mean_y: NDArray[np.float64],
        solver: str,
        alpha: float,
        squares: NDArray[np.float64],
        kept: NDArray[np.bool_],
        passes: int,
    ) -> Solution:
        """The solution by the eigenvalues of K that were kept, with a warning where others were not."""
        full = min(int((self.root > 0).sum()) - self.centred, self.d)
        rank, top = int(kept.sum()), float(squares.max(initial=0.0))
        low = float(np.sort(squares)[::-1][full - 1]) if full > 0 else 0.0
        if rank < full and alpha <= 1e-14 * self.n * top:
            warn_singular(rank, full)
        rcond = (max(low, 0.0) + alpha) / (top + alpha) if top + alpha > 0 else 0.0
        gap = np.inf
        if alpha > 0:  # the best dual vector that w tells of
            left = (y - self.root[:, None] * self.K.forth(w)).T / alpha
            gap = self._gap(self._coef(left), left, alpha, y, mean_y, at=w)
        return Solution(w, mean_y, solver, rcond, passes, gap, rank)

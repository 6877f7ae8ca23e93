"""From a Gram to coefficients: Cholesky, and what to do where the normal equations lose digits.

Normal equations square the condition number of X. Where the factor's condition says that digits are lost and the rows
can be read again, the true residual is formed and corrected for (`_refine`); where the factor is too poor even for that,
the rows are first multiplied by its inverse and folded once more, as CholeskyQR2 does (Fukaya, Nakatsukasa, Yanagisawa
& Yamamoto, 2014; shifted as in Fukaya et al., 2020). What is singular even then gets the solution of minimum norm.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg, sparse

from esker._errors import NotPositiveDefinite
from esker._native import core
from esker.folds import Gram

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks

    Apply = Callable[[NDArray[np.float64]], NDArray[np.float64]]

__all__ = ["Solution", "refine", "solve_ridge", "spectral", "warn_singular"]

#: Coefficients better than this are left alone, whatever could be gained.
ENOUGH = {"float32": 1e-6, "float64": 8e-12}
#: Refinement ends when what is left is below this.
STOP = {"float32": 1e-8, "float64": 2e-15}
#: A correction that leaves more than this share of the error behind is no way to refine.
CONTRACTION = 0.02
#: No more passes over the data than this.
PASSES = 8


@dataclass
class Solution:
    """Coefficients (targets, d) in float64, the prediction at the columns' means (targets,), and how they came to be."""

    coef: NDArray[np.float64]
    at_mean: NDArray[np.float64]
    solver: str
    rcond: float
    passes: int = 0


def solve_ridge(
    gram: Gram,
    alpha: float | NDArray[np.float64],
    *,
    fit_intercept: bool = True,
    blocks: Blocks | None = None,
    precision: str = "float64",
) -> Solution:
    """Minimise ``||y - X w - b||^2 + alpha ||w||^2`` given the sums of X and y.

    Parameters
    ----------
    gram : Gram
        Its factor's room is used; the sums are left as they are.
    alpha : float or ndarray of shape (targets,)
    fit_intercept : bool
        False minimises about the origin.
    blocks : Blocks, optional
        The rows, where they may be read again for refinement.
    precision : {"float32", "float64"}
        Of the coefficients that are wanted.

    Returns
    -------
    Solution
    """
    alphas = np.broadcast_to(np.asarray(alpha, dtype=np.float64), (gram.targets,))
    parts: list[tuple[NDArray[np.intp], Solution]] = []
    for a in np.unique(alphas):
        at = np.flatnonzero(alphas == a)
        parts.append((at, _Problem(gram, float(a), at, fit_intercept, blocks, precision).solve()))
    if len(parts) == 1:
        return parts[0][1]
    coef, at_mean = np.empty((gram.targets, gram.cols)), np.empty(gram.targets)
    for at, part in parts:
        coef[at], at_mean[at] = part.coef, part.at_mean
    worst = min((part for _, part in parts), key=lambda part: part.rcond)
    return Solution(coef, at_mean, worst.solver, worst.rcond, max(part.passes for _, part in parts))


@dataclass
class _Problem:
    """One alpha, and the targets that have it."""

    gram: Gram
    alpha: float
    at: NDArray[np.intp]
    centred: bool
    blocks: Blocks | None
    precision: str

    def __post_init__(self) -> None:
        gram = self.gram
        self.mean = gram.mean_x if self.centred else np.zeros(gram.cols)
        self.mean_y = gram.mean_y[self.at] if self.centred else np.zeros(len(self.at))
        self.right = np.ascontiguousarray(gram.xy.T[self.at])
        if not self.centred:
            self.right = self.right + gram.weight * np.outer(gram.mean_y[self.at], gram.mean_x)
        self.rank = gram.cols

    def solve(self) -> Solution:
        loss, rcond = self.gram._state.loss(self.centred), 0.0
        try:
            scaling = core.factorise(self.gram._state, self.alpha, self.centred)
            rcond = scaling.rcond
        except NotPositiveDefinite:
            scaling = None

        def plain(g: NDArray[np.float64]) -> NDArray[np.float64]:
            out = np.array(g, order="C")
            assert scaling is not None  # without a factor, `plain` is not called
            core.solve(self.gram._state, scaling, out)
            return out

        sound = scaling is not None and rcond > 0
        if sound and (loss <= ENOUGH[self.precision] * rcond or (self.blocks is None and rcond > 4 * loss)):
            return Solution(plain(self.right), self.mean_y, "cholesky", rcond)
        if self.blocks is None:
            return self._truncated(loss)
        passes = 0
        if sound and (loss <= CONTRACTION * rcond or not self._room()):
            found, settled = self._refined(plain, "cholesky", rcond, 0)
            if settled or not self._room():
                return found
            passes = found.passes
        if not self._room():
            return self._truncated(loss)
        apply, solver, rcond = self._twice(loss)
        return self._refined(apply, solver, rcond, 1 + passes)[0]

    def _room(self) -> bool:
        """Whether a few more matrices of X'X's size may be in memory."""
        assert self.blocks is not None
        limit = self.blocks.max_memory
        return (
            limit is None
            or self.blocks.reserved + 7 * 8 * self.gram.cols**2 + 2 * self.blocks.block_bytes < limit
        )

    # --- the rows once more ---

    def gradient(self, w: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Minus half the objective's slope at w from true residuals, and the best prediction at the mean."""
        assert self.blocks is not None
        sums = core.Residual(self.gram.cols, len(self.at))
        for block in self.blocks:
            y = block.raw_y()
            assert y is not None
            x = _widened(block, self.gram.cols).raw_x()
            sums.update(
                x, np.ascontiguousarray(y[:, self.at]), block.sample_weight, self.mean, w, self.mean_y
            )
        if not self.centred:
            return sums.gradient - self.alpha * w, self.mean_y
        level = sums.sum / sums.weight
        return sums.gradient - np.outer(level, sums.left) - self.alpha * w, self.mean_y + level

    def _refined(self, apply: Apply, solver: str, rcond: float, before: int) -> tuple[Solution, bool]:
        scale = np.sqrt(self._diagonal())
        w, at_mean, passes, left = refine(
            apply(self.right), self.gradient, apply, scale, STOP[self.precision]
        )
        return Solution(w, at_mean, solver, rcond, passes + before), left < ENOUGH[self.precision]

    def _diagonal(self) -> NDArray[np.float64]:
        return np.asarray(self.gram._state.diagonal) + (
            0 if self.centred else self.gram.weight * self.gram.mean_x**2
        )

    def _twice(self, loss: float) -> tuple[Apply, str, float]:
        """A factor as good as a QR's: the Gram of the rows times the inverse of a shifted first factor."""
        assert self.blocks is not None
        A, s = self._scaled()
        d, shift = len(A), 20 * loss * max(10, len(A))
        while True:
            try:
                first = linalg.cholesky(A + shift * np.eye(d), lower=False)
                break
            except linalg.LinAlgError:
                shift *= 100
        T = s[:, None] * linalg.solve_triangular(first, np.eye(d), lower=False)
        second = Gram()
        at_zero = self.mean @ T
        step = max(1, (1 << 19) // d // 256) * 256
        for block in self.blocks:
            for i in range(0, len(block), step):
                X = _widened(block, self.gram.cols).X[i : i + step].astype(np.float64)
                Z = X @ T - at_zero if sparse.issparse(X) else (X - self.mean) @ T
                weight = None if block.sample_weight is None else block.sample_weight[i : i + step]
                second.update(
                    replace(block, X=np.ascontiguousarray(Z), y=None, sample_weight=weight, row_keys=None)
                )
        B = second.finish() + self.alpha * (T.T @ T)
        if not self.centred:
            B += second.weight * np.outer(second.mean_x, second.mean_x)
        values, vectors = linalg.eigh(B)
        kept = values > 1e-12 * max(values[-1], 1e-300)
        root = T @ (vectors[:, kept] / np.sqrt(values[kept]))
        return self._projected(root, T @ vectors[:, ~kept], A, s)

    def _scaled(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """X'X + alpha I scaled to unit diagonal, and the scaling; constant columns are zeros."""
        A = self.gram.finish()
        if not self.centred:
            A += self.gram.weight * np.outer(self.gram.mean_x, self.gram.mean_x)
        own = A.diagonal().copy()
        floor = self.gram._state.noise * self.gram.weight * self.mean**2
        A.flat[:: len(A) + 1] += self.alpha
        diagonal = A.diagonal()
        real = (own > floor) | (self.alpha > 0)
        s = np.where(real & (diagonal > 0), 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1)), 0.0)
        A *= s[:, None]
        A *= s
        return A, s

    def _projected(
        self,
        root: NDArray[np.float64],
        null: NDArray[np.float64],
        A: NDArray[np.float64],
        s: NDArray[np.float64],
    ) -> tuple[Apply, str, float]:
        """Solve with the inverse ``root root'``, then take off what lies in the null space: the minimum norm."""
        self.rank = root.shape[1]
        constant = int((s == 0).sum())
        null = null[:, np.linalg.norm(null, axis=0) > 0]
        basis = linalg.orth(null) if null.size else null
        inner = np.divide(root, s[:, None], out=np.zeros_like(root), where=s[:, None] > 0)
        inverse = np.abs(inner @ inner.T).sum(axis=0).max(initial=0.0)
        norm = np.abs(A).sum(axis=0).max(initial=0.0)
        missing = len(s) - constant - self.rank
        rcond = 0.0 if missing else 1 / max(norm * inverse, 1.0)

        def apply(g: NDArray[np.float64]) -> NDArray[np.float64]:
            w = (g @ root) @ root.T
            return w - (w @ basis) @ basis.T if basis.size else w

        if missing:
            warn_singular(self.rank, len(s))
        return apply, "eigen" if missing else "cholesky", rcond

    def _truncated(self, loss: float) -> Solution:
        """Without the rows: eigenvectors of X'X whose eigenvalues are above what rounding left there."""
        A, s = self._scaled()
        values, vectors = spectral(A)
        kept = values > 4 * loss * max(10, len(A)) * max(values[-1], 1e-300)
        root = s[:, None] * (vectors[:, kept] / np.sqrt(values[kept]))
        apply, _, rcond = self._projected(root, s[:, None] * vectors[:, ~kept], A, s)
        return Solution(apply(self.right), self.mean_y, "eigen", rcond)


def refine(
    w: NDArray[np.float64],
    gradient: Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]],
    apply: Apply,
    scale: NDArray[np.float64],
    enough: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], int, float]:
    """Correct w by ``apply(gradient(w))`` until that stalls.

    Returns w, the prediction at the mean, the passes, and the relative size of what the last of them corrected.

    Sizes are in the units of predictions: a coefficient times its column's spread.
    """
    before, passes, size = np.inf, 0, np.inf
    at_mean = np.zeros(len(w))
    while passes < PASSES:
        g, at_mean = gradient(w)
        passes += 1
        step = apply(g)
        whole = np.linalg.norm(w * scale, axis=1)
        size = float((np.linalg.norm(step * scale, axis=1) / np.where(whole > 0, whole, 1)).max(initial=0.0))
        if not np.isfinite(size) or size > before:
            break
        w = w + step
        ratio = size / before if np.isfinite(before) else CONTRACTION
        if size * ratio < enough or ratio > 0.3:
            break
        before = size
    return w, at_mean, passes, size


def spectral(A: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues, ascending, and eigenvectors; long ones on a thread, so that Ctrl-C is answered meanwhile."""
    if len(A) < 800:
        values, vectors = linalg.eigh(A)
        return values, vectors
    from threading import Thread

    found: list[Any] = []

    def work() -> None:
        try:
            found.append(linalg.eigh(A, driver="evd"))
        except BaseException as error:
            found.append(error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0][0], found[0][1]


def warn_singular(rank: int, order: int) -> None:
    warnings.warn(
        f"the least squares problem is singular to working precision (rank {rank} of {order}): the solution of minimum "
        "norm was taken; a larger alpha makes it unique",
        linalg.LinAlgWarning,
        stacklevel=2,
    )


def _widened(block: Block, cols: int) -> Block:
    """A sparse block that ends before the widest one, with its empty columns."""
    if block.X.shape[1] == cols:
        return block
    X = block.X
    return replace(block, X=sparse.csr_array((X.data, X.indices, X.indptr), shape=(X.shape[0], cols)))

"""From a Gram to coefficients: Cholesky, and what to do where the normal equations lose digits.

Where the factor's condition says that digits are lost and the rows can be read again, the true residual is formed and
corrected for (`refine`); where the factor is too poor even for that, the rows are folded once more (`factor_twice`). What is
singular even then gets the solution of minimum norm.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg

from esker.linear_model._certificate import Known, origin, relative_gap
from esker.linear_model._input import narrowed
from esker.linear_model._normal import Factor, Normal, spectral
from esker.linear_model._packed import no_room
from esker.linear_model._positive import Nonnegative
from esker.linear_model._rows import factor_twice, true_gradient

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.folds import Gram
    from esker.linear_model._normal import Apply

__all__ = [
    "Solution",
    "check_refine",
    "refine",
    "refuse_refinement",
    "solve_ridge",
    "spectral",
    "warn_singular",
]

#: Coefficients better than this are left alone, whatever could be gained.
ENOUGH = {"float32": 1e-6, "float64": 8e-12}
#: Refinement ends when what is left is below this.
STOP = {"float32": 1e-8, "float64": 2e-15}
#: A correction that leaves more than this share of the error behind is no way to refine.
CONTRACTION = 0.02
#: A larger relative error of the coefficients is told.
SILENT = 1e-3
#: No more passes over the data than this, and than may be asked for.
PASSES, MOST = 8, 100


@dataclass
class Solution:
    """Coefficients (targets, d) in float64, the prediction at the columns' means (targets,), and how they came to be."""

    coef: NDArray[np.float64]
    at_mean: NDArray[np.float64]
    solver: str
    rcond: float
    passes: int = 0
    #: Bound on the relative objective gap of `coef` rounded to X's dtype, the largest of the targets'; inf: none is known.
    suboptimality: float = np.inf
    #: None where it was not looked for.
    rank: int | None = None


def check_refine(value: Any) -> None:
    """Whether a parameter `refine` is one."""
    sound = (
        value is None or isinstance(value, (bool, np.bool_)) or (isinstance(value, str) and value == "auto")
    )
    if not sound and not (isinstance(value, (int, np.integer)) and 1 <= value <= MOST):
        raise ValueError(
            f"refine must be 'auto', True, False or a number of passes up to {MOST}, got {value!r}"
        )


def refuse_refinement(value: Any) -> None:
    """`refine` asks for passes over rows that cannot be read again."""
    if value is not None and not isinstance(value, str) and value:
        raise ValueError(
            f"refine={value!r} reads the rows again, and these cannot be: learn them by fit from arrays or files, or set refine='auto'"
        )


def solve_ridge(
    gram: Gram,
    alpha: float | NDArray[np.float64],
    *,
    fit_intercept: bool = True,
    blocks: Blocks | None = None,
    precision: str = "float64",
    refine: Any = "auto",
    method: str = "cholesky",
    positive: bool = False,
) -> Solution:
    """Minimise ``||y - X w - b||^2 + alpha ||w||^2`` given the sums of X and y.

    Parameters
    ----------
    gram : Gram
        Its factor's room is used; the sums are left as they are, but for packed ones, which are lost.
    alpha : float or ndarray of shape (targets,)
    fit_intercept : bool
        False minimises about the origin.
    blocks : Blocks, optional
        The rows, where they may be read again for refinement.
    precision : {"float32", "float64"}
        Of the coefficients that are wanted.
    refine : "auto", None, bool or int
        Passes of true residuals: where they are needed; at least one, until nothing is gained; none; so many, but none after one
        that found no less to correct than the one before.
    method : {"cholesky", "svd"}
        How to factor first.
    positive : bool
        The minimum over coefficients that are not negative.

    Returns
    -------
    Solution
    """
    if refine is None or isinstance(refine, str):
        least, most = 0, PASSES
    elif isinstance(refine, (bool, np.bool_)):
        least, most = (1, PASSES) if refine else (0, 0)
    else:
        least, most = int(refine), int(refine)
    if blocks is None:
        refuse_refinement(refine)
    alphas = np.broadcast_to(np.asarray(alpha, dtype=np.float64), (gram.targets,))
    if gram.packed and (positive or method != "cholesky" or len(np.unique(alphas)) > 1):
        raise ValueError("packed sums have room for one Cholesky factor, of one alpha; sum X'X whole")
    parts: list[tuple[NDArray[np.intp], Solution]] = []
    for a in np.unique(alphas):
        at = np.flatnonzero(alphas == a)
        normal = Normal(gram, float(a), at, fit_intercept)
        problem = _Problem(normal, blocks if most else None, precision, method, least, most)
        parts.append((at, problem.solve_nonnegative() if positive else problem.solve()))
    if len(parts) == 1:
        return parts[0][1]
    coef, at_mean = np.empty((gram.targets, gram.cols)), np.empty(gram.targets)
    for at, part in parts:
        coef[at], at_mean[at] = part.coef, part.at_mean
    worst = min((part for _, part in parts), key=lambda part: part.rcond)
    found = [part for _, part in parts]
    return Solution(
        coef, at_mean, worst.solver, worst.rcond, max(part.passes for part in found),
        max(part.suboptimality for part in found),
        None if positive else min(part.rank or 0 for part in found),
    )  # fmt: skip


@dataclass
class _Problem:
    """The equations of one alpha, the rows where they may be read again, and what is wanted."""

    normal: Normal
    blocks: Blocks | None
    precision: str
    method: str
    least: int
    most: int

    def solve(self) -> Solution:
        normal, loss = self.normal, self.normal.loss
        first = normal.cholesky() if self.method == "cholesky" else normal.eigen(self._floor(loss))
        rcond = 0.0 if first is None else first.rcond
        if normal.gram.packed and rcond <= 4 * loss:
            raise no_room(normal.gram, rcond, normal.alpha)
        good = loss <= ENOUGH[self.precision] * rcond or (self.blocks is None and rcond > 4 * loss)
        if first is not None and good and not self.least:
            return self._plain(first)
        if self.blocks is None:
            return self._plain(first if first is not None and first.cut else normal.eigen(self._floor(loss)))
        passes = 0
        if first is not None and rcond > 0 and (loss <= CONTRACTION * rcond or not self._room()):
            found, settled = self._refined(first, 0)
            if settled or self.least or not self._room():
                return found
            passes = found.passes
        if not self._room():
            raise no_room(normal.gram, rcond, normal.alpha)
        return self._refined(factor_twice(self.blocks, normal), 1 + passes)[0]

    def solve_nonnegative(self) -> Solution:
        normal, last, passes = self.normal, origin(self.normal), 0
        factor = normal.cholesky()
        rcond = 0.0 if factor is None else factor.rcond
        start = None if factor is None else factor.apply(normal.right)
        problem, at_mean = Nonnegative(normal.scaled(), normal.scale), normal.mean_y
        w = problem.solve(normal.right, start)
        if self.blocks is not None and (self.least or normal.loss > ENOUGH[self.precision] * rcond):

            def gradient(w: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
                nonlocal last
                assert self.blocks is not None
                last, at_mean = true_gradient(self.blocks, normal, w)
                return last.gradient, at_mean

            def step(g: NDArray[np.float64]) -> NDArray[np.float64]:
                return problem.solve(normal.multiply(last.coef) + g, last.coef) - last.coef

            w, at_mean, passes, _ = refine(
                w, gradient, step, np.sqrt(normal.own), STOP[self.precision], least=self.least, most=self.most
            )
        rounded = w.astype(self.precision).astype(np.float64)
        gap = relative_gap(normal, last, rounded, at_mean, factor, positive=True)
        return Solution(w, at_mean, "nonnegative", rcond, passes, gap)

    def _floor(self, loss: float) -> float:
        """Eigenvalues of the scaled matrix up to this share of the largest are what rounding left there."""
        return 4 * loss * max(10, self.normal.gram.cols)

    def _room(self) -> bool:
        """Whether ten more matrices of X'X's size may be in memory, which `factor_twice` has at once."""
        assert self.blocks is not None
        if self.normal.gram.packed:
            return False
        limit = self.blocks.max_memory
        return (
            limit is None
            or self.blocks.reserved + 10 * 8 * self.normal.gram.cols**2 + 2 * self.blocks.block_bytes < limit
        )

    def _plain(self, factor: Factor) -> Solution:
        normal = self.normal
        lost = (
            float(np.sqrt(normal.peak / np.maximum(normal.yy, 1e-300)).max(initial=1.0))
            if normal.yy.any()
            else 1.0
        )
        error = lost * normal.loss / factor.rcond if factor.rcond > 0 else 0.0
        return self._told(factor, factor.apply(normal.right), normal.mean_y, origin(normal), 0, error)

    def _refined(self, factor: Factor, before: int) -> tuple[Solution, bool]:
        """Corrected by true residuals, and whether that settled."""
        normal, last = self.normal, origin(self.normal)

        def gradient(w: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            nonlocal last
            assert self.blocks is not None
            last, at_mean = true_gradient(self.blocks, normal, w)
            return last.gradient, at_mean

        scale, first = np.sqrt(normal.own), factor.apply(normal.right)
        w, at_mean, passes, left = refine(
            first, gradient, factor.apply, scale, STOP[self.precision],
            least=self.least, most=self.most,
        )  # fmt: skip
        # Where corrections shrank well and then stalled, what is left is the gradient's own rounding.
        whole = np.maximum(np.linalg.norm(w * scale, axis=1), 1e-300)
        moved = float((np.linalg.norm((w - first) * scale, axis=1) / whole).max(initial=0.0))
        settled = left < max(ENOUGH[self.precision], CONTRACTION * moved)
        return self._told(factor, w, at_mean, last, passes + before, left), settled

    def _told(
        self,
        factor: Factor,
        w: NDArray[np.float64],
        at_mean: NDArray[np.float64],
        known: Known,
        passes: int,
        error: float,
    ) -> Solution:
        """The solution, and what it is worth; `error` is that of the coefficients, about."""
        normal, real = self.normal, int((self.normal.scale > 0).sum())
        if factor.cut:
            warn_singular(real - factor.cut, len(normal.scale))
        elif error > SILENT and not normal.constant.all():
            warn_inaccurate(error, factor.rcond, passes > 0)
        rounded = narrowed(w, self.precision).astype(np.float64)
        gap = relative_gap(normal, known, rounded, at_mean, factor)
        return Solution(w, at_mean, factor.solver, factor.rcond, passes, gap, real - factor.cut)


def refine(
    w: NDArray[np.float64],
    gradient: Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]],
    apply: Apply,
    scale: NDArray[np.float64],
    enough: float,
    *,
    least: int = 0,
    most: int = PASSES,
) -> tuple[NDArray[np.float64], NDArray[np.float64], int, float]:
    """Correct w by ``apply(gradient(w))`` until that stalls, but `least` to `most` times.

    Returns w, the prediction at the mean, the passes, and the relative size of what the last of them corrected.

    Sizes are in the units of predictions: a coefficient times its column's spread.
    """
    before, passes, size = np.inf, 0, np.inf
    at_mean = np.zeros(len(w))
    while passes < most:
        g, at_mean = gradient(w)
        passes += 1
        step = apply(g)
        whole = np.linalg.norm(w * scale, axis=1)
        size = float((np.linalg.norm(step * scale, axis=1) / np.where(whole > 0, whole, 1)).max(initial=0.0))
        if not size < before:  # or not a number
            break
        w = w + step
        ratio = size / before if 0 < before < np.inf else CONTRACTION
        if (size * ratio < enough or ratio > 0.3) and passes >= least:
            break
        before = size
    return w, at_mean, passes, size


def warn_singular(rank: int, order: int) -> None:
    warnings.warn(
        f"the least squares problem is singular to working precision (rank {rank} of {order}): the solution of minimum "
        "norm was taken; a larger alpha makes it unique",
        linalg.LinAlgWarning,
        stacklevel=2,
    )


def warn_inaccurate(error: float, rcond: float, refined: bool) -> None:
    way = "" if refined else "fit rows that can be read again (arrays, files) with refine='auto', or "
    warnings.warn(
        f"the least squares problem is ill-conditioned (rcond {rcond:.0e}): the relative error of the coefficients may be "
        f"{min(error, 1.0):.0e}; {way}take a larger alpha",
        linalg.LinAlgWarning,
        stacklevel=2,
    )

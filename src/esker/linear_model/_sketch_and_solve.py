"""Sketch-and-solve: the sketch's own answer, of one sketch or averaged over several, and a penalty by generalised cross-validation.

This saves work, not information: the objective exceeds its minimum by a share of about ``d / (size - d)``, an average of g sketches by
a g-th of that. Where full accuracy is wanted, `_sketch_solve` goes on from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from esker.linear_model._base import scores_of
from esker.linear_model._sketch_factor import CUT, factor_sketch
from esker.linear_model._sketch_solve import begin_sketch
from esker.linear_model._solve import Solution, warn_singular

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.linear_model._krylov_rows import Rows, Sums
    from esker.linear_model._sketch_rows import Sketch

    Floats = NDArray[np.float64]

__all__ = ["Sketched", "sketch_and_solve"]

#: Penalties that generalised cross-validation looks at, in units of the largest square of a singular value.
GRID = np.logspace(1, -13, 29)


@dataclass
class Sketched:
    """What `sketch_and_solve` found.

    Attributes
    ----------
    solution : Solution
    sums : Sums
    size : int
        Rows of each sketch.
    alpha : ndarray of shape (targets,)
        The penalties that were taken.
    error : float
        Estimate of ``(f(coef) - f*) / f*``, of the worst target.
    scores : dict of float to float, or None
        Generalised cross-validation's mean squared error of each penalty.
    """

    solution: Solution
    sums: Sums
    size: int
    alpha: Floats
    error: float
    scores: dict[float, float] | None


def sketch_and_solve(
    blocks: Blocks,
    alphas: float | NDArray[np.float64] | None,
    *,
    fit_intercept: bool = True,
    seeds: list[int],
    size: int | None = None,
    what: str = "Ridge",
    if_not_finite: Callable[[], None] = lambda: None,
) -> Sketched:
    """Solve a sketch for each seed, all from one walk, and average the coefficients.

    Parameters
    ----------
    blocks : Blocks
        Walked once, twice with generalised cross-validation.
    alphas : float or ndarray of shape (targets,), or None
        None chooses the penalty by generalised cross-validation.
    fit_intercept : bool
    seeds : list of int
    size : int, optional
    what : str
    if_not_finite : callable
        As in `solve_sketch`.

    Returns
    -------
    Sketched
    """
    rows, sketches, sums, size = begin_sketch(blocks, seeds, size, fit_intercept, what, if_not_finite)
    targets, d = len(sums.yy), len(sums.mean)
    scores = None
    if alphas is None:
        try:
            alpha, scores = _by_gcv(rows, sketches, sums, fit_intercept)
        except InterruptedError:
            raise KeyboardInterrupt("there is no model yet") from None
        alphas = alpha
    each = np.array(np.broadcast_to(np.asarray(alphas, np.float64), (targets,)))
    coefs, rcond, rank = np.zeros((len(sketches), targets, d)), 1.0, d
    for i, sketch in enumerate(sketches):
        for a in np.unique(each):
            at = np.flatnonzero(each == a)
            factor = factor_sketch(sketch, float(a), at)
            coefs[i][at] = factor.start
            rcond = min(rcond, 0.0 if factor.cut else factor.rcond**2)
            rank = min(rank, int((factor.scale > 0).sum()) - factor.cut)
            if factor.cut and i == 0:
                warn_singular(rank, d)
    w = coefs.mean(axis=0)
    error = _error(sketches, coefs, w, each, size)
    found = Solution(w, sums.mean_y.copy(), "sketch-and-solve", rcond, rows.passes - 1, np.inf, rank)
    return Sketched(found, sums, size, each, error, scores)


def _error(sketches: list[Sketch], coefs: Floats, w: Floats, alpha: Floats, size: int) -> float:
    """The objective's relative excess: from how far the sketches differ, or, of one, from what theory says."""
    g, d = len(sketches), coefs.shape[2]
    least, moved = np.zeros(len(w)), np.zeros(len(w))
    for i, sketch in enumerate(sketches):
        miss = sketch.y.T - coefs[i] @ sketch.X.T
        least += np.einsum("ij,ij->i", miss, miss) + alpha * np.einsum("ij,ij->i", coefs[i], coefs[i])
        if g > 1:  # in the metric of the next sketch, of which these coefficients know nothing
            off = coefs[i - 1] - w
            there = off @ sketch.X.T
            moved += np.einsum("ij,ij->i", there, there) + alpha * np.einsum("ij,ij->i", off, off)
    free = min(d, size - 2)
    least = least / g / (1 - free / size)
    if g > 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(moved > 0, moved / (g * (g - 1)) / least, 0.0)
        return float(ratio.max(initial=0.0))
    return float(free / (size - free - 1) if (least > 0).any() else 0.0)


def _by_gcv(
    rows: Rows, sketches: list[Sketch], sums: Sums, fit_intercept: bool
) -> tuple[float, dict[float, float]]:
    """The penalty of least generalised cross-validation error on all rows, in one walk.

    Averaged coefficients are linear in y: with L what maps y to predictions, the score is ``|y - L y|^2 / n / (1 - tr L / n)^2``, and the
    trace of each sketch's part is that of the sketch's own ridge.
    """
    d, targets = len(sums.mean), len(sums.yy)
    parts = []
    for sketch in sketches:
        triangle = linalg.qr(sketch.X, mode="r", check_finite=False)[0][:d]
        right = sketch.X.T @ sketch.y
        _, sigma, Vt = linalg.svd(triangle, full_matrices=False, check_finite=False)
        parts.append((sigma, Vt, Vt @ right))
    top = max(float(sigma.max(initial=0.0)) for sigma, _, _ in parts) ** 2
    if not top > 0:
        return 1.0, {}
    grid = top * GRID
    trace = np.zeros(len(grid))
    W = np.zeros((len(grid), targets, d))
    for sigma, Vt, right in parts:
        kept = sigma**2 > (CUT**2) * top
        for i, a in enumerate(grid):
            shrunk = np.where(kept, 1 / (sigma**2 + a), 0.0)
            trace[i] += float((sigma**2 * shrunk).sum()) / len(parts)
            W[i] += (Vt.T @ (shrunk[:, None] * right)).T / len(parts)
    flat = W.reshape(-1, d)
    level = np.tile(sums.mean_y, len(grid)) - flat @ sums.mean
    squares = np.zeros(len(flat))
    for block in rows.walk():
        y = block.raw_y()
        assert y is not None
        miss = np.tile(y, (1, len(grid))) - scores_of(block.X, flat, level)
        weight = 1.0 if block.sample_weight is None else block.sample_weight[:, None]
        squares += (weight * miss**2).sum(axis=0)
    rows.passes += 1
    n = float(sums.rows)
    left = np.maximum(1 - (trace + fit_intercept) / n, 1e-6)
    score = squares.reshape(len(grid), targets).sum(axis=1) / sums.weight / left**2
    best = int(np.argmin(score))
    return float(grid[best]), {float(a): float(s) for a, s in zip(grid, score)}

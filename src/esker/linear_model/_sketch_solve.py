"""Least squares and ridge by a sketch, to full accuracy: the sketch's answer, then conjugate gradients preconditioned by its factor.

The factor R of a sketch makes X P, ``P = D R^-1``, nearly orthonormal, however X is conditioned: each iteration, which walks the rows
once, leaves ``sqrt(d / size)`` of the error. Rounding enters relative to X's own condition number, since X'X is never formed;
when an estimate of the backward error from the recurrences says that all is done, the true residual is formed and what is
left solved for in the same way (iterative refinement): SPIR of Epperly, Meier and Nakatsukasa (2024). That repeats while it gains, which
is once, as a rule.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from esker.linear_model._backward_error import BackwardError
from esker.linear_model._input import check_squares, narrowed
from esker.linear_model._krylov_rows import Rows, Sums
from esker.linear_model._normal import UNIT_ROUNDOFF, Normal
from esker.linear_model._sketch_factor import factor_sketch
from esker.linear_model._sketch_rows import (
    centred_sketch,
    check_size,
    reserve,
    sketch_bytes,
    sketch_rows_once,
    sketch_size,
    sums_of,
)
from esker.linear_model._solve import CONTRACTION, Solution, warn_singular

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.folds import SketchedGram
    from esker.linear_model._sketch_factor import Preconditioner
    from esker.linear_model._sketch_rows import Sketch

    Floats = NDArray[np.float64]

__all__ = ["BySketch", "begin_sketch", "refuse_range", "solve_beside", "solve_sketch"]

#: The backward error that is wanted, in units of eps.
ENOUGH = 0.25
#: Rounds of refinement, and iterations where nobody says otherwise.
ROUNDS, MAX_ITER = 6, 300
#: The first round ends at so many roundings of the residual, times the condition number.
DRIFT = 0.1
#: Numbers of a target whose squares keep their digits.
SMALLEST = 1e-150
#: A round that leaves more than this share of the slope, and of the backward error, has gained nothing.
GAIN = 0.5


@dataclass
class BySketch:
    """What `solve_sketch` found.

    Attributes
    ----------
    solution : Solution
    sums : Sums
        Means and sums of the columns.
    size : int
        Rows of the sketch.
    iterations, passes : int
        Of the target that took most; walks over the rows.
    backward_error : float
        Estimated, of the worst target; relative to the Frobenius norm of the columns scaled to norm 1.
    history : list of float
        The largest estimate after each iteration.
    """

    solution: Solution
    sums: Sums
    size: int
    iterations: int = 0
    passes: int = 0
    backward_error: float = np.inf
    history: list[float] = field(default_factory=list)


def begin_sketch(
    blocks: Blocks, seeds: list[int], size: int | None, fit_intercept: bool, what: str,
    if_not_finite: Callable[[], None],
) -> tuple[Rows, list[Sketch], Sums, int]:  # fmt: skip
    """The first walk of what sketches: memory, sketches, sums, and what was wrong with the rows."""
    rows = Rows(blocks)
    d = blocks.n_columns
    try:
        if d is None:  # only reading tells
            d = max((block.X.shape[1] for block in rows.walk()), default=0)
            rows.passes += 1
        wanted = max(size, 2) if size is not None else sketch_size(blocks, blocks.n_rows, d)
        targets = max(blocks.n_targets or 1, 1)
        if size is None:
            wanted = reserve(blocks, d, targets, wanted, len(seeds))
        else:
            check_size(wanted, d)
            blocks.reserve(
                sketch_bytes(wanted, d, targets, len(seeds)), f"a sketch of {wanted} rows and {d} columns"
            )
        sketches, sums = sketch_rows_once(rows, wanted, seeds, fit_intercept, what)
    except InterruptedError:
        raise KeyboardInterrupt("there is no model yet") from None
    if not all(np.isfinite(s.X).all() and np.isfinite(s.y).all() for s in sketches):
        if_not_finite()
    refuse_range(sums)
    sizes = np.array([np.abs(s.y).max(axis=0, initial=0.0) for s in sketches])
    if ((sizes > 0) & (sizes < SMALLEST)).any():
        raise ValueError(
            f"squares of a target's numbers vanish, which are about {sizes.max():.0e} in size: scale y up"
        )
    return rows, sketches, sums, wanted


def solve_sketch(
    blocks: Blocks,
    alphas: float | NDArray[np.float64],
    *,
    fit_intercept: bool = True,
    seed: int = 0,
    size: int | None = None,
    max_iter: int | None = None,
    what: str = "Ridge",
    if_not_finite: Callable[[], None] = lambda: None,
) -> BySketch:
    """Minimise ``||y - X w - b||^2 + alpha ||w||^2`` for each target, to the accuracy of a QR of the rows.

    Parameters
    ----------
    blocks : Blocks
        Walked once for the sketch and once for each iteration and residual; rows that fit into memory are read once.
    alphas : float or ndarray of shape (targets,)
        At least 0.
    fit_intercept : bool
        False minimises about the origin.
    seed : int
        Of the sketch.
    size : int, optional
        Rows of the sketch; chosen by cost, 4 to 32 a column.
    max_iter : int, optional
        Iterations in all, 300 by default.
    what : str
        The estimator's name, for errors.
    if_not_finite : callable
        Called where the sketch is not finite, before that is an error: it may know a better one.

    Returns
    -------
    BySketch

    Warns
    -----
    LinAlgWarning
        Directions were cut off as singular, and the solution of minimum norm was taken.
    ConvergenceWarning
        `max_iter` ended the iterations.

    References
    ----------
    E. Epperly, M. Meier & Y. Nakatsukasa, "Fast randomized least-squares solvers can be just as accurate and stable as classical
    direct solvers", 2024.
    """
    rows, sketches, sums, size = begin_sketch(blocks, [seed], size, fit_intercept, what, if_not_finite)
    return go_on(rows, sketches, sums, size, alphas, max_iter)


def solve_beside(
    state: SketchedGram, blocks: Blocks | None, alphas: NDArray[np.float64], fit_intercept: bool, flat: bool
) -> tuple[float, BySketch | None]:
    """As `solve_sketch`, by the sketch that was made beside X'X; None where X'X itself serves, which costs less.

    Before it, an estimate of the condition number in the 1-norm, of X with its columns scaled to norm 1.
    """
    sketched = state.sketch.finish()
    size = len(sketched.X)
    sketch = centred_sketch(sketched, fit_intercept)
    sums = sums_of(sketched, sketch, state.rows, flat, 0, fit_intercept)
    smallest = float(alphas.min())
    factor = factor_sketch(sketch, smallest, np.arange(len(alphas)))
    condition = np.inf if factor.cut else 1 / factor.rcond
    loss = Normal(state, smallest, np.arange(len(alphas)), fit_intercept).loss
    if blocks is None or (not factor.cut and loss <= CONTRACTION * factor.rcond**2):
        return condition, None
    rows = Rows(blocks)
    rows.sparse, rows.passes = bool(blocks.is_sparse), 1
    return condition, go_on(rows, [sketch], sums, size, alphas, None)


def go_on(
    rows: Rows, sketches: list[Sketch], sums: Sums, size: int, alphas: float | NDArray[np.float64],
    max_iter: int | None,
) -> BySketch:  # fmt: skip
    """From a sketch to full accuracy; takes the sketch out of its list, so that its memory goes once it is factored."""
    sketch, targets = sketches.pop(), len(sums.yy)
    alpha = np.array(np.broadcast_to(np.asarray(alphas, np.float64), (targets,)))
    found = BySketch(
        Solution(np.zeros((targets, len(sums.mean))), sums.mean_y.copy(), "sketch", 1.0), sums, size
    )
    found.backward_error, found.solution.suboptimality = 0.0, 0.0
    for a in np.unique(alpha):
        at = np.flatnonzero(alpha == a)
        factor = factor_sketch(sketch, float(a), at)
        if len(at) == targets:
            del sketch
        real = int((factor.scale > 0).sum())
        if factor.cut:
            warn_singular(real - factor.cut, len(factor.scale))
        run = _Run(rows, sums, factor, float(a), at, size, rows.blocks.dtype)
        run.go(MAX_ITER if max_iter is None else max_iter)
        found.iterations = max(found.iterations, run.iterations)
        found.history += run.history
        whole = found.solution
        whole.coef[at], whole.at_mean[at] = run.w, run.at_mean
        whole.rcond = min(whole.rcond, 0.0 if factor.cut else factor.rcond**2)
        whole.rank = min(real - factor.cut, len(factor.scale) if whole.rank is None else whole.rank)
        whole.suboptimality = max(whole.suboptimality, run.suboptimality())
        found.backward_error = max(found.backward_error, float(run.error.max(initial=0.0)))
        if run.unfinished and not run.stopped:
            warnings.warn(
                f"max_iter={max_iter or MAX_ITER} ended the iterations at a backward error of about {run.error.max():.0e}; "
                "raise max_iter",
                ConvergenceWarning,
                stacklevel=2,
            )
    found.solution.passes, found.passes = rows.passes - 1, rows.passes
    return found


def refuse_range(sums: Sums) -> None:
    """Squares that overflow are refused before anything is made of them."""
    bad = ~np.isfinite(sums.spread)
    if bad.any():
        raise ValueError(
            f"the sum of squares of column {int(np.argmax(bad))} is not finite: its values are too large for their "
            "products; scale it down"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        check_squares(sums.yy + sums.weight * sums.mean_y**2)


class _Run:
    """Targets of one alpha, which go on together until each is done."""

    def __init__(
        self, rows: Rows, sums: Sums, factor: Preconditioner, alpha: float, targets: NDArray[np.intp], size: int, dtype: Any
    ) -> None:  # fmt: skip
        self.rows, self.sums, self.factor, self.alpha = rows, sums, factor, alpha
        self.targets, self.size, self.dtype = targets.astype(np.int64), size, dtype
        lanes = len(targets)
        self.w, self.at_mean = factor.start.copy(), sums.mean_y[targets].copy()
        norms = np.sqrt(np.maximum(sums.yy[targets], 0))
        self.errors = [BackwardError(factor.R, factor.rcond, float(b)) for b in norms]
        self.error = np.full(lanes, np.inf)
        self.rho, self.value = np.zeros((lanes, factor.P.shape[1])), np.full(lanes, np.inf)
        self.iterations, self.history = 0, list[float]()
        self.stopped = self.unfinished = False
        enough = ENOUGH * 2 * UNIT_ROUNDOFF
        if (
            np.dtype(dtype) == np.float32
        ):  # what rounding the coefficients leaves standing, times the condition
            enough = max(enough, 1e-9 * factor.rcond)
        self.enough = enough

    def go(self, max_iter: int) -> None:
        """Rounds of refinement until each target is done or gains no more."""
        live = np.arange(len(self.w))
        try:
            self._look(live, self.w)
            for _ in range(ROUNDS):
                live = live[self.error[live] > self.enough]
                if not len(live):
                    return
                before = self.error[live].copy()
                left = max_iter - self.iterations
                if left <= 0:
                    self.unfinished = True
                    return
                step = self._round(live, left)
                live = self._take(live, step, before)
                if self.stopped:
                    return
            self.unfinished = self.iterations >= max_iter and bool((self.error > self.enough).any())
        except InterruptedError:
            self.stopped = True

    def _take(self, live: NDArray[np.intp], step: Floats, before: Floats) -> NDArray[np.intp]:
        """Correct the targets, keep what is better by its true residual, and go on with those that gained."""
        old = self.w[live], self.rho[live].copy(), self.value[live].copy(), self.at_mean[live].copy()
        w = self.factor.least(old[0] + step)
        self._look(live, w)
        # Coefficients that are far too large, as a sketch's own may be, have a small backward error: both measures count.
        size, now = np.sqrt(_dots(old[1], old[1])), np.sqrt(_dots(self.rho[live], self.rho[live]))
        worse = ~((self.error[live] <= before) | (now <= size))
        back = live[worse]
        self.w[back], self.rho[back], self.value[back], self.at_mean[back] = (o[worse] for o in old)
        self.error[back] = before[worse]
        return live[~worse & ((self.error[live] < GAIN * before) | (now < GAIN * size))]

    def _look(self, live: NDArray[np.intp], w: Floats) -> None:
        """The true residual at w: slope, value, and the backward error."""
        g, value, level = self.rows.true_residuals(w, self.sums, self.targets[live])
        g -= self.alpha * w
        self.w[live] = w
        self.at_mean[live] = self.sums.mean_y[self.targets[live]] + level
        self.value[live] = value + self.alpha * np.einsum("ij,ij->i", w, w)
        self.rho[live] = self.factor.back(g)
        scale = self.factor.scale
        u = np.divide(w, scale, out=np.zeros_like(w), where=scale > 0)
        for i, k in enumerate(live):
            self.errors[k].look(float(np.linalg.norm(u[i])), float(np.sqrt(max(self.value[k], 0.0))))
            self.error[k] = self.errors[k].of(self.rho[k])

    def _round(self, live: NDArray[np.intp], most: int) -> Floats:
        """Conjugate gradients from the true slopes, until their recurrences say that the backward error is small enough."""
        rho = self.rho[live].copy()
        size = _dots(rho, rho)
        # Where rounding is what X's condition makes of it, nothing is gained by going on without the true residual.
        drift = (
            DRIFT
            * UNIT_ROUNDOFF
            / max(self.factor.rcond, 1e-300)
            * np.sqrt(np.maximum(self.value[live], 0.0))
        )
        drift *= self.iterations == 0
        p, step = rho.copy(), np.zeros((len(live), self.w.shape[1]))
        going = np.flatnonzero(size > 0)
        while len(going) and most > 0:
            out = self.factor.out(p[going])
            try:
                q, curve = self.rows.products(out, self.sums)
            except InterruptedError:
                self.stopped = True
                break
            most, self.iterations = most - 1, self.iterations + 1
            q += self.alpha * out
            curve = curve + self.alpha * _dots(out, out)
            with np.errstate(divide="ignore", invalid="ignore"):
                length = np.where(curve > 0, size[going] / curve, 0.0)
            step[going] += length[:, None] * out
            rho[going] -= length[:, None] * self.factor.back(q)
            now = _dots(rho[going], rho[going])
            p[going] = rho[going] + (now / np.where(size[going] > 0, size[going], 1))[:, None] * p[going]
            size[going] = now
            errors = np.array([self.errors[live[i]].of(rho[i]) for i in going])
            self.history.append(float(errors.max()))
            going = going[(errors > 0.5 * self.enough) & (length > 0) & (now > drift[going] ** 2)]
        return step

    def suboptimality(self) -> float:
        """A bound on ``(f(coef) - f*) / f*`` of the coefficients as they are kept, the largest of the targets'."""
        sums, factor = self.sums, self.factor
        if factor.cut:
            return np.inf
        # The slope's rounding, column by column, and what the sketch may be off as a metric.
        spread = np.divide(1.0, factor.scale, out=np.zeros_like(factor.scale), where=factor.scale > 0)
        rounded = narrowed(self.w, self.dtype).astype(np.float64)
        moved = np.linalg.norm((rounded - self.w) * spread, axis=1)
        about = sums.yy[self.targets] + sums.weight * sums.mean_y[self.targets] ** 2 * (not sums.mean.any())
        eta = UNIT_ROUNDOFF * (8 + np.sqrt(sums.rows / 256))
        noise = eta * np.sqrt(about) * np.sqrt(len(spread)) / max(factor.rcond, 1e-300)
        close = (1 - np.sqrt(len(factor.R) / self.size)) ** 2 / 2
        gap = ((np.linalg.norm(self.rho, axis=1) + noise) ** 2) / close + 2 * moved**2 * len(spread)
        level = np.abs(self.at_mean) + np.abs(rounded) @ np.abs(sums.mean)
        gap = gap + sums.weight * (UNIT_ROUNDOFF * (4 + np.sqrt(sums.rows / 256)) * level) ** 2
        low = self.value - gap
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(gap == 0, 0.0, np.where(low > 0, gap / low, np.inf))
        # A target that is constant to its last bit, and so is what is predicted.
        bits = sums.weight * (UNIT_ROUNDOFF * sums.mean_y[self.targets]) ** 2
        flat = (self.sums.yy[self.targets] <= bits) & (np.linalg.norm(rounded * spread, axis=1) ** 2 <= bits)
        return float(np.where(flat, 0.0, ratio).max(initial=0.0))


def _dots(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", a, b))

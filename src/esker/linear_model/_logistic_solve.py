"""Logistic and softmax regression, and losses of numbers: L-BFGS about a sample's curvature, on samples that grow until they are all rows.

A sample's minimum is as far from that of all rows as chance makes it; until there, a step on all rows would be wasted. Newton's
metric of m rows makes the condition of all rows' Hessian about ``((1 + r) / (1 - r))^2``, r being the root of d / m, so that a
few walks over all rows are left (subsampled Newton: Byrd, Chin, Neveitt & Nocedal, 2011; Roosta-Khorasani & Mahoney, 2019).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._progress import late, stopped, until
from esker.linear_model._lbfgs import PAIRS, Point, minimise
from esker.linear_model._logistic_metric import Frame, Newton, Shared, frame
from esker.linear_model._logistic_rows import (
    Objective,
    Sample,
    draw,
    thinned,
    weighted_by_curvature,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from esker.blocks import Block
    from esker.linear_model._glm_loss import NumberLoss
    from esker.linear_model._krylov_rows import Rows

    Floats = NDArray[np.float64]
    Enough = Callable[[Point, Floats, float], bool]

__all__ = ["Logistic", "metric_for", "solve_logistic"]

#: Up to so many columns a sample's second moments are summed and factored; of several classes, their eigenvectors found.
WIDEST, WIDEST_JOINT = 4096, 2048
#: Rows of the first sample, and how many times as many the next one has; a column's share of the last one.
FIRST, GROWTH, SHARE = 2048, 8, 16
#: Rows of a sample, unless columns ask for more.
MOST = 1 << 15
#: Operations that a sample's Hessian may take while the sample is learned from.
CHEAP = 2e8
#: Steps on all rows before the curvature of several classes is looked at again: from the start, then, and later.
AGAIN = (2, 4, 12)
#: Steps on a sample before its curvature is looked at again, and how often that is.
STEPS, LOOKS = 4, 6


@dataclass
class Logistic:
    """What `solve_logistic` found.

    Attributes
    ----------
    coef : ndarray of shape (models, d)
    intercept : ndarray of shape (models,)
    value : float
        The objective: mean loss plus penalty.
    gradient_norm : float
        The largest size of a partial derivative of it.
    gap : float
        How far the value can be from its minimum, at most; inf where no bound is known.
    decrement : float
        About how far the value is from its minimum.
    reason : {"converged", "max_iter", "rounding", "time", "interrupted"}
        Why the search ended.
    iterations, passes : int
        Steps and walks over all rows.
    metric : str
    history : list of (float, float)
        Value and gradient's size after each step on all rows.
    """

    coef: Floats
    intercept: Floats
    value: float
    gradient_norm: float
    gap: float
    decrement: float
    reason: str
    iterations: int
    passes: int
    metric: str
    history: list[tuple[float, float]] = field(default_factory=list)

    def complaint(self, tol: float) -> str:
        """Of what did not converge."""
        more = (
            "that is as far as rounding goes: a larger tol is reached"
            if self.reason == "rounding"
            else "raise max_iter or tol"
        )
        return (
            f"not converged to tol={tol:g} after {self.iterations} steps: the largest partial derivative is "
            f"{self.gradient_norm:.2g}; {more}"
        )


@dataclass
class _Problem:
    models: int
    alpha: float
    centred: bool
    metric: str
    shift: Floats
    loss: NumberLoss | None = None
    level: float = 0.0
    frame: Frame | None = None

    def objective(self, walk: Any, weight: float, if_not_finite: Any = lambda: None) -> Objective:
        return Objective(
            walk, weight, self.shift, self.alpha, self.centred, if_not_finite, self.loss, self.level
        )

    def look(self, rows: Block, at: Floats, *, anew: bool) -> Callable[[Floats], Floats]:
        """The metric of a sample at a point; a basis is found `anew` or kept."""
        if self.metric == "newton":
            return Newton(
                weighted_by_curvature(rows, at, self.shift, self.loss), self.alpha, self.shift, self.centred
            )
        if self.frame is None or anew:
            self.frame = frame(rows, at, self.shift, self.centred, turn=self.metric == "shared")
        return Shared(self.frame, at, self.shift, self.alpha, self.centred, self.loss)


def metric_for(models: int, n: int, d: int, solver: str) -> str:
    """Which curvature is known: that of a sample ("newton"), that of each class in a shared basis ("shared"), or in the columns ("diagonal")."""
    widest = WIDEST if models == 1 else WIDEST_JOINT
    asked = solver == "newton-cholesky"
    if asked and d > widest:
        raise ValueError(
            f"solver='newton-cholesky' takes up to {widest} columns of {'two' if models == 1 else 'several'} classes, got {d}; "
            "use solver='auto'"
        )
    # Of few rows a factor takes longer than many walks.
    if solver == "lbfgs" or d > widest or (not asked and d > max(n, 1000)):
        return "diagonal"
    return "newton" if models == 1 else "shared"


def solve_logistic(
    rows: Rows,
    n: int,
    d: int,
    models: int,
    *,
    penalty: float,
    centred: bool,
    tol: float | Enough,
    max_iter: int,
    loss: NumberLoss | None = None,
    level: float = 0.0,
    solver: str = "auto",
    start: Floats | None = None,
    ends: float = inf,
    name: str = "LogisticRegression",
    if_not_finite: Callable[[], None] = lambda: None,
) -> Logistic:
    """Minimise ``sum(w loss) + penalty |coef|^2 / 2``, divided by the sum of weights.

    Parameters
    ----------
    rows : Rows
        Blocks whose target is a class's index.
    n, d : int
        Rows; columns, 0 where only a walk tells.
    models : int
        1 for two classes, else one each.
    penalty : float
        Of a loss whose rows are not `summed`, as it stands beside the mean loss.
    centred : bool
        Whether there are intercepts.
    tol : float
        Done where no partial derivative exceeds this, and the value is about ``tol^2`` from its minimum; or a callable of a point,
        the shift and the penalty beside the mean loss that says so.
    max_iter : int
        Steps on all rows.
    loss : NumberLoss or None
        None: classes. Else targets are numbers.
    level : float
        As `penalty`, of the intercept.
    solver : str
    start : ndarray of shape (models, d + 1), optional
        Coefficients and intercepts to begin with.
    name : str
        Who claims memory.
    ends : float
        A moment of `perf_counter`: once labels and a sample were read, the best point then is the answer.
    if_not_finite : callable
        Called where sums are not finite: it may know a better error.
    """
    known = d if d else WIDEST_JOINT
    least = max(FIRST, SHARE * known if metric_for(models, n, known, solver) != "diagonal" else n // 16)
    size = min(n, max(least, min(n // 16, MOST)))
    size = min(size, max(FIRST, rows.room() // (2 * _row(rows, models, d))))
    if d:
        _reserve(rows, models, d, size, metric_for(models, n, d, solver), name)
    sample = draw(rows, n, size, d, 0 if loss and not loss.labels else max(models, 2))
    if loss:
        loss.refuse(np.asarray(sample.rows.y, dtype=np.float64))
    if not sample.weight > 0:
        raise ValueError("rows of weight 0 only: fitting needs rows with a positive weight")
    if not d:
        d = sample.rows.X.shape[1]
        _reserve(rows, models, d, size, metric_for(models, n, d, solver), name)
    metric = metric_for(models, n, d, solver)
    share = 1.0 if loss and not loss.summed else sample.weight
    shift, alpha = sample.middle(), penalty / share
    if not np.isfinite(shift).all():
        if_not_finite()
        raise ValueError("the columns' sums are not finite: values are too large; scale them down")
    if not centred:
        shift = np.zeros(d)
    problem = _Problem(models, alpha, centred, metric, shift, loss, level / share)
    at = np.zeros((models, d + 1))
    if loss and centred:
        at[0, -1] = loss.link(sample.target())
    if start is not None:
        at[:, : start.shape[1] - 1], at[:, -1] = (
            start[:, :-1],
            start[:, -1] + start[:, :-1] @ shift[: start.shape[1] - 1],
        )
    objective = problem.objective(rows.walk, sample.weight, if_not_finite)
    with until(ends):
        at = _warm(problem, sample, at, start is not None)
        found, history = _finish(problem, sample, objective, at, tol, max_iter)
        reason = "time" if late() else "interrupted" if stopped() else None
        if objective.latest is not found.gradient and reason is None:  # a step was tried and not taken
            objective(found.at)
            objective.latest = found.gradient
    norm = _size(found.gradient, shift) if found.value < inf else inf
    gap = objective.gap(found.gradient)
    if found.value < inf and _good(found, problem, tol):
        reason = "converged"
    elif reason is None:
        reason = "rounding" if found.stuck else "max_iter"
    w = found.at[:, :-1]
    return Logistic(
        w.copy(),
        found.at[:, -1] - w @ shift if centred else np.zeros(models),
        found.value,
        norm,
        gap,
        found.decrement,
        reason,
        found.iterations,
        rows.passes + objective.calls,
        metric,
        history,
    )


def _reserve(rows: Rows, models: int, d: int, size: int, metric: str, name: str) -> None:
    """Claim memory for the sample, the vectors, the shards' sums and the metric."""
    blocks = rows.blocks
    numbers = models * (d + 1)
    shards = min(max((1 << 22) // numbers, 2), 16)
    vectors = 8 * numbers * (2 * PAIRS + 16 + shards)
    square = {"newton": 1, "shared": 5, "diagonal": 0}[metric] * 8 * d * (d + 1)
    what = f"{name} of {d} columns" + (f" and {models} models" if models > 1 else "")
    blocks.reserve(size * _row(rows, models, d) + vectors + square, what)


def _row(rows: Rows, models: int, d: int) -> int:
    """Bytes of a row of the sample, which is there twice while its parts are joined or in another basis; thinned, an eighth more."""
    blocks = rows.blocks
    if blocks.is_sparse is False:
        own = d * blocks.dtype.itemsize
    else:
        own = (blocks.nnz or 0) // max(blocks.n_rows or 1, 1) * (blocks.dtype.itemsize + 8)
    return int(9 * (own + 16) // 4 + 16 * models)


def _warm(problem: _Problem, sample: Sample, at: Floats, started: bool) -> Floats:
    """The minimum of growing samples, each to what chance leaves of it."""
    size = len(sample.rows)
    d = at.shape[1] - 1
    sizes = [] if sample.whole or started else [size]
    while sizes and sizes[0] // GROWTH >= max(FIRST, 4 * d if problem.metric == "newton" else 0):
        sizes.insert(0, sizes[0] // GROWTH)
    for m in sizes:
        if m > sizes[0] and stopped():
            break
        rows = thinned(sample.rows, m)
        objective = problem.objective(lambda rows=rows: [rows], 1.0)
        enough, first = partial(_within, 0.02 * min(1.0, at.size / m), _least(problem, rows)), objective(at)
        for i in range(LOOKS):
            some = rows
            if i and stopped():
                break
            if problem.metric == "newton":
                some = thinned(rows, max(FIRST, 4 * d, int(CHEAP / d**2)))
            found = minimise(
                objective,
                at,
                problem.look(some, at, anew=i == 0),
                enough,
                max_iter=STEPS,
                rounding=1e-9,
                first=first,
            )
            at, first = found.at, (found.value, found.gradient)
            if found.iterations < STEPS:
                break
    return at


def _finish(
    problem: _Problem,
    sample: Sample,
    objective: Objective,
    at: Floats,
    tol: float | Enough,
    max_iter: int,
) -> tuple[Point, list[tuple[float, float]]]:
    """On all rows; the metric is made anew where the curvature has changed. An interruption keeps the last point, the end of its time the sample's, too."""
    history: list[tuple[float, float]] = []
    last: list[Point] = []

    def done(point: Point) -> bool:
        history.append((point.value, _size(point.gradient, problem.shift)))
        last[:] = [point]
        return _good(point, problem, tol)

    X = sample.rows.X
    coarse = problem.models > 1 and isinstance(X, np.ndarray) and X.dtype == np.float32
    iterations, first = 0, None
    try:
        while True:
            found = minimise(
                objective,
                at,
                problem.look(sample.rows, at, anew=iterations == 0),
                done,
                max_iter=min(max_iter - iterations, _until(sample, problem, iterations)),
                rounding=1e-8 if coarse and not objective.precise else 1e-13,
                noise=1e-13 * abs(_least(problem, sample.rows)),  # a sum that may cancel to little
                first=first,
            )
            iterations += found.iterations
            found.iterations = iterations
            if found.stuck and coarse and not objective.precise:  # products in float32 go no further
                objective.precise, at, first = True, found.at, None
                continue
            if found.stuck or iterations >= max_iter or _good(found, problem, tol):
                return found, history
            at, first = found.at, (found.value, found.gradient)
    except InterruptedError:
        if not last:
            if not late():
                raise
            return Point(at, inf, np.zeros_like(at)), history
        last[0].iterations += iterations
        return last[0], history


def _until(sample: Sample, problem: _Problem, iterations: int) -> int:
    """Steps until the curvature is looked at again: of all rows it is exact, so soon; else where it changes much, early."""
    if problem.metric == "newton":
        return 2 if sample.whole else 1 << 30
    if sample.whole and iterations < 6:
        return AGAIN[1] if iterations else AGAIN[0]
    return AGAIN[2]


def _least(problem: _Problem, rows: Block) -> float:
    """What a sample's loss cannot fall below."""
    if problem.loss is None:
        return 0.0
    assert rows.sample_weight is not None
    return float(rows.sample_weight @ problem.loss.least(np.asarray(rows.y, dtype=np.float64)))


def _within(share: float, least: float, point: Point) -> bool:
    return point.decrement <= share * abs(point.value - least)


def _good(point: Point, problem: _Problem, tol: float | Enough) -> bool:
    if callable(tol):
        return tol(point, problem.shift, problem.alpha)
    return _size(point.gradient, problem.shift) <= tol and point.decrement <= max(10 * tol * tol, 1e-13)


def _size(gradient: Floats, shift: Floats) -> float:
    """The largest partial derivative, in coefficients and intercepts as they are kept: about zero."""
    return float(
        max(np.abs(gradient[:, :-1] + gradient[:, -1:] * shift).max(), np.abs(gradient[:, -1]).max())
    )

"""Squared losses in the primal: smooth, so that what fits logistic regression fits them, also from rows that stay on disk."""

from __future__ import annotations

from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, replace
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._native import threads
from esker._progress import watching
from esker.blocks import ArrayBlocks
from esker.linear_model._gram_walk import Lines
from esker.linear_model._krylov_rows import Rows
from esker.linear_model._logistic_solve import solve_logistic
from esker.svm._machines import tell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks
    from esker.linear_model._lbfgs import Point
    from esker.linear_model._logistic_solve import Logistic

    Floats = NDArray[np.float64]

__all__ = ["SquaredHinge", "SquaredTube", "learn_smooth", "suits"]

#: Up to so many columns a Hessian is summed and factored, of at least so many rows for each.
WIDEST, TALL = 2048, 2


@dataclass(frozen=True)
class SquaredHinge:
    """The square of what the margin of a class, 0 or 1, lacks to 1."""

    name, parameter = "squared_hinge", 1.0
    labels = summed = True

    def link(self, mean: float) -> float:
        return 0.0

    def curvature(self, scores: Floats, y: Floats) -> Floats:
        return np.where((2 * y - 1) * scores < 1, 2.0, 0.0)

    def least(self, y: Floats) -> Floats:
        return np.zeros_like(y)

    def refuse(self, y: Floats) -> None:
        """Classes are classes."""


@dataclass(frozen=True)
class SquaredTube:
    """The square of what a miss exceeds epsilon by."""

    parameter: float
    name = "squared_tube"
    labels, summed = False, True

    def link(self, mean: float) -> float:
        return mean

    def curvature(self, scores: Floats, y: Floats) -> Floats:
        return np.where(np.abs(scores - y) >= self.parameter, 2.0, 0.0)

    def least(self, y: Floats) -> Floats:
        return np.zeros_like(y)

    def refuse(self, y: Floats) -> None:
        if not np.isfinite(y).all():
            raise ValueError("y must hold finite numbers")


def suits(model: Any, blocks: Blocks, squared: bool) -> bool:
    """Whether the primal is solved: where it is asked for, or a Hessian is cheap, or rows have no room in memory."""
    if model.dual is not False and (model.dual is True or not squared):
        return False
    n, d = blocks.n_rows, blocks.n_columns
    if model.dual is False or not Rows(blocks).fits():
        return True
    return blocks.is_sparse is False and n is not None and d is not None and d <= WIDEST and n >= TALL * d


def learn_smooth(
    model: Any, blocks: Blocks, loss: Any, ends: float, classes: int = 0, factors: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """A machine of numbers, of two classes, or one of each; set what both estimators say alike.

    Returns
    -------
    intercepts, objectives and gaps, of each machine
    """
    solved: list[Logistic] = []
    values, gaps = [], []
    each = list(range(classes)) if classes > 2 else [-1]
    watch = watching(Lines(type(model).__name__)) if model.verbose else nullcontext()
    with threads(model.n_threads), watch:
        for own in each:
            now = perf_counter()
            rows = Rows(_machine(blocks, own, factors))
            judge = _Judge(float(model.tol), float(model.intercept_scaling))
            found = solve_logistic(
                rows,
                rows.count(),
                blocks.n_columns or 0,
                1,
                penalty=1.0 / float(model.C),
                centred=model.fit_intercept,
                tol=judge,
                max_iter=int(model.max_iter),
                loss=loss,
                level=1.0 / float(model.C) / float(model.intercept_scaling) ** 2,
                ends=inf if ends == inf else now + (ends - now) / (len(each) - len(solved)),
                name=type(model).__name__,
            )
            if not np.isfinite(found.coef).all():
                raise ValueError(
                    "sums are not finite: values (or C, or the weights) are too large; scale them down"
                )
            solved.append(found)
            known = np.isfinite(judge.alpha)  # else the time was over before all rows were summed
            values.append(found.value / judge.alpha if known else inf)
            gaps.append(judge.gap / judge.alpha if known else inf)
    reasons = {found.reason for found in solved}
    reason = next(r for r in ("interrupted", "time", "max_iter", "rounding", "converged") if r in reasons)
    tell(
        model,
        np.concatenate([found.coef for found in solved]),
        blocks.dtype,
        max(found.iterations for found in solved),
        "steps",
        reason,
        np.array(gaps),
        np.array(values),
    )
    return np.concatenate([found.intercept for found in solved]), np.array(values), np.array(gaps)


class _Judge:
    """Whether a point is near enough the minimum; and how near the last one asked about was.

    The objective is strongly convex in the coefficients and the intercept over its scaling, so that it is at most ``|g|^2 / (2 alpha)``
    above its minimum: the duality gap at the point's own slopes.
    """

    def __init__(self, tol: float, scaling: float) -> None:
        self.tol, self.scaling = tol, scaling
        self.gap = self.alpha = np.inf

    def __call__(self, point: Point, shift: Floats, alpha: float) -> bool:
        level = point.gradient[0, -1]
        slopes = point.gradient[0, :-1] + level * shift
        self.alpha = alpha
        self.gap = float(slopes @ slopes + (level * self.scaling) ** 2) / (2 * alpha)
        return self.gap <= self.tol * point.value


def _machine(blocks: Blocks, own: int, factors: Floats | None) -> Blocks:
    """The rows of one machine: of a class against the others, or with the weights of two classes."""
    if own < 0 and factors is None:
        return blocks

    def relabelled(index: Floats, weight: Floats | None) -> tuple[Floats, Floats | None]:
        y, share = index, None
        if own >= 0:
            y = (index == own).astype(np.float64)
            if factors is not None:
                share = np.where(y > 0, factors[own], 1.0)
        elif factors is not None:
            share = factors[index.astype(np.intp)]
        return y, weight if share is None else share if weight is None else share * weight

    if isinstance(blocks, ArrayBlocks):
        made = copy(blocks)
        made.y, made.sample_weight = relabelled(np.asarray(blocks.y).ravel(), blocks.sample_weight)
        return made

    def as_labels(block: Block) -> Block:
        y, weight = relabelled(np.asarray(block.y).ravel(), block.sample_weight)
        return replace(block, y=y, sample_weight=weight)

    return blocks.map(as_labels, keeps_x=True)

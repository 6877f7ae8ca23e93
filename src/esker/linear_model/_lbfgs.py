"""L-BFGS about a metric that is given: what the metric knows of the curvature, the updates need not learn.

Liu & Nocedal, "On the limited memory BFGS method for large scale optimization" (1989), with a preconditioner for the
initial inverse Hessian, and a line search that trusts slopes where values differ by no more than their rounding, as in
Hager & Zhang (2005).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    #: Value and gradient at a point.
    Function = Callable[[Floats], tuple[float, Floats]]
    #: The inverse Hessian, as far as it is known, times a gradient.
    Metric = Callable[[Floats], Floats]

__all__ = ["PAIRS", "Point", "minimise"]

#: Pairs that are kept.
PAIRS = 12
#: A step is long enough where the slope along it has shrunk to this share, and lowers the value by at least this share.
FLAT, LOWER = 0.9, 1e-4
#: Trials of a step.
TRIALS = 20


@dataclass
class Point:
    """Where the search stands.

    Attributes
    ----------
    at, gradient : ndarray
    value : float
    decrement : float
        ``g'Hg / 2``, H being the metric's inverse Hessian: about how far the value is from its minimum.
    iterations, calls : int
    stuck : bool
        No step lowers the value any more: this is as far as rounding goes.
    """

    at: Floats
    value: float
    gradient: Floats
    decrement: float = np.inf
    iterations: int = 0
    calls: int = 0
    stuck: bool = False


def minimise(
    function: Function,
    start: Floats,
    metric: Metric,
    done: Callable[[Point], bool],
    *,
    max_iter: int,
    rounding: float,
    noise: float = 0.0,
    first: tuple[float, Floats] | None = None,
) -> Point:
    """Go downhill until ``done(point)``, or `max_iter` steps.

    Parameters
    ----------
    function : callable
    start : ndarray
    metric : callable
    done : callable
        Asked at each point that is taken.
    max_iter : int
    rounding, noise : float
        Of values, relative and absolute.
    first : (float, ndarray), optional
        Value and gradient at the start, where known.
    """
    value, gradient = function(start) if first is None else first
    here = Point(start, value, gradient, calls=int(first is None))
    pairs: deque[tuple[Floats, Floats, float]] = deque(maxlen=PAIRS)
    scaled, size = metric(here.gradient), 1.0
    here.decrement = 0.5 * _dot(here.gradient, scaled)
    while not done(here) and here.iterations < max_iter:
        step = -_two_loops(here.gradient, pairs, metric, size) if pairs else -scaled
        slope = _dot(step, here.gradient)
        if not slope < 0:
            if not pairs:
                here.stuck = True
                return here
            pairs.clear()
            continue
        found = _search(function, here, step, slope, rounding * abs(here.value) + noise)
        if found is None:
            if not pairs:
                here.stuck = True
                return here
            pairs.clear()  # what was learned of the curvature may be what is wrong
            continue
        moved, turned = found.at - here.at, found.gradient - here.gradient
        bend = _dot(moved, turned)
        here, before = found, scaled
        scaled = metric(here.gradient)
        if bend > 1e-12 * np.sqrt(_dot(moved, moved) * _dot(turned, turned)):
            pairs.append((moved, turned, bend))
            # How large the inverse Hessian is beside the metric, along the step (Shanno & Phua, 1978).
            size = bend / max(_dot(turned, scaled - before), 1e-300)
        here.decrement = 0.5 * _dot(here.gradient, scaled)
    return here


def _two_loops(g: Floats, pairs: Any, metric: Metric, size: float) -> Floats:
    q, shares = g.copy(), []
    for s, y, bend in reversed(pairs):
        share = _dot(s, q) / bend
        q -= share * y
        shares.append(share)
    r = size * metric(q)
    for (s, y, bend), share in zip(pairs, reversed(shares), strict=True):
        r = r + (share - _dot(y, r) / bend) * s
    return r


def _search(function: Function, here: Point, step: Floats, slope: float, noise: float) -> Point | None:
    """A point along `step` by the weak Wolfe conditions; None where there is none."""
    low, high, t, calls = 0.0, np.inf, 1.0, here.calls
    for _ in range(TRIALS):
        at = here.at + t * step
        value, gradient = function(at)
        calls += 1
        along = _dot(gradient, step)
        good = np.isfinite(value) and np.isfinite(along)
        # Where values differ by rounding alone, the slope tells: beyond the minimum it has turned.
        close = good and abs(value - here.value) <= noise and along <= (1 - 2 * LOWER) * -slope
        if not good or not (value <= here.value + LOWER * t * slope or close):
            high = t
            # The parabola through both values and the first slope, within bounds.
            bent = value - here.value - t * slope if good else np.inf
            best = -slope * t * t / (2 * bent) if bent > 0 else 0.5 * t
            t = float(np.clip(best, low + 0.1 * (t - low), low + 0.5 * (t - low)))
        elif along < FLAT * slope:
            low = t
            t = 2 * t if not np.isfinite(high) else 0.5 * (low + high)
        else:
            return Point(at, value, gradient, iterations=here.iterations + 1, calls=calls)
    here.calls = calls
    return None


def _dot(a: Floats, b: Floats) -> float:
    return float(
        np.einsum("i,i->", a.ravel(), b.ravel())
    )  # not BLAS: its threads and ours would wait for each other

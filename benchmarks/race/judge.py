"""What the race's points say: seconds to a peer's test error or loss, and which peers' points lie below our curve."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.race.learners import OURS
from benchmarks.race.measure import Point

__all__ = ["Below", "apart", "below", "is_text", "reach"]


def is_text(point: Point) -> bool:
    """Whether a point's seconds have the reading of a cold text file in them."""
    return point.learner.endswith("cold text")


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """The paired standard error of the difference of two means over the same test rows."""
    return float(np.std(a.astype(np.float64) - b, ddof=1) / np.sqrt(len(a)))


def reach(points: Iterable[Point], threshold: float, values: Callable[[Point], np.ndarray | None]) -> float:
    """Median over seeds of the seconds of the first point whose value is no more than `threshold`; infinite if none is."""
    first: dict[int, float] = {}
    seeds = 0
    for point in points:
        found = values(point)
        if found is None:
            continue
        # A learner whose answer is the same for every seed was judged once and timed several times.
        for seed, seconds in enumerate(point.seconds):
            seeds = max(seeds, seed + 1)
            if found[min(seed, len(found) - 1)] <= threshold:
                first[seed] = min(first.get(seed, np.inf), float(seconds))
    return float(np.median([first.get(seed, np.inf) for seed in range(seeds)])) if seeds else np.inf


@dataclass(frozen=True)
class Below:
    """A peer's point that lies below our curve, by how much, and its paired standard error; `ours` is None before we have a model."""

    peer: Point
    ours: Point | None
    by: float
    error: float


def below(points: Sequence[Point], ours: Sequence[str] = OURS) -> list[Below]:
    """Peers' points below the curve of `ours` (the least test error reached until then) by more than a paired standard error."""
    mine = [p for p in points if p.learner in ours]
    found = []
    for peer in points:
        if peer.learner in OURS or is_text(peer):
            continue
        until = [p for p in mine if p.median <= peer.median]
        if not until:
            found.append(Below(peer, None, float("nan"), float("nan")))
            continue
        best = min(until, key=lambda p: p.error)
        by, error = best.error - peer.error, apart(best.wrong, peer.wrong)
        if by > error:
            found.append(Below(peer, best, by, error))
    return found

"""Random projections of float32 rows against scikit-learn's: fit and transform, in one process, taking turns.

Printed beside: the product alone (BLAS with the matrix given) for the Gaussian, and how much distances are distorted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.random_projection as peers

from benchmarks.bars import line
from benchmarks.contest import take_turns
from esker import random_projection as ours

__all__ = ["run"]

#: Rows, columns, components.
SIZES = {"small": (2_000, 4_000, 400), "full": (20_000, 10_000, 1_000)}
#: Ours, the peer, ratio to reach.
RACES = (
    ("SparseRandomProjection", "SparseRandomProjection", 15.0),
    ("GaussianRandomProjection", "GaussianRandomProjection", 1.0),
    ("SRHTProjection", "GaussianRandomProjection", 15.0),
    ("CountSketchProjection", "SparseRandomProjection", 0.0),
)


def run(scale: str, runs: int = 3) -> bool:
    """A line for each projection; at scale small ratios are printed only."""
    n, d, p = SIZES[scale]
    X = np.random.default_rng(0).standard_normal((n, d), np.float32)
    holds = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, peer, ratio in RACES:
            steps = [
                getattr(module, kind)(n_components=p, random_state=0)
                for module, kind in ((ours, name), (peers, peer))
            ]
            contenders: list[Callable[[], Any]] = [lambda s=s: s.fit_transform(X) for s in steps]
            floor = ""
            if name.startswith("Gaussian"):
                matrix = np.ascontiguousarray(steps[0].fit(X[:2]).components_)
                contenders.append(lambda m=matrix: X @ m.T)
            seconds = take_turns(contenders, runs)
            if len(seconds) == 3:
                floor = f", product alone {seconds[2]:.3f} s"
            found = seconds[1] / seconds[0]
            spread = [_distortion(X, s.fit(X[:2]).transform(X[:200])) for s in steps]
            same = name == "CountSketchProjection" or spread[0] <= 1.1 * spread[1]
            told = f"esker {seconds[0]:.3f} s, scikit-learn's {peer} {seconds[1]:.3f} s{floor}; "
            told += f"distances change by {spread[0]:.4f} and {spread[1]:.4f} (standard deviation)"
            good = (found >= ratio or scale != "full") and same
            holds.append(line(good, f"{name} {n:,} x {d:,} -> {p:,}: {found:.1f}x (>= {ratio:g}x); {told}"))
    return all(holds)


def _distortion(X: Any, made: Any) -> float:
    """Standard deviation of the ratio of squared distances after and before, over pairs of rows."""
    first, second = np.triu_indices(len(made), 1)
    after = ((made[first] - made[second]) ** 2).sum(axis=1)
    X = X[: len(made)].astype(np.float64)
    lengths, gram = (X**2).sum(axis=1), X @ X.T
    before = lengths[first] + lengths[second] - 2 * gram[first, second]
    return float((after / before).std())

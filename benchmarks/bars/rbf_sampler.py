"""RBFSampler on dense float32 rows against scikit-learn's with the same weights; floor: the product X W alone, by NumPy's sgemm."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import sklearn.kernel_approximation as theirs

from benchmarks.bars import line
from esker.kernel_approximation import OrthogonalRandomFeatures, RBFSampler

__all__ = ["run"]

#: (rows, columns, features) and the ratio to reach.
SHAPE, RATIO = (20_000, 500, 4096), 1.1


def run(scale: str, runs: int = 9) -> bool:
    """One line; at scale small with a quarter of the rows, where the ratio is printed only."""
    full = scale == "full"
    n, d, features = SHAPE
    n = n if full else n // 4
    X = np.random.default_rng(0).standard_normal((n, d), dtype=np.float32)
    peer = theirs.RBFSampler(gamma=1 / d, n_components=features, random_state=0).fit(X)
    ours = RBFSampler(gamma=1 / d, n_components=features, random_state=0).fit(X)
    orthogonal = OrthogonalRandomFeatures(gamma=1 / d, n_components=features, random_state=0).fit(X)
    own = ours.random_weights_, ours.random_offset_
    ours.random_weights_, ours.random_offset_ = peer.random_weights_, peer.random_offset_
    gap = float(np.abs(ours.transform(X[:500]) - peer.transform(X[:500])).max())
    ours.random_weights_, ours.random_offset_ = own
    product = np.empty((n, features), np.float32)
    sides: dict[str, Callable[[], Any]] = {
        "esker": lambda: ours.transform(X),
        "sklearn": lambda: peer.transform(X),
        "orthogonal": lambda: orthogonal.transform(X),
        "gemm": lambda: np.matmul(X, ours.random_weights_, out=product),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(runs if full else 3):
        for name, act in sides.items():
            # Whoever comes first after a pause would pay for memory that the system has given away meanwhile, and meet threads
            # of another library that still wait awake: as much as a result takes is used and freed before each.
            np.empty_like(product).fill(0)
            began = perf_counter()
            act()
            seconds[name].append(perf_counter() - began)
    took = {name: statistics.median(times) for name, times in seconds.items()}
    found = took["sklearn"] / took["esker"]
    told = ", ".join(f"{name} {value:.3f} s" for name, value in took.items())
    holds = (found >= RATIO or not full) and gap < 1e-5
    return line(
        holds,
        f"float32 {n:,} x {d} -> {features}: {found:.2f}x (>= {RATIO:g}x); {told} (floor); gap {gap:.0e}",
    )

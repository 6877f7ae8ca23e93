"""Fastfood features of float32 rows against scikit-learn's RBFSampler: fit and transform, in one process, taking turns.

Printed beside: the largest error of a kernel's values among 300 rows, of both, and what writing as many numbers takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.kernel_approximation

from benchmarks.bars import line
from benchmarks.contest import take_turns
from esker.blocks.memory import empty
from esker.kernel_approximation import Fastfood

__all__ = ["run"]

#: Rows, columns, features.
SIZES = {"small": (4_000, 500, 4096), "full": (20_000, 500, 4096)}
RATIO = 5.0


def run(scale: str, runs: int = 5) -> bool:
    """One line; at scale small the ratio is printed only."""
    n, d, features = SIZES[scale]
    X = np.random.default_rng(0).standard_normal((n, d), np.float32)
    gamma = 0.25 / d
    ours = Fastfood(gamma=gamma, n_components=features, random_state=0)
    peer = sklearn.kernel_approximation.RBFSampler(gamma=gamma, n_components=features, random_state=0)
    seconds = take_turns(
        [lambda: ours.fit_transform(X), lambda: peer.fit_transform(X), lambda: _written(n, features)], runs
    )
    few = X[:300].astype(np.float64)
    squares = (few**2).sum(axis=1)
    exact = np.exp(-gamma * (squares[:, np.newaxis] + squares - 2 * few @ few.T))
    errors = []
    for step in (ours, peer):
        made = step.transform(X[:300]).astype(np.float64)
        errors.append(float(np.sqrt(((made @ made.T - exact) ** 2).mean())))
    found = seconds[1] / seconds[0]
    good = (found >= RATIO or scale != "full") and errors[0] <= 1.2 * errors[1]
    told = f"esker {seconds[0]:.3f} s, scikit-learn {seconds[1]:.3f} s, writing alone {seconds[2]:.3f} s; "
    told += f"errors of kernel values {errors[0]:.4f} and {errors[1]:.4f}"
    return line(good, f"Fastfood {n:,} x {d} -> {features}: {found:.1f}x (>= {RATIO:g}x); {told}")


def _written(n: int, features: int) -> Any:
    out = empty((n, features), np.float32)
    out.fill(1)
    return out

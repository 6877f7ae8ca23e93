"""What a sketch costs that is collected in the same walk as X'X: `SketchedGram` against `Gram`, rows in memory, k = 2 d, 4 a row."""

from __future__ import annotations

import statistics
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.bars import line
from esker.blocks import Block
from esker.folds import Gram, RowSketch, SketchedGram

__all__ = ["run"]

#: (dtype, rows, columns).
CELLS = [
    ("float64", 200_000, 500),
    ("float32", 400_000, 500),
    ("float64", 50_000, 2000),
    ("float32", 100_000, 2000),
]
#: What the sketch may add.
SHARE = 0.25


def run(scale: str, runs: int = 5) -> bool:
    """A line for each cell; at scale small with a quarter of the rows, where the share is printed only."""
    holds = [_cell(*cell, scale, runs) for cell in CELLS]
    return all(holds)


def _cell(dtype: str, n: int, d: int, scale: str, runs: int) -> bool:
    full = scale == "full"
    n = n if full else n // 4
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32).astype(dtype)
    block = Block(X, rng.standard_normal(n))
    makes = {
        "Gram": Gram,
        "SketchedGram": lambda: SketchedGram(2 * d),
        "RowSketch": lambda: RowSketch(2 * d, nonzeros=4),
    }
    seconds: dict[str, list[float]] = {name: [] for name in makes}
    for i in range(runs + 1):
        for name, make in makes.items():
            state: Any = make()
            began = perf_counter()
            state.update(block)
            if i:
                seconds[name].append(perf_counter() - began)
    median = {name: statistics.median(s) for name, s in seconds.items()}
    more = median["SketchedGram"] / median["Gram"] - 1
    began = perf_counter()
    X.sum()
    walk = perf_counter() - began
    told = ", ".join(f"{name} {s:.3f} s" for name, s in median.items())
    return line(
        more <= SHARE or not full,
        f"{dtype} {n:,} x {d}, sketch of {2 * d} rows: +{more:.1%} (<= {SHARE:.0%}); {told}; "
        f"{8.0 * n * d / 1e9:.1f} Gflop of the sketch beside {n * d * d / 1e9:.1f} of X'X; {walk:.3f} s to read",
    )

"""Sketches of rows beside SciPy: CountSketch against clarkson_woodruff_transform, SparseSign against S @ X with S given.

SciPy's product has S as CSC or CSR, whichever is faster. Both sides get the rows in memory and take turns; ours draws its map
and makes the result in the rows' dtype within the time. The floor is one read of the rows by two threads.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from threading import Thread
from time import perf_counter
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import clarkson_woodruff_transform

from benchmarks.bars import line
from benchmarks.contest import take_turns
from esker.sketch import CountSketch, SparseSign

__all__ = ["run"]

#: (rows, columns, sketched rows, dtype, ratio to reach)
COUNT = (200_000, 500, 2_000, "float64", 2.0)
DENSE = [(1_000_000, 100, 400, "float32", 4.0), (100_000, 2_000, 8_000, "float32", 4.0)]
#: (rows, columns, sketched rows, ratio to reach), float32
SPARSE = (1_000_000, 100_000, 4_000, 5.0)
PER_ROW = 50
NONZEROS = 8


def run(scale: str, runs: int = 5) -> bool:
    """A line for each row of the table; at scale small with fewer rows, where the ratio is printed only."""
    full = scale == "full"
    holds = [_count(full, runs)]
    holds += [_dense(full, runs, *cell) for cell in DENSE]
    holds.append(_sparse(full, 3 if full else runs))
    return all(holds)


def _rows(n: int, d: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    X = np.empty((n, d), dtype)
    for i in range(0, n, 10_000):
        part = X[i : i + 10_000]
        part[...] = rng.random(part.shape, dtype=np.float32) - 0.5
    return X


def _read_seconds(X: np.ndarray) -> float:
    """One read of X by two threads; the best of three."""
    halves = np.array_split(X.ravel(), 2)
    best = np.inf
    for _ in range(3):
        began = perf_counter()
        crew = [Thread(target=half.sum) for half in halves]
        for one in crew:
            one.start()
        for one in crew:
            one.join()
        best = min(best, perf_counter() - began)
    return best


def _sign_matrix(size: int, n: int, nonzeros: int) -> list[Any]:
    """S of the same family, as CSC and CSR, float32."""
    rng = np.random.default_rng(1)
    edges = np.arange(nonzeros + 1) * size // nonzeros
    rows = np.stack([rng.integers(a, b, n) for a, b in pairwise(edges)], axis=1).ravel()
    signs = (rng.integers(0, 2, n * nonzeros) * 2 - 1).astype(np.float32) / np.float32(np.sqrt(nonzeros))
    starts = np.arange(0, n * nonzeros + 1, nonzeros)
    S = sparse.csc_array((signs, rows.astype(np.int32), starts.astype(np.int32)), shape=(size, n))
    return [S, S.tocsr()]


def _timed(sides: dict[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    return dict(zip(sides, take_turns(list(sides.values()), runs)))


def _told(what: str, seconds: dict[str, float], floor: float, ratio: float, full: bool) -> bool:
    peer = min((name for name in seconds if name != "esker"), key=seconds.__getitem__)
    found = seconds[peer] / seconds["esker"]
    told = ", ".join(f"{name} {took:.4f} s" for name, took in seconds.items())
    return line(
        found >= ratio or not full, f"{what}: {found:.2f}x (>= {ratio:g}x); {told}; one read {floor:.4f} s"
    )


def _count(full: bool, runs: int) -> bool:
    n, d, size, dtype, ratio = COUNT
    n = n if full else n // 4
    X = _rows(n, d, dtype)
    sides = {
        "esker": lambda: CountSketch(size).fit_resample(X),
        "scipy": lambda: clarkson_woodruff_transform(X, size, rng=0),
    }
    return _told(
        f"CountSketch {dtype} {n:,} x {d} -> {size:,}", _timed(sides, runs), _read_seconds(X), ratio, full
    )


def _dense(full: bool, runs: int, n: int, d: int, size: int, dtype: str, ratio: float) -> bool:
    n = n if full else n // 4
    X = _rows(n, d, dtype)
    by_column, by_row = _sign_matrix(size, n, NONZEROS)
    sides = {
        "esker": lambda: SparseSign(size, nonzeros=NONZEROS).fit_resample(X),
        "scipy, S as CSC": lambda: by_column @ X,
        "scipy, S as CSR": lambda: by_row @ X,
    }
    return _told(
        f"SparseSign {dtype} {n:,} x {d} -> {size:,}", _timed(sides, runs), _read_seconds(X), ratio, full
    )


def _sparse(full: bool, runs: int) -> bool:
    n, d, size, ratio = SPARSE
    n, size = (n, size) if full else (n // 10, size // 10)
    rng = np.random.default_rng(0)
    columns = rng.integers(0, d, n * PER_ROW).astype(np.int32)
    starts = np.arange(0, n * PER_ROW + 1, PER_ROW).astype(np.int32)
    X = sparse.csr_array(
        (rng.random(n * PER_ROW, dtype=np.float32) - np.float32(0.5), columns, starts), shape=(n, d)
    )
    X.sum_duplicates()
    S = _sign_matrix(size, n, NONZEROS)[1]
    sides = {
        "esker": lambda: SparseSign(size, nonzeros=NONZEROS).fit_resample(X),
        "scipy": lambda: S @ X,
    }
    floor = _read_seconds(X.data) * 2
    return _told(
        f"SparseSign CSR {n:,} x {d:,}, {PER_ROW} a row -> {size:,}", _timed(sides, runs), floor, ratio, full
    )

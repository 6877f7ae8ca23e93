"""The Gram kernel alone against the machine's sgemm and dgemm at 4096^3, in turns in one process, counting n d (d + 1) operations."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from scipy.linalg import blas

from benchmarks.bars import line

__all__ = ["peak", "run", "seconds"]

#: Columns -> the share to reach.
SHARES = {256: 0.75, 257: 0.65, 300: 0.75, 500: 0.85, 1000: 0.85, 2000: 0.85, 4000: 0.85}
WORK = {"small": 4e9, "full": 4e10}


def seconds(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    began = perf_counter()
    call()
    return perf_counter() - began


def peak(dtype: Any, n: int = 4096) -> tuple[Callable[[], Any], float]:
    """A call of gemm on n x n matrices, and its operations."""
    A = np.asfortranarray(np.random.default_rng(0).standard_normal((n, n)).astype(dtype))
    C = np.zeros((n, n), dtype, order="F")
    gemm = blas.sgemm if np.dtype(dtype) == np.float32 else blas.dgemm
    return lambda: gemm(1.0, A, A, c=C, overwrite_c=True), 2.0 * n**3


def _gram(X: np.ndarray, y: np.ndarray) -> None:
    from esker._native import core

    core.Gram().update(X, y)


def run(
    scale: str,
    runs: int = 5,
    dtypes: tuple[Any, ...] = (np.float32, np.float64),
    columns: tuple[int, ...] = tuple(SHARES),
) -> bool:
    """A line for each dtype and number of columns; at scale small the shares are printed only."""
    holds = True
    for dtype in dtypes:
        gemm, operations = peak(dtype, 4096 if scale == "full" else 1024)
        gemm()
        for d in columns:
            share = SHARES[d]
            n = max(1024, int(WORK[scale] / d**2) // 256 * 256)
            n = min(n, int(1.6e9 / d / np.dtype(dtype).itemsize))
            X = np.random.default_rng(1).standard_normal((n, d), dtype=np.float32).astype(dtype, copy=False)
            y = np.ones((n, 1))
            took = [(seconds(gemm), seconds(partial(_gram, X, y))) for _ in range(runs + 1)][1:]
            best, own = (statistics.median(t) for t in zip(*took))
            rate, most = n * d * (d + 1) / own, operations / best
            holds &= line(
                rate >= share * most or scale != "full",
                f"{np.dtype(dtype).name} {n:,} x {d}: {rate / 1e9:.0f} of {most / 1e9:.0f} GF/s, {100 * rate / most:.0f} % "
                f"(>= {100 * share:.0f} %)",
            )
    return holds

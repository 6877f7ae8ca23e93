"""TruncatedSVD(100) of float32 CSR rows, 1M x 100,000 with 50 numbers each, against scikit-learn's, both with their defaults."""

from __future__ import annotations

import statistics
from time import perf_counter
from typing import Any

import numpy as np
import sklearn.decomposition
from scipy import sparse

from benchmarks.bars import line

__all__ = ["run", "topics"]

COLUMNS, EACH, COMPONENTS = 100_000, 50, 100
ROWS = {"small": 50_000, "full": 1_000_000}
FASTER, CAPTURED = 3.0, 1e-3


def topics(n: int, d: int = COLUMNS, each: int = EACH, seed: int = 0) -> sparse.csr_array:
    """Rows as of texts: half of a row's columns by one popularity, half by that of one of 300 topics."""
    rng = np.random.default_rng(seed)
    u = rng.random((n, each), dtype=np.float32)
    columns = (d * u**3).astype(np.int64)
    topic = np.floor(300 * rng.random((n, 1)) ** 2).astype(np.int64)
    columns[:, each // 2 :] += topic * 7919
    columns = (columns * 60_013 % d).astype(np.int32)
    values = rng.random((n, each), dtype=np.float32) + np.float32(0.5)
    X = sparse.csr_array(
        (values.ravel(), columns.ravel(), np.arange(0, n * each + 1, each, dtype=np.int32)), shape=(n, d)
    )
    X.sum_duplicates()
    return X


def run(scale: str, runs: int = 3) -> bool:
    """Fit in turns, compare times and what of the rows' squares is captured."""
    from esker.decomposition import TruncatedSVD

    X = topics(ROWS[scale])
    kinds = {"esker": TruncatedSVD, "scikit-learn": sklearn.decomposition.TruncatedSVD}
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    captured: dict[str, float] = {}
    for i in range(runs):
        for name, kind in kinds.items():
            began = perf_counter()
            model = kind(COMPONENTS, random_state=i).fit(X)
            seconds[name].append(perf_counter() - began)
            captured[name] = _captured(X, model.components_)
    ours, theirs = (statistics.median(took) for took in seconds.values())
    total = float(np.einsum("i,i->", X.data, X.data, dtype=np.float64))
    holds = line(
        theirs / ours >= FASTER or scale != "full",
        f"{X.shape[0]:,} x {COLUMNS:,}, {X.nnz:,} numbers: {ours:.2f} s, scikit-learn {theirs:.2f} s: {theirs / ours:.1f}x (>= {FASTER:g}x)",
    )
    gain = captured["esker"] / captured["scikit-learn"] - 1
    return holds & line(
        gain >= -CAPTURED,
        f"captured {captured['esker'] / total:.5f} of the squares, scikit-learn {captured['scikit-learn'] / total:.5f}: "
        f"{gain:+.1e} (>= -{CAPTURED:.0e})",
    )


def _captured(X: Any, components: np.ndarray) -> float:
    across, found = np.ascontiguousarray(components.T), 0.0
    for i in range(0, X.shape[0], 100_000):
        part = X[i : i + 100_000] @ across
        found += float(np.einsum("ij,ij->", part, part, dtype=np.float64))
    return found

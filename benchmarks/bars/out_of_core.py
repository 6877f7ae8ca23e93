"""A 6 GB .npy and a 2 GB svmlight file, each fit with ridge and SGD within max_memory="256MB", coefficients as in memory.

Memory is measured from outside: peak anonymous resident bytes of the fitting process, minus those after its imports and
once its source object exists. The files are removed at the end.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.bars.child import Fit
from benchmarks.datasets import data_folder
from benchmarks.files import rows_for_bytes, write_npy, write_svmlight
from benchmarks.generate import dense_linear, sparse_text

LIMIT = 256_000_000
SIZES = {"small": (3e8, 1e8), "full": (6e9, 2e9)}
SGD = {"max_iter": 2, "tol": None, "random_state": 0}


def fit(job: dict[str, Any]) -> dict[str, Any]:
    """Run a job in a child and watch its memory: {"seconds", "peak", "coef", "intercept"}."""
    from esker.demo.watch import Watch, anonymous_bytes

    child = Fit(job)
    before = anonymous_bytes(child.pid)
    with Watch(child.pid, interval=0.01) as watch:
        child.go()
        seconds = child.end()
        peak = watch.look()
    if before is None or peak is None:
        raise RuntimeError("this system does not tell a process's anonymous memory (RssAnon)")
    return {"seconds": seconds, "peak": peak - before, **child.save()}


def difference(a: dict[str, Any], b: dict[str, Any]) -> float:
    """|a - b| / |b| over coefficients, and of intercepts over |b| + 1, whichever is larger."""
    coef = np.linalg.norm(a["coef"] - b["coef"].astype(np.float64)) / np.linalg.norm(b["coef"])
    return float(max(coef, np.max(np.abs(a["intercept"] - b["intercept"]) / (1 + np.abs(b["intercept"])))))


def compare(name: str, job: dict[str, Any], memory: dict[str, Any], bound: float) -> bool:
    """One line: a fit within the limit against the fit `memory` describes."""
    limited = fit({**job, "open": {**job["open"], "max_memory": LIMIT}})
    free = fit({**job, **memory})
    size = os.path.getsize(job["path"])
    far = difference(limited, free)
    text = (
        f"{name:<22} {limited['seconds']:6.1f} s ({size / 1e6 / limited['seconds']:,.0f} MB/s), in memory "
        f"{free['seconds']:.1f} s; peak {limited['peak'] / 1e6:.0f} MB of {LIMIT / 1e6:.0f}; "
        f"coefficients differ by {far:.1e} (bound {bound:.0e})"
    )
    return line(limited["peak"] <= LIMIT and far <= bound, text)


def run(scale: str) -> bool:
    """Write the files, fit four times within the limit and four times in memory, remove the files."""
    dense_size, text_size = (int(s) for s in SIZES[scale])
    holds = True
    with tempfile.TemporaryDirectory(prefix="out-of-core-", dir=data_folder()) as folder:
        out = str(Path(folder) / "coef.npz")

        made = dense_linear(rows_for_bytes(dense_linear, dense_size))
        path = Path(folder) / "dense.npy"
        write_npy(made, path)
        print(f"  {made!r}, {path.stat().st_size / 1e6:,.0f} MB of float32 .npy", flush=True)
        job = {"path": str(path), "open": {"target": made.d}, "out": out}
        array = {"in_memory": "array"}
        holds &= compare("npy, Ridge", {**job, "model": "Ridge", "options": {"alpha": 1.0}}, array, 1e-8)
        holds &= compare("npy, SGDRegressor", {**job, "model": "SGDRegressor", "options": SGD}, array, 0.0)
        path.unlink()

        text = sparse_text(rows_for_bytes(sparse_text, text_size))
        path = Path(folder) / "text.svmlight"
        write_svmlight(text, path)
        print(f"  {text!r}, {path.stat().st_size / 1e6:,.0f} MB of svmlight text", flush=True)
        job = {"path": str(path), "open": {"zero_based": False, "n_features": text.d}, "out": out}
        rows, whole = {"in_memory": "rows"}, {"open": job["open"]}
        holds &= compare("svmlight, Ridge", {**job, "model": "Ridge", "options": {"alpha": 1.0}}, rows, 1e-8)
        # A text's first epoch is in sequence whatever the memory, an array's is not: the same file is compared.
        holds &= compare(
            "svmlight, SGDClassifier", {**job, "model": "SGDClassifier", "options": SGD}, whole, 0.0
        )
    return holds

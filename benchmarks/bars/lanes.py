"""Eight models in lanes, and one, no slower than the shortest loops that learn the same number of them, with 2^16, 2^20 and 2^22 features."""

from __future__ import annotations

import ctypes
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.bars import line

__all__ = ["reference", "run"]

SOURCE = Path(__file__).resolve().parent.parent / "lanes_reference.cpp"
RATES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0)
ROWS = {"small": 50_000, "full": 1_000_000}
MOST = 34  # entries of a row
#: Steps of ours that are timed; "adagrad" is the reference's own, "auto" is what estimators take by default.
STEPS = ("auto", "adagrad")


def reference(folder: Path) -> Any:
    """The reference's functions, compiled for this machine into a library in `folder`."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise RuntimeError(
            "the lanes bar compiles its reference: install a C++ compiler (c++, g++ or clang++)"
        )
    library = folder / "lanes_reference.so"
    options = ["-O3", "-march=native", "-std=c++20", "-shared", "-fPIC"]
    subprocess.run([compiler, *options, str(SOURCE), "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.generate.restype, loaded.fit.restype = ctypes.c_int64, ctypes.c_double
    return loaded


def _at(a: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(a.ctypes.data)


def _generate(loops: Any, n: int, bits: int, seed: int) -> tuple[Any, np.ndarray]:
    x, column = np.empty(MOST * n, np.float32), np.empty(MOST * n, np.int32)
    start, y = np.empty(n + 1, np.int32), np.empty(n)
    size = loops.generate(ctypes.c_int64(n), bits, seed, _at(x), _at(column), _at(start), _at(y))
    return sparse.csr_array((x[:size].copy(), column[:size].copy(), start), shape=(n, 1 << bits)), y


class _Reference:
    """The reference's walk; `ahead` rows are prefetched."""

    def __init__(self, loops: Any, X: Any, y: np.ndarray, models: int, ahead: int) -> None:
        self.loops, self.X, self.y, self.models, self.ahead = loops, X, y, models, ahead
        self.rates = np.array(RATES if models == 8 else (0.5,), np.float32)

    def walk(self) -> float:
        n, d = self.X.shape
        self.weights = np.empty((d, self.models), np.float32)
        rows = _at(self.X.data), _at(self.X.indices), _at(self.X.indptr), _at(self.y)
        sizes = ctypes.c_int64(n), ctypes.c_int64(d)
        return self.loops.fit(*sizes, *rows, _at(self.rates), self.models, self.ahead, _at(self.weights))


class _Ours:
    """Our walk over the same rows."""

    def __init__(self, X: Any, y: np.ndarray, models: int, step: str) -> None:
        from esker.blocks import Block
        from esker.folds import Sgd

        self.block, self.make = Block(X, y), Sgd
        self.models, self.step = models, step
        self.rates = RATES if models == 8 else (0.5,)

    def walk(self) -> float:
        scale = "feature" if self.step == "auto" else "raw"
        state = self.make("log_loss", [0] * self.models, self.rates, penalty_scale=scale, step=self.step)
        state.widen(self.block.X.shape[1])
        state.update_rows(self.block, 0, 0)  # makes the table, which is not timed for either
        began = perf_counter()
        state.update(self.block)
        took = perf_counter() - began
        self.state = state
        return took

    @property
    def weights(self) -> np.ndarray:
        coef, _ = self.state.finish()
        return coef.T


def _error(X: Any, y: np.ndarray, weights: np.ndarray) -> float:
    """The least test error of the models."""
    return float(((X @ weights) * y[:, np.newaxis] <= 0).mean(axis=0).min())


def run(scale: str, runs: int = 5, bits: tuple[int, ...] = (16, 20, 22)) -> bool:
    """A line for each size of the table, number of models and step: the medians of walks in turns."""
    holds, n = True, ROWS[scale]
    with tempfile.TemporaryDirectory() as folder:
        loops = reference(Path(folder))
        for size in bits:
            X, y = _generate(loops, n, size, 7)
            X_test, y_test = _generate(loops, n // 10, size, 8)
            for models in (8, 1):
                walkers: dict[str, Any] = {
                    f"reference, {ahead} ahead": _Reference(loops, X, y, models, ahead) for ahead in (0, 4)
                }
                walkers |= {step: _Ours(X, y, models, step) for step in STEPS}
                took: dict[str, list[float]] = {name: [] for name in walkers}
                for _ in range(runs + 1):
                    for name, walker in walkers.items():
                        took[name].append(walker.walk())
                median = {name: statistics.median(t[1:]) for name, t in took.items()}
                best = min((name for name in median if name.startswith("reference")), key=median.__getitem__)
                for step in STEPS:
                    errors = [_error(X_test, y_test, walkers[name].weights) for name in (step, best)]
                    text = (
                        f"2^{size} features, {models} model{'s' if models > 1 else ''}, {step}: {1e3 * median[step]:.0f} ms, "
                        f"{best} {1e3 * median[best]:.0f} ms: {median[best] / median[step]:.2f}x (bound 1x), "
                        f"{X.nnz / median[step] / 1e6:.0f} M nonzeros/s, least test error {errors[0]:.4f} against {errors[1]:.4f}"
                    )
                    holds &= line(median[step] <= median[best], text)
    return holds

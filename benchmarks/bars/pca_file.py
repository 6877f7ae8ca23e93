"""PCA(50) of a float32 .npy file of 1M x 1000 within 512 MB, against scikit-learn's IncrementalPCA and the bare sums of products.

Ours and the bare sums take turns, each in a process of its own; IncrementalPCA is timed on a share of the rows, and its time scaled by them. The
file repeats a few panels of rows, so that the covariance is known. It is removed at the end.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy import linalg

from benchmarks.bars import line
from benchmarks.bars.ridge_file import _write
from benchmarks.contest import ROOT, thread_limits
from benchmarks.datasets import data_folder
from benchmarks.spectrum import rows

__all__ = ["run"]

COLUMNS, COMPONENTS, LIMIT = 1000, 50, 512_000_000
#: Rows of a part, and how often it is repeated; rows that scikit-learn is timed on.
SHAPE = {"small": (16_384, 4, 10_000), "full": (65_536, 16, 50_000)}
FASTER, FLOOR, CAPTURED = 40.0, 1.3, 1e-6


def run(scale: str, runs: int = 3) -> bool:
    """Write, fit in turns, compare."""
    part, times, share = SHAPE[scale]
    full = scale == "full"
    with tempfile.TemporaryDirectory(prefix="pca-file-", dir=data_folder()) as folder:
        path = Path(folder) / "rows.npy"
        X = rows(part, COLUMNS, np.float32)[0]
        _write(path, X, times)
        with ExitStack() as stack:
            ours, bare = (stack.enter_context(_Side(name, path)) for name in ("pca", "gram"))
            first = ours.go()
            bare.go()
            took = [(ours.go()["seconds"], bare.go()["seconds"]) for _ in range(runs)]
        with _Side("sklearn", path, share) as theirs:
            sample = theirs.go()
    seconds, floor = (statistics.median(t) for t in zip(*took))
    n = part * times
    scaled = sample["seconds"] * n / share
    holds = line(
        scaled / seconds >= FASTER or not full,
        f"{n:,} x {COLUMNS}: {seconds:.2f} s; scikit-learn's IncrementalPCA {scaled:.0f} s, scaled from {sample['seconds']:.1f} s of {share:,} rows: "
        f"{scaled / seconds:.0f}x (>= {FASTER:g}x)",
    )
    holds &= line(
        seconds <= FLOOR * floor or not full,
        f"the bare sums of products {floor:.2f} s: {seconds / floor:.2f}x of them (<= {FLOOR:g}x)",
    )
    holds &= line(first["peak"] <= LIMIT, f"peak {first['peak'] / 1e6:.0f} MB (<= {LIMIT / 1e6:.0f} MB)")
    C = X.astype(np.float64)
    C -= C.mean(axis=0)
    S = C.T @ C
    best = float(linalg.eigh(S, eigvals_only=True, subset_by_index=[COLUMNS - COMPONENTS, COLUMNS - 1]).sum())
    V = np.asarray(first["components"])
    captured = float(np.einsum("ij,ij->", V @ S, V))
    return holds & line(
        abs(1 - captured / best) <= CAPTURED
        and abs(1 - first["variance"] * (n - 1) / n * part / best) <= CAPTURED,
        f"captured variance {abs(1 - captured / best):.1e} below the exact one (<= {CAPTURED:.0e}), and told to "
        f"{abs(1 - first['variance'] * (n - 1) / n * part / best):.1e}",
    )


class _Side:
    """The parent's end of a contender's process."""

    def __init__(self, name: str, path: Path, share: int = 0) -> None:
        self.command = [sys.executable, "-m", "benchmarks.bars.pca_file", name, str(path), str(share)]

    def __enter__(self) -> _Side:
        pipe = subprocess.PIPE
        environment = {**os.environ, **thread_limits(2)}
        self._child = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment
        )
        self._hear()
        return self

    def _hear(self) -> Any:
        said = self._child.stdout.readline()
        if not said:
            raise RuntimeError(f"{self.command} ended with {self._child.wait()}")
        return json.loads(said)

    def go(self) -> dict[str, Any]:
        """One run; peak: of its anonymous memory beyond what it had."""
        from esker.demo.watch import Watch, anonymous_bytes

        before = anonymous_bytes(self._child.pid) or 0
        with Watch(self._child.pid, interval=0.01) as watch:
            self._child.stdin.write("go\n")
            self._child.stdin.flush()
            found = self._hear()
            found["peak"] = (watch.look() or 0) - before
        return found

    def __exit__(self, *problem: object) -> None:
        if problem[0] is not None:
            self._child.kill()
        with self._child:
            pass


def _pca(path: str, share: int) -> dict[str, Any]:
    import esker
    from esker.decomposition import PCA

    began = perf_counter()
    model = PCA(COMPONENTS).fit(esker.open_blocks(path, max_memory=LIMIT))
    seconds = perf_counter() - began
    variance = float(model.explained_variance_.sum(dtype=np.float64))
    return {"seconds": seconds, "variance": variance, "components": model.components_.tolist()}


def _gram(path: str, share: int) -> dict[str, Any]:
    import esker
    from esker.folds import Gram

    began = perf_counter()
    esker.open_blocks(path, max_memory=LIMIT).fold(Gram())
    return {"seconds": perf_counter() - began}


def _sklearn(path: str, share: int) -> dict[str, Any]:
    from sklearn.decomposition import IncrementalPCA

    X = np.load(path, mmap_mode="r")[:share]
    began = perf_counter()
    IncrementalPCA(COMPONENTS).fit(X)
    return {"seconds": perf_counter() - began}


def main() -> None:
    """A contender's process: a run on every line read."""
    name, path, share = sys.argv[1:]
    contender = {"pca": _pca, "gram": _gram, "sklearn": _sklearn}[name]
    import sklearn.decomposition  # noqa: F401  (imports are not the fit's)

    import esker.decomposition  # noqa: F401

    print("{}", flush=True)
    for _ in sys.stdin:
        print(json.dumps(contender(path, int(share))), flush=True)


if __name__ == "__main__":
    main()

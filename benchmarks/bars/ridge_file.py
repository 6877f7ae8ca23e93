"""Ridge over a cold .npy of 20 GB float32 (5M x 1000) within 1 GB, against the larger of reading it and of the Gram's floor.

The file repeats a few panels of rows, so that it is written fast and the optimum is that of those rows. It is removed at the end.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.bars import line
from benchmarks.bars.gram_share import peak, seconds
from benchmarks.bars.out_of_core import fit
from benchmarks.datasets import data_folder
from benchmarks.spectrum import Optimum, rows

__all__ = ["run"]

COLUMNS, PART = 1000, 1 << 16
TIMES = {"small": 2, "middle": 12, "full": 76}  # 5M rows
LIMIT, RATIO, GAP, ALPHA = 1_000_000_000, 1.35, 1e-6, 1.0


def run(scale: str) -> bool:
    """Write, read cold, fit cold, compare; one line each for time, memory and the gap."""
    times = TIMES[scale]
    with tempfile.TemporaryDirectory(prefix="ridge-file-", dir=data_folder()) as folder:
        path = Path(folder) / "rows.npy"
        X, y = rows(PART, COLUMNS, np.float32)
        _write(path, np.column_stack([X, y]), times)
        _forget(path)
        reading = seconds(lambda: _read(path))
        gemm, operations = peak(np.float32)
        gemm()
        floor = PART * times * COLUMNS * (COLUMNS + 1) * min(seconds(gemm) for _ in range(3)) / operations
        _forget(path)
        job = {
            "path": str(path),
            "open": {"target": COLUMNS, "max_memory": LIMIT},
            "model": "Ridge",
            "options": {"alpha": ALPHA, "solver": "cholesky"},
            "out": str(Path(folder) / "coef.npz"),
        }
        found = fit(job)
        size = os.path.getsize(path)
    gap = Optimum(X, y, ALPHA / times).gap(found["coef"], found["intercept"])
    ratio = found["seconds"] / max(reading, floor)
    holds = line(
        ratio <= RATIO or scale == "small",
        f"{size / 1e9:.1f} GB, {PART * times:,} x {COLUMNS}: {found['seconds']:.1f} s; reading {reading:.1f} s, Gram floor "
        f"{floor:.1f} s: {ratio:.2f}x the larger (<= {RATIO:g}x)",
    )
    holds &= line(found["peak"] <= LIMIT, f"peak {found['peak'] / 1e6:.0f} MB (<= {LIMIT / 1e6:.0f} MB)")
    return holds & line(gap <= GAP, f"objective gap {gap:.1e} (<= {GAP:.0e})")


def _write(path: Path, part: np.ndarray, times: int) -> None:
    with open(path, "wb") as file:
        shape = (len(part) * times, part.shape[1])
        header = {"descr": np.lib.format.dtype_to_descr(part.dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(times):
            part.tofile(file)
        file.flush()
        os.fsync(file.fileno())


def _forget(path: Path) -> None:
    """The file's pages leave the page cache."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read(path: Path) -> None:
    """Read once in sequence, as plainly as can be."""
    buffer = bytearray(16 << 20)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass

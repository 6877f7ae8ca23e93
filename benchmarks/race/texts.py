"""A data set's training rows as svmlight text and as Vowpal Wabbit's, the same digits in both, written once and kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from scipy import sparse

from benchmarks.datasets import Split, data_folder

__all__ = ["drop_from_cache", "texts", "vw_rows"]

#: Rows written at a time.
ROWS = 4096


@dataclass(frozen=True)
class Texts:
    """Where the two files are."""

    svmlight: Path
    vw: Path


def _svmlight(X: Any, y: np.ndarray, out: BinaryIO, *, vw: bool) -> None:
    """Rows with values of six significant digits, columns from 1."""
    from io import BytesIO

    from sklearn.datasets import dump_svmlight_file

    for begin in range(0, len(y), ROWS):
        some = sparse.csr_matrix(X[begin : begin + ROWS], dtype=np.float64)
        size = 10.0 ** (5 - np.floor(np.log10(np.maximum(np.abs(some.data), 1e-30))))
        some.data = np.rint(some.data * size) / size
        text = BytesIO()
        dump_svmlight_file(some, y[begin : begin + ROWS].astype(np.int64), text, zero_based=False)
        lines = b"\n" + text.getvalue()
        if vw:
            lines = lines.replace(b"\n1 ", b"\n1 | ").replace(b"\n-1 ", b"\n-1 | ")
        out.write(lines[1:])


def vw_rows(X: Any, y: np.ndarray, out: BinaryIO) -> None:
    """Rows as Vowpal Wabbit's text."""
    _svmlight(X, y, out, vw=True)


def texts(split: Split) -> Texts:
    """The training rows' files, in the data folder."""
    stem = data_folder() / f"race-{split.name}-{len(split.y)}"
    found = Texts(stem.with_name(f"{stem.name}.svmlight"), stem.with_name(f"{stem.name}.vw"))
    if not found.svmlight.exists():
        part = found.svmlight.with_name("part.svmlight")
        with part.open("wb") as out:
            _svmlight(split.X, split.y, out, vw=False)
        part.rename(found.svmlight)
    if not found.vw.exists():
        part = found.vw.with_name("part.vw")
        with found.svmlight.open("rb") as file, part.open("wb") as out:
            while piece := file.read(1 << 24):
                lines = b"\n" + piece + file.readline()
                out.write(lines.replace(b"\n1 ", b"\n1 | ").replace(b"\n-1 ", b"\n-1 | ")[1:])
        part.rename(found.vw)
    return found


def drop_from_cache(path: Path) -> None:
    """Ask the kernel to forget a file's pages, so that it is read from the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

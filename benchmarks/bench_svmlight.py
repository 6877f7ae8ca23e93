"""svmlight text to a matrix in memory, beside scikit-learn's load_svmlight_file; the matrices must be the same to the bit."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender
from benchmarks.datasets import data_folder
from benchmarks.files import svmlight_bytes
from benchmarks.generate import rcv1_like, sparse_text

#: Rows of short numbers, 1 GB at full scale; of long ones, some 115 MB.
ROWS = {"small": 20_000, "full": 1_760_000}
LONG_ROWS = {"small": 4_000, "full": 60_000}


@dataclass(frozen=True)
class Text:
    """An svmlight file."""

    name: str
    path: Path

    def __repr__(self) -> str:
        return f"{self.name} ({self.path.stat().st_size / 1e6:,.0f} MB of text)"


def _written(name: str, rows: int, text: Any) -> Text:
    path = data_folder() / f"{name.split(',')[0].replace(' ', '-')}-{rows}.svmlight"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as out:
            out.writelines(text())
        unfinished.rename(path)
    return Text(name, path)


def short_text(scale: str) -> Text:
    """Values of four decimals, 2,000 columns."""
    made = sparse_text(ROWS[scale])
    return _written("sparse-text, %.4f", ROWS[scale], lambda: (svmlight_bytes(*b) for b in made))


def long_text(scale: str) -> Text:
    """Values of 16 digits, 47,152 columns, as scikit-learn writes them."""

    def text() -> Any:
        made = rcv1_like(LONG_ROWS[scale], dtype=np.float64)
        for X, y in made:
            columns, values = (X.indices + 1).tolist(), X.data.tolist()
            pairs = [f"{j}:{v:.16g}" for j, v in zip(columns, values)]
            for i, label in enumerate(y):
                yield f"{label:g} {' '.join(pairs[X.indptr[i] : X.indptr[i + 1]])}\n".encode()

    return _written("rcv1-like text, %.16g", LONG_ROWS[scale], text)


def sklearn_load(data: Text) -> tuple[Any, Any]:
    """load_svmlight_file."""
    from sklearn.datasets import load_svmlight_file

    return load_svmlight_file(str(data.path), zero_based=False)


def quality(data: Text, parsed: tuple[Any, Any]) -> dict[str, float]:
    """What tells two matrices apart: shape and a checksum over values, columns, row starts and labels."""
    X, y = parsed
    checksum = 0
    for part, dtype in ((X.data, np.float64), (X.indices, np.int64), (X.indptr, np.int64), (y, np.float64)):
        checksum = zlib.crc32(np.ascontiguousarray(part, dtype=dtype), checksum)
    return {"rows": X.shape[0], "columns": X.shape[1], "nnz": X.nnz, "crc32": checksum}


CELLS = [
    Cell(
        f"svmlight/{name}",
        load,
        [Contender("esker", lambda data: ours.parse(data.path)), Contender("scikit-learn", sklearn_load)],
        quality,
        lambda data: {"file bytes": data.path.stat().st_size},
    )
    for name, load in (("short", short_text), ("long", long_text))
]

test_svmlight = suite(CELLS)

"""A table like those of click-through rates: 13 counts, 26 categories with Zipf frequencies, a logistic truth with crosses.

Made block by block from a counter, as in `benchmarks.generate`, and written as it is made: to Parquet, and to Vowpal Wabbit's text
with the same features (numbers in logarithmic bins, crosses by ``-q`` of one-column namespaces).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CROSSES", "CtrTable", "write_parquet", "write_vw"]

#: Different values of each category, as a published set of 39 fields has them, the longest cut at 200,000.
SIZES = (1460, 583, 200_000, 200_000, 305, 24, 12_517, 633, 3, 93_145, 5683, 200_000, 3194)
SIZES += (27, 14_992, 200_000, 10, 5652, 2173, 4, 200_000, 18, 15, 200_000, 105, 142_572)
#: Pairs of category columns of which the truth, and the learners, take the product.
CROSSES = ((0, 8), (1, 5), (16, 22))
NUMBERS = 13


class CtrTable:
    """Rows of a table: `columns(i)` are those of block i.

    Parameters
    ----------
    n : int
    seed : int
    first : int
        The number of the first block: tables that share none have the same truth and other rows.
    """

    block_rows = 50_000

    def __init__(self, n: int, seed: int = 0, first: int = 0) -> None:
        self.n, self.seed, self.first = n, seed, first
        self._cumulated = {size: np.cumsum(1 / np.arange(1, size + 1) ** 1.1) for size in set(SIZES)}
        self.names = [np.array([f"{h:08x}" for h in self._hashes(k, size)]) for k, size in enumerate(SIZES)]
        truth = self._rng(1)
        self._effects = [truth.normal(0, 0.35, size) for size in SIZES]
        self._slopes = truth.normal(0, 0.15, NUMBERS)
        self._crossed = [truth.normal(0, 0.8, (SIZES[a], SIZES[b])) for a, b in CROSSES]

    def _rng(self, stream: int, index: int = 0) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, index, stream]))

    @staticmethod
    def _hashes(k: int, size: int) -> Any:
        with np.errstate(over="ignore"):
            return (np.arange(size, dtype=np.uint32) * np.uint32(2654435761)) ^ np.uint32(40_503 * (k + 1))

    @property
    def n_blocks(self) -> int:
        return -(-self.n // self.block_rows)

    def block(self, i: int) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
        """Counts (NaN where missing), codes of categories (-1 where missing), and the clicks, of block i."""
        rng, n = self._rng(2, self.first + i), self.block_rows
        counts = [np.floor(rng.lognormal(1 + 0.4 * j, 1.5, n)) for j in range(NUMBERS)]
        codes = []
        for size in SIZES:
            cumulated = self._cumulated[size]
            codes.append(np.searchsorted(cumulated, rng.random(n) * cumulated[-1]).astype(np.int32))
        margin = -1.6 + sum(s * np.log1p(c) for s, c in zip(self._slopes, counts))
        margin = margin + sum(effect[code] for effect, code in zip(self._effects, codes))
        margin = margin + sum(t[codes[a], codes[b]] for t, (a, b) in zip(self._crossed, CROSSES))
        y = (rng.random(n) < 1 / (1 + np.exp(-margin))).astype(np.int64)
        for j in range(0, NUMBERS, 3):
            counts[j][rng.random(n) < 0.2] = np.nan
        for k in range(2, len(SIZES), 5):
            codes[k][rng.random(n) < 0.05] = -1
        keep = min(n, self.n - i * n)
        return [c[:keep] for c in counts], [c[:keep] for c in codes], y[:keep]

    def __iter__(self) -> Iterator[tuple[list[np.ndarray], list[np.ndarray], np.ndarray]]:
        return (self.block(i) for i in range(self.n_blocks))


def write_parquet(table: CtrTable, path: str | os.PathLike[str]) -> int:
    """Write I1..I13 (float64), C1..C26 (string) and y; returns the bytes."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    writer = None
    for counts, codes, y in table:
        columns = {f"I{j + 1}": pa.array(c, from_pandas=True) for j, c in enumerate(counts)}
        for k, code in enumerate(codes):
            values = np.where(code < 0, None, table.names[k][code])
            columns[f"C{k + 1}"] = pa.array(values, pa.string())
        batch = pa.table({**columns, "y": y})
        writer = writer or parquet.ParquetWriter(str(path), batch.schema)
        writer.write_table(batch)
    if writer is not None:
        writer.close()
    return Path(path).stat().st_size


def write_vw(table: CtrTable, path: str | os.PathLike[str]) -> int:
    """Write the same rows for Vowpal Wabbit; the columns of crosses have namespaces of their own, named a, b, ..."""
    alone = sorted({k for cross in CROSSES for k in cross})
    with open(path, "w") as out:
        for counts, codes, y in table:
            bins = [np.floor(4 * np.log2(np.where(c > 0, c, 1))) for c in counts]
            numbers = [
                np.where(
                    np.isnan(c), f"I{j + 1}=", np.where(c == 0, f"I{j + 1}=0", _joined(f"I{j + 1}=b", b))
                )
                for j, (c, b) in enumerate(zip(counts, bins))
            ]
            texts = [
                np.where(code < 0, f"C{k + 1}=", _joined(f"C{k + 1}=", table.names[k][code]))
                for k, code in enumerate(codes)
            ]
            label = np.where(y == 1, "1", "-1")
            pieces = [label, np.full(len(y), "|n"), *numbers]
            pieces += [t for k, t in enumerate(texts) if k not in alone]
            for letter, k in zip("abcdefgh", alone):
                pieces += [np.full(len(y), f"|{letter}"), texts[k]]
            out.writelines(" ".join(row) + "\n" for row in zip(*(p.tolist() for p in pieces)))
    return Path(path).stat().st_size


def vw_crosses() -> str:
    """The ``-q`` options for `write_vw`'s namespaces."""
    alone = sorted({k for cross in CROSSES for k in cross})
    letter = dict(zip(alone, "abcdefgh"))
    return " ".join(f"-q {letter[a]}{letter[b]}" for a, b in CROSSES)


def _joined(prefix: str, values: np.ndarray) -> np.ndarray:
    words = values.astype(np.int64).astype(str) if values.dtype.kind == "f" else values
    return np.char.add(prefix, words)

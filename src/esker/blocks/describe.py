"""What a source holds, in one walk: rows, columns, density, and the target's classes or moments."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from esker.blocks.buffer import stored

if TYPE_CHECKING:
    from esker.blocks.base import Blocks

__all__ = ["describe"]

#: A target with at most so many distinct values is told by their counts.
CLASSES = 50


class _Target:
    """One column of y: counts while its values are few, moments of its numbers (Chan's update) in any case."""

    def __init__(self) -> None:
        self.counts: Counter[Any] | None = Counter()
        self.n, self.mean, self.m2 = 0, 0.0, 0.0
        self.low, self.high = np.inf, -np.inf
        self.dtype = ""

    def update(self, y: Any) -> None:
        self.dtype = str(y.dtype)
        if self.counts is not None:
            values, counts = np.unique(y, return_counts=True)
            if len(values) > CLASSES or len(self.counts) > CLASSES:
                self.counts = None
            else:
                self.counts.update(dict(zip(values.tolist(), counts.tolist())))
                if len(self.counts) > CLASSES:
                    self.counts = None
        if y.dtype.kind not in "biuf" or len(y) == 0:
            return
        y = y.astype(np.float64, copy=False)
        mean, total = float(y.mean()), self.n + len(y)
        delta = mean - self.mean
        self.m2 += float(((y - mean) ** 2).sum()) + delta * delta * self.n * len(y) / total
        self.mean += delta * len(y) / total
        self.n = total
        self.low, self.high = min(self.low, float(y.min())), max(self.high, float(y.max()))

    def result(self) -> dict[str, Any]:
        said: dict[str, Any] = {"dtype": self.dtype}
        if self.counts is not None:
            said["counts"] = dict(sorted(self.counts.items()))
        if self.n:
            said |= {
                "mean": self.mean,
                "std": float(np.sqrt(self.m2 / self.n)),
                "min": self.low,
                "max": self.high,
            }
        return said


def describe(blocks: Blocks) -> dict[str, Any]:
    """The facts, as plain Python values; see `Blocks.describe`."""
    rows = columns = numbers = nonzeros = held = 0
    targets: list[_Target] = []
    weight: float | None = None
    indices = None
    for block in blocks:
        x = block.X
        rows, columns, held = rows + len(block), max(columns, x.shape[1]), held + block.nbytes
        numbers += stored(x)
        nonzeros += int(np.count_nonzero(x if isinstance(x, np.ndarray) else x.data))
        if not isinstance(x, np.ndarray):
            indices = str(x.indices.dtype)
        if block.y is not None:
            y = block.y.reshape(len(block), -1)
            targets = targets or [_Target() for _ in range(y.shape[1])]
            for j, target in enumerate(targets):
                target.update(y[:, j])
        if block.sample_weight is not None:
            weight = (weight or 0.0) + float(block.sample_weight.sum())
    return {
        "source": blocks.source,
        "rows": rows,
        "columns": columns,
        "kind": "dense" if indices is None else "sparse",
        "dtype": str(blocks.dtype),
        "index_dtype": indices,
        "stored": numbers,
        "nonzeros": nonzeros,
        "density": nonzeros / (rows * columns) if rows and columns else 0.0,
        "bytes_in_memory": held,
        "bytes_on_disk": sum(os.path.getsize(f) for f in blocks.files) if blocks.files else None,
        "targets": [target.result() for target in targets],
        "weight": weight,
        "feature_names": blocks.feature_names,
    }

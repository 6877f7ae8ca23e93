"""What a source holds, in one walk: rows, columns, density, and the target's classes or moments."""

from __future__ import annotations

import os
from collections import Counter
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from esker.blocks.about import about
from esker.blocks.buffer import stored
from esker.blocks.records import Records, Strings

if TYPE_CHECKING:
    from esker.blocks.base import Blocks

__all__ = ["described", "walked"]

#: A target with at most so many distinct values is told by their counts.
CLASSES = 50
#: Different values of a column of records are counted up to here.
DISTINCT = 10_000
#: How many of them are shown, and of a text how many characters.
EXAMPLES, LONG = 3, 40
_KINDS = {"b": "bool", "i": "integer", "u": "integer", "f": "number", "M": "date", "m": "duration"}


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


class _Column:
    """One column of Records: what it holds, how many values miss, how many there are of different ones."""

    def __init__(self) -> None:
        self.kind = ""
        self.missing = 0
        self.seen: dict[Any, None] | None = {}
        self.examples: list[Any] = []

    def update(self, column: Any) -> None:
        if isinstance(column, Strings):
            self.kind = "text"
            self.missing += 0 if column.missing is None else int(column.missing.sum())
            values = self._texts(column)
        else:
            self.kind = _KINDS.get(column.dtype.kind, str(column.dtype))
            gone = (
                np.isnan(column)
                if column.dtype.kind == "f"
                else np.isnat(column)
                if column.dtype.kind in "mM"
                else None
            )
            self.missing += 0 if gone is None else int(gone.sum())
            values = (
                [] if self.seen is None else np.unique(column if gone is None else column[~gone]).tolist()
            )
        if self.seen is None:
            return
        self.seen |= dict.fromkeys(values)
        self.examples = self.examples or values[:EXAMPLES]
        if len(self.seen) > DISTINCT:
            self.seen = None

    def _texts(self, column: Strings) -> list[str]:
        """The different texts, as long as they are to be counted."""
        if self.seen is None:
            return []
        if column.codes is None:
            found = dict.fromkeys(column.tolist())
        else:
            gone = np.zeros(len(column.codes), np.bool_) if column.missing is None else column.missing
            texts = Strings(column.data, column.offsets)
            found = dict.fromkeys(texts.take(np.unique(column.codes[~gone])).tolist())
        return [text for text in found if text is not None]

    def result(self) -> dict[str, Any]:
        shown = [
            e if not isinstance(e, str) or len(e) <= LONG else e[: LONG - 3] + "..." for e in self.examples
        ]
        distinct = None if self.seen is None else len(self.seen)
        return {"kind": self.kind, "missing": self.missing, "distinct": distinct, "examples": shown}


def walked(blocks: Blocks) -> dict[str, Any]:
    """The facts of the rows, from reading them."""
    rows = columns = numbers = nonzeros = held = 0
    targets: list[_Target] = []
    records: dict[str, _Column] = {}
    weight: float | None = None
    indices = None
    for block in blocks:
        x = block.X
        rows, columns, held = rows + len(block), max(columns, x.shape[1]), held + block.nbytes
        if isinstance(x, Records):
            for name, column in x.columns.items():
                records.setdefault(name, _Column()).update(column)
        else:
            numbers += stored(x)
            nonzeros += int(np.count_nonzero(x if isinstance(x, np.ndarray) else x.data))
        if not isinstance(x, np.ndarray | Records):
            indices = str(x.indices.dtype)
        if block.y is not None:
            y = block.y.reshape(len(block), -1)
            targets = targets or [_Target() for _ in range(y.shape[1])]
            for j, target in enumerate(targets):
                target.update(y[:, j])
        if block.sample_weight is not None:
            weight = (weight or 0.0) + float(block.sample_weight.sum())
    told = bool(records)
    return {
        "source": blocks.source,
        "rows": rows,
        "columns": columns,
        "kind": "records" if told else "dense" if indices is None else "sparse",
        "dtype": None if told else str(blocks.dtype),
        "index_dtype": indices,
        "stored": None if told else numbers,
        "nonzeros": None if told else nonzeros,
        "density": None if told else nonzeros / (rows * columns) if rows and columns else 0.0,
        "bytes_in_memory": held,
        "bytes_on_disk": sum(os.path.getsize(f) for f in blocks.files) if blocks.files else None,
        "targets": [target.result() for target in targets],
        "weight": weight,
        "feature_names": blocks.feature_names,
        "records": {name: column.result() for name, column in records.items()} or None,
    }


def described(blocks: Blocks) -> dict[str, Any]:
    """See `Blocks.describe`."""
    began = perf_counter()
    facts = blocks.footer()
    facts = walked(blocks) if facts is None else {**facts, "records": None}
    return {**facts, **about(blocks), "seconds": round(perf_counter() - began, 3)}

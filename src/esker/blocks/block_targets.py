"""Targets as a block file stores them, numbers as they are and strings as codes, and what its footer says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError

__all__ = ["Labels", "Targets"]

#: A target with at most so many distinct values is told by their counts.
CLASSES = 50


class Labels:
    """Targets as numbers: as they are, or, for strings, as codes by first appearance."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.shape: tuple[int, ...] | None = None
        self.dtype: np.dtype[Any] | None = None

    def numbers(self, y: NDArray[Any] | None, first: bool, source: str) -> NDArray[Any] | None:
        shape = None if y is None else y.shape[1:]
        if not first and shape != self.shape:
            raise FormatError(
                f"every block must have targets of one shape, got {shape} after {self.shape}", source
            )
        self.shape = shape
        if y is None:
            return None
        if y.dtype.kind in "OUST":
            y = self.coded(y, source)
        elif y.dtype.kind in "iu":
            if y.dtype.itemsize == 8 and y.dtype.kind == "u" and len(y) and y.max() > np.iinfo(np.int64).max:
                raise ValueError(f"integer targets must be below 2^63, got {y.max()}")
            y = y.astype(np.int64, copy=False)
        elif y.dtype.kind == "f" and y.dtype.itemsize not in (4, 8):
            y = y.astype(np.float64)
        elif y.dtype.kind not in "fb":
            raise ValueError(f"targets must be numbers or strings, got dtype {y.dtype}")
        if not first and y.dtype != self.dtype:
            raise FormatError(
                f"every block must have targets of one dtype, got {y.dtype} after {self.dtype}", source
            )
        self.dtype = y.dtype
        return y

    def coded(self, y: NDArray[Any], source: str) -> NDArray[np.int32]:
        odd = (
            next((v for v in y.reshape(-1).tolist() if not isinstance(v, str)), None)
            if y.dtype.kind == "O"
            else None
        )
        if odd is not None or y.dtype.kind == "S":
            raise ValueError(
                f"labels must all be strings, or all be numbers, got {odd!r} ({y.dtype}) in {source}"
            )
        values, where = np.unique(y.astype(object) if y.dtype.kind == "T" else y, return_inverse=True)
        for value in values.tolist():
            self.codes.setdefault(value, len(self.codes))
        codes = np.array([self.codes[value] for value in values.tolist()], np.int32)
        return codes[where].reshape(y.shape)


class Targets:
    """What the footer says of each target: counts while its values are few, and moments of numbers (Chan's update)."""

    def __init__(self) -> None:
        self.columns: list[_Target] | None = None

    def update(self, y: NDArray[Any] | None) -> None:
        if y is None:
            return
        columns = y.reshape(len(y), -1)
        if self.columns is None:
            self.columns = [_Target() for _ in range(columns.shape[1])]
        for j, target in enumerate(self.columns):
            target.update(columns[:, j])

    def facts(self) -> list[dict[str, Any]]:
        return [target.facts() for target in self.columns or ()]


class _Target:
    def __init__(self) -> None:
        self.counts: dict[Any, int] | None = {}
        self.n, self.mean, self.m2 = 0, 0.0, 0.0
        self.low, self.high = np.inf, -np.inf

    def update(self, y: NDArray[Any]) -> None:
        if self.counts is not None:
            values, counts = np.unique(y.astype(object) if y.dtype.kind == "T" else y, return_counts=True)
            odd = y.dtype.kind == "f" and not np.isfinite(values).all()  # JSON has no name for them
            if odd:
                self.counts = None
            elif len(values) <= CLASSES:
                for value, count in zip(values.tolist(), counts.tolist()):
                    self.counts[value] = self.counts.get(value, 0) + count
            if self.counts is not None and (len(values) > CLASSES or len(self.counts) > CLASSES):
                self.counts = None
        if y.dtype.kind not in "biuf":
            return
        y = y.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            mean, total = float(y.mean()), self.n + len(y)
            delta = mean - self.mean
            self.m2 += float(((y - mean) ** 2).sum()) + delta * delta * self.n * len(y) / total
            self.mean += delta * len(y) / total
        self.n = total
        # NaN stays, as numpy has it.
        self.low = float(np.minimum(self.low, y.min()))
        self.high = float(np.maximum(self.high, y.max()))

    def facts(self) -> dict[str, Any]:
        counts = None if self.counts is None else [[v, n] for v, n in self.counts.items()]
        said: dict[str, Any] = {"counts": counts, "n": self.n}
        if self.n:
            said |= {"mean": self.mean, "m2": self.m2, "min": self.low, "max": self.high}
        return said

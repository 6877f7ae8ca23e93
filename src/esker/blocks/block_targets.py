"""Targets as a block file stores them: numbers as they are, strings as codes by first appearance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError

__all__ = ["Labels"]


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

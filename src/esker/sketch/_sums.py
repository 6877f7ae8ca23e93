"""Sums: the state of a sketch that is a sum over rows, kept as plain matrices in float64; SummedSketch, whose state it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from esker.sketch._base import Rows, RowSketcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["SummedSketch", "Sums"]


class Sums:
    """S X and S y; `apply(x, roots, keys)` gives S of some rows times their roots of weights (None: ones)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.x, self.y = np.zeros((size, 0)), np.zeros((size, 0))

    def add(
        self, block: Block, apply: Callable[[Any, NDArray[np.float64] | None, NDArray[np.int64]], Any]
    ) -> None:
        roots = None if block.sample_weight is None else np.sqrt(block.sample_weight)
        y = block.raw_y()
        self.widen(block.X.shape[1], 0 if y is None else y.shape[1])
        keys = block.keys
        self.x[:, : block.X.shape[1]] += apply(block.X, roots, keys)
        if y is not None:
            self.y += apply(y, roots, keys)

    def widen(self, columns: int, targets: int) -> None:
        for name, wanted in (("x", columns), ("y", targets)):
            missing = wanted - getattr(self, name).shape[1]
            if missing > 0:
                setattr(self, name, np.pad(getattr(self, name), ((0, 0), (0, missing))))

    def merge(self, other: Sums) -> None:
        self.widen(other.x.shape[1], other.y.shape[1])
        self.x[:, : other.x.shape[1]] += other.x
        self.y[:, : other.y.shape[1]] += other.y


class SummedSketch(RowSketcher):
    """Base of the sketches that `_apply`, S of some rows, tells from each other."""

    def _apply(
        self, x: Any, roots: NDArray[np.float64] | None, keys: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        raise NotImplementedError

    def _start(self) -> Sums:
        return Sums(self.size)

    def _absorb(self, block: Block) -> None:
        self._state.add(block, self._apply)

    def _rows(self) -> Rows:
        self._state.widen(self.n_features_in_, self.n_targets_)
        return Rows(self._state.x, self._state.y)

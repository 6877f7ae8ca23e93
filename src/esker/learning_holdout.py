"""Rows held out of learning, chosen by (seed, row key), so that every walk leaves out the same ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse

from esker._native import core
from esker.blocks import Block
from esker.learning_stream import mean_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.folds import Sgd

__all__ = ["HeldOut", "Visited", "hold_out", "without_held_out"]

#: At most so many held-out rows, and so many of their numbers, are kept to be scored.
ROWS = 1 << 15
NUMBERS, SPARSE_NUMBERS = 1 << 21, 1 << 20
#: Fewer scored rows than this decide nothing.
ENOUGH = 50


def hold_out(block: Block, seed: int, fraction: float) -> tuple[Block, NDArray[np.int64]]:
    """The block without the held-out rows in its order, and the held-out rows."""
    order = np.arange(len(block), dtype=np.int64) if block.order is None else block.order
    if fraction <= 0:
        return replace(block, order=order), order[:0]
    learned, held = core.hold_out(seed, block.raw_keys(), order, fraction)
    return replace(block, order=learned), held


class Visited(NamedTuple):
    """A block as it is visited, the same without the held-out rows in its order, and those."""

    whole: Block
    block: Block
    held: NDArray[np.int64]


def without_held_out(seed: int, fraction: float) -> Callable[[Block], Visited]:
    """What makes of each block that `Blocks.visits` gives what a walk learns from and holds out."""
    return lambda whole: Visited(whole, *hold_out(whole, seed, fraction))


class HeldOut:
    """A bounded copy of the first held-out rows that came by, and the losses on them."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.rows = self.numbers = 0

    def add(self, block: Block, rows: NDArray[np.int64]) -> None:
        """Copy these rows of a block, as long as there is room."""
        room = min(rows.size, ROWS - self.rows)
        most = SPARSE_NUMBERS if sparse.issparse(block.X) else NUMBERS
        if room <= 0 or self.numbers >= most:
            return
        rows = rows[:room]
        numbers = (
            np.diff(block.X.indptr)[rows]
            if sparse.issparse(block.X)
            else np.full(rows.size, block.X.shape[1])
        )
        rows = rows[: int(np.searchsorted(self.numbers + np.cumsum(numbers), most))]
        if rows.size == 0:
            self.numbers = most
            return
        self.rows += rows.size
        self.numbers += int(numbers[: rows.size].sum())
        weight = None if block.sample_weight is None else block.sample_weight[rows]
        y = None if block.y is None else block.y[rows]
        self.blocks.append(Block(_rows(block.X, rows), y, weight))

    @property
    def enough(self) -> bool:
        """Are there rows enough to decide by?"""
        return self.rows >= ENOUGH

    def loss(self, state: Sgd) -> NDArray[np.float64]:
        """Each lane's mean loss."""
        total: Any = 0.0
        weight = 0.0
        for block in self.blocks:
            loss, w, _ = state.evaluate(block)
            total, weight = total + loss, weight + w
        return mean_loss(np.asarray(total, dtype=np.float64) * np.ones(state.lanes), weight)

    # --- for a checkpoint ---

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {}
        for i, b in enumerate(self.blocks):
            if sparse.issparse(b.X):
                arrays |= {f"{i}/data": b.X.data, f"{i}/indices": b.X.indices, f"{i}/indptr": b.X.indptr}
                arrays[f"{i}/cols"] = np.array(b.X.shape[1])
            else:
                arrays[f"{i}/X"] = b.X
            if b.y is not None:
                arrays[f"{i}/y"] = b.y
            if b.sample_weight is not None:
                arrays[f"{i}/weight"] = b.sample_weight
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> HeldOut:
        self = cls()
        for i in range(len({name.split("/")[0] for name in arrays})):
            X: Any = arrays.get(f"{i}/X")
            if X is None:
                indptr = arrays[f"{i}/indptr"]
                shape = (len(indptr) - 1, int(arrays[f"{i}/cols"]))
                X = sparse.csr_array((arrays[f"{i}/data"], arrays[f"{i}/indices"], indptr), shape=shape)
            self.blocks.append(Block(X, arrays.get(f"{i}/y"), arrays.get(f"{i}/weight")))
            self.rows += X.shape[0]
            self.numbers += X.nnz if sparse.issparse(X) else X.size
        return self


def _rows(X: Any, rows: NDArray[np.int64]) -> Any:
    """A copy of some rows, in the layout and with the index type of X."""
    if not sparse.issparse(X):
        return np.ascontiguousarray(X[rows])
    some = X[rows]
    kind = X.indices.dtype
    parts = (some.data, some.indices.astype(kind, copy=False), some.indptr.astype(kind, copy=False))
    return sparse.csr_array(parts, shape=some.shape)

"""Rows held out of learning, chosen by (seed, row key) or by (seed, group), so that every walk leaves out the same ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import entr

from esker._native import core
from esker.blocks import Block
from esker.learning_stream import mean_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.folds import Sgd

__all__ = ["HeldOut", "Scores", "Visited", "hold_out", "standard_error", "without_held_out"]

#: The groups of the rows at some places of a block, as whole numbers.
GroupsOf = Callable[[Block, "NDArray[np.int64]"], "NDArray[np.int64]"]

#: At most so many held-out rows, and so many of their numbers, are kept to be scored.
ROWS = 1 << 15
NUMBERS, SPARSE_NUMBERS = 1 << 21, 1 << 20
#: Fewer scored rows than this decide nothing.
ENOUGH = 50


def hold_out(
    block: Block, seed: int, fraction: float, groups: GroupsOf | None = None
) -> tuple[Block, NDArray[np.int64]]:
    """The block without the held-out rows in its order, and the held-out rows; with `groups`, of whole ones."""
    order = np.arange(len(block), dtype=np.int64) if block.order is None else block.order
    if fraction <= 0:
        return replace(block, order=order), order[:0]
    if groups is not None:
        every = np.arange(len(order), dtype=np.int64)
        learned, held = core.hold_out(seed, groups(block, order), every, fraction)
        return replace(block, order=order[learned]), order[held]
    learned, held = core.hold_out(seed, block.raw_keys(), order, fraction)
    return replace(block, order=learned), held


class Visited(NamedTuple):
    """A block as it is visited, the same without the held-out rows in its order, and those."""

    whole: Block
    block: Block
    held: NDArray[np.int64]


def without_held_out(
    seed: int, fraction: float, groups: GroupsOf | None = None
) -> Callable[[Block], Visited]:
    """What makes of each block that `Blocks.visits` gives what a walk learns from and holds out."""
    return lambda whole: Visited(whole, *hold_out(whole, seed, fraction, groups))


def standard_error(
    values: NDArray[np.float64], weight: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> float:
    """The standard error of a weighted mean, rows (or, where there are some, groups) being independent.

    >>> round(standard_error(np.array([1.0, 3.0, 2.0, 2.0]), np.ones(4)) ** 2, 12)
    0.125
    """
    total = weight.sum()
    if not total > 0 or not np.isfinite(values).all():
        return float("inf")
    parts = weight * (values - weight @ values / total)
    if groups is not None:
        parts = np.bincount(groups, weights=parts)
    return float(np.sqrt(parts @ parts) / total)


@dataclass(frozen=True)
class Scores:
    """Losses on the held-out rows.

    Attributes
    ----------
    loss : ndarray of shape (lanes,)
        Mean losses.
    each : ndarray of shape (rows, lanes) or (rows, 1)
        Each row's, of every lane, or the sum of all lanes'.
    weight : ndarray of shape (rows,)
    groups : ndarray of shape (rows,) or None
    """

    loss: NDArray[np.float64]
    each: NDArray[np.float64]
    weight: NDArray[np.float64]
    groups: NDArray[np.int64] | None

    def rows(self, lanes: list[int]) -> NDArray[np.float64]:
        """Each row's mean loss over these lanes (all of them, where the sum is all there is)."""
        if self.each.shape[1] == len(self.loss):
            return np.asarray(self.each[:, lanes].mean(axis=1))
        return self.each[:, 0] / len(self.loss)

    def error(self, rows: NDArray[np.float64]) -> float:
        """The standard error of the mean of numbers that belong to the rows."""
        return standard_error(rows, self.weight, self.groups)


class HeldOut:
    """A bounded copy of the first held-out rows that came by, and the losses on them."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.groups: list[NDArray[np.int64]] = []
        self.rows = self.numbers = 0

    def add(self, block: Block, rows: NDArray[np.int64], groups: GroupsOf | None = None) -> None:
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
        keys = block.raw_keys()  # a loss that refuses a target names its row
        keys = keys[rows] if isinstance(keys, np.ndarray) else keys + rows
        self.blocks.append(Block(_rows(block.X, rows), y, weight, row_keys=keys))
        if groups is not None:
            self.groups.append(groups(block, rows))

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

    def scores(self, state: Sgd, *, apart: bool) -> Scores:
        """The losses of a state, each lane's apart or, of each row, all lanes' in sum."""
        total: Any = 0.0
        weight, each, weights = 0.0, [], []
        for block in self.blocks:
            loss, w, rows = state.row_losses(block, apart=apart)
            total, weight = total + loss, weight + w
            each.append(rows)
            weights.append(np.ones(len(block)) if block.sample_weight is None else block.sample_weight)
        groups = np.unique(np.concatenate(self.groups), return_inverse=True)[1] if self.groups else None
        mean = mean_loss(np.asarray(total, dtype=np.float64) * np.ones(state.lanes), weight)
        return Scores(mean, np.concatenate(each), np.concatenate(weights), groups)

    def entropy(self, *, joint: bool = False) -> float:
        """The entropy of the labels, in nats: `joint`, or the mean over labels of having it or another; 0 without labels."""
        labels = [b.y for b in self.blocks if b.y is not None]
        if not labels:
            return 0.0
        p = np.unique(np.concatenate(labels), return_counts=True)[1] / self.rows
        return float(np.sum(entr(p)) if joint else np.mean(entr(p) + entr(1 - p)))

    # --- for a checkpoint ---

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {"0/numbers": np.array(self.numbers)} if self.blocks else {}
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
            arrays[f"{i}/keys"] = b.keys
            if self.groups:
                arrays[f"{i}/groups"] = self.groups[i]
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
            y, weight = arrays.get(f"{i}/y"), arrays.get(f"{i}/weight")
            self.blocks.append(Block(X, y, weight, row_keys=arrays[f"{i}/keys"]))
            if f"{i}/groups" in arrays:
                self.groups.append(arrays[f"{i}/groups"])
            self.rows += X.shape[0]
        self.numbers = int(arrays.get("0/numbers", 0))  # also whether there is room for more
        return self


def _rows(X: Any, rows: NDArray[np.int64]) -> Any:
    """A copy of some rows, in the layout and with the index type of X."""
    if not sparse.issparse(X):
        return np.ascontiguousarray(X[rows])
    some = X[rows]
    kind = X.indices.dtype
    parts = (some.data, some.indices.astype(kind, copy=False), some.indptr.astype(kind, copy=False))
    return sparse.csr_array(parts, shape=some.shape)

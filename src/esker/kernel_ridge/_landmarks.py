"""The first walk: a uniform sample of the rows as a function of their keys, and what is known of the targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from esker._native import core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block
    from esker.linear_model._krylov_rows import Rows

__all__ = ["Drawn", "draw_landmarks"]


@dataclass
class Drawn:
    """What one walk tells.

    Attributes
    ----------
    X : ndarray of shape (m, d)
        The sampled rows, by ascending key, in the rows' dtype.
    keys, weight : ndarray of shape (m,)
    rows : int
        Of positive weight.
    total : float
        Of the weights.
    mean_y, spread_y : ndarray of shape (targets,)
        Weighted mean and standard deviation about it.
    level_y : ndarray of shape (targets,)
        The root of the weighted mean of squares.
    flat : bool
        Whether y has one dimension.
    """

    X: NDArray[Any]
    keys: NDArray[np.int64]
    weight: NDArray[np.float64]
    rows: int
    total: float
    mean_y: NDArray[np.float64]
    spread_y: NDArray[np.float64]
    level_y: NDArray[np.float64]
    flat: bool


class _Sample:
    """The rows with the smallest of the random numbers that belong to their keys."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self.most: int | None = None
        self.order = np.empty(0, np.uint64)
        self.rows: list[Any] = []
        self.keys, self.weight = np.empty(0, np.int64), np.empty(0)

    def update(self, block: Block) -> None:
        order = core.row_priorities(self.seed, block.raw_keys(), len(block))
        good = np.ones(len(block), bool) if block.sample_weight is None else block.sample_weight > 0
        if self.most is not None:
            good &= order < self.most
        at = np.flatnonzero(good)
        if len(at) > self.size:
            at = np.sort(at[np.argpartition(order[at], self.size - 1)[: self.size]])
        if not len(at):
            return
        weight = np.ones(len(at)) if block.sample_weight is None else block.sample_weight[at]
        X = block.X[at]
        self.rows.append(X.toarray() if sparse.issparse(X) else X)
        self.order = np.concatenate([self.order, order[at]])
        self.keys = np.concatenate([self.keys, block.keys[at]])
        self.weight = np.concatenate([self.weight, weight])
        if len(self.order) >= 2 * self.size:
            self.keep()

    def keep(self) -> None:
        """The sample so far, by key."""
        d = max((X.shape[1] for X in self.rows), default=0)
        X = [np.pad(x, ((0, 0), (0, d - x.shape[1]))) if x.shape[1] < d else x for x in self.rows]
        whole = np.concatenate(X) if X else np.empty((0, d))
        at = np.arange(len(whole))
        if len(at) >= self.size:
            at = np.argpartition(self.order, self.size - 1)[: self.size]
            self.most = int(self.order[at].max())
        at = at[np.argsort(self.keys[at], kind="stable")]
        self.rows, self.order = [np.ascontiguousarray(whole[at])], self.order[at]
        self.keys, self.weight = self.keys[at], self.weight[at]


def draw_landmarks(rows: Rows, size: int, seed: int, name: str) -> Drawn:
    """Sample up to `size` rows of positive weight; one walk."""
    sample, count, total, flat = _Sample(size, seed), 0, 0.0, True
    shift = sums = squares = np.zeros(0)
    for block in rows.walk():
        y = block.raw_y()
        assert y is not None
        assert block.y is not None
        if not len(shift):
            flat, shift = block.y.ndim == 1, y.mean(axis=0)
            sums, squares = np.zeros(len(shift)), np.zeros(len(shift))
        w = np.ones(len(y)) if block.sample_weight is None else block.sample_weight
        apart = y - shift
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            sums, squares = sums + w @ apart, squares + w @ apart**2
        total += float(w.sum())
        count += int(np.count_nonzero(w))
        sample.update(block)
    rows.passes += 1
    source = rows.blocks.source
    if not len(shift):
        raise ValueError(
            f"Found array with 0 sample(s) in {source} while a minimum of 1 is required by {name}."
        )
    if not count:
        raise ValueError(
            f"sample_weight is zero in every row of {source}; at least one row needs a positive weight"
        )
    sample.keep()
    with np.errstate(over="ignore", invalid="ignore"):
        off = sums / total
        spread = np.sqrt(np.maximum(squares / total - off**2, 0.0))
        mean = shift + off
        level = np.sqrt(spread**2 + mean**2)
    if not np.isfinite(level).all() or not np.isfinite(total):
        raise ValueError("sums of the targets' squares are not finite: scale y (or the weights) down")
    return Drawn(sample.rows[0], sample.keys, sample.weight, count, total, mean, spread, level, flat)

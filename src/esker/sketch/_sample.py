"""Sample: the rows of smallest priority seen so far, a draw over a score, so that samples of shards merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from esker._native import core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["Sample"]

STREAM = 13


class Sample:
    """The `size` + 1 rows of smallest ``u / score``, u being uniform by (seed, key): priority sampling.

    Duffield, Lund & Thorup, "Priority sampling for estimation of arbitrary subset sums", J. ACM 54(6), 2007.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self.pieces: list[tuple[Any, Any, Any]] = []  # X, y, (priority, key, score, weight)

    def update(self, block: Block, scores: NDArray[np.float64] | None = None) -> None:
        """Rows of score 0 are never taken; None: all alike."""
        keys = block.keys
        scores = np.ones(len(keys)) if scores is None else scores
        words = core.draws(self.seed, keys, STREAM, 0)
        uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        with np.errstate(divide="ignore"):
            priority = uniform / scores
        weight = np.ones(len(keys)) if block.sample_weight is None else block.sample_weight
        taken = np.isfinite(priority)
        if self._full():
            taken &= priority < self.last()
        if np.count_nonzero(taken) > self.size + 1:
            smallest = np.partition(priority[taken], self.size)[self.size]
            taken &= priority <= smallest
        y = block.raw_y()
        y = np.zeros((len(keys), 0)) if y is None else y
        facts = np.stack([priority, scores, weight], axis=1)
        self.pieces.append((block.X[taken], y[taken], (facts[taken], keys[taken])))
        if sum(len(piece[1]) for piece in self.pieces) > 2 * self.size + 64:
            self._tidy()

    def merge(self, other: Sample) -> None:
        self.pieces += other.pieces
        self._tidy()

    def _full(self) -> bool:
        return len(self.pieces) > 0 and len(self.pieces[0][1]) > self.size

    def last(self) -> float:
        """The greatest priority among the rows of the first piece."""
        return float(self.pieces[0][2][0][:, 0].max())

    def _tidy(self) -> None:
        """One piece of the size + 1 smallest, in the order of their keys."""
        width = max(piece[0].shape[1] for piece in self.pieces)
        parts = [_widened(piece[0], width) for piece in self.pieces]
        X = sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.concatenate(parts)
        y = np.concatenate([piece[1] for piece in self.pieces])
        facts = np.concatenate([piece[2][0] for piece in self.pieces])
        keys = np.concatenate([piece[2][1] for piece in self.pieces])
        best = np.lexsort((keys, facts[:, 0]))[: self.size + 1]
        best = best[np.argsort(keys[best])]
        self.pieces = [(X[best], y[best], (facts[best], keys[best]))]

    def rows(self) -> tuple[Any, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
        """At most `size` rows, their targets, scores and weights; and the next row's priority (infinite: there is none)."""
        self._tidy()
        X, y, (facts, _) = self.pieces[0]
        keep, beyond = np.arange(len(y)), np.inf
        if len(y) > self.size:
            out = int(np.argmax(facts[:, 0]))
            keep, beyond = np.delete(keep, out), float(facts[out, 0])
        X = X[keep]
        dense = X.toarray() if sparse.issparse(X) else X
        return dense, y[keep], facts[keep, 1], facts[keep, 2], beyond


def _widened(X: Any, width: int) -> Any:
    missing = width - X.shape[1]
    if missing == 0:
        return X
    if sparse.issparse(X):
        return sparse.csr_array((X.data, X.indices, X.indptr), shape=(X.shape[0], width))
    return np.pad(X, ((0, 0), (0, missing)))

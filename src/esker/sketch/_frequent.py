"""FrequentDirections: a deterministic sketch that keeps the strong directions and bounds what it lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, sparse

from esker.sketch._base import Rows, RowSketcher

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["FrequentDirections"]


class Directions:
    """A buffer of twice `size` rows of [X | y], shrunk to `size` when it is full; `lost` is the sum of what was subtracted."""

    def __init__(self, size: int) -> None:
        self.size, self.used, self.lost = size, 0, 0.0
        self.columns = 0
        self.rows = np.zeros((0, 0))

    def widen(self, columns: int, targets: int) -> None:
        """X is `columns` wide, y `targets`."""
        missing = columns - self.columns
        if missing or not self.rows.size:
            wide = np.zeros((2 * self.size, columns + targets))
            if self.rows.size:
                wide[:, : self.columns], wide[:, columns:] = (
                    self.rows[:, : self.columns],
                    self.rows[:, self.columns :],
                )
            self.rows, self.columns = wide, columns

    def update(self, block: Block) -> None:
        y = block.raw_y()
        X, targets = block.X, 0 if y is None else y.shape[1]
        self.widen(max(self.columns, X.shape[1]), targets)
        for begin in range(0, len(block), self.size):
            some = X[begin : begin + self.size]
            some = some.toarray() if sparse.issparse(some) else some.astype(np.float64)
            part = np.zeros((len(some), self.rows.shape[1]))
            part[:, : some.shape[1]] = some
            if y is not None:
                part[:, self.columns :] = y[begin : begin + self.size]
            if block.sample_weight is not None:
                part *= np.sqrt(block.sample_weight[begin : begin + self.size, None])
            self.append(part)

    def append(self, part: NDArray[np.float64]) -> None:
        while len(part):
            room = len(self.rows) - self.used
            taken, part = part[:room], part[room:]
            self.rows[self.used : self.used + len(taken)] = taken
            self.used += len(taken)
            if self.used == len(self.rows):
                self.shrink()

    def shrink(self) -> None:
        """`size` rows: squares of the singular values less that of the next one."""
        if self.used <= self.size:
            return
        _, s, Vt = linalg.svd(self.rows[: self.used], full_matrices=False, check_finite=False)
        less = s[self.size] ** 2 if len(s) > self.size else 0.0
        kept = min(self.size, len(s))
        self.rows[:] = 0
        self.rows[:kept] = np.sqrt(np.maximum(s[:kept] ** 2 - less, 0.0))[:, None] * Vt[:kept]
        self.used = kept
        self.lost += float(less)


class FrequentDirections(RowSketcher):
    """A deterministic sketch: rows Z with ``0 <= X'WX - Z'Z <= covariance_error_`` in every direction.

    The strong directions of the rows stay, weaker ones shrink [1]_: ``covariance_error_`` is at most
    ``||X - X_k||_F^2 / (size - k)`` for every k < size, X_k being the best approximation of rank k. Best where few directions
    carry the rows; a random sketch of many more rows costs less.

    Parameters
    ----------
    size : int
        Rows of the sketch.
    random_state, n_probes
        Of the test sketch for `error_estimate_` alone; see `SparseSign`.

    Attributes
    ----------
    covariance_error_ : float
        ``||X'WX - Z'Z||_2`` is at most this, for X with its targets beside it as further columns: no probability about it.
    sketch_, y_sketch_, error_estimate_, n_rows_, sum_of_weights_, n_features_in_, feature_names_in_
        As of `SparseSign`. Targets are columns like others, so their scale matters.

    Notes
    -----
    A singular value decomposition of ``2 size`` rows after every `size` rows: some ``6 size n d`` operations. The sketch depends on
    the order of the rows; not on the cut into blocks. Merging keeps the bound: what was lost adds up.

    References
    ----------
    .. [1] M. Ghashami, E. Liberty, J. Phillips & D. Woodruff, "Frequent Directions: simple and deterministic matrix
       sketching", SIAM J. Comput. 45(5), 2016.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((1000, 2)) @ rng.standard_normal((2, 50))  # two directions
    >>> sketch = FrequentDirections(8)
    >>> Z, _ = sketch.fit_resample(X)
    >>> Z.shape, bool(np.allclose(Z.T @ Z, X.T @ X)), sketch.covariance_error_ < 1e-9
    ((8, 50), True, True)
    """

    _needs_more_rows = False
    _shows_gaps = False  # LAPACK must not see them

    def _start(self) -> Directions:
        return Directions(self.size)

    def _join(self, other: FrequentDirections) -> None:
        ours, theirs = self._state, other._state
        columns = max(ours.columns, theirs.columns)
        ours.widen(columns, self.n_targets_)
        part = np.zeros((theirs.used, ours.rows.shape[1]))
        part[:, : theirs.columns] = theirs.rows[: theirs.used, : theirs.columns]
        part[:, columns:] = theirs.rows[: theirs.used, theirs.columns :]
        ours.append(part)
        ours.lost += theirs.lost

    @property
    def covariance_error_(self) -> float:
        """The bound on the sketch's error."""
        self._result()
        return float(self._error)

    def _rows(self) -> Rows:
        self._state.widen(self.n_features_in_, self.n_targets_)
        copy = Directions(self.size)
        copy.rows, copy.used, copy.columns, copy.lost = (
            self._state.rows.copy(),
            self._state.used,
            self._state.columns,
            self._state.lost,
        )
        copy.shrink()
        self._error = copy.lost
        return Rows(copy.rows[: self.size, : copy.columns], copy.rows[: self.size, copy.columns :])

    def _describe(self) -> str:
        return f"FrequentDirections(size={self.size})"

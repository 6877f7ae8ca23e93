"""Gram: the centred second moments of X and y, which are all that least squares needs of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from esker._native import core

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["Gram"]


class Gram:
    """Weight, means, and centred X'X, X'y and y'y, in float64; exact under merging (Chan's update).

    Dense rows are centred in panels of a few hundred by their own mean before their product, so that neither large means nor
    columns that drift together cost digits. Sums about the origin, for a fit without intercept, follow from the means.

    Parameters
    ----------
    packed : int
        So many columns at most, in little more than half the memory: only the upper triangle is kept, so that a factor takes
        the sums' place and ends them. 0 keeps room for both and widens as rows demand.

    Attributes
    ----------
    weight : float
        Sum of the rows' weights.
    rows, cols, targets : int
    mean_x : ndarray of shape (d,)
    mean_y : ndarray of shape (targets,)
    xy : ndarray of shape (d, targets)
        Sum of ``w (x - mean_x) (y - mean_y)``.
    yy : ndarray of shape (targets,)
        Sum of ``w (y - mean_y)**2``.

    Notes
    -----
    Takes O(n d^2) operations and 8 d (d + 1) bytes, in which a solve finds room for its factor as well; packed,
    ``8 d (d + 192) / 2`` bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.blocks import Block
    >>> state = Gram()
    >>> state.update(Block(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([0.0, 1.0])))
    >>> state.finish().tolist(), state.xy.tolist(), state.mean_x.tolist()
    ([[2.0, 0.0], [0.0, 0.0]], [[1.0], [0.0]], [2.0, 5.0])
    """

    exact_merge = True

    def __init__(self, packed: int = 0) -> None:
        self._state = core.Gram(packed)

    @property
    def packed(self) -> bool:
        """Whether the width is fixed and there is no room for a factor beside the sums."""
        return bool(self._state.packed)

    @property
    def weight(self) -> float:
        return float(self._state.weight)

    @property
    def rows(self) -> int:
        return int(self._state.rows)

    @property
    def cols(self) -> int:
        return int(self._state.cols)

    @property
    def targets(self) -> int:
        return int(self._state.targets)

    @property
    def mean_x(self) -> NDArray[np.float64]:
        return self._state.mean_x

    @property
    def mean_y(self) -> NDArray[np.float64]:
        return self._state.mean_y

    @property
    def xy(self) -> NDArray[np.float64]:
        return self._state.xy.T

    @property
    def yy(self) -> NDArray[np.float64]:
        return self._state.yy

    @property
    def squares_y(self) -> NDArray[np.float64]:
        """Sum of ``w y**2``; inf or NaN where that overflows."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.yy + self.weight * self.mean_y**2

    @property
    def peak_y(self) -> NDArray[np.float64]:
        """The largest that ``yy`` was before rows were forgotten; 0 where none were."""
        return self._state.peak_y

    def update(self, block: Block, /) -> None:
        """Absorb the rows of a block."""
        self._state.update(block.raw_x(), block.raw_y(), block.sample_weight)

    def merge(self, other: Self, /) -> None:
        """Absorb another state."""
        self._state.merge(other._state)

    def forget(self, other: Self, /) -> None:
        """Take the rows of another state off, which were absorbed before.

        Raises ValueError, and changes nothing, where a column would keep less than 1e-8 of its second moment.
        """
        self._state.forget(other._state)

    def copy(self) -> Self:
        """The same sums once more."""
        other = type(self)()
        other._state = self._state.copy()
        return other

    def set_targets(self, order: list[int]) -> None:
        """Target t becomes what target ``order[t]`` was; zeros for -1, as for a class that no row had so far."""
        self._state.set_targets(order)

    @property
    def finite(self) -> bool:
        """Whether all rows were finite, and the sums of their products."""
        return bool(self._state.finite())

    def widen(self, cols: int, /) -> None:
        """Make room for `cols` columns; new ones are columns of zeros."""
        self._state.widen(cols)

    def finish(self) -> NDArray[np.float64]:
        """The centred X'X, shape (d, d), both triangles."""
        return self._state.finish()

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return self._state.to_arrays()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_arrays, (self.to_arrays(),)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        self = cls()
        self._state = core.Gram.from_arrays(dict(arrays))
        return self

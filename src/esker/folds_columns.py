"""ColumnMoments: what scaling and filling in need to know of each column, in one pass, NaN being a missing value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

from esker._native import core

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["ColumnMoments", "Columns"]


class Columns(NamedTuple):
    """What is known of each column: arrays of its length."""

    #: Weight of the rows that have a value.
    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    #: The largest size of a value.
    most: NDArray[np.float64]


class ColumnMoments:
    """Weight, mean, variance and largest size of each column over the rows in which it has a value.

    Exact under merging (Chan's update); dense rows go in panels, each about its own mean.

    >>> import numpy as np
    >>> from esker.blocks import Block
    >>> state = ColumnMoments()
    >>> state.update(Block(np.array([[1.0, np.nan], [3.0, -4.0]])))
    >>> [column.tolist() for column in state.finish()]
    [[2.0, 1.0], [2.0, -4.0], [1.0, 0.0], [3.0, 4.0]]
    """

    exact_merge = True

    def __init__(self) -> None:
        self._state = core.ColumnMoments()

    def update(self, block: Block, /) -> None:
        self._state.update(block.raw_x(), block.sample_weight)

    def merge(self, other: Self, /) -> None:
        self._state.merge(other._state)

    def widen(self, cols: int, /) -> None:
        self._state.widen(cols)

    @property
    def rows(self) -> int:
        """Rows seen."""
        return int(self._state.rows)

    @property
    def row_weight(self) -> float:
        """Their weight."""
        return float(self._state.row_weight)

    def finish(self) -> Columns:
        return Columns(*self._state.finish())

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return self._state.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        self = cls()
        self._state = core.ColumnMoments.from_arrays(dict(arrays))
        return self

"""The Fold protocol, the states by name, and `fold`, which walks blocks through a state.

A state has ``update(block)``, ``merge(other)``, ``finish()``, ``to_arrays()`` and ``from_arrays(arrays)``. What the
answer depends on beside the data belongs to the solve, not to the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from esker._native import core
from esker.folds_columns import ColumnMoments
from esker.folds_gradient import Gradient
from esker.folds_gram import Gram
from esker.folds_range import RangeSketch
from esker.folds_sgd import Sgd
from esker.folds_sgd_classes import SgdClasses
from esker.folds_sgd_group import SgdGroup
from esker.folds_sketch import RowSketch, Sketched
from esker.folds_sketched_gram import SketchedGram

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks
    from esker.engines import Engine

__all__ = [
    "ColumnMoments",
    "Fold",
    "Gradient",
    "Gram",
    "Moments",
    "RangeSketch",
    "RowSketch",
    "Sgd",
    "SgdClasses",
    "SgdGroup",
    "Sketched",
    "SketchedGram",
    "fold",
]


class Fold(Protocol):
    """A learner's state."""

    def update(self, block: Block, /) -> None: ...
    def merge(self, other: Self, /) -> None: ...
    def finish(self) -> Any: ...
    def widen(self, cols: int, /) -> None: ...
    def to_arrays(self) -> dict[str, NDArray[Any]]: ...
    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self: ...


S = TypeVar("S", bound=Fold)


class Moments:
    """Weighted mean and variance of each column; exact under merging (Chan's update).

    >>> import numpy as np
    >>> from esker.blocks import Block
    >>> state = Moments()
    >>> state.update(Block(np.array([[1.0, 0.0], [3.0, 0.0]])))
    >>> mean, variance = state.finish()
    >>> mean.tolist(), variance.tolist()
    ([2.0, 0.0], [1.0, 0.0])
    """

    exact_merge = True

    def __init__(self) -> None:
        self._state = core.Moments()

    def update(self, block: Block, /) -> None:
        self._state.update(block.raw_x(), None, block.sample_weight)

    def merge(self, other: Self, /) -> None:
        self._state.merge(other._state)

    def widen(self, cols: int, /) -> None:
        self._state.widen(cols)

    def finish(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._state.finish()

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return self._state.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        self = cls()
        self._state = core.Moments.from_arrays(dict(arrays))
        return self


def fold(blocks: Blocks, state: S, *, engine: Engine | None = None) -> S:
    """Walk every block of `blocks` through `state` and return it.

    Parameters
    ----------
    blocks : Blocks
    state : Fold
        Updated in place by the local engine.
    engine : Engine, optional
        Who walks; the default walks here, a part after the other.
    """
    if engine is None:
        from esker.engines import Local

        engine = Local()
    return engine.fold_parts(blocks, blocks.parts, state)

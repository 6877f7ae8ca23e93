"""RowSketch, the state behind `esker.sketch.sketch_rows`: a few random combinations of all the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

from esker._native import core

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["RowSketch", "Sketched"]


class Sketched(NamedTuple):
    """What `RowSketch.finish` gives; every array is float64 (X float32, if asked for).

    Attributes
    ----------
    X : ndarray of shape (size, d)
    y : ndarray of shape (size, targets)
    root_weight : ndarray of shape (size,)
        The same map applied to the square roots of the weights.
    mean_X : ndarray of shape (d,)
    mean_y : ndarray of shape (targets,)
        Weighted means of the data itself, exact.
    weight : float
        Sum of the weights.
    finite : bool
        Whether all of X is.
    """

    X: NDArray[Any]
    y: NDArray[np.float64]
    root_weight: NDArray[np.float64]
    mean_X: NDArray[np.float64]
    mean_y: NDArray[np.float64]
    weight: float
    finite: bool


class RowSketch:
    """Sparse random sign sketch of the rows of X and y, and their exact means.

    Row i, times the square root of its weight, is added with a random sign to `nonzeros` of the `size` rows of the sketch,
    one in each of as many segments, and the sum is divided by ``sqrt(nonzeros)``; so ``E[(SX)'(SX)] = X'WX``. Places
    and signs are a function of the seed and the row's key alone. Absorbing n rows of d numbers costs ``nonzeros n d``
    multiply-adds; the state holds about ``size d`` float64.

    Parameters
    ----------
    size : int
        Rows of the sketch; a few times d to keep the geometry of X's columns.
    seed : int
    nonzeros : int, default 8
        Rows of the sketch that one row of X goes to.
    means : bool, default True
        Also sum up the rows, for their exact means. Without, `mean_X`, `mean_y` and `root_weight` are zero.

    References
    ----------
    M. Cohen, "Nearly tight oblivious subspace embeddings by trace inequalities", SODA 2016.
    E. Epperly, "Which sketch should I use?", 2023, for the default of 8.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.blocks import Block
    >>> state = RowSketch(16, seed=0)
    >>> state.update(Block(np.eye(3), np.ones(3)))
    >>> sketched = state.finish()
    >>> sketched.X.shape, np.count_nonzero(sketched.X, axis=0).tolist(), sketched.mean_y.tolist()
    ((16, 3), [8, 8, 8], [1.0])
    """

    exact_merge = True

    def __init__(self, size: int, *, seed: int = 0, nonzeros: int = 8, means: bool = True) -> None:
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed must be 0 to 2**64 - 1, got {seed!r}")
        self._state = core.RowSketch(size, seed, nonzeros, means)

    def __repr__(self) -> str:
        return str(self._state)

    @property
    def rows(self) -> int:
        """Rows absorbed."""
        return int(self._state.rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_arrays, (self.to_arrays(),)

    def update(self, block: Block, /) -> None:
        self._state.update(block.raw_x(), block.raw_y(), block.sample_weight, block.raw_keys())

    def merge(self, other: Self, /) -> None:
        self._state.merge(other._state)

    def widen(self, cols: int, /) -> None:
        self._state.widen(cols)

    def finish(self, *, single: bool = False) -> Sketched:
        """The sketch; `single`: X in float32."""
        return Sketched(*self._state.finish(single))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = self._state.to_arrays()
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        self = cls.__new__(cls)
        self._state = core.RowSketch.from_arrays(dict(arrays))
        return self

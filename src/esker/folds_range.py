"""RangeSketch: what random directions tell of X'X in one walk; sketches of shards add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from esker._native import core
from esker.folds_columns import ColumnMoments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["RangeSketch"]


class RangeSketch:
    """``Z = X'W(X Q)`` for random directions Q, a function of the seed and the width, and the columns' moments.

    Parameters
    ----------
    cols, lanes : int
        Columns of X, and how many directions.
    seed : int
        64 bits; sketches of one seed and size are merged by adding them up.
    dtype : dtype
        That of the rows.

    Attributes
    ----------
    moments : ColumnMoments

    Notes
    -----
    O(nnz lanes) operations, and some 20 bytes for each column and direction.

    References
    ----------
    J. Tropp, A. Yurtsever, M. Udell, V. Cevher, "Fixed-rank approximation of a positive-semidefinite matrix from streaming
    data", NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.blocks import Block
    >>> state = RangeSketch(3, 2, seed=0)
    >>> state.update(Block(np.eye(3)))
    >>> bool(np.allclose(state.finish(), state.directions))
    True
    """

    exact_merge = True

    def __init__(self, cols: int, lanes: int, *, seed: int = 0, dtype: Any = np.float64) -> None:
        self.cols, self.lanes, self.seed, self.dtype = int(cols), int(lanes), int(seed), np.dtype(dtype)
        rng = np.random.Generator(np.random.Philox(self.seed))
        shape = self.cols, self.lanes
        self.directions = rng.standard_normal(shape, dtype=self.dtype) / np.sqrt(self.dtype.type(self.cols))
        self.moments = ColumnMoments()
        self._more: NDArray[np.float64] | None = None
        self._product: Any = None

    def __repr__(self) -> str:
        return f"RangeSketch(cols={self.cols}, lanes={self.lanes}, seed={self.seed}, dtype={self.dtype.name})"

    @property
    def rows(self) -> int:
        """Rows absorbed."""
        return self.moments.rows

    def update(self, block: Block, /) -> None:
        if self._product is None:
            kind = core.RangeProduct32 if self.dtype == np.float32 else core.RangeProduct64
            self._product = kind(self.cols, self.lanes, not isinstance(block.X, np.ndarray))
            self._product.begin(self.directions, np.zeros(self.cols))
        self._product.update(block.raw_x(), block.sample_weight)
        self.moments.update(block)

    def merge(self, other: Self, /) -> None:
        """Absorb a sketch of other rows.

        Raises ValueError where its directions are others.
        """
        if repr(self) != repr(other):
            raise ValueError(f"sketches of other directions do not add up: {self!r} and {other!r}")
        theirs = other.finish().astype(np.float64)
        self._more = theirs if self._more is None else self._more + theirs
        self.moments.merge(other.moments)

    def widen(self, cols: int, /) -> None:
        """Refused where it would change the width: directions are drawn for one."""
        if cols > self.cols:
            raise ValueError(f"a sketch of {self.cols} columns cannot be widened to {cols}")

    def finish(self) -> NDArray[Any]:
        """Z, shape (cols, lanes)."""
        out = np.zeros((self.cols, self.lanes), self.dtype)
        if self._product is not None:
            self._product.finish(out)
        if self._more is not None:
            out += self._more.astype(self.dtype)
        return out

    def copy(self) -> Self:
        """The same sums once more."""
        return type(self).from_arrays(self.to_arrays())

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        size = np.array([self.cols, self.lanes, self.dtype.itemsize], np.int64)
        arrays = {"size": size, "seed": np.array([self.seed], np.uint64), "sums": self.finish()}
        return arrays | {f"moments_{name}": array for name, array in self.moments.to_arrays().items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_arrays, (self.to_arrays(),)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        cols, lanes, size = (int(n) for n in arrays["size"])
        sums = arrays["sums"]
        if size not in (4, 8) or sums.shape != (cols, lanes) or sums.dtype != np.dtype(f"f{size}"):
            raise ValueError(
                "the arrays of a RangeSketch must be sums (cols, lanes) of the dtype and size it names"
            )
        self = cls(cols, lanes, seed=int(arrays["seed"][0]), dtype=f"f{size}")
        self._more = sums.astype(np.float64)
        moments = {k.removeprefix("moments_"): a for k, a in arrays.items() if k.startswith("moments_")}
        self.moments = ColumnMoments.from_arrays(moments)
        return self

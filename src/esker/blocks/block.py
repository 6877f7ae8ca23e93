"""A Block: a few MB of rows with their targets, weights and keys, in the two layouts that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker.blocks.records import Records

__all__ = ["ROW_BITS", "UNIT", "Block", "key"]

#: A row key is ``part << ROW_BITS | row within the part``.
ROW_BITS = 40
#: The unit of order for learners that step: this many consecutive row keys, whatever the storage.
UNIT = 4096


def key(part: int, row: int) -> int:
    """The row key of one row.

    >>> key(0, 7), key(2, 7) == (2 << 40) + 7
    (7, True)
    """
    if not (0 <= part < 1 << 23 and 0 <= row < 1 << ROW_BITS):
        raise ValueError(f"a row key holds 2**23 parts of 2**40 rows, got part {part}, row {row}")
    return part << ROW_BITS | row


@dataclass(slots=True, frozen=True)
class Block:
    """Rows of a data set.

    Attributes
    ----------
    X : ndarray or csr_array, shape (n, d), float32 or float64; or Records
        Each dense row is contiguous; the columns of a sparse row are unique. Records are rows of texts and numbers that a feature
        step (``open_blocks(..., features=)``) makes numbers of.
    y : ndarray of shape (n,) or (n, targets), or None
        Numbers or labels, as the source has them.
    sample_weight : ndarray of shape (n,), float64, or None
        None means ones.
    first_key : int
        The key of row 0; the others follow it.
    order : ndarray of int64 or None
        For learners that step: the rows to visit, in this order; None means all, as they lie.
    row_keys : ndarray of int64 or None
        The rows' keys where they do not follow `first_key`.
    """

    X: Any
    y: NDArray[Any] | None = None
    sample_weight: NDArray[np.float64] | None = None
    first_key: int = 0
    order: NDArray[np.int64] | None = None
    row_keys: NDArray[np.int64] | None = None

    @property
    def keys(self) -> NDArray[np.int64]:
        """The rows' keys, shape (n,)."""
        if self.row_keys is not None:
            return self.row_keys
        return np.arange(self.first_key, self.first_key + self.X.shape[0], dtype=np.int64)

    def __len__(self) -> int:
        return int(self.X.shape[0])

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers that this block holds or borrows."""
        dense = isinstance(self.X, np.ndarray | Records)
        arrays = (self.X,) if dense else (self.X.data, self.X.indices, self.X.indptr)
        more = (self.y, self.sample_weight, self.row_keys)
        return int(sum(a.nbytes for a in (*arrays, *more) if a is not None))

    # --- as the kernels want it ---

    def raw_x(self) -> Any:
        """The array, or ``(data, indices, indptr, columns)`` of the CSR matrix."""
        if isinstance(self.X, np.ndarray):
            return self.X
        return self.X.data, self.X.indices, self.X.indptr, self.X.shape[1]

    def raw_y(self) -> NDArray[np.float64] | None:
        """The targets as float64, shape (n, targets)."""
        if self.y is None:
            return None
        y = np.ascontiguousarray(self.y, dtype=np.float64)
        return y[:, np.newaxis] if y.ndim == 1 else y

    def raw_keys(self) -> int | NDArray[np.int64]:
        """The first key, or all of them."""
        return self.first_key if self.row_keys is None else self.row_keys

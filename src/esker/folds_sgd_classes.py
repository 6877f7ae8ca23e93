"""SgdClasses: one-vs-rest models by the hundred, whose tables hold the features that have come, and no others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse

from esker.folds_sgd_group import SgdGroup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from esker.blocks import Block
    from esker.folds_sgd import Sgd

__all__ = ["SgdClasses"]


class SgdClasses(SgdGroup):
    """A group whose members learn from all rows, and have records of the features seen in sparse ones alone.

    Parameters
    ----------
    members : sequence of Sgd
        New ones.
    targets : array-like of int, shape (lanes,)
        What each lane is a candidate for; lanes with the same number race.

    Notes
    -----
    A record of thousands of lanes takes tens of kilobytes, and most columns of a hashing never come. Features get their
    records in the order in which they come, the frequent ones first and close to each other; record 0 stays zero and stands
    for those that have none. Bits are those of a group with all columns. Dense rows are as in any group.

    Examples
    --------
    >>> from scipy import sparse
    >>> from esker.blocks import Block
    >>> from esker.folds import Sgd, SgdClasses
    >>> X = sparse.csr_array(np.eye(4, 1000, dtype=np.float32)[[1, 3, 1, 3]])
    >>> states = [Sgd("hinge", lanes, [0.5, 0.5], classes=True) for lanes in ([0, 1], [2, 3])]
    >>> group = SgdClasses(states, range(4))
    >>> group.update(Block(X, np.array([2.0, 0.0, 2.0, 0.0])))
    >>> group.cols, group.members[0].cols, group.finish()[0].shape
    (1000, 3, (4, 1000))
    """

    def __init__(self, members: Sequence[Sgd], targets: ArrayLike) -> None:
        super().__init__(members, targets)
        self._recorded: bool | None = None  # whether the first rows were sparse
        self._cols = 0
        self._slots = np.zeros(0, dtype=np.int32)  # of each column: its record, 0 where it has none
        self._used = 1

    @property
    def cols(self) -> int:
        """Columns seen so far, with or without a record."""
        return self._cols if self._recorded else max(self._cols, super().cols)

    def widen(self, cols: int, /) -> None:
        """More columns: their weights are zero."""
        if self._recorded is False:
            super().widen(cols)
        if cols > self._cols:
            self._slots = np.pad(self._slots, (0, cols - self._cols))
            self._cols = cols

    # --- rows ---

    def update_rows(self, block: Block, begin: int, end: int) -> None:
        """Learn from the rows at positions [begin, end) of the block's order."""
        if self._recorded is None:
            self._recorded = sparse.issparse(block.X)
        if not self._recorded:
            super().update_rows(block, begin, end)
            return
        order = np.arange(len(block), dtype=np.int64) if block.order is None else block.order
        rows = order[begin : len(order) if end < 0 else end]
        self.widen(block.X.shape[1])
        some = _taken(block, rows)
        new = self._unseen(some.X.indices)
        self._slots[new] = np.arange(self._used, self._used + len(new), dtype=np.int32)
        self._used += len(new)
        learned = self._in_records(some)

        def learn(i: int) -> None:
            self.members[i].widen(self._used, late=True)  # the bits do not depend on when a record is made
            self.members[i].update(learned)

        self._each(learn)
        self._rows += len(rows)

    def _unseen(self, columns: NDArray[Any]) -> NDArray[Any]:
        """The columns without a record, in the order in which they come."""
        found, first = np.unique(columns[self._slots[columns] == 0], return_index=True)
        return np.asarray(found[np.argsort(first)])

    def _in_records(self, block: Block) -> Block:
        """The block with numbers of records for columns; 0 for those that have none."""
        X = block.X if sparse.issparse(block.X) else sparse.csr_array(block.X)
        slots = np.pad(self._slots, (0, max(0, X.shape[1] - len(self._slots))))
        records = slots[X.indices].astype(X.indices.dtype, copy=False)
        return replace(block, X=sparse.csr_array((X.data, records, X.indptr), shape=(X.shape[0], self._used)))

    def evaluate(self, block: Block) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """(sum of losses, sum of weights, sum of errors), the first and the last one a lane; learns nothing."""
        return super().evaluate(self._in_records(block) if self._recorded else block)

    def row_losses(
        self, block: Block, *, apart: bool
    ) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """As `Sgd.row_losses`."""
        return super().row_losses(self._in_records(block) if self._recorded else block, apart=apart)

    # --- answers, copies, parts ---

    def finish(self, dtype: Any = np.float64) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """(coefficients, shape (lanes, d), in units of the data; intercepts, shape (lanes,))."""
        if not self._recorded:
            return super().finish(dtype)
        coef = np.empty((self.lanes, self._cols), dtype=dtype)
        parts = np.split(coef, self._cuts())
        intercept = self._each(lambda i: self.members[i].read_out(parts[i], self._slots))
        return coef, np.concatenate(intercept)

    def merge(self, other: Self, /) -> None:
        """Average with another group, member by member, weighted by accumulated gradients."""
        self.widen(other._cols)
        slots = np.pad(other._slots, (0, self._cols - other._cols))
        if self._recorded and other._recorded and not np.array_equal(self._slots, slots):
            raise ValueError("groups that met their features in another order do not merge")
        super().merge(other)
        if self._recorded is None:  # its members are copies now
            self._recorded, self._slots, self._used = other._recorded, slots, other._used

    def start_from(self, coef: ArrayLike, intercept: ArrayLike, *, dense: bool) -> None:
        """As `Sgd.start_from`."""
        coef = np.asarray(coef, dtype=np.float64)
        self._recorded, cols = not dense, coef.shape[1]
        if not dense:  # every column has a record then, from 1 on
            coef = np.pad(coef, ((0, 0), (1, 0)))
            self._cols, self._slots, self._used = cols, np.arange(1, cols + 1, dtype=np.int32), cols + 1
        super().start_from(coef, intercept, dense=dense)

    def _with(self, members: list[Sgd], targets: NDArray[np.int64], which: list[int]) -> Self:
        other = type(self)(members, targets)
        other._which, other._rows = [self._which[i] for i in which], self._rows
        other._recorded, other._cols, other._used = self._recorded, self._cols, self._used
        other._slots = self._slots.copy()
        return other

    def assign(self, other: Self, /) -> None:
        """Become a copy of another group of such members, in the same memory."""
        super().assign(other)
        self._recorded, self._cols, self._used = other._recorded, other._cols, other._used
        self._slots = other._slots.copy()

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        began = -1 if self._recorded is None else int(self._recorded)
        return super().to_arrays() | {"slots": self._slots, "records": np.array([began, self._used])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        self = super().from_arrays(arrays)
        slots, records = np.asarray(arrays["slots"]), np.asarray(arrays["records"])
        if slots.ndim != 1 or slots.dtype.kind not in "iu" or records.shape != (2,):
            raise ValueError("the records of a group's columns are integers, and two numbers say how many")
        began, used = (int(n) for n in records)
        given = np.sort(slots[slots != 0])
        fits = began in (-1, 0, 1) and used == 1 + len(given) and used - 1 < 1 << 31
        # Columns have the records from 1 on, each its own, and every member's table has all of them.
        if not fits or not np.array_equal(given, np.arange(1, used)):
            raise ValueError(f"the records of a group's {len(slots)} columns do not number 1 to {used - 1}")
        if (began == 1 and any(m.cols != used for m in self.members)) or (began != 1 and used != 1):
            raise ValueError(
                f"a group's columns have {used} records, those of its members {[m.cols for m in self.members]}"
            )
        self._recorded = None if began < 0 else bool(began)
        self._slots, self._used, self._cols = slots.astype(np.int32), used, len(slots)
        return self


def _taken(block: Block, rows: NDArray[np.int64]) -> Block:
    """A copy of some rows, as CSR."""
    X = block.X[rows] if sparse.issparse(block.X) else sparse.csr_array(block.X[rows])
    keys = block.first_key + rows if block.row_keys is None else block.row_keys[rows]
    weight = None if block.sample_weight is None else block.sample_weight[rows]
    kind = block.X.indices.dtype if sparse.issparse(block.X) else np.int32
    parts = (X.data, X.indices.astype(kind, copy=False), X.indptr.astype(kind, copy=False))
    taken = sparse.csr_array(parts, shape=X.shape)
    y = None if block.y is None else block.y[rows]
    return replace(block, X=taken, y=y, sample_weight=weight, order=None, row_keys=keys)

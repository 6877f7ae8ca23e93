"""Any iterable of (X, y) or (X, y, weight) as blocks: batches are cut and merged, so that how they were cut does not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker.blocks.arrays import checked_csr, float_dtype, target_of, weight_of
from esker.blocks.base import Blocks, Part
from esker.blocks.batches import as_records, numbers_of, taken
from esker.blocks.block import Block
from esker.blocks.buffer import recut
from esker.blocks.memory import block_rows
from esker.blocks.walks import Walks, chain

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["IterableBlocks", "open_iterable"]


class IterableBlocks(Blocks):
    """Batches that a caller's object yields; all are part 0. It is iterated in the caller's thread.

    Parameters
    ----------
    walks : Walks
        Each walk yields ``(X, y)``, ``(X, y, weight)`` or, without targets, ``(X, None)`` or ``(X,)``.
        The first is looked at for width, dtype and targets, and not asked for again.
    options : Options
        With ``records`` X may be a list of texts or a DataFrame, and blocks hold Records.
    name : str
    """

    threaded = False

    def __init__(self, walks: Walks, options: Options, name: str) -> None:
        super().__init__([Part(0, name)], source=name, **options.memory)
        self._walks, self._wanted, self.holds_records = walks, options.dtype, options.records
        self.n_columns = options.n_features
        self.rereadable = walks.again
        begun = walks()
        for number, batch in enumerate(begun):
            if len(self._block(batch, number, 0, first=True)):
                walks.put_back(chain(batch, begun))
                return
        raise FormatError("the iterable yields no rows", self.source)

    def _block(self, batch: Any, number: int, row: int, first: bool = False) -> Block:
        """A batch as a block in a kernel's layout; the first one fixes what all must be."""
        where = f"batch {number} (from 0; its first row is row {row})"
        try:
            X, y, weight, names = taken(batch)
            if self.holds_records:
                X = as_records(X)
                names = list(X.columns)
            elif not hasattr(X, "tocsr"):
                X = numbers_of(X)
        except ValueError as error:
            raise FormatError(f"{where}: {error}", self.source) from None
        sparse = hasattr(X, "tocsr")
        try:
            n = X.shape[0]
            targets, weights = target_of(y, n, "y"), weight_of(weight, n)
            dtype = np.dtype(float) if self.holds_records else float_dtype(X.dtype, self._wanted)
        except ValueError as error:
            raise FormatError(f"{where}: {error}", self.source) from None
        count = 0 if targets is None else 1 if targets.ndim == 1 else targets.shape[1]
        if first:
            if X.shape[1] == 0:
                raise FormatError(f"{where}: X has no columns", self.source)
            self.n_columns = self.n_columns or X.shape[1]
            self.is_sparse = None if self.holds_records else sparse
            self.dtype, self.n_targets, self.feature_names = dtype, count, names
            self._flat = targets is None or targets.ndim == 1
        for what, expected, came in (
            ("columns", self.n_columns, X.shape[1]),
            ("targets in a row", self.n_targets, count),
            ("column names", self.feature_names, names),
        ):
            if expected != came:
                raise FormatError(f"{where}: expected {expected} {what}, as before, got {came}", self.source)
        if not self.holds_records:
            if sparse != self.is_sparse:
                raise FormatError(f"{where}: sparse and dense batches may not be mixed", self.source)
            X = checked_csr(X, self.dtype) if sparse else np.ascontiguousarray(X, dtype=self.dtype)
        if targets is not None and targets.ndim != (1 if self._flat else 2):
            raise FormatError(
                f"{where}: y has {targets.ndim} dimensions, and had {1 if self._flat else 2} before",
                self.source,
            )
        return Block(X, targets, weights, first_key=row)

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        yield from recut(self._counted(), self._block_rows, start)

    def _counted(self) -> Iterator[Block]:
        row = 0
        for number, batch in enumerate(self._walks()):
            block = self._block(batch, number, row)
            del batch
            row += len(block)
            yield block
        if row == 0:
            raise FormatError("the iterable yields no rows", self.source)
        self.n_rows = row

    def _block_rows(self, block: Block) -> int:
        """Rows of the next block; the batch that a caller holds in memory is his own, and is not counted."""
        try:
            return block_rows(block.nbytes / max(len(block), 1), self.budget)
        except ValueError as error:
            raise FormatError(f"row {block.first_key}: {error}", self.source) from None


def open_iterable(
    begun: Iterator[Any], make: Callable[[], Iterator[Any]] | None, options: Options, name: str
) -> Blocks:
    """`open_blocks` of an iterable whose first walk has begun; `make` begins others."""
    no = "the iterable yields (X, y, weight) itself"
    options.refuse("an iterable", target=no, weight=no, columns=no, zero_based="its columns have numbers")
    return IterableBlocks(Walks(make or (lambda: begun), make is not None, name, begun), options, name)

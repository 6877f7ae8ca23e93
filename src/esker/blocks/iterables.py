"""Any iterable of (X, y) or (X, y, weight) as blocks: batches are cut and merged, so that how they were cut does not matter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker.blocks.arrays import checked_csr, float_dtype, target_of, weight_of
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block
from esker.blocks.buffer import recut
from esker.blocks.memory import block_rows

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["IterableBlocks", "open_iterable"]


class IterableBlocks(Blocks):
    """Batches that a caller's object yields; all are part 0. It is iterated in the caller's thread.

    Parameters
    ----------
    source : iterable, or callable that returns an iterator
        Of ``(X, y)``, ``(X, y, weight)`` or, without targets, ``(X, None)``. A list, or an object whose ``__iter__`` begins
        anew, can be walked many times; an iterator (a generator) once.
    """

    threaded = False

    def __init__(
        self,
        source: Any,
        *,
        n_features: int | None = None,
        dtype: Any = None,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
    ) -> None:
        name = f"iterable {type(source).__name__}"
        super().__init__([Part(0, name)], source=name, max_memory=max_memory, block_size=block_size)
        self._source, self._wanted = source, dtype
        self._pending: Iterator[Any] | None = None
        self.n_columns = n_features
        self.rereadable = callable(source) or not isinstance(source, Iterator)
        self._walked = False
        self._peek()

    def _iterator(self) -> Iterator[Any]:
        if not self.rereadable:
            if self._walked:
                raise ValueError(
                    "this source is an iterator and has been walked already; to walk it again pass a list, an object whose "
                    "__iter__ begins anew, or a function that returns a new iterator"
                )
            self._walked = True
        return iter(self._source() if callable(self._source) else self._source)

    def _peek(self) -> None:
        """Look at the first batch, for width, dtype and targets; it is kept, and not asked for again."""
        batches = self._iterator()
        for batch in batches:
            block = self._block(batch, 0, 0, first=True)
            if len(block):
                self._pending = _chain(batch, batches)
                return
        raise FormatError("the iterable yields no rows", self.source)

    def _batches(self) -> Iterator[Any]:
        pending, self._pending = self._pending, None
        return pending if pending is not None else self._iterator()

    def _block(self, batch: Any, number: int, row: int, first: bool = False) -> Block:
        """A batch as a block in a kernel's layout; the first one fixes what all must be."""
        where = f"batch {number} (from 0; its first row is row {row})"
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise FormatError(f"{where}: expected (X, y) or (X, y, weight), got {_shape(batch)}", self.source)
        X, y, weight = (*batch, None) if len(batch) == 2 else batch
        names = None
        if hasattr(X, "iloc"):
            names, X = [str(c) for c in X.columns], X.to_numpy()
        sparse = hasattr(X, "tocsr")
        X = X if sparse else np.asarray(X)
        if X.ndim != 2:
            raise FormatError(f"{where}: X must have 2 dimensions, got {X.ndim}", self.source)
        try:
            n = X.shape[0]
            targets, weights = target_of(y, n, "y"), weight_of(weight, n)
            dtype = float_dtype(X.dtype, self._wanted)
        except ValueError as error:
            raise FormatError(f"{where}: {error}", self.source) from None
        count = 0 if targets is None else 1 if targets.ndim == 1 else targets.shape[1]
        if first:
            if X.shape[1] == 0:
                raise FormatError(f"{where}: X has no columns", self.source)
            self.n_columns = self.n_columns or X.shape[1]
            self.is_sparse, self.dtype, self.n_targets, self.feature_names = sparse, dtype, count, names
            self._flat = targets is None or targets.ndim == 1
        for what, expected, came in (
            ("columns", self.n_columns, X.shape[1]),
            ("targets in a row", self.n_targets, count),
            ("column names", self.feature_names, names),
        ):
            if expected != came:
                raise FormatError(f"{where}: expected {expected} {what}, as before, got {came}", self.source)
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
        for number, batch in enumerate(self._batches()):
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


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    del first
    yield from rest


def _shape(batch: Any) -> str:
    if hasattr(batch, "shape"):
        return f"{type(batch).__name__} of shape {batch.shape}; one batch alone is [(X, y)]"
    size = f" of length {len(batch)}" if hasattr(batch, "__len__") else ""
    return f"{type(batch).__name__}{size}"


def open_iterable(source: Any, options: Options) -> Blocks:
    """`open_blocks` of an iterable, or of a function that returns an iterator."""
    no = "the iterable yields (X, y, weight) itself"
    options.refuse("an iterable", target=no, weight=no, columns=no, zero_based="its columns have numbers")
    return IterableBlocks(source, n_features=options.n_features, dtype=options.dtype, **options.memory)

"""lightgbm.Sequence-like objects: rows by slices, any of them at any time; a list of them is a source of several parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker.blocks.adapters import as_array
from esker.blocks.arrays import float_dtype, target_of, weight_of
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block, key
from esker.blocks.memory import block_rows

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["SequenceBlocks", "open_sequences"]


class SequenceBlocks(Blocks):
    """Objects with ``len(x)`` rows of which ``x[a:b]`` gives some; each is a part.

    Parameters
    ----------
    sequences : list
    y, sample_weight : array or None
        One value for each row of all parts.
    """

    random_access, sequential_first, threaded, is_sparse = True, False, False, False

    def __init__(self, sequences: list[Any], y: Any, sample_weight: Any, options: Options) -> None:
        rows = [len(one) for one in sequences]
        name = f"{type(sequences[0]).__name__} of {sum(rows)} rows"
        if 0 in rows:
            raise FormatError(f"part {rows.index(0)} has no rows", name)
        first = np.asarray(as_array(sequences[0][0:1]))
        if first.ndim != 2 or first.shape[0] != 1 or first.shape[1] == 0:
            raise FormatError(
                f"[0:1] must give one row, of shape (1, columns), got shape {first.shape}", name
            )
        super().__init__(
            [Part(i, f"{type(one).__name__} {i}", len(one)) for i, one in enumerate(sequences)],
            source=name,
            dtype=float_dtype(first.dtype, options.dtype),
            **options.memory,
        )
        self._sequences, self._begins = sequences, np.concatenate([[0], np.cumsum(rows)])
        self.n_rows, self.n_columns = sum(rows), first.shape[1]
        self.y, self.sample_weight = target_of(y, sum(rows)), weight_of(sample_weight, sum(rows))
        self.n_targets = 0 if self.y is None else 1 if self.y.ndim == 1 else self.y.shape[1]
        # What a slice gives is the caller's, and what it becomes is ours.
        self._step = block_rows(first.shape[1] * (first.itemsize + self.dtype.itemsize), self.budget)

    def _rows(self, part: Part, begin: int, end: int) -> Block:
        x = np.asarray(as_array(self._sequences[part.index][begin:end]))
        if x.ndim != 2 or len(x) != end - begin:
            raise FormatError(
                f"[{begin}:{end}] must give {end - begin} rows, of shape ({end - begin}, {self.n_columns}), got shape "
                f"{x.shape}",
                part.name,
            )
        a, b = (int(self._begins[part.index]) + row for row in (begin, end))
        return Block(
            np.ascontiguousarray(x, dtype=self.dtype),
            None if self.y is None else self.y[a:b],
            None if self.sample_weight is None else self.sample_weight[a:b],
            first_key=key(part.index, begin),
        )

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        rows = part.rows or 0
        for begin in range(start, rows, self._step):
            yield self._rows(part, begin, min(begin + self._step, rows))

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        block = self._rows(part, begin, end)
        self._check(part, block)
        return block


def open_sequences(source: Any, options: Options) -> Blocks:
    """`open_blocks` of a lightgbm.Sequence, or a list of them."""
    if options.records:
        raise ValueError(
            f"features= makes numbers of texts and tables, and a {type(source).__name__} holds numbers already"
        )
    no = "it has its columns"
    options.refuse("a Sequence", columns=no, zero_based=no, n_features=no)
    for value, what in ((options.target, "target"), (options.weight, "weight")):
        if (value is not None and not hasattr(value, "__len__")) or isinstance(value, str):
            raise ValueError(f"{what}= of a Sequence is an array with one value a row, got {value!r}")
    sequences = list(source) if isinstance(source, list | tuple) else [source]
    return SequenceBlocks(sequences, options.target, options.weight, options)

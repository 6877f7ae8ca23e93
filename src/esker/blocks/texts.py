"""Texts in memory, one a row, as Records of one column, for a feature step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from esker._errors import FormatError
from esker.blocks.arrays import target_of, weight_of
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block
from esker.blocks.memory import block_rows
from esker.blocks.records import Records, Strings

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["TEXT", "TextBlocks", "as_strings", "open_texts"]

#: The name of the column.
TEXT = "text"


def as_strings(texts: Any) -> Strings:
    """A list, array or Series of texts as a column; None and NaN are missing."""
    name = next((name for name in ("tolist", "to_list", "to_pylist") if hasattr(texts, name)), None)
    values = list(texts) if name is None else getattr(texts, name)()
    if set(map(type, values)) <= {str, bytes, type(None)}:
        return Strings.of(values)
    plain = [None if value is None or value != value else value for value in values]
    for row, value in enumerate(plain):
        if not isinstance(value, str | bytes | None):
            raise ValueError(
                f"X must hold one text in each row, got a {type(value).__name__} in row {row} (from 0)"
            )
    return Strings.of(plain)


class TextBlocks(Blocks):
    """A list, array or Series of texts with their targets; part 0.

    Parameters
    ----------
    texts : sequence of str
    y, sample_weight : array or None
    """

    random_access, sequential_first, threaded, holds_records = True, False, False, True

    def __init__(self, texts: Any, y: Any, sample_weight: Any, *, max_memory: Any, block_size: Any) -> None:
        n = len(texts)
        name = f"{type(texts).__name__} of {n} texts"
        if n == 0:
            raise FormatError("there are no texts", name)
        super().__init__([Part(0, name, n)], source=name, max_memory=max_memory, block_size=block_size)
        self._texts = getattr(texts, "iloc", texts)
        self.y, self.sample_weight = target_of(y, n), weight_of(sample_weight, n)
        self.n_rows, self.n_columns, self.feature_names = n, 1, [TEXT]
        self.n_targets = 0 if self.y is None else 1 if self.y.ndim == 1 else self.y.shape[1]
        some = self._column(0, min(n, 1000))
        self._step = block_rows(4 * (8 + some.nbytes / len(some)), self.budget)

    def _column(self, begin: int, end: int) -> Strings:
        try:
            return as_strings(self._texts[begin:end])
        except ValueError as error:
            raise FormatError(f"rows {begin} and on: {error}", self.source) from None

    def _rows(self, begin: int, end: int) -> Block:
        y = None if self.y is None else self.y[begin:end]
        weight = None if self.sample_weight is None else self.sample_weight[begin:end]
        return Block(Records({TEXT: self._column(begin, end)}), y, weight, first_key=begin)

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        n = part.rows or 0
        for begin in range(start, n, self._step):
            yield self._rows(begin, min(begin + self._step, n))

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        block = self._rows(begin, end)
        self._check(part, block)
        return block


def open_texts(texts: Any, options: Options) -> Blocks:
    """`open_blocks` of texts in memory, behind a feature step."""
    no = "texts have one column"
    options.refuse("a list of texts", columns=no, zero_based=no, n_features=no, dtype="texts are no numbers")
    for value, what in ((options.target, "target"), (options.weight, "weight")):
        if value is not None and (isinstance(value, str) or not hasattr(value, "__len__")):
            raise ValueError(f"{what}= of a list of texts is an array with one value a text, got {value!r}")
    return TextBlocks(texts, options.target, options.weight, **options.memory)

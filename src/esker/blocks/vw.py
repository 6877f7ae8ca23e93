"""Vowpal Wabbit text as blocks: ``label importance base? tag|namespace:scale feature:value feature |...``, one row a line.

Features are numbered as ``vw --hash strings -b 18`` numbers them, so that a column means the same here and there. A feature that
comes several times in a line has the sum of its values, one of value 0 is left out, as VW has it; there is no constant
feature, as esker's models have an intercept. A tag is read over; blank lines are no rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker._native import core
from esker.blocks.text import Lines, whole_lines
from esker.blocks.text_blocks import Parsed, TextBlocks, checked_dtype
from esker.blocks.text_rows import Room

if TYPE_CHECKING:
    from esker.blocks.base import Blocks
    from esker.blocks.sources import Options

__all__ = ["VwBlocks", "open_vw"]

#: The columns where nobody says otherwise, as VW has them.
COLUMNS = 1 << 18


class VwBlocks(TextBlocks):
    """Files of Vowpal Wabbit text, each a part, or one stream.

    Parameters
    ----------
    sources : sequence of Path, or one binary file object
    n_features : int
        The width, a power of two: what VW's ``-b`` is the logarithm of.
    dtype : {float32, float64}
        Of the values; float32 by default, as VW has them.
    """

    def __init__(
        self,
        sources: Sequence[Any],
        *,
        n_features: int | None = None,
        dtype: Any = None,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
    ) -> None:
        columns = COLUMNS if n_features is None else n_features
        whole = not isinstance(columns, bool) and columns == int(columns)
        if not whole or not 2 <= columns <= 1 << 31 or int(columns) & (int(columns) - 1):
            raise ValueError(
                "n_features of Vowpal Wabbit text must be a power of two from 2 to 2**31 (2**b is vw's -b), "
                f"got {n_features!r}"
            )
        dtype = checked_dtype(np.float32 if dtype is None else dtype)
        super().__init__(sources, dtype=dtype, weights=True, max_memory=max_memory, block_size=block_size)
        self.bits = int(columns).bit_length() - 1
        self.n_columns = int(columns)
        #: 1 where rows have labels, 0 where they have none; a stream tells only when it is read.
        self._labels: int = self._first_label() if self.rereadable else -1
        self.n_targets = None if self._labels < 0 else self._labels

    @property
    def parse_options(self) -> dict[str, Any]:
        """What, beside the files, the rows depend on."""
        return {"format": "vw", "n_features": self.n_columns, "dtype": self.dtype.name}

    def _first_label(self) -> int:
        """Whether the first row has a label."""
        room = Room(self.dtype, True, 0)
        with closing(whole_lines(self.paths[0], min(1 << 14, self.limit), self.limit)) as texts:
            line = 1
            for text in texts:
                text = text.without_byte_order_mark() if text.offset == 0 else text
                _, nbytes, _ = self._skip(text, 1)
                first = text._replace(end=text.begin + nbytes)
                try:
                    found = self._parsed(first, room, -1)
                except FormatError as error:
                    place = error.line + line - 1
                    raise FormatError(error.message, self.parts[0].name, place, error.column) from None
                if found.labels >= 0:
                    return found.labels
                line += found.lines
        raise FormatError(self.no_rows, self.parts[0].name)

    def _parse(self, text: Lines, room: Room, wide: bool) -> Parsed:
        return self._parsed(text, room, self._labels)

    def _parsed(self, text: Lines, room: Room, labels: int) -> Parsed:
        parsed = self._append(core.append_vw, text, room, {"bits": self.bits, "labels": labels})
        assert parsed is not None  # int32 counts 2**31 columns
        return parsed

    def _skip(self, text: Lines, rows: int) -> tuple[int, int, int]:
        passed: tuple[int, int, int] = core.skip_vw_rows(text.buffer, text.begin, text.end, rows)
        return passed


def open_vw(sources: list[Any], options: Options) -> Blocks:
    """`open_blocks` of Vowpal Wabbit text."""
    kind = "Vowpal Wabbit text"
    options.refuse(
        kind,
        weight="a line's importance is its weight",
        columns="features are hashed to n_features= columns",
        zero_based="its features have names, and no column numbers",
    )
    if options.target is not None and not (isinstance(options.target, str) and options.target == "label"):
        raise ValueError(
            f"the target of {kind} is its label, the first number of a line; leave target= out, got {options.target!r}"
        )
    return VwBlocks(sources, n_features=options.n_features, dtype=options.dtype, **options.memory)

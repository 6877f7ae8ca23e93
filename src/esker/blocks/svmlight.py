"""svmlight / libsvm text as blocks: ``label [qid:n] column:value ... [# comment]``, one row a line.

Column numbers are kept as written, so a file that counts from 1 has an empty column 0; ``zero_based=False`` subtracts
one. How wide and how long the files are is known after one whole walk; until then blocks are as wide as what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker._native import core, threads
from esker.blocks.base import Blocks
from esker.blocks.block import Block, key
from esker.blocks.buffer import csr
from esker.blocks.svmlight_whole import WholeRows
from esker.blocks.text import Lines, whole_lines
from esker.blocks.text_blocks import LONGEST_LINE, Mark, Parsed, TextBlocks, checked_dtype
from esker.blocks.text_rows import Room, Rows

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["SvmlightBlocks", "open_svmlight"]

#: Bytes of text that are parsed at a time where all rows go to one matrix.
WHOLE_CHUNK = 8 << 20


class SvmlightBlocks(TextBlocks):
    """svmlight files, each a part.

    Parameters
    ----------
    paths : sequence of Path
    zero_based : {"auto", True, False}
        "auto" and True keep column numbers as they are written. False subtracts one, and refuses a column 0.
    n_features : int, optional
        The width; a column beyond it is an error. By default what the files turn out to hold.
    dtype : {float64, float32}
        Of the values. float64 gives what Python's ``float`` makes of the text, to the bit.
    """

    no_rows = "there are no rows, only comments or empty lines"

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        zero_based: bool | str = "auto",
        n_features: int | None = None,
        dtype: Any = None,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
    ) -> None:
        if not (isinstance(zero_based, bool) or zero_based == "auto"):
            raise ValueError(f'zero_based must be "auto", True or False, got {zero_based!r}')
        if n_features is not None and (isinstance(n_features, bool) or not 1 <= int(n_features) < 2**62):
            raise ValueError(f"n_features must be a positive number of columns, got {n_features!r}")
        super().__init__(paths, dtype=checked_dtype(dtype), max_memory=max_memory, block_size=block_size)
        self.zero_based, self.n_features = zero_based, n_features
        self.n_columns = n_features

    @property
    def parse_options(self) -> dict[str, Any]:
        """What, beside the files, the rows depend on."""
        options = {
            "zero_based": self.zero_based is not False,
            "n_features": self.n_features,
            "dtype": self.dtype.name,
        }
        return {"format": "svmlight", **options}

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "subtract_one": self.zero_based is False,
            "n_features": -1 if self.n_features is None else self.n_features,
        }

    def _parse(self, text: Lines, room: Room, wide: bool) -> Parsed:
        parsed = None if wide else self._append(core.append_svmlight, text, room, self._options)
        if parsed is not None:
            return parsed
        y, data, indices, indptr, columns, lines = core.parse_svmlight(
            text.buffer, text.begin, text.end, float32=self.dtype == np.float32, wide=True, **self._options
        )
        return Parsed(Rows(y, data, indices, indptr), columns, lines)

    def _skip(self, text: Lines, rows: int) -> tuple[int, int, int]:
        passed: tuple[int, int, int] = core.skip_svmlight_rows(text.buffer, text.begin, text.end, rows)
        return passed

    def labels(self) -> Iterator[NDArray[Any] | None]:
        """The labels alone: lines are only looked at where they begin."""
        if not self.rereadable:
            yield from super().labels()
            return

        def labels(text: Lines) -> Parsed:
            y, lines = core.svmlight_labels(text.buffer, text.begin, text.end)
            return Parsed(y, 0, lines)

        for part in self.parts:
            with closing(self._chunks(part, 0, labels)) as chunks:
                for found, _ in chunks:
                    yield found.rows

    def take_all(self) -> Block:
        """Every row in memory, as one block; without a limit of memory, parsed to its final place."""
        block = self._take_straight() if self.max_memory is None and self.rereadable else None
        return super().take_all() if block is None else block

    def _take_straight(self) -> Block | None:
        """All rows, parsed into one matrix on this thread; None where int32 cannot count its columns or entries."""
        all_rows, keys = WholeRows(self.dtype), []
        for part, path, seen in zip(self.parts, self.paths, self._seen):
            seen.check(path)
            mark, entries = Mark(), all_rows.entries
            with closing(whole_lines(path, WHOLE_CHUNK, LONGEST_LINE)) as texts, threads(self.n_threads):
                for text in texts:
                    if text.offset == 0:
                        text = text.without_byte_order_mark()
                    size = max(text.end - text.begin, 1)
                    to_come = 1.0 if seen.compressed else max((seen.size - mark.offset) / size, 1.0)
                    try:
                        added = all_rows.add(text, to_come, first_line=mark.line, **self._options)
                    except FormatError as error:
                        raise FormatError(error.message, str(path), error.line, error.column) from None
                    if added is None:
                        return None
                    rows, columns, lines = added
                    seen.columns = max(seen.columns, columns)
                    mark = Mark(mark.row + rows, text.offset + text.end - text.begin, mark.line + lines)
                    seen.note(mark)
            seen.check(path)
            if mark.row == 0:
                raise FormatError(self.no_rows, str(path))
            self._note_whole(part, mark.row, all_rows.entries - entries)
            keys.append(key(part.index, 0) + np.arange(mark.row if len(self.parts) > 1 else 0))
        y, data, indices, indptr = all_rows.take()
        assert self.n_columns is not None  # all files were walked
        x = csr(data, indices, indptr, self.n_columns)
        return Block(x, y, row_keys=np.concatenate(keys) if len(keys) > 1 else None)


def open_svmlight(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of svmlight files."""
    kind = "svmlight text"
    options.refuse(kind, weight="it holds no weights", columns="use zero_based= and n_features=")
    multilabel = isinstance(options.target, str) and options.target == "multilabel"
    if options.target is not None and not (
        multilabel or (isinstance(options.target, str) and options.target == "label")
    ):
        raise ValueError(
            f"the target of {kind} is its label, the first number of a line; leave target= out, or pass "
            f'target="multilabel" for rows of several labels, got {options.target!r}'
        )
    made = SvmlightBlocks
    if multilabel:
        from esker.blocks.multilabel import MultilabelBlocks

        made = MultilabelBlocks
    return made(
        paths,
        zero_based=options.zero_based,
        n_features=options.n_features,
        dtype=options.dtype,
        **options.memory,
    )

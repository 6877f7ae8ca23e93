"""svmlight / libsvm text as blocks: ``label [qid:n] column:value ... [# comment]``, one row a line; plain or gzip.

Column numbers are kept as written, so a file that counts from 1 has an empty column 0; ``zero_based=False`` subtracts
one. How wide and how long the files are is known after one whole walk; until then blocks are as wide as what was seen.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker._native import core
from esker.blocks.base import Blocks, Part
from esker.blocks.block import UNIT, Block, key
from esker.blocks.buffer import csr
from esker.blocks.memory import PANEL, show_size
from esker.blocks.svmlight_whole import WholeRows
from esker.blocks.text import Lines, is_gzip, whole_lines

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["SvmlightBlocks", "open_svmlight"]

#: The longest line read where no memory limit says otherwise.
LONGEST_LINE = 1 << 30
#: Bytes of text that are parsed at a time where all rows go to one matrix.
WHOLE_CHUNK = 8 << 20
NO_ROWS = "there are no rows, only comments or empty lines"


@dataclass(frozen=True)
class _Mark:
    """A place between two lines of a file: rows before it, its byte, the number of the line that follows."""

    row: int = 0
    offset: int = 0
    line: int = 1


@dataclass
class _Seen:
    """What walks of one file have shown so far; rows and nnz once a walk came to its end."""

    stat: tuple[int, int]
    gzip: bool
    marks: list[_Mark] = field(default_factory=lambda: [_Mark()])
    rows: int | None = None
    nnz: int | None = None
    columns: int = 0

    def before(self, row: int) -> _Mark:
        """The last known place at or before a row; a gzip file is only ever read from its beginning."""
        return self.marks[bisect_right(self.marks, row, key=lambda mark: mark.row) - 1]

    def note(self, mark: _Mark) -> None:
        if not self.gzip and mark.row > self.marks[-1].row:
            self.marks.append(mark)


@dataclass
class _Rows:
    """Parsed rows that are not yet in a block, the first of which is row `first` of the file."""

    first: int
    y: Any
    data: Any
    indices: Any
    indptr: Any

    def __len__(self) -> int:
        return len(self.y)

    @property
    def nbytes(self) -> int:
        return int(self.y.nbytes + self.data.nbytes + self.indices.nbytes + self.indptr.nbytes)

    def head(self) -> tuple[Any, Any, Any, Any]:
        return self.y, self.data, self.indices, self.indptr

    def split(self, n: int) -> tuple[_Rows, _Rows | None]:
        """The first n rows as views, and a copy of the others, so that neither keeps the other's memory."""
        if n == len(self):
            return self, None
        end = int(self.indptr[n])
        rest = _Rows(
            self.first + n,
            self.y[n:].copy(),
            self.data[end:].copy(),
            self.indices[end:].copy(),
            self.indptr[n:] - end,
        )
        return _Rows(self.first, self.y[:n], self.data[:end], self.indices[:end], self.indptr[: n + 1]), rest


class SvmlightBlocks(Blocks):
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

    is_sparse = True
    n_targets = 1
    checked = False  # the parser refuses what is not finite

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
        dtype = np.dtype(np.float64 if dtype is None else dtype)
        if dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {dtype}")
        self.paths = [Path(p) for p in paths]
        super().__init__(
            [Part(i, str(p)) for i, p in enumerate(self.paths)],
            source=str(self.paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else ""),
            dtype=dtype,
            max_memory=max_memory,
            block_size=block_size,
        )
        self.files = tuple(self.paths)
        self.zero_based, self.n_features = zero_based, n_features
        self.n_columns = n_features
        self._seen = [_Seen(_stat(p), is_gzip(p)) for p in self.paths]

    @property
    def parse_options(self) -> dict[str, Any]:
        """What, beside the files, the rows depend on."""
        options = {
            "zero_based": self.zero_based is not False,
            "n_features": self.n_features,
            "dtype": self.dtype.name,
        }
        return {"format": "svmlight", **options}

    # --- walking a file ---

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        path, seen = self.paths[part.index], self._seen[part.index]
        _check_same(path, seen)
        mark = seen.before(start)
        skip, nnz = start - mark.row, 0
        left = None
        limit = LONGEST_LINE if self.max_memory is None else max(self.max_memory // 4, self.block_bytes)
        chunk = max(self.block_bytes // 4, 1 << 12)
        with closing(whole_lines(path, min(chunk, limit), limit, mark.offset)) as texts:
            for text in texts:
                if text.offset == 0:
                    text, mark = _without_byte_order_mark(text, mark)
                if skip:
                    text, mark, skip = _skipped(text, mark, skip)
                    if skip:
                        continue
                left, mark = self._parse(path, seen, text, mark, left)
                ready, left = self._cut(path, left, limit)
                if ready is not None:
                    nnz += len(ready.data)
                    yield self._block(part, ready)
        if left is not None and len(left):
            nnz += len(left.data)
            yield self._block(part, left)
        _check_same(path, seen)
        if mark.row == 0:
            raise FormatError(NO_ROWS, str(path))
        if start == 0:
            self._note_whole(part, mark.row, nnz)

    def _parse(
        self, path: Path, seen: _Seen, text: Lines, mark: _Mark, left: _Rows | None
    ) -> tuple[_Rows, _Mark]:
        """The rows of a text behind those left over, and the mark behind them."""
        try:
            y, data, indices, indptr, columns, lines = core.parse_svmlight(
                text.buffer,
                text.begin,
                text.end,
                float32=self.dtype == np.float32,
                wide=seen.columns > np.iinfo(np.int32).max,
                head=None if left is None else left.head(),
                **self._parser_options(mark),
            )
        except FormatError as error:
            raise FormatError(error.message, str(path), error.line, error.column) from None
        seen.columns = max(seen.columns, columns)
        first, there = (mark.row, 0) if left is None or not len(left) else (left.first, len(left))
        offset = mark.offset + text.end - text.begin
        mark = _Mark(mark.row + len(y) - there, offset, mark.line + lines)
        seen.note(mark)
        return _Rows(first, y, data, indices, indptr), mark

    def _parser_options(self, mark: _Mark) -> dict[str, Any]:
        return {
            "subtract_one": self.zero_based is False,
            "n_features": -1 if self.n_features is None else self.n_features,
            "first_line": mark.line,
        }

    def take_all(self) -> Block:
        """Every row in memory, as one block; without a limit of memory, parsed to its final place."""
        block = self._take_straight() if self.max_memory is None else None
        return super().take_all() if block is None else block

    def _take_straight(self) -> Block | None:
        """All rows, parsed into one matrix on this thread; None where int32 cannot count its columns or entries."""
        all_rows, keys = WholeRows(self.dtype), []
        for part, path, seen in zip(self.parts, self.paths, self._seen):
            _check_same(path, seen)
            mark, entries = _Mark(), all_rows.entries
            with closing(whole_lines(path, WHOLE_CHUNK, LONGEST_LINE)) as texts:
                for text in texts:
                    if text.offset == 0:
                        text, mark = _without_byte_order_mark(text, mark)
                    size = max(text.end - text.begin, 1)
                    to_come = 1.0 if seen.gzip else max((seen.stat[0] - mark.offset) / size, 1.0)
                    try:
                        added = all_rows.add(text, to_come, **self._parser_options(mark))
                    except FormatError as error:
                        raise FormatError(error.message, str(path), error.line, error.column) from None
                    if added is None:
                        return None
                    rows, columns, lines = added
                    seen.columns = max(seen.columns, columns)
                    mark = _Mark(mark.row + rows, mark.offset + text.end - text.begin, mark.line + lines)
                    seen.note(mark)
            _check_same(path, seen)
            if mark.row == 0:
                raise FormatError(NO_ROWS, str(path))
            self._note_whole(part, mark.row, all_rows.entries - entries)
            keys.append(key(part.index, 0) + np.arange(mark.row if len(self.parts) > 1 else 0))
        y, data, indices, indptr = all_rows.take()
        assert self.n_columns is not None  # all files were walked
        x = csr(data, indices, indptr, self.n_columns)
        return Block(x, y, row_keys=np.concatenate(keys) if len(keys) > 1 else None)

    def _cut(self, path: Path, rows: _Rows, limit: int) -> tuple[_Rows | None, _Rows | None]:
        """Rows for a block, and what is left over: whole units of rows, or whole panels where units are too large."""
        end = rows.first + len(rows)
        for unit in (UNIT, PANEL):
            n = end // unit * unit - rows.first
            if n > 0:
                return rows.split(n)
            if 2 * rows.nbytes < self.block_bytes:
                return None, rows
        if rows.nbytes > limit:
            raise FormatError(
                f"rows are read {PANEL} at a time, and those from row {rows.first} (from 0) on take more than "
                f"{show_size(limit)}; grant more memory",
                str(path),
            )
        return None, rows

    def _block(self, part: Part, rows: _Rows) -> Block:
        # Columns seen by other walks count: a second walk is as wide as the first came to be.
        width = self.n_columns if self.n_columns is not None else max(max(s.columns for s in self._seen), 1)
        return Block(
            csr(rows.data, rows.indices, rows.indptr, width), rows.y, first_key=key(part.index, rows.first)
        )

    def _note_whole(self, part: Part, rows: int, nnz: int) -> None:
        """A walk came to the end of a file; when it is the last one, all is known."""
        seen = self._seen[part.index]
        seen.rows, seen.nnz = rows, nnz
        self.parts = tuple(replace(p, rows=s.rows) for p, s in zip(self.parts, self._seen))
        if all(s.rows is not None for s in self._seen):
            self.n_rows = sum(s.rows or 0 for s in self._seen)
            self.nnz = sum(s.nnz or 0 for s in self._seen)
            if self.n_columns is None:
                self.n_columns = max(max(s.columns for s in self._seen), 1)


def _without_byte_order_mark(text: Lines, mark: _Mark) -> tuple[Lines, _Mark]:
    if text.buffer[text.begin : text.begin + 3] != b"\xef\xbb\xbf":
        return text, mark
    return text._replace(begin=text.begin + 3, offset=3), replace(mark, offset=3)


def _skipped(text: Lines, mark: _Mark, rows: int) -> tuple[Lines, _Mark, int]:
    """The text behind its first rows, and how many are still to be skipped."""
    found, nbytes, lines = core.skip_svmlight_rows(text.buffer, text.begin, text.end, rows)
    mark = _Mark(mark.row + found, mark.offset + nbytes, mark.line + lines)
    return text._replace(begin=text.begin + nbytes, offset=text.offset + nbytes), mark, rows - found


def _stat(path: Path) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns


def _check_same(path: Path, seen: _Seen) -> None:
    """A file must stay as it was when it was opened: what was learnt of it would be wrong."""
    if _stat(path) != seen.stat:
        raise FormatError("the file changed after it was opened; open it again", str(path))


def open_svmlight(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of svmlight files."""
    kind = "svmlight text"
    options.refuse(kind, weight="it holds no weights", columns="use zero_based= and n_features=")
    if options.target is not None and not (isinstance(options.target, str) and options.target == "label"):
        raise ValueError(
            f"the target of {kind} is its label, the first number of a line; leave target= out, got {options.target!r}"
        )
    return SvmlightBlocks(
        paths,
        zero_based=options.zero_based,
        n_features=options.n_features,
        dtype=options.dtype,
        **options.memory,
    )

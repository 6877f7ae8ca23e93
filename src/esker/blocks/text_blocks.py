"""Files of lines as blocks, each file a part: chunks of whole lines are parsed by several threads, and come in order.

A format says how a chunk is parsed and which of its lines are rows. How wide and how long the files are is known after
one whole walk; until then blocks are as wide as what was seen.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from esker._errors import FormatError
from esker._native import cores
from esker.blocks.base import Blocks, Part
from esker.blocks.block import UNIT, Block, key
from esker.blocks.buffer import csr
from esker.blocks.crew import in_order
from esker.blocks.once import stream_name, walked_already
from esker.blocks.text import LineReader, Lines, is_compressed
from esker.blocks.text_rows import Room, Rows, gathered, granules

__all__ = ["LONGEST_LINE", "Mark", "Parsed", "TextBlocks", "checked_dtype"]

#: The longest line read where no memory limit says otherwise.
LONGEST_LINE = 1 << 30
#: Bytes of text that are parsed at a time: most, as threads hand each other few large pieces faster than many small ones,
#: and those of small files, so that all threads have some.
CHUNK, SMALL_CHUNK = 1 << 22, 1 << 20
#: What a byte of text may become: "1:1 " is 12 bytes of a matrix of float64.
GROWTH = 3.5


@dataclass(frozen=True)
class Mark:
    """A place between two lines of a file: rows before it, its byte, the number of the line that follows."""

    row: int = 0
    offset: int = 0
    line: int = 1


NOWHERE = Mark(-1)
MIXED = "from this line on rows have labels and those before have none, or the other way round; a source has one or the other"


@dataclass
class _Seen:
    """What walks of one file have shown so far; rows and nnz once a walk came to its end."""

    stat: tuple[int, int] | None
    compressed: bool
    marks: list[Mark] = field(default_factory=lambda: [Mark()])
    rows: int | None = None
    nnz: int | None = None
    columns: int = 0

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return 0 if self.stat is None else self.stat[0]

    def check(self, path: Any) -> None:
        """A file must stay as it was when it was opened: what was learnt of it would be wrong."""
        if self.stat is not None and _stat(path) != self.stat:
            raise FormatError("the file changed after it was opened; open it again", str(path))

    def before(self, row: int) -> Mark:
        """The last known place at or before a row; a compressed file is only ever read from its beginning."""
        return self.marks[bisect_right(self.marks, row, key=lambda mark: mark.row) - 1]

    def note(self, mark: Mark) -> None:
        if not self.compressed and mark.row > self.marks[-1].row + UNIT:
            self.marks.append(mark)


@dataclass(slots=True)
class Parsed:
    """What a format makes of a chunk of text."""

    rows: Any
    columns: int
    lines: int
    #: 1 where every row has a label, 0 where none has, -1 where there are no rows.
    labels: int = 1


class TextBlocks(Blocks):
    """Files of lines, each a part, or one stream that is read once.

    Parameters
    ----------
    sources : sequence of Path, or one binary file object
    weights : bool
        Whether rows carry weights.
    """

    is_sparse: bool | None = True
    n_targets: int | None = 1
    checked = False  # the parsers refuse what is not finite
    #: Where a file has no row.
    no_rows = "there are no rows, only empty lines"

    def __init__(
        self,
        sources: Sequence[Any],
        *,
        dtype: Any = None,
        weights: bool = False,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
    ) -> None:
        stream = len(sources) == 1 and hasattr(sources[0], "readinto")
        self.paths: list[Any] = list(sources) if stream else [Path(p) for p in sources]
        names = [stream_name(sources[0])] if stream else [str(p) for p in self.paths]
        super().__init__(
            [Part(i, name) for i, name in enumerate(names)],
            source=names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else ""),
            dtype=dtype,
            max_memory=max_memory,
            block_size=block_size,
        )
        self.files = () if stream else tuple(self.paths)
        self.rereadable, self._walked, self._weights = not stream, False, weights
        self._seen = [_Seen(None, True) if stream else _Seen(_stat(p), is_compressed(p)) for p in self.paths]
        self.limit = LONGEST_LINE if self.max_memory is None else max(self.max_memory // 4, self.block_bytes)
        whole = min(CHUNK, max(SMALL_CHUNK, max(seen.size for seen in self._seen) // 64))
        whole = whole if self.max_memory is None else min(whole, self.max_memory // 256)
        self.chunk = max(min(whole, self.block_bytes // 4, self.limit), 1 << 12)

    # --- what a format defines ---

    @abstractmethod
    def _parse(self, text: Lines, room: Room, wide: bool) -> Parsed:
        """The rows of whole lines; an error counts lines from the first of these. Called by several threads at once."""

    @abstractmethod
    def _skip(self, text: Lines, rows: int) -> tuple[int, int, int]:
        """Pass over the first rows: (rows, bytes, lines) passed."""

    # --- walking a file ---

    @property
    def _threads(self) -> int:
        return cores(self.n_threads)

    @property
    def reading_bytes(self) -> int:
        """Texts at work and what becomes of them, and rows that wait for the rest of their block."""
        return int((self._threads + 2) * self.chunk * (1 + GROWTH)) + self.block_bytes // 2

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        return self._walk(part, start, gathered)

    def probe_labels(self) -> tuple[list[np.ndarray[Any, Any]], float] | None:
        from esker.blocks.text_probe import probe_text

        return probe_text(self)

    def read_pieces(self, part: Part, start: int = 0) -> Iterator[Block]:
        return self._walk(part, start, granules)

    def _walk(self, part: Part, start: int, cut: Callable[..., Iterator[Rows]]) -> Iterator[Block]:
        first = start
        with closing(self._pieces(part, start)) as pieces:
            for rows in cut(pieces, start, self.block_bytes, self.limit, part.name):
                yield self._block(part, first, rows)
                first += len(rows)
                del rows

    def _pieces(self, part: Part, start: int) -> Generator[Rows, None, None]:
        """The rows of a file from `start` on, as they were parsed; what they show of the file is noted."""
        seen = self._seen[part.index]
        wide = seen.columns > np.iinfo(np.int32).max
        room = Room(self.dtype, self._weights, int((self._threads + 2) * self.chunk * GROWTH))
        nnz, mark = 0, Mark()
        with closing(self._chunks(part, start, lambda text: self._parse(text, room, wide))) as chunks:
            for found, mark in chunks:
                nnz += len(found.rows.data)
                seen.columns = max(seen.columns, found.columns)
                seen.note(mark)
                rows = found.rows
                del found
                yield rows
                del rows
        if start == 0:
            self._note_whole(part, mark.row, nnz)

    def _chunks(
        self, part: Part, start: int, parse: Callable[[Lines], Parsed]
    ) -> Generator[tuple[Parsed, Mark], None, None]:
        """What `parse` makes of the chunks of a file from row `start` on, each with the mark behind it."""
        source, seen = self.paths[part.index], self._seen[part.index]
        if not self.rereadable and self._walked:
            raise ValueError(walked_already(self.source))
        self._walked = True
        seen.check(source)
        threads = self._threads if self._threads > 1 else 0
        mark, labels = NOWHERE, -1
        with closing(_Texts(self, source, seen.before(start), start)) as texts:

            def work(text: Lines) -> tuple[int, Parsed | FormatError]:
                try:
                    return text.offset + text.end - text.begin, parse(text)
                except FormatError as error:
                    return 0, error
                finally:
                    texts.buffers.append(text.buffer)

            with closing(in_order(iter(texts), work, threads, threads + 1)) as parsed:
                for offset, found in parsed:
                    mark = texts.mark if mark.row < 0 else mark
                    if isinstance(found, FormatError):
                        raise FormatError(found.message, part.name, found.line + mark.line - 1, found.column)
                    labels = found.labels if labels < 0 else labels
                    if found.labels not in (labels, -1):
                        raise FormatError(MIXED, part.name, mark.line)
                    mark = Mark(mark.row + len(found.rows), offset, mark.line + found.lines)
                    yield found, mark
                    del found
        mark = texts.mark if mark.row < 0 else mark
        seen.check(source)
        if mark.row == 0:
            raise FormatError(self.no_rows, part.name)

    def _append(
        self, parse: Callable[..., Any], text: Lines, room: Room, options: dict[str, Any]
    ) -> Parsed | None:
        """Parse into memory of `room` by a function of the core; None where int32 cannot count the columns."""
        nbytes = text.end - text.begin
        arrays = room.guess(nbytes)
        while True:
            rows, entries, columns, lines, *more = parse(
                text.buffer, text.begin, text.end, **arrays, rows=0, entries=0, **options
            )
            if columns == -2:
                return None
            if columns >= 0:
                break
            arrays = room.exactly(rows, entries)
        room.learn(nbytes, lines, entries)
        weights, labels = more or (0, 1)
        made = Rows(
            arrays["y"][:rows] if labels else None,
            arrays["data"][:entries],
            arrays["indices"][:entries],
            arrays["indptr"][: rows + 1],
            arrays["weight"][:rows] if weights else None,
        )
        return Parsed(made, columns, lines, labels)

    def _block(self, part: Part, first: int, rows: Rows) -> Block:
        # Columns seen by other walks count: a second walk is as wide as the first came to be.
        width = self.n_columns if self.n_columns is not None else max(max(s.columns for s in self._seen), 1)
        x = csr(rows.data, rows.indices, rows.indptr, width)
        return Block(x, rows.y, rows.weight, first_key=key(part.index, first))

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


class _Texts:
    """Chunks of a file's lines from row `start` on; buffers that come back are filled again.

    `mark` is where the first chunk begins, once there is one.
    """

    def __init__(self, blocks: TextBlocks, source: Any, mark: Mark, start: int) -> None:
        self.blocks, self.mark, self.skip = blocks, mark, start - mark.row
        self.buffers: deque[Any] = deque()
        self.reader = LineReader(source, blocks.chunk, blocks.limit, mark.offset)

    def __iter__(self) -> Iterator[Lines]:
        while True:
            text = self.reader.read(self.buffers.popleft() if self.buffers else None)
            if text is None:
                return
            if text.offset == 0:
                text = text.without_byte_order_mark()
            if self.skip:
                text = self._skipped(text)
            if text.begin < text.end:
                yield text
            else:
                self.buffers.append(text.buffer)

    def _skipped(self, text: Lines) -> Lines:
        found, nbytes, lines = self.blocks._skip(text, self.skip)
        self.skip -= found
        offset = text.offset + nbytes
        self.mark = Mark(self.mark.row + found, offset, self.mark.line + lines)
        return text._replace(begin=text.begin + nbytes, offset=offset)

    def close(self) -> None:
        self.reader.close()


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    """float64 by default, or float32."""
    kept: np.dtype[Any] = np.dtype(np.float64 if dtype is None else dtype)
    if kept not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {kept}")
    return kept


def _stat(path: Path) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns

"""Whole lines of text files, a buffer at a time: plain or compressed, as the first bytes say; buffers are used again."""

from __future__ import annotations

import mmap
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from esker._errors import FormatError
from esker.blocks.compressed import HEAD, compression_of, open_bytes
from esker.blocks.memory import show_size

__all__ = ["LineReader", "Lines", "is_compressed", "whole_lines"]

#: Readable bytes behind the text, so that parsers may read 8 bytes at a time.
_PADDING = 64


class Lines(NamedTuple):
    """``buffer[begin:end]`` holds whole lines, each with its newline; `offset` is begin's in the (decompressed) file."""

    buffer: Any
    begin: int
    end: int
    offset: int

    def without_byte_order_mark(self) -> Lines:
        """The lines of a file's beginning without the mark that some editors put there."""
        marked = self.buffer[self.begin : self.begin + 3] == b"\xef\xbb\xbf"
        return self._replace(begin=self.begin + 3, offset=self.offset + 3) if marked else self


def is_compressed(path: Path) -> bool:
    """Whether a file begins as gzip, bzip2, xz or zstd do."""
    with open(path, "rb") as file:
        return compression_of(file.read(HEAD)) is not None


def _new_buffer(size: int) -> Any:
    """Bytes that go back to the system when they are dropped; with ``rfind``, as bytes have it."""
    if size < 1 << 18 or not hasattr(mmap, "MAP_PRIVATE"):
        return bytearray(size)
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class LineReader:
    """Reads whole lines of one file into buffers that the caller keeps.

    Parameters
    ----------
    source : path or binary file object
    chunk, limit : int
        Bytes of a buffer, and what one may grow to for a line that is longer.
    offset : int
        Where to begin in a plain file; a compressed one is read from its beginning.
    """

    def __init__(self, source: Any, chunk: int, limit: int, offset: int = 0) -> None:
        self.name = str(source if isinstance(source, str | Path) else getattr(source, "name", source))
        self.chunk, self.limit, self.offset = chunk, limit, offset
        self.rest = b""
        self.ended = False
        self.file = open_bytes(source, offset)

    def read(self, buffer: Any = None) -> Lines | None:
        """The next lines, in `buffer` if they fit there, else in a new one; None at the end.

        How much is read depends on the file alone, not on the buffers given.
        """
        if self.ended:
            return None
        room, filled = self.chunk, len(self.rest)
        while room <= filled:
            room = min(2 * room, max(self.limit, filled + 1))
        if buffer is None or len(buffer) < room + _PADDING:
            buffer = _new_buffer(room + _PADDING)
        buffer[:filled] = self.rest
        while True:
            before = filled
            with memoryview(buffer) as view:
                while filled < room and (n := self.file.readinto(view[filled:room])):
                    filled += n
            self.ended = filled < room
            cut = filled if self.ended else buffer.rfind(b"\n", before, filled) + 1
            if cut or self.ended:
                break
            if room >= self.limit:
                raise FormatError(
                    f"a line is longer than {show_size(self.limit)} (it begins at byte {self.offset}); a text file of "
                    "rows needs line ends, and more memory where its lines are long",
                    self.name,
                )
            room = min(2 * room, self.limit)
            if len(buffer) < room + _PADDING:
                old, buffer = buffer, _new_buffer(room + _PADDING)
                buffer[:filled] = old[:filled]
        self.rest = bytes(buffer[cut:filled])
        if not cut:
            return None
        if buffer[cut - 1] != 10:  # the last line of a file
            buffer[cut : cut + 1] = b"\n"
            cut += 1
        begin, self.offset = self.offset, self.offset + cut
        return Lines(buffer, 0, cut, begin)

    def close(self) -> None:
        self.file.close()


def whole_lines(path: Any, chunk: int, limit: int, offset: int = 0) -> Generator[Lines, None, None]:
    """Yield the lines of a file from byte `offset` on, about `chunk` bytes at a time.

    Parameters
    ----------
    path : path or binary file object
    chunk, limit, offset : int
        See `LineReader`.

    Yields
    ------
    Lines
        Valid until the next is asked for: the buffer is used again.
    """
    with closing(LineReader(path, chunk, limit, offset)) as reader:
        text = None
        while (text := reader.read(None if text is None else text.buffer)) is not None:
            yield text

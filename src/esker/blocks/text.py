"""Whole lines of text files, a buffer at a time: plain, or gzip as its first bytes say; the buffer is used again."""

from __future__ import annotations

import os
import zlib
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from esker._errors import FormatError
from esker.blocks.memory import show_size

__all__ = ["Lines", "is_gzip", "whole_lines"]

#: Readable bytes behind the text, so that parsers may read 8 bytes at a time.
_PADDING = 64
_COMPRESSED = 1 << 18


class Lines(NamedTuple):
    """``buffer[begin:end]`` holds whole lines (the last of a file may lack its newline); `offset` is begin's in the file."""

    buffer: bytearray
    begin: int
    end: int
    offset: int


def is_gzip(path: Path) -> bool:
    """Whether a file begins as gzip does."""
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


class _Plain:
    """Bytes of a file from an offset on."""

    def __init__(self, path: Path, offset: int) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.lseek(self.descriptor, offset, os.SEEK_SET)

    def readinto(self, view: memoryview) -> int:
        return os.readv(self.descriptor, [view])

    def close(self) -> None:
        os.close(self.descriptor)


class _Gzip:
    """The text of a gzip file of one or more members; one that ends early is an error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = open(path, "rb", buffering=0)  # noqa: SIM115
        self.inflate = zlib.decompressobj(wbits=31)
        self.pending = b""

    def readinto(self, view: memoryview) -> int:
        while True:
            if self.inflate.eof:
                self.pending = self.inflate.unused_data or self.file.read(_COMPRESSED)
                if not self.pending.strip(b"\0"):  # the end; some writers pad with zeros
                    return 0
                self.inflate = zlib.decompressobj(wbits=31)
            data = self.pending or self.file.read(_COMPRESSED)
            try:
                text = self.inflate.decompress(data, len(view))
            except zlib.error as error:
                raise FormatError(f"the gzip stream is damaged ({error})", str(self.path)) from None
            self.pending = self.inflate.unconsumed_tail
            if text:
                view[: len(text)] = text
                return len(text)
            if not data and not self.inflate.eof:
                raise FormatError(
                    "the gzip file is truncated: it ends before its stream does", str(self.path)
                )

    def close(self) -> None:
        self.file.close()


def whole_lines(path: Path, chunk: int, limit: int, offset: int = 0) -> Generator[Lines, None, None]:
    """Yield the lines of a file from byte `offset` on, about `chunk` bytes at a time.

    Parameters
    ----------
    path : Path
    chunk, limit : int
        Bytes of the buffer, and what it may grow to for a line that is longer.
    offset : int
        Where to begin in a plain file; a gzip file is read from its beginning.

    Yields
    ------
    Lines
        Valid until the next is asked for: the buffer is used again.
    """
    reader = _Gzip(path) if is_gzip(path) else _Plain(path, offset)
    with closing(reader):
        buffer = bytearray(chunk + _PADDING)
        filled = 0
        while True:
            before, room = filled, len(buffer) - _PADDING
            with memoryview(buffer) as view:
                while filled < room and (n := reader.readinto(view[filled:room])):
                    filled += n
            ended = filled < room
            cut = filled if ended else buffer.rfind(b"\n", before, filled) + 1
            if cut:
                yield Lines(buffer, 0, cut, offset)
            elif room >= limit and not ended:
                raise FormatError(
                    f"a line is longer than {show_size(limit)} (it begins at byte {offset}); a text file of rows needs "
                    "line ends, and more memory where its lines are long",
                    str(path),
                )
            if ended:
                return
            if cut:
                with memoryview(buffer) as view:
                    view[: filled - cut] = view[cut:filled]
                filled -= cut
                offset += cut
            else:
                buffer.extend(bytes(min(room, limit - room)))

"""Bytes of a file as they were before compression: gzip, bzip2, xz or zstd, told by the first bytes; plain files as they are.

`open_bytes` gives a raw binary file (``readinto``), so that ``io.BufferedReader`` and pyarrow take it too. Streams of
several members are read whole; one that ends early or is damaged is a FormatError that names the file.
"""

from __future__ import annotations

import io
import os
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from esker._errors import FormatError

__all__ = ["ENDINGS", "compression_of", "open_bytes", "plain_name"]

#: What the endings of names say; the first bytes decide.
ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zstd")
#: Bytes of a head that `compression_of` looks at.
HEAD = 16
_COMPRESSED = 1 << 17
#: Of plain files: how far ahead the system is asked to read, and how often.
_WILL_NEED = 1 << 24


def compression_of(head: bytes) -> str | None:
    """Which compression a file's first bytes tell: "gzip", "bzip2", "xz", "zstd" or None.

    >>> compression_of(zlib.compress(b"", wbits=31)), compression_of(b"1 3:4")
    ('gzip', None)
    """
    if head[:3] == b"\x1f\x8b\x08":
        return "gzip"
    if head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "bzip2"
    if head[:6] == b"\xfd7zXZ\0":
        return "xz"
    return "zstd" if head[:4] == b"\x28\xb5\x2f\xfd" else None


def plain_name(name: str) -> str:
    """A file's name without the ending of a compression.

    >>> plain_name("rows.svm.gz"), plain_name("rows.svm")
    ('rows.svm', 'rows.svm')
    """
    ending = next((e for e in ENDINGS if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)]


class _Plain(io.RawIOBase):
    """Bytes of a file from an offset on, which must stay as it was while it is read."""

    def __init__(self, path: Path, offset: int) -> None:
        self.path = path
        self.descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        )
        self.stat = self._stat()
        self.at, self.asked = offset, offset
        os.lseek(self.descriptor, offset, os.SEEK_SET)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def _stat(self) -> tuple[int, int]:
        stat = os.fstat(self.descriptor)
        return stat.st_size, stat.st_mtime_ns

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any) -> int:
        if hasattr(os, "posix_fadvise") and self.at >= self.asked:
            os.posix_fadvise(self.descriptor, self.at, 2 * _WILL_NEED, os.POSIX_FADV_WILLNEED)
            self.asked = self.at + _WILL_NEED
        if hasattr(os, "readv"):
            n = os.readv(self.descriptor, [view])
        else:
            data = os.read(self.descriptor, len(view))
            n = len(data)
            memoryview(view)[:n] = data
        self.at += n
        if self._stat() != self.stat:
            raise FormatError("the file changed while it was read; open it again", str(self.path))
        return n

    def close(self) -> None:
        if not self.closed:
            os.close(self.descriptor)
        super().close()


class _Zlib:
    """zlib's decompressor with the interface of bz2's and lzma's."""

    def __init__(self) -> None:
        self.inflate = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self.inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self.inflate.unused_data

    @property
    def needs_input(self) -> bool:
        return not self.inflate.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self.inflate.decompress(self.inflate.unconsumed_tail + data, max_length)


class _Zstandard:
    """The same of the package zstandard, whose output cannot be bounded: its input comes in small pieces."""

    def __init__(self) -> None:
        import zstandard

        self.inner = zstandard.ZstdDecompressor().decompressobj()
        self.waiting, self.pending = b"", b""

    @property
    def eof(self) -> bool:
        return bool(self.inner.eof) and not self.pending

    @property
    def unused_data(self) -> bytes:
        return bytes(self.inner.unused_data) + self.waiting

    @property
    def needs_input(self) -> bool:
        return not self.pending and not self.waiting

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self.waiting += data
        while not self.pending and self.waiting and not self.inner.eof:
            piece, self.waiting = self.waiting[:8192], self.waiting[8192:]
            self.pending = self.inner.decompress(piece)
        text, self.pending = self.pending[:max_length], self.pending[max_length:]
        return text


def _zstd() -> Any:
    """A new zstd decompressor: of Python 3.14 or of the package zstandard."""
    if sys.version_info >= (3, 14):
        from compression import zstd

        return zstd.ZstdDecompressor()
    try:
        return _Zstandard()
    except ImportError:
        raise ImportError(
            "reading zstd takes Python 3.14, the package zstandard (pip install zstandard) or pyarrow"
        ) from None


def _new(compression: str) -> Any:
    """A new decompressor of one stream."""
    if compression == "gzip":
        return _Zlib()
    if compression == "bzip2":
        import bz2

        return bz2.BZ2Decompressor()
    if compression == "xz":
        import lzma

        return lzma.LZMADecompressor(lzma.FORMAT_XZ)
    return _zstd()


def _is_damage(error: Exception) -> bool:
    return isinstance(error, zlib.error | OSError | EOFError) or type(error).__name__ in (
        "LZMAError",
        "ZstdError",
    )


class _Decompressed(io.RawIOBase):
    """The text of a compressed file of one or more streams."""

    def __init__(self, file: Any, name: str, compression: str, one: Any) -> None:
        self.file, self.file_name, self.compression = file, name, compression
        self.one, self.kept = one, b""

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any) -> int:
        view = memoryview(view)
        while len(view):
            if self.one.eof and not self._next_stream():
                return 0
            data = self._compressed() if self.one.needs_input else b""
            ended = self.one.needs_input and not data
            try:
                text = self.one.decompress(data, len(view))
            except Exception as error:
                if not _is_damage(error):
                    raise
                raise FormatError(
                    f"the {self.compression} stream is damaged ({error})", self.file_name
                ) from None
            if text:
                view[: len(text)] = text
                return len(text)
            if ended and not self.one.eof:
                raise FormatError(
                    f"the {self.compression} file is truncated: it ends before its stream does",
                    self.file_name,
                )
        return 0

    def _compressed(self) -> bytes:
        kept, self.kept = self.kept, b""
        return kept or bytes(self.file.read(_COMPRESSED) or b"")

    def _next_stream(self) -> bool:
        """Whether another stream follows; some writers pad with zeros."""
        data = self.one.unused_data
        while not (data := data.lstrip(b"\0")):
            if not (data := self._compressed()):
                return False
        while len(data) < HEAD and (more := self._compressed()):  # a pipe gives what it has
            data += more
        if compression_of(data) != self.compression:
            raise FormatError(
                f"behind the end of the {self.compression} stream there are bytes that are none",
                self.file_name,
            )
        self.one, self.kept = _new(self.compression), data
        return True

    def close(self) -> None:
        if not self.closed:
            self.file.close()
        super().close()


class _ArrowZstd(io.RawIOBase):
    """The text of a zstd file by pyarrow, where nothing else is there that can."""

    def __init__(self, file: Any, name: str) -> None:
        import pyarrow as pa

        self.file, self.file_name = file, name
        self.text = pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any) -> int:
        try:
            data = self.text.read(len(view))
        except OSError as error:
            if isinstance(error, FormatError):
                raise
            if "nknown frame" in str(error):
                message = "behind the end of the zstd stream there are bytes that are none"
            elif "runcated" in str(error):
                message = "the zstd file is truncated: it ends before its stream does"
            else:
                message = f"the zstd stream is damaged ({error})"
            raise FormatError(message, self.file_name) from None
        memoryview(view)[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self.file.close()
        super().close()


def _decompressed(file: Any, name: str, compression: str) -> io.RawIOBase:
    try:
        one = _new(compression)
    except ImportError:
        with suppress(ImportError):
            return _ArrowZstd(file, name)
        raise
    return _Decompressed(file, name, compression, one)


class Headed(io.RawIOBase):
    """A binary stream behind bytes that were read of it already; it is left open."""

    def __init__(self, stream: Any, head: bytes | bytearray) -> None:
        self.stream, self.head = stream, head

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any) -> int:
        if self.head:
            n = min(len(self.head), len(view))
            memoryview(view)[:n], self.head = self.head[:n], self.head[n:]
            return n
        return int(self.stream.readinto(view) or 0)


def open_bytes(source: Any, offset: int = 0) -> io.RawIOBase:
    """A file's bytes, decompressed where its first bytes say so.

    Parameters
    ----------
    source : path, or binary file object with ``readinto``
        A file object is read from where it is, and left open.
    offset : int
        Where to begin in a plain file; a compressed one is read from its beginning.

    Returns
    -------
    RawIOBase
        With ``readinto`` and ``close``.
    """
    if hasattr(source, "readinto"):
        head = b""
        while len(head) < HEAD and (more := source.read(HEAD - len(head))):
            head += more
        stream = Headed(source, head)
        kind = compression_of(head)
        return stream if kind is None else _decompressed(stream, str(getattr(source, "name", source)), kind)
    path = Path(source)
    with open(path, "rb", buffering=0) as file:
        kind = compression_of(file.read(HEAD))
    plain = _Plain(path, 0 if kind else offset)
    return plain if kind is None else _decompressed(plain, str(path), kind)

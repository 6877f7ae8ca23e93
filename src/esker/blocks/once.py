"""A stream's text, decompressed, whose beginning can be looked at before the whole is read, once."""

from __future__ import annotations

import io
from typing import Any

from esker.blocks.compressed import open_bytes

__all__ = ["Once", "stream_name", "walked_already"]


class Once(io.RawIOBase):
    """The bytes of a binary file object, which is left open.

    Parameters
    ----------
    stream : binary file object with ``readinto``
    n : int
        Bytes of the beginning that are kept until the reading.
    """

    def __init__(self, stream: Any, n: int) -> None:
        self.told, self.walked = stream_name(stream), False
        self.file = open_bytes(stream)
        self.head = bytearray()
        piece = bytearray(min(n, 1 << 20))
        while len(self.head) < n and (k := self.file.readinto(piece)):
            self.head += piece[:k]
        #: Whole lines of the beginning lie in so many bytes of it, where lines are shorter.
        self.sure = max(n, 1) if len(self.head) < n else n // 2

    def __str__(self) -> str:
        return self.told

    def beginning(self) -> io.BytesIO:
        """The first bytes."""
        return io.BytesIO(self.head)

    def walk(self) -> Once:
        """Itself, for the one reading.

        Raises
        ------
        ValueError
            It was read already.
        """
        if self.walked:
            raise ValueError(walked_already(self.told))
        self.walked = True
        return self

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any) -> int:
        if self.head:
            n = min(len(self.head), len(view))
            memoryview(view)[:n], self.head = self.head[:n], self.head[n:]
            return n
        return self.file.readinto(view) or 0


def stream_name(stream: Any) -> str:
    """What messages call a binary file object."""
    standard = getattr(stream, "name", None) == "<stdin>"
    return "standard input" if standard else f"stream {type(stream).__name__}"


def walked_already(name: str) -> str:
    """The message for a second walk."""
    return (
        f"{name} is a stream and has been read already; what walks the data more than once needs a file, or "
        "a cache: write one with `esker convert`"
    )

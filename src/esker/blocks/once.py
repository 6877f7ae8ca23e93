"""A stream's text, decompressed, whose beginning can be looked at before the whole is read, once."""

from __future__ import annotations

import io
from typing import Any

from esker.blocks.compressed import Headed, open_bytes

__all__ = ["Once", "stream_name", "walked_already"]


class Once(Headed):
    """The bytes of a binary file object, which is left open.

    Parameters
    ----------
    stream : binary file object with ``readinto``
    n : int
        Bytes of the beginning that are kept until the reading.
    """

    def __init__(self, stream: Any, n: int) -> None:
        self.told, self.walked = stream_name(stream), False
        file, head = open_bytes(stream), bytearray()
        piece = bytearray(min(n, 1 << 20))
        while len(head) < n and (k := file.readinto(piece)):
            head += piece[:k]
        super().__init__(file, head)
        #: Whole lines of the beginning lie in so many bytes of it, where lines are shorter.
        self.sure = max(n, 1) if len(head) < n else n // 2

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

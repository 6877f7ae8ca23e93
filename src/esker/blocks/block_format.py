"""The frame of a block file of any version, as docs/block-file.md has it: header, footer, trailer.

Everything that a file says of itself is checked, against its checksums and against its size, before it is used: a file
cannot make a reader allocate much more than the file holds. What is between is block_v1.py's and block_v2.py's.
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker._native import core

__all__ = [
    "ALIGN",
    "FRAME",
    "MAGIC",
    "VERSION",
    "Footer",
    "aligned",
    "check_places",
    "header",
    "read_footer",
    "tail",
]

MAGIC = b"ESKER\r\n\x1a"
END_MAGIC = b"ESKEREND"
#: What is written; and every version that is read.
VERSION, KNOWN = 2, (1, 2)
#: The oldest esker that reads what this one writes.
NEEDS = "0.1"
#: Sections, blocks and the footer begin at multiples of this.
ALIGN = 64
#: Header and trailer are as long.
FRAME = 64

_HEADER = struct.Struct("<8sII44xI")  # magic, version, flags (0), crc of the 60 bytes before
_TRAILER = struct.Struct(
    "<QQQII20x8sI"
)  # footer's offset, size; file's size; footer's crc, version; magic; crc


def aligned(n: int) -> int:
    """The next multiple of ALIGN."""
    return -(-n // ALIGN) * ALIGN


def header(version: int = VERSION) -> bytes:
    """The first 64 bytes of a file."""
    raw = _HEADER.pack(MAGIC, version, 0, 0)
    return raw[:60] + struct.pack("<I", core.crc32c(raw[:60]))


def tail(
    offset: int, facts: dict[str, Any], arrays: dict[str, NDArray[Any]], version: int = VERSION
) -> bytes:
    """Footer and trailer of a file whose blocks end at `offset`."""
    placed: dict[str, dict[str, Any]] = {}
    end = 0
    for name, array in arrays.items():
        placed[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "offset": end}
        end = aligned(end + array.nbytes)
    told = _strict({**facts, "needs": NEEDS, "arrays": placed})
    text = json.dumps(told, default=str, allow_nan=False).encode()
    begin = aligned(8 + len(text))
    footer = bytearray(begin + end)
    footer[:8] = struct.pack("<Q", len(text))
    footer[8 : 8 + len(text)] = text
    for name, array in arrays.items():
        at = begin + placed[name]["offset"]
        footer[at : at + array.nbytes] = array.tobytes()
    size = offset + len(footer) + FRAME
    raw = _TRAILER.pack(offset, len(footer), size, core.crc32c(footer), version, END_MAGIC, 0)
    return bytes(footer) + raw[:60] + struct.pack("<I", core.crc32c(raw[:60]))


def _strict(fact: Any) -> Any:
    """Facts as JSON can say them: a number that is not finite is null.

    >>> _strict({"mean": [1.0, float("nan")]})
    {'mean': [1.0, None]}
    """
    if isinstance(fact, dict):
        return {name: _strict(value) for name, value in fact.items()}
    if isinstance(fact, list | tuple):
        return [_strict(value) for value in fact]
    return None if isinstance(fact, float) and not isfinite(fact) else fact


@dataclass(frozen=True)
class Footer:
    """What a file says of itself: its version, facts as JSON has them, arrays by name, and where its blocks end."""

    version: int
    facts: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    end: int


def read_footer(descriptor: int, size: int, name: str) -> Footer:
    """Read header, trailer and footer, and compare their checksums and sizes.

    Raises
    ------
    FormatError
        Not a block file, of a newer version, truncated, or damaged.
    """
    return _Reader(descriptor, size, name).read()


class _Reader:
    def __init__(self, descriptor: int, size: int, name: str) -> None:
        self.descriptor, self.size, self.name = descriptor, size, name

    def fail(self, message: str) -> FormatError:
        return FormatError(message, self.name)

    def take(self, offset: int, n: int) -> bytes:
        found = os.pread(self.descriptor, n, offset)
        if len(found) != n:
            raise self.fail(f"the file is truncated: expected {n} bytes at {offset}, got {len(found)}")
        return found

    def checked(self, expected: int, raw: bytes, what: str) -> None:
        found = core.crc32c(raw)
        if found != expected:
            raise self.fail(f"the {what} is damaged: expected checksum {expected:#010x}, got {found:#010x}")

    def read(self) -> Footer:
        if self.size < 2 * FRAME:
            raise self.fail(
                f"the file is truncated: a block file has at least {2 * FRAME} bytes, got {self.size}"
            )
        first = self.take(0, FRAME)
        magic, version, flags, crc = _HEADER.unpack(first)
        if magic != MAGIC:
            raise self.fail(f"expected a block file, which begins with {MAGIC!r}, got {magic!r}")
        self.checked(crc, first[:60], "header")
        facts, arrays = self.footer(version)
        if version not in KNOWN or flags:
            raise self.fail(
                f"this is version {version} of the block file, and this esker reads {' and '.join(map(str, KNOWN))}; "
                f"use esker {facts.get('needs', 'of a later version')} or later, or convert the source again"
            )
        return Footer(version, facts, arrays, self.end)

    def footer(self, version: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        last = self.take(self.size - FRAME, FRAME)
        offset, length, size, footer_crc, again, magic, crc = _TRAILER.unpack(last)
        if magic != END_MAGIC:
            raise self.fail(f"the file is truncated: expected {END_MAGIC!r} near its end, got {magic!r}")
        self.checked(crc, last[:60], "trailer")
        if (
            size != self.size
            or again != version
            or offset < FRAME
            or offset + length + FRAME != size
            or length < 8
        ):
            raise self.fail(
                f"the file is not whole: its trailer tells of {size} bytes, the footer being {length} of them at "
                f"{offset}, and there are {self.size}"
            )
        self.end = int(offset)
        raw = self.take(offset, length)
        self.checked(footer_crc, raw, "footer")
        try:
            (n,) = struct.unpack("<Q", raw[:8])
            if n > length - 8:
                raise ValueError("its text is longer than it is")
            facts = json.loads(raw[8 : 8 + n])
            if not isinstance(facts, dict):
                raise ValueError("its text is no object")
            arrays = {} if version not in KNOWN else _arrays(raw, aligned(8 + n), facts["arrays"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self.fail(f"the footer makes no sense: {error}") from None
        return facts, arrays


def _arrays(raw: bytes, begin: int, placed: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """The footer's arrays as views of its bytes."""
    arrays = {}
    for name, where in placed.items():
        dtype = np.dtype(where["dtype"])
        if dtype.kind not in "biuf":
            raise ValueError(f"array {name} has dtype {dtype}")
        shape = [int(n) for n in where["shape"]]
        count = 1
        for n in shape:
            count *= n
        at = begin + int(where["offset"])
        if min([0, *shape]) < 0 or at < begin or at + count * dtype.itemsize > len(raw):
            raise ValueError(f"array {name} lies outside it")
        arrays[name] = np.frombuffer(raw, dtype, count, at).reshape(shape)
    return arrays


def check_places(
    table: NDArray[np.int64], rows: NDArray[np.int64], end: int, parts: list[dict[str, Any]], what: str
) -> None:
    """Blocks (or pages: `what`) lie one behind the other, from header to footer, and hold the rows of each part in order.

    `table` begins with the columns offset, size, part, first row; `end` is where the footer begins.
    """
    offset, size, part, first_row = table.T[:4]
    ends = np.append(offset[1:], end)
    if offset[0] != FRAME or (size > end).any() or (offset + size != ends).any():
        raise ValueError(f"its {what} do not lie one behind the other")
    same = part[1:] == part[:-1]
    follows = np.where(
        same, first_row[1:] == (first_row + rows)[:-1], (first_row[1:] == 0) & (part[1:] > part[:-1])
    )
    if first_row[0] != 0 or not follows.all() or part[-1] >= len(parts):
        raise ValueError(f"its {what}' rows do not follow each other")
    if [p["rows"] for p in parts] != np.bincount(part, rows, len(parts)).astype(np.int64).tolist():
        raise ValueError(f"its parts have other rows than its {what}")

"""The bytes of a block file, version 1, as docs/block-file.md has them: header, blocks, footer, trailer.

Everything that a file says of itself is checked here, against its checksums and against its size, before it is used:
a file cannot make a reader allocate more than the file holds.
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker._native import core

__all__ = [
    "ALIGN",
    "DTYPES",
    "MAGIC",
    "PAGE",
    "VERSION",
    "Kind",
    "Layout",
    "aligned",
    "header",
    "read_layout",
    "tail",
]

MAGIC = b"ESKER\r\n\x1a"
END_MAGIC = b"ESKEREND"
VERSION = 1
#: The oldest esker that reads what this one writes.
NEEDS = "0.1"
#: Sections, blocks and the footer begin at multiples of this.
ALIGN = 64
#: A block's bytes are checked in pages of so many, the first of which begins where the block does.
PAGE = 1 << 18
#: Header and trailer are as long.
FRAME = 64

_HEADER = struct.Struct("<8sII44xI")  # magic, version, flags (0), crc of the 60 bytes before
_TRAILER = struct.Struct(
    "<QQQII20x8sI"
)  # footer's offset, size; file's size; footer's crc, version; magic; crc

#: Section dtypes by code; a section's numbers are little-endian.
DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("<i8"),
    5: np.dtype("|b1"),
}


class Kind:
    """What a section holds."""

    dense, data, indices, indptr, y, weight = 1, 2, 3, 4, 5, 6


_KINDS = {
    Kind.dense: "dense",
    Kind.data: "data",
    Kind.indices: "indices",
    Kind.indptr: "indptr",
    Kind.y: "y",
    Kind.weight: "weight",
}
#: Columns of the footer's tables.
BLOCK_FIELDS = ("offset", "size", "part", "first_row", "rows", "columns", "numbers", "first_page")
SECTION_FIELDS = ("block", "kind", "dtype", "encoding", "offset", "size", "count")


def aligned(n: int) -> int:
    """The next multiple of ALIGN."""
    return -(-n // ALIGN) * ALIGN


def header() -> bytes:
    """The first 64 bytes of a file."""
    raw = _HEADER.pack(MAGIC, VERSION, 0, 0)
    return raw[:60] + struct.pack("<I", core.crc32c(raw[:60]))


def tail(offset: int, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
    """Footer and trailer of a file whose blocks end at `offset`."""
    placed: dict[str, dict[str, Any]] = {}
    end = 0
    for name, array in arrays.items():
        placed[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "offset": end}
        end = aligned(end + array.nbytes)
    text = json.dumps({**facts, "needs": NEEDS, "arrays": placed}, default=str).encode()
    begin = aligned(8 + len(text))
    footer = bytearray(begin + end)
    footer[:8] = struct.pack("<Q", len(text))
    footer[8 : 8 + len(text)] = text
    for name, array in arrays.items():
        at = begin + placed[name]["offset"]
        footer[at : at + array.nbytes] = array.tobytes()
    size = offset + len(footer) + FRAME
    raw = _TRAILER.pack(offset, len(footer), size, core.crc32c(footer), VERSION, END_MAGIC, 0)
    return bytes(footer) + raw[:60] + struct.pack("<I", core.crc32c(raw[:60]))


@dataclass(frozen=True)
class Layout:
    """What a file's footer says: facts as JSON has them, tables by name, arrays by name."""

    facts: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    blocks: NDArray[np.int64]  # one row a block, columns as BLOCK_FIELDS
    sections: dict[int, dict[int, tuple[np.dtype[Any], int, int]]]  # block -> kind -> (dtype, offset, count)
    page_crc: NDArray[np.uint32]


def read_layout(descriptor: int, size: int, name: str) -> Layout:
    """Read and check everything but the blocks.

    Raises
    ------
    FormatError
        Not a block file, of a newer version, truncated, or damaged.
    """
    return _Reader(descriptor, size, name).layout()


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

    def layout(self) -> Layout:
        if self.size < 2 * FRAME:
            raise self.fail(
                f"the file is truncated: a block file has at least {2 * FRAME} bytes, got {self.size}"
            )
        first = self.take(0, FRAME)
        magic, version, _, crc = _HEADER.unpack(first)
        if magic != MAGIC:
            raise self.fail(f"expected a block file, which begins with {MAGIC!r}, got {magic!r}")
        self.checked(crc, first[:60], "header")
        facts, arrays = self.footer(version)
        if version != VERSION:
            raise self.fail(
                f"this is version {version} of the block file, and this esker reads {VERSION}; "
                f"use esker {facts.get('needs', 'of a later version')} or later, or convert the source again"
            )
        return self.tables(facts, arrays)

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
            arrays = {} if version != VERSION else _arrays(raw, aligned(8 + n), facts["arrays"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self.fail(f"the footer makes no sense: {error}") from None
        return facts, arrays

    def tables(self, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Layout:
        try:
            blocks, sections, crc = arrays["blocks"], arrays["sections"], arrays["page_crc"]
            shapes = (len(BLOCK_FIELDS), len(SECTION_FIELDS))
            if (blocks.shape[1], sections.shape[1]) != shapes or crc.ndim != 1 or crc.dtype != np.uint32:
                raise ValueError("its tables have other columns")
            if blocks.dtype != np.int64 or sections.dtype != np.int64:
                raise ValueError("its tables are not of int64")
            self.check_blocks(facts, blocks, len(crc))
            placed = self.check_sections(facts, blocks, sections)
        except FormatError:
            raise
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise self.fail(f"the footer makes no sense: {error}") from None
        return Layout(facts, arrays, blocks, placed, crc)

    def check_blocks(self, facts: dict[str, Any], blocks: NDArray[np.int64], pages: int) -> None:
        """Blocks lie one behind the other, from header to footer, and hold the rows of each part in order."""
        offset, size, part, first_row, rows, columns, numbers, first_page = blocks.T
        if len(blocks) == 0 or (blocks < 0).any() or (rows < 1).any() or (size % ALIGN).any():
            raise ValueError("it has no blocks, or blocks of no rows or of odd sizes")
        ends = np.append(offset[1:], self.end)
        if offset[0] != FRAME or (size > self.end).any() or (offset + size != ends).any():
            raise ValueError("its blocks do not lie one behind the other")
        counts = -(-size // PAGE)
        if (first_page != np.cumsum(counts) - counts).any() or counts.sum() != pages:
            raise ValueError("its blocks' pages are not counted right")
        if (columns > facts["n_columns"]).any() or (rows > self.end).any() or (numbers > self.end).any():
            raise ValueError("it has blocks wider than the whole, or larger than the file")
        same = part[1:] == part[:-1]
        follows = np.where(
            same, first_row[1:] == (first_row + rows)[:-1], (first_row[1:] == 0) & (part[1:] > part[:-1])
        )
        names = facts["parts"]
        if first_row[0] != 0 or not follows.all() or part[-1] >= len(names):
            raise ValueError("its blocks' rows do not follow each other")
        if [p["rows"] for p in names] != np.bincount(part, rows, len(names)).astype(np.int64).tolist():
            raise ValueError("its parts have other rows than its blocks")
        if int(rows.sum()) != facts["n_rows"] or (first_row % 256).any():
            raise ValueError("its rows are not counted right")

    def check_sections(
        self, facts: dict[str, Any], blocks: NDArray[np.int64], sections: NDArray[np.int64]
    ) -> dict[int, dict[int, tuple[np.dtype[Any], int, int]]]:
        """Every section lies in its block, holds as many numbers as the block's rows need, and is of a known kind."""
        placed: dict[int, dict[int, tuple[np.dtype[Any], int, int]]] = {b: {} for b in range(len(blocks))}
        for b, kind, code, encoding, offset, size, count in sections.tolist():
            if kind not in _KINDS or code not in DTYPES or encoding != 0:
                raise self.fail(
                    f"block {b} has a section of kind {kind}, dtype {code}, encoding {encoding}, which this esker does "
                    f"not know; use esker {facts.get('needs', 'of a later version')} or later, or convert the source again"
                )
            dtype = DTYPES[code]
            if (
                b not in placed
                or kind in placed[b]
                or offset < 0
                or offset % ALIGN
                or count * dtype.itemsize != size
            ):
                raise ValueError(f"a section of block {b} is out of place")
            if size < 0 or offset + size > blocks[b, 1]:
                raise ValueError(f"a section of block {b} lies outside it")
            placed[b][kind] = dtype, offset, count
        x = {Kind.dense} if facts["layout"] == "dense" else {Kind.data, Kind.indices, Kind.indptr}
        targets = None if facts["y_shape"] is None else int(np.prod(facts["y_shape"], dtype=np.int64))
        required = x if targets is None else x | {Kind.y}
        for b, found in placed.items():
            _, _, _, _, rows, columns, numbers, _ = blocks[b].tolist()
            needs = {
                Kind.dense: rows * columns,
                Kind.data: numbers,
                Kind.indices: numbers,
                Kind.indptr: rows + 1,
                Kind.y: rows * (targets or 0),
                Kind.weight: rows,
            }
            if found.keys() - {Kind.weight} != required:
                raise ValueError(f"block {b} has not the sections that it needs")
            for kind, (dtype, _, count) in found.items():
                if count != needs[kind] or (kind in (Kind.dense, Kind.data) and dtype.name != facts["dtype"]):
                    raise ValueError(f"section {_KINDS[kind]} of block {b} has another length or dtype")
                if (kind in (Kind.indices, Kind.indptr)) != (dtype.kind == "i") and kind != Kind.y:
                    raise ValueError(f"section {_KINDS[kind]} of block {b} has another dtype")
            if Kind.indices in found and found[Kind.indices][0] != found[Kind.indptr][0]:
                raise ValueError(f"indices and indptr of block {b} differ in dtype")
        return placed


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

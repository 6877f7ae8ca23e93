"""How `max_memory` is spent: sizes as users write them, and from the budget the bytes of a block and the queue's depth.

Alive at once are the caller's block and `depth` blocks that the reader thread holds or fills.
"""

from __future__ import annotations

import mmap
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._native import core

__all__ = [
    "Budget",
    "as_float64",
    "block_rows",
    "empty",
    "parse_size",
    "physical_memory",
    "rows_of",
    "show_size",
    "walking_bytes",
]

_UNITS = {
    "": 1,
    "B": 1,
    "K": 10**3,
    "KB": 10**3,
    "M": 10**6,
    "MB": 10**6,
    "G": 10**9,
    "GB": 10**9,
    "T": 10**12,
}
_UNITS |= {"TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}

#: Bytes of a block where nobody says otherwise.
BLOCK_BYTES = 16 * 10**6
#: Rows are cut at multiples of this where UNIT rows are too wide; a dense Gram's panel.
PANEL = 256


def parse_size(size: Any, name: str = "max_memory") -> int | None:
    """Bytes of a size such as ``"256MB"``, ``"1.5 GiB"`` or ``10**8``; None stays None.

    >>> parse_size("256MB"), parse_size("1 MiB"), parse_size(4096), parse_size(None)
    (256000000, 1048576, 4096, None)
    """
    if size is None:
        return None
    if isinstance(size, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([KMGT]?I?B?)\s*", size.upper())
        if match is None or match[2] not in _UNITS:
            raise ValueError(f'{name} must be bytes or a size such as "256MB" or "1GiB", got {size!r}')
        size = float(match[1]) * _UNITS[match[2]]
    number = isinstance(size, Real) and type(size).__name__ not in ("bool", "bool_")
    if not number or not 1 <= size < 2**63:
        raise ValueError(f'{name} must be a positive number of bytes or a size such as "256MB", got {size!r}')
    return int(size)


def show_size(nbytes: float) -> str:
    """Bytes for people, in decimal units.

    >>> show_size(1234), show_size(256_000_000)
    ('1.2 kB', '256 MB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if nbytes < 999.5 or unit == "TB":
            break
        nbytes /= 1000
    return f"{nbytes:.{1 if nbytes < 9.95 and unit != 'B' else 0}f} {unit}"


def physical_memory() -> int:
    """Bytes of memory that this machine has."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


@dataclass(frozen=True, slots=True)
class Budget:
    """What a source may hold: bytes of a block, and how many blocks the reader thread may be ahead."""

    max_memory: int | None
    block_bytes: int
    depth: int

    @classmethod
    def of(cls, max_memory: int | str | None, block_size: int | str | None = None) -> Budget:
        """Share out `max_memory`; `block_size` fixes the bytes of a block.

        >>> Budget.of("48MB")
        Budget(max_memory=48000000, block_bytes=6000000, depth=2)
        """
        memory, block = parse_size(max_memory), parse_size(block_size, "block_size")
        if memory is None:
            return cls(None, block or BLOCK_BYTES, 2)
        if memory < 10**6:
            raise ValueError(
                f"max_memory must be at least 1 MB for a block and its reader, got {show_size(memory)}"
            )
        if block is None:
            return cls(memory, min(BLOCK_BYTES, memory // 8), 2)
        if 2 * block > memory:
            raise ValueError(
                f"two blocks of block_size={show_size(block)} exceed max_memory={show_size(memory)}; "
                "leave block_size out, or grant more memory"
            )
        return cls(memory, block, 2 if 3 * block <= memory else 1)

    def within(self, max_memory: int | str | None, blocks: Any) -> Budget:
        """This budget, or the smaller one that a learner grants to reading and learning together; blocks stay as they are."""
        memory = parse_size(max_memory)
        if memory is None or (self.max_memory is not None and self.max_memory <= memory):
            return self
        need = (self.depth + 1) * self.block_bytes + blocks.reading_bytes
        if blocks.whole() is None and need > memory:
            raise ValueError(
                f"max_memory={show_size(memory)} of the learner is less than reading {blocks.source} takes, {show_size(need)}; "
                f"open it with open_blocks(..., max_memory={memory}), or grant more memory"
            )
        return replace(self, max_memory=memory)


def walking_bytes(blocks: Any) -> int:
    """What a walk of a source has in memory at once, as far as `max_memory` knows."""
    return int(
        blocks.reading_bytes + blocks.block_bytes * (blocks.budget.depth + 1 if blocks.threaded else 1)
    )


def block_rows(row_bytes: float, budget: Budget, unit: int = 4096) -> int:
    """Rows of a block: a multiple of `unit` rows, of 256 where those are too wide; refused where 256 rows do not fit."""
    rows = int(budget.block_bytes / max(row_bytes, 1e-9))
    if rows >= unit:
        return min(rows, 1 << 24) // unit * unit
    if rows >= PANEL:
        return rows // PANEL * PANEL
    need = PANEL * row_bytes * (budget.depth + 1)
    if budget.max_memory is not None and need > budget.max_memory:
        raise ValueError(
            f"rows of {show_size(row_bytes)} are read {PANEL} at a time, {budget.depth + 1} times over: that takes "
            f"{show_size(need)}, and max_memory is {show_size(budget.max_memory)}; grant more memory, or select columns"
        )
    return PANEL


def empty(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """An array whose memory goes back to the system when it is dropped.

    malloc keeps what is freed (up to twice the largest block that it ever mapped), which max_memory cannot allow.
    """
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    if size < 1 << 18 or not hasattr(mmap, "MAP_PRIVATE"):
        return np.empty(shape, dtype)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= 1 << 22 and hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without huge pages
            memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, dtype, prod(shape)).reshape(shape)


def as_float64(X: Any) -> Any:
    """Dense or sparse rows in float64; a dense copy lies in `empty`, since malloc would keep one block or two, as it happens."""
    if X.dtype == np.float64 or not isinstance(X, np.ndarray):
        return X.astype(np.float64, copy=False)
    out = empty(X.shape, np.float64)
    out[...] = X
    return out


def rows_of(columns: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """``columns.T`` by rows, as `dtype`: shape (d, n) becomes (n, d)."""
    rows = empty((columns.shape[1], columns.shape[0]), dtype)
    ours = columns.dtype == rows.dtype and rows.dtype in (np.float32, np.float64) and rows.dtype.isnative
    if ours and (columns.strides[1] == columns.itemsize or columns.shape[1] == 1):
        core.transpose(rows, columns)
    else:
        rows[...] = columns.T
    return rows

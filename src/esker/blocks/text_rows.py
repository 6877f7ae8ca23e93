"""Rows that a parser made of a piece of text, room for them that is used again, and blocks gathered from pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from esker._errors import FormatError
from esker.blocks.block import UNIT
from esker.blocks.memory import PANEL, empty, show_size
from esker.blocks.pool import Pool

__all__ = ["Room", "Rows", "gathered", "granules"]


@dataclass(slots=True)
class Rows:
    """CSR rows with labels and, where the format has them, weights."""

    y: Any
    data: Any
    indices: Any
    indptr: Any
    weight: Any = None

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def nbytes(self) -> int:
        arrays = (self.y, self.data, self.indices, self.indptr, self.weight)
        return int(sum(a.nbytes for a in arrays if a is not None))

    def cut(self, begin: int, end: int) -> Rows:
        """Rows begin..end-1 as views, but for the row pointers."""
        if begin == 0 and end == len(self):
            return self
        first, last = int(self.indptr[begin]), int(self.indptr[end])
        return Rows(
            None if self.y is None else self.y[begin:end],
            self.data[first:last],
            self.indices[first:last],
            self.indptr[begin : end + 1] - self.indptr[begin],
            None if self.weight is None else self.weight[begin:end],
        )


class Room:
    """Memory for parsers to fill, kept for the next piece when the last view of it is dropped.

    Parameters
    ----------
    dtype : {float32, float64}
        Of the values.
    weights : bool
        Whether rows carry weights.
    keep : int
        Bytes that may lie ready.
    """

    def __init__(self, dtype: Any, weights: bool, keep: int) -> None:
        self.item, self.weights, self.pool = np.dtype(dtype), weights, Pool(keep)
        self.density = (0.01, 0.15)  # rows and entries a byte, as seen in the last piece of text

    def guess(self, nbytes: int) -> dict[str, Any]:
        """Room for what so many bytes of text probably hold."""
        rows, entries = self.density
        return self.exactly(int(1.1 * rows * nbytes) + 64, int(1.1 * entries * nbytes) + 64)

    def learn(self, nbytes: int, lines: int, entries: int) -> None:
        """What a piece of text held."""
        self.density = (lines / nbytes, entries / nbytes)

    def exactly(self, rows: int, entries: int) -> dict[str, Any]:
        """Arrays of these sizes, as a parser names them."""
        sizes = [("y", rows, np.dtype(np.float64)), ("data", entries, self.item)]
        sizes += [("weight", rows, np.dtype(np.float64))] if self.weights else []
        sizes += [("indptr", rows + 1, np.dtype(np.int32)), ("indices", entries, np.dtype(np.int32))]
        base = self.pool.empty(sum(-(-n * dtype.itemsize // 64) * 64 for _, n, dtype in sizes), np.uint8)
        arrays: dict[str, Any] = {}
        at = 0
        for name, n, dtype in sizes:
            end = at + n * dtype.itemsize
            arrays[name] = base[at:end].view(dtype)
            at = -(-end // 64) * 64
        return arrays


def _together(pieces: list[Rows]) -> Rows:
    """One copy of the pieces' rows."""
    if len(pieces) == 1:
        return pieces[0]
    if hasattr(pieces[0], "together"):
        made: Rows = pieces[0].together(pieces)  # rows of another kind know how
        return made
    arrays: dict[str, Any] = {}
    for name in ("y", "data", "indices", "weight"):
        parts = [getattr(p, name) for p in pieces]
        if all(part is None for part in parts):
            arrays[name] = None
            continue
        # Only weights may be missing in some pieces: ones.
        parts = [np.ones(len(piece)) if part is None else part for piece, part in zip(pieces, parts)]
        shape = (sum(len(a) for a in parts), *parts[0].shape[1:])
        arrays[name] = np.concatenate(parts, out=empty(shape, np.result_type(*parts)))
    indptr = np.zeros(sum(map(len, pieces)) + 1, np.int64)
    row = 0
    for piece in pieces:
        indptr[row + 1 : row + 1 + len(piece)] = piece.indptr[1:]
        indptr[row + 1 : row + 1 + len(piece)] += indptr[row] - piece.indptr[0]
        row += len(piece)
    wide = arrays["indices"].dtype.itemsize == 8 or indptr[-1] >= 2**31
    if wide:
        arrays["indices"] = arrays["indices"].astype(np.int64, copy=False)
    return Rows(indptr=indptr if wide else indptr.astype(np.int32), **arrays)


class _Held:
    """Pieces whose rows wait to be given on."""

    def __init__(self) -> None:
        self.pieces: deque[Rows] = deque()
        self.rows = self.nbytes = 0

    def add(self, piece: Rows) -> None:
        self.pieces.append(piece)
        self.rows += len(piece)
        self.nbytes += piece.nbytes

    def take(self, rows: int) -> Rows:
        """The first rows: a view where one piece has them all, else a copy."""
        taken: list[Rows] = []
        self.rows -= rows
        while rows:
            piece = self.pieces.popleft()
            self.nbytes -= piece.nbytes
            if len(piece) > rows:
                rest = piece.cut(rows, len(piece))
                self.pieces.appendleft(rest)
                self.nbytes += rest.nbytes
                piece = piece.cut(0, rows)
            rows -= len(piece)
            taken.append(piece)
        return _together(taken)


def gathered(pieces: Iterable[Rows], first: int, target: int, limit: int, name: str) -> Iterator[Rows]:
    """Rows of about `target` bytes: whole units of rows, or whole panels where units are too large.

    `first`, a multiple of a panel, is the number of the first row in its file, `name`. How they are cut depends on the
    pieces' rows and on `target` alone.
    """
    held = _Held()
    for piece in pieces:
        held.add(piece)
        if 2 * held.nbytes < target:
            continue
        end = first + held.rows
        n = next((n for unit in (UNIT, PANEL) if (n := end // unit * unit - first) > 0), 0)
        if n:
            first += n
            yield held.take(n)
        elif held.nbytes > limit:
            raise _too_wide(first, limit, name)
    if held.rows:
        yield held.take(held.rows)


def granules(pieces: Iterable[Rows], first: int, target: int, limit: int, name: str) -> Iterator[Rows]:
    """The same rows, as they lie, for a caller that copies them: a few views cut at whole panels, one copy between pieces."""
    held = _Held()
    for piece in pieces:
        begun = held.rows > 0
        held.add(piece)
        if begun and held.rows >= PANEL:
            first += PANEL
            yield held.take(PANEL)
        n = held.rows // PANEL * PANEL
        if n:
            first += n
            yield held.take(n)
        if held.nbytes > limit:
            raise _too_wide(first, limit, name)
    if held.rows:
        yield held.take(held.rows)


def _too_wide(first: int, limit: int, name: str) -> FormatError:
    return FormatError(
        f"rows are read {PANEL} at a time, and those from row {first} (from 0) on take more than {show_size(limit)}; "
        "grant more memory",
        name,
    )

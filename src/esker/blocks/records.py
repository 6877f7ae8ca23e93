"""Records: rows of named columns, texts and numbers, as a source has them before a feature step makes numbers of them.

A Block whose X is Records flows through `Blocks` as any other; ``open_blocks(..., features=step)`` puts the step behind it.
Texts lie in Arrow's layout, so that a column of an Arrow table is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Records", "Strings"]


@dataclass(slots=True, frozen=True)
class Strings:
    """A column of UTF-8 texts: text i is ``data[offsets[i]:offsets[i + 1]]``.

    Attributes
    ----------
    data : ndarray of uint8
    offsets : ndarray of int32 or int64, one longer than there are texts
        The first need not be 0.
    missing : ndarray of bool, or None
        Which rows have no text; None means none.
    codes : ndarray of int32, or None
        Where rows repeat few texts: row i has text ``codes[i]``, and ``missing`` has a place for each row.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[Any]
    missing: NDArray[np.bool_] | None = None
    codes: NDArray[np.int32] | None = None

    @classmethod
    def of(cls, texts: Iterable[str | bytes | None]) -> Strings:
        """The column of these texts; None is a missing one.

        >>> Strings.of(["a", None, "bc"]).tolist()
        ['a', None, 'bc']
        """
        raw = [None if t is None else t.encode() if isinstance(t, str) else bytes(t) for t in texts]
        offsets = np.zeros(len(raw) + 1, np.int64)
        np.cumsum([0 if t is None else len(t) for t in raw], out=offsets[1:])
        missing = np.array([t is None for t in raw], np.bool_)
        data = np.frombuffer(b"".join(t for t in raw if t is not None), np.uint8)
        return cls(data, offsets, missing if missing.any() else None)

    def __len__(self) -> int:
        return len(self.offsets) - 1 if self.codes is None else len(self.codes)

    @property
    def nbytes(self) -> int:
        """Bytes of the texts in use, of their offsets and codes."""
        texts = int(self.offsets[-1] - self.offsets[0]) if len(self.offsets) else 0
        more = (self.offsets, self.missing, self.codes)
        return texts + sum(a.nbytes for a in more if a is not None)

    def __getitem__(self, rows: slice) -> Strings:
        """Some rows in a stretch, as views."""
        begin, end, step = rows.indices(len(self))
        if step != 1:
            raise ValueError("rows of a text column are taken in stretches")
        missing = None if self.missing is None else self.missing[begin:end]
        if self.codes is not None:
            return Strings(self.data, self.offsets, missing, self.codes[begin:end])
        return Strings(self.data, self.offsets[begin : max(end, begin) + 1], missing)

    def take(self, rows: NDArray[np.integer[Any]]) -> Strings:
        """These rows, in this order; texts are copied unless they are coded."""
        missing = None if self.missing is None else self.missing[rows]
        if self.codes is not None:
            return Strings(self.data, self.offsets, missing, self.codes[rows])
        begins = self.offsets[:-1][rows].astype(np.int64)
        offsets = np.zeros(len(begins) + 1, np.int64)
        np.cumsum(self.offsets[1:][rows] - begins, out=offsets[1:])
        where = np.repeat(begins - offsets[:-1], np.diff(offsets)) + np.arange(offsets[-1])
        return Strings(self.data[where], offsets, missing)

    def decoded(self) -> Strings:
        """The column with a text for each row."""
        if self.codes is None:
            return self
        codes = self.codes if self.missing is None else np.where(self.missing, 0, self.codes)
        if len(self.offsets) < 2:
            return Strings(self.data, np.zeros(len(codes) + 1, np.int64), self.missing)
        plain = Strings(self.data, self.offsets).take(codes)
        return Strings(plain.data, plain.offsets, self.missing)

    @classmethod
    def concat(cls, pieces: Sequence[Strings]) -> Strings:
        """The rows of several columns, one behind the other."""
        pieces = [p.decoded() for p in pieces]
        data = np.concatenate([p.data[p.offsets[0] : p.offsets[-1]] for p in pieces])
        lengths = np.concatenate([np.diff(p.offsets) for p in pieces])
        missing = None
        if any(p.missing is not None for p in pieces):
            missing = np.concatenate(
                [np.zeros(len(p), np.bool_) if p.missing is None else p.missing for p in pieces]
            )
        return cls(data, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)]), missing)

    def tolist(self) -> list[str | None]:
        """The texts as Python has them; None where they are missing."""
        plain, raw = self.decoded(), self.data.tobytes() if self.codes is None else None
        raw = plain.data.tobytes() if raw is None else raw
        ends = plain.offsets.tolist()
        texts: list[str | None] = [raw[a:b].decode() for a, b in pairwise(ends)]
        if plain.missing is not None:
            texts = [None if gone else text for gone, text in zip(plain.missing.tolist(), texts)]
        return texts


Column = Any  # Strings, or a NumPy array of numbers, bools or dates


@dataclass(slots=True, frozen=True)
class Records:
    """Rows of named columns.

    Attributes
    ----------
    columns : mapping of str to Strings or ndarray of shape (n,)
        In the source's order. A missing number is NaN.
    """

    columns: Mapping[str, Column]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        first = next(iter(self.columns.values()), ())
        return len(first), len(self.columns)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(int(c.nbytes) for c in self.columns.values())

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Records:
        """Some rows in a stretch, as views."""
        return Records({name: column[rows] for name, column in self.columns.items()})

    def take(self, rows: NDArray[np.integer[Any]]) -> Records:
        """These rows, in this order."""
        return Records(
            {
                name: column.take(rows) if isinstance(column, Strings) else column[rows]
                for name, column in self.columns.items()
            }
        )

    @classmethod
    def concat(cls, pieces: Sequence[Records]) -> Records:
        """The rows of several, one behind the other.

        >>> Records.concat([Records({"a": np.arange(2)}), Records({"a": np.arange(3)})]).columns["a"].tolist()
        [0, 1, 0, 1, 2]
        """
        if len(pieces) == 1:
            return pieces[0]
        names = list(pieces[0].columns)
        columns: dict[str, Column] = {}
        for name in names:
            parts = [p.columns[name] for p in pieces]
            text = isinstance(parts[0], Strings)
            columns[name] = Strings.concat(parts) if text else np.concatenate(parts)
        return cls(columns)

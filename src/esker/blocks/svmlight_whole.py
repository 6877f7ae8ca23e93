"""svmlight files straight into one matrix: each text is parsed behind the rows before it, so nothing is put together later."""

from __future__ import annotations

from typing import Any

import numpy as np

from esker._native import core
from esker.blocks.memory import empty
from esker.blocks.text import Lines

__all__ = ["WholeRows"]


class WholeRows:
    """CSR rows in arrays that grow; what they reserve beyond their rows is never touched, so it takes no memory."""

    def __init__(self, dtype: Any) -> None:
        self.rows = self.entries = 0
        self.arrays: dict[str, Any] = {
            "y": np.empty(0),
            "data": np.empty(0, dtype),
            "indices": np.empty(0, np.int32),
            "indptr": np.empty(0, np.int32),
        }

    def add(self, text: Lines, ahead: float, **options: Any) -> tuple[int, int, int] | None:
        """Parse a text behind the rows that are here.

        Parameters
        ----------
        text : Lines
        ahead : float
            How many texts of this size may come, this one included: for so many there is room made.

        Returns
        -------
        (rows, columns, lines) or None
            Of this text; None where int32 cannot count its columns or entries.
        """
        while True:
            rows, entries, columns, lines = core.append_svmlight(
                text.buffer,
                text.begin,
                text.end,
                **self.arrays,
                rows=self.rows,
                entries=self.entries,
                **options,
            )
            if columns == -2:
                return None
            if columns >= 0:
                new = rows - self.rows
                self.rows, self.entries = rows, entries
                return new, columns, lines
            self._grow(rows, entries, ahead)

    def _grow(self, rows: int, entries: int, ahead: float) -> None:
        """Room for `ahead` texts of so many rows and entries, and for one of them in any case."""

        def room(have: int, need: int) -> int:
            return have + need + max(int(1.05 * need * (ahead - 1)), have // 2)

        sizes = {"y": room(self.rows, rows), "data": room(self.entries, entries)}
        sizes |= {"indptr": sizes["y"] + 1, "indices": sizes["data"]}
        used = {"y": self.rows, "indptr": self.rows + 1, "data": self.entries, "indices": self.entries}
        for name, old in self.arrays.items():
            new = empty((sizes[name],), old.dtype)
            kept = old[: used[name]]
            new[: len(kept)] = kept
            self.arrays[name] = new

    def take(self) -> tuple[Any, Any, Any, Any]:
        """(y, data, indices, indptr) of the rows."""
        y, data, indices, indptr = self.arrays.values()
        return y[: self.rows], data[: self.entries], indices[: self.entries], indptr[: self.rows + 1]

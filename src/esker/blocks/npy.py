""".npy files as Blocks: no mapping, so that memory stays what was granted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker.blocks.arrays import column_number, float_dtype, target_of, weight_of
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block, key
from esker.blocks.buffer import RowBuffer
from esker.blocks.memory import block_rows, empty, physical_memory
from esker.blocks.npy_file import NpyFile
from esker.blocks.pool import Pool

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["NpyBlocks", "open_npy"]

#: Files that would fill more of the memory than this leave the page cache as they are read: the next walk would hardly find
#: what is left of them, and the system takes longer to find new pages than to read into old ones.
CACHED = 0.5


class _Column:
    """A target or weights that stand beside the features: an array of all rows, or .npy files as long as the parts."""

    def __init__(self, source: Any, rows: list[int], what: str) -> None:
        self.files: list[NpyFile] = []
        self.array: NDArray[Any] | None = None
        self.begins = np.concatenate([[0], np.cumsum(rows)])
        if isinstance(source, str | os.PathLike):
            source = [source]
        if (
            isinstance(source, list | tuple)
            and source
            and all(isinstance(p, str | os.PathLike) for p in source)
        ):
            self.files = [NpyFile.open(p) for p in source]
            lengths = [f.shape[0] if f.shape else 0 for f in self.files]
            if lengths != rows or len({f.shape[1:] for f in self.files}) > 1 or len(self.files[0].shape) > 2:
                raise ValueError(
                    f"{what} must be .npy files of 1 or 2 dimensions with the rows of the features, {rows}, "
                    f"got shapes {[f.shape for f in self.files]}"
                )
            self.columns = 1 if len(self.files[0].shape) == 1 else self.files[0].shape[1]
        else:
            array = target_of(source, sum(rows), what)
            assert array is not None
            self.array, self.columns = array, 1 if array.ndim == 1 else array.shape[1]

    def read(self, part: Part, begin: int, end: int) -> NDArray[Any]:
        if self.array is not None:
            first = int(self.begins[part.index])
            return self.array[first + begin : first + end]
        file = self.files[part.index]
        with open(file.path, "rb") as opened:
            return file.read(opened.fileno(), begin, end)


class NpyBlocks(Blocks):
    """One or more .npy files of rows x columns, C or Fortran order; each file is a part.

    Parameters
    ----------
    paths : list of path
    target, weight : int, path of a .npy file (or one for each part), array, or None
        A number is a column of the files; such columns are not features.
    columns : list of int, optional
        The features.
    """

    random_access, sequential_first, is_sparse = True, False, False

    def __init__(
        self,
        paths: list[Path],
        *,
        target: Any = None,
        weight: Any = None,
        columns: Any = None,
        dtype: Any = None,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
    ) -> None:
        self._files = [NpyFile.open(path) for path in paths]
        if sum(file.nbytes for file in self._files) > CACHED * physical_memory():
            self._files = [replace(file, passing=True) for file in self._files]
        for file in self._files:
            if file.dtype.kind in "US":
                raise FormatError(f"X must hold real numbers, got dtype {file.dtype}", str(file.path))
            if len(file.shape) != 2 or 0 in file.shape:
                raise FormatError(
                    f"X must have rows and columns, at least one of each, got shape {file.shape}",
                    str(file.path),
                )
            if file.shape[1] != self._files[0].shape[1]:
                raise FormatError(
                    f"expected {self._files[0].shape[1]} columns, as in {self._files[0].path}, got {file.shape[1]}",
                    str(file.path),
                )
        rows = [file.shape[0] for file in self._files]
        super().__init__(
            [Part(i, str(file.path), file.shape[0]) for i, file in enumerate(self._files)],
            source=", ".join(str(path) for path in paths[:3]) + (", ..." if len(paths) > 3 else ""),
            dtype=np.result_type(*(float_dtype(file.dtype, dtype) for file in self._files)),
            max_memory=max_memory,
            block_size=block_size,
        )
        self.files = tuple(paths)
        d = self._files[0].shape[1]
        self._y, taken_y = self._column(target, rows, d, "target")
        self._w, taken_w = self._column(weight, rows, d, "weight")
        taken = taken_y + taken_w
        keep = [j for j in range(d) if j not in taken]
        if columns is not None:
            keep = [column_number(j, d, "columns") for j in columns]
            if set(keep) & set(taken):
                raise ValueError("columns= names the target or the weight as a feature")
        if not keep:
            raise ValueError("no column is left for the features")
        self._runs = _runs(keep)
        self.n_rows, self.n_columns = sum(rows), len(keep)
        self.n_targets = 0 if self._y is None else 1 if isinstance(self._y, int) else self._y.columns
        sizes = {file.dtype.itemsize for file in self._files}
        own = self._row_bytes = self.dtype.itemsize * len(keep)
        if all(self._borrows(file) for file in self._files):
            own = self._row_bytes = self.dtype.itemsize * d
        elif any(not self._as_is(file) or file.fortran for file in self._files):
            self._row_bytes += max(sizes) * d  # what is read, beside what it becomes
        # Refuses, before anything is read. Where so few rows exceed a block's share, this is what they take.
        step = min(block_rows(self._row_bytes, self.budget), max(rows))
        taken = step * (own + (self._row_bytes - own) // (self.budget.depth + 1))
        self.budget = replace(self.budget, block_bytes=max(self.block_bytes, taken))

    def _column(self, source: Any, rows: list[int], d: int, what: str) -> tuple[Any, list[int]]:
        if source is None:
            return None, []
        if isinstance(source, int | np.integer) and not isinstance(source, bool):
            j = column_number(source, d, what)
            return j, [j]
        return _Column(source, rows, what), []

    def _as_is(self, file: NpyFile) -> bool:
        return file.dtype == self.dtype and file.dtype.isnative and self._runs == [(0, file.shape[1])]

    def _borrows(self, file: NpyFile) -> bool:
        """Whether the features are used where they lie in the rows that were read, most of which they are."""
        same = file.dtype == self.dtype and file.dtype.isnative and not file.fortran
        first, last = self._runs[0]
        return same and len(self._runs) == 1 and 2 * (last - first) >= file.shape[1]

    def _block(
        self, part: Part, file: int, begin: int, end: int, empty: Callable[..., NDArray[Any]] = empty
    ) -> Block:
        npy = self._files[part.index]
        raw = npy.read(file, begin, end, empty)
        x = raw
        if self._borrows(npy):
            x = raw[:, slice(*self._runs[0])]
        elif not self._as_is(npy):
            x = empty((end - begin, self.n_columns or 0), self.dtype)
            at = 0
            for first, last in self._runs:
                x[:, at : at + last - first] = raw[:, first:last]
                at += last - first
        y, weight = (self._beside(c, raw, part, begin, end) for c in (self._y, self._w))
        return Block(x, y, weight_of(weight, end - begin), first_key=key(part.index, begin))

    @staticmethod
    def _beside(column: Any, raw: NDArray[Any], part: Part, begin: int, end: int) -> Any:
        if column is None or isinstance(column, _Column):
            return column and column.read(part, begin, end)
        return raw[:, column].copy()

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        step, rows = block_rows(self._row_bytes, self.budget), part.rows or 0
        npy = self._files[part.index]
        keep = (self.budget.depth + 1) * self.budget.block_bytes
        with open(npy.path, "rb", buffering=0) as file, Pool(keep) as pool:
            for begin in range(start, rows, step):
                yield self._block(part, file.fileno(), begin, min(begin + step, rows), pool.empty)

    def fill(
        self,
        buffer: RowBuffer,
        part: Part,
        begin: int,
        end: int,
        scratch: Pool,
        numbers: int | None = None,
    ) -> int:
        npy = self._files[part.index]
        beside = all(c is None or isinstance(c, _Column) for c in (self._y, self._w))
        if npy.fortran or not beside or not self._as_is(npy):
            return 0
        x = buffer.dense_rows(end - begin, self.n_columns or 0, self.dtype)
        with open(npy.path, "rb", buffering=0) as file:
            npy.fill(file.fileno(), x, begin)
        y, weight = (self._beside(c, x, part, begin, end) for c in (self._y, self._w))
        block = Block(x, y, weight_of(weight, end - begin), first_key=key(part.index, begin))
        self._check(part, block)
        buffer.note(end - begin, x.size, y, block.sample_weight, block.first_key)
        return end - begin

    def labels_of(self, part: Part, begin: int, end: int) -> NDArray[Any] | None:
        if isinstance(self._y, int):
            return self.read_rows(part, begin, end).y
        return None if self._y is None else self._y.read(part, begin, end)

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        with open(self._files[part.index].path, "rb", buffering=0) as file:
            block = self._block(part, file.fileno(), begin, end)
        self._check(part, block)
        return block


def _runs(columns: list[int]) -> list[tuple[int, int]]:
    """Column numbers as runs of neighbours.

    >>> _runs([0, 1, 2, 5, 4])
    [(0, 3), (5, 6), (4, 5)]
    """
    runs: list[tuple[int, int]] = []
    for j in columns:
        if runs and runs[-1][1] == j:
            runs[-1] = runs[-1][0], j + 1
        else:
            runs.append((j, j + 1))
    return runs


def open_npy(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of .npy files."""
    options.refuse(
        "a .npy file", zero_based="its columns have no numbers of their own", n_features="it has its width"
    )
    for value, what in ((options.target, "target"), (options.weight, "weight")):
        if isinstance(value, str) and not value.endswith(".npy"):
            raise ValueError(
                f"{what}={value!r}: a .npy file has no column names; pass a column number or a .npy path"
            )
    return NpyBlocks(
        paths,
        target=options.target,
        weight=options.weight,
        columns=options.columns,
        dtype=options.dtype,
        **options.memory,
    )

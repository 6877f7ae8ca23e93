"""A RowBuffer gathers pieces of blocks into one block: dense rows in place, CSR rows in arrays that grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker.blocks.block import Block
from esker.blocks.memory import empty, show_size
from esker.blocks.pool import Pool
from esker.blocks.records import Records

__all__ = ["RowBuffer", "csr", "cut", "recut", "slice_rows", "stored"]


def csr(data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], columns: int) -> Any:
    """A csr_array of these very arrays: no copy, no check, no change of the index dtype."""
    from scipy.sparse import csr_array

    x = csr_array((len(indptr) - 1, columns), dtype=data.dtype)
    x.data, x.indices, x.indptr = data, indices, indptr
    return x


def slice_rows(x: Any, begin: int, end: int) -> Any:
    """Rows begin..end-1 of a dense array or a CSR matrix, as views (but for the row pointers)."""
    if isinstance(x, np.ndarray | Records):
        return x[begin:end]
    first, last = x.indptr[begin], x.indptr[end]
    return csr(x.data[first:last], x.indices[first:last], x.indptr[begin : end + 1] - first, x.shape[1])


def stored(x: Any) -> int:
    """How many numbers X holds: all of a dense array, the nonzeros of a CSR matrix."""
    if isinstance(x, np.ndarray | Records):
        return int(x.shape[0] * x.shape[1])
    return int(x.indptr[-1] - x.indptr[0])


def cut(block: Block, begin: int, end: int) -> Block:
    """Rows begin..end-1 of a block, as views."""
    if begin == 0 and end == len(block):
        return block
    return Block(
        slice_rows(block.X, begin, end),
        None if block.y is None else block.y[begin:end],
        None if block.sample_weight is None else block.sample_weight[begin:end],
        first_key=block.first_key + begin,
        row_keys=None if block.row_keys is None else block.row_keys[begin:end],
    )


class RowBuffer:
    """Rows from any number of blocks, in the order in which they come.

    Parameters
    ----------
    rows : int
        Room for so many rows.
    limit : int, optional
        Bytes that must not be exceeded; `way_out` ends the message where they are.
    pool : Pool, optional
        Where the large arrays' memory comes from.
    numbers : int
        About how many numbers sparse rows will hold, if that is known.
    """

    def __init__(
        self,
        rows: int,
        limit: int | None = None,
        way_out: str = "grant more memory",
        pool: Pool | None = None,
        numbers: int = 0,
    ) -> None:
        self.room, self.limit, self.way_out, self.expected = rows, limit, way_out, numbers
        self.empty: Callable[..., NDArray[Any]] = empty if pool is None else pool.empty
        self.rows = self.numbers = self.columns = 0
        self.sparse = False
        self.records: list[Records] = []
        self.dense: NDArray[Any] | None = None
        self.data: NDArray[Any] = np.empty(0)
        self.indices: NDArray[Any] = np.empty(0, np.int32)
        self.indptr: NDArray[Any] = np.zeros(1, np.int32)
        self.y: list[NDArray[Any]] = []
        self.weights: list[NDArray[Any] | None] = []
        self.keys: list[NDArray[np.int64]] = []

    def add(self, block: Block) -> None:
        """Copy the rows of a block behind those that are here."""
        x, n = block.X, len(block)
        if self.keys and self.sparse == isinstance(x, np.ndarray | Records):
            raise ValueError("blocks of one source must all be dense or all be sparse")
        self.sparse = not isinstance(x, np.ndarray | Records)
        if isinstance(x, Records):
            self.records.append(x)
        elif self.sparse:
            self._add_sparse(x)
        else:
            self.dense_rows(n, x.shape[1], x.dtype)[...] = x
        self.note(n, stored(x), block.y, block.sample_weight, block.raw_keys())

    def note(
        self,
        rows: int,
        numbers: int,
        y: NDArray[Any] | None,
        weight: NDArray[Any] | None,
        keys: int | NDArray[np.int64],
    ) -> None:
        """Count rows that lie in their place, and copy what goes with them; `keys` are theirs, or the first."""
        self.rows += rows
        self.numbers += numbers
        if y is not None:
            # A copy: the source may fill its own array again.
            self.y.append(y.copy())
        self.weights.append(None if weight is None else weight.copy())
        self.keys.append(np.arange(keys, keys + rows, dtype=np.int64) if isinstance(keys, int) else keys)

    def dense_rows(self, n: int, columns: int, dtype: Any) -> NDArray[Any]:
        """Where the next n dense rows go."""
        if self.dense is None:
            self._refuse_above(min(self.room, 1 << 62) * columns * np.dtype(dtype).itemsize)
            self.dense = self.empty((self.room, columns), dtype)
        if columns != self.dense.shape[1]:
            raise ValueError(
                f"every block must have the columns of the first, {self.dense.shape[1]}, got {columns}"
            )
        self.columns = columns
        return self.dense[self.rows : self.rows + n]

    def sparse_rows(
        self, n: int, numbers: int, columns: int, dtype: Any, index: Any
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None:
        """Where the values, columns and row pointers of the next n rows go, the last from that of the last row here on.

        None where the rows that are here have other types.
        """
        if self.keys and (self.data.dtype, self.indices.dtype, self.indptr.dtype) != (dtype, index, index):
            return None
        self.sparse = True
        self._make_room(n, numbers, np.dtype(dtype), np.dtype(index))
        self.columns = max(self.columns, columns)
        need = self.numbers + numbers
        return (
            self.data[self.numbers : need],
            self.indices[self.numbers : need],
            self.indptr[self.rows : self.rows + n + 1],
        )

    def _add_sparse(self, x: Any) -> None:
        n, new = x.shape[0], stored(x)
        self._make_room(n, new, x.data.dtype, x.indices.dtype)
        need, first = self.numbers + new, x.indptr[0]
        self.data[self.numbers : need] = x.data[first : first + new]
        self.indices[self.numbers : need] = x.indices[first : first + new]
        shift, to = np.int64(self.numbers) - np.int64(first), self.indptr[self.rows + 1 : self.rows + n + 1]
        np.add(x.indptr[1:], shift, out=to, casting="same_kind")
        self.columns = max(self.columns, x.shape[1])

    def _make_room(self, rows: int, new: int, dtype: np.dtype[Any], index: np.dtype[Any]) -> None:
        """For so many more rows, and numbers of theirs."""
        need = self.numbers + new
        self._refuse_above(need * (dtype.itemsize + index.itemsize))
        if index.itemsize > self.indices.dtype.itemsize:
            self.indices = self.indices.astype(index)
        if need > self.data.size or self.data.dtype != dtype:
            expected = min(int(1.05 * need / (self.rows + rows) * self.room) + 1024, 1 << 27)
            size = max(need, (self.expected or expected) if not self.keys else self.data.size * 5 // 4)
            kind = np.result_type(dtype, self.data) if self.keys else dtype
            self.data = self._grown(self.data, size, kind)
            self.indices = self._grown(self.indices, size, self.indices.dtype)
        end = self.rows + rows + 1
        wide = np.dtype(np.int64 if self.indices.dtype.itemsize > 4 or need >= 2**31 else np.int32)
        if end > self.indptr.size or self.indptr.dtype != wide:
            size = max(end, min(self.room + 1, 2 * self.indptr.size + (1 << 16)))
            pointers = self.empty((size,), wide)
            pointers[: self.rows + 1] = self.indptr[: self.rows + 1]
            self.indptr = pointers

    def _grown(self, a: NDArray[Any], size: int, dtype: Any) -> NDArray[Any]:
        new = self.empty((size,), dtype)
        new[: self.numbers] = a[: self.numbers]
        return new

    def _refuse_above(self, nbytes: int) -> None:
        if self.limit is not None and nbytes > self.limit:
            raise ValueError(
                f"{self.room} rows together take at least {show_size(nbytes)}, and {show_size(self.limit)} of "
                f"max_memory are free for them; {self.way_out}"
            )

    def block(self, order: NDArray[np.int64] | None = None) -> Block:
        """The rows as one block, which owns the buffer from now on."""
        if self.sparse:
            indptr = self.indptr[: self.rows + 1]
            if self.indices.dtype != indptr.dtype:
                self.indices = self.indices[: self.numbers].astype(indptr.dtype)
            x = csr(self.data[: self.numbers], self.indices[: self.numbers], indptr, self.columns)
        elif self.records:
            x = Records.concat(self.records)
        else:
            assert self.dense is not None
            x = self.dense[: self.rows]
        weight = None
        if any(w is not None for w in self.weights):
            weight = np.concatenate(
                [np.ones(len(k)) if w is None else w for w, k in zip(self.weights, self.keys)]
            )
        keys = np.concatenate(self.keys)
        first = int(keys[0]) if len(keys) else 0
        straight = len(keys) == 0 or bool(keys[-1] - keys[0] == len(keys) - 1 and (np.diff(keys) == 1).all())
        y = None if not self.y else self.y[0] if len(self.y) == 1 else np.concatenate(self.y)
        return Block(x, y, weight, first, order, None if straight else keys)


def recut(pieces: Iterator[Block], rows_of: Callable[[Block], int], start: int = 0) -> Iterator[Block]:
    """The rows of `pieces`, which follow each other from row 0 of a part on, in blocks of so many rows.

    ``rows_of(piece)`` is asked where a block begins; rows before `start` are dropped.
    """
    buffer: RowBuffer | None = None
    row = rows = 0
    for piece in pieces:
        begin = max(0, min(start - row, len(piece)))
        row += len(piece)
        while begin < len(piece):
            if buffer is None:
                rows = rows_of(piece)
                if begin == 0 and len(piece) == rows:
                    yield piece
                    break
                buffer = RowBuffer(rows)
            take = min(rows - buffer.rows, len(piece) - begin)
            buffer.add(cut(piece, begin, begin + take))
            begin += take
            if buffer.rows == rows:
                yield buffer.block()
                buffer = None
    if buffer is not None:
        yield buffer.block()

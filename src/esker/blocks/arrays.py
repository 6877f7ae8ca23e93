"""Arrays in memory (and np.memmap) as blocks: views where the layout is a kernel's, a block's copy where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker._native import core
from esker.blocks.base import Blocks, Part
from esker.blocks.block import UNIT, Block
from esker.blocks.buffer import csr, slice_rows
from esker.blocks.memory import BLOCK_BYTES, PANEL, Budget, block_rows, rows_of

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = [
    "ArrayBlocks",
    "column_number",
    "float_dtype",
    "open_array",
    "open_arrays",
    "target_of",
    "weight_of",
]

#: What a view of an array may cover, at most, for learners that read it once: bytes, and products of two columns.
LONG_BYTES, LONG_WORK = 64 * 10**6, 3e10


def float_dtype(dtype: Any, wanted: Any = None) -> np.dtype[Any]:
    """The dtype in which kernels read numbers of `dtype`: float32 where that is exact for small ones, else float64.

    >>> float_dtype("float16"), float_dtype("int16"), float_dtype("int64"), float_dtype("int64", "float32")
    (dtype('float32'), dtype('float32'), dtype('float64'), dtype('float32'))
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise ValueError(
            f"X must hold real numbers (bool, integer, float16, float32 or float64), got dtype {dtype}"
        )
    if wanted is not None:
        chosen: np.dtype[Any] = np.dtype(wanted)
        if chosen not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {chosen}")
        return chosen
    small = dtype.itemsize <= (4 if dtype.kind == "f" else 2)
    return np.dtype("float32" if small else "float64")


def target_of(y: Any, n: int, name: str = "target") -> NDArray[Any] | None:
    """Targets as an array of n rows: as they are, numbers or labels."""
    if y is None:
        return None
    y = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    if y.ndim not in (1, 2):
        raise ValueError(f"{name} must have 1 or 2 dimensions, got {y.ndim}")
    if y.shape[0] != n:
        raise ValueError(f"{name} must have as many rows as X, {n}, got {y.shape[0]}")
    if y.ndim == 2 and y.shape[1] == 0:
        raise ValueError(f"{name} has no columns")
    if y.dtype.kind == "c":
        raise ValueError(f"{name} must hold real numbers or labels, got dtype {y.dtype}")
    if y.dtype.kind == "O":
        missing = (y == None) | (y != y)  # noqa: E711 - element by element
        if missing.any():
            raise ValueError(f"{name} misses a value in row {int(np.argwhere(missing)[0, 0])} (from 0)")
    return np.asarray(y)


def weight_of(weight: Any, n: int) -> NDArray[np.float64] | None:
    """Weights as n float64."""
    if weight is None:
        return None
    w = np.ascontiguousarray(weight, dtype=np.float64)
    if w.shape != (n,):
        raise ValueError(f"weight must have one number for each of the {n} rows of X, got shape {w.shape}")
    return w


def refuse_masked(*arrays: Any) -> None:
    """A mask would be dropped in silence."""
    if any(isinstance(a, np.ma.MaskedArray) for a in arrays):
        raise ValueError(
            "masked arrays are not read: fill the masked values in, .filled(value), or drop their rows"
        )


def check_sparse(x: Any) -> None:
    """Refuse a SciPy matrix whose indices were changed so that they lead out of it: conversions would follow them."""
    from scipy.sparse import coo_array

    if x.format == "csr" and _within(x):
        return
    try:
        if x.format in ("csr", "csc", "bsr"):
            x.check_format(full_check=True)
        elif x.format == "coo":
            coo_array((x.data, (x.row, x.col)), shape=x.shape)
    except ValueError as e:
        raise ValueError(
            f"the indices of a {x.format} matrix must lie within its shape {x.shape}: {e}; "
            "build the matrix anew from its entries"
        ) from None


def _within(x: Any) -> bool:
    """Whether our own check, which takes half the time of SciPy's, finds a CSR matrix in order; False where it cannot tell."""
    parts = x.data, x.indices, x.indptr
    if (
        x.data.dtype not in (np.float32, np.float64)
        or x.indices.dtype not in (np.int32, np.int64)
        or x.indptr.dtype != x.indices.dtype
        or not all(a.ndim == 1 and a.flags.c_contiguous and a.dtype.isnative for a in parts)
        or len(x.indptr) != x.shape[0] + 1
        or len(x.data) != len(x.indices)
        or x.indptr[0] != 0
    ):
        return False
    try:
        core.csr_bounds((*parts, x.shape[1]))
    except ValueError:
        return False
    return True


def checked_csr(x: Any, dtype: np.dtype[Any], *, bounded: bool = False) -> Any:
    """A csr_array with in-range indices, unique within rows; shares the matrix's memory unless it must be mended.

    bounded: `check_sparse` has seen it.
    """
    from scipy.sparse import csr_array

    if x.format == "csr":
        values = x.data if x.data.dtype == dtype else x.data.astype(dtype)
        wide = np.int64 if np.int64 in (x.indices.dtype, x.indptr.dtype) else np.int32
        indices, indptr = x.indices.astype(wide, copy=False), x.indptr.astype(wide, copy=False)
        own = csr(
            np.ascontiguousarray(values),
            np.ascontiguousarray(indices),
            np.ascontiguousarray(indptr),
            x.shape[1],
        )
    else:
        check_sparse(x)
        own = csr_array(x, dtype=dtype)
    raw = own.data, own.indices, own.indptr, own.shape[1]
    if not bounded:
        core.csr_bounds(raw)
    # SciPy remembers that rows are in order (not of every format); those that are not are looked at closely.
    if not getattr(x, "has_canonical_format", False) and core.csr_repeats(raw):
        own = own.copy()
        own.sum_duplicates()
    return own


class ArrayBlocks(Blocks):
    """One array, dense or sparse, as part 0.

    Parameters
    ----------
    X : ndarray, memmap, or SciPy sparse matrix or array; shape (n, d)
        CSR and rows that are contiguous float32 or float64 are never copied. Other layouts and dtypes are converted a block at
        a time. CSC is converted to CSR, once, here. Duplicate entries of a sparse row are summed; explicit zeros stay.
    y : array of shape (n,) or (n, targets), optional
    sample_weight : array of shape (n,), optional
    check_finite : bool
        Search blocks for NaN and infinity.
    bounded : bool
        Whether `check_sparse` has seen that the indices of a sparse X lie within it.
    """

    random_access, sequential_first, threaded = True, False, False
    #: Whether the numbers of X are still to be searched for NaN and infinity, by whoever learns from them.
    finite_later = False

    def __init__(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        dtype: Any = None,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
        feature_names: list[str] | None = None,
        check_finite: bool = True,
        bounded: bool = False,
        source: str | None = None,
    ) -> None:
        sparse = hasattr(X, "tocsr")
        refuse_masked(X, y, sample_weight)
        if not sparse and not isinstance(X, np.ndarray):
            X = np.asarray(X)
        if X.ndim != 2:
            raise ValueError(
                f"X must be a matrix of rows and columns, got {X.ndim} dimension(s); one column is X.reshape(-1, 1)"
            )
        n, d = X.shape
        if n == 0 or d == 0:
            raise ValueError(f"X must have at least one row and one column, got shape {X.shape}")
        name = source or f"{type(X).__name__} of shape {n} x {d}"
        dtype = float_dtype(X.dtype, dtype)
        super().__init__(
            [Part(0, name, n)], source=name, dtype=dtype, max_memory=max_memory, block_size=block_size
        )
        self.X: Any = checked_csr(X, self.dtype, bounded=bounded) if sparse else X.view(np.ndarray)
        self.y, self.sample_weight = target_of(y, n), weight_of(sample_weight, n)
        self.is_sparse = sparse
        self.n_rows, self.n_columns = n, d
        self.n_targets = 0 if self.y is None else 1 if self.y.ndim == 1 else self.y.shape[1]
        self.nnz = int(self.X.indptr[-1]) if sparse else None
        self.feature_names = feature_names
        self.checked = check_finite
        self._whole_checked = not check_finite

    @property
    def _in_layout(self) -> bool:
        return bool(
            self.is_sparse
            or (
                self.X.dtype == self.dtype
                and self.X.dtype.isnative
                and self.X.flags.c_contiguous
                and self.X.flags.aligned
            )
        )

    def _rows(self, begin: int, end: int) -> Block:
        x = slice_rows(self.X, begin, end)
        if not self._in_layout:
            x = rows_of(x.T, self.dtype)
        y = None if self.y is None else self.y[begin:end]
        weight = None if self.sample_weight is None else self.sample_weight[begin:end]
        return Block(x, y, weight, first_key=begin)

    def _cuts(self, start: int) -> Iterator[tuple[int, int]]:
        n = self.n_rows or 0
        if not self.is_sparse:
            rows = block_rows((self.n_columns or 0) * self.dtype.itemsize, self.budget)
        else:  # views of memory, cut only so that a caller can be interrupted between them
            unbound = Budget(None, self.block_bytes, 0)
            rows = block_rows(
                self.X.indptr[-1] / n * (self.dtype.itemsize + self.X.indices.itemsize), unbound
            )
        for begin in range(start, n, rows):
            yield begin, min(begin + rows, n)

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        for begin, end in self._cuts(start):
            yield self._rows(begin, end)

    def read_long(self, start: tuple[int, int] = (0, 0)) -> Iterator[Block]:
        views = not self.is_sparse and self._in_layout
        if not views or self.max_memory is not None or self.block_bytes != BLOCK_BYTES or start[0] > 0:
            yield from self.read_ahead(start=start)
            return
        n, d, targets = self.n_rows or 0, self.n_columns or 0, self.n_targets or 0
        # Some half a second's work on sums of products: a caller can be interrupted, and told how far they are.
        longest = max(PANEL, int(LONG_WORK / (d * (d + targets))))
        rows = block_rows(d * self.dtype.itemsize + 8 * targets, replace(self.budget, block_bytes=LONG_BYTES))
        if rows > longest:
            unit = UNIT if longest >= UNIT else PANEL
            rows = longest // unit * unit
        for begin in range(start[1], n, rows):
            block = self._rows(begin, min(begin + rows, n))
            self._check(self.parts[0], block)
            yield block

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        block = self._rows(begin, end)
        self._check(part, block)
        return block

    def labels_of(self, part: Part, begin: int, end: int) -> NDArray[Any] | None:
        return None if self.y is None else self.y[begin:end]

    def whole(self) -> Block | None:
        if not self._in_layout:
            return None
        block = self._rows(0, self.n_rows or 0)
        if not self._whole_checked:
            self._check(self.parts[0], block)
            self._whole_checked = True
        return block


def open_arrays(
    X: Any, y: Any = None, sample_weight: Any = None, *, max_memory: int | str | None = None
) -> ArrayBlocks:
    """Arrays that have been validated already, by an estimator: not searched for NaN again."""
    return ArrayBlocks(X, y, sample_weight, max_memory=max_memory, check_finite=False)


def open_array(X: Any, options: Options) -> Blocks:
    """`open_blocks` of a NumPy array, a memmap, or a SciPy sparse matrix or array."""
    kind = "a sparse matrix" if hasattr(X, "tocsr") else "an array"
    options.refuse(kind, zero_based="its columns have numbers", n_features="it has its width")
    if X.ndim != 2:
        raise ValueError(f"X must be a matrix of rows and columns, got {X.ndim} dimension(s)")
    refuse_masked(X)
    d = X.shape[1]
    taken: list[int] = []
    found: list[Any] = []
    for value, what in ((options.target, "target"), (options.weight, "weight")):
        if isinstance(value, str):
            raise ValueError(
                f"{what}={value!r} is a name, and the columns of {kind} have none; pass its number"
            )
        if isinstance(value, int | np.integer) and not isinstance(value, bool):
            j = column_number(int(value), d, what)
            taken.append(j)
            value = X[:, [j]].toarray()[:, 0] if hasattr(X, "tocsr") else np.array(X[:, j])
        found.append(value)
    if options.columns is not None:
        keep = [column_number(j, d, "columns") for j in options.columns]
        if not keep or set(keep) & set(taken):
            raise ValueError("columns= must name at least one column, and neither target nor weight")
        X = X[:, keep]
    elif taken:
        X = X[:, [j for j in range(d) if j not in taken]]
    return ArrayBlocks(X, *found, dtype=options.dtype, **options.memory)


def column_number(j: Any, d: int, what: str) -> int:
    """A column number, from the end where it is negative."""
    if isinstance(j, bool) or not isinstance(j, int | np.integer):
        raise ValueError(f"{what} must be a column number from 0 to {d - 1}, got {j!r}")
    if not -d <= j < d:
        raise ValueError(f"{what} must be a column number from 0 to {d - 1}, got {j}: there are {d} columns")
    return int(j) % d

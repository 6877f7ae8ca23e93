"""pandas DataFrames as blocks: columns by name, converted a block at a time, to dense numbers or to Records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker.blocks.arrays import ArrayBlocks, float_dtype, target_of, weight_of
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block
from esker.blocks.columns import Roles
from esker.blocks.frame_columns import categories, column
from esker.blocks.memory import block_rows, empty
from esker.blocks.records import Records

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["FrameBlocks", "open_frame"]


class FrameBlocks(Blocks):
    """Columns of a DataFrame, with their names: numbers as dense blocks; any as Records.

    Parameters
    ----------
    frame : DataFrame
    y, sample_weight : array or None
    records : bool
        Keep texts and missing values, for a feature step.
    """

    random_access, sequential_first, threaded = True, False, False
    is_sparse: bool | None = False

    def __init__(
        self,
        frame: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        dtype: Any = None,
        records: bool = False,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
    ) -> None:
        n, d = frame.shape
        if n == 0 or d == 0:
            raise ValueError(
                f"the DataFrame must have at least one row and one column, got shape {frame.shape}"
            )
        self._frame = frame
        self.holds_records = records
        wanted = np.dtype(np.float64)
        if records:
            self.is_sparse = None
            self._categories = [categories(frame.iloc[:, j]) for j in range(d)]
        else:
            wanted = np.result_type(*{_column_dtype(frame, j, dtype) for j in range(d)})
        name = f"DataFrame of shape {n} x {d}"
        super().__init__(
            [Part(0, name, n)], source=name, dtype=wanted, max_memory=max_memory, block_size=block_size
        )
        self.y, self.sample_weight = target_of(y, n), weight_of(sample_weight, n)
        self.n_rows, self.n_columns = n, d
        self.n_targets = 0 if self.y is None else 1 if self.y.ndim == 1 else self.y.shape[1]
        self.feature_names = [str(c) for c in frame.columns]

    def _rows(self, begin: int, end: int) -> Block:
        # na_value: a missing value of a nullable column becomes NaN, which the check of every block names.
        piece = self._frame.iloc[begin:end]
        x = self._records(piece) if self.holds_records else self._dense(piece)
        y = None if self.y is None else self.y[begin:end]
        weight = None if self.sample_weight is None else self.sample_weight[begin:end]
        return Block(x, y, weight, first_key=begin)

    def _dense(self, piece: Any) -> Any:
        x = empty((len(piece), self.n_columns or 0), self.dtype)
        for j in range(x.shape[1]):
            column = piece.iloc[:, j]
            x[:, j] = (
                column.to_numpy(dtype=self.dtype, na_value=np.nan) if column.hasnans else column.to_numpy()
            )
        return x

    def _records(self, piece: Any) -> Records:
        assert self.feature_names is not None
        return Records(
            {name: column(piece.iloc[:, j], self._categories[j]) for j, name in enumerate(self.feature_names)}
        )

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        n = part.rows or 0
        rows = block_rows((self.n_columns or 0) * self.dtype.itemsize, self.budget)
        for begin in range(start, n, rows):
            yield self._rows(begin, min(begin + rows, n))

    def labels_of(self, part: Part, begin: int, end: int) -> NDArray[Any] | None:
        return None if self.y is None else self.y[begin:end]

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        block = self._rows(begin, end)
        self._check(part, block)
        return block


def _column_dtype(frame: Any, j: int, wanted: Any) -> np.dtype[Any]:
    """The dtype of a column's numbers, or an error that names it."""
    dtype = frame.dtypes.iloc[j]
    numpy_dtype = getattr(dtype, "numpy_dtype", dtype)  # nullable and Arrow columns say what they hold
    try:
        return float_dtype(numpy_dtype, wanted)
    except (TypeError, ValueError):
        raise ValueError(
            f"column {frame.columns[j]!r} must be numeric, got dtype {dtype}; leave it out with columns=, or encode it first, "
            "such as with features=esker.feature_extraction.TableHasher(...)"
        ) from None


def _labels(frame: Any, positions: list[int], flat: bool) -> Any:
    """Target columns as an array; a missing value is an error that names its row."""
    columns = frame.iloc[:, positions]
    missing = columns.isna().to_numpy()
    if missing.any():
        row, j = (int(k) for k in np.argwhere(missing)[0])
        raise FormatError(
            f"a value is missing in column {columns.columns[j]!r}, row {row} (from 0)", "DataFrame"
        )
    return columns.iloc[:, 0].to_numpy() if flat else columns.to_numpy()


def open_frame(frame: Any, options: Options) -> Blocks:
    """`open_blocks` of a pandas DataFrame."""
    options.refuse("a DataFrame", zero_based="its columns have names", n_features="it has its width")

    def outside(value: Any) -> bool:
        """Whether this is an array of values, not the name of a column."""
        return value is not None and (
            (hasattr(value, "shape") and value.shape != ())
            or (
                isinstance(value, list | tuple)
                and len(value) == len(frame)
                and not set(map(str, value)) <= set(map(str, frame.columns))
            )
        )

    y, w = outside(options.target), outside(options.weight)
    roles = Roles.of(
        list(frame.columns), None if y else options.target, None if w else options.weight, options.columns
    )
    target = options.target if y else _labels(frame, roles.targets, roles.flat) if roles.targets else None
    weight = options.weight if w else None if roles.weight is None else frame.iloc[:, roles.weight].to_numpy()
    features = frame.iloc[:, roles.features]
    if options.records:
        return FrameBlocks(features, target, weight, records=True, **options.memory)
    if all(
        hasattr(dtype, "fill_value") for dtype in features.dtypes
    ):  # every column is a pandas sparse array
        names = [str(c) for c in features.columns]
        x = features.sparse.to_coo().tocsr()
        return ArrayBlocks(x, target, weight, dtype=options.dtype, feature_names=names, **options.memory)
    return FrameBlocks(features, target, weight, dtype=options.dtype, **options.memory)

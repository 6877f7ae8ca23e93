"""Anything with named columns as Records: DataFrames, Arrow tables, dicts and structured arrays, 2-d arrays.

One value has one text wherever it comes from: 14, 14.0 and "14" are the category ``14``, True is ``1``, a missing value is NaN or
a missing text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from esker.blocks.records import Records, Strings

__all__ = ["column_of", "records_of", "text_of"]


def records_of(X: Any, texts_of: Callable[[list[str]], list[str]] | None = None) -> Records:
    """The columns of `X`, by name.

    Parameters
    ----------
    X : Records, pandas or polars DataFrame, pyarrow Table, dict of columns, structured array, or 2-d array
        The columns of a 2-d array are called ``x0``, ``x1``, ...
    texts_of : callable, optional
        Of all columns' names, those that are categories only: no digit of an integer is lost there.

    >>> records_of({"a": [1.5, None], "b": ["x", "y"]}).columns["a"].tolist()
    [1.5, nan]
    """
    if isinstance(X, Records):
        return X
    if hasattr(X, "tocsr"):
        raise TypeError(
            "Sparse data was passed, but dense data is required: a table has named columns; a sparse matrix holds "
            "features already"
        )
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        made = Records(_by_name((str(name), _pandas(X.iloc[:, j])) for j, name in enumerate(X.columns)))
    elif hasattr(X, "__arrow_c_stream__") or hasattr(X, "combine_chunks"):
        made = _arrow(X, texts_of)
    elif isinstance(X, Mapping):
        made = Records(_by_name((str(name), column_of(values)) for name, values in X.items()))
    elif isinstance(X, np.ndarray) and X.dtype.names is not None:
        made = Records({name: column_of(X[name]) for name in X.dtype.names})
    else:
        made = _array(X)
    lengths = {name: len(column) for name, column in made.columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns must be equally long, got {lengths}")
    if made.shape[1] == 0 or made.shape[0] == 0:
        what = "0 feature(s)" if made.shape[1] == 0 else "0 sample(s)"
        raise ValueError(
            f"Found array with {what} (shape={made.shape}) while a minimum of 1 is required by TableHasher."
        )
    return made


def _by_name(pairs: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, column in pairs:
        if name in columns:
            raise ValueError(f"two columns have the name {name!r}; rename one")
        columns[name] = column
    return columns


def _array(X: Any) -> Records:
    array = np.asarray(X)
    if array.dtype.names is not None:
        return records_of(array)
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {array.ndim}D array instead: a table is a DataFrame, an Arrow table, a dict of "
            "columns, a structured array or a 2-d array. Reshape your data either using array.reshape(-1, 1) if it has a "
            "single column or array.reshape(1, -1) if it is a single row."
        )
    return Records({f"x{j}": column_of(array[:, j]) for j in range(array.shape[1])})


def column_of(values: Any) -> Any:
    """One column: Strings, or a contiguous array of int64, uint64, float32 or float64."""
    if isinstance(values, Strings):
        return values
    if hasattr(values, "dtype") and hasattr(values, "iloc"):
        return _pandas(values)
    array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=_listed(values))
    if array.ndim != 1:
        raise ValueError(f"a column must have one dimension, got {array.ndim}")
    kind = array.dtype.kind
    if kind in "bi" or (kind == "u" and array.dtype.itemsize < 8):
        return np.ascontiguousarray(array, np.int64)
    if kind == "u":
        return np.ascontiguousarray(array, np.uint64)
    if kind == "f":
        return np.ascontiguousarray(array, np.float32 if array.dtype.itemsize <= 4 else np.float64)
    if kind in "Mm":
        raise ValueError(
            f"a column must hold numbers or texts, got dates ({array.dtype}); make numbers or texts of them, such as the hour"
        )
    if kind in "OUS":
        return _objects(array.tolist())
    raise ValueError(f"Complex data not supported: a column must hold numbers or texts, got {array.dtype}")


def _listed(values: Any) -> Any:
    """A list of mixed values stays what it is; NumPy would make texts of its numbers."""
    return object if isinstance(values, list | tuple) else None


def _objects(values: list[Any]) -> Any:
    """Python objects: texts where any is one, else numbers."""
    gone = [_missing(v) for v in values]
    some = [v for v, g in zip(values, gone) if not g]
    for value in some:
        if not isinstance(value, str | bytes | bool | int | float | np.number | np.bool_):
            raise TypeError(
                f"argument must be a string or a number: a column holds numbers or texts, got {type(value).__name__}"
            )
    if any(isinstance(v, str | bytes) for v in some):
        return Strings.of(None if g else text_of(v) for v, g in zip(values, gone))
    whole = (
        bool(some) and not any(gone) and all(isinstance(v, bool | int | np.integer | np.bool_) for v in some)
    )
    if whole and all(-(2**63) <= int(v) < 2**63 for v in some):
        return np.array([int(v) for v in some], np.int64)
    return np.array([np.nan if g else float(v) for v, g in zip(values, gone)], np.float64)


def _missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(value != value)


def text_of(value: Any) -> str | bytes:
    """The category of one value.

    >>> text_of(14.0), text_of(True), text_of(0.25), text_of(1e-7), text_of("a")
    ('14', '1', '0.25', '1e-07', 'a')
    """
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, bool | int | np.integer | np.bool_):
        return str(int(value))
    if value == int(value) and abs(value) < 9.2e18:
        return str(int(value))
    return str(value)


def _pandas(series: Any) -> Any:
    from esker.blocks import frame_columns

    dtype = series.dtype
    if getattr(dtype, "kind", None) == "O" and isinstance(dtype, np.dtype):
        return _objects(series.tolist())
    if hasattr(dtype, "fill_value") and hasattr(series, "sparse"):
        return column_of(series.sparse.to_dense().to_numpy())
    return column_of(frame_columns.column(series, frame_columns.categories(series)))


def _arrow(X: Any, texts_of: Callable[[list[str]], list[str]] | None = None) -> Records:
    import pyarrow as pa

    from esker.blocks import arrow_columns

    if isinstance(X, pa.RecordBatch):
        X = pa.Table.from_batches([X])
    table = X if isinstance(X, pa.Table) else pa.table(X)
    pairs = []
    texts = [] if texts_of is None else texts_of(table.column_names)
    for name, chunked in zip(table.column_names, table.unify_dictionaries().columns):
        joined: Any = chunked.combine_chunks()
        if isinstance(joined, pa.ChunkedArray):  # pyarrow keeps one chunk or none so
            joined = joined.chunk(0) if joined.num_chunks else pa.array([], joined.type)
        pairs.append((name, column_of(arrow_columns.record(joined, name in texts))))
    return Records(_by_name(pairs))

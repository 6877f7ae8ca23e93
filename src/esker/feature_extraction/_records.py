"""Anything with named columns as Records: DataFrames, Arrow tables, dicts and structured arrays, 2-d arrays.

One value has one text wherever it comes from: 14, 14.0 and "14" are the category ``14``, True is ``1``, a missing value is NaN or
a missing text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from esker.blocks.records import Records, Strings

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["arrow_column", "column_of", "records_of", "text_of"]


def records_of(X: Any) -> Records:
    """The columns of `X`, by name.

    Parameters
    ----------
    X : Records, pandas or polars DataFrame, pyarrow Table, dict of columns, structured array, or 2-d array
        The columns of a 2-d array are called ``x0``, ``x1``, ...

    >>> records_of({"a": [1.5, None], "b": ["x", "y"]}).columns["a"].tolist()
    [1.5, nan]
    """
    if isinstance(X, Records):
        return X
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        made = Records(_by_name((str(name), _pandas(X.iloc[:, j])) for j, name in enumerate(X.columns)))
    elif hasattr(X, "__arrow_c_stream__") or hasattr(X, "combine_chunks"):
        made = _arrow(X)
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
    if hasattr(X, "tocsr"):
        raise TypeError(
            "Sparse data was passed, but dense data is required: a table has named columns; a sparse matrix holds "
            "features already"
        )
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
    """One column: Strings, or a contiguous array of int64, uint64, float32 or float64 (dates stay dates)."""
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
        return array
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
    if some and not any(gone) and all(isinstance(v, bool | int | np.integer | np.bool_) for v in some):
        if all(-(2**63) <= int(v) < 2**63 for v in some):
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


# --- pandas ---


def _pandas(series: Any) -> Any:
    dtype = series.dtype
    if hasattr(dtype, "categories"):
        codes = np.ascontiguousarray(series.cat.codes.to_numpy(), np.int32)
        return _coded(codes, dtype.categories)
    if hasattr(dtype, "fill_value") and hasattr(series, "sparse"):
        return column_of(series.sparse.to_dense().to_numpy())
    if hasattr(dtype, "pyarrow_dtype") or getattr(dtype, "storage", "") == "pyarrow":
        import pyarrow as pa

        return arrow_column(pa.array(series))
    if getattr(dtype, "numpy_dtype", None) is not None and hasattr(dtype, "na_value"):
        plain = series.to_numpy(np.float64, na_value=np.nan) if series.hasnans else series.to_numpy(dtype.numpy_dtype)
        return column_of(plain)
    if isinstance(dtype, np.dtype):
        return column_of(series.to_numpy())
    return column_of(series.to_numpy(dtype=object))


def _coded(codes: NDArray[np.int32], categories: Any) -> Any:
    """Codes (-1 is missing) into categories, of texts or numbers."""
    gone = codes < 0
    codes = np.where(gone, np.int32(0), codes)
    known = column_of(np.asarray(categories))
    if isinstance(known, Strings):
        return Strings(known.data, known.offsets, gone if gone.any() else None, codes)
    if not len(known):
        return np.full(len(codes), np.nan)
    texts = Strings.of(text_of(v) for v in known)
    return Strings(texts.data, texts.offsets, gone if gone.any() else None, codes)


# --- Arrow ---


def _arrow(X: Any) -> Records:
    import pyarrow as pa

    table = X if isinstance(X, pa.Table) else pa.Table.from_batches([X]) if isinstance(X, pa.RecordBatch) else pa.table(X)
    pairs = []
    for name, chunked in zip(table.column_names, table.columns):
        joined = chunked.combine_chunks()
        if isinstance(joined, pa.ChunkedArray):
            joined = joined.chunk(0) if joined.num_chunks else pa.array([], joined.type)
        pairs.append((name, arrow_column(joined)))
    return Records(_by_name(pairs))


def arrow_column(array: Any) -> Any:
    """An Arrow array as a column; texts are borrowed, not copied."""
    import pyarrow as pa
    import pyarrow.types as is_

    kind = array.type
    if is_.is_dictionary(kind):
        if not (is_.is_string(kind.value_type) or is_.is_large_string(kind.value_type)):
            values = arrow_column(array.dictionary)
            codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
            return _coded(codes, np.asarray(values.tolist(), object) if isinstance(values, Strings) else values)
        texts = arrow_column(array.dictionary)
        gone = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
        indices = array.indices.fill_null(0) if array.null_count else array.indices
        return Strings(texts.data, texts.offsets, gone, np.ascontiguousarray(indices.to_numpy(), np.int32))
    if is_.is_null(kind):
        return np.full(len(array), np.nan)
    if is_.is_boolean(kind) or is_.is_decimal(kind):
        array = array.cast(pa.float64() if is_.is_decimal(kind) else pa.int8())
        kind = array.type
    if is_.is_integer(kind) or is_.is_floating(kind):
        return column_of(array.to_numpy(zero_copy_only=False))
    if is_.is_temporal(kind):
        return array.to_numpy(zero_copy_only=False)
    if not (is_.is_string(kind) or is_.is_large_string(kind) or is_.is_binary(kind) or is_.is_large_binary(kind)):
        array = array.cast(pa.large_string())
    wide = is_.is_large_string(array.type) or is_.is_large_binary(array.type)
    _, offsets, data = array.buffers()
    ends = np.zeros(1, np.int32)
    if offsets is not None and len(array):
        ends = np.frombuffer(offsets, np.int64 if wide else np.int32)[array.offset : array.offset + len(array) + 1]
    raw = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    gone = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    return Strings(raw, ends, gone)

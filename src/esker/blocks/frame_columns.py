"""Columns of a pandas DataFrame as columns of Records: texts and categories as Strings, the rest as numbers with NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from esker._errors import FormatError
from esker.blocks.records import Strings

__all__ = ["categories", "column"]


def categories(series: Any) -> Strings | None:
    """The texts of a categorical column, once for all of its blocks; None where it is none, or holds numbers."""
    kind = series.dtype
    if not hasattr(kind, "categories"):
        return None
    distinct = kind.categories
    if distinct.dtype.kind in "biufmM":
        return None
    return _texts(distinct, series.name)


def column(series: Any, known: Strings | None = None) -> Any:
    """The rows of a column; `known` is what `categories` gave for the whole of it."""
    kind = series.dtype
    if known is not None:
        codes = series.cat.codes.to_numpy()
        missing = codes < 0
        codes = np.where(missing, 0, codes).astype(np.int32, copy=False)
        return Strings(known.data, known.offsets, missing if missing.any() else None, codes)
    if hasattr(kind, "categories"):
        series = series.astype(kind.categories.dtype if not series.hasnans else "float64")
        kind = series.dtype
    code = getattr(kind, "numpy_dtype", kind)
    if getattr(code, "kind", "O") not in "biufmM":
        return _texts(series, series.name)
    if code.kind in "mM":
        return _seconds(series)
    if not series.hasnans:
        return series.to_numpy(dtype=code)
    if code.kind in "iu" and _exceeds(series):
        raise FormatError(
            f"column {series.name!r} has missing values and integers beyond 2**53, which float64 cannot hold; "
            "store the column as text",
            "DataFrame",
        )
    return series.to_numpy(dtype="float32" if code == np.float32 else "float64", na_value=np.nan)


def _exceeds(series: Any) -> bool:
    whole = series.dropna()
    return bool(len(whole) and max(abs(int(whole.max())), abs(int(whole.min()))) > 2**53)


def _seconds(series: Any) -> Any:
    """Seconds since 1970 (of UTC where there is a time zone), or of a duration; NaT as NaN."""
    zone = getattr(series.dtype, "tz", None)
    values = (series.dt.tz_convert("UTC").dt.tz_localize(None) if zone is not None else series).to_numpy()
    unit = np.datetime_data(values.dtype)[0]
    per = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    whole, rest = np.divmod(values.astype(np.int64), per)
    seconds = whole + rest / per
    seconds[np.isnat(values)] = np.nan
    return seconds


def _texts(values: Any, name: Any) -> Strings:
    """Strings (or bytes, or None) of a Series or an Index."""
    import pandas

    try:
        import pyarrow
    except ImportError:
        pass
    else:
        from esker.blocks.arrow_columns import is_text, strings

        try:
            array = pyarrow.array(values, from_pandas=True)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
            array = None
        if isinstance(array, pyarrow.ChunkedArray):
            array = array.combine_chunks()
        if array is not None and is_text(array.type):
            return strings(array)
    plain = [None if gone else value for value, gone in zip(values, pandas.isna(values))]
    for value in plain:
        if not isinstance(value, str | bytes | None):
            raise FormatError(
                f"column {name!r} must hold texts, numbers, dates or categories, got a {type(value).__name__} in a column of "
                f'dtype {values.dtype}; convert it, such as by astype("str")',
                "DataFrame",
            )
    return Strings.of(plain)

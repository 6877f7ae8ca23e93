"""Columns of Arrow data as NumPy numbers and as `Strings` over Arrow's own buffers.

Anything of pyarrow's comes in as an Array; nothing is copied where Arrow's layout is ours already.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker.blocks.arrays import float_dtype
from esker.blocks.records import Strings

__all__ = ["fields", "is_record", "is_text", "labels", "number_dtype", "numbers", "record", "strings"]

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def fields(schema: Any, *asked: Any) -> tuple[list[str], list[Any]]:
    """Names and types of a file's columns; the index of a pandas frame is none, unless it is asked for by name."""
    raw = (schema.metadata or {}).get(b"pandas")
    try:
        index = json.loads(raw)["index_columns"] if raw else []
    except (ValueError, KeyError, TypeError):  # some other program's
        index = []
    named = {
        a
        for some in asked
        for a in (some if isinstance(some, list | tuple) else [some])
        if isinstance(a, str)
    }
    gone = {name for name in index if isinstance(name, str) and name not in named}  # a range is a dict
    kept = [(field.name, field.type) for field in schema if field.name not in gone]
    return [name for name, _ in kept], [kind for _, kind in kept]


def number_dtype(kind: Any, wanted: Any = None) -> np.dtype[Any] | None:
    """The dtype in which kernels read an Arrow type's numbers; None where they are none."""
    import pyarrow.types as is_

    if is_.is_dictionary(kind):
        return number_dtype(kind.value_type, wanted)
    if is_.is_decimal(kind):
        return float_dtype(np.float64, wanted)
    if is_.is_boolean(kind) or is_.is_integer(kind) or is_.is_floating(kind):
        return float_dtype(kind.to_pandas_dtype(), wanted)
    return None


def is_text(kind: Any) -> bool:
    """Whether a column of this Arrow type becomes `Strings`."""
    import pyarrow.types as is_

    if is_.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(
        is_.is_string(kind)
        or is_.is_large_string(kind)
        or is_.is_string_view(kind)
        or is_.is_binary(kind)
        or is_.is_large_binary(kind)
        or is_.is_binary_view(kind)
        or is_.is_null(kind)
    )


def _is_time(kind: Any) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_date(kind) or is_.is_timestamp(kind) or is_.is_time(kind) or is_.is_duration(kind))


def is_record(kind: Any) -> bool:
    """Whether `record` takes a column of this Arrow type."""
    import pyarrow.types as is_

    if is_.is_dictionary(kind):
        return is_record(kind.value_type)
    return is_text(kind) or _is_time(kind) or number_dtype(kind) is not None


def record(array: Any, category: bool = False) -> Strings | NDArray[Any]:
    """A column for `Records`: texts as Strings; numbers as they are, as float64 with NaN where some are missing.

    Of a `category`, integers that float64 cannot hold so (beside a missing value, or decimals) become texts of their digits.

    Dates and times become seconds, as float64: since the start of 1970 (of UTC where there is a time zone), since midnight, or
    of a duration.

    Raises
    ------
    ArithmeticError
        An integer beyond 2**53 beside a missing value: float64, which has a place for what is missing, cannot hold it.
    """
    import pyarrow as pa

    kind = array.type
    if is_text(kind):
        return strings(array)
    if pa.types.is_dictionary(kind):
        return record(array.dictionary_decode(), category)
    if _is_time(kind):
        return _seconds(array)
    if category and pa.types.is_decimal(kind) and kind.scale == 0:
        return strings(array.cast(pa.string()))
    try:
        return numbers(array)
    except ArithmeticError:
        if not category:
            raise
        return strings(array.cast(pa.string()))


def plain(array: Any) -> NDArray[Any]:
    """`Array.to_numpy` without pandas, which pyarrow would load for it (30 MB): over Arrow's own memory where NumPy can."""
    import pyarrow as pa

    kind, n, first = array.type, len(array), array.offset
    whole, fraction = pa.types.is_integer(kind), pa.types.is_floating(kind)
    if n == 0 or (array.null_count and not fraction) or not (whole or fraction or pa.types.is_boolean(kind)):
        values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
        return values
    held = array.buffers()[1]
    if not (whole or fraction):
        raw = np.frombuffer(held, np.uint8, -(-(first + n) // 8) - first // 8, first // 8)
        return np.unpackbits(raw, bitorder="little")[first % 8 : first % 8 + n].astype(np.bool_)
    dtype = np.dtype(
        f"{'f' if fraction else 'i' if pa.types.is_signed_integer(kind) else 'u'}{kind.bit_width // 8}"
    )
    values = np.frombuffer(held, dtype, n, first * dtype.itemsize)
    gone = _missing(array)
    if gone is not None:
        values = np.where(gone, dtype.type(np.nan), values)
    return values


def numbers(array: Any) -> NDArray[Any]:
    """Numbers as NumPy has them; as float64 with NaN where some are missing."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_decimal(kind) or (array.null_count and not pa.types.is_floating(kind)):
        try:
            array = array.cast(pa.float64())
        except pa.ArrowInvalid as error:
            raise ArithmeticError(str(error)) from None
    return plain(array)


def _seconds(array: Any) -> NDArray[np.float64]:
    import pyarrow as pa

    kind, days, per = array.type, 1, 1
    if pa.types.is_date32(kind):
        days = 86_400
    else:
        per = 1000 if pa.types.is_date64(kind) else _PER_SECOND[kind.unit]
    array = array.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
    gone = _missing(array)
    values = array.fill_null(0) if gone is not None else array
    whole, rest = np.divmod(plain(values), per)  # 64 bits of nanoseconds are more than float64 has
    seconds: NDArray[np.float64] = whole * float(days) + rest / per
    if gone is not None:
        seconds[gone] = np.nan
    return seconds


def _missing(array: Any) -> NDArray[np.bool_] | None:
    if not array.null_count:
        return None
    return plain(array.is_null())


def strings(array: Any) -> Strings:
    """Texts over Arrow's own buffers; a dictionary's codes as codes.

    The texts must be UTF-8, which Arrow says of strings; bytes are looked at.
    """
    import pyarrow as pa
    import pyarrow.types as is_

    kind = array.type
    if is_.is_dictionary(kind):
        texts = strings(array.dictionary)
        gone = _missing(array)
        codes = array.indices if gone is None else array.indices.fill_null(0)
        found = plain(codes).astype(np.int32, copy=False)
        if texts.missing is not None:  # a text of the dictionary itself is missing
            inner = texts.missing[found]
            gone = inner if gone is None else gone | inner
        return Strings(texts.data, texts.offsets, gone, found)
    if is_.is_null(kind):
        n = len(array)
        return Strings(np.empty(0, np.uint8), np.zeros(n + 1, np.int32), np.ones(n, np.bool_) if n else None)
    if not (is_.is_string(kind) or is_.is_large_string(kind)):
        # Views lie in many buffers; of bytes, casting makes sure that they are UTF-8.
        array = array.cast(pa.string() if is_.is_binary(kind) else pa.large_string())
    wide = np.int64 if is_.is_large_string(array.type) else np.int32
    _, offsets, data = array.buffers()
    n, first = len(array), array.offset
    if n == 0 or offsets is None:
        return Strings(np.empty(0, np.uint8), np.zeros(n + 1, wide), _missing(array))
    ends = np.frombuffer(offsets, wide, n + 1, first * np.dtype(wide).itemsize)
    raw = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return Strings(raw, ends, _missing(array))


def labels(array: Any) -> NDArray[Any]:
    """A target's values, none of them missing: numbers as they are, texts as Python's strings."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        distinct = array.dictionary
        texts = np.array(distinct.to_pylist(), dtype=object) if is_text(distinct.type) else labels(distinct)
        return np.asarray(texts[plain(array.indices)])
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return labels(array.dictionary_encode())
    if pa.types.is_decimal(kind):
        array = array.cast(pa.float64())
    return plain(array)

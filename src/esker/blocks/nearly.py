"""Objects that are nearly what `open_blocks` takes: each is refused with the one call that makes it so."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import Any

__all__ = ["refuse_nearly", "refuse_rows"]


def refuse_nearly(source: Any) -> None:
    """Raise TypeError where a source is one column, a dict of columns, or a database's connection."""
    name = type(source).__name__
    if isinstance(source, type):
        return
    if isinstance(source, Mapping):
        raise TypeError(
            f"open_blocks takes tables, got a {name} of columns: pass pandas.DataFrame(source) or pyarrow.table(source)"
        )
    if hasattr(source, "__arrow_c_stream__") and (
        hasattr(source, "to_frame") or (hasattr(source, "combine_chunks") and not hasattr(source, "schema"))
    ):
        raise TypeError(
            f"open_blocks takes tables, got a {name}, one column: pass a table of it, such as source.to_frame(); texts take "
            "features= too, such as esker.feature_extraction.text.HashingVectorizer()"
        )
    if hasattr(source, "cursor") and hasattr(source, "commit") and not hasattr(source, "fetchmany"):
        raise TypeError(
            f"open_blocks takes the cursor of a query, got a {name}: pass connection.execute(...), or cursor.execute(...) and "
            "the cursor; or a function that returns a new one, for learners that walk more than once"
        )


def refuse_rows(first: Any) -> None:
    """Raise TypeError where what an iterable yields first is one row: dicts of values, lists of numbers."""
    if isinstance(first, Mapping) and first and all(_is_value(value) for value in first.values()):
        raise TypeError(
            "an iterable yields batches, got a dict of one row's values: pass pandas.DataFrame(rows) or "
            "pyarrow.Table.from_pylist(rows), or an iterable of such tables"
        )
    if isinstance(first, list | tuple) and first and all(isinstance(value, Number) for value in first):
        raise TypeError(
            f"an iterable yields batches (X, y) of many rows, got one row, {str(first)[:60]}: pass numpy.asarray(rows), or "
            "an iterable of such arrays with their targets"
        )


def _is_value(value: Any) -> bool:
    return value is None or isinstance(value, str | bytes | Number)

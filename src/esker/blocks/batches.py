"""What an iterable yields, as X, y and weight: arrays, tensors, sparse matrices, frames, lists of texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from esker.blocks.adapters import as_array
from esker.blocks.records import Records
from esker.blocks.texts import TEXT, as_strings

__all__ = ["as_records", "numbers_of", "taken"]


def taken(batch: Any) -> tuple[Any, Any, Any, list[str] | None]:
    """X, y, weight and the columns' names of a batch; None for what it has not.

    Raises
    ------
    ValueError
        It is no batch; the message says what is.
    """
    expected = "expected (X, y) or (X, y, weight), got"
    if hasattr(batch, "keys") and hasattr(batch, "__getitem__"):
        keys = ", ".join(repr(name) for name in list(batch.keys())[:8])
        raise ValueError(
            f"{expected} a {type(batch).__name__} of {keys}; yield tuples instead, such as "
            'lambda: ((batch["X"], batch["y"]) for batch in source)'
        )
    if not isinstance(batch, tuple | list) or not 1 <= len(batch) <= 4:
        raise ValueError(f"{expected} {_shape(batch)}")
    parts: list[Any] = [*batch, None, None, None][:4]
    X, y, weight, names = parts
    if len(batch) == 4 and not isinstance(names, list | type(None)):
        raise ValueError(f"{expected} {_shape(batch)}")
    if isinstance(X, dict):
        raise ValueError(
            f"X is a dict of {', '.join(map(repr, list(X)[:8]))}; put its columns together, such as by numpy.column_stack"
        )
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        names = [str(c) for c in X.columns]
    return as_array(X) if not hasattr(X, "columns") else X, as_array(y), as_array(weight), names


def numbers_of(X: Any) -> Any:
    """Dense X of a batch, as an array of two dimensions."""
    X = np.asarray(X.to_numpy() if hasattr(X, "to_numpy") else X)
    if X.ndim != 2:
        raise ValueError(f"X must have 2 dimensions, got {X.ndim}")
    if X.dtype.kind in "USO":
        raise ValueError(
            f"X must hold real numbers, got dtype {X.dtype}; texts and tables of mixed columns take a step that makes numbers of "
            "them, features=esker.feature_extraction.HashingVectorizer() or TableHasher(...)"
        )
    return X


def as_records(X: Any) -> Records:
    """X of a batch behind a feature step: a list of texts as one column, a DataFrame or an Arrow table as its columns."""
    if isinstance(X, Records):
        return X
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        from esker.blocks.frame_columns import categories, column

        return Records(
            {str(name): column(X.iloc[:, j], categories(X.iloc[:, j])) for j, name in enumerate(X.columns)}
        )
    if hasattr(X, "__arrow_c_stream__") and hasattr(X, "columns"):
        import pyarrow as pa

        from esker.blocks.arrow_columns import record

        table = pa.table(X).unify_dictionaries().combine_chunks()
        batches = table.to_batches()
        return Records(
            {} if not batches else {name: record(batches[0].column(name)) for name in table.column_names}
        )
    if isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.ndim == 1) or hasattr(X, "to_numpy"):
        return Records({TEXT: as_strings(X)})
    raise ValueError(f"features= takes texts or tables, and X is {_shape(X)}")


def _shape(batch: Any) -> str:
    if hasattr(batch, "shape"):
        return f"{type(batch).__name__} of shape {tuple(batch.shape)}; one batch alone is [(X, y)]"
    size = f" of length {len(batch)}" if hasattr(batch, "__len__") else ""
    return f"{type(batch).__name__}{size}"

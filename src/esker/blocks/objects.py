"""Which source reads an object that is no file: arrays, frames, tables, cursors, loaders, iterables, and functions that give such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from esker.blocks.base import Blocks
from esker.blocks.nearly import refuse_nearly, refuse_rows

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["is_texts", "open_object"]


def open_object(source: Any, options: Options) -> Blocks:
    """`open_blocks` of anything but paths."""
    if is_texts(source, options):
        options = _as_it_comes(options)
        from esker.blocks.texts import open_texts

        return open_texts(source, options)
    if isinstance(source, np.ndarray) or hasattr(source, "tocsr"):
        if options.records:
            raise ValueError(f"features= makes numbers of texts and tables, got {type(source).__name__}")
        from esker.blocks.arrays import open_array

        return open_array(source, options)
    if hasattr(source, "iloc") and hasattr(source, "columns"):
        from esker.blocks.frames import open_frame

        return open_frame(source, options)
    refuse_nearly(source)
    opened = _stream(source, options, None)
    if opened is not None:
        return opened
    from esker.blocks.adapters import adapted, is_sequences

    if is_sequences(source):
        from esker.blocks.sequences import open_sequences

        return open_sequences(source, options)
    name, source = type(source).__name__, adapted(source)
    if callable(source):
        made = source()
        opened = _stream(made, options, source)
        return opened or _walked(source, _begin(made), options, f"iterable {name}")
    if isinstance(source, Iterable):
        return _walked(source, iter(source), options, f"iterable {name}")
    raise TypeError(
        "open_blocks takes a 2-d array, a sparse matrix, a DataFrame or another table, a path or list of paths, a database "
        f"cursor, or an iterable of (X, y) or (X, y, weight), got {name}"
    )


def _begin(made: Any) -> Iterator[Any]:
    """A walk of what a function gave: an iterator, an iterable, or an object of another library."""
    from esker.blocks.adapters import adapted

    made = adapted(made)
    return iter(made() if callable(made) else made)


def _stream(source: Any, options: Options, make: Any) -> Blocks | None:
    """Blocks of an Arrow stream or a cursor, which `make` (if it is given) makes anew; None for anything else."""
    from esker.blocks.streams import is_tabular, open_tabular

    if is_tabular(source):
        return open_tabular(source, options, make)
    if hasattr(source, "fetchmany") and hasattr(source, "description"):
        from esker.blocks.cursors import open_cursor

        return open_cursor(source, options, make)
    return None


def _walked(source: Any, begun: Iterator[Any], options: Options, name: str) -> Blocks:
    """Blocks of an iterable whose first walk has begun: of tables, or of batches."""
    from esker.blocks.iterables import open_iterable
    from esker.blocks.streams import is_table, open_tables
    from esker.blocks.walks import chain

    again = callable(source) or not isinstance(source, Iterator)
    make = (lambda: _begin(source() if callable(source) else source)) if again else None
    first = next(begun, None)
    refuse_rows(first)
    if first is not None and is_table(first):
        return open_tables(first, begun, make, options, name)
    return open_iterable(
        iter(()) if first is None else chain(first, begun), make, _as_it_comes(options), name
    )


def _as_it_comes(options: Options) -> Options:
    """Without the columns that a feature step asks of tables by itself: it takes them from what comes."""
    return replace(options, columns=None) if callable(options.columns) else options


def is_texts(source: Any, options: Options) -> bool:
    """Whether, behind a feature step, this is a column of texts, one a row; a list of strings may be one of paths, too."""
    if not options.records or isinstance(source, type):
        return False
    if isinstance(source, np.ndarray):
        return source.ndim == 1 and source.dtype.kind in "OUS"
    if hasattr(source, "to_numpy") and hasattr(source, "__getitem__") and not hasattr(source, "columns"):
        return not hasattr(source, "column_names")  # a Series, or one column of Arrow
    if not isinstance(source, list | tuple) or not source or not all(isinstance(t, str) for t in source):
        return False
    target = options.target
    beside = isinstance(target, list | tuple) or (hasattr(target, "__len__") and not isinstance(target, str))
    return (beside and len(target) == len(source)) or any(len(t.split()) > 1 for t in source)

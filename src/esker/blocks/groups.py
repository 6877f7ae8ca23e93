"""Groups of rows by a column, an array or a function: a whole number for each row, equal where the group's value is equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._native import core
from esker.blocks.base import Blocks
from esker.blocks.block import ROW_BITS, Block
from esker.blocks.mapped import Mapped
from esker.blocks.records import Records, Strings

__all__ = ["Groups", "names_of", "without_column"]

#: The group of rows whose value is missing.
MISSING = np.int64(-0x65736B6572)


@dataclass(frozen=True, eq=False)
class Groups:
    """Called with a block, the groups of its rows.

    Attributes
    ----------
    ids : callable
        Block to values, numbers or texts, one for each row.
    column : int, str or None
        The column of X that tells, where one does.
    reads : Blocks
        Whose blocks `ids` takes.
    """

    ids: Callable[[Block], Any]
    column: int | str | None
    reads: Blocks

    def __call__(self, block: Block) -> NDArray[np.int64]:
        names = names_of(self.ids(block))
        if names.shape != (len(block),):
            raise ValueError(
                f"by= must give one group for each row, {len(block)} of a block of {self.reads.source}, got {len(names)}"
            )
        return names

    @classmethod
    def of(cls, blocks: Blocks, by: Any, counts: Callable[[Blocks], list[tuple[int, int]] | None]) -> Groups:
        """What `by` of `Blocks.split` means for these blocks."""
        if isinstance(by, str | int | np.integer) and not isinstance(by, bool):
            wanted = by if isinstance(by, str) else int(by)
            reads = _source_of(blocks, wanted)
            return cls(lambda block: _column(block, wanted, reads), wanted, reads)
        if callable(by):
            return cls(by, None, blocks)
        rows = counts(blocks)
        if rows is None:
            raise ValueError(
                f"by= as an array needs a source whose rows are counted, and those of {blocks.source} are not; "
                "name a column, or pass a function of a block"
            )
        if len(by) != sum(n for _, n in rows):
            raise ValueError(
                f"by= must give one group for each of the {sum(n for _, n in rows):,} rows, got {len(by):,}"
            )
        names = names_of(by)
        begins = dict(zip((part for part, _ in rows), np.cumsum([0, *(n for _, n in rows)]).tolist()))

        def ids(block: Block) -> NDArray[np.int64]:
            keys = block.keys
            begin = np.array([begins[part] for part in (keys >> ROW_BITS).tolist()], np.int64)
            found: NDArray[np.int64] = names[begin + (keys & ((1 << ROW_BITS) - 1))]
            return found

        return cls(ids, None, blocks)


def _source_of(blocks: Blocks, wanted: int | str) -> Blocks:
    """The blocks that have this column: these, or, for a name, those that they are made of row by row."""
    known: list[str] = []
    source = blocks
    while True:
        names = source.feature_names
        if isinstance(wanted, int):
            if source.n_columns is not None and not -source.n_columns <= wanted < source.n_columns:
                raise ValueError(
                    f"by= must be a column of {source.source}, from 0 to {source.n_columns - 1}, got {wanted}"
                )
            return source
        if names is not None and wanted in names:
            return source
        known += [name for name in names or [] if name not in known]
        if type(source) is Mapped and "n_rows" not in source.known:
            source = source.inner
        elif names is None and source.holds_records:
            return source  # only its blocks tell
        else:
            break
    said = ", ".join(map(repr, known[:20])) + (", ..." if len(known) > 20 else "")
    raise ValueError(
        f"by={wanted!r} is no column of {blocks.source}"
        + (f"; the columns read are {said}" if known else ", whose columns have no names; pass a number")
        + ". A column that is not read cannot tell groups: name it in columns= too"
        + ("" if source is not blocks else " (and pass drop=True)")
        + ", or pass by= as an "
        "array with a group for each row, or as a function of a block"
    )


def _column(block: Block, wanted: int | str, blocks: Blocks) -> Any:
    x = block.X
    if isinstance(x, Records):
        names = list(x.columns)
        if isinstance(wanted, int):
            wanted = names[wanted]
        if wanted not in x.columns:
            raise ValueError(
                f"by={wanted!r} is no column; the columns are {', '.join(map(repr, names[:20]))}"
            )
        return x.columns[wanted]
    if isinstance(wanted, str):
        assert blocks.feature_names is not None
        wanted = blocks.feature_names.index(wanted)
    if isinstance(x, np.ndarray):
        return x[:, wanted]
    return x[:, [wanted]].toarray()[:, 0]


def names_of(values: Any) -> NDArray[np.int64]:
    """Whole numbers that name values: equal for equal numbers, whatever their dtype, and for equal texts.

    >>> names_of(np.array([3, -1])).tolist(), names_of(np.float32([3.0, -0.0])).tolist()
    ([3, -1], [3, 0])
    >>> a, b, c = names_of(["x", None, "x"]).tolist()
    >>> a == c != b
    True
    """
    if not isinstance(values, Strings):
        values = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)
        if values.dtype.kind in "biu":
            return np.asarray(values.astype(np.int64, copy=False))
        if values.dtype.kind in "mM":
            return np.asarray(values.view(np.int64))
        if values.dtype.kind == "f":
            return _names_of_floats(values.astype(np.float64, copy=False))
        kinds = {type(v) for v in values.tolist()}
        if not kinds <= {str, bytes, type(None)}:
            shown = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise ValueError(f"groups must be numbers, or texts, got {shown}")
        values = Strings.of(values.tolist())
    if values.codes is None:
        names = core.text_names(values.data, np.ascontiguousarray(values.offsets))
    else:
        each = core.text_names(values.data, np.ascontiguousarray(values.offsets))
        gone = np.zeros(len(values.codes), np.bool_) if values.missing is None else values.missing
        names = np.full(len(values.codes), MISSING)
        names[~gone] = each[values.codes[~gone]]
    if values.missing is not None:
        names = np.where(values.missing, MISSING, names)
    return np.asarray(names)


def _names_of_floats(values: NDArray[np.float64]) -> NDArray[np.int64]:
    whole = (values == np.floor(values)) & (np.abs(values) < 2.0**63)
    names = np.where(whole, 0.0, values).view(np.int64).copy()
    names[whole] = values[whole].astype(np.int64)
    names[np.isnan(values)] = MISSING
    return names


def without_column(blocks: Blocks, column: int | str | None) -> Blocks:
    """The blocks without a column of X; as they are where X is made of what no longer has it."""
    names = blocks.feature_names
    if isinstance(column, str) and (names is None or column not in names) and not blocks.holds_records:
        raise ValueError(
            f"drop=True has no effect: X has no column {column!r}, which a feature step reads; leave it out"
        )
    at = names.index(column) if isinstance(column, str) and names is not None else column

    def left(block: Block) -> Block:
        x = block.X
        if isinstance(x, Records):
            gone = list(x.columns)[at] if isinstance(at, int) else at
            return replace(block, X=Records({n: c for n, c in x.columns.items() if n != gone}))
        assert isinstance(at, int)
        keep = np.delete(np.arange(x.shape[1]), at)
        return replace(block, X=np.ascontiguousarray(x[:, keep]) if isinstance(x, np.ndarray) else x[:, keep])

    known: dict[str, Any] = {}
    if blocks.n_columns is not None:
        known["n_columns"] = blocks.n_columns - 1
    if names is not None and isinstance(at, int):
        known["feature_names"] = [n for j, n in enumerate(names) if j != at % len(names)]
    return blocks.map(left, **known)

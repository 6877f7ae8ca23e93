"""Record batches as Arrow's readers give them, cut and merged anew in Arrow: one block each, uncopied where one batch holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from esker.blocks.block import UNIT
from esker.blocks.memory import PANEL

__all__ = ["cut_batches", "plain_where_cheaper"]


def cut_batches(
    batches: Iterator[tuple[int, Any]],
    rows_of: Callable[[Any], int],
    start: int = 0,
    exact: bool = False,
    unit: int = UNIT,
) -> Iterator[tuple[int, Any]]:
    """(row, batch) with up to as many rows as ``rows_of(batch)`` says where one begins; rows before `start` are dropped.

    `batches` follow each other from any row at or before `start` on. Each but the last has a multiple of `unit` rows (of 256
    where a unit is too many). Where a batch holds the better part of what may be, that is given as it lies, and the few
    rows at its end are joined with as few of the next; with `exact` each has all the rows that may be.
    """
    held: list[Any] = []
    rows = have = want = 0
    first = start
    for row, batch in batches:
        begin = max(0, start - row)
        while begin < batch.num_rows:
            left = batch.num_rows - begin
            if not held:
                first, have, rows = row + begin, 0, rows_of(batch)
                want = rows
                step = unit if rows >= unit else PANEL
                if not exact and left // step * step * 4 >= rows:
                    want = min(rows, left // step * step)
            elif not exact and left * 4 >= rows:
                want = -(-have // step) * step
            take = min(want - have, left)
            if take:
                held.append(batch.slice(begin, take))
            begin, have = begin + take, have + take
            if have == want:
                yield first, _joined(held)
                held = []
    if held:
        yield first, _joined(held)


def _joined(pieces: list[Any]) -> Any:
    if len(pieces) == 1:
        return pieces[0]
    import pyarrow as pa

    # A dictionary may be longer than the few rows that are joined.
    pieces = [plain_where_cheaper(p) for p in pieces]
    # Permissive: batches that a caller made one by one may hold integers first and fractions later.
    tables = [pa.Table.from_batches([p]) for p in _plain_where_they_differ(pieces)]
    table = pa.concat_tables(tables, promote_options="permissive")
    return table.unify_dictionaries().combine_chunks().to_batches()[0]


def _plain_where_they_differ(pieces: list[Any]) -> list[Any]:
    """Columns that come with a dictionary in some batches and without in others, without in all: Arrow joins only the like."""
    import pyarrow as pa

    coded = [[pa.types.is_dictionary(kind) for kind in p.schema.types] for p in pieces]
    mixed = {j for j, which in enumerate(zip(*coded)) if len(set(which)) > 1}
    if not mixed:
        return pieces

    def plain(piece: Any, j: int) -> Any:
        column = piece.column(j)
        return column.dictionary_decode() if j in mixed and pa.types.is_dictionary(column.type) else column

    return [
        pa.RecordBatch.from_arrays([plain(p, j) for j in range(p.num_columns)], names=p.schema.names)
        for p in pieces
    ]


def plain_where_cheaper(batch: Any) -> Any:
    """Dictionary columns whose dictionary is nearly as long as the batch, with a text for each row instead."""
    import pyarrow as pa

    columns = {}
    for j, kind in enumerate(batch.schema.types):
        if pa.types.is_dictionary(kind) and 2 * len(batch.column(j).dictionary) > batch.num_rows:
            columns[j] = batch.column(j).dictionary_decode()
    if not columns:
        return batch
    arrays = [columns.get(j, batch.column(j)) for j in range(batch.num_columns)]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

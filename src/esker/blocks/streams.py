"""Objects that give Arrow data: tables in memory as views of their rows, streams a batch at a time.

Whatever has ``__arrow_c_stream__`` (pyarrow, polars, duckdb), polars' LazyFrame, pyarrow's datasets, and iterables of tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from esker._errors import FormatError
from esker.blocks.arrow import ArrowBlocks, arrow
from esker.blocks.arrow_columns import is_text
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block
from esker.blocks.walks import Walks, chain

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["ArrowTableBlocks", "StreamBlocks", "is_table", "is_tabular", "open_tables", "open_tabular"]

#: Rows that are asked of what lets one choose.
BATCH = 1 << 16


class ArrowTableBlocks(ArrowBlocks):
    """A table in memory, as one Arrow table over its own buffers; any rows can be read."""

    random_access, sequential_first, threaded = True, False, False

    def __init__(self, table: Any, options: Options, name: str) -> None:
        pa = arrow(name)
        self._table = pa.table(table)
        rows = self._table.num_rows
        if rows == 0:
            raise FormatError("there are no rows", name)
        schema = self._table.schema
        super().__init__([Part(0, name, rows)], schema.names, schema.types, options, name)
        self._table = self._table.select(self._used)

    def _batches(self, part: Part, start: int) -> Iterator[tuple[int, Any]]:
        row = start
        for batch in self._table.slice(start).to_batches(max_chunksize=self._step):
            yield row, batch
            row += batch.num_rows

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        piece = self._table.slice(begin, end - begin).unify_dictionaries().combine_chunks()
        block = self._block(part, piece.to_batches()[0], begin)
        self._check(part, block)
        return block


class StreamBlocks(ArrowBlocks):
    """Record batches, in the order in which they come; all are part 0. Walked in the caller's thread.

    Parameters
    ----------
    walks : Walks
        Each walk gives pyarrow's record batches.
    schema : pyarrow.Schema
    """

    threaded = False

    def __init__(self, walks: Walks, schema: Any, options: Options, name: str) -> None:
        super().__init__([Part(0, name)], list(schema.names), list(schema.types), options, name)
        self._walks, self._schema = walks, schema
        self.rereadable = walks.again

    def _batches(self, part: Part, start: int) -> Iterator[tuple[int, Any]]:
        row = 0
        for number, batch in enumerate(self._walks()):
            if batch.schema.names != self._schema.names:
                raise FormatError(
                    f"batch {number} (from 0; its first row is row {row}): expected columns "
                    f"{', '.join(self._schema.names[:8])}, as before, got {', '.join(batch.schema.names[:8])}",
                    part.name,
                )
            rows, batch = batch.num_rows, batch.select(self._used_names)
            self._same_kinds(batch, number, part)
            yield row, batch
            row += rows
            del batch
        self.n_rows = row

    def _same_kinds(self, batch: Any, number: int, part: Part) -> None:
        """Batches that were made one by one may have other numbers in a column, but not texts for numbers."""
        for name, kind in zip(batch.schema.names, batch.schema.types):
            before = self._schema.field(name).type
            if kind != before and is_text(kind) != is_text(before):
                raise FormatError(
                    f"batch {number} (from 0): column {name!r} is {kind}, and was {before} before; convert it",
                    part.name,
                )


# --- what gives tables ---


def is_table(item: Any) -> bool:
    """Whether this is a table, or a batch of one: rows of named columns."""
    if isinstance(item, type):
        return False
    return hasattr(item, "__arrow_c_stream__") or (hasattr(item, "iloc") and hasattr(item, "columns"))


def is_tabular(source: Any) -> bool:
    """Whether `open_tabular` takes it."""
    if isinstance(source, type):
        return False
    return (
        hasattr(source, "__arrow_c_stream__")
        or _is_lazy(source)
        or _is_dataset(source)
        or (hasattr(source, "to_reader") and hasattr(source, "projected_schema"))  # a scanner
    )


def _is_lazy(source: Any) -> bool:
    return hasattr(source, "collect_schema") and hasattr(source, "collect")


def _is_dataset(source: Any) -> bool:
    return hasattr(source, "scanner") and hasattr(source, "schema")


def open_tabular(source: Any, options: Options, make: Callable[[], Any] | None = None) -> Blocks:
    """`open_blocks` of an object that gives Arrow data; `make` gives another such object, for each walk after the first."""
    name = type(source).__name__
    options.refuse(f"a {name}", zero_based="its columns have names", n_features="it has its width")
    pa = arrow(f"a {name}")
    if make is not None:
        first = _reader(source)
        return StreamBlocks(
            Walks(lambda: iter(_reader(make())), True, name, iter(first)), first.schema, options, name
        )
    if isinstance(source, pa.Table | pa.RecordBatch) or hasattr(source, "height"):
        return ArrowTableBlocks(source, options, name)
    sized = hasattr(source, "shape") or hasattr(source, "__len__")
    if (
        sized or _is_lazy(source) or _is_dataset(source)
    ):  # not a reader: what it holds, or asks, is there again
        with _reader(source) as reader:
            schema = reader.schema
        return StreamBlocks(Walks(lambda: iter(_reader(source)), True, name), schema, options, name)
    once = _reader(source)
    walks = Walks(lambda: iter(once), False, name)
    return StreamBlocks(walks, once.schema, options, name)


def _reader(source: Any) -> Any:
    """A pyarrow RecordBatchReader of the object's rows."""
    import pyarrow as pa

    if isinstance(source, pa.RecordBatchReader):
        return source
    if _is_lazy(source):
        return _lazy(source)
    if hasattr(source, "scanner"):  # little ahead: what is read and not asked for yet lies in memory
        source = source.scanner(
            batch_size=BATCH, batch_readahead=1, fragment_readahead=1, use_threads=False, cache_metadata=False
        )
    if hasattr(source, "to_reader"):
        return source.to_reader()
    if hasattr(source, "to_arrow_reader"):  # duckdb's relations
        return source.to_arrow_reader(BATCH)
    return pa.RecordBatchReader.from_stream(source)


def _lazy(frame: Any) -> Any:
    """A polars LazyFrame as a reader, collected a batch at a time."""
    import pyarrow as pa

    if not hasattr(frame, "collect_batches"):
        raise TypeError(
            "a LazyFrame is read by its collect_batches, which this version of polars does not have: upgrade polars, pass "
            "frame.collect(), or write a Parquet file with frame.sink_parquet(path)"
        )
    schema = pa.RecordBatchReader.from_stream(frame.head(0).collect()).schema

    def batches() -> Iterator[Any]:
        for piece in frame.collect_batches(chunk_size=BATCH, maintain_order=True):
            yield from pa.RecordBatchReader.from_stream(piece)

    return pa.RecordBatchReader.from_batches(schema, batches())


# --- iterables of tables ---


def open_tables(
    first: Any, rest: Iterator[Any], make: Callable[[], Iterator[Any]] | None, options: Options, name: str
) -> Blocks:
    """Tables that an iterable yields (pandas chunks, record batches), the first of them looked at already."""
    options.refuse(
        "an iterable of tables", zero_based="its columns have names", n_features="it has its width"
    )
    arrow("an iterable of tables")
    schema = _table(first).schema

    def pieces(tables: Iterator[Any]) -> Iterator[Any]:
        for number, table in enumerate(tables):
            if not is_table(table):
                raise FormatError(
                    f"batch {number} (from 0): expected a table, as before, got {type(table).__name__}", name
                )
            yield from _table(table).to_batches()

    begun = pieces(chain(first, rest))
    if make is None:
        return StreamBlocks(Walks(lambda: begun, False, name), schema, options, name)
    return StreamBlocks(Walks(lambda: pieces(make()), True, name, begun), schema, options, name)


def _table(item: Any) -> Any:
    import pyarrow as pa

    if hasattr(item, "iloc"):
        return pa.Table.from_pandas(item, preserve_index=False)
    return pa.table(item)

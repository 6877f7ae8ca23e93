"""Parquet files, streamed through pyarrow: a few rows of a row group at a time, the columns in use alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esker._errors import FormatError
from esker.blocks import arrow_columns
from esker.blocks.arrow import TableBlocks
from esker.blocks.memory import PANEL, block_rows, show_size
from esker.blocks.tables import refuse_text_options

if TYPE_CHECKING:
    from esker.blocks.base import Blocks, Part
    from esker.blocks.sources import Options

__all__ = ["ParquetBlocks", "open_parquet"]


#: Bytes of a column's compressed pages that are read at a time, and of a page as most writers make it.
BUFFER, PAGE = 1 << 16, 1 << 20


class ParquetBlocks(TableBlocks):
    """Parquet files, a few rows of a row group at a time."""

    def _what(self) -> str:
        return "Parquet files"

    def __init__(self, paths: list[Path], options: Options) -> None:
        super().__init__(paths, options)
        self._page_bytes = 0
        for path in paths:
            with self._open(path) as file:
                self._page_bytes = max(self._page_bytes, self._pages(file.metadata))
        if self.holds_records:
            with self._open(paths[0]) as file:
                self._step = block_rows(max(self._copies * self._row_bytes(file.metadata), 1), self.budget)

    def _open(self, path: Path, coded: list[str] | None = None) -> Any:
        import pyarrow.parquet as parquet

        try:
            # Pages are read through a small buffer for each column: a column of a row group is never held whole.
            return parquet.ParquetFile(str(path), read_dictionary=coded, pre_buffer=False, buffer_size=BUFFER)
        except (ValueError, OSError) as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise
            raise FormatError(f"not a whole Parquet file: {error}", str(path)) from None

    def _schema(self, path: Path, options: Options) -> tuple[list[str], list[Any]]:
        with self._open(path) as file:
            return arrow_columns.fields(file.schema_arrow, options.columns, options.target, options.weight)

    def _file_rows(self, path: Path) -> int | None:
        with self._open(path) as file:
            return int(file.metadata.num_rows)

    def _batches(self, part: Part, start: int) -> Iterator[tuple[int, Any]]:
        path = self.files[part.index]
        with self._open(path) as file:
            metadata = file.metadata
            coded = self._coded(metadata) if self.holds_records else []
        with self._open(path, coded) as file:
            names, row = self._used_names, 0
            counts: list[int] = []
            for g in range(metadata.num_row_groups):
                group = metadata.row_group(g)
                self._refuse_group(path, g, group, set(names))
                counts.append(group.num_rows)
            first = 0
            while first < len(counts) and row + counts[first] <= start:
                row, first = row + counts[first], first + 1
            try:
                for groups, rows in _walks(counts, first, self._step):
                    batches = file.iter_batches(rows, row_groups=groups, columns=names, use_threads=False)
                    for batch in batches:
                        yield row, batch
                        row += batch.num_rows
            except FormatError:
                raise
            except (ValueError, OSError) as error:
                raise FormatError(f"damaged near row {row}: {error}", str(path)) from None

    def _refuse_group(self, path: Path, g: int, group: Any, names: set[str]) -> None:
        if self.max_memory is None:
            return
        columns = [group.column(j) for j in range(group.num_columns)]
        size = sum(c.total_uncompressed_size for c in columns if c.path_in_schema.split(".")[0] in names)
        if size > self.max_memory - self.reserved:
            raise FormatError(
                f"row group {g} holds {show_size(size)} of the columns in use, and max_memory is "
                f"{show_size(self.max_memory)}; write the file with smaller row groups, select columns, or grant more memory",
                str(path),
            )

    @property
    def reading_bytes(self) -> int:
        """A compressed and a decoded page, and a dictionary, of each column in use, as pyarrow holds them."""
        return self._page_bytes

    def _pages(self, metadata: Any) -> int:
        """What pyarrow holds at most while it reads this file."""
        most = 0
        for g in range(metadata.num_row_groups):
            group = metadata.row_group(g)
            chunks = [group.column(j) for j in range(group.num_columns)]
            used = [c for c in chunks if c.path_in_schema.split(".")[0] in self._used_names]
            pages = [(2 + c.has_dictionary_page) * min(c.total_uncompressed_size, PAGE) for c in used]
            most = max(most, sum(pages))
        return most

    def _row_bytes(self, metadata: Any) -> float:
        """Bytes of a row of the columns in use, as Arrow will have it."""
        coded, size = set(self._coded(metadata)), 0.0
        for j in range(metadata.num_columns):
            name = metadata.schema.column(j).path
            if name in self._used_names:
                size += 4 if name in coded else 8
                if arrow_columns.is_text(self._types[name]) and name not in coded:
                    groups = range(min(metadata.num_row_groups, 8))
                    chunks = [metadata.row_group(g).column(j) for g in groups]
                    rows = sum(chunk.num_values for chunk in chunks)
                    size += sum(chunk.total_uncompressed_size for chunk in chunks) / max(rows, 1)
        return size

    def _coded(self, metadata: Any) -> list[str]:
        """Text columns in use of few distinct texts, all in dictionaries: read as codes, so that a text is looked at once."""
        found = []
        row = 4 if self.max_memory is None else 1  # each batch has a copy of its dictionaries
        for j in range(metadata.num_columns):
            name = metadata.schema.column(j).path
            if name not in self._used_names or not arrow_columns.is_text(self._types[name]):
                continue
            groups = metadata.num_row_groups
            chunks = [metadata.row_group(g).column(j) for g in range(0, groups, groups // 8 + 1)]
            if chunks and all(_few(chunk, row) for chunk in chunks):
                found.append(name)
        return found


def _walks(counts: list[int], first: int, step: int) -> Iterator[tuple[list[int], int]]:
    """Row groups that are read together, and the rows of a batch: at most `step`, and a large group's in equal shares.

    A batch that went on into the next group would be cut there, where the dictionaries change.

    >>> list(_walks([50_000, 10, 20, 50_000], 0, 40_960))
    [([0], 25088), ([1, 2], 40960), ([3], 25088)]
    """
    together: list[int] = []
    rows = 0
    for g in range(first, len(counts)):
        if together and rows + counts[g] > step:
            yield together, step
            together, rows = [], 0
        if counts[g] > step:
            shares = -(-counts[g] // step)
            yield [g], min(-(-counts[g] // (shares * PANEL)) * PANEL, step)
        else:
            together, rows = [*together, g], rows + counts[g]
    if together:
        yield together, step


def _few(chunk: Any, row: float) -> bool:
    """Whether the dictionary takes less than `row` bytes a row, and all rows are in it."""
    if not chunk.has_dictionary_page:
        return False
    size = chunk.data_page_offset - chunk.dictionary_page_offset
    # A writer whose dictionary grew to a page writes texts from there on, of more bytes than a code.
    coded = chunk.total_uncompressed_size < PAGE + 3 * chunk.num_values
    return bool(size < row * chunk.num_values and coded)


def open_parquet(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of Parquet files."""
    refuse_text_options(options, "a Parquet file")
    return ParquetBlocks(paths, options)

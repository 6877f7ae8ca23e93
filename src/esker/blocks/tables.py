"""CSV and Parquet files, streamed through pyarrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esker._errors import FormatError
from esker.blocks.arrow import TableBlocks
from esker.blocks.memory import show_size

if TYPE_CHECKING:
    from esker.blocks.base import Blocks
    from esker.blocks.sources import Options

__all__ = ["CsvBlocks", "ParquetBlocks", "open_csv", "open_parquet", "open_tsv"]


class CsvBlocks(TableBlocks):
    """Text with a line of names. Numbers are read as float64 (as float32 with ``dtype=``), texts as labels of a target."""

    delimiter = ","

    def _what(self) -> str:
        return "CSV files"

    def _open(self, path: Path, types: dict[str, Any] | None = None) -> Any:
        """A streaming reader; with `types`, of these columns only."""
        import pyarrow.csv as csv

        budget = getattr(self, "budget", None)
        text = 1 << 22 if budget is None else min(max(budget.block_bytes // 4, 1 << 16), 1 << 22)
        try:
            return csv.open_csv(
                str(path),
                # One thread: memory stays bounded, and errors tell their line.
                read_options=csv.ReadOptions(use_threads=False, block_size=text),
                parse_options=csv.ParseOptions(delimiter=self.delimiter),
                convert_options=csv.ConvertOptions(
                    column_types=types,
                    include_columns=None if types is None else list(types),
                    strings_can_be_null=True,
                ),
            )
        except ValueError as error:
            raise _located(error, path) from None

    def _schema(self, path: Path, options: Options) -> tuple[list[str], list[Any]]:
        import pyarrow as pa

        with self._open(path) as reader:
            names, types = reader.schema.names, reader.schema.types
        numbers = [name for name in names if _is_number(name)]
        if len(numbers) == len(names) and names != [str(j) for j in range(len(names))]:
            raise FormatError(
                f"the first line must name the columns, got numbers: {', '.join(names[:5])}; "
                "add a line of names, or read the file with another tool first",
                str(path),
                1,
            )
        # The first block of text shows the types. A whole number there may be followed by a fraction.
        wide = [pa.float64() if pa.types.is_integer(t) or pa.types.is_null(t) else t for t in types]
        if not hasattr(self, "_types"):
            self._types = dict(zip(names, wide))
        return names, wide

    def _batches(self, path: Path, start: int) -> Iterator[tuple[int, Any]]:
        row = 0
        types = {name: self._types[name] for name in self._used_names}
        with self._open(path, types) as reader:
            try:
                for batch in reader:
                    yield row, batch
                    row += batch.num_rows
            except FormatError:
                raise
            except ValueError as error:
                raise _located(error, path) from None


class TsvBlocks(CsvBlocks):
    """CsvBlocks with tabs between the columns."""

    delimiter = "\t"

    def _what(self) -> str:
        return "TSV files"


class ParquetBlocks(TableBlocks):
    """Parquet files, a few rows of a row group at a time."""

    def _what(self) -> str:
        return "Parquet files"

    def _open(self, path: Path) -> Any:
        import pyarrow.parquet as parquet

        try:
            return parquet.ParquetFile(str(path))
        except (ValueError, OSError) as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise
            raise FormatError(f"not a whole Parquet file: {error}", str(path)) from None

    def _schema(self, path: Path, options: Options) -> tuple[list[str], list[Any]]:
        with self._open(path) as file:
            schema = file.schema_arrow
            return schema.names, schema.types

    def _rows_of(self, path: Path) -> int | None:
        with self._open(path) as file:
            return int(file.metadata.num_rows)

    def _batches(self, path: Path, start: int) -> Iterator[tuple[int, Any]]:
        with self._open(path) as file:
            names, metadata = self._used_names, file.metadata
            row = 0
            groups: list[int] = []
            for g in range(metadata.num_row_groups):
                group = metadata.row_group(g)
                self._refuse_group(path, g, group, set(names))
                if groups or row + group.num_rows > start:
                    groups.append(g)
                else:
                    row += group.num_rows
            try:
                batches = file.iter_batches(self._step, row_groups=groups, columns=names, use_threads=False)
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


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _located(error: ValueError, path: Path) -> FormatError:
    """pyarrow's message as an error with file and line."""
    message = str(error)
    row = re.search(r"Row #(\d+)", message)
    if "straddl" in message:
        message += "; a line is longer than a block of text: pass a larger block_size="
    return FormatError(message, str(path), int(row[1]) if row else 0)


def _refuse(options: Options, what: str) -> None:
    options.refuse(what, zero_based="its columns have names", n_features="it has its width")


def open_csv(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of CSV files, plain or compressed."""
    _refuse(options, "a CSV file")
    return CsvBlocks(paths, options)


def open_tsv(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of TSV files, plain or compressed."""
    _refuse(options, "a TSV file")
    return TsvBlocks(paths, options)


def open_parquet(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of Parquet files."""
    _refuse(options, "a Parquet file")
    return ParquetBlocks(paths, options)

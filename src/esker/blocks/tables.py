"""CSV and TSV files, streamed through pyarrow."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esker._errors import FormatError
from esker.blocks.arrow import TableBlocks
from esker.blocks.compressed import open_bytes
from esker.blocks.memory import Budget, show_size
from esker.blocks.once import Once
from esker.blocks.text import is_compressed

if TYPE_CHECKING:
    from esker.blocks.base import Blocks, Part
    from esker.blocks.sources import Options

__all__ = ["CsvBlocks", "open_csv", "open_tsv", "refuse_text_options"]


#: A file whose only line is longer than this is taken to have rows.
ONE_LINE = 1 << 16
#: Blocks of text that pyarrow reads ahead of its parser, which nothing of its changes.
READ_AHEAD = 32


def _text_bytes(budget: Budget) -> int:
    """Bytes of a block of text: a quarter of what the rows may take, and so little that all that is read ahead takes a quarter."""
    text = budget.block_bytes // 4
    if budget.max_memory is None:
        return max(text, 1 << 16)
    return max(min(text, budget.max_memory // (4 * READ_AHEAD)), 1 << 15)


class CsvBlocks(TableBlocks):
    """Text with a line of names. Numbers are read as float64 (as float32 with ``dtype=``), texts as labels of a target."""

    delimiter = ","
    reads_as_told = True
    #: The names, where the file has none.
    _told: tuple[str, ...] = ()

    def _what(self) -> str:
        return "CSV files"

    def _open(self, path: Any, budget: Budget, types: dict[str, Any] | None = None) -> Any:
        """A streaming reader of a file, or of a stream's beginning; with `types`, of these columns only."""
        import pyarrow.csv as csv

        text = _text_bytes(budget)
        text_of: Any = str(path)
        if isinstance(path, Once):
            text_of = path.beginning() if types is None else io.BufferedReader(path.walk(), 1 << 20)
        elif is_compressed(path):
            text_of = io.BufferedReader(open_bytes(path), 1 << 20)
        try:
            return csv.open_csv(
                text_of,
                # One thread: memory stays bounded, and errors tell their line.
                read_options=csv.ReadOptions(
                    use_threads=False, block_size=text, column_names=list(self._told) or None
                ),
                parse_options=csv.ParseOptions(delimiter=self.delimiter),
                convert_options=csv.ConvertOptions(
                    column_types=types,
                    include_columns=None if types is None else list(types),
                    strings_can_be_null=True,
                ),
            )
        except ValueError as error:
            raise _located(error, path, budget) from None

    def _with_rows(self, paths: list[Path], options: Options) -> list[Path]:
        return paths if options.names is not None else [path for path in paths if not _one_line(path)]

    def _schema(self, path: Any, options: Options) -> tuple[list[str], list[Any]]:
        import pyarrow as pa

        if options.names is not None:
            self._told = tuple(options.names)
            if isinstance(options.names, str) or not all(isinstance(name, str) for name in self._told):
                raise ValueError(f"names= must be a list of the columns' names, got {options.names!r}")
        with self._open(path, Budget.of(options.max_memory, options.block_size)) as reader:
            try:
                names, types = reader.schema.names, reader.schema.types
            except UnicodeDecodeError as error:
                raise FormatError(f"the names of the columns must be UTF-8: {error}", str(path), 1) from None
        numbers = [name for name in names if _is_number(name)]
        if not self._told and len(numbers) == len(names) and names != [str(j) for j in range(len(names))]:
            raise FormatError(
                f"the first line must name the columns, got numbers: {', '.join(names[:5])}; "
                "pass names=[...] where there is no such line",
                str(path),
                1,
            )
        # The first block of text shows the types. A whole number there may be followed by a fraction.
        empty = pa.string() if options.records else pa.float64()
        texts = options.text_columns(
            names
        )  # as written: 007 is not 7, and float64 has not all digits of a long id
        wide = [
            pa.string()
            if name in texts and not pa.types.is_boolean(t)
            else pa.float64()
            if pa.types.is_integer(t)
            else empty
            if pa.types.is_null(t)
            else t
            for name, t in zip(names, types)
        ]
        return names, wide

    def _batches(self, part: Part, start: int) -> Iterator[tuple[int, Any]]:
        path, row = self.sources[part.index], 0
        types = {name: self._types[name] for name in self._used_names}
        with self._open(path, self.budget, types) as reader:
            try:
                for batch in reader:
                    yield row, batch
                    row += batch.num_rows
            except FormatError:
                raise
            except ValueError as error:
                raise _located(error, path, self.budget) from None

    @property
    def reading_bytes(self) -> int:
        """What pyarrow holds: the text that it read ahead, and rows of it."""
        text = _text_bytes(self.budget)
        most = text * READ_AHEAD
        sizes = [most if is_compressed(path) else path.stat().st_size for path in self.files]
        return min(max(sizes, default=most), most) + 3 * text


class TsvBlocks(CsvBlocks):
    """CsvBlocks with tabs between the columns."""

    delimiter = "\t"

    def _what(self) -> str:
        return "TSV files"


def _one_line(path: Path) -> bool:
    """Whether a file holds the names of columns and nothing else."""
    with open_bytes(path) as file:
        head = file.read(ONE_LINE)
    return len(head) < ONE_LINE and b"\n" not in head.rstrip()


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _located(error: ValueError, path: Any, budget: Budget) -> FormatError:
    """pyarrow's message, or ours, as an error with file and line."""
    if isinstance(error, FormatError):
        return error
    message = str(error)
    row = re.search(r"Row #(\d+)", message)
    if "straddl" in message:
        way = "pass a larger block_size=" if budget.max_memory is None else "grant more memory"
        message = (
            f"a line is longer than a block of text, {show_size(_text_bytes(budget))}, a quarter of a block: "
            f"{way}, or look for a quote that is never closed"
        )
    elif "Expected" in message:
        message += _other_text(path)
    return FormatError(message, str(path), int(row[1]) if row else 0)


def _other_text(path: Any) -> str:
    """The way out for a file whose lines are of other text than commas in UTF-8."""
    if not isinstance(path, Path):
        return ""
    with open_bytes(path) as file:
        head = file.read(1 << 12)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return " (the file is UTF-16; write it as UTF-8)"
    names = head.split(b"\n")[0]
    if b";" in names and b"," not in names:
        return " (its columns are separated by semicolons; write it with commas between columns and points in numbers)"
    return ""


def refuse_text_options(options: Options, what: str) -> None:
    """Refuse what only text without names has."""
    options.refuse(what, zero_based="its columns have names", n_features="it has its width")


def open_csv(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of CSV files, plain or compressed."""
    refuse_text_options(options, "a CSV file")
    return CsvBlocks(paths, options)


def open_tsv(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of TSV files, plain or compressed."""
    refuse_text_options(options, "a TSV file")
    return TsvBlocks(paths, options)

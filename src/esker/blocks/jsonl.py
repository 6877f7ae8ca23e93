"""JSON Lines: one object a line, plain or compressed, parsed by pyarrow in chunks of whole lines, several at once."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esker._errors import FormatError
from esker._native import cores
from esker.blocks.arrow import TableBlocks
from esker.blocks.crew import in_order
from esker.blocks.once import Once
from esker.blocks.tables import refuse_text_options
from esker.blocks.text import whole_lines

if TYPE_CHECKING:
    from esker.blocks.base import Blocks, Part
    from esker.blocks.sources import Options

__all__ = ["JsonLinesBlocks", "open_jsonl"]

#: Bytes of text that are parsed at a time, the first of which tell the columns and their types; the longest line.
CHUNK, LONGEST = 1 << 20, 1 << 28


class JsonLinesBlocks(TableBlocks):
    """Lines of objects. The first megabyte tells the columns; a field that a line has not is a missing value.

    Integers are int64 where a chunk of text holds nothing else, for Records, and float64 for dense rows.
    """

    reads_as_told = True

    def _what(self) -> str:
        return "JSON Lines"

    def _schema(self, path: Any, options: Options) -> tuple[list[str], list[Any]]:
        import pyarrow as pa

        self._as_records = options.records
        text_of = path.beginning() if isinstance(path, Once) else path
        with closing(
            whole_lines(text_of, min(CHUNK, path.sure) if isinstance(path, Once) else CHUNK, LONGEST)
        ) as chunks:
            first = next(chunks, None)
            if first is None:
                raise FormatError("there are no rows", str(path))
            text = first.without_byte_order_mark()
            raw = bytes(text.buffer[text.begin : text.end])
        if raw.lstrip()[:1] == b"[":
            raise FormatError(
                "each line must be an object, {...}, got an array; write one object a line, such as with jq -c '.[]'",
                str(path),
                1,
            )
        table = self._parse(path, raw, 1, None)
        kinds = [self._wide(kind) if not options.records else kind for kind in table.schema.types]
        return table.schema.names, [
            pa.string() if pa.types.is_null(k) and options.records else k for k in kinds
        ]

    @staticmethod
    def _wide(kind: Any) -> Any:
        """A whole number may be followed by a fraction."""
        import pyarrow as pa

        return pa.float64() if pa.types.is_integer(kind) or pa.types.is_null(kind) else kind

    def _batches(self, part: Part, start: int) -> Iterator[tuple[int, Any]]:
        import pyarrow as pa

        path = self.sources[part.index]
        text_of = path.walk() if isinstance(path, Once) else path
        schema = pa.schema([(name, self._types[name]) for name in self._used_names])
        threads = cores(self.n_threads)
        chunk = min(CHUNK, max(self.block_bytes // 8, 1 << 16))

        def texts() -> Generator[tuple[bytes, int], None, None]:
            line = 1
            with closing(whole_lines(text_of, chunk, min(LONGEST, self.max_memory or LONGEST))) as chunks:
                for k, text in enumerate(chunks):
                    text = text.without_byte_order_mark() if k == 0 else text
                    raw = bytes(text.buffer[text.begin : text.end])
                    yield raw, line
                    line += raw.count(b"\n")

        def work(text: tuple[bytes, int]) -> Any:
            return self._parse(path, *text, schema)

        row = 0
        with closing(texts()) as walk:
            tables: Generator[Any, None, None] = in_order(
                walk, work, threads if threads > 1 else 0, threads + 1
            )
            with closing(tables):
                for table in tables:
                    for batch in table.to_batches():
                        yield row, batch
                        row += batch.num_rows

    def _parse(self, path: Any, raw: bytes, line: int, schema: Any) -> Any:
        """The rows of some whole lines, the first of which is `line`."""
        import pyarrow as pa
        import pyarrow.json as json

        options = json.ReadOptions(use_threads=False, block_size=len(raw) + 1)
        try:
            if schema is None:
                how = json.ParseOptions()
            else:
                how = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
            text: Any = pa.BufferReader(raw)
            return json.read_json(text, options, how)
        except ValueError as error:
            message = str(error)
            if schema is not None and "Failed to convert JSON to int64" in message and self._as_records:
                wide = pa.schema([(field.name, self._wide(field.type)) for field in schema])
                return self._parse(path, raw, line, wide)
            if "Empty JSON file" in message or not raw.strip():
                return pa.table({name: pa.array([], kind) for name, kind in self._empty(schema)})
            if "straddl" in message:
                message = "an object that is not whole on its line; write one object a line"
            row = re.search(r"in row (\d+)", message)
            at = 0 if row is None else _line(raw, int(row[1]), line)
            message = message.replace("JSON parse error: ", "").split(" in row ")[0]
            raise FormatError(message.replace("Column(/", "column ("), str(path), at) from None

    @staticmethod
    def _empty(schema: Any) -> list[tuple[str, Any]]:
        return [] if schema is None else list(zip(schema.names, schema.types))


def _line(raw: bytes, row: int, first: int) -> int:
    """The line of a row, given the first line's number: blank lines are no rows.

    >>> _line(b"{}\\n\\n{}\\n", 1, 10)
    12
    """
    filled = [k for k, line in enumerate(raw.split(b"\n")) if line.strip()]
    return first + (filled[row] if row < len(filled) else 0)


def open_jsonl(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of files of JSON objects, one a line."""
    refuse_text_options(options, "JSON Lines")
    return JsonLinesBlocks(paths, options)

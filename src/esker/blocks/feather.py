"""Feather and Arrow IPC files and streams: record batches as they were written, the columns in use alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esker._errors import FormatError
from esker.blocks import arrow_columns
from esker.blocks.arrow import TableBlocks
from esker.blocks.memory import show_size
from esker.blocks.tables import refuse_text_options

if TYPE_CHECKING:
    from esker.blocks.base import Blocks, Part
    from esker.blocks.sources import Options

__all__ = ["FeatherBlocks", "open_feather"]


class FeatherBlocks(TableBlocks):
    """IPC files (Feather version 2), which tell where each batch lies, and streams, which are read in sequence."""

    def _what(self) -> str:
        return "Feather files"

    @contextmanager
    def _open(self, path: Path, columns: list[int] | None = None) -> Iterator[Any]:
        import pyarrow as pa

        options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=columns)
        with pa.OSFile(str(path), "rb") as file:
            head = file.read(8)
            if head[:4] == b"FEA1":
                raise FormatError(
                    "Feather version 1 is not read; write the file again with pyarrow.feather.write_feather",
                    str(path),
                )
            file.seek(0)
            is_file = head[:6] == b"ARROW1"
            try:
                yield (pa.ipc.open_file if is_file else pa.ipc.open_stream)(file, options=options)
            except FormatError:
                raise
            except (ValueError, OSError) as error:
                raise FormatError(f"not a whole Arrow file, or damaged: {error}", str(path)) from None

    def _schema(self, path: Path, options: Options) -> tuple[list[str], list[Any]]:
        with self._open(path) as reader:
            return arrow_columns.fields(reader.schema, options.columns, options.target, options.weight)

    def _batches(self, part: Part, start: int) -> Iterator[tuple[int, Any]]:
        path, row = self.files[part.index], 0
        with self._open(path) as reader:
            names = reader.schema.names
            batches = getattr(reader, "num_record_batches", None)
        wanted = sorted(names.index(name) for name in self._used_names)
        if batches:  # before any is read: as many bytes as a batch takes in the file, or more
            self._refuse(path, path.stat().st_size / batches * len(wanted) / len(names), "a record batch")
        with self._open(path, wanted) as reader:
            for batch in _each(reader):
                self._refuse(path, batch.nbytes, f"the record batch from row {row} on")
                rows = batch.num_rows
                yield row, batch
                row += rows
                del batch

    def _refuse(self, path: Path, nbytes: float, what: str) -> None:
        if self.max_memory is not None and nbytes > self.max_memory - self.reserved:
            raise FormatError(
                f"{what} holds about {show_size(nbytes)} of the columns in use, and max_memory is "
                f"{show_size(self.max_memory)}; write the file with smaller batches, select columns, or grant more memory",
                str(path),
            )


def _each(reader: Any) -> Iterator[Any]:
    if not hasattr(reader, "num_record_batches"):
        yield from reader
        return
    for k in range(reader.num_record_batches):
        yield reader.get_batch(k)


def open_feather(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of Feather (Arrow IPC) files."""
    refuse_text_options(options, "a Feather file")
    return FeatherBlocks(paths, options)

"""`write_block_file`: any Blocks to esker's own file in one walk and bounded memory; whole, or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from esker._atomic import atomic_write
from esker._errors import FormatError
from esker._native import core
from esker._progress import advance
from esker.blocks.block import ROW_BITS, Block, key
from esker.blocks.block_rows import RowWriter
from esker.blocks.paths import keep

if TYPE_CHECKING:
    from esker.blocks.base import Blocks

__all__ = ["BlockWriter", "fingerprint", "write_block_file"]


def write_block_file(blocks: Blocks, path: str | os.PathLike[str], *, dtype: Any = None) -> None:
    """Write `blocks` to the block file `path`.

    Parameters
    ----------
    blocks : Blocks
        Walked once.
    path : path
        Replaced when the new file is whole, not before, and none of those that are read; the ending ``.esk`` is what `open_blocks` knows.
    dtype : {float16, float32, float64}, optional
        Of the stored values of X; by default that of `blocks`. float16 halves the file: reading gives float32. A finite value
        that the dtype cannot hold (beyond 65,504 for float16) is refused; others are rounded to the nearest.

    Notes
    -----
    Peak memory is that of reading `blocks`, and a few MB for pages and for the moments of the features (left out beyond 65,536
    features). Row keys are kept, so that random choices made by row key agree between a source and its block file. The rows
    of a `sample`, of a `split`, or of a function that leaves some out become a data set of their own: their order stays, and
    they are numbered anew.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from esker import open_blocks
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.esk"
    >>> write_block_file(open_blocks(np.eye(3), target=np.array([1, 2, 3])), path)
    >>> again = open_blocks(path)
    >>> again.n_rows, again.n_columns, [b.y.tolist() for b in again]
    (3, 3, [[1, 2, 3]])
    """
    keep(blocks.files, path)
    with BlockWriter(path, blocks, dtype) as writer:
        numbers = _Numbers()
        for block in blocks:
            writer.add(numbers.of(block))
            if not advance(len(block), block.nbytes):
                raise KeyboardInterrupt
        writer.finish()


class _Numbers:
    """Rows numbered without gaps, in the order of their keys, part by part; rows that have none missing stay as they are."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        self.last = -1

    def of(self, block: Block) -> Block:
        if not len(block):
            return block
        keys = block.raw_keys()
        first, last = (
            (keys, keys + len(block) - 1) if isinstance(keys, int) else (int(keys[0]), int(keys[-1]))
        )
        straight = isinstance(keys, int) or bool((np.diff(keys) > 0).all())
        if not straight or first <= self.last or first >> ROW_BITS != last >> ROW_BITS:
            return block  # the writer says what is wrong
        self.last, part = last, first >> ROW_BITS
        row = self.rows.get(part, 0)
        self.rows[part] = row + len(block)
        if isinstance(keys, int) and keys == key(part, row):
            return block
        return Block(block.X, block.y, block.sample_weight, key(part, row))


class BlockWriter:
    """A block file that is written block by block, by whoever walks the source; whole at `finish`, or not there.

    Parameters
    ----------
    path : path
        Replaced by `finish`, not before.
    source : Blocks
        Whose rows come: the file takes its names, widths, files and parse options from it. It is not read here.
    dtype : {float16, float32, float64}, optional
        As for `write_block_file`.

    Notes
    -----
    As a context manager, it abandons what was not finished when the block ends, with an error or without. An error of
    `add` or `finish` (a full disk, rows that do not follow each other) abandons the file too.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from esker import open_blocks
    >>> source, path = open_blocks(np.eye(3)), pathlib.Path(tempfile.mkdtemp()) / "a.esk"
    >>> with BlockWriter(path, source) as writer:
    ...     for block in source:
    ...         writer.add(block)
    ...     writer.finish()
    >>> open_blocks(path).n_rows
    3
    """

    def __init__(self, path: str | os.PathLike[str], source: Blocks, dtype: Any = None) -> None:
        dtype = np.dtype(source.dtype if dtype is None else dtype)
        if dtype not in (np.float16, np.float32, np.float64):
            raise ValueError(f"dtype must be float16, float32 or float64, got {dtype}")
        self.path, self.source = path, source
        self._before = [fingerprint(p) for p in _files(source)]
        self._open = ExitStack()
        self._rows: RowWriter | None = RowWriter(self._open.enter_context(atomic_write(path)), source, dtype)

    def add(self, block: Block) -> None:
        """Write the next rows. They must follow those before: part by part, each from its row 0 on.

        The block is not kept: its memory may be filled again.
        """
        with self._or_none() as rows:
            rows.add(block)

    def finish(self) -> None:
        """Write what waits, sync, and give the file its name.

        Raises
        ------
        FormatError
            No rows, or files of the source that changed since the writer was made.
        """
        with self._or_none() as rows:
            if self._before != [fingerprint(p) for p in _files(self.source)]:
                raise FormatError(
                    "the source changed while it was read; convert it again", self.source.source
                )
            rows.finish(self._before)
            self._open.close()
        self._rows = None

    def abandon(self) -> None:
        """Leave nothing behind; of no effect once the file is finished or abandoned."""
        self._leave(_Abandoned())

    @contextmanager
    def _or_none(self) -> Iterator[RowWriter]:
        if self._rows is None:
            raise ValueError(f"{self.path}: the writer is finished or abandoned; make another")
        try:
            yield self._rows
        except BaseException as error:
            self._leave(error)
            raise

    def _leave(self, error: BaseException) -> None:
        if self._rows is not None:
            self._rows = None
            with suppress(_Abandoned):
                self._open.__exit__(type(error), error, error.__traceback__)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()


class _Abandoned(Exception):
    """Tells `atomic_write` to remove its file."""


def fingerprint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What tells whether a file is still the one that was read: size, time, checksums of its first and last 64 KiB."""
    stat = os.stat(path)
    with open(path, "rb") as file:
        head = file.read(1 << 16)
        file.seek(max(0, stat.st_size - (1 << 16)))
        last = file.read(1 << 16)
    sums = {"head_crc32c": core.crc32c(head), "tail_crc32c": core.crc32c(last)}
    return {"path": os.path.abspath(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, **sums}


def _files(blocks: Blocks) -> list[Any]:
    return [p for p in getattr(blocks, "files", None) or () if isinstance(p, str | os.PathLike)]

"""Tables of named columns read through pyarrow: numbers as dense blocks, or, for a feature step, texts and numbers as Records."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker.blocks import arrow_columns
from esker.blocks.arrays import weight_of
from esker.blocks.arrow_cut import cut_batches
from esker.blocks.base import Blocks, Part
from esker.blocks.block import UNIT, Block, key
from esker.blocks.columns import Roles
from esker.blocks.memory import PANEL, Budget, block_rows, empty, rows_of
from esker.blocks.once import Once
from esker.blocks.records import Records

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["ArrowBlocks", "TableBlocks", "arrow"]


def arrow(what: str) -> ModuleType:
    """pyarrow, or an error that says how to get it."""
    try:
        import pyarrow
    except ImportError:
        raise ImportError(f"reading {what} needs pyarrow: pip install esker[arrow]") from None
    module: ModuleType = pyarrow
    return module


class ArrowBlocks(Blocks):
    """Whatever gives record batches. What is a feature, a target or a weight is found by name or position.

    Parameters
    ----------
    parts : sequence of Part
    names, types : lists
        The columns of the source and their Arrow types.
    options : Options
        With ``records`` blocks hold Records, else dense numbers.
    """

    is_sparse: bool | None = False

    def __init__(
        self, parts: Sequence[Part], names: list[str], types: list[Any], options: Options, source: str
    ) -> None:
        where = parts[0].name
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise FormatError(f"two columns have the name {twice!r}; rename one", where)
        for option in ("target", "weight"):
            if hasattr(getattr(options, option), "shape"):
                raise ValueError(f"{option}= of a table is the name or number of a column, got an array")
        roles = Roles.of(names, options.target, options.weight, options.columns)
        self._names, self._roles, self._wanted = names, roles, options.dtype
        self._texts = options.text_columns(names)
        self.holds_records = options.records
        dtypes = {self._number_or_text(names[j], types[j], where) for j in roles.features}
        super().__init__(
            parts,
            source=source,
            dtype=np.float64 if self.holds_records else np.result_type(*dtypes),
            **options.memory,
        )
        self.n_columns, self.n_targets = len(roles.features), len(roles.targets)
        self.feature_names = [names[j] for j in roles.features]
        if all(part.rows is not None for part in self.parts):
            self.n_rows = sum(part.rows or 0 for part in self.parts)
        if self.holds_records:
            self.is_sparse = None
            # Until the first batch shows how long texts are.
            self._step = block_rows(32 * self.n_columns, self.budget)
        else:
            self._step = block_rows(self._copies * self.dtype.itemsize * self.n_columns, self.budget)

    @abstractmethod
    def _batches(self, part: Part, start: int) -> Iterator[tuple[int, Any]]:
        """Record batches with the columns in use, from a row at or before `start` on, and the row of each one's first."""

    def _number_or_text(self, name: str, kind: Any, where: str) -> np.dtype[Any] | None:
        """The dtype of a feature's numbers, None for a feature of Records, or an error that names the column."""
        if self.holds_records:
            if not arrow_columns.is_record(kind):
                raise FormatError(
                    f"column {name!r} must hold numbers, texts, dates or booleans, got {kind}; name the columns to use, "
                    "with columns= or in the step of features=",
                    where,
                )
            return None
        dtype = arrow_columns.number_dtype(kind, self._wanted)
        if dtype is None:
            raise FormatError(
                f"column {name!r} must be numeric, got {kind}; leave it out with columns=, or encode it first, such as with "
                "features=esker.feature_extraction.TableHasher(...)",
                where,
            )
        return dtype

    @property
    def _used(self) -> list[int]:
        weight = [] if self._roles.weight is None else [self._roles.weight]
        return [*self._roles.features, *self._roles.targets, *weight]

    @property
    def _used_names(self) -> list[str]:
        return [self._names[j] for j in self._used]

    # --- reading ---

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        with closing(self._walk(part, start, UNIT)) as batches:
            for row, batch in batches:
                yield self._block(part, batch, row)
                del batch

    def read_pieces(self, part: Part, start: int = 0) -> Iterator[Block]:
        with closing(self.read_later(part, start)) as pieces:
            for piece in pieces:
                yield piece()
                del piece

    def read_later(self, part: Part, start: int = 0) -> Generator[Callable[[], Block], None, None]:
        with closing(self._walk(part, start, PANEL)) as batches:
            for row, batch in batches:
                yield partial(self._checked_block, part, batch, row)
                del batch

    def _checked_block(self, part: Part, batch: Any, row: int) -> Block:
        block = self._block(part, batch, row)
        self._check(part, block)
        return block

    def _walk(self, part: Part, start: int, unit: int) -> Generator[tuple[int, Any], None, None]:
        """Batches of multiples of `unit` rows, as nearly as they come, and the row of each one's first."""
        some = False
        pool = arrow(self.source).default_memory_pool()

        def batches() -> Iterator[tuple[int, Any]]:
            nonlocal some
            for row, batch in self._batches(part, start):
                some = some or batch.num_rows > 0
                yield row, batch
                del batch
                if self.max_memory is not None:  # pyarrow's allocator keeps what is freed
                    pool.release_unused()

        for row, batch in cut_batches(batches(), self._rows_of_block, start, unit=unit):
            yield row, batch
            del batch
        if start == 0 and not some and len(self.parts) == 1:  # one file of several may have none
            raise FormatError("there are no rows", part.name)

    @property
    def _copies(self) -> int:
        """How often a row is counted: in Arrow and in the block, and again for what the reader decodes meanwhile."""
        return 2 if self.max_memory is None else 4

    def _rows_of_block(self, batch: Any) -> int:
        if not self.holds_records:
            return self._step
        return block_rows(self._copies * batch.nbytes / batch.num_rows, self.budget)

    def _block(self, part: Part, batch: Any, row: int) -> Block:
        x = self._records(part, batch, row) if self.holds_records else self._dense(part, batch, row)
        y, weight = self._targets(part, batch, row), None
        if self._roles.weight is not None:
            weight = self._numbers(part, batch, self._roles.weight, row)
        return Block(x, y, weight_of(weight, batch.num_rows), first_key=key(part.index, row))

    def _targets(self, part: Part, batch: Any, row: int) -> Any:
        if not self._roles.targets:
            return None
        names = [self._names[j] for j in self._roles.targets]
        targets = [arrow_columns.labels(self._whole(part, batch, name, row)) for name in names]
        return targets[0] if self._roles.flat else np.column_stack(targets)

    def _dense(self, part: Part, batch: Any, row: int) -> Any:
        by_columns = empty((self.n_columns or 0, batch.num_rows), self.dtype)
        for j, column in zip(self._roles.features, by_columns):
            column[:] = self._numbers(part, batch, j, row)
        return rows_of(by_columns, self.dtype)

    def _records(self, part: Part, batch: Any, row: int) -> Records:
        columns = {}
        for j in self._roles.features:
            name = self._names[j]
            array = batch.column(name)
            try:
                if arrow_columns.is_text(array.type):  # offsets and UTF-8 are what a file says they are
                    array.validate(full=True)
                columns[name] = arrow_columns.record(array, name in self._texts)
            except ArithmeticError as error:
                raise FormatError(
                    f"column {name!r} has missing values and integers beyond 2**53 from row {row} on, which float64 cannot "
                    f"hold ({error}); store the column as text",
                    part.name,
                ) from None
            except ValueError as error:
                raise FormatError(f"column {name!r}, from row {row} on: {error}", part.name) from None
        return Records(columns)

    def _numbers(self, part: Part, batch: Any, j: int, row: int) -> Any:
        name = self._names[j]
        gaps = self.allows_missing and j in self._roles.features
        values = batch.column(name) if gaps else self._whole(part, batch, name, row)
        if arrow_columns.number_dtype(values.type) is None:
            raise FormatError(f"column {name!r} must be numeric, got {values.type}", part.name)
        return arrow_columns.numbers(values)

    def _whole(self, part: Part, batch: Any, name: str, row: int) -> Any:
        """A column of a batch; a missing value is an error that names row and column."""
        values = batch.column(name)
        if values.null_count:
            at = row + int(np.argmax(arrow_columns.plain(values.is_null())))
            feature = name in (self._names[j] for j in self._roles.features)
            raise FormatError(
                f"a value is missing in column {name!r}, row {at} (from 0); drop such rows or fill them in"
                + (", such as with esker.impute.SimpleImputer in a Pipeline" if feature else ""),
                part.name,
            )
        return values


class TableBlocks(ArrowBlocks):
    """Files of one format with the same named columns; each file is a part, read in sequence."""

    #: Whether files are text, in which numbers can be read as texts where the first file has texts.
    reads_as_told = False

    def __init__(self, paths: list[Any], options: Options) -> None:
        arrow(self._what())
        if len(paths) == 1 and hasattr(paths[0], "readinto"):
            self.rereadable = False
            half = Budget.of(options.max_memory, options.block_size).block_bytes // 2
            paths = [Once(paths[0], max(half, 1 << 17))]  # two blocks of text, of which one tells the types
        elif len(paths) > 1:
            paths = self._with_rows(paths, options) or paths
        self.sources: list[Any] = paths
        self.files = tuple(paths) if self.rereadable else ()
        self._stats = [_stat(path) for path in self.files]
        names, types = self._schema(paths[0], options)
        super().__init__(
            [Part(i, str(path), self._file_rows(path)) for i, path in enumerate(paths)],
            names,
            types,
            options,
            ", ".join(str(path) for path in paths[:3]) + (", ..." if len(paths) > 3 else ""),
        )
        self._types = dict(zip(names, types))
        for path in paths[1:]:
            self._compare(path, options)

    def labels(self) -> Iterator[Any]:
        """The targets alone: no other column is read."""
        if not self._roles.targets or not self.rereadable:
            yield from super().labels()
            return
        alone = copy(self)
        alone._roles = replace(self._roles, features=[], weight=None)
        alone.holds_records = False
        alone._step = block_rows(64 * len(self._roles.targets), self.budget)
        for part in self.parts:
            for row, batch in alone._batches(part, 0):
                yield self._targets(part, batch, row)

    def _walk(self, part: Part, start: int, unit: int) -> Generator[tuple[int, Any], None, None]:
        """As any table, from a file that must stay as it was when it was opened; what a change spoils is told as one."""
        self._check_same(part)
        try:
            yield from super()._walk(part, start, unit)
        except (FormatError, OSError):
            self._check_same(part)
            raise
        self._check_same(part)

    def _block(self, part: Part, batch: Any, row: int) -> Block:
        try:
            return super()._block(part, batch, row)
        except FormatError:
            self._check_same(part)
            raise

    def _check_same(self, part: Part) -> None:
        if self.files and _stat(self.files[part.index]) != self._stats[part.index]:
            raise FormatError("the file changed after it was opened; open it again", part.name)

    # --- what a format defines ---

    @abstractmethod
    def _what(self) -> str:
        """The format, for messages."""

    @abstractmethod
    def _schema(self, path: Path, options: Options) -> tuple[list[str], list[Any]]:
        """Names and Arrow types of a file's columns."""

    def _file_rows(self, path: Path) -> int | None:
        return None

    def _with_rows(self, paths: list[Path], options: Options) -> list[Path]:
        """Those of several files that are known to have rows, where the others say nothing of their columns' types."""
        return paths

    def _compare(self, path: Path, options: Options) -> None:
        """Files of one source have the same columns, of which those in use hold the same kind of thing in all."""
        names, types = self._schema(path, options)
        first = self.files[0]
        missing = [name for name in self._used_names if name not in names]
        if missing or (options.columns is None and sorted(names) != sorted(self._names)):
            more = [name for name in names if name not in self._names]
            said = (
                f"column {missing[0]!r} is missing"
                if missing
                else f"column {more[0]!r} is not there"
                if more
                else f"its columns are {', '.join(names[:8])}, ..."
            )
            raise FormatError(f"the columns of {first} were expected: {said}", str(path))
        for j in self._used:
            name = self._names[j]
            kind, before = types[names.index(name)], self._types[name]
            if j in self._roles.features:
                dtype = self._number_or_text(name, kind, str(path))
                self.dtype = self.dtype if dtype is None else np.result_type(self.dtype, dtype)
            text, was_text = arrow_columns.is_text(kind), arrow_columns.is_text(before)
            if text != was_text and not (was_text and self.reads_as_told):
                raise FormatError(
                    f"column {name!r} is {before} in {first}, and {kind} here; write the files with one type",
                    str(path),
                )


def _stat(path: Path) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns

"""Rows that a database cursor hands out (``description`` and ``fetchmany``), as dense numbers or Records."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker.blocks.arrays import float_dtype, weight_of
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block
from esker.blocks.buffer import recut
from esker.blocks.columns import Roles
from esker.blocks.memory import Budget, block_rows, empty, rows_of
from esker.blocks.records import Records, Strings
from esker.blocks.walks import Walks

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["CursorBlocks", "open_cursor"]

#: Rows of the first fetch, which tells their size; bytes that Python takes for a value.
FIRST, VALUE = 256, 64
_EPOCH = datetime.datetime(1970, 1, 1)


class CursorBlocks(Blocks):
    """Rows of a query. What is a feature, a target or a weight is found by the names of the query's columns.

    Parameters
    ----------
    walks : Walks
        Each walk yields lists of rows; whether a column holds numbers or texts, its first value that is not None tells.
    names : list of str
    options : Options
    name : str
    """

    threaded = False
    is_sparse: bool | None = False

    def __init__(self, walks: Walks, names: list[str], options: Options, name: str) -> None:
        if len(set(names)) < len(names):
            twice = next(one for one in names if names.count(one) > 1)
            raise FormatError(f"two columns have the name {twice!r}; rename one with AS", name)
        for option in ("target", "weight"):
            if hasattr(getattr(options, option), "shape"):
                raise ValueError(f"{option}= of a query is the name or number of a column, got an array")
        roles = Roles.of(names, options.target, options.weight, options.columns)
        super().__init__(
            [Part(0, name)], source=name, dtype=float_dtype(np.float64, options.dtype), **options.memory
        )
        self._walks, self._names, self._roles = walks, names, roles
        self.rereadable, self.holds_records = walks.again, options.records
        self.n_columns, self.n_targets = len(roles.features), len(roles.targets)
        self.feature_names = [names[j] for j in roles.features]
        self._texts: dict[int, bool] = {}
        if self.holds_records:
            self.is_sparse = None

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        walk, step = self._walks(), 0

        def pieces() -> Iterator[Block]:
            nonlocal step
            row = 0
            for rows_of_block, rows in walk:
                step = rows_of_block
                yield self._block(rows, row)
                row += len(rows)
                del rows
            if row == 0:
                raise FormatError("the query gives no rows", self.source)
            self.n_rows = row

        yield from recut(pieces(), lambda _: step, start)

    def _block(self, rows: list[Any], row: int) -> Block:
        columns = list(zip(*rows))
        if len(columns) != len(self._names):
            raise FormatError(
                f"expected {len(self._names)} values in a row, got {len(columns)} in row {row}", self.source
            )
        y = weight = None
        if self._roles.targets:
            targets = [self._labels(columns[j], j, row) for j in self._roles.targets]
            y = targets[0] if self._roles.flat else np.column_stack(targets)
        if self._roles.weight is not None:
            weight = weight_of(self._numbers(columns[self._roles.weight], self._roles.weight, row), len(rows))
        if self.holds_records:
            x: Any = Records({self._names[j]: self._record(columns[j], j, row) for j in self._roles.features})
        else:
            by_columns = empty((self.n_columns or 0, len(rows)), self.dtype)
            for j, place in zip(self._roles.features, by_columns):
                place[:] = self._numbers(columns[j], j, row, nulls=self.allows_missing)
            x = rows_of(by_columns, self.dtype)
        return Block(x, y, weight, first_key=row)

    # --- a column's values, tuples of Python's objects ---

    def _refuse(self, value: Any, j: int, row: int, wanted: str) -> FormatError:
        if value is None:
            return FormatError(
                f"a value is missing in column {self._names[j]!r}, row {row} (from 0); drop such rows or fill them in, such "
                "as with COALESCE"
                + (" or esker.impute.SimpleImputer in a Pipeline" if j in self._roles.features else ""),
                self.source,
            )
        return FormatError(
            f"column {self._names[j]!r} must be {wanted}, got the {type(value).__name__} {value!r:.40} in row {row} (from 0); "
            "leave it out with columns=, or CAST it in the query",
            self.source,
        )

    def _numbers(
        self, values: tuple[Any, ...], j: int, row: int, gaps: bool = False, nulls: bool = False
    ) -> Any:
        """float64; with `nulls` None is NaN, with `gaps` that, and times are seconds."""
        kinds, nulls = set(map(type, values)), nulls or gaps
        if kinds <= {int, float, bool, Decimal} or (
            nulls and kinds <= {int, float, bool, Decimal, type(None)}
        ):
            return np.array(values, np.float64)
        found = np.empty(len(values))
        for i, value in enumerate(values):
            if isinstance(value, int | float | Decimal | np.number):
                found[i] = value
            elif nulls and value is None:
                found[i] = np.nan
            elif gaps and isinstance(value, datetime.date | datetime.time | datetime.timedelta):
                found[i] = _seconds(value)
            else:
                raise self._refuse(value, j, row + i, "numeric")
        return found

    def _labels(self, values: tuple[Any, ...], j: int, row: int) -> Any:
        if None in values:
            raise self._refuse(None, j, row + values.index(None), "")
        array = np.asarray([float(v) if isinstance(v, Decimal) else v for v in values])
        return array if array.dtype.kind != "U" else array.astype(object)

    def _record(self, values: tuple[Any, ...], j: int, row: int) -> Any:
        if j not in self._texts:
            first = next((v for v in values if v is not None), None)
            if first is not None:
                self._texts[j] = isinstance(first, str | bytes | bytearray | memoryview)
        if not self._texts.get(j, False):
            if all(type(v) is int and -(2**63) <= v < 2**63 for v in values):
                return np.array(values, np.int64)
            return self._numbers(values, j, row, gaps=True)
        for i, value in enumerate(values):
            if not isinstance(value, str | bytes | bytearray | memoryview | None):
                raise self._refuse(value, j, row + i, "text, as in the first rows,")
            if not isinstance(value, str | None):
                try:
                    str(value, "utf-8")
                except UnicodeDecodeError:
                    raise self._refuse(value, j, row + i, "text in UTF-8") from None
        return Strings.of(values)


def _seconds(value: Any) -> float:
    """Seconds since 1970, since midnight, or of a duration: as tables' dates and times."""
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.time):
        return value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return float((value - _EPOCH).total_seconds())


def open_cursor(cursor: Any, options: Options, make: Callable[[], Any] | None = None) -> Blocks:
    """`open_blocks` of a cursor whose query has been executed; `make` gives another such cursor for each walk after the first."""
    name = f"{type(cursor).__module__}.{type(cursor).__name__}"
    options.refuse("a cursor", zero_based="its columns have names", n_features="it has its width")
    if cursor.description is None:
        raise ValueError("the cursor has no result: execute a SELECT first, then pass the cursor")
    names = [str(column[0]) for column in cursor.description]
    budget = Budget.of(options.max_memory, options.block_size)
    begun = _fetch(cursor, budget)
    if make is None:
        return CursorBlocks(Walks(lambda: begun, False, name), names, options, name)
    return CursorBlocks(Walks(lambda: _fetch(make(), budget), True, name, begun), names, options, name)


def _fetch(cursor: Any, budget: Budget) -> Iterator[tuple[int, list[Any]]]:
    """The rows of a block, and lists of as many rows; where a cursor gives fewer at a time, of what it gives."""
    rows = list(cursor.fetchmany(FIRST))
    if not rows:
        return
    # A value is an object of Python's, and then a number or a text of a block.
    step = block_rows(sum(VALUE + _length(v) for row in rows for v in row) / len(rows), budget)
    if hasattr(cursor, "arraysize"):
        cursor.arraysize = step
    if step > len(rows):
        rows += cursor.fetchmany(step - len(rows))
    while rows:
        yield step, rows
        rows = cursor.fetchmany(step)


def _length(value: Any) -> int:
    return 2 * len(value) if isinstance(value, str | bytes | bytearray) else 0

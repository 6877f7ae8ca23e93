"""Tables read through pyarrow: numeric columns by name, as dense blocks; missing values and texts are errors that name them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker.blocks.arrays import float_dtype, weight_of
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block, key
from esker.blocks.buffer import recut
from esker.blocks.columns import Roles
from esker.blocks.memory import block_rows, empty, rows_of

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["TableBlocks", "arrow"]


def arrow(what: str) -> ModuleType:
    """pyarrow, or an error that says how to get it."""
    try:
        import pyarrow
    except ImportError:
        raise ImportError(f"reading {what} needs pyarrow: pip install esker[arrow]") from None
    module: ModuleType = pyarrow
    return module


def _numpy_dtype(kind: Any, wanted: Any) -> np.dtype[Any] | None:
    """The dtype for an Arrow type's numbers; None where they are none."""
    import pyarrow.types as is_

    if is_.is_decimal(kind):
        return float_dtype(np.float64, wanted)
    if is_.is_boolean(kind) or is_.is_integer(kind) or is_.is_floating(kind):
        return float_dtype(kind.to_pandas_dtype(), wanted)
    return None


class TableBlocks(Blocks):
    """Files of one format with the same named columns; each file is a part, read in sequence.

    What is a feature, a target or a weight is found by name (or position) in the first file.
    """

    is_sparse = False

    def __init__(self, paths: list[Path], options: Options) -> None:
        arrow(self._what())
        names, types = self._schema(paths[0], options)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise FormatError(f"two columns have the name {twice!r}; rename one", str(paths[0]))
        for option in ("target", "weight"):
            if hasattr(getattr(options, option), "shape"):
                raise ValueError(f"{option}= of a table is the name or number of a column, got an array")
        roles = Roles.of(names, options.target, options.weight, options.columns)
        self._names, self._roles = names, roles
        dtypes = set()
        for j in roles.features:
            dtype = _numpy_dtype(types[j], options.dtype)
            if dtype is None:
                raise FormatError(
                    f"column {names[j]!r} must be numeric, got {types[j]}; leave it out with columns=, "
                    "or encode it first",
                    str(paths[0]),
                )
            dtypes.add(dtype)
        for path in paths[1:]:
            self._compare(paths[0], path, options)
        super().__init__(
            [Part(i, str(path), self._rows_of(path)) for i, path in enumerate(paths)],
            source=", ".join(str(path) for path in paths[:3]) + (", ..." if len(paths) > 3 else ""),
            dtype=np.result_type(*dtypes),
            **options.memory,
        )
        self.files = tuple(paths)
        self.n_columns, self.n_targets = len(roles.features), len(roles.targets)
        self.feature_names = [names[j] for j in roles.features]
        if all(part.rows is not None for part in self.parts):
            self.n_rows = sum(part.rows or 0 for part in self.parts)
        # Rows are held twice while columns become rows.
        self._step = block_rows(2 * self.dtype.itemsize * self.n_columns, self.budget)

    # --- what a format defines ---

    @abstractmethod
    def _what(self) -> str:
        """The format, for messages."""

    @abstractmethod
    def _schema(self, path: Path, options: Options) -> tuple[list[str], list[Any]]:
        """Names and Arrow types of a file's columns."""

    @abstractmethod
    def _batches(self, path: Path, start: int) -> Iterator[tuple[int, Any]]:
        """Record batches with the columns in use, from a row at or before `start` on, and the row of each one's first."""

    def _rows_of(self, path: Path) -> int | None:
        return None

    # --- reading ---

    def _compare(self, first: Path, path: Path, options: Options) -> None:
        """Files of one source have the same columns, of which those in use are numeric in all."""
        names, types = self._schema(path, options)
        missing = [self._names[j] for j in self._used if self._names[j] not in names]
        if missing or (options.columns is None and names != self._names):
            said = (
                f"column {missing[0]!r} is missing"
                if missing
                else f"its columns are {', '.join(names[:8])}, ..."
            )
            raise FormatError(f"the columns of {first} were expected: {said}", str(path))
        for j in self._roles.features:
            kind = types[names.index(self._names[j])]
            if _numpy_dtype(kind, options.dtype) is None:
                raise FormatError(f"column {self._names[j]!r} must be numeric, got {kind}", str(path))

    @property
    def _used(self) -> list[int]:
        weight = [] if self._roles.weight is None else [self._roles.weight]
        return [*self._roles.features, *self._roles.targets, *weight]

    @property
    def _used_names(self) -> list[str]:
        return [self._names[j] for j in self._used]

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        path = self.files[part.index]
        base = -1

        def pieces() -> Iterator[Block]:
            for row, batch in first_and_rest:
                if batch.num_rows:
                    yield self._block(part, batch, row)

        batches = self._batches(path, start)
        first = next(batches, None)
        if first is None or (first[1].num_rows == 0 and (first := next(batches, None)) is None):
            if start == 0:
                raise FormatError("there are no rows", str(path))
            return
        base, first_and_rest = first[0], _chain(first, batches)
        yield from recut(pieces(), lambda _: self._step, start - base)

    def _block(self, part: Part, batch: Any, row: int) -> Block:
        by_columns = empty((self.n_columns or 0, batch.num_rows), self.dtype)
        for j, column in zip(self._roles.features, by_columns):
            column[:] = self._values(part, batch, j, row, numbers=True)
        y = weight = None
        if self._roles.targets:
            targets = [self._values(part, batch, j, row) for j in self._roles.targets]
            y = targets[0] if self._roles.flat else np.column_stack(targets)
        if self._roles.weight is not None:
            weight = self._values(part, batch, self._roles.weight, row, numbers=True)
        x = rows_of(by_columns, self.dtype)
        return Block(
            x,
            y,
            weight_of(weight, batch.num_rows),
            first_key=key(part.index, row),
        )

    def _values(self, part: Part, batch: Any, j: int, row: int, numbers: bool = False) -> Any:
        """A column of a batch as NumPy has it; a missing value is an error that names row and column."""
        import pyarrow as pa

        name = self._names[j]
        values = batch.column(name)
        if values.null_count:
            at = row + int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
            raise FormatError(
                f"a value is missing in column {name!r}, row {at} (from 0); drop such rows or fill them in",
                part.name,
            )
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
        if numbers and _numpy_dtype(values.type, None) is None:
            raise FormatError(f"column {name!r} must be numeric, got {values.type}", part.name)
        return values.to_numpy(zero_copy_only=False)


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    del first
    yield from rest

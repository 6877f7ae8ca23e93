"""Blocks made of other blocks by a function of a block, as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block
from esker.blocks.pool import Pool

__all__ = ["Mapped"]

_KNOWN = (
    "n_rows", "n_columns", "n_targets", "dtype", "is_sparse", "nnz", "feature_names", "holds_records", "from_step"
)  # fmt: skip


class Mapped(Blocks):
    """``inner`` with `f` applied to every block."""

    keeps_rows = False

    def __init__(
        self,
        inner: Blocks,
        f: Callable[[Block], Block],
        known: dict[str, Any],
        keeps_targets: bool = False,
        keeps_x: bool = False,
    ) -> None:
        for name in known:
            if name not in _KNOWN:
                raise TypeError(f"map() takes {', '.join(_KNOWN)}, got {name!r}")
        self.budget = inner.budget
        self.known = {**known, "dtype": np.dtype(known["dtype"])} if "dtype" in known else known
        self.checked = False  # what comes in has been; estimators look again at what they fit
        self.reserved = inner.reserved
        self.inner, self.f, self.keeps_targets, self.keeps_x = inner, f, keeps_targets, keeps_x

    def over(self, inner: Blocks, known: dict[str, Any]) -> Mapped:
        """The same of other blocks."""
        return Mapped(inner, self.f, known)

    def labels(self) -> Iterator[Any]:
        return self.inner.labels() if self.keeps_targets else super().labels()

    def label_counts(self) -> dict[Any, int] | None:
        return self.inner.label_counts() if self.keeps_targets else None

    def whole(self) -> Block | None:
        """`f` of all rows where they lie in memory and `f` leaves the very X as it is: nothing large is copied."""
        block = self.inner.whole()
        made = None if block is None else self._apply(block)
        return made if made is not None and block is not None and made.X is block.X else None

    def bare(self) -> tuple[Blocks, Callable[[Block], Block]]:
        """The source below those maps that leave X as it is, and what they do to a block, together."""
        if not self.keeps_x:
            return self, lambda block: block
        if not isinstance(self.inner, Mapped):
            return self.inner, self._apply
        source, first = self.inner.bare()
        return source, lambda block: self._apply(first(block))

    def _apply(self, block: Block) -> Block:
        made = self.f(block)
        if len(made) != len(block) and made.row_keys is None:
            raise ValueError(
                f"{len(block)} rows came in and {len(made)} went out: a block that leaves rows out must carry row_keys"
            )
        return made

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        yield from map(self._apply, self.inner.read(part, start))  # holds none while the next one is read

    def before_epoch(self, epoch: int, shuffle: bool) -> None:
        self.inner.before_epoch(epoch, shuffle)

    def labels_of(self, part: Part, begin: int, end: int) -> NDArray[Any] | None:
        return self.inner.labels_of(part, begin, end)

    def probe_labels(self) -> tuple[list[NDArray[Any]], float] | None:
        return self.inner.probe_labels()

    def build_cache(self) -> bool:
        return self.inner.build_cache()

    def read_pieces(self, part: Part, start: int = 0) -> Iterator[Block]:
        for block in self.inner.read_pieces(part, start):
            yield self._apply(block)

    @property
    def reading_bytes(self) -> int:
        return self.inner.reading_bytes

    @property
    def parse_options(self) -> dict[str, Any]:
        """How the source's files are parsed."""
        return dict(getattr(self.inner, "parse_options", {}))

    def read_unit(self, part: Part, begin: int, end: int, scratch: Pool) -> Block:
        return self._apply(self.inner.read_unit(part, begin, end, scratch))

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        return self._apply(self.inner.read_rows(part, begin, end))


def _live(name: str) -> property:
    """What was told of the result, else what the inner source knows by now: a walk may have taught it."""
    return property(lambda self: self.known[name] if name in self.known else getattr(self.inner, name))


#: What is the inner source's, always: a walk may have taught it these too.
_INNER = ("parts", "source", "files", "random_access", "sequential_first", "rereadable", "threaded")

for _name in (*_KNOWN, *_INNER):
    setattr(Mapped, _name, _live(_name))

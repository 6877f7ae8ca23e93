"""Blocks made of other blocks by a function of a block, as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block

__all__ = ["Mapped"]

_KNOWN = ("n_rows", "n_columns", "n_targets", "dtype", "is_sparse", "nnz", "feature_names")


class Mapped(Blocks):
    """``inner`` with `f` applied to every block."""

    keeps_rows = False

    def __init__(self, inner: Blocks, f: Callable[[Block], Block], known: dict[str, Any]) -> None:
        for name in known:
            if name not in _KNOWN:
                raise TypeError(f"map() takes {', '.join(_KNOWN)}, got {name!r}")
        self.parts, self.source, self.budget = inner.parts, inner.source, inner.budget
        for name in _KNOWN:
            setattr(self, name, known.get(name, getattr(inner, name)))
        self.dtype = np.dtype(self.dtype)
        self.random_access, self.sequential_first = inner.random_access, inner.sequential_first
        self.rereadable, self.threaded = inner.rereadable, inner.threaded
        self.checked = False  # what comes in has been; estimators look again at what they fit
        self.reserved = inner.reserved
        self.inner, self.f = inner, f

    def _apply(self, block: Block) -> Block:
        made = self.f(block)
        if len(made) != len(block) and made.row_keys is None:
            raise ValueError(
                f"{len(block)} rows came in and {len(made)} went out: a block that leaves rows out must carry row_keys"
            )
        return made

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        for block in self.inner.read(part, start):
            yield self._apply(block)

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        return self._apply(self.inner.read_rows(part, begin, end))

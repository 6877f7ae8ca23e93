"""Chosen rows of a source: read as the source is, a block at a time, the rows that a rule does not mean left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from esker._native import core
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block, key
from esker.blocks.groups import Groups, without_column
from esker.blocks.made import Made
from esker.blocks.mapped import Mapped
from esker.blocks.memory import empty
from esker.blocks.ranks import Ranks
from esker.blocks.records import Records

__all__ = ["Chosen", "row_counts", "sample", "split", "take_rows"]

#: Keys are looked at so many at a time.
STEP = 1 << 20


class Rule(Protocol):
    """Which rows of a block are meant."""

    def mask(self, block: Block) -> NDArray[np.bool_]: ...

    def count(self, counts: list[tuple[int, int]] | None) -> int | None: ...


@dataclass(frozen=True)
class Share:
    """Rows whose random number in [0, 1) lies in [low, high): a function of the row's key, or of its group's value."""

    seed: int
    stream: int
    number: int
    low: float
    high: float
    groups: Callable[[Block], NDArray[np.int64]] | None = None

    def mask(self, block: Block) -> NDArray[np.bool_]:
        return self._of(block.keys if self.groups is None else self.groups(block))

    def _of(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        u = (core.draws(self.seed, keys, self.stream, self.number) >> np.uint64(11)) * 2.0**-53
        mask: NDArray[np.bool_] = u < self.high
        return mask if self.low == 0 else mask & (u >= self.low)

    def count(self, counts: list[tuple[int, int]] | None) -> int | None:
        if counts is None or self.groups is not None:
            return None
        return sum(int(np.count_nonzero(self._of(keys))) for keys in all_keys(counts))


@dataclass(frozen=True)
class First:
    """Rows among the first so many of a random order."""

    ranks: Ranks
    size: int

    def mask(self, block: Block) -> NDArray[np.bool_]:
        return self.ranks.mask(block.keys, self.size)

    def count(self, counts: list[tuple[int, int]] | None) -> int | None:
        return self.size


class Chosen(Mapped):
    """The rows of ``inner`` that a rule means, with their keys.

    ``random_access`` is the inner source's, and so are the parts' rows: places that may be read, not rows that come.
    """

    def __init__(self, inner: Blocks, rule: Rule, what: str) -> None:
        super().__init__(inner, self._choose, {"nnz": None})
        self.rule, self.what = rule, what
        self._found: dict[int, int] = {}
        self._n_rows: int | None = None

    @property
    def source(self) -> str:  # type: ignore[override]
        """The inner source's, and what is chosen of it."""
        return f"{self.inner.source} ({self.what})"

    @property
    def n_rows(self) -> int | None:  # type: ignore[override]
        """Rows, where the keys of all are known, or once they were read."""
        if self._n_rows is None:
            self._n_rows = self.rule.count(row_counts(self.inner))
        if self._n_rows is None and len(self._found) == len(self.parts):
            self._n_rows = sum(self._found.values())
        return self._n_rows

    def whole(self) -> Block | None:
        return None

    def _choose(self, block: Block) -> Block:
        mask = self.rule.mask(block)
        if mask.all():
            return block
        return take_rows(block, np.flatnonzero(mask))

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        rows = 0
        for block in super()._read(part, start):
            rows += len(block)
            if len(block):
                yield block
        if start == 0:
            self._found[part.index] = rows


def take_rows(block: Block, rows: NDArray[np.int64]) -> Block:
    """A copy of some rows of a block, in this order."""
    x = block.X
    if isinstance(x, Records):
        some: Any = x.take(rows)
    elif isinstance(x, np.ndarray):
        some = empty((len(rows), x.shape[1]), x.dtype)
        np.take(x, rows, axis=0, out=some, mode="clip")  # clip: into `some` itself, not through a copy
    else:
        some = x[rows]
        kind = x.indices.dtype
        some.indices, some.indptr = (
            some.indices.astype(kind, copy=False),
            some.indptr.astype(kind, copy=False),
        )
    keys = block.keys[rows]
    return Block(
        some,
        None if block.y is None else block.y[rows],
        None if block.sample_weight is None else block.sample_weight[rows],
        first_key=int(keys[0]) if len(keys) else block.first_key,
        row_keys=keys,
    )


def row_counts(blocks: Blocks) -> list[tuple[int, int]] | None:
    """(part's number, rows) where the rows are known to be 0, 1, ... of each part; None elsewhere."""
    while type(blocks) is Mapped and "n_rows" not in blocks.known:
        blocks = blocks.inner
    if not blocks.keeps_rows or any(part.rows is None for part in blocks.parts):
        return None
    return [(part.index, int(part.rows or 0)) for part in blocks.parts]


def all_keys(counts: list[tuple[int, int]]) -> Iterator[NDArray[np.int64]]:
    """The keys of all rows, some at a time."""
    for part, rows in counts:
        for begin in range(0, rows, STEP):
            yield np.arange(key(part, begin), key(part, 0) + min(begin + STEP, rows), dtype=np.int64)


# --- what the methods of Blocks do ---


def split(
    blocks: Blocks, test_size: float | None, sizes: Sequence[float] | None, by: Any, seed: int, drop: bool
) -> list[Blocks]:
    """See `Blocks.split`."""
    shares, seed = _shares(test_size, sizes), checked_seed(seed)
    groups = None if by is None else Groups.of(blocks, by, row_counts)
    if drop and (groups is None or groups.column is None):
        raise ValueError("drop=True has no effect unless by= names a column of X; leave it out")
    stream = core.STREAMS["split" if groups is None else "group"]
    number = _depth(blocks, stream)
    ends = np.cumsum(
        [0.0, *shares[::-1]]
    )  # from the last share on, so that test rows of less are test rows of more
    ends[-1] = 1.0
    chosen = []
    for i in range(len(shares)):
        low, high = float(ends[len(shares) - 1 - i]), float(ends[len(shares) - i])
        rule = Share(seed, stream, number, low, high, groups)
        some = _choose(blocks, rule, f"split {i + 1} of {len(shares)}", groups)
        chosen.append(without_column(some, groups.column) if drop and groups is not None else some)
    return chosen


def sample(blocks: Blocks, sizes: list[Any], seed: Any) -> list[Blocks]:
    """See `Blocks.sample` and `Blocks.prefixes`."""
    seed = checked_seed(seed)
    if not sizes:
        raise ValueError("expected at least one size, a number of rows or a share of them, got none")
    for size in sizes:
        whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
        if not (size >= 1 if whole else isinstance(size, float | np.floating) and 0 < size < 1):
            raise ValueError(
                f"a size is a positive whole number of rows, or a share of them between 0 and 1, got {size!r}"
            )
    stream = core.STREAMS["sample"]
    number = _depth(blocks, stream)
    exact = [int(size) for size in sizes if size >= 1]
    ranks = Ranks(blocks, exact, seed, number, row_counts, all_keys) if exact else None
    chosen = []
    for size in sizes:
        rule: Rule = Share(seed, stream, number, 0.0, float(size))
        if ranks is not None and size >= 1:
            rule = First(ranks, int(size))
        chosen.append(_choose(blocks, rule, f"sample of {size:,}"))
    return chosen


def _choose(blocks: Blocks, rule: Rule, what: str, groups: Groups | None = None) -> Blocks:
    """The chosen rows; of blocks made of others row by row, those of the others, so that the rest is never made."""
    named_here = groups is not None and groups.reads is blocks
    if (
        isinstance(blocks, Mapped)
        and type(blocks) in (Mapped, Made)
        and "n_rows" not in blocks.known
        and not named_here
    ):
        known = {name: value for name, value in blocks.known.items() if name != "nnz"}
        return blocks.over(_choose(blocks.inner, rule, what, groups), known)
    return Chosen(blocks, rule, what)


def _depth(blocks: Blocks, stream: int) -> int:
    """How many choices of this kind lie beneath: each draws for itself."""
    depth = 0
    while isinstance(blocks, Mapped):
        if isinstance(blocks, Chosen):
            rule = blocks.rule
            own = rule.stream if isinstance(rule, Share) else core.STREAMS["sample"]
            depth += own == stream
        blocks = blocks.inner
    return depth


def _shares(test_size: Any, sizes: Sequence[Any] | None) -> list[float]:
    if sizes is None:
        test = 0.25 if test_size is None else test_size
        if isinstance(test, bool) or not isinstance(test, int | float | np.number) or not 0 < test < 1:
            raise ValueError(
                f"test_size must be a share of the rows between 0 and 1, got {test!r}; for so many rows take head or sample"
            )
        return [1.0 - float(test), float(test)]
    if test_size is not None:
        raise ValueError("test_size and sizes say the same; leave one out")
    shares = [float(share) for share in sizes]
    if len(shares) < 2 or any(not 0 < share < 1 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"sizes must be two or more shares between 0 and 1 that sum to 1, got {sizes!r}")
    return shares


def checked_seed(seed: Any) -> int:
    """A seed as 64 bits."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 1 << 64:
        raise ValueError(f"seed must be a whole number from 0 to 2**64 - 1, got {seed!r}")
    return int(seed)

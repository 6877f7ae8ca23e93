"""Epoch order: which rows a learner that steps visits next, a pure function of (seed, epoch, the data, shuffle_rows).

The unit is 4,096 consecutive row keys. An epoch's units are permuted where the source can be read anywhere, and come in
sequence where it cannot; rows are mixed within a buffer of `shuffle_rows`. How blocks were cut, and the memory at hand,
change nothing: memory decides only how many buffers are alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker._native import core
from esker.blocks.ahead import ahead
from esker.blocks.block import UNIT, Block
from esker.blocks.buffer import RowBuffer, cut, stored
from esker.blocks.filling import Buffers, Filling
from esker.blocks.mapped import Mapped
from esker.blocks.memory import PANEL, show_size
from esker.blocks.mixing import Mixing
from esker.blocks.pool import Pool
from esker.blocks.strata import HANDS, unit_order

if TYPE_CHECKING:
    from esker.blocks.base import Blocks, Part

__all__ = ["Rule", "visits"]

_STREAM = core.STREAMS
#: How many rows at a time are dealt from a run of neighbours.
TURN = 4
#: The default buffer: at most so many rows, and so many stored numbers of a dense or of a sparse source.
ROWS, DENSE_NUMBERS, SPARSE_NUMBERS = 16 * UNIT, 1 << 22, 1 << 21


@dataclass(frozen=True, slots=True)
class Walk:
    """How an epoch goes through a source: whether its units are permuted, their rows, and how many make a buffer."""

    permuted: bool
    unit: int = UNIT
    strata: int = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """When a buffer is full: at `rows` rows, or (looked at every 256 rows of a part) at `numbers` stored numbers."""

    rows: int
    numbers: int | None = None

    @classmethod
    def of(cls, columns: int, sparse: bool, shuffle_rows: int | None) -> Rule:
        """The rule of a source: the user's `shuffle_rows`, or the default for its width.

        >>> Rule.of(10, False, None), Rule.of(300, False, None), Rule.of(300, True, None)
        (Rule(rows=65536, numbers=None), Rule(rows=13824, numbers=None), Rule(rows=65536, numbers=2097152))
        """
        if shuffle_rows is not None:
            if isinstance(shuffle_rows, bool) or shuffle_rows != int(shuffle_rows) or shuffle_rows < 1:
                raise ValueError(
                    f"shuffle_rows must be a positive number of rows or None, got {shuffle_rows!r}"
                )
            return cls(int(shuffle_rows))
        if sparse:
            return cls(ROWS, SPARSE_NUMBERS)
        return cls(min(ROWS, max(PANEL, DENSE_NUMBERS // max(columns, 1) // PANEL * PANEL)))


def _units(blocks: Blocks, epoch: int, seed: int, walk: Walk) -> Iterator[tuple[Part, int, int]]:
    """The units of the data in this epoch's order, as (part, begin, end)."""
    counts = [-(-int(p.rows or 0) // walk.unit) for p in blocks.parts]
    ends = np.cumsum(counts)
    for unit in unit_order(seed, epoch, int(ends[-1]), walk.strata).tolist():
        i = int(np.searchsorted(ends, unit, side="right"))
        part = blocks.parts[i]
        begin = (unit - int(ends[i]) + counts[i]) * walk.unit
        yield part, begin, min(begin + walk.unit, int(part.rows or 0))


def buffer_rows(rule: Rule, nnz: int | None, n_rows: int | None) -> int:
    """About how many rows a full buffer has."""
    if rule.numbers is None or not nnz or not n_rows:
        return rule.rows
    return max(min(rule.rows, rule.numbers * n_rows // nnz), 1)


def unit_of(rows: int, clustered: bool) -> int:
    """Rows of a unit; of clustered rows so few that a buffer of `rows` has at least 128 units, from all over the source.

    >>> unit_of(10**6, False), unit_of(10**6, True), unit_of(5000, True)
    (4096, 256, 32)
    """
    return min(PANEL, 1 << max((rows // 128).bit_length() - 1, 0)) if clustered else UNIT


def _walk(blocks: Blocks, epoch: int, shuffle: bool, shuffle_rows: int | None, clustered: bool) -> Walk:
    known = blocks.random_access and all(p.rows is not None for p in blocks.parts)
    if not (shuffle and known and (epoch > 0 or clustered or not blocks.sequential_first)):
        return Walk(False)
    rows = buffer_rows(_rule(blocks, shuffle_rows), blocks.nnz, blocks.n_rows)
    unit = unit_of(rows, clustered)
    return Walk(True, unit, max(rows // unit, 1))


def _pieces(
    blocks: Blocks, epoch: int, seed: int, walk: Walk, skip: int, scratch: Pool
) -> Iterator[tuple[int, Block]]:
    """The epoch's rows in order, before they are mixed, with their position; rows before `skip` need not be read."""
    at = 0
    if walk.permuted:
        for part, begin, end in _units(blocks, epoch, seed, walk):
            if at + end - begin > skip:
                yield at, blocks.read_unit(part, begin, end, scratch)
            at += end - begin
        return
    for part in blocks.parts:
        begin = max(skip - at, 0) // UNIT * UNIT
        if part.rows is not None and begin >= part.rows:
            at += part.rows
            continue
        at += begin
        for block in blocks.read_pieces(part, begin):
            yield at, block
            at += len(block)


def _mixed(seed: int, epoch: int, buffer: int, n: int, outright: bool) -> NDArray[np.int64]:
    """The order of a buffer's rows: dealt `TURN` at a time, at random, from `HANDS` runs of neighbours.

    A core reads on in a few places several times faster than it jumps to rows anywhere. Each run keeps its own order; what
    was one stretch of rows is spread over some `HANDS` times its length. A buffer of at most 4,096 rows, which a cache
    holds, is permuted outright, and so are rows that lie clustered by label.
    """
    key = epoch << 40 | buffer
    if outright or n <= UNIT:
        return core.permutation(seed, key, _STREAM["row_order"], n)
    return core.dealt(seed, key, _STREAM["row_order"], n, TURN, HANDS)


def _in_place(
    whole: Block,
    epoch: int,
    seed: int,
    shuffle: bool,
    shuffle_rows: int | None,
    start: int,
    clustered: bool,
) -> Iterator[Block]:
    """Visit rows where they lie: each buffer is the whole block and the numbers of the rows to visit."""
    x, n = whole.X, len(whole)
    rule = _rule_of(whole, shuffle_rows)
    filling = Filling(rule)
    full = buffer_rows(rule, stored(x) if rule.numbers else None, n)
    size = unit_of(full, clustered)
    units = -(-n // size)
    walk: Iterable[int] = range(units)
    if shuffle:
        walk = unit_order(seed, epoch, units, max(full // size, 1)).tolist()
    ranges: list[tuple[int, int]] = []

    def visit(number: int) -> Block:
        if not shuffle:
            return cut(whole, ranges[0][0], ranges[-1][1])
        rows = np.concatenate([np.arange(begin, end, dtype=np.int64) for begin, end in ranges])
        rows = rows[_mixed(seed, epoch, number, len(rows), clustered)]
        return Block(x, whole.y, whole.sample_weight, whole.first_key, rows, whole.row_keys)

    number = 0
    for unit in walk:
        for number, begin, end, is_full in filling.shares(
            x, unit * size, min((unit + 1) * size, n), unit * size
        ):
            ranges.append((begin, end))
            if is_full:
                if number >= start:
                    yield visit(number)
                ranges = []
    if ranges and number >= start:
        yield visit(number)


def _room(blocks: Blocks, rule: Rule) -> int:
    """Rows to make room for: no more than there are."""
    return min(rule.rows, blocks.n_rows) if blocks.n_rows is not None else rule.rows


def _free(blocks: Blocks) -> int | None:
    """Bytes that a buffer may take beside a block and what the learner has reserved."""
    if blocks.max_memory is None:
        return None
    return max(blocks.max_memory - blocks.reserved - blocks.block_bytes - blocks.reading_bytes, 0)


def visits(
    blocks: Blocks,
    epoch: int,
    *,
    seed: int,
    shuffle: bool,
    shuffle_rows: int | None,
    start: int,
    then: Callable[[Block], Any],
) -> Iterator[Any]:
    """See `Blocks.visits`."""
    seed &= (1 << 64) - 1
    whole = blocks.whole()
    if blocks.mixing is None:
        blocks.mixing = Mixing()
    rule = _rule(blocks, shuffle_rows)
    mixed = False
    if whole is not None:
        if shuffle:
            _, mixed = blocks.mixing.prepare(blocks, 1, rule.rows)
        yield from map(then, _in_place(whole, epoch, seed, shuffle, shuffle_rows, start, mixed))
        return
    blocks.before_epoch(epoch, shuffle)
    source, mixing = blocks, blocks.mixing
    if shuffle:
        reserved = blocks.reserved
        blocks, mixed = mixing.prepare(blocks, epoch, rule.rows)
        blocks.reserved = reserved
    walk = _walk(blocks, epoch, shuffle, shuffle_rows, mixed)
    watched = shuffle and not (walk.permuted or start or epoch)  # else not all passes, or all is known
    depth = 1
    free = _free(blocks)
    if free is not None:
        need = _expected(blocks, shuffle_rows)
        if need is not None and need > free:
            raise ValueError(
                f"a shuffle buffer of {_room(blocks, _rule(blocks, shuffle_rows))} rows takes {show_size(need)}, and "
                f"{show_size(free)} of max_memory={show_size(blocks.max_memory or 0)} are free for it; "
                "pass a smaller shuffle_rows=, or grant more memory"
            )
        depth = 1 if need is not None and 2 * need <= free else 0
    if not blocks.threaded:
        depth = 0

    rule = _rule(blocks, shuffle_rows)
    size = _expected(blocks, shuffle_rows) or 0
    # What waits in a pool counts too: where three buffers do not fit, each is given back at once.
    pool = Pool((1 + depth) * size) if free is None or 3 * size <= free else None
    scratch = Pool(blocks.block_bytes)
    below, finish = blocks.bare() if isinstance(blocks, Mapped) else (blocks, lambda block: block)

    def empty(rule: Rule) -> RowBuffer:
        return RowBuffer(
            _room(blocks, rule), free, "pass a smaller shuffle_rows=", pool, _numbers(blocks, rule)
        )

    def walked() -> Iterator[Any]:
        mix = (lambda b, n: _mixed(seed, epoch, b, n, mixed)) if shuffle else (lambda b, n: None)
        buffers = Buffers(empty, mix, start)
        known = below.keeps_rows and below.is_sparse is not None and below.n_columns is not None
        sequence = below.fills and (not watched or mixing.probed is not None or not blocks.n_targets)
        if known and walk.permuted:
            found = buffers.filled(below, _units(below, epoch, seed, walk), rule, scratch)
        elif known and sequence:
            found = buffers.filled(below, ((p, 0, int(p.rows or 0)) for p in below.parts), rule, scratch)
        else:
            straight = rule.numbers is None and below.keeps_rows and blocks.n_columns is not None
            skip = start * rule.rows if straight and blocks.is_sparse is not None else 0
            pieces = _pieces(below, epoch, seed, walk, skip, scratch)
            found = buffers.of_pieces(
                mixing.watch(pieces, source) if watched else pieces,
                lambda piece: _rule_of(piece, shuffle_rows),
            )
        for block in found:
            yield then(finish(block))
            del block  # its memory is free before the next one is filled

    yield from ahead(walked, depth)


def _rule_of(block: Block, shuffle_rows: int | None) -> Rule:
    return Rule.of(block.X.shape[1], not isinstance(block.X, np.ndarray), shuffle_rows)


def _rule(blocks: Blocks, shuffle_rows: int | None) -> Rule:
    return Rule.of(blocks.n_columns or 1, bool(blocks.is_sparse), shuffle_rows)


def _numbers(blocks: Blocks, rule: Rule) -> int:
    """About how many numbers a full buffer of sparse rows holds; 0 where nothing is known of it."""
    known = blocks.nnz is not None and blocks.n_rows
    numbers = (
        int(1.05 * (blocks.nnz or 0) / (blocks.n_rows or 1) * _room(blocks, rule)) + 1024 if known else 0
    )
    if rule.numbers is None:
        return numbers
    most = int(1.05 * rule.numbers) + 1024  # one granule of 256 rows more
    return min(numbers, most) if known else most


def _expected(blocks: Blocks, shuffle_rows: int | None) -> int | None:
    """Bytes of a full buffer, where the source says enough of itself."""
    if blocks.is_sparse is None or (blocks.n_columns is None and not blocks.is_sparse):
        return None
    rule = _rule(blocks, shuffle_rows)
    room = _room(blocks, rule)
    item = int(blocks.dtype.itemsize)
    extra = 8 * (3 + (blocks.n_targets or 0))  # keys, order, weight, targets
    if not blocks.is_sparse:
        return room * ((blocks.n_columns or 0) * item + extra)
    numbers = None if blocks.nnz is None or not blocks.n_rows else int(blocks.nnz / blocks.n_rows * room) + 1
    if rule.numbers is not None:
        numbers = min(numbers, rule.numbers) if numbers is not None else rule.numbers
    return None if numbers is None else int(1.1 * numbers) * (item + 4) + room * (extra + 8)

"""Rows summed into a state that merges exactly: reading ahead, progress, checkpoints; what Gram learners walk by."""

from __future__ import annotations

import os
from contextlib import closing, nullcontext
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from esker import learning_checkpoint as checkpoints
from esker._native import core
from esker._progress import Watch, advance, watching
from esker.blocks import ROW_BITS, UNIT
from esker.folds import Gram

if TYPE_CHECKING:
    from collections.abc import Callable

    from esker.blocks import Block, Blocks

__all__ = ["Checkpoint", "Lines", "sum_rows"]

#: What a fit may change without its sums being other sums.
LOOSE = ("checkpoint", "n_threads", "verbose", "max_memory", "keep_state", "copy_X", "random_state")


class Checkpoint:
    """Sums saved every few seconds, and found again by a fit with the same parameters and data.

    Parameters
    ----------
    estimator : estimator
        Its ``checkpoint`` is the path, its parameters are part of the identity.
    blocks : Blocks
    """

    #: Seconds between saves.
    every = 10.0

    def __init__(self, estimator: Any, blocks: Blocks) -> None:
        self.path, self.blocks = estimator.checkpoint, blocks
        self.identity = _identity(estimator, blocks)
        self.saved = perf_counter()

    def load(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Facts and arrays of an earlier fit that was cut short."""
        return checkpoints.load(self.path, self.identity)

    def after(self, block: Block, state: Gram, facts: dict[str, Any]) -> None:
        """Save if it is time, and the place is one where reading may begin."""
        if perf_counter() - self.saved < self.every or not len(block):
            return
        key = block.first_key + len(block) if block.row_keys is None else int(block.row_keys[-1]) + 1
        part, row = _next(self.blocks, key)
        if row % UNIT == 0:
            facts = {"identity": self.identity, "part": part, "row": row, **facts}
            checkpoints.save(self.path, facts, state.to_arrays())
            self.saved = perf_counter()

    def remove(self) -> None:
        """The fit is complete."""
        checkpoints.remove(self.path)


class _Float64Targets:
    """Blocks with their targets as float64, in memory that the next block uses again.

    Fresh memory for every block takes longer to come than thin rows take to be summed.
    """

    def __init__(self) -> None:
        self._room = np.empty(0)

    def __call__(self, block: Block) -> Block:
        y = block.y
        if y is None or y.dtype == np.float64 or y.dtype.kind not in "fiub":
            return block
        if self._room.size < y.size:
            self._room = np.empty(y.size)
        room = self._room[: y.size].reshape(y.shape)
        np.copyto(room, y)
        return replace(block, y=room)


def sum_rows(
    blocks: Blocks,
    update: Callable[[Block], None],
    *,
    start: tuple[int, int] = (0, 0),
    after: Callable[[Block], None] | None = None,
    verbose: int = 0,
    name: str = "",
    long: bool = False,
) -> None:
    """Give every block to `update`, until the rows end or the watcher asks to end.

    Parameters
    ----------
    blocks : Blocks
    update : callable
    start : (int, int)
        Position in the parts, row within that part.
    after : callable, optional
        Called with each block once it is summed.
    verbose : int
        1 prints rows a second, under `name`.
    long : bool
        Whether blocks may be long views, as `update` needs no memory in proportion to one. Their targets are float64.
    """
    if start[0] >= len(blocks.parts):
        return
    float64 = _Float64Targets()
    with watching(Lines(name)) if verbose else nullcontext():
        for block in blocks.read_long(start) if long else blocks.read_ahead(start=start):
            update(float64(block) if long else block)
            if not advance(len(block), block.nbytes):
                break
            if after is not None:
                after(block)
            del block  # the reader fills its memory again while the next one is waited for


def _next(blocks: Blocks, key: int) -> tuple[int, int]:
    """Where the row after the last one is: position in the parts, row within the part."""
    number, row = key >> ROW_BITS, key & ((1 << ROW_BITS) - 1)
    place = [part.index for part in blocks.parts].index(number)
    rows = blocks.parts[place].rows
    return (place + 1, 0) if rows is not None and row >= rows else (place, row)


def _identity(estimator: Any, blocks: Blocks) -> dict[str, Any]:
    """What must agree for a checkpoint to be of this fit."""
    with closing(blocks.read(blocks.parts[0])) as first:
        block = next(iter(first), None)
    files = [(str(f), os.stat(f).st_size, os.stat(f).st_mtime_ns) for f in blocks.files]
    params = estimator.get_params(deep=False).items()
    return {
        "estimator": type(estimator).__name__,
        **{k: _plain(v) for k, v in params if k not in LOOSE},
        "source": blocks.source,
        "parts": [[part.index, part.name, part.rows] for part in blocks.parts],
        "columns": blocks.n_columns,
        "dtype": blocks.dtype.name,
        "block_bytes": blocks.block_bytes,
        "files": [list(f) for f in files],
        "first_rows": None if block is None else checkpoints.fingerprint(block),
        "isa": core.config()["isa"],
    }


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return repr(value) if array.dtype.hasobject else array.tolist()


class Lines(Watch):
    """Prints a line every two seconds."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.began = self.told = perf_counter()

    def show(self) -> None:
        now = perf_counter()
        if now - self.told >= 2:
            self.told = now
            rate = self.rows / (now - self.began)
            print(f"{self.name}: {self.rows:,} rows summed, {rate:,.0f} rows/s", flush=True)

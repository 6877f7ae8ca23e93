"""What a fit by steps holds out of which rows, and what it has to know of them before."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._progress import advance
from esker.blocks.arrays import ArrayBlocks
from esker.blocks.walks import closing
from esker.learning_holdout import NUMBERS, ROWS, SPARSE_NUMBERS

if TYPE_CHECKING:
    from esker.blocks import Blocks

__all__ = ["HOLD_OUT_FROM", "counted", "held_bytes", "measure", "share_held_out", "tell_weights"]

#: Data sets with fewer rows hold nothing out.
HOLD_OUT_FROM = 1000
#: Of a source that is read in sequence no more rows than this are counted: whether there are more is known of it and of
#: its cache alike, so that both hold out the same rows.
COUNTED, SHARE_OF_MORE = 1 << 15, 0.02


def held_bytes(blocks: Blocks, n_rows: int | None, share: float) -> int:
    """Bytes of the held-out rows that are kept, at most."""
    rows = ROWS if n_rows is None else min(ROWS, int(share * n_rows))
    if share == 0 or blocks.is_sparse is None:
        return 0
    if not blocks.is_sparse:
        return min(rows * (blocks.n_columns or 0), NUMBERS) * int(blocks.dtype.itemsize) + 16 * rows
    numbers = SPARSE_NUMBERS
    if blocks.nnz is not None and n_rows:
        numbers = min(numbers, int(rows * blocks.nnz / n_rows))
    return numbers * (int(blocks.dtype.itemsize) + 4) + 24 * rows


def counted(blocks: Blocks, n_rows: int | None) -> tuple[int | None, int | None]:
    """How many rows there are and how many columns dense ones have (0: sparse); None where they are not known.

    Functions of the data alone, not of what its storage knows before it is read: of a source that is read in sequence, rows are
    known where there are no more than COUNTED, and are read as far as that takes.
    """
    width = None if blocks.is_sparse is None else 0 if blocks.is_sparse else blocks.n_columns
    if not blocks.sequential_first:
        return n_rows, width
    if n_rows is not None and (n_rows > COUNTED or width is not None):
        return (None if n_rows > COUNTED else n_rows), width
    if not blocks.rereadable:
        return None, width
    rows = 0
    with closing(blocks.read_ahead()) as walk:
        for block in walk:
            rows += len(block)
            width = block.X.shape[1] if isinstance(block.X, np.ndarray) else 0
            if rows > COUNTED:
                return None, width
    return rows, width


def measure(blocks: Blocks) -> None:
    """Find the width of a source that is wider than memory may allow tables for: one walk, which it remembers."""
    if blocks.n_columns is None and blocks.max_memory is not None and blocks.rereadable:
        for block in blocks:
            if not advance(len(block), block.nbytes):
                raise KeyboardInterrupt


def tell_weights(model: Any, blocks: Blocks) -> None:
    """Warn of weights that, as a whole, make steps tiny or huge: a weight of h is a row that comes h times."""
    weight = blocks.sample_weight if isinstance(blocks, ArrayBlocks) else None
    if weight is None or not (weight > 0).any():
        return
    mean = float(weight[weight > 0].mean())
    if not 1e-3 <= mean <= 1e4:
        warnings.warn(
            f"{type(model).__name__}: sample_weight averages {mean:.3g}, and a step is as large as its row's weight; divide the weights by "
            "their mean",
            UserWarning,
            stacklevel=5,
        )


def share_held_out(model: Any, n_rows: int | None, width: int | None) -> float:
    """The share of rows held out, of rows and a width as `counted`: no more than are scored, and none of a small data set."""
    if not model.early_stopping:
        return 0.0
    share = float(model.validation_fraction)
    if n_rows is None:
        return min(share, SHARE_OF_MORE)
    if n_rows < HOLD_OUT_FROM:
        return 0.0
    return min(share, min(ROWS, NUMBERS // width if width else ROWS) / n_rows)

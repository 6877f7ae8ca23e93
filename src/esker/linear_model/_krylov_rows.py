"""What conjugate gradients ask of the rows, a walk each: the columns' sums once, then X'(w (X p)) at every iteration.

Rows that lie in memory are walked as they lie. Those that a file gives are kept decoded where the memory granted has room
for all of them; else every walk reads them again.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from esker._native import core
from esker._progress import advance, stopped
from esker.blocks.arrays import ArrayBlocks
from esker.blocks.buffer import cut, stored
from esker.blocks.memory import physical_memory, show_size
from esker.blocks.walks import closing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks

__all__ = ["Rows", "Sums"]

#: Without max_memory, rows of at most this share of the machine's memory are kept.
SHARE = 0.4
#: Numbers of a piece of rows that lie in memory: between pieces a walk may be interrupted, about every hundredth of a second.
PIECE = 1 << 24
#: Of rows in memory that hold so many numbers, and so many times as many rows as columns, a share gives a start, from so many runs.
MANY, TALL, SAMPLE, RUNS = 1 << 22, 160, 20, 8


@dataclass
class Sums:
    """What one walk tells of the columns; about the means, or about zero where no intercept is fit."""

    rows: int
    weight: float
    flat: bool
    mean: NDArray[np.float64]
    mean_y: NDArray[np.float64]
    #: Of each column: the sum of w x^2.
    spread: NDArray[np.float64]
    #: (targets, d): sums of w x (y - x start).
    xy: NDArray[np.float64]
    #: (targets,): sums of w y^2.
    yy: NDArray[np.float64]
    #: (targets,): sums of w (y - x start)^2; and as they were multiplied, where the means are yet to be taken off.
    left: NDArray[np.float64]
    left_raw: NDArray[np.float64]
    #: The sum of w x^2 over all columns, of the numbers that products are made of: dense rows are centred before.
    raw: float
    #: The most numbers that a row has.
    longest: int
    #: Coefficients that the sums were taken from; None: zeros.
    start: NDArray[np.float64] | None = None


class Rows:
    """Blocks that are walked many times.

    Attributes
    ----------
    sparse : bool
    passes : int
        Walks that ended.
    """

    def __init__(self, blocks: Blocks) -> None:
        self.blocks, self.sparse, self.passes = blocks, False, 0
        self._sampled = False
        #: All rows, where they lie in memory.
        self.whole: Block | None = None
        whole = blocks.whole()
        self._kept: list[Block] | None = [] if whole is None else None
        self._complete = False
        if whole is not None and isinstance(
            blocks, ArrayBlocks
        ):  # a map's blocks are made, and checked, at each walk
            self._kept, self._complete, self.whole = _pieces(whole), True, whole
        self._product: core.NormalProduct | None = None
        self._lanes = 0

    def count(self) -> int:
        """Rows there are, by a walk where nobody knows."""
        if self.whole is not None:
            return len(self.whole)
        known = self.blocks.n_rows
        if known is not None:
            return known
        n = sum(len(block) for block in self.walk())
        self.passes += 1
        return n

    def walk(self) -> Iterator[Block]:
        """Every block; those of the first walk are kept while there is room. An early end raises InterruptedError."""
        if self._kept and self._complete:
            for block in self._kept:
                yield block
                if stopped() if self._sampled else not advance(len(block), block.nbytes, epoch=self.passes):
                    raise InterruptedError
            return
        held, room = 0, self.room()
        if self._kept is not None and self.blocks.rereadable and self._bytes() > room:
            self._kept = None  # known before they are read
        for block in self.blocks.read_ahead():
            yield block
            if self._kept is not None:
                held += block.nbytes
                self._kept.append(block)
                if held > room:
                    self._kept = None
                    if not self.blocks.rereadable:
                        raise ValueError(
                            f"this solver walks the rows many times, and {self.blocks.source} can be read once and "
                            f"exceeds the {show_size(room)} that are free: write a block file first, or grant more memory"
                        )
            if not advance(len(block), block.nbytes, epoch=self.passes):
                raise InterruptedError
        self._complete = self._kept is not None

    def held(self) -> list[Block] | None:
        """All blocks, read once and kept; None where there is no room for them."""
        if not self._complete:
            if not self.fits():
                return None
            with closing(self.walk()) as blocks:
                for _ in blocks:
                    if self._kept is None:
                        return None
            self.passes += 1
        return self._kept

    def fits(self) -> bool:
        """Whether all rows have room in memory, as far as that is known."""
        return self._complete or not self.blocks.rereadable or self._bytes() <= self.room()

    def room(self) -> int:
        """Bytes that are free beside what is read, or a share of the machine's."""
        blocks = self.blocks
        if blocks.max_memory is None:
            return int(SHARE * physical_memory())
        ahead = blocks.reading_bytes + blocks.block_bytes * (blocks.budget.depth + 1)
        return max(blocks.max_memory - blocks.reserved - ahead, 0)

    def _bytes(self) -> int:
        """Of all rows in memory, as far as that is known."""
        blocks = self.blocks
        if blocks.n_rows is None or blocks.n_columns is None:
            return 0
        if blocks.is_sparse is False:
            return int(blocks.n_rows * blocks.n_columns * blocks.dtype.itemsize)
        return int((blocks.nnz or 0) * (blocks.dtype.itemsize + 4))

    def sample(self) -> Rows | None:
        """A share of the rows, in runs from all over, as they lie; None unless they lie in memory, sparse, many and tall."""
        whole = self.blocks.whole() if self._complete else None
        if whole is None or isinstance(whole.X, np.ndarray):
            return None
        n, d = whole.X.shape
        if stored(whole.X) < MANY or n < TALL * d or n < SAMPLE * RUNS:
            return None
        cuts = [n * i // RUNS for i in range(RUNS)]
        pieces = [cut(whole, i, i + n // RUNS // SAMPLE) for i in cuts]
        if whole.sample_weight is not None and not any(np.any(piece.sample_weight) for piece in pieces):
            return None
        found = copy(self)
        found._kept, found._sampled = pieces, True
        return found

    def sums(self, centred: bool, start: NDArray[np.float64] | None = None) -> Sums:
        """The first walk; a start is of one target, and of sparse rows in memory."""
        sums: core.ColumnSums | None = None
        shift, flat, longest = np.zeros(0), True, 0
        for block in self.walk():
            y = block.raw_y()
            assert block.y is not None
            assert y is not None
            if sums is None:
                self.sparse = not isinstance(block.X, np.ndarray)
                with np.errstate(over="ignore"):
                    flat, shift = block.y.ndim == 1, y.mean(axis=0)
                sums = core.ColumnSums(self.blocks.n_columns or block.X.shape[1], shift, start)
            longest = max(longest, int(np.diff(block.X.indptr).max()) if self.sparse else block.X.shape[1])
            sums.update(block.raw_x(), y, block.sample_weight)
        self.passes += 1
        if sums is None:
            raise ValueError(
                f"Found array with 0 sample(s) in {self.blocks.source} while a minimum of 1 is required by Ridge."
            )
        total, weight = sums.finish(), float(sums.weight)
        if weight == 0:
            raise ValueError(
                f"sample_weight is zero in every row of {self.blocks.source}; at least one row needs a positive weight"
            )
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused by its sums
            level, about = total[0], sums.y / weight
            rest, squares = sums.y, sums.yy
            if start is not None:
                rest, squares = np.array([sums.rest]), np.array([sums.rest_squares])
            if not centred:
                yy = sums.yy + 2 * shift * sums.y + weight * shift**2
                left = squares + 2 * shift * rest + weight * shift**2
                xy = total[2:] + np.outer(shift, level)
                none = np.zeros(len(level)), np.zeros(len(shift))
                raw = float(total[1].sum())
                return Sums(
                    sums.rows, weight, flat, *none, total[1], xy, yy, left, squares, raw, longest, start
                )
            mean = level / weight
            spread = np.maximum(total[1] - level * mean, 0.0)
            xy = total[2:] - np.outer(rest / weight, level)
            left = np.maximum(squares - rest / weight * rest, 0.0)
            yy = np.maximum(sums.yy - about * sums.y, 0.0)
            raw = float((total[1] if self.sparse else spread).sum())
            return Sums(
                sums.rows,
                weight,
                flat,
                mean,
                shift + about,
                spread,
                xy,
                yy,
                left,
                squares,
                raw,
                longest,
                start,
            )

    def products(self, p: NDArray[np.float64], sums: Sums) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``X'(w (X p))`` of centred rows for each row of p (lanes, d), and ``p'X'(w (X p))``."""
        out, total = self._pass(p, -(p @ sums.mean) if self.sparse else np.zeros(len(p)), sums, None)
        return out, total[:, 1] - total[:, 0] ** 2 / sums.weight if sums.mean.any() else total[:, 1]

    def residuals(
        self, w: NDArray[np.float64], sums: Sums, targets: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``X'(weight r)`` and ``r'(weight r)`` of the true residuals ``r = y - X w``, centred."""
        return self.true_residuals(w, sums, targets)[:2]

    def true_residuals(
        self, w: NDArray[np.float64], sums: Sums, targets: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """As `residuals`, and their means, which rounding left; 0 where no intercept is fit."""
        base = (w @ sums.mean if self.sparse else np.zeros(len(w))) - sums.mean_y[targets]
        out, total = self._pass(-w, base, sums, targets)
        about = sums.mean.any() or sums.mean_y.any()
        level = total[:, 0] / sums.weight if about else np.zeros(len(w))
        return out, total[:, 1] - (total[:, 0] * level if sums.mean.any() else 0), level

    def _pass(
        self,
        p: NDArray[np.float64],
        base: NDArray[np.float64],
        sums: Sums,
        targets: NDArray[np.int64] | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        lanes, d = p.shape
        if self._product is None or self._lanes != lanes:
            self._product = None  # its memory goes first
            self._product, self._lanes = core.NormalProduct(d, lanes, self.sparse), lanes
        product = self._product
        product.begin(np.ascontiguousarray(p), np.ascontiguousarray(base), sums.mean)
        for block in self.walk():
            y = None if targets is None else block.raw_y()
            product.update(block.raw_x(), y, block.sample_weight, targets)
        self.passes += 1
        return product.finish()


def _pieces(block: Block) -> list[Block]:
    """Views of a block's rows, cut once: doing so at each walk took a sixth of it."""
    rows = max(1, len(block) * PIECE // max(stored(block.X), 1))
    return [cut(block, i, min(i + rows, len(block))) for i in range(0, len(block), rows)]

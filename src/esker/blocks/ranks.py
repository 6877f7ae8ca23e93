"""The first k rows of a random order, for several k at once: rows with the smallest random numbers, found in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from esker._native import core
from esker.blocks.memory import show_size

if TYPE_CHECKING:
    from esker.blocks.base import Blocks

__all__ = ["Ranks"]


class Ranks:
    """Which rows come first in the order of their random numbers (then of their keys, where two are equal).

    Parameters
    ----------
    blocks : Blocks
    sizes : list of int
        The k's that will be asked for.
    seed, number : int
        Of the random numbers, see ``core.draws``.
    counts, keys : callable
        `row_counts` and `all_keys` of `esker.blocks.chosen`.
    """

    def __init__(
        self,
        blocks: Blocks,
        sizes: list[int],
        seed: int,
        number: int,
        counts: Callable[[Blocks], list[tuple[int, int]] | None],
        keys: Callable[[list[tuple[int, int]]], Iterator[NDArray[np.int64]]],
    ) -> None:
        self.blocks, self.sizes, self.seed, self.number = blocks, sizes, seed, number
        self._counts, self._keys = counts, keys
        self._last: dict[int, tuple[np.uint64, np.int64]] = {}
        rows = counts(blocks)
        self._check(blocks.n_rows if rows is None else sum(n for _, n in rows))
        if rows is None and not blocks.rereadable:
            raise ValueError(
                f"exactly {max(sizes):,} rows of {blocks.source} are chosen in a pass over their keys before they are read, "
                "and it can be walked only once; pass a share such as 0.1, or a source that can be walked again"
            )
        need = 32 * max(sizes)
        if blocks.max_memory is not None and need > blocks.max_memory // 2:
            raise ValueError(
                f"choosing exactly {max(sizes):,} rows takes {show_size(need)}, and max_memory is "
                f"{show_size(blocks.max_memory)}; pass a share such as 0.1, which takes none, or grant more memory"
            )

    def _check(self, rows: int | None) -> None:
        if rows is not None and max(self.sizes) > rows:
            raise ValueError(
                f"expected at most the {rows:,} rows of {self.blocks.source}, got {max(self.sizes):,}; "
                "take fewer, or the blocks themselves"
            )

    def mask(self, keys: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
        """Which of these rows are among the first `size`."""
        if not self._last:
            self._find()
        value, last = self._last[size]
        drawn = self._draw(keys)
        mask: NDArray[np.bool_] = (drawn < value) | ((drawn == value) & (keys <= last))
        return mask

    def _draw(self, keys: NDArray[np.int64]) -> NDArray[np.uint64]:
        drawn: NDArray[np.uint64] = core.draws(self.seed, keys, core.STREAMS["sample"], self.number)
        return drawn

    def _walk(self) -> Iterator[NDArray[np.int64]]:
        counts = self._counts(self.blocks)
        if counts is not None:
            yield from self._keys(counts)
            return
        for block in self.blocks:
            yield block.keys

    def _find(self) -> None:
        """Keep the smallest random numbers that come by: never more than twice as many as are wanted, and a piece."""
        most = max(self.sizes)
        values, keys = np.empty(0, np.uint64), np.empty(0, np.int64)
        bound, rows = np.uint64(2**64 - 1), 0
        for piece in self._walk():
            rows += len(piece)
            drawn = self._draw(piece)
            small = drawn <= bound
            values, keys = np.concatenate([values, drawn[small]]), np.concatenate([keys, piece[small]])
            if len(values) >= 2 * most:
                least = np.argpartition(values, most - 1)[:most] if most < len(values) else slice(None)
                bound = values[least].max()
                again = values <= bound  # those that equal the last one stay
                values, keys = values[again], keys[again]
        self._check(rows)
        order = np.lexsort((keys, values))
        self._last = {size: (values[order[size - 1]], keys[order[size - 1]]) for size in self.sizes}

"""Blocks that hold some rows of other Blocks: the methods `split`, `sample`, `head` and `prefixes` of every source.

All are lazy: they say which rows are meant, and reading leaves the others out. Rows keep their keys. Which rows are chosen is a
function of (seed, row key) or of (seed, group), never of how blocks are cut, of memory, or of the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from esker.blocks.base import Blocks

__all__ = ["Choices"]


class Choices:
    """What `Blocks` inherits to choose rows by."""

    def split(
        self,
        test_size: float | None = None,
        *,
        sizes: Sequence[float] | None = None,
        by: Any = None,
        seed: int = 0,
        drop: bool = False,
    ) -> list[Blocks]:
        """Two or more Blocks that share out the rows: each row falls to exactly one, always the same one.

        Parameters
        ----------
        test_size : float
            The share of the second of two, the test rows; 0.25 where neither this nor `sizes` is given.
        sizes : sequence of float
            The shares of two or more, which sum to 1, such as ``[0.8, 0.1, 0.1]``.
        by : column, array or callable, optional
            Rows of one group stay together. The name (or the number) of the column of X that tells groups: of Records behind a
            feature step too; or one group for each row, in order; or a function that gives a block's groups, one for each row.
            Groups are numbers or texts. Without it each row is drawn for itself, by its key.
        seed : int
        drop : bool
            Leave the column `by` out of X: it tells groups, and nothing is to be learned from it.

        Returns
        -------
        list of Blocks
            Lazy. Which rows come out is known once they are read (``n_rows`` is None), but where all keys are known before.

        Notes
        -----
        A row's side is a function of (seed, row key), a group's of (seed, value): another order of rows, another file, more
        rows, change no group's side. Shares are kept to chance: of n rows (or groups) some ``sqrt(n s (1 - s))`` more or fewer
        than ``n s``. Test rows of a smaller `test_size` are test rows of a larger one. A split of a split draws anew.

        Each of the Blocks reads the whole source, and leaves out what is not its own.

        Examples
        --------
        >>> import numpy as np
        >>> from esker import open_blocks
        >>> blocks = open_blocks(np.arange(40.0).reshape(20, 2))
        >>> train, test = blocks.split(0.25, seed=1)
        >>> [block.keys.tolist() for block in test]
        [[7, 10, 11, 12, 13, 16]]
        >>> train.n_rows, test.n_rows
        (14, 6)
        """
        from esker.blocks.chosen import split

        return split(_blocks(self), test_size, sizes, by, seed, drop)

    def sample(self, size: float, *, seed: int = 0) -> Blocks:
        """Rows chosen at random, without replacement, in the order of the source.

        Parameters
        ----------
        size : int or float
            An int: exactly so many rows, those with the smallest random numbers. A float below 1: each row with this chance,
            and not exactly this share.
        seed : int
            Samples with the same seed are nested: a larger one holds the smaller one.

        Notes
        -----
        A float needs no look at the rows. For an int the random numbers of all rows are drawn at the first read: from the keys
        alone (some 10 ns a row) where the number of rows is known, else in one more pass over the source; 16 bytes are held for
        each row of the sample meanwhile. The sample is read by reading the source.

        Examples
        --------
        >>> import numpy as np
        >>> from esker import open_blocks
        >>> [block.keys.tolist() for block in open_blocks(np.eye(50)).sample(5, seed=3)]
        [[2, 3, 5, 12, 47]]
        """
        from esker.blocks.chosen import sample

        return sample(_blocks(self), [size], seed)[0]

    def prefixes(self, sizes: Sequence[float], *, seed: int = 0) -> list[Blocks]:
        """Samples of several sizes, each within the next larger one: the first rows of one random order of all.

        Parameters
        ----------
        sizes : sequence of int or float
            As `sample` takes them; ``prefixes([k])[0]`` is ``sample(k)``. All share the one pass that it may need.
        seed : int

        Examples
        --------
        >>> import numpy as np
        >>> from esker import open_blocks
        >>> small, large = open_blocks(np.eye(50)).prefixes([3, 5], seed=3)
        >>> [b.keys.tolist() for b in small], [b.keys.tolist() for b in large]
        ([[2, 5, 47]], [[2, 3, 5, 12, 47]])
        """
        from esker.blocks.chosen import sample

        return sample(_blocks(self), list(sizes), seed)

    def head(self, n: int = 5) -> Blocks:
        """The first n rows, or all where there are fewer. What lies behind them is not read, but for the rest of a block.

        Examples
        --------
        >>> import numpy as np
        >>> from esker import open_blocks
        >>> [block.X.ravel().tolist() for block in open_blocks(np.arange(9.0).reshape(9, 1)).head(3)]
        [[0.0, 1.0, 2.0]]
        """
        from esker.blocks.head import Head

        return Head(_blocks(self), n)


def _blocks(choices: Choices) -> Blocks:
    from esker.blocks.base import Blocks

    assert isinstance(choices, Blocks)
    return choices

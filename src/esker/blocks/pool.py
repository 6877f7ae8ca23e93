"""Memory of blocks that is used again: an array's bytes return to their pool when its last view is gone.

Touching fresh memory costs two to three times what filling it does, so a walk that drops each block before it takes the next
should live in the same few buffers throughout. Nobody has to give anything back, and who keeps a block keeps it: the walk
then gets fresh memory, as it would without a pool.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._native import core

__all__ = ["Pool"]

#: Smaller arrays are malloc's: it reuses them itself.
SMALL = 1 << 16


class Pool:
    """Reused memory for the arrays of blocks.

    Parameters
    ----------
    keep : int
        Bytes that may lie idle; what comes back above that goes to the system. The memory of the blocks that a walk has alive
        at once is enough: ``(budget.depth + 1) * budget.block_bytes``.

    Notes
    -----
    Safe in any thread. As a context manager it closes at the end: what is idle goes back then, and what is still in use when
    it is dropped.

    Examples
    --------
    >>> pool = Pool(10**7)
    >>> first = pool.empty((1000, 100), "float64")
    >>> place = first.ctypes.data
    >>> view = first[10:]
    >>> del first
    >>> pool.idle                     # a view is alive
    0
    >>> del view
    >>> pool.empty((1000, 100), "float64").ctypes.data == place
    True
    """

    def __init__(self, keep: int) -> None:
        self.core = core.Pool(max(int(keep), 0))

    def empty(self, shape: tuple[int, ...] | int, dtype: Any) -> NDArray[Any]:
        """An array that is not cleared, its first byte at a multiple of 64 where it is not small."""
        shape = (shape,) if isinstance(shape, int) else shape
        dtype = np.dtype(dtype)
        size = prod(shape) * dtype.itemsize
        if size < SMALL:
            return np.empty(shape, dtype)
        array: NDArray[Any] = self.core.empty(size).view(dtype).reshape(shape)
        return array

    @property
    def idle(self) -> int:
        """Bytes that wait to be used again."""
        return self.core.idle

    def close(self) -> None:
        """Give back what is idle now, and what is in use when it is dropped."""
        self.core.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""What X'X takes, whole and in packed storage, which is about half; when a fit takes that, and what it has no room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.linalg import LinAlgError

from esker._native import core
from esker.blocks.memory import BLOCK_BYTES, PANEL, physical_memory, show_size, walking_bytes

if TYPE_CHECKING:
    from esker.blocks import Blocks
    from esker.folds import Gram

__all__ = [
    "gram_room",
    "lapack_bytes",
    "no_room",
    "packed_bytes",
    "summing_bytes",
    "sums_bytes",
    "whole_bytes",
]

#: Rows of a block row of the triangle, as the kernels have it.
BLOCK_ROWS = 192


def sums_bytes(d: int) -> int:
    """X'X with room for a factor beside it."""
    return 8 * d * (d + 1)


def summing_bytes(blocks: Blocks, *, packed: bool = False, dtype: str | None = None) -> int:
    """What the rows of a block take on their way into X'X, beside both: panels, rows written out, or columns of sparse rows.

    `dtype` is that of the rows as they are summed, the source's by default.
    """
    d, targets, size = blocks.n_columns or 1, max(blocks.n_targets or 1, 1), blocks.dtype.itemsize
    numbers = size if dtype is None else int(dtype.removeprefix("float")) // 8
    found = []
    if not blocks.is_sparse:
        rows = max(1, blocks.block_bytes // (d * size) // PANEL) * PANEL
        found.append(core.absorb_bytes(min(rows, blocks.n_rows or rows), d, targets, numbers, 0, packed))
    if blocks.is_sparse is not False:
        entries = max(1, min(blocks.block_bytes // (size + 4), blocks.nnz or 1 << 62))
        rows = entries  # of a number each, where no one knows
        if blocks.n_rows and blocks.nnz:  # blocks are cut by the mean
            rows = min(blocks.n_rows, entries * blocks.n_rows // blocks.nnz + 1)
        found.append(core.absorb_bytes(rows, d, targets, numbers, entries, packed))
    return max(found)


def whole_bytes(blocks: Blocks) -> int:
    """X'X with room for a factor beside it, and what summing or, later, LAPACK holds meanwhile."""
    own = sums_bytes(blocks.n_columns or 0)
    return own + max(summing_bytes(blocks), lapack_bytes(own))


def lapack_bytes(triangle: int) -> int:
    """What LAPACK has of its own beside a triangle of so many bytes."""
    return min(max(1 << 20, triangle // 24), 64 << 20)


def packed_bytes(blocks: Blocks) -> int | None:
    """X'X with a factor in its place, and what summing holds meanwhile; None where the width is not known."""
    d = blocks.n_columns
    if not d:
        return None
    triangle = 4 * d * (d + BLOCK_ROWS)
    return triangle + summing_bytes(blocks, packed=True) + 200 * d + lapack_bytes(triangle)


def gram_room(blocks: Blocks) -> float:
    """Bytes that X'X may take."""
    most = 0.9 * physical_memory()
    if blocks.max_memory is None:
        return most
    return min(most, blocks.max_memory - blocks.reserved - walking_bytes(blocks))


def no_room(gram: Gram, rcond: float, alpha: float) -> LinAlgError:
    """The error of a matrix that there is no memory to solve with otherwise."""
    found = (
        f"singular to working precision (rcond {rcond:.0e})"
        if rcond > 0
        else "not positive definite to working precision"
    )
    # Several matrices, and blocks of an eighth of max_memory (see `_solve`).
    need = 1.05 * 11 * sums_bytes(gram.cols)
    need += core.absorb_bytes(1 << 20, gram.cols, gram.targets, 8, 0, False)
    more = min(need / 0.75, need + 2 * BLOCK_BYTES)
    short = (
        f"packed storage, in which X'X of these {gram.cols} columns fits, leaves no other way"
        if gram.packed
        else f"max_memory leaves no room for another way with {gram.cols} columns"
    )
    return LinAlgError(
        f"X'X + alpha I with alpha={alpha:g} is {found}, and {short}; take a larger alpha, or max_memory of {show_size(more)}"
    )

"""Packed storage of X'X: about half the memory, when a fit takes it, and what it has no room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.linalg import LinAlgError

from esker.blocks.memory import BLOCK_BYTES, PANEL, physical_memory, show_size, walking_bytes

if TYPE_CHECKING:
    from esker.blocks import Blocks
    from esker.folds import Gram

__all__ = ["gram_room", "no_room", "packed_bytes", "whole_bytes"]

#: Rows of a block row of the triangle, as the kernels have it.
BLOCK_ROWS = 192


def whole_bytes(d: int) -> int:
    """X'X with room for a factor beside it."""
    return 8 * d * (d + 1)


def packed_bytes(blocks: Blocks) -> int | None:
    """X'X with a factor in its place, and what summing holds meanwhile; None where the width is not known."""
    d = blocks.n_columns
    if not d:
        return None
    # A panel of rows packed twice, in float64 where float32 would lose digits, for which rows are written out before, as
    # sparse ones that are dense enough are.
    written = (0 if blocks.is_sparse is False else 8) + (0 if blocks.dtype.name == "float64" else 8)
    panel = (16 + written) * (PANEL + 4) * (d + max(blocks.n_targets or 1, 1))
    triangle = 4 * d * (d + BLOCK_ROWS)
    blas = max(1 << 20, triangle // 24)  # what it holds of its own
    return triangle + panel + 200 * d + blas


def gram_room(blocks: Blocks) -> float:
    """Bytes that X'X may take."""
    most = 0.9 * physical_memory()
    if blocks.max_memory is None:
        return most
    return min(most, blocks.max_memory - blocks.reserved - walking_bytes(blocks))


def no_room(gram: Gram, rcond: float, alpha: float) -> LinAlgError:
    """The error of a matrix that packed storage has no way to solve with."""
    found = (
        f"singular to working precision (rcond {rcond:.0e})"
        if rcond > 0
        else "not positive definite to working precision"
    )
    # Several matrices, and blocks of an eighth of max_memory (see `_solve`).
    need = 1.05 * 8 * whole_bytes(gram.cols)
    more = min(need / 0.75, need + 2 * BLOCK_BYTES)
    return LinAlgError(
        f"X'X + alpha I with alpha={alpha:g} is {found}, and packed storage, in which X'X of these {gram.cols} columns fits, leaves "
        f"no other way; take a larger alpha, or max_memory of {show_size(more)}"
    )

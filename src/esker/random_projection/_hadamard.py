"""The fast Walsh-Hadamard transform of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._native import core
from esker.blocks.memory import empty

__all__ = ["hadamard_transform"]


def hadamard_transform(
    X: Any, *, axis: int = -1, norm: str | None = None, out: NDArray[Any] | None = None
) -> NDArray[Any]:
    """``H @ x`` for each vector along an axis, H being the Hadamard matrix in Sylvester's order.

    Parameters
    ----------
    X : array-like
        float32 stays float32; all else becomes float64. Its length along `axis` is a power of two.
    axis : int
        The last axis, or any other: then many vectors are transformed at once, as they lie.
    norm : {None, "ortho"}
        "ortho" divides by the root of the length, so that the transform is its own inverse.
    out : ndarray, optional
        Where the result goes: contiguous by rows, of X's shape and dtype. It may be X.

    Returns
    -------
    ndarray of the shape of X

    Raises
    ------
    ValueError
        The length is no power of two; pad with zeros.

    Notes
    -----
    n log2 n additions a vector, in the order of the plain butterfly from neighbours to halves, so that the bits are the same
    for any number of threads and on every instruction set. Memory is visited once for up to 2^12 numbers and once more for
    each factor of 256 (Fino & Algazi 1976).

    Examples
    --------
    >>> import numpy as np
    >>> from esker.random_projection import hadamard_transform
    >>> hadamard_transform([1.0, 2.0, 3.0, 4.0]).tolist()
    [10.0, -2.0, -4.0, 0.0]
    >>> hadamard_transform(np.eye(2, dtype=np.float32), axis=0).tolist()
    [[1.0, 1.0], [1.0, -1.0]]
    """
    X = np.asarray(X)
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X must hold real numbers, got dtype {X.dtype}")
    if X.ndim == 0:
        raise ValueError("X must have at least 1 dimension, got a number")
    X = np.ascontiguousarray(X, X.dtype if X.dtype in (np.float32, np.float64) else np.float64)
    if norm not in (None, "ortho"):
        raise ValueError(f'norm must be None or "ortho", got {norm!r}')
    axis = np.lib.array_utils.normalize_axis_index(axis, X.ndim)
    n = X.shape[axis]
    if n == 0 or n & (n - 1):
        raise ValueError(f"the length along axis {axis} must be a power of two, got {n}; pad with zeros")
    if out is None:
        out = empty(X.shape, X.dtype)
    elif (
        out.shape != X.shape or out.dtype != X.dtype or not out.flags.c_contiguous or not out.flags.writeable
    ):
        raise ValueError(
            f"out must be a writeable array of shape {X.shape} and dtype {X.dtype}, contiguous by rows, "
            f"got {out.dtype} {out.shape}"
        )
    if X.size == 0:
        return out
    if axis == X.ndim - 1:
        core.hadamard_rows(out.reshape(-1, n), X.reshape(-1, n))
    else:
        if out is not X:
            np.copyto(out, X)
        after = int(np.prod(X.shape[axis + 1 :]))
        for matrix in out.reshape(-1, n, after):
            core.hadamard_columns(matrix)
    if norm == "ortho":
        out *= X.dtype.type(1 / np.sqrt(n))
    return out

"""The rows once more: the true gradient of a least squares problem, and CholeskyQR2.

Normal equations square the condition number of X. A gradient of true residuals corrects for that while the factor is any
good; where it is not, the rows are multiplied by its inverse and folded once more, as CholeskyQR2 does (Fukaya, Nakatsukasa,
Yanagisawa & Yamamoto, 2014; shifted as in Fukaya et al., 2020).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, sparse

from esker._native import core
from esker.folds import Gram
from esker.linear_model._certificate import Known
from esker.linear_model._normal import UNIT_ROUNDOFF, orthonormal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks
    from esker.linear_model._normal import Factor, Normal

__all__ = ["factor_twice", "true_gradient"]


def true_gradient(
    blocks: Blocks, normal: Normal, w: NDArray[np.float64]
) -> tuple[Known, NDArray[np.float64]]:
    """What one pass of true residuals knows of the objective at w, and the best prediction at the means."""
    cols, targets = normal.gram.cols, len(normal.at)
    sums = core.Residual(cols, targets)
    w = np.ascontiguousarray(w)
    for block in blocks:
        y = block.raw_y()
        assert y is not None
        sums.update(
            _widened(block, cols).raw_x(), np.ascontiguousarray(y[:, normal.at]), block.sample_weight,
            normal.mean, w, normal.mean_y,
        )  # fmt: skip
    gradient, value, at_mean = sums.gradient, sums.squares, normal.mean_y
    if normal.centred:
        level = sums.sum / sums.weight
        gradient, value = gradient - np.outer(level, sums.left), value - sums.weight * level**2
        at_mean = at_mean + level
    eta = UNIT_ROUNDOFF * (8 + np.sqrt(normal.gram.rows / 512))
    size = (
        np.linalg.norm(w * np.sqrt(normal.own), axis=1)
        + np.sqrt(normal.yy)
        + np.sqrt(normal.gram.weight) * np.abs(normal.mean_y)
    )
    doubt = 2 * eta * size * np.sqrt(np.maximum(value, 0)) + (eta * size) ** 2 + eta * value
    return Known(
        w,
        gradient - normal.alpha * w,
        value + normal.alpha * (w**2).sum(axis=1),
        doubt,
        size,
        eta,
    ), at_mean


def factor_twice(blocks: Blocks, normal: Normal) -> Factor:
    """A factor as good as a QR's: the Gram of the rows times the inverse of a shifted first factor."""
    A, s, loss = normal.scaled(), normal.scale, normal.loss
    d, shift = len(A), 20 * loss * max(10, len(A))
    while True:
        try:
            first = linalg.cholesky(A + shift * np.eye(d), lower=False)
            break
        except linalg.LinAlgError:
            shift *= 100
    T = s[:, None] * linalg.solve_triangular(first, np.eye(d), lower=False)
    second = Gram()
    at_zero = normal.mean @ T
    step = max(1, (1 << 18) // d // 256) * 256
    room = np.empty((2, 0, d))  # dense rows, centred and turned
    for block in blocks:
        for i in range(0, len(block), step):
            X = _widened(block, d).X[i : i + step]
            if sparse.issparse(X):
                Z = X.astype(np.float64) @ T - at_zero
            else:
                if room.shape[1] < len(X):
                    room = np.empty((2, len(X), d))
                centred, Z = room[:, : len(X)]
                np.matmul(np.subtract(X, normal.mean, out=centred), T, out=Z)
            weight = None if block.sample_weight is None else block.sample_weight[i : i + step]
            second.update(
                replace(block, X=np.ascontiguousarray(Z), y=None, sample_weight=weight, row_keys=None)
            )
    B = second.finish() + normal.alpha * (T.T @ T)
    if not normal.centred:
        B += second.weight * np.outer(second.mean_x, second.mean_x)
    # B is nearly diagonal, 1 where rows determine a direction and 0 where they do not: pivots tell as well as eigenvalues.
    U, order, rank, _ = linalg.lapack.dpstrf(B, tol=1e-12 * max(float(B.diagonal().max()), 1e-300))
    if rank < int((s > 0).sum()):
        on, off = T[:, order[:rank] - 1], T[:, order[rank:] - 1]
        root = linalg.solve_triangular(U[:rank, :rank], on.T, trans="T").T
        null = off - on @ linalg.solve_triangular(U[:rank, :rank], U[:rank, rank:])
        null = null[:, np.linalg.norm(null, axis=0) > 0]  # constant columns are nothing to take off
        return normal.projected(root, linalg.qr(null, mode="economic")[0], A, "pivoted", 0.0)
    values, vectors = linalg.eigh(B)
    kept = values > 1e-12 * max(values[-1], 1e-300)
    root, null = T @ (vectors[:, kept] / np.sqrt(values[kept])), T @ vectors[:, ~kept]
    found = normal.projected(root, orthonormal(null), A, "choleskyqr2", 0.0)
    if not found.cut:
        # What is left is the rounding of the rows' products with T, which is as large as the root of the inverse.
        sums = UNIT_ROUNDOFF * (4 + np.sqrt(float(normal.gram.rows)))
        lowest = max(float(values[kept].min(initial=1.0)), 1e-300)
        found.apart = normal.spread(sums) / lowest + normal.spread(8 * UNIT_ROUNDOFF) * found.inverse**0.5
    return found


def _widened(block: Block, cols: int) -> Block:
    """A sparse block that ends before the widest one, with its empty columns."""
    if block.X.shape[1] == cols:
        return block
    X = block.X
    return replace(block, X=sparse.csr_array((X.data, X.indices, X.indptr), shape=(X.shape[0], cols)))

"""Leave-one-out errors of ridge for many alphas: by rotated rows, or by the kernel matrix where rows are few.

Both are exact (Rifkin & Lippert, "Notes on regularized least squares", 2007): no model is fitted without a row.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg, sparse
from sklearn.exceptions import UndefinedMetricWarning

from esker._native import core
from esker._progress import advance
from esker.linear_model._solve import spectral

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block
    from esker.linear_model._ridge_sums import Floats, Rows, Spectrum, Sums

__all__ = ["Kernel", "LeftOut", "by_kernel", "by_rotation", "kernel_bytes", "of_one_row"]

_PANEL = 1 << 20  # numbers that are converted to float64 at a time


@dataclass
class LeftOut:
    """What leaving each row out once came to.

    Attributes
    ----------
    squares : ndarray of shape (targets, alphas)
        Sum of ``w error^2``.
    rows : int
    least : float
        The smallest ``1 - leverage``: where it is small, errors that rotation found lose digits.
    errors : ndarray of shape (n, targets, alphas) or None
        Target minus the prediction without the row.
    y : ndarray of shape (n, targets) or None
    weight : ndarray of shape (n,) or None
        None where rows have none.
    """

    squares: Floats
    rows: int
    least: float
    errors: Floats | None = None
    y: Floats | None = None
    weight: Floats | None = None


class _Kept:
    """Errors, targets and weights of the rows as they pass; where their number is known, in one array from the start."""

    def __init__(self, rows: int | None, targets: int, alphas: int) -> None:
        self.shape, self.at = (targets, alphas), 0
        self.whole = None if rows is None else np.empty((rows, targets, alphas))
        self.parts: list[Floats] = []
        self.y: list[Floats] = []
        self.weight: list[Floats] = []
        self.weighted = False

    def room(self, y: Floats, weight: Floats | None) -> Floats:
        """Where the errors of the next rows belong."""
        self.y.append(y)
        self.weight.append(np.ones(len(y)) if weight is None else weight)
        self.weighted |= weight is not None
        if self.whole is not None and not self.parts and self.at + len(y) <= len(self.whole):
            self.at += len(y)
            return self.whole[self.at - len(y) : self.at]
        self.parts.append(np.empty((len(y), *self.shape)))
        return self.parts[-1]

    def into(self, found: LeftOut) -> LeftOut:
        kept = [] if self.whole is None else [self.whole[: self.at]]
        found.errors = kept[0] if kept and not self.parts else np.concatenate([*kept, *self.parts])
        found.y = np.concatenate(self.y)
        found.weight = np.concatenate(self.weight) if self.weighted else None
        return found


def by_rotation(
    rows: Rows,
    sums: Sums,
    spectrum: Spectrum,
    alphas: Floats,
    *,
    centred: bool,
    keep: bool = False,
    n_rows: int | None = None,
) -> LeftOut:
    """One visit to each row, a block of which is in memory at a time.

    Parameters
    ----------
    rows : callable
        Gives the blocks, with numbers as targets, once more.
    sums : Sums
    spectrum : Spectrum
    alphas : ndarray of shape (alphas,)
    centred : bool
        Whether there is an intercept, which takes part in each row's leverage.
    keep : bool
        Whether the errors of all rows are wanted: 8 n targets alphas bytes.
    n_rows : int, optional
        How many rows there are, where that is known.

    Notes
    -----
    O(n d r) operations for r eigenvectors, O(nnz r) for sparse rows.
    """
    shrink = spectrum.shrinkages(alphas)
    coef = (spectrum.xy[:, :, None] * shrink[:, None, :]).reshape(len(shrink), -1)
    share = 1 / sums.weight if centred else 0.0
    walk = core.LeaveOneOut(spectrum.vectors, sums.mean_x, sums.mean_y, shrink, coef, share)
    kept = _Kept(n_rows, len(sums.mean_y), len(alphas)) if keep else None
    count = 0
    for block in rows():
        y = block.raw_y()
        assert y is not None
        errors = None if kept is None else kept.room(y, block.sample_weight)
        walk.update(block.raw_x(), y, block.sample_weight, errors)
        count += len(block)
        if not advance(len(block), block.nbytes):
            raise KeyboardInterrupt
    found = LeftOut(walk.squares, count, float(walk.least))
    return found if kept is None else kept.into(found)


def of_one_row(block: Block, alphas: int, keep: bool) -> LeftOut:
    """NaN for every alpha, with a warning: there is nothing to learn from without the row."""
    warnings.warn(
        "leave-one-out of a single row leaves none to learn from: the scores are NaN and alpha_ is the first of alphas, "
        "all of which make the intercept of y and coefficients of 0",
        UndefinedMetricWarning,
        stacklevel=2,
    )
    y = block.raw_y()
    assert y is not None
    found = LeftOut(np.full((y.shape[1], alphas), np.nan), len(block), 1.0)
    if keep:
        found.errors = np.full((*y.shape, alphas), np.nan)
        found.y, found.weight = y, block.sample_weight
    return found


def kernel_bytes(n: int) -> int:
    """Bytes that `by_kernel` takes beside the rows."""
    return 7 * 8 * n * n + 32 * _PANEL


def by_kernel(
    block: Block, alphas: Floats, *, centred: bool, keep: bool = False, svd: bool | None = None
) -> LeftOut:
    """All rows at once, by the eigenvectors of their n x n products; nothing cancels, however small alpha is.

    Parameters
    ----------
    block : Block
        Every row, with numbers as targets.
    alphas : ndarray of shape (alphas,)
    centred, keep : bool
    svd : bool, optional
        Take singular values of the rows themselves; by default where products would lose an alpha's digits.

    Notes
    -----
    With K = U L U' and c = U (L + alpha)^-1 U'y, the error of row i is c_i / d_i, d_i = sum of u_ij^2 / (l_j + alpha). The
    intercept's direction, the roots of the weights, is no part of the sums.
    """
    problem = Kernel(block, float(alphas.min(initial=np.inf)), centred, svd)
    if centred and len(problem.real) < 2:
        raise ValueError(
            f"leave-one-out with an intercept needs at least 2 rows with a positive weight, got n_samples={len(problem.real)}"
        )
    squares, shrink = problem.vectors**2, 1 / (problem.values[:, None] + alphas)
    inverse = squares @ shrink  # alpha times this is 1 - leverage
    scaled = problem.duals(shrink) / inverse[:, None, :]
    found = LeftOut((scaled**2).sum(axis=0), len(block), float((inverse * alphas).min(initial=1.0)))
    if keep:
        y, others = problem.y, np.flatnonzero(problem.weight == 0)
        errors = np.zeros((len(block), y.shape[1], len(alphas)))
        errors[problem.real] = scaled / problem.root[:, None, None]
        if len(others):
            cross = _products(block.X[others], problem.X, problem.mean) * problem.root
            fit = np.tensordot(cross, problem.duals(shrink), axes=1)
            errors[others] = (y[others] - problem.mean_y)[:, :, None] - fit
        found.errors, found.y, found.weight = errors, y, block.sample_weight
    return found


class Kernel:
    """Eigenvectors of the products of the rows, weighted and centred.

    Attributes
    ----------
    X, root : the rows of positive weight, and the roots of their weights; `real` are their numbers
    mean, mean_y : what rows and targets are taken from
    values, vectors : of ``root (X - mean)(X - mean)' root``, shapes (r,) and (n, r)
    right : right singular vectors of ``root (X - mean)``, shape (s, d), s <= r; None where the products were decomposed
    target : ndarray of shape (n, targets), ``root (y - mean_y)``
    """

    def __init__(self, block: Block, alpha: float, centred: bool, svd: bool | None = None) -> None:
        y = block.raw_y()
        assert y is not None
        self.y = y
        self.weight = np.ones(len(block)) if block.sample_weight is None else block.sample_weight
        self.real = np.flatnonzero(self.weight > 0)
        self.X = block.X if len(self.real) == len(block) else block.X[self.real]
        w, y = self.weight[self.real], y[self.real]
        self.root = np.sqrt(w)
        self.mean, self.mean_y = np.zeros(self.X.shape[1]), np.zeros(y.shape[1])
        if centred:
            self.mean = _mean(self.X, w)
            self.mean_y = w @ y / w.sum()
            self.mean_y = self.mean_y + w @ (y - self.mean_y) / w.sum()
        self.values, self.vectors, self.right = _eigen(self.X, self.mean, self.root, centred, alpha, svd)
        self.target = self.root[:, None] * (y - self.mean_y)

    def duals(self, shrink: Floats) -> Floats:
        """``(K + alpha I)^-1 target``, shape (n, targets, alphas); `shrink` is (r, alphas)."""
        turned = self.vectors.T @ self.target
        out = np.empty((len(self.target), self.target.shape[1], shrink.shape[1]))
        for a in range(shrink.shape[1]):
            out[:, :, a] = self.vectors @ (shrink[:, a, None] * turned)
        return out

    def solution(self, shrink: Floats) -> Floats:
        """Coefficients, shape (targets, alphas, d). Duals times rows would cancel where singular values lie far apart."""
        if self.right is None:
            return self.coefficients(self.duals(shrink))
        turned, s = self.vectors.T @ self.target, len(self.right)
        factors = np.sqrt(self.values[:s, None]) * shrink[:s]
        return np.asarray((turned[:s].T[:, None, :] * factors.T) @ self.right)

    def coefficients(self, duals: Floats) -> Floats:
        """``(X - mean)' root`` times the duals, shape (targets, alphas, d)."""
        flat = (self.root[:, None, None] * duals).reshape(len(duals), -1)
        if sparse.issparse(self.X):
            w = np.asarray((self.X.T @ flat).T) - np.outer(flat.sum(axis=0), self.mean)
        else:
            w = np.zeros((flat.shape[1], self.X.shape[1]))
            step = max(1, _PANEL // self.X.shape[1])
            for i in range(0, len(flat), step):
                w += flat[i : i + step].T @ (self.X[i : i + step] - self.mean)
        return np.asarray(w.reshape(*duals.shape[1:], -1))


def _mean(X: Any, weight: Floats) -> Floats:
    """The columns' weighted means, relative to the first row, so that a constant column has its value to the bit."""
    total = weight.sum()
    if sparse.issparse(X):
        return np.asarray(np.asarray(X.T @ weight) / total)
    first = X[0].astype(np.float64)
    out = np.zeros(X.shape[1])
    step = max(1, _PANEL // X.shape[1])
    for i in range(0, len(X), step):
        out += weight[i : i + step] @ (X[i : i + step] - first)
    return np.asarray(first + out / total)


def _products(A: Any, B: Any, mean: Floats) -> Floats:
    """(A - mean)(B - mean)' in float64, a panel of columns at a time where dense."""
    if sparse.issparse(A):
        A, B = A.astype(np.float64), B.astype(np.float64)
        out = np.asarray((A @ B.T).toarray())
        out -= (A @ mean)[:, None]
        out -= B @ mean - mean @ mean
        return out
    out = np.zeros((A.shape[0], B.shape[0]))
    step = max(1, _PANEL // max(A.shape[0], B.shape[0]))
    for j in range(0, A.shape[1], step):
        at = slice(j, j + step)
        out += (A[:, at] - mean[at]) @ (B[:, at] - mean[at]).T
    return out


def _eigen(
    X: Any, mean: Floats, root: Floats, centred: bool, alpha: float, svd: bool | None
) -> tuple[Floats, NDArray[np.float64], Floats | None]:
    """Eigenvalues and eigenvectors of root (X - mean)(X - mean)' root, without the direction of the roots where centred.

    And right singular vectors, where it was singular values that were taken.
    """
    n, d = X.shape
    along = root / np.linalg.norm(root)
    small = n * d <= 1 << 26
    if not svd or not small:
        with np.errstate(over="ignore", invalid="ignore"):
            K = _products(X, X, mean)
            K *= root[:, None]
            K *= root
        if not np.isfinite(K.diagonal()).all():
            raise ValueError(
                "the sums of products of the rows are not finite: their values (or the weights) are too large for their products; scale them down"
            )
        if centred:  # the roots' direction is made the greatest by far, and so the last
            K += 2 * np.abs(K).sum(axis=0).max(initial=1.0) * np.outer(along, along)
        values, vectors = spectral(K)
        if centred:
            values, vectors = values[:-1], vectors[:, :-1]
        top = size = float(values.max(initial=0.0))
        if centred and sparse.issparse(X):  # their products are taken before the means are
            squares = np.asarray(X.astype(np.float64).power(2).sum(axis=1)).ravel()
            size = max(size, float((squares * root**2).max()))
        if (
            svd is not None
            or not small
            or 1e-15 * n * size <= 1e-10 * (float(values.min(initial=np.inf)) + alpha)
        ):
            return np.where(values > 1e-15 * n * top, values, 0.0), vectors, None
    Z = X.toarray() if sparse.issparse(X) else X
    Z = (Z - mean) * root[:, None]
    if centred:  # a column that no other competes with takes the place of the roots' direction
        Z = np.column_stack([Z, along * 2 * np.linalg.norm(Z)]) if Z.any() else along[:, None]
    left, singular, right = (
        linalg.svd(Z, full_matrices=True) if n > Z.shape[1] else linalg.svd(Z, full_matrices=False)
    )
    values = np.zeros(n)
    values[: len(singular)] = singular**2
    if centred:
        values, left, right = values[1:], left[:, 1:], right[1:, :-1]
    floor = (1e-16 * max(Z.shape) * float(singular.max(initial=0.0))) ** 2
    return (
        np.where(values > floor, values, 0.0),
        np.ascontiguousarray(left),
        right[: len(values)] if right.shape[1] == d else None,
    )

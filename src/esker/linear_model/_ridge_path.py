"""ridge_path: the coefficients of ridge for many alphas, from one walk over the rows and one eigendecomposition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from esker._native import threads
from esker.folds import Gram
from esker.linear_model._alpha_parameters import check_alphas, grid
from esker.linear_model._input import check_finite, check_rows, learn_width
from esker.linear_model._leave_one_out import Kernel
from esker.linear_model._ridge_sums import Spectrum, Sums
from esker.linear_model.ridge_cv import RidgeCV

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks
    from esker.linear_model._ridge_sums import Floats

__all__ = ["RidgePath", "ridge_path"]


class RidgePath(NamedTuple):
    """What `ridge_path` returns; T is the number of targets, A that of alphas.

    Attributes
    ----------
    alphas : ndarray of shape (A,)
    coefs : ndarray of shape (d, A) or, for y of two dimensions, (T, d, A)
        float64.
    intercepts : ndarray of shape (A,) or (T, A)
        Zeros without an intercept.
    suboptimality : ndarray of shape (A,) or (T, A)
        A bound on ``(f(coef) - min f) / min f`` of the objective f, from the residual of the equations that were solved and
        from the rounding of their sums.
    """

    alphas: NDArray[np.float64]
    coefs: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    suboptimality: NDArray[np.float64]


def ridge_path(
    X: Any,
    y: Any = None,
    alphas: Any = (0.1, 1.0, 10.0),
    *,
    fit_intercept: bool = True,
    sample_weight: Any = None,
    max_memory: int | str | None = None,
    n_threads: int | None = None,
) -> RidgePath:
    """Minimise ``||y - X w - b||^2 + alpha ||w||^2`` for each of many alphas.

    Parameters
    ----------
    X : array-like or sparse of shape (n, d), or Blocks
    y : array-like of shape (n,) or (n, targets); None for Blocks, which bring it
    alphas : float or array-like of shape (A,)
        At least 0. Where 0 leaves the solution open, the one of minimum norm is taken.
    fit_intercept : bool
    sample_weight : array-like of shape (n,) or number, optional; None for Blocks
    max_memory : int or str, optional
    n_threads : int, optional

    Returns
    -------
    RidgePath
        A named tuple ``(alphas, coefs, intercepts, suboptimality)``.

    Notes
    -----
    O(n d^2 + d^3) for all alphas together, and O(d^2) for each; with fewer rows than columns in memory O(n^2 d + n^3). Where the
    smallest alpha asks for more digits than X'X holds, and the rows can be read again, singular values are taken from them by
    one more walk.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import ridge_path
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> path = ridge_path(X, 2 * X[:, 0], alphas=[0.0, 2.0])
    >>> path.coefs.round(6).tolist(), path.intercepts.round(6).tolist()
    ([[2.0, 1.0]], [0.0, 1.0])
    """
    check_alphas(alphas, zero=True)
    model = RidgeCV(fit_intercept=fit_intercept, gcv_mode="gcv", max_memory=max_memory, n_threads=n_threads)
    model._check()
    blocks = model._open(X, y, sample_weight, True)
    grown = grid(alphas)
    with threads(n_threads):
        if model._kernel_fits(blocks):
            check_finite(model, blocks)
            coef, mean, mean_y, gap, flat = _wide(blocks.take_all(), grown, fit_intercept)
        else:
            coef, mean, mean_y, gap, flat = _tall(model, blocks, grown)
    level = mean_y[:, None] - coef @ mean
    coefs = np.ascontiguousarray(coef.transpose(0, 2, 1))
    return RidgePath(grown, *((a[0] if flat else a) for a in (coefs, level, gap)))


def _tall(model: RidgeCV, blocks: Blocks, alphas: Floats) -> tuple[Floats, Floats, Floats, Floats, bool]:
    model._refuse_wide(blocks)
    state = Gram()
    flat = model._sum(blocks, state)
    model._refuse_empty(state, blocks)
    learn_width(model, state.cols, None)
    sums = Sums.of(state, model.fit_intercept)
    spectrum, loss = Spectrum.of(sums), sums.loss
    if blocks.rereadable and not spectrum.sound(sums, float(alphas.min())):

        def rows() -> Iterator[Block]:
            return (check_rows(model, block, blocks) for block in blocks)

        spectrum, loss = spectrum.refined(sums, rows), 2.0**-52
    coef = spectrum.coefficients(alphas)
    return coef, sums.mean_x, sums.mean_y, _bound(coef, sums, spectrum, alphas, loss), flat


def _bound(coef: Floats, sums: Sums, spectrum: Spectrum, alphas: Floats, loss: float) -> Floats:
    """For the slope g of half f at w, ``f(w) - min f = g'(X'X + alpha I)^-1 g``; rounding of X'X adds to g."""
    V, values = spectrum.vectors, spectrum.values
    turned = coef @ V
    slope = spectrum.xy.T[:, None, :] - turned * (values + alphas[:, None])
    shrink = spectrum.shrinkages(alphas).T
    lowest = np.min(np.where(shrink > 0, 1 / np.where(shrink > 0, shrink, 1), np.inf), axis=1)
    norm = np.linalg.norm(coef, axis=2)
    rounding = loss * float(values.max(initial=0.0)) * norm / np.sqrt(lowest)
    excess = (np.sqrt((slope**2 * shrink).sum(axis=2)) + rounding) ** 2
    explained = 2 * np.einsum("tad,dt->ta", coef, sums.xy) - (turned**2 * values).sum(axis=2)
    value = sums.yy[:, None] - explained + alphas * norm**2
    return np.asarray(excess / np.maximum(value, 2.0**-52 * np.maximum(sums.yy[:, None], 1e-300)))


def _wide(block: Block, alphas: Floats, centred: bool) -> tuple[Floats, Floats, Floats, Floats, bool]:
    """By the n x n products of rows; the bound is the gap between f and its dual at the duals found."""
    assert block.y is not None
    problem = Kernel(block, float(alphas.min()), centred)
    total = problem.values[:, None] + alphas
    floor = 1e-15 * len(problem.values) * float(problem.values.max(initial=0.0))
    duals = problem.duals(np.where(total > floor, 1 / np.where(total > floor, total, 1), 0.0))
    coef = problem.coefficients(duals)
    flat = coef.reshape(-1, coef.shape[2])
    fit = np.asarray(problem.X @ flat.T) - flat @ problem.mean
    fit = problem.root[:, None, None] * fit.reshape(len(fit), *coef.shape[:2])
    left, norm = problem.target[:, :, None] - fit, (coef**2).sum(axis=2)
    value = (left**2).sum(axis=0) + alphas * norm
    # The dual at a = alpha c: 2 a'y - a'a - a'K a / alpha, and K c is the fit.
    a = alphas * duals
    lower = (2 * a * problem.target[:, :, None] - a**2 - a * fit).sum(axis=0)
    scale = np.maximum(lower, 2.0**-52 * (problem.target**2).sum(axis=0)[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.where(scale > 0, np.abs(value - lower) / scale, 0.0)
    return coef, problem.mean, problem.mean_y, gap, block.y.ndim == 1

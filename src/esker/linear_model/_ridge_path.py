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
        from the rounding of their sums; inf where none is known, as with alpha 0 where that leaves the solution open.
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
    spectrum, refined = Spectrum.of(sums), False
    if blocks.rereadable and not spectrum.sound(sums, float(alphas.min())):

        def rows() -> Iterator[Block]:
            return (check_rows(model, block, blocks) for block in blocks)

        spectrum, refined = spectrum.refined(sums, rows), True
    coef = spectrum.coefficients(alphas)
    return coef, sums.mean_x, sums.mean_y, _bound(coef, sums, spectrum, alphas, refined), flat


def _bound(coef: Floats, sums: Sums, spectrum: Spectrum, alphas: Floats, refined: bool) -> Floats:
    """For the slope g of half f at w, ``f(w) - min f = g'(X'X + alpha I)^-1 g``; rounding of X'X, or of X, adds to g."""
    V, values = spectrum.vectors, spectrum.values
    turned = coef @ V
    right = spectrum.xy if refined else V.T @ sums.xy  # with what was cut off as zero
    slope = right.T[:, None, :] - turned * (values + alphas[:, None])
    lowest = alphas + (float(values.min(initial=np.inf)) if V.shape[0] == V.shape[1] else 0.0)
    safe = np.where(lowest > 0, lowest, 1.0)
    shrink = np.where(lowest > 0, 1 / (values[:, None] + safe), 0.0).T
    norm, size = np.linalg.norm(coef, axis=2), np.sqrt(sums.yy)[:, None]
    top = float(np.sqrt(values.max(initial=0.0)))
    explained = 2 * np.einsum("tar,rt->ta", turned, right) - (turned**2 * values).sum(axis=2)
    value = np.maximum(sums.yy[:, None] - explained, 0.0)
    unit = _unit(sums.rows)
    if refined:
        noise = (unit * top + np.sqrt(spectrum.floor)) * np.sqrt(value)
    else:  # the sums' own, and that of their decomposition
        noise = (sums.loss + unit) * top * (size + top * norm)
    along = (
        np.sqrt((slope**2 * shrink[None]).sum(axis=2)) + noise / np.sqrt(safe) + unit * (size + top * norm)
    )
    doubt = (sums.loss + unit) * (size + top * norm) ** 2
    gap = np.where(lowest > 0, along**2, np.inf) + sums.weight * _drift(coef, sums.mean_x, sums.mean_y, unit)
    return _relative(gap, value - doubt + alphas * norm**2, sums.yy)


def _unit(rows: int) -> float:
    """What sums of so many rows lose, relative to the rows, but by bad luck."""
    return float(2.0**-53 * (8 + np.sqrt(rows)))


def _drift(coef: Floats, mean: Floats, mean_y: Floats, unit: float) -> Floats:
    """The square of what rounding makes of the intercept."""
    return np.asarray((unit * (np.abs(mean_y)[:, None] + np.abs(coef) @ np.abs(mean))) ** 2)


def _relative(gap: Floats, value: Floats, yy: Floats) -> Floats:
    """Of the minimum, which is at least the value less the gap; inf where that is not known to be above 0, nor y constant."""
    least = value - gap
    ratio = np.divide(gap, least, out=np.full(gap.shape, np.inf), where=least > 0)
    return np.where(yy[:, None] > 0, ratio, 0.0)


def _wide(block: Block, alphas: Floats, centred: bool) -> tuple[Floats, Floats, Floats, Floats, bool]:
    """By the n x n products of rows; with the residual as the dual point, the gap is ``|g|^2 / alpha`` for the slope g."""
    assert block.y is not None
    problem = Kernel(block, float(alphas.min()), centred)
    total = problem.values[:, None] + alphas
    top = float(problem.values.max(initial=0.0))
    floor = 1e-15 * len(problem.values) * top if problem.right is None else 0.0
    coef = problem.solution(np.where(total > floor, 1 / np.where(total > floor, total, 1), 0.0))
    flat = coef.reshape(-1, coef.shape[2])
    fit = np.asarray(problem.X @ flat.T) - flat @ problem.mean
    fit = problem.root[:, None, None] * fit.reshape(len(fit), *coef.shape[:2])
    left, norm = problem.target[:, :, None] - fit, np.linalg.norm(coef, axis=2)
    slope = problem.coefficients(left) - alphas[:, None] * coef
    unit, size = _unit(block.X.shape[1]), np.linalg.norm(left, axis=0)
    unsure = unit * (np.sqrt(top) * size + alphas * norm)
    along = (np.linalg.norm(slope, axis=2) + unsure) / np.sqrt(np.where(alphas > 0, alphas, 1.0))
    reach = np.linalg.norm(problem.target, axis=0)[:, None] + np.sqrt(top) * norm
    gap = np.where(alphas > 0, (along + unit * reach) ** 2, np.inf)
    weight = float((problem.root**2).sum())
    gap = gap + weight * _drift(coef, problem.mean, problem.mean_y, unit)
    value = size**2 - 2 * unit * reach * size + alphas * norm**2
    return coef, problem.mean, problem.mean_y, _relative(gap, value, reach[:, 0] ** 2), block.y.ndim == 1

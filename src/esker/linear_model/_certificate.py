"""How far from the minimum given coefficients can be: a bound that costs no pass over the rows.

``f(w) - f* = g' H^-1 g`` exactly, with ``H = X'X + alpha I`` and ``g = X'y - H w`` half the negative slope. Neither is known
exactly. g is known to rounding: at 0 it is the Gram's X'y, elsewhere what a pass over the rows found, and from there to w it
changes by H times the step. With P, what was factored, and ``(1 - apart) P <= H <= (1 + apart) P``, the gap is at most
``(|g| + |noise|)^2 / (1 - apart)`` in the norm of P^-1; and always at most ``|g|^2 / alpha``. Where coefficients must not be
negative, only that part of g counts that a step could still follow: f(v) - f(w) >= -2 q'(v - w) + (v - w)'H(v - w) for
feasible v, q being g where w > 0 and its positive part elsewhere, so that the gap is at most q'H^-1 q.

Of packed sums only P is left: products with it are taken for those with H, and ``Normal.eta`` counts what it is apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from esker.linear_model._normal import UNIT_ROUNDOFF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.linear_model._normal import Factor, Normal

__all__ = ["Known", "origin", "relative_gap"]


@dataclass
class Known:
    """Coefficients at which the gradient and the objective are known better than from the sums."""

    coef: NDArray[np.float64]  # (targets, d)
    gradient: NDArray[np.float64]  # (targets, d): half the negative slope
    value: NDArray[np.float64]  # (targets,): the objective, at the best intercept
    doubt: NDArray[np.float64]  # (targets,): rounding of `value`
    size: NDArray[np.float64]  # (targets,): norm of y and the predictions, whose rounding is in `gradient`
    eta: float  # rounding of `gradient`, relative to the columns' norms times `size`


def origin(normal: Normal) -> Known:
    """What the sums themselves know."""
    zero = np.zeros_like(normal.right)
    return Known(zero, normal.right, normal.yy, normal.eta * normal.peak, np.sqrt(normal.peak), normal.eta)


def relative_gap(
    normal: Normal,
    known: Known,
    coef: NDArray[np.float64],
    at_mean: NDArray[np.float64],
    factor: Factor | None,
    *,
    positive: bool = False,
) -> float:
    """An upper bound on ``(f(coef) - f*) / f*``, the largest of the targets'.

    Parameters
    ----------
    normal : Normal
    known : Known
        The nearer to `coef` the better.
    coef : ndarray of shape (targets, d)
        As they are kept, so rounded.
    at_mean : ndarray of shape (targets,)
        The prediction at the means.
    factor : Factor or None
    positive : bool
        f* is the minimum over coefficients that are not negative, as `coef` are.

    Returns
    -------
    float
        0 where y is constant to its last bit; inf where nothing can be said: directions were cut off that might have led lower, or rounding does not tell the minimum from 0.
    """
    step = coef - known.coef
    left = known.gradient - normal.multiply(step)
    value = known.value - np.einsum("td,td->t", known.gradient + left, step)
    spread = np.sqrt(normal.own)
    # Rounding of the slope, column by column, and of the objective.
    moved = np.linalg.norm(step * spread, axis=1)
    relative = known.eta * known.size + normal.eta * moved
    noise = np.outer(relative, spread) + normal.own_eta * normal.alpha * (np.abs(coef) + np.abs(step))
    if positive:
        left = np.where(coef == 0, np.maximum(left, 0.0), left)
    doubt = known.doubt + 2 * relative * moved + normal.own_eta * normal.alpha * (coef**2).sum(axis=1)

    s = normal.scale
    steepness, unsure = np.linalg.norm(left * s, axis=1), np.linalg.norm(noise * s, axis=1)
    gap = np.full(len(coef), np.inf)
    if factor is not None and factor.apart <= 0.5:
        along = np.sqrt(np.maximum(np.einsum("td,td->t", left, factor.apply(left)), 0.0))
        gap = (along + np.sqrt(factor.inverse) * unsure) ** 2 / (1 - factor.apart)
    if normal.alpha > 0:
        least = normal.alpha * float((s[s > 0] ** 2).min(initial=1.0))
        gap = np.minimum(gap, (steepness + unsure) ** 2 / least)
    elif not (s > 0).any():
        gap = np.zeros(len(coef))
    if normal.centred:
        # The intercept is the prediction at the means less the coefficients' part, each rounded, as the means are.
        terms = np.abs(at_mean) + np.abs(coef) @ np.abs(normal.mean)
        drift = UNIT_ROUNDOFF * (4 + np.sqrt(normal.gram.rows / 256)) * terms
        gap = gap + normal.gram.weight * drift**2
    if normal.centred:
        told = np.linalg.norm(coef * spread, axis=1)  # constant, too, where y is
        gap = np.where(normal.constant & (told**2 <= normal.bits), 0.0, gap)
    lowest = value - doubt - gap
    ratio = np.divide(gap, lowest, out=np.full(len(coef), np.inf), where=lowest > 0)
    return float(np.where(gap == 0, 0.0, ratio).max(initial=0.0))

"""What is known of a logistic loss's curvature, as a metric for L-BFGS: a sample's Hessian, or a product form of it.

Of two classes and moderately many columns, the Hessian of a sample is a Gram of its rows with weights w p (1 - p), whose
centring is the elimination of the intercept. Of several classes, it is close to a Kronecker product: each class's curvature
times the rows' covariance, less what moves all classes at once and so changes nothing but the penalty. Of many columns, the
covariance's diagonal is left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from esker._errors import NotPositiveDefinite
from esker._native import core
from esker.folds import Gram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block

    Floats = NDArray[np.float64]

__all__ = ["Newton", "Product", "spectrum"]


class Newton:
    """The inverse Hessian of weighted rows, for one model.

    Parameters
    ----------
    rows : Block
        Weights are the rows' own times ``p (1 - p)``.
    alpha : float
        The penalty, beside weights that sum to about one.
    shift : ndarray of shape (d,)
    centred : bool
        Whether there is an intercept.
    """

    def __init__(self, rows: Block, alpha: float, shift: Floats, centred: bool) -> None:
        gram = Gram()
        gram.update(replace(rows, y=None))
        gram.widen(len(shift))
        self._state, self.centred = gram._state, centred
        self.mean, self.weight = gram.mean_x - shift, gram.weight
        typical = float(self._state.diagonal.mean()) + 1e-300
        more = 0.0
        while True:  # without a penalty, what no row determines is held by a small one
            try:
                self._factor = core.factorise(self._state, alpha + more, centred)
                return
            except NotPositiveDefinite:
                more = max(100 * more, 1e-10 * typical)

    def __call__(self, g: Floats) -> Floats:
        out = np.zeros_like(g)
        right = g[:, :-1] - g[:, -1:] * self.mean if self.centred else g[:, :-1].copy()
        right = np.ascontiguousarray(right)
        core.solve(self._state, self._factor, right)
        out[:, :-1] = right
        if self.centred and self.weight > 0:
            out[:, -1] = g[:, -1] / self.weight - right @ self.mean
        return out


class Product:
    """The inverse of curvature x covariance + alpha for each model, over steps that move not all models at once.

    Parameters
    ----------
    values : ndarray of shape (d,)
        The covariance's eigenvalues; or its diagonal.
    vectors : ndarray of shape (d, d) or None
        Its eigenvectors, as columns; None stands for ones at the columns themselves.
    curvature : ndarray of shape (models,)
        The mean of ``p (1 - p)``.
    alpha : float
    centred : bool
    """

    def __init__(
        self,
        values: Floats,
        vectors: NDArray[np.floating] | None,
        curvature: Floats,
        alpha: float,
        centred: bool,
    ) -> None:
        c = np.maximum(curvature, 1e-3 * max(float(curvature.max()), 1e-12))[:, None]
        self.basis = None if vectors is None else core.Basis(np.ascontiguousarray(vectors))
        flat = 1e-10 * max(float(values.mean()), 1e-300)
        self.inverse = 1.0 / (c * np.maximum(values, flat) + alpha)
        self.level = 1.0 / c if centred else np.zeros_like(c)
        self.joint = len(c) > 1

    def __call__(self, g: Floats) -> Floats:
        out = np.empty_like(g)
        turned = np.ascontiguousarray(g[:, :-1])
        if self.basis is None:
            out[:, :-1] = self._divided(turned, self.inverse)
        else:
            step = self._divided(self.basis.times(turned, False), self.inverse)
            out[:, :-1] = self.basis.times(step, True)
        out[:, -1:] = self._divided(g[:, -1:], self.level)
        return out

    def _divided(self, g: Floats, by: Floats) -> Floats:
        if not self.joint:
            return g * by
        total = by.sum(axis=0)
        mean = np.divide((g * by).sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
        return np.asarray((g - mean) * by)


def spectrum(rows: Block, shift: Floats, centred: bool) -> tuple[Floats, Floats]:
    """Eigenvalues and eigenvectors of the covariance of weighted rows, about the origin where not centred."""
    gram = Gram()
    gram.update(replace(rows, y=None))
    gram.widen(len(shift))
    covariance = gram.finish() / gram.weight
    if not centred:
        covariance += np.outer(gram.mean_x, gram.mean_x)
    values, vectors = linalg.eigh(covariance, overwrite_a=True, check_finite=False, driver="evd")
    return values, vectors

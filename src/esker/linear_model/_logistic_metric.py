"""What is known of a loss's curvature, as a metric for L-BFGS: a sample's Hessian, or its diagonal in some basis.

Of two classes and moderately many columns, the Hessian of a sample is a Gram of its rows with weights w p (1 - p), whose
centring is the elimination of the intercept. Of several classes, each one's curvature is taken for diagonal in a basis that
they share, but for its intercept; of many columns, that basis is the columns themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg, sparse

from esker._errors import NotPositiveDefinite
from esker._native import core
from esker.folds import Gram
from esker.linear_model._logistic_rows import PANEL, curvatures, weighted_by_doubt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block
    from esker.linear_model._glm_loss import NumberLoss

    Floats = NDArray[np.float64]

__all__ = ["Frame", "Newton", "Shared", "frame", "spectrum"]


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


@dataclass
class Frame:
    """A sample's rows in a basis that all models share: the eigenvectors of its covariance, or the columns themselves."""

    rows: Block
    basis: core.Basis | None
    turned: Any
    shift: Floats


def frame(rows: Block, at: Floats, shift: Floats, centred: bool, *, turn: bool) -> Frame:
    """The basis that suits a sample at a point, where `turn`; else the columns."""
    if not turn:
        return Frame(rows, None, rows.X, shift)
    vectors = spectrum(weighted_by_doubt(rows, at, shift), shift, centred)[1]
    V = vectors.astype(rows.X.dtype)
    turned = rows.X @ V
    turned -= (shift @ vectors).astype(V.dtype)
    return Frame(rows, core.Basis(np.ascontiguousarray(vectors)), turned, np.zeros(len(shift)))


class Shared:
    """The inverse Hessian of each model, as if its curvature were diagonal in a shared basis but for the intercept.

    A model's rows in doubt lie in a place of their own, so that its intercept and its coefficients depend on each other: that part is exact.
    Of several models, steps that move all at once, which change nothing but the penalty, are left out.

    Parameters
    ----------
    frame : Frame
    at : ndarray of shape (models, d + 1)
    shift : ndarray of shape (d,)
    alpha : float
    centred : bool
    loss : NumberLoss or None
        None: classes.
    """

    def __init__(
        self,
        frame: Frame,
        at: Floats,
        shift: Floats,
        alpha: float,
        centred: bool,
        loss: NumberLoss | None = None,
    ) -> None:
        curvature = curvatures(frame.rows, at, shift, loss)
        c = np.maximum(curvature.sum(axis=0), 1e-300)[:, None]
        Z = frame.turned
        if sparse.issparse(Z):
            first, second = (Z.T @ curvature).T, (Z.multiply(Z).T @ curvature).T
        else:
            first, second = np.zeros((2, len(at), Z.shape[1]))
            for i in range(0, len(Z), PANEL):
                some, z = curvature[i : i + PANEL].T.astype(Z.dtype), Z[i : i + PANEL]
                first += some @ z
                second += some @ (z * z)
        first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
        spread = second - first * first / c if centred else second
        least = 1e-6 * second + 1e-10 * second.mean(axis=1, keepdims=True) + 1e-300
        self.basis, self.centred, self.joint = frame.basis, centred, len(at) > 1
        self.inverse = 1.0 / (np.maximum(spread, least) + alpha)
        self.mean = first / c - frame.shift
        self.level = 1.0 / np.maximum(c, 1e-3 * max(float(c.max()), 1e-12))

    def __call__(self, g: Floats) -> Floats:
        out = np.empty_like(g)
        right, level = np.ascontiguousarray(g[:, :-1]), g[:, -1:]
        if self.basis is not None:
            right = self.basis.times(right, False)
        step = (right - self.mean * level if self.centred else right) * self.inverse
        out[:, :-1] = step if self.basis is None else self.basis.times(step, True)
        out[:, -1:] = (
            level * self.level - (self.mean * step).sum(axis=1, keepdims=True) if self.centred else 0.0
        )
        if self.joint:
            out -= out.mean(axis=0)
        return out


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

"""Every alpha from one eigendecomposition of X'X: coefficients, true GCV, and what each needs of a Gram's sums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg

from esker.folds import Gram
from esker.linear_model._solve import spectral

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from esker.blocks import Block

    Floats = NDArray[np.float64]
    Rows = Callable[[], Iterator[Block]]

__all__ = ["Spectrum", "Sums", "gcv_scores"]

#: Eigenvalues are taken from the rows themselves where rounding of X'X would move a shrinkage by more than this.
SOUND = 1e-9


@dataclass
class Sums:
    """Second moments as a problem wants them: about the means, or about the origin where there is no intercept.

    Attributes
    ----------
    xx : ndarray of shape (d, d)
    xy : ndarray of shape (d, targets)
    yy : ndarray of shape (targets,)
    mean_x, mean_y : ndarray
        What rows and targets are taken from; zeros without an intercept.
    weight : float
    rows : int
    loss : float
        Relative rounding error of xx.
    """

    xx: Floats
    xy: Floats
    yy: Floats
    mean_x: Floats
    mean_y: Floats
    weight: float
    rows: int
    loss: float

    @classmethod
    def of(cls, state: Gram, centred: bool, indicators: slice | None = None) -> Sums:
        """The sums of a state.

        Parameters
        ----------
        state : Gram
        centred : bool
        indicators : slice, optional
            The state's targets are indicators of classes; those named here are wanted, as -1 and 1.
        """
        xy, yy, mean_y = state.xy, state.yy, state.mean_y
        if indicators is not None:
            xy = 2 * xy[:, indicators] - xy.sum(axis=1, keepdims=True)
            yy, mean_y = 4 * yy[indicators], 2 * mean_y[indicators] - mean_y.sum()
        xx, mean_x, weight = state.finish(), state.mean_x, state.weight
        if not centred:
            xx += weight * np.outer(mean_x, mean_x)
            xy = xy + weight * np.outer(mean_x, mean_y)
            yy = yy + weight * mean_y**2
            mean_x, mean_y = np.zeros_like(mean_x), np.zeros_like(mean_y)
        loss = float(state._state.loss(centred))
        return cls(
            xx, np.ascontiguousarray(xy), yy, mean_x, np.array(mean_y, order="C"), weight, state.rows, loss
        )


@dataclass
class Spectrum:
    """``X'X = V diag(values) V'`` and ``V'X'y``.

    Attributes
    ----------
    values : ndarray of shape (r,)
        Not negative; below `floor` they are zeros.
    vectors : ndarray of shape (d, r)
    xy : ndarray of shape (r, targets)
    floor : float
        What rounding may have made of a zero.
    """

    values: Floats
    vectors: Floats
    xy: Floats
    floor: float

    @classmethod
    def of(cls, sums: Sums) -> Spectrum:
        """From the sums alone."""
        values, vectors = spectral(sums.xx)
        top = float(values.max(initial=0.0))
        floor = 4 * sums.loss * max(10, len(values)) * top
        return cls.cut(values, np.ascontiguousarray(vectors), vectors.T @ sums.xy, floor)

    @classmethod
    def cut(cls, values: Floats, vectors: Floats, xy: Floats, floor: float) -> Spectrum:
        """What is not above `floor` is zero, and so is X'y there, which lies in the span of the rows."""
        kept = values > floor
        return cls(np.where(kept, values, 0.0), vectors, np.where(kept[:, None], xy, 0.0), floor)

    def sound(self, sums: Sums, alpha: float) -> bool:
        """Whether X'X holds enough digits for this alpha; else `refined` reads the rows again."""
        low = float(self.values.min(initial=np.inf)) + alpha
        return sums.loss * (float(self.values.max(initial=0.0)) + alpha) <= SOUND * low

    def refined(self, sums: Sums, rows: Rows) -> Spectrum:
        """From the rows, so that singular values are good to the condition of X and not its square.

        Rows times ``V / sqrt(values)`` have a Gram near the identity; its root is the triangular factor of X in that
        basis, whose singular values are X's (a QR by two Grams, as in CholeskyQR2; Fukaya et al., 2014).
        """
        top = float(self.values.max(initial=0.0))
        if top == 0:
            return self
        scale = np.sqrt(np.maximum(self.values, 0) + self.floor)
        basis = self.vectors / scale
        second, centred = Gram(), bool(sums.mean_x.any() or sums.mean_y.any())
        for block in rows():
            step = max(1, (1 << 19) // len(basis))
            for i in range(0, len(block), step):
                second.update(_turned(block, i, i + step, sums.mean_x, basis))
        again = Sums.of(second, centred)
        inner, turn = linalg.eigh(again.xx)
        kept = inner > 1e-15 * len(inner) * inner.max(initial=0.0)
        root, turn = np.sqrt(inner[kept]), turn[:, kept]
        factor = (turn * root).T @ (scale[:, None] * self.vectors.T)
        left, singular, right = linalg.svd(factor, full_matrices=False)
        # X'y in the new basis; y is kept off the rounding of the means by the second sums being centred again.
        xy = singular[:, None] * (left.T @ ((turn / root).T @ again.xy))
        floor = (2.0**-52 * max(10, len(singular)) * float(singular.max(initial=0.0))) ** 2
        return Spectrum.cut(singular**2, np.ascontiguousarray(right.T), xy, floor)

    def shrinkages(self, alphas: Floats) -> Floats:
        """``1 / (value + alpha)``, shape (r, alphas); 0 where both are, which is the solution of minimum norm."""
        total = self.values[:, None] + alphas
        return np.where(total > 0, 1 / np.where(total > 0, total, 1), 0.0)

    def coefficients(self, alphas: Floats) -> Floats:
        """Of every target and alpha, shape (targets, alphas, d)."""
        rotated = self.xy.T[:, None, :] * self.shrinkages(alphas).T
        return rotated @ self.vectors.T


def _turned(block: Block, begin: int, end: int, mean: Floats, basis: Floats) -> Any:
    X = block.X[begin:end]
    Z = X @ basis - mean @ basis if not isinstance(X, np.ndarray) else (X - mean) @ basis
    return replace(
        block,
        X=np.ascontiguousarray(Z, dtype=np.float64),
        y=None if block.y is None else block.y[begin:end],
        sample_weight=None if block.sample_weight is None else block.sample_weight[begin:end],
        row_keys=None,
    )


def gcv_scores(sums: Sums, spectrum: Spectrum, alphas: Floats, centred: bool) -> Floats:
    """Generalized cross-validation (Golub, Heath & Wahba, 1979) of every target and alpha, from the sums alone.

    Returns
    -------
    ndarray of shape (targets, alphas)
        ``n sum of w r^2 / (n - trace of the hat matrix)^2``; small is good.
    """
    shrink = spectrum.shrinkages(alphas)
    # What no alpha can explain, and what shrinking leaves; both are sums of squares, so that nothing cancels.
    explained = np.where(spectrum.values > 0, 1 / np.where(spectrum.values > 0, spectrum.values, 1), 0.0)
    squares = spectrum.xy.T**2
    never = np.maximum(sums.yy - squares @ explained, 0)
    left = squares @ (explained[:, None] * (alphas * shrink) ** 2)
    freedom = sums.rows - float(centred) - spectrum.values @ shrink
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(freedom > 0, sums.rows * (never[:, None] + left) / freedom**2, np.inf)

"""Coefficients that must not be negative: least squares on the Gram by block principal pivoting.

A guess of which coefficients are positive is solved for by Cholesky; those that come out negative leave, those whose slope
would have them grow enter, all at once, and one at a time when that does not lessen their number (Portugal, Judice & Vicente,
1994; Kim & Park, 2011). It ends at the exact solution when the matrix is definite; where it is not, Lawson & Hanson's active
set solves on a root of the matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, optimize

from esker.linear_model._normal import UNIT_ROUNDOFF, spectral

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Nonnegative"]

#: Whole exchanges that may fail to lessen the number of misplaced coefficients before single ones follow.
PATIENCE = 3


class Nonnegative:
    """Minimises ``w'Hw - 2 w'c`` over w >= 0, for one H and many c.

    Parameters
    ----------
    matrix : ndarray of shape (d, d)
        H scaled to unit diagonal; zero rows have coefficient 0.
    scale : ndarray of shape (d,)
        The scaling.
    """

    def __init__(self, matrix: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        self.A, self.scale = matrix, scale
        self._root: NDArray[np.float64] | None = None

    def solve(
        self, right: NDArray[np.float64], start: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """w (targets, d) for each row of `right`; where `start` is positive is the first guess."""
        guess = right if start is None else start
        return np.array(
            [self._one(c * self.scale, g > 0) * self.scale for c, g in zip(right, guess, strict=True)]
        ).reshape(right.shape)

    def _one(self, b: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
        inside = inside & (self.scale > 0)
        fewest, patience = len(b) + 1, PATIENCE
        for _ in range(100 + 4 * len(b)):
            found = self._inside(b, inside)
            if found is None:
                break
            u, slope = found
            wrong = np.flatnonzero(np.where(inside, u < 0, slope > self._rounding(u, b)))
            if not len(wrong):
                return u
            if len(wrong) < fewest:
                fewest, patience = len(wrong), PATIENCE
            elif patience:
                patience -= 1
            else:
                wrong = wrong[-1:]
            inside[wrong] = ~inside[wrong]
        return self._active_set(b)

    def _inside(
        self, b: NDArray[np.float64], inside: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """The solution with the others at 0, and the slope everywhere; None where the matrix is not definite there."""
        u, at = np.zeros(len(b)), np.flatnonzero(inside)
        if len(at):
            try:
                factor = linalg.cho_factor(
                    self.A[np.ix_(at, at)], lower=True, overwrite_a=True, check_finite=False
                )
            except linalg.LinAlgError:
                return None
            if factor[0].diagonal().min() ** 2 < 1e2 * len(b) * UNIT_ROUNDOFF:
                return None
            u[at] = linalg.cho_solve(factor, b[at], check_finite=False)
        return u, b - self.A @ u

    def _rounding(self, u: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(8 * UNIT_ROUNDOFF * (np.abs(b) + np.sqrt(len(b)) * np.linalg.norm(u)))

    def _active_set(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """On rows R with R'R = A, from the eigenvectors above rounding."""
        if self._root is None:
            values, vectors = spectral(self.A)
            kept = values > 1e2 * len(b) * UNIT_ROUNDOFF * max(float(values.max(initial=0.0)), 1e-300)
            self._values, self._root = values[kept], np.sqrt(values[kept])[:, None] * vectors[:, kept].T
        if not len(self._root):
            return np.zeros(len(b))
        found, _ = optimize.nnls(self._root, self._root @ b / self._values, maxiter=30 * len(b))
        return np.where(self.scale > 0, found, 0.0)

"""How far the data would have to move for given coefficients to be their exact least squares solution, from a sketch.

The optimal backward error of least squares, ``min |[dA, theta db]|_F`` over the changes under which u minimises
``|b + db - (A + dA) u|``, is within a small factor of Karlson and Walden's
``theta / root(1 + theta^2 |u|^2) |(A'A + mu^2 I)^(-1/2) A'r|`` with ``mu^2 = theta^2 |r|^2 / (1 + theta^2 |u|^2)``. A sketch's factor R
has ``R'R`` near A'A, so that it stands for A: Epperly, Meier and Nakatsukasa, "Fast randomized least-squares solvers can be just as
accurate and stable as classical direct solvers" (2024).
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["BackwardError"]


class BackwardError:
    """Karlson and Walden's estimate of one target, relative to the Frobenius norm of the scaled columns.

    Parameters
    ----------
    R : ndarray of shape (rank, rank)
        The sketch's factor of A, whose columns are scaled to norm 1.
    rcond : float
        Of R.
    size : float
        Norm of the target.
    """

    def __init__(self, R: Floats, rcond: float, size: float) -> None:
        self.R, self.rcond, self.size = R, rcond, size
        self.norm = float(np.linalg.norm(R))
        self._mu = 0.0
        self._map: Floats | None = None
        self._share = 0.0

    def look(self, u: float, r: float) -> None:
        """Take up the norms of the scaled coefficients and of the residual, on which the weighing of directions depends."""
        theta = self.norm / self.size if self.size > 0 else 0.0
        whole = sqrt(1 + (theta * u) ** 2)
        self._share = theta / whole / self.norm if self.norm > 0 else 0.0
        mu = theta * r / whole
        if self._mu > 0 and 0.5 < mu / self._mu < 2:
            return
        self._mu = mu
        # With directions all well above mu nothing is weighed.
        if mu < 0.1 * self.rcond * self.norm / sqrt(max(len(self.R), 1)) or not self.R.size:
            self._map = None
            return
        below = np.asfortranarray(np.eye(len(self.R)) * mu)
        F, _, _, _ = linalg.lapack.dtpqrt(len(self.R), min(64, len(self.R)), np.asfortranarray(self.R), below)
        # |F'^-1 R' rho| is wanted, F'F = R'R + mu^2 I.
        self._map = np.ascontiguousarray(
            linalg.solve_triangular(np.triu(F), self.R.T, trans="T", check_finite=False)
        )

    def of(self, rho: Floats) -> float:
        """The estimate, from ``rho = P' X' r``, the slope in the preconditioner's coordinates."""
        moved = rho if self._map is None else np.einsum("ij,j->i", self._map, rho)
        return self._share * float(np.linalg.norm(moved))

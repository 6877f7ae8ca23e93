"""A sketch's factor as a preconditioner: P with (X P)'(X P) + alpha P'P near the identity, and how well conditioned X is."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from esker.linear_model._normal import UNIT_ROUNDOFF, orthonormal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.linear_model._sketch_rows import Sketch

    Floats = NDArray[np.float64]

__all__ = ["Preconditioner", "factor_sketch"]

#: Directions of the scaled sketch below this share of the largest singular value are what rounding left there.
CUT = 30 * 2 * UNIT_ROUNDOFF
#: Up to this many columns products are NumPy's own loops: the threads of a BLAS go on spinning beside the walk that follows.
ALONE = 1024
#: A Cholesky factor of the sketch's own Gram serves down to this reciprocal condition number (of the Gram).
COARSE = 1e-11
#: Columns of a panel of QR.
PANEL = 64


@dataclass
class Preconditioner:
    """``P = D R^-1``, D the columns' scaling and R the factor of ``[S X D; sqrt(alpha) D]``.

    Attributes
    ----------
    P : ndarray of shape (d, rank)
    R : ndarray of shape (rank, rank)
        Upper triangular, or diagonal where directions were cut off.
    scale : ndarray of shape (d,)
        D, with 0 for columns that are constant.
    rcond : float
        Reciprocal condition number of R.
    cut : int
        Directions that were cut off as singular; constant columns are not counted.
    null : ndarray of shape (d, cut)
        Their orthonormal basis.
    start : ndarray of shape (targets, d)
        The sketch's own answer.
    """

    P: Floats
    R: Floats
    scale: Floats
    rcond: float
    cut: int
    null: Floats
    start: Floats

    def __post_init__(self) -> None:
        self._alone = len(self.P) <= ALONE
        self._transposed = np.ascontiguousarray(self.P.T) if self._alone else self.P.T

    def out(self, v: Floats) -> Floats:
        """``P v`` for each row of v."""
        if self._alone and len(v) == 1:
            return np.asarray(np.einsum("ij,j->i", self.P, v[0])[None])
        return np.ascontiguousarray(v @ self._transposed)

    def back(self, g: Floats) -> Floats:
        """``P' g`` for each row of g."""
        if self._alone and len(g) == 1:
            return np.asarray(np.einsum("ij,j->i", self._transposed, g[0])[None])
        return np.ascontiguousarray(g @ self.P)

    def least(self, w: Floats) -> Floats:
        """w without what lies in the directions that were cut off: the solution of minimum norm."""
        return w - (w @ self.null) @ self.null.T if self.null.size else w


def factor_sketch(sketch: Sketch, alpha: float, targets: NDArray[np.intp]) -> Preconditioner:
    """Factor a sketch for one alpha: Cholesky of its Gram where that keeps enough digits, else QR, else singular values.

    Parameters
    ----------
    sketch : Sketch
    alpha : float
    targets : ndarray of int
        Columns of y whose start is wanted.
    """
    # With a penalty no column is without meaning, and its size is the root of both squares.
    spread = np.divide(1.0, sketch.scale, out=np.zeros_like(sketch.scale), where=sketch.scale > 0)
    scale = 1 / np.sqrt(spread**2 + alpha) if alpha > 0 else sketch.scale
    live = np.flatnonzero(scale > 0)
    A = np.multiply(sketch.X[:, live] if len(live) < len(scale) else sketch.X, scale[live])
    y = sketch.y[:, targets]
    d = len(live)
    if d == 0:  # nothing but constants
        none = np.zeros((len(scale), 0))
        return Preconditioner(none, np.zeros((0, 0)), scale, 1.0, 0, none, np.zeros((y.shape[1], len(scale))))
    found = _cholesky(A, y, alpha, scale[live])
    if found is None:
        whole = np.zeros((len(A) + (d if alpha > 0 else 0), d + y.shape[1]), order="F")
        whole[: len(A), :d], whole[: len(A), d:] = A, y
        if alpha > 0:
            whole[len(A) + np.arange(d), np.arange(d)] = sqrt(alpha) * scale[live]
        if len(whole) < whole.shape[1]:
            whole = np.vstack([whole, np.zeros((whole.shape[1] - len(whole), whole.shape[1]))])
        # The recursive factorisation of panels: several times as fast as geqrf on tall matrices.
        triangle, _, _ = linalg.lapack.dgeqrt(min(PANEL, whole.shape[1]), whole, overwrite_a=1)
        R, right = np.triu(triangle[:d, :d]), triangle[:d, d:].copy()
        del whole, triangle
        rcond = _rcond(R)
        if not rcond > CUT:
            return _cut_off(R, right, scale, live)
        inverse, _ = linalg.lapack.dtrtri(R)
        inverse = np.triu(inverse)
        start = inverse @ right
    else:
        R, inverse, start, rcond = found
    P = np.zeros((len(scale), d))
    P[live] = scale[live][:, None] * inverse
    w = np.zeros((y.shape[1], len(scale)))
    w[:, live] = (scale[live][:, None] * start).T
    return Preconditioner(P, R, scale, rcond, 0, np.zeros((len(scale), 0)), w)


def _cholesky(
    A: Floats, y: Floats, alpha: float, scale: Floats
) -> tuple[Floats, Floats, Floats, float] | None:
    """R, its inverse, the sketch's answer and rcond, from A'A; None where that has lost too much."""
    gram = linalg.blas.dsyrk(1.0, A.T)  # A.T as Fortran has it: no copy
    if alpha > 0:
        gram[np.diag_indices_from(gram)] += alpha * scale**2
    norm = float(np.abs(gram).max(initial=0.0))
    if not np.isfinite(norm):
        return None
    R, bad = linalg.lapack.dpotrf(gram, clean=1, overwrite_a=1)
    if bad:
        return None
    rcond = _rcond(R)
    if not rcond**2 > COARSE:
        return None
    inverse, _ = linalg.lapack.dtrtri(R)
    inverse = np.triu(inverse)
    start = inverse @ (inverse.T @ (A.T @ y))
    return np.ascontiguousarray(R), np.ascontiguousarray(inverse), start, rcond


def _rcond(R: Floats) -> float:
    if not R.size:
        return 1.0
    if not np.isfinite(R).all():
        return 0.0
    rcond, _ = linalg.lapack.dtrcon(np.asfortranarray(R))
    return float(rcond)


def _cut_off(R: Floats, right: Floats, scale: Floats, live: NDArray[np.intp]) -> Preconditioner:
    """The factor by singular values, without those that rounding may have made."""
    U, sigma, Vt = linalg.svd(R, check_finite=False)
    kept = sigma > CUT * max(float(sigma.max(initial=0.0)), 1e-300)
    sigma, V = sigma[kept], Vt[kept].T
    D = scale[live][:, None]
    P = np.zeros((len(scale), len(sigma)))
    P[live] = D * (V / sigma)
    lost = np.zeros((len(scale), len(live) - len(sigma)))
    lost[live] = D * Vt[~kept].T
    null = orthonormal(lost)
    w = np.zeros((right.shape[1], len(scale)))
    w[:, live] = (D * (V / sigma) @ (U[:, kept].T @ right)).T
    found = Preconditioner(
        P, np.diag(sigma), scale, float(sigma.min(initial=1.0) / max(sigma.max(initial=1.0), 1e-300)),
        lost.shape[1], null, w,
    )  # fmt: skip
    found.start = found.least(w)
    return found

"""Falkon: conjugate gradients for kernel ridge on landmarks, preconditioned by what the landmarks say of all rows.

With T'T = K_mm and A'A = (n/m) T T' + alpha I, the matrix K_nm'K_nm + alpha K_mm is about T'A'A T: K_nm'K_nm is n times a mean
over rows, of which the landmarks are a sample (Rudi, Carratino & Rosasco, "FALKON: an optimal large scale kernel method", 2017).
Both factors are Cholesky's in float64, made once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from esker._errors import NotPositiveDefinite

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Found", "Preconditioner", "solve_falkon"]

#: Rows of a block of T T'.
BAND = 512
#: A matrix that such a share of its mean diagonal does not make definite is not that of a kernel.
LARGEST = 1e-3


class Preconditioner:
    """The factors T and A.

    Parameters
    ----------
    K : ndarray of shape (m, m)
        K_mm, overwritten.
    share : ndarray of shape (m,)
        How many rows each landmark stands for, by weight.
    alpha : float
    rounding : float
        Of kernel values, relative to the diagonal: K_mm gets so much more on its own, times 4 sqrt(m), as directions below
        that are noise; and more, where the penalty is too small to hide what products with all rows lose.
    rows : int
        Of all.
    """

    def __init__(self, K: Floats, share: Floats, alpha: float, rounding: float, rows: int) -> None:
        m = len(K)
        self.alpha = alpha
        if not np.isfinite(K).all():
            raise ValueError("kernel values are not finite: scale X (or gamma, or degree) down")
        diagonal = K.diagonal().copy()
        mean = float(diagonal.mean()) or 1.0  # rows of zeros
        #: Rounding of products with K'K, as a penalty on the coefficients' squares: it counts where nothing else does.
        self.noise = 0.1 * rounding * m * rows**0.5 * float(np.einsum("ij,ij->", K, K)) / m**2
        #: What was added to the diagonal of K_mm.
        self.jitter = max(4 * m**0.5 * rounding, 2e-16 * m) * mean
        each = rows / m
        self.factor = self._factor(K, diagonal, mean)
        least = float(self.factor.diagonal().min()) ** 2
        if least * (each * least + alpha) < self.noise:  # directions that no product can tell from zero
            enough = 2 * self.noise / (alpha + (alpha**2 + 4 * self.noise * each) ** 0.5)
            if enough > self.jitter:
                self.jitter = enough
                _restore(K)
                self.factor = self._factor(K, diagonal, mean)
        self.inner = self._inner(share)

    def _factor(self, K: Floats, diagonal: Floats, mean: float) -> Floats:
        first = self.jitter
        while True:
            K.flat[:: len(K) + 1] = diagonal + self.jitter
            T: Floats
            T, info = linalg.lapack.dpotrf(K.T, lower=0, clean=0, overwrite_a=1)
            if info == 0:
                return T  # the upper triangle; what is below is not looked at
            _restore(K)
            self.jitter *= 10
            if self.jitter > max(LARGEST * mean, 100 * first):
                raise NotPositiveDefinite(
                    "the kernel matrix of the landmarks is not positive semidefinite; is this a kernel function for these rows?"
                )

    def _inner(self, share: Floats) -> Floats:
        T, m = self.factor, len(share)
        inner = np.empty((m, m), order="F")
        for i in range(0, m, BAND):
            rows = slice(i, min(i + BAND, m))
            for j in range(i, m, BAND):
                columns = slice(j, min(j + BAND, m))
                left = T[rows, j:] * share[j:]
                right = T[columns, j:].copy()
                if i == j:
                    left = np.triu(left)
                right = np.triu(right)
                inner[rows, columns] = left @ right.T
        if self.alpha:
            inner.flat[:: m + 1] += self.alpha
        own, more = inner.diagonal().copy(), 1e-15 * m * float(inner.diagonal().max())
        A: Floats
        A, info = linalg.lapack.dpotrf(inner, lower=0, clean=0, overwrite_a=1)
        if info:  # without a penalty T T' may be singular to rounding
            return self._again(share, own + more)
        return A

    def _again(self, share: Floats, diagonal: Floats) -> Floats:
        T = np.triu(self.factor)
        inner = np.asfortranarray((T * share) @ T.T)
        inner.flat[:: len(inner) + 1] = diagonal
        A: Floats = linalg.cholesky(inner, lower=False, overwrite_a=True, check_finite=False)
        return A

    def apart(self, b: Floats) -> tuple[Floats, Floats]:
        """Landmarks' coefficients of preconditioned ones, (lanes, m): and half way, where the penalty is a square."""
        g = self._solve(self.inner, b, False)
        return self._solve(self.factor, g, False), g

    def back(self, w: Floats, g: Floats | None = None) -> Floats:
        """The transpose, of products with the rows; and of the penalty at `g`."""
        t = self._solve(self.factor, w, True)
        if g is not None:
            t += self.alpha * g
        return self._solve(self.inner, t, True)

    @staticmethod
    def _solve(factor: Floats, b: Floats, transposed: bool) -> Floats:
        # Rows of b are the columns that LAPACK solves for.
        found, _ = linalg.lapack.dtrtrs(factor, b.T, lower=0, trans=1 if transposed else 0)
        return np.ascontiguousarray(found.T)


def _restore(K: Floats) -> None:
    """Below the diagonal what is above: a factorisation of K.T took its place. The diagonal is the caller's."""
    for i in range(0, len(K), BAND):
        end = min(i + BAND, len(K))
        K[i:end, :i] = K[:i, i:end].T
        own = K[i:end, i:end]
        own[...] = np.triu(own) + np.triu(own, 1).T


@dataclass
class Found:
    """Coefficients (lanes, m), how many iterations the lane that took most took, and how it ended.

    history: the largest relative residual of the lanes, in the preconditioned norm, after each iteration.
    broken: a curvature was not positive, so that products have lost their digits.
    """

    coef: Floats
    iterations: int = 0
    reason: str = "converged"
    history: list[float] = field(default_factory=list)
    broken: bool = False


def solve_falkon(
    product: Callable[[Floats, NDArray[np.intp]], Floats],
    rhs: Floats,
    preconditioner: Preconditioner,
    *,
    tol: float,
    max_iter: int,
) -> Found:
    """Minimise |y - K a|^2 + alpha a'(K_mm + jitter I) a + noise |a|^2 for each row of `rhs`, K'y.

    Parameters
    ----------
    product : callable
        ``K'(w (K a))`` of rows of a, (lanes, m), and which lanes they are; raises InterruptedError to end.
    """
    b = preconditioner.back(rhs)
    size = (b**2).sum(axis=1)
    x, r = np.zeros_like(b), b.copy()
    p, rr = r.copy(), size.copy()
    found = Found(np.zeros_like(b))
    live = np.flatnonzero(size > 0)
    while len(live):
        if found.iterations == max_iter:
            found.reason = "max_iter"
            break
        a, g = preconditioner.apart(p[live])
        try:
            w = product(a, live) + preconditioner.noise * a
        except InterruptedError:
            found.reason = "time"
            break
        q = preconditioner.back(w, g)
        curve = (p[live] * q).sum(axis=1)
        step = np.divide(rr[live], curve, out=np.zeros(len(live)), where=curve > 0)
        x[live] += step[:, None] * p[live]
        r[live] -= step[:, None] * q
        new = (r[live] ** 2).sum(axis=1)
        p[live] = r[live] + (new / rr[live])[:, None] * p[live]
        rr[live] = new
        found.iterations += 1
        rest = np.sqrt(new / size[live])
        found.history.append(float(rest.max()))
        found.broken |= bool((curve <= 0).any())
        live = live[(rest > tol) & (curve > 0)]
    found.coef = preconditioner.apart(x)[0]
    return found

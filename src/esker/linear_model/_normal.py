"""The normal equations of one alpha, ``(X'X + alpha I) w = X'y``, from a Gram: their matrix, its factor, its rounding."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg

from esker._errors import NotPositiveDefinite
from esker._native import core

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from esker.folds import Gram

    Apply = Callable[[NDArray[np.float64]], NDArray[np.float64]]

__all__ = ["TINY", "UNIT_ROUNDOFF", "Factor", "Normal", "loss_of_means", "orthonormal", "spectral"]

UNIT_ROUNDOFF = 2.0**-53
#: Sums of squares below this have lost digits to underflow, or soon will.
TINY = 1e-300


@dataclass
class Factor:
    """A way to apply the inverse of the matrix to rows, and how far it is to be trusted."""

    apply: Apply
    solver: str
    #: Reciprocal condition number of the matrix scaled to unit diagonal, in the 1-norm.
    rcond: float
    #: 1-norm of the inverse of that matrix.
    inverse: float
    #: Bound of what it inverts against the true matrix, relative, in the matrix's own norm; inf where none is known.
    apart: float
    #: Directions that were cut off as singular.
    cut: int = 0


class Normal:
    """``X'X + alpha I`` and ``X'y`` of a Gram's targets `at`, about the means or, not `centred`, about the origin."""

    def __init__(self, gram: Gram, alpha: float, at: NDArray[np.intp], centred: bool) -> None:
        self.gram, self.alpha, self.at, self.centred = gram, alpha, at, centred
        self.mean = gram.mean_x if centred else np.zeros(gram.cols)
        self.mean_y = gram.mean_y[at] if centred else np.zeros(len(at))
        self.right = np.ascontiguousarray(gram.xy.T[at])
        #: Squares of each target and of each column, without alpha.
        self.yy, self.own = gram.yy[at], np.asarray(gram._state.diagonal)
        #: Squares of each target that rounding is relative to: those before rows were forgotten.
        self.peak = np.maximum(self.yy, gram.peak_y[at])
        if not centred:
            self.right = self.right + gram.weight * np.outer(gram.mean_y[at], gram.mean_x)
            self.yy = self.yy + gram.weight * gram.mean_y[at] ** 2
            self.peak = np.maximum(self.peak, self.yy)
            self.own = self.own + gram.weight * gram.mean_x**2
        #: Whether a target is constant to its last bit; what its bits may make of the objective.
        self.bits = gram.weight * (UNIT_ROUNDOFF * self.mean_y) ** 2
        self.constant = self.peak <= self.bits
        self._check_range()
        diagonal = self.own + alpha
        real = (diagonal > 0) & ((alpha > 0) | (self.own > gram._state.noise * gram.weight * self.mean**2))
        #: The scaling to unit diagonal; constant columns have 0.
        self.scale = np.where(real, 1 / np.sqrt(np.where(real, diagonal, 1)), 0.0)
        #: Rounding of the sums of products, relative to the columns' own squares; as it typically is.
        self.loss = self._loss()
        #: How the matrix is known once a factor took the place of packed sums.
        self._scaling: Any = None

    def _check_range(self) -> None:
        """Squares that overflow, or that underflow where alpha does not outweigh them, say nothing true of their column."""
        for bad, are, what, way in (
            (~np.isfinite(self.own), "are not finite", "too large", "down"),
            (self._lost(), "underflow", "too small", "up"),
        ):
            if bad.any():
                raise ValueError(
                    f"the sums of products of column {int(np.argmax(bad))} {are}: its values are {what} for their products; "
                    f"scale it {way}"
                )

    def _lost(self) -> NDArray[np.bool_]:
        """Columns whose squares are near the smallest numbers that there are. One of zeros, or one constant, is none."""
        mean = np.abs(self.gram.mean_x)
        seen = (self.own > 0) | ((mean > 0) & (mean < sqrt(TINY)))
        matters = (self.alpha < TINY) | (self.own / UNIT_ROUNDOFF >= self.alpha)
        return np.asarray(seen & (self.own < TINY) & matters)

    def _loss(self) -> float:
        state = self.gram._state
        found = float(state.loss(self.centred))
        if self.centred and (self.scale > 0).any():
            # Means cost digits where they are merged, and where sparse rows are centred only afterwards.
            real = self.scale > 0
            far = self.mean[real] * np.sqrt(self.gram.weight / np.maximum(self.own[real], 1e-300))
            worst = min(float(np.abs(far).max()), 1e150) if self.alpha == 0 else self._far(far, real)
            found += loss_of_means(self.gram, worst)
        return found

    def _far(self, far: NDArray[np.float64], real: NDArray[np.bool_]) -> float:
        """The largest mean in standard deviations that alpha does not outweigh."""
        share = self.own[real] / (self.own[real] + self.alpha)
        return min(float((np.abs(far) * share).max()), 1e150)

    @property
    def eta(self) -> float:
        """What `loss` does not exceed but by bad luck: sums of n rows, one after the other, drift as their root.

        With that of the factor where only that is left: entries of L L' are sums of d products, and so are those of its own
        products.
        """
        factor = UNIT_ROUNDOFF * (8 + 4 * sqrt(self.gram.cols)) if self.gram.packed else 0.0
        return 4 * self.loss + UNIT_ROUNDOFF * (4 + sqrt(self.gram.rows)) + factor

    @property
    def own_eta(self) -> float:
        """Rounding of alpha's part of the matrix; packed, that of scaling it to 1, of pivots and of scaling back as well."""
        return UNIT_ROUNDOFF * (16 if self.gram.packed else 4)

    def multiply(self, w: NDArray[np.float64]) -> NDArray[np.float64]:
        """``w (X'X + alpha I)``, rows of w by rows."""
        if self.gram.packed:
            out = np.array(w, order="C")
            core.multiply_factored(self.gram._state, self._scaling, out)
            return out
        w = np.ascontiguousarray(w)
        out = core.multiply(self.gram._state, w) + self.alpha * w
        if not self.centred:
            out += self.gram.weight * np.outer(w @ self.gram.mean_x, self.gram.mean_x)
        return out

    def cholesky(self) -> Factor | None:
        """The factor, in the room that the Gram keeps for it: until the next one is made; None where there is none.

        Packed sums are lost.
        """
        state = self.gram._state
        try:
            scaling = core.factorise(state, self.alpha, self.centred)
        except NotPositiveDefinite:
            return None
        if not scaling.rcond > 0:
            return None
        self._scaling = scaling

        def apply(g: NDArray[np.float64]) -> NDArray[np.float64]:
            out = np.array(g, order="C")
            core.solve(state, scaling, out)
            return out

        inverse = 1 / max(scaling.rcond * scaling.norm, 1e-300) if self.gram.cols else 0.0
        return Factor(apply, "cholesky", scaling.rcond, inverse, self.spread(self.eta) * inverse)

    def spread(self, entries: float) -> float:
        """2-norm of a matrix of this order with independent entries of that size."""
        d = self.gram.cols
        return entries * min(float(d), 3 * sqrt(d))

    def scaled(self) -> NDArray[np.float64]:
        """The matrix scaled to unit diagonal, both triangles; constant columns are zeros."""
        A = self.gram.finish()
        if not self.centred:
            A += self.gram.weight * np.outer(self.gram.mean_x, self.gram.mean_x)
        A.flat[:: len(A) + 1] += self.alpha
        A *= self.scale[:, None]
        A *= self.scale
        return A

    def eigen(self, floor: float) -> Factor:
        """From the eigenvectors of the scaled matrix whose eigenvalues are above `floor` times the largest."""
        A, s = self.scaled(), self.scale
        values, vectors = spectral(A)
        kept = values > floor * max(float(values.max(initial=0.0)), 1e-300)
        root = s[:, None] * (vectors[:, kept] / np.sqrt(values[kept]))
        null = orthonormal(s[:, None] * vectors[:, ~kept])
        return self.projected(root, null, A, "eigen", self.spread(self.eta))

    def projected(
        self,
        root: NDArray[np.float64],
        basis: NDArray[np.float64],
        A: NDArray[np.float64],
        solver: str,
        apart: float,
    ) -> Factor:
        """Apply ``root root'``, then take off what lies in the null space, by its orthonormal basis: the minimum norm.

        `apart` is that of a matrix whose inverse has norm 1.
        """
        s, rank = self.scale, root.shape[1]
        inner = np.divide(root, s[:, None], out=np.zeros_like(root), where=s[:, None] > 0)
        inverse = float(np.abs(inner @ inner.T).sum(axis=0).max(initial=0.0))
        norm = float(np.abs(A).sum(axis=0).max(initial=0.0))
        cut = len(s) - int((s == 0).sum()) - rank

        def apply(g: NDArray[np.float64]) -> NDArray[np.float64]:
            w = (g @ root) @ root.T
            return w - (w @ basis) @ basis.T if basis.size else w

        if cut:
            cutter = "pivoted" if solver == "pivoted" else "eigen"
            return Factor(apply, cutter, 0.0, np.inf, np.inf, cut)
        return Factor(apply, solver, 1 / max(norm * inverse, 1.0), inverse, apart * inverse)


def orthonormal(null: NDArray[np.float64]) -> NDArray[np.float64]:
    """A basis of what columns span; none where all are zeros."""
    null = null[:, np.linalg.norm(null, axis=0) > 0]
    return linalg.orth(null) if null.size else null


def loss_of_means(gram: Gram, far: float) -> float:
    """What centring by means costs the sums, relative to their diagonal; `far`: the largest mean in standard deviations."""
    return UNIT_ROUNDOFF * far / 8 + float(gram._state.noise) / 64 * far**2


def spectral(A: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues, ascending, and eigenvectors; long ones on a thread, so that Ctrl-C is answered meanwhile."""
    if len(A) < 800:
        values, vectors = linalg.eigh(A)
        return values, vectors
    from threading import Thread

    found: list[Any] = []

    def work() -> None:
        try:
            found.append(linalg.eigh(A, driver="evd"))
        except BaseException as error:
            found.append(error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0][0], found[0][1]

"""The directions that conjugate gradients walked last, and the bound on the gap that they give (see `_krylov`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["EPS", "Back"]

EPS = 2.0**-53


class Back:
    """The last directions p of one lane, as q = H p: what they tell of the gap without another walk."""

    def __init__(self, alpha: float, most: int, d: int) -> None:
        self.alpha, self.most, self.d = alpha, most, d
        self.clear()

    def clear(self) -> None:
        self.q = np.empty((0, self.d))
        #: Q'Q, P'Q, and of each direction p'g and the rounding of q.
        self.products, self.curves = np.empty((0, 0)), np.empty((0, 0))
        self.along, self.doubt = np.empty(0), np.empty(0)

    def add(self, p: Floats, q: Floats, step: float, before: float, doubt: float) -> None:
        """q = H p, and the step along p that has just been made, before which p'g was `before`."""
        if self.most == 0:
            return
        if len(self.q) < self.most:
            if len(self.q) == 0:
                self._room = np.empty((self.most, self.d))
                self.place = 0
            self.q = self._room[: len(self.q) + 1]
            self.products, self.curves = (np.pad(m, (0, 1)) for m in (self.products, self.curves))
            self.along, self.doubt = (np.pad(v, (0, 1)) for v in (self.along, self.doubt))
        self.q[self.place] = q
        # Directions are conjugate, and orthogonal to g, but for rounding: what is left of that is measured, not assumed.
        row, curve = self.q @ q, self.q @ p
        self.products[self.place, :] = self.products[:, self.place] = row
        self.curves[self.place, :] = self.curves[:, self.place] = curve
        self.along[self.place] = before
        self.along -= step * curve
        self.doubt[self.place] = doubt
        self.place = (self.place + 1) % self.most

    def bound(self, g: Floats, drift: float) -> float:
        """The least of ``f(w) - f(z) + |g(z)|^2 / alpha`` over z in w + span(p); `drift` is what rounding may have made of g.

        Far steps along directions that are nearly dependent magnify rounding, so that fewer are tried, too.
        """
        own = float(g @ g)
        least = (own**0.5 + drift) ** 2
        if len(self.q):
            norm = np.sqrt(np.maximum(self.products.diagonal(), 1e-300))
            T = (self.products - self.alpha * self.curves) / np.outer(norm, norm)
            values, vectors = np.linalg.eigh(T)
            right = vectors.T @ ((self.q @ g - self.alpha * self.along) / norm)
            for cut in (1e-8, 1e-6, 1e-4, 1e-2):
                kept = values > cut
                c = np.abs(vectors[:, kept] @ (right[kept] / values[kept]))
                found = max(own - float((right[kept] ** 2 / values[kept]).sum()), 0.0)
                # |c p| <= |c q| / alpha: what errors of g and of each q make of f(w) - f(z); and of the sums above.
                error, far = drift + float(c @ (self.doubt / norm)), float(c.sum())
                total = (found**0.5 + error) ** 2 + 2 * far * error + 64 * EPS * (own + far**2)
                least = min(least, total)
        return float(least / self.alpha)

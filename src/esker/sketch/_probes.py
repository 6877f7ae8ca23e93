"""The test sketch: X'X times a few random vectors, by which the error of a sketch's Gram matrix is known afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import brentq

from esker._native import core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["Probes", "SketchError"]

#: Philox's stream of the probes, which no sketch draws from.
STREAM = 19


class SketchError(NamedTuple):
    """How far a sketch's Gram matrix is from that of the rows.

    Attributes
    ----------
    estimate : float
        Of ``||Z'Z - X'WX||_F / ||X'WX||_F``, Z being the sketch: the root of an unbiased estimate of the numerator's
        square, over the sketch's own ``||Z'Z||_F``.
    bound : float
        The true ratio is below this with probability `confidence`, over the probes' draw, whatever the rows are. Infinite
        where the error may be as large as the matrix.
    confidence : float
    """

    estimate: float
    bound: float
    confidence: float


def lower_tail(probes: int, failure: float) -> float:
    """a with ``P(estimate^2 <= a truth^2) <= failure`` for any error matrix: the root of ``(a exp(1 - a))^(probes / 2)``.

    >>> round(lower_tail(10, 0.05), 3)
    0.263
    """
    target = 2 * np.log(failure) / probes
    return float(brentq(lambda a: np.log(a) + 1 - a - target, np.exp(target - 2), 1.0))


class Probes:
    """X'W(X Omega) for a Gaussian Omega of `count` columns that is a function of (seed, column number)."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self.product = np.zeros((0, count))

    def vectors(self, columns: int) -> NDArray[np.float64]:
        """Omega, shape (columns, count)."""
        keys = np.arange(columns, dtype=np.int64)
        out = np.empty((columns, self.count))
        for j in range(self.count):
            words = core.draws(self.seed, keys, STREAM, j)
            radius = np.sqrt(-2 * np.log1p(-((words >> np.uint64(32)).astype(np.float64) * 2.0**-32)))
            out[:, j] = radius * np.cos(
                (words & np.uint64(0xFFFFFFFF)).astype(np.float64) * (2 * np.pi * 2.0**-32)
            )
        return out

    def update(self, block: Block) -> None:
        X: Any = block.X
        self.widen(X.shape[1])
        omega = self.vectors(X.shape[1])
        step = len(block) if sparse.issparse(X) else max(1, (1 << 22) // X.shape[1])
        for begin in range(0, len(block), step):  # so that X is in the cache when it is multiplied again
            some = X[begin : begin + step]
            # Squares of float32 leave their range long before the numbers do; a power of two rounds nothing.
            scale = _power_below(some.data if sparse.issparse(some) else some)
            seen = some @ (omega / scale).astype(some.dtype)
            if block.sample_weight is not None:
                seen = seen * block.sample_weight[begin : begin + step, None].astype(some.dtype)
            self.product[: X.shape[1]] += (some.T @ seen) * np.float64(scale)

    def widen(self, columns: int) -> None:
        missing = columns - len(self.product)
        if missing > 0:
            self.product = np.pad(self.product, ((0, missing), (0, 0)))

    def merge(self, other: Probes) -> None:
        self.widen(len(other.product))
        self.product[: len(other.product)] += other.product

    def judge(self, Z: NDArray[Any], confidence: float) -> SketchError:
        """The error of Z'Z."""
        Z = Z.astype(np.float64, copy=False)
        self.widen(Z.shape[1])
        scale = _power_below(Z)
        Z = Z / scale
        wrong = Z.T @ (Z @ self.vectors(Z.shape[1])) - self.product / scale / scale
        error = float(np.sqrt((wrong**2).sum() / self.count))
        size = float(np.linalg.norm(Z @ Z.T if len(Z) < Z.shape[1] else Z.T @ Z))
        most = error / float(np.sqrt(lower_tail(self.count, 1 - confidence)))
        if size == 0.0:
            return SketchError(0.0 if error == 0 else np.inf, 0.0 if error == 0 else np.inf, confidence)
        return SketchError(error / size, most / (size - most) if most < size else np.inf, confidence)


def _power_below(numbers: NDArray[Any]) -> float:
    """The power of two next to the largest magnitude; 1 where there is none."""
    largest = max(float(numbers.max(initial=0)), -float(numbers.min(initial=0)))
    return float(2.0 ** np.frexp(largest)[1]) if 0 < largest < np.inf else 1.0

"""Losses of numbers that are fitted to their minimum: half of Tweedie's deviance at the exponential of a score, and half the square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import xlogy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["NumberLoss"]

#: Exponents are kept within this.
LARGEST = 700.0


@dataclass(frozen=True)
class NumberLoss:
    """Half of Tweedie's deviance of `power`, at least 1, from the exponential of the score; half the square where `power` is 0.

    Of the deviance, what y alone adds is left out: `least` knows it.
    """

    power: float
    #: Whether targets are labels, and the penalty stands beside the sum of losses, not their mean.
    labels = summed = False

    @property
    def name(self) -> str:
        """As `esker.folds.Gradient` knows it."""
        return "deviance" if self.power else "squared"

    def mean(self, scores: Floats) -> Floats:
        """The prediction."""
        if not self.power:
            return scores
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(scores))

    def link(self, mean: float) -> float:
        """The score whose prediction this is; of 0, a score far below zero."""
        return float(np.log(max(mean, 1e-300))) if self.power else mean

    @property
    def parameter(self) -> float:
        """As `esker.folds.Gradient` takes it."""
        return self.power or 1.0

    def curvature(self, scores: Floats, y: Floats) -> Floats:
        """The expected second derivative, if the score is right: positive for any power."""
        if not self.power:
            return np.ones_like(scores)
        return np.asarray(np.exp(np.clip((2 - self.power) * scores, -LARGEST, LARGEST)))

    def at(self, scores: Floats, y: Floats) -> Floats:
        """The loss of each row."""
        if not self.power:
            return np.asarray(0.5 * (scores - y) ** 2)
        return _share(2 - self.power, scores) - y * _share(1 - self.power, scores)

    def least(self, y: Floats) -> Floats:
        """The loss of each row at the score that is best for it alone."""
        p = self.power
        if not p:
            return np.zeros_like(y)
        if p == 1:
            return np.asarray(y - xlogy(y, y))
        if p == 2:
            return np.asarray(1 + np.log(y))
        return np.asarray(y ** (2 - p) / ((2 - p) * (p - 1)))

    def takes(self, y: Floats) -> bool:
        """Whether all of y are targets of this loss."""
        low = y > 0 if self.power >= 2 else y >= 0 if self.power else np.full(y.shape, True)
        return bool((low & np.isfinite(y)).all())

    def refuse(self, y: Floats, weight: Floats | None = None) -> None:
        """An error where some of y, in rows with weight, are not."""
        if not self.takes(y if weight is None else y[weight > 0]):
            least = " above 0" if self.power >= 2 else " of at least 0" if self.power else ""
            raise ValueError(f"y must hold finite numbers{least}, for a deviance of power {self.power:g}")


def _share(a: float, scores: Floats) -> Floats:
    """``exp(a s) / a``, or s where a is 0."""
    if a == 0:
        return scores
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(a * scores) / a)

"""Gradient: a loss over rows and its slopes, which is all that a minimiser asks of one walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from esker._native import core

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from esker.blocks import Block

__all__ = ["Gradient", "Slopes"]

#: As the kernels know them.
_LOSSES = ("classes", "deviance", "squared", "squared_hinge", "squared_tube")


class Slopes(NamedTuple):
    """Sums over the rows, each with its weight w."""

    #: Of w loss.
    value: float
    #: (models, d): of w slope (x - shift), slope being the loss's in the score.
    slope: NDArray[np.float64]
    #: (models,): of w slope.
    level: NDArray[np.float64]
    #: (models,): of w times the loss's second derivative; of classes p (1 - p), p being the model's probability.
    curvature: NDArray[np.float64]
    #: Of ``w |x - shift|^2``, at least, where `spreads` asked for it; else 0.
    spread: float


class Gradient:
    """A loss at given coefficients, and its slopes; one visit to each row.

    A row's scores are ``intercept + coef @ (x - shift)``, one a model. Of classes with one model, y is 0 or 1 and the loss is
    logistic; with more, y is the index of the row's model and the loss is that of the softmax. Numbers have one model. Sums are
    float64; of several models, dense float32 rows are multiplied in float32.

    Parameters
    ----------
    coef : array-like of shape (models, d)
    intercept : array-like of shape (models,)
    shift : array-like of shape (d,), optional
        About what slopes are summed; 0 by default.
    loss : {"classes", "deviance", "squared", "squared_hinge", "squared_tube"}
        "deviance": half of Tweedie's deviance of y, at least 0, from ``exp(score)``, less what y alone adds to it; "squared": half
        the square of their difference; "squared_hinge": the square of what the margin of y, 0 or 1, lacks to 1; "squared_tube": that of
        what the difference exceeds `power` by.
    power : float
        Of the deviance, at least 1: 1 is Poisson's, 2 gamma's (y above 0 from there on), 3 the inverse Gaussian's. Of the tube, its half
        width.
    precise : bool
        Multiply float32 rows of several models in float64, in twice the time.
    spreads : bool
        Sum ``|x - shift|^2``, too.

    Notes
    -----
    O(models) operations a stored number, 8 models d bytes for each of up to 16 shards.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.blocks import Block
    >>> state = Gradient([[0.0]], [0.0])
    >>> state.update(Block(np.array([[1.0], [3.0]]), np.array([0.0, 1.0])))
    >>> found = state.finish()
    >>> round(found.value, 4), found.slope.tolist(), found.level.tolist()
    (1.3863, [[-1.0]], [0.0])
    """

    exact_merge = True

    def __init__(
        self,
        coef: ArrayLike,
        intercept: ArrayLike,
        shift: ArrayLike | None = None,
        *,
        loss: str = "classes",
        power: float = 1.0,
        precise: bool = False,
        spreads: bool = False,
    ) -> None:
        w = np.ascontiguousarray(coef, dtype=np.float64)
        centre = np.zeros(w.shape[1]) if shift is None else np.ascontiguousarray(shift, dtype=np.float64)
        self._state = core.Gradient(w, np.ascontiguousarray(intercept, dtype=np.float64), centre)
        if loss not in _LOSSES:
            raise ValueError(f"loss must be one of {_LOSSES}, got {loss!r}")
        self._state.loss, self._state.power = _LOSSES.index(loss), float(power)
        self._state.precise, self._state.spreads = precise, spreads

    @property
    def weight(self) -> float:
        """Sum of the rows' weights."""
        return float(self._state.weight)

    @property
    def rows(self) -> int:
        return int(self._state.rows)

    def update(self, block: Block, /) -> None:
        """Absorb the rows of a block; y holds the classes' indices, or numbers."""
        self._state.update(block.raw_x(), block.raw_y(), block.sample_weight)

    def merge(self, other: Self, /) -> None:
        """Absorb a state of other rows at the same coefficients."""
        self._state.merge(other._state)

    def widen(self, cols: int, /) -> None:
        """Make room for `cols` columns, whose coefficients are 0."""
        self._state.widen(cols)

    def finish(self) -> Slopes:
        return Slopes(*self._state.finish())

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return self._state.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        self = cls.__new__(cls)
        self._state = core.Gradient.from_arrays(dict(arrays))
        return self

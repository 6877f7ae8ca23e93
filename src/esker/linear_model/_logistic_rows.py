"""What minimising a loss asks of the rows: a sample of them once, and the loss with its slopes, a walk each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax

from esker.blocks import Block
from esker.folds import Gradient
from esker.linear_model._krylov_rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from esker.linear_model._glm_loss import NumberLoss

    Floats = NDArray[np.float64]

__all__ = [
    "Objective",
    "Sample",
    "curvatures",
    "draw",
    "thinned",
    "weighted_by_curvature",
    "weighted_by_doubt",
]


#: Rows of a sample that are looked at together, so that what is made of them stays small.
PANEL = 2048
#: Rows that a median is taken of.
FEW = 33


class Objective:
    """The mean loss plus ``alpha |w|^2 / 2``, and its gradient: both of points (models, d + 1), intercepts last.

    Parameters
    ----------
    walk : callable
        Gives the blocks once more.
    weight : float
        Of all rows.
    shift : ndarray of shape (d,)
        Intercepts are the scores there.
    alpha : float
    centred : bool
        Whether there are intercepts; else they stay 0.
    if_not_finite : callable
        Called where the loss is not finite: it may know why.
    loss : NumberLoss or None
        None: classes.
    level : float
        As alpha, of the intercept about zero, of one model.
    """

    def __init__(
        self,
        walk: Callable[[], Iterable[Block]],
        weight: float,
        shift: Floats,
        alpha: float,
        centred: bool,
        if_not_finite: Callable[[], None] = lambda: None,
        loss: NumberLoss | None = None,
        level: float = 0.0,
    ) -> None:
        self.loss, self.level = loss, level
        self._options: dict[str, Any] = {} if loss is None else {"loss": loss.name, "power": loss.parameter}
        self.walk, self.weight, self.shift, self.alpha, self.centred = walk, weight, shift, alpha, centred
        self.curvature: Floats = np.zeros(0)
        self.calls, self._if_not_finite = 0, if_not_finite
        #: Whether float32 rows are multiplied in float64, where they would not be.
        self.precise = False
        #: The mean of |x - shift|^2, at least, once rows were walked.
        self.spread: float | None = None
        #: The gradient that was formed last.
        self.latest: Floats | None = None

    def __call__(self, at: Floats) -> tuple[float, Floats]:
        w = at[:, :-1]
        # As `gap` needs it.
        spreads = (
            self.spread is None and self.centred and self.alpha > 0 and len(at) == 1 and self.loss is None
        )
        state = Gradient(w, at[:, -1], self.shift, precise=self.precise, spreads=spreads, **self._options)
        for block in self.walk():
            state.update(block)
        self.calls += 1
        found = state.finish()
        if not np.isfinite(found.value):
            self._if_not_finite()
        if spreads:
            self.spread = found.spread / self.weight
        self.curvature = found.curvature / self.weight
        gradient = np.empty_like(at)
        np.add(found.slope / self.weight, self.alpha * w, out=gradient[:, :-1])
        gradient[:, -1] = found.level / self.weight if self.centred else 0.0
        value = found.value / self.weight + 0.5 * self.alpha * float(np.vdot(w, w))
        if self.level and self.centred:
            intercept = at[:, -1] - w @ self.shift
            value += 0.5 * self.level * float(intercept @ intercept)
            gradient[:, -1] += self.level * intercept
            gradient[:, :-1] -= self.level * intercept[:, None] * self.shift
        self.latest = gradient
        return value, gradient

    def gap(self, gradient: Floats) -> float:
        """At most so far is the value from its minimum where the gradient, just formed, is this; inf where no bound is known.

        Without intercepts the value is strongly convex: ``|g|^2 / (2 alpha)``, the duality gap at the point's own slopes. One intercept b is first
        moved to its best place, which is at most t away, as p (1 - p) changes by a factor of at most e^t on the way; the other
        slopes change by at most t times the mixed derivatives, of which Cauchy and Schwarz know a bound.
        """
        if (
            self.loss is not None
            or self.alpha == 0
            or (self.centred and len(gradient) > 1)
            or gradient is not self.latest
        ):
            return float("inf")
        size = float(np.sqrt(np.vdot(gradient[:, :-1], gradient[:, :-1])))
        if not self.centred:
            return size**2 / (2 * self.alpha)
        level, bend = abs(float(gradient[0, -1])), float(self.curvature[0])
        if not level < bend or self.spread is None:
            return float("inf")
        t = -float(np.log1p(-level / bend))
        size += t * float(np.sqrt(bend * np.exp(t) * self.spread / 4))
        return level * t + size**2 / (2 * self.alpha)


@dataclass
class Sample:
    """Rows from all over, and what was seen on the way.

    Attributes
    ----------
    rows : Block
        Their weights sum to 1.
    weight : float
        Of all rows.
    whole : bool
        Whether these are all rows.
    """

    rows: Block
    weight: float
    whole: bool

    def mean(self) -> Floats:
        """Of the columns, about; in float64 a dense sample would be copied whole."""
        X, weight = self.rows.X, self.rows.sample_weight
        assert weight is not None
        if sparse.issparse(X):
            return np.asarray(weight @ X, dtype=np.float64).ravel()
        total = np.zeros(X.shape[1])
        for i in range(0, len(weight), PANEL):
            total += weight[i : i + PANEL].astype(X.dtype) @ X[i : i + PANEL]
        return total

    def middle(self) -> Floats:
        """The mean of the columns; of one that an absurd value has moved far from all other rows, a median."""
        mean, X = self.mean(), self.rows.X
        if sparse.issparse(X) or len(X) < FEW:
            return mean
        some = np.sort(X[:: len(X) // FEW][:FEW].astype(np.float64), axis=0)
        usual = some[3 * FEW // 4] - some[FEW // 4]
        with np.errstate(invalid="ignore"):
            off = (usual > 0) & (np.abs(mean - some[FEW // 2]) > 1000 * usual)
        return np.where(off, some[FEW // 2], mean)

    def target(self) -> float:
        """The mean of the targets."""
        assert self.rows.sample_weight is not None
        return float(self.rows.sample_weight @ np.asarray(self.rows.y, dtype=np.float64))


def draw(rows: Rows, n: int, size: int, columns: int, classes: int) -> Sample:
    """About `size` of n rows, one from each of as many equal stretches; rare classes give more, which weigh less.

    Rows in memory are picked; a source is walked once. classes: 0 where targets are numbers.
    """
    whole = rows.whole
    if whole is not None:
        assert whole.y is not None
        weight = float(n) if whole.sample_weight is None else float(whole.sample_weight.sum())
        if n <= size:
            return Sample(_scaled(whole, np.ones(n)), weight, True)
        places, each = _places(np.asarray(whole.y).ravel(), size, classes)
        return Sample(_scaled(_taken(whole, places, columns), each), weight, False)
    wanted = np.arange(n) if n <= size else _stretches(n, size)
    parts: list[Block] = []
    weight, at = 0.0, 0
    for block in rows.walk():
        weight += len(block) if block.sample_weight is None else float(block.sample_weight.sum())
        first, last = np.searchsorted(wanted, [at, at + len(block)])
        if last > first:
            parts.append(_taken(block, wanted[first:last] - at, columns))
        columns = max(columns, block.X.shape[1])
        at += len(block)
    rows.passes += 1
    joined = _joined(parts, columns)
    return Sample(_scaled(joined, np.ones(len(joined))), weight, len(joined) == at)


def thinned(rows: Block, size: int) -> Block:
    """About `size` of a sample's rows."""
    if len(rows) <= size:
        return rows
    return _scaled(_taken(rows, _stretches(len(rows), size), rows.X.shape[1]), np.ones(size))


def curvatures(rows: Block, at: Floats, shift: Floats, loss: NumberLoss | None = None) -> Floats:
    """A sample's weights times the second derivative of each model, of classes ``p (1 - p)``; shape (n, models)."""
    assert rows.sample_weight is not None
    w, out = at[:, :-1], np.empty((len(rows), len(at)))
    coef, level = w.T.astype(rows.X.dtype), at[:, -1] - w @ shift
    for i in range(0, len(rows), PANEL):
        scores = np.asarray(rows.X[i : i + PANEL] @ coef, dtype=np.float64) + level
        if loss is not None:
            bend = loss.curvature(scores, np.asarray(rows.y, dtype=np.float64)[i : i + PANEL, None])
        else:
            p = np.asarray(expit(scores) if len(at) == 1 else softmax(scores, axis=1))
            bend = p * (1.0 - p)
        out[i : i + PANEL] = rows.sample_weight[i : i + PANEL, None] * bend
    return out


def weighted_by_curvature(rows: Block, at: Floats, shift: Floats, loss: NumberLoss | None = None) -> Block:
    """A sample of one model, its weights times the second derivative."""
    return Block(rows.X, None, curvatures(rows, at, shift, loss)[:, 0])


def weighted_by_doubt(rows: Block, at: Floats, shift: Floats) -> Block:
    """A sample, its weights times the models' sum of ``p (1 - p)``, summing to 1 again."""
    assert rows.sample_weight is not None
    doubt = curvatures(rows, at, shift).sum(axis=1)
    weight = np.maximum(doubt, 1e-6 * rows.sample_weight)  # no row is beyond all doubt
    return Block(rows.X, None, weight / weight.sum())


def _stretches(n: int, size: int) -> NDArray[np.intp]:
    """One place in each of `size` stretches of n, none of them at a fixed place of its stretch."""
    golden = np.arange(size) * 0.6180339887498949 % 1.0
    return ((np.arange(size) + golden) * n / size).astype(np.intp)


def _places(y: Floats, size: int, classes: int) -> tuple[NDArray[np.intp], Floats]:
    """Rows to take and how many each stands for."""
    if classes == 0:
        return _stretches(len(y), size), np.ones(size)
    seen = np.bincount(y[:: max(1, len(y) >> 16)].astype(np.intp), minlength=classes)
    if seen.min() * 3 * classes >= seen.sum():  # none is rare; to count them all takes as long as half a walk
        places = _stretches(len(y), size)
        return places, np.ones(len(places))
    counts = np.bincount(y.astype(np.intp))
    present = int((counts > 0).sum())
    if counts[counts > 0].min() * 4 * present >= len(y):
        places = _stretches(len(y), size)
        return places, np.ones(len(places))
    quota = np.minimum(counts, np.maximum(counts * size // len(y), size // (4 * present) + 1))
    order = np.argsort(y, kind="stable")
    starts = np.cumsum(counts) - counts
    taken = [
        order[start + _stretches(count, take)]
        for start, count, take in zip(starts.tolist(), counts.tolist(), quota.tolist(), strict=True)
        if take
    ]
    each = np.concatenate(
        [np.full(take, count / take) for count, take in zip(counts, quota, strict=True) if take]
    )
    places = np.concatenate(taken)
    back = np.argsort(places)
    return places[back], each[back]


def _taken(block: Block, places: NDArray[np.intp], columns: int) -> Block:
    X = block.X[places]
    if sparse.issparse(X):
        X = sparse.csr_array((X.data, X.indices, X.indptr), shape=(X.shape[0], columns))
    weight = None if block.sample_weight is None else block.sample_weight[places]
    assert block.y is not None
    return Block(X, np.asarray(block.y).ravel()[places], weight)


def _joined(parts: list[Block], columns: int) -> Block:
    assert parts
    pieces: list[Any] = [part.X for part in parts]
    if sparse.issparse(pieces[0]):
        pieces = [
            sparse.csr_array((x.data, x.indices, x.indptr), shape=(x.shape[0], columns)) for x in pieces
        ]
        X = sparse.vstack(pieces, format="csr")
    else:
        X = np.concatenate(pieces)
    weights = [np.ones(len(p)) if p.sample_weight is None else p.sample_weight for p in parts]
    y = np.concatenate([np.asarray(p.y).ravel() for p in parts])
    return Block(X, y, np.concatenate(weights))


def _scaled(rows: Block, each: Floats) -> Block:
    """Weights that sum to 1."""
    weight = each if rows.sample_weight is None else rows.sample_weight * each
    total = float(weight.sum())
    assert rows.y is not None
    if total == 0:  # rows of weight 0 only: what they say of the columns is better than nothing
        weight, total = np.ones(len(rows)), float(len(rows))
    return Block(rows.X, np.asarray(rows.y).ravel(), weight / total)

"""Sgd: linear models side by side, one in each lane, that learn from one walk over the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from esker._native import core

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from esker.blocks import Block

__all__ = ["Sgd"]


class Sgd:
    """K linear models in lanes, learned by scale-free AdaGrad steps; one walk over a row serves all.

    Parameters
    ----------
    loss : str
        Of numbers: "squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive", "quantile"; of counts and
        amounts, the prediction being the logarithm of their mean: "poisson", "gamma", "tweedie"; of labels -1 and +1, or
        with ``classes=True`` of class indices: "log_loss", "hinge", "squared_hinge", "modified_huber", "perceptron". "softmax", of
        class indices, is one loss of all classes together: the first lanes of all classes are one model, the second ones
        another, and each of a model's lanes has the row's loss for its own. With lanes of one class alone it is "log_loss".
    lane_target : array-like of int, shape (K,)
        The column of y that each lane learns; with ``classes=True``, the class index that it tells from the rest.
    lane_rate : array-like of float, shape (K,)
        Each lane's rate: about how many units of the prediction (of standard deviations, for the squared loss) a
        first step moves, divided among the row's features. Positive.
    lane_l1, lane_l2 : array-like of float, shape (K,), optional
        Penalties: ``l1 |w| + l2 w^2 / 2`` is added to the mean loss. Zero by default.
    fit_intercept : bool
    classes : bool
        Whether y is one column of class indices (0, 1, ...).
    penalty_scale : {"feature", "raw"}
        "feature": the penalty acts on a weight times its feature's scale, so that units of features do not matter. The
        scale is the root mean square of the values when present (CSR) or the standard deviation (dense rows).
        "raw": on the weight itself.
    loss_parameter : float
        The epsilon of "huber" and of the epsilon-insensitive losses, in units of y; the quantile; the power of "tweedie", 1
        to 2. 0 for losses without.
    step : {"auto", "plain", "adagrad", "normalized", "ftrl", "coin"}
        "auto": AdaGrad's, free of the features' scales. "plain": step t is the rate times ``(t + step_offset)**-step_power``
        times the slope, on features, targets and weights as they are. "adagrad": divided by the root of a feature's summed squared slopes.
        "normalized": the same in units of the feature's largest value. "ftrl": FTRL-proximal, with ``beta = 1``.
        "coin": coin betting, which has no rate and no penalty. Penalties
        are "raw" but with "auto" and "normalized".
    step_power, step_offset : float
        Of "plain".
    lane_replicate : array-like of int, shape (K,), optional
        Lanes that are replicates of a bootstrap: in lane k a row counts a number of times that is drawn from Poisson's
        distribution of mean 1 by ``bootstrap_seed``, the row's key and ``lane_replicate[k]``; -1 takes the rows as they are.
    bootstrap_seed : int

    Notes
    -----
    Bits depend on the order of the rows and on nothing else: not on how they are cut into blocks, nor on threads. Two
    states with equal lanes merge by an average weighted by accumulated gradients, which is not the state of the rows
    walked in one go (``exact_merge`` is False). An update costs O(nonzeros x K).

    References
    ----------
    Duchi, Hazan & Singer, JMLR 2011 (AdaGrad); Ross, Mineiro & Langford, UAI 2013 (normalised updates);
    Karampatziakis & Langford, UAI 2011 (closed-form steps).

    Examples
    --------
    >>> import numpy as np
    >>> from esker.blocks import Block
    >>> x = np.linspace(0, 1, 1000).reshape(-1, 1)
    >>> state = Sgd("squared_error", lane_target=[0], lane_rate=[0.5])
    >>> for _ in range(20):
    ...     state.update(Block(x, 3 * x[:, 0] + 1, order=np.random.default_rng(0).permutation(1000)))
    >>> coef, intercept = state.finish()
    >>> bool(abs(coef[0, 0] - 3) < 0.05 and abs(intercept[0] - 1) < 0.05)
    True
    """

    exact_merge = False

    def __init__(
        self,
        loss: str,
        lane_target: ArrayLike,
        lane_rate: ArrayLike,
        lane_l1: ArrayLike | None = None,
        lane_l2: ArrayLike | None = None,
        *,
        fit_intercept: bool = True,
        classes: bool = False,
        penalty_scale: str = "feature",
        loss_parameter: float = 0.0,
        step: str = "auto",
        step_power: float = 0.0,
        step_offset: float = 0.0,
        lane_replicate: ArrayLike | None = None,
        bootstrap_seed: int = 0,
    ) -> None:
        if penalty_scale not in ("feature", "raw"):
            raise ValueError(f"penalty_scale must be 'feature' or 'raw', got {penalty_scale!r}")
        target = np.ascontiguousarray(lane_target, dtype=np.int32)

        def lane_numbers(values: ArrayLike | None) -> NDArray[np.float64]:
            return np.zeros(len(target)) if values is None else np.ascontiguousarray(values, dtype=np.float64)

        self._state = core.Sgd(
            loss, target, lane_numbers(lane_rate), lane_numbers(lane_l1), lane_numbers(lane_l2),
            fit_intercept, classes, penalty_scale == "feature", float(loss_parameter),
            step, float(step_power), float(step_offset),
            None if lane_replicate is None else np.ascontiguousarray(lane_replicate, dtype=np.int32),
            int(bootstrap_seed),
        )  # fmt: skip

    @classmethod
    def _of(cls, state: Any) -> Self:
        self = cls.__new__(cls)
        self._state = state
        return self

    @property
    def lanes(self) -> int:
        """How many models."""
        return int(self._state.lanes)

    @property
    def loss(self) -> tuple[str, float]:
        """The loss's name and parameter."""
        return str(self._state.loss), float(self._state.loss_parameter)

    @property
    def step(self) -> tuple[str, float, float]:
        """The step's name, power and offset."""
        name, power, offset = self._state.step
        return str(name), float(power), float(offset)

    @property
    def rates(self) -> NDArray[np.float64]:
        """Each lane's rate."""
        return self._state.rates

    @property
    def targets(self) -> NDArray[np.int32]:
        """Each lane's target or class."""
        return self._state.targets

    @property
    def rows(self) -> int:
        """Rows consumed, those of weight zero included."""
        return int(self._state.rows)

    @property
    def steps(self) -> int:
        """Rows learned from: those of weight zero excluded."""
        return int(self._state.steps)

    @property
    def cols(self) -> int:
        """Columns seen so far."""
        return int(self._state.cols)

    @property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        return int(self._state.nbytes)

    def update(self, block: Block, /) -> None:
        """Learn from the rows of a block, in its order."""
        self.update_rows(block, 0, -1)

    def update_rows(self, block: Block, begin: int, end: int) -> None:
        """Learn from the rows at positions [begin, end) of the block's order; end = -1 means to its end."""
        x, y = block.raw_x(), _targets(block)
        self._state.update_rows(x, y, block.sample_weight, block.raw_keys(), block.order, begin, end)

    @property
    def shard_rows(self) -> int:
        """Rows that several learners of `update_shards` take between two meetings; 0 where that would not pay."""
        return int(self._state.shard_rows)

    def update_shards(self, block: Block, begin: int, end: int, at: int, shards: int, rows: int) -> None:
        """Learn from the positions [begin, end) of the block's order by several learners, each with weights of its own.

        Of every ``shards x rows`` rows of the walk, which is at row `at`, each learner takes an equal stretch from the same
        state, and what they changed is added up: the bits depend on where the rows lie in the walk, not on threads.
        """
        x, y = block.raw_x(), _targets(block)
        self._state.update_shards(
            x, y, block.sample_weight, block.raw_keys(), block.order, begin, end, at, shards, rows
        )

    def evaluate(self, block: Block) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """(sum of losses, sum of weights, sum of errors), the first and the last one a lane; learns nothing."""
        x, y = block.raw_x(), _targets(block)
        loss, weight, errors, _ = self._state.evaluate(
            x, y, block.sample_weight, block.raw_keys(), block.order
        )
        return loss, weight, errors

    def row_losses(
        self, block: Block, *, apart: bool
    ) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """(sum of losses a lane, sum of weights, each row's losses in the block's order); learns nothing.

        A row's losses are one a lane (`apart`), or one, the sum of all lanes'.
        """
        x, y = block.raw_x(), _targets(block)
        columns = self.lanes if apart else 1
        loss, weight, _, each = self._state.evaluate(
            x, y, block.sample_weight, block.raw_keys(), block.order, columns
        )
        return loss, weight, each

    def loss_sums(self) -> tuple[NDArray[np.float64], float]:
        """(sum of losses a lane, sum of weights): each row's loss before it was learned from, since `reset_meter`."""
        return self._state.meter()

    def reset_meter(self) -> None:
        """Start the progressive loss anew."""
        self._state.reset_meter()

    def merge(self, other: Self, /) -> None:
        """Average with another state, weighted by accumulated gradients."""
        self._state.merge(other._state)

    def widen(self, cols: int, /, *, late: bool = False) -> None:
        """More columns: their weights are zero, and penalties act on them from now on; `late`, as from the start."""
        self._state.widen(cols, late)

    def finish(self, dtype: Any = np.float64) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """(coefficients, shape (K, d), in the units of the data; intercepts, shape (K,))."""
        coef, intercept = self._state.finish()
        return coef.astype(dtype, copy=False), intercept

    def read_out(self, coef: NDArray[Any], records: NDArray[np.int32]) -> NDArray[np.float64]:
        """Write the coefficients of these columns into `coef`, shape (K, len(records)); the intercepts. Of sparse rows."""
        return self._state.read_out(coef, records)

    def select(self, lanes: Sequence[int]) -> Self:
        """A state of these lanes, to the bit; a lane may be named more than once."""
        return self._of(self._state.select([int(k) for k in lanes]))

    @property
    def average(self) -> int:
        """The first step whose weights count in averages; 0 where none are kept."""
        return int(self._state.average)

    def set_average(self, first: int) -> None:
        """Keep averages of the weights after each step from step `first` on (now if that is past), none with 0.

        Those kept so far are dropped. Of steps "plain", "auto" and "adagrad", whose records hold weights.
        """
        self._state.set_average(first)

    def averaged(self) -> Self:
        """A state whose weights are the averages so far, and which keeps none; where none count yet, the weights.

        With a penalty, a weight counts as it was at its last visit.
        """
        return self._of(self._state.averaged())

    def start_from(self, coef: ArrayLike, intercept: ArrayLike, *, dense: bool) -> None:
        """Begin with these weights, shape (K, d), and intercepts, shape (K,); rows will be `dense` or sparse.

        Of steps "plain", "adagrad" and "ftrl", which take features as they are.
        """
        coef = np.ascontiguousarray(coef, dtype=np.float64)
        self._state.start_from(coef, np.ascontiguousarray(intercept, dtype=np.float64), dense)

    def set_targets(self, targets: ArrayLike) -> None:
        """Give each lane another target."""
        self._state.set_targets(np.ascontiguousarray(targets, dtype=np.int32))

    def set_rates(self, rates: ArrayLike) -> None:
        """Give each lane another rate."""
        self._state.set_rates(np.ascontiguousarray(rates, dtype=np.float64))

    def set_penalties(self, l1: ArrayLike, l2: ArrayLike) -> None:
        """Give each lane other penalties, for the steps to come."""
        self._state.set_penalties(*(np.ascontiguousarray(a, dtype=np.float64) for a in (l1, l2)))

    @property
    def penalties(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Each lane's l1 and l2."""
        l1, l2 = self._state.penalties
        return l1, l2

    def scale_penalties(self, by: ArrayLike) -> None:
        """Multiply each lane's penalties by a factor above 0; of step "auto"."""
        self._state.scale_penalties(np.ascontiguousarray(by, dtype=np.float64))

    def copy(self) -> Self:
        """Another state with the same bits."""
        return self._of(self._state.copy())

    def assign(self, other: Self, /) -> None:
        """Become a copy of another state, in the same memory."""
        self._state.assign(other._state)

    def is_finite(self) -> NDArray[np.bool_]:
        """Whether each lane's weights and progressive loss are finite."""
        return np.array(self._state.finite(), dtype=np.bool_)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return self._state.to_arrays()

    def __reduce__(self) -> tuple[Any, tuple[dict[str, NDArray[Any]]]]:
        return type(self).from_arrays, (self.to_arrays(),)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        return cls._of(core.Sgd.from_arrays(dict(arrays)))


def _targets(block: Block) -> NDArray[np.float64]:
    y = block.raw_y()
    if y is None:
        raise ValueError("a learner that steps needs y; this block has none")
    return y

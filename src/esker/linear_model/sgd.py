"""SGDClassifier and SGDRegressor: linear models learned by steps that need no scaling of features and no tuning."""

from __future__ import annotations

import warnings
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call

from esker._native import threads
from esker.folds import Sgd
from esker.learning import Schedule, learn
from esker.learning_holdout import NUMBERS, ROWS
from esker.learning_stream import Stream
from esker.linear_model._base import LinearClassifier, LinearModel, LinearRegressor, as_blocks, learn_width
from esker.linear_model._labels import encoded
from esker.linear_model._sgd_parameters import Checked, check, raced_rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["SGDClassifier", "SGDRegressor"]

#: Data sets with fewer rows hold nothing out.
HOLD_OUT_FROM = 1000


class _SGD(LinearModel):
    """What both have: lanes, the walk, and how its result becomes attributes."""

    _losses: tuple[str, ...]

    # --- fit ---

    def _fit(
        self, blocks: Blocks, n_rows: int | None, targets: list[int], checked: Checked, started: float, schedule: Any
    ) -> Any:
        """Walk; set what a walk tells."""
        seed, stop = self._seed(schedule)
        earlier = getattr(self, "_stream", None) if self.warm_start else None
        if earlier is not None:
            state = earlier.state.select(earlier.winners(earlier.progressive()))
        else:
            state = self._state(targets, checked, blocks)
        plan = Schedule(
            seed=seed,
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            shuffle=bool(self.shuffle),
            shuffle_rows=self.shuffle_rows,
            holdout=self._share_held_out(blocks, n_rows),
            max_time=checked.max_time if schedule is None else None,
            started=started,
            stop_rows=stop.get("rows"),
            stop_reason=stop.get("reason"),
        )
        identity = {"estimator": type(self).__name__, **self._identity()}
        with threads(self.n_threads):
            learned = learn(
                blocks,
                state,
                plan,
                checkpoint=self.checkpoint,
                identity=identity,
                observe=self._show if self.verbose else None,
            )
        learn_width(self, learned.state.cols, None)
        self._stream = Stream(learned.state)
        self.n_iter_, self.t_ = learned.n_iter, float(learned.rows + 1)
        self.history_, self.schedule_, self.stop_reason_ = learned.history, learned.schedule, learned.stop_reason
        self._take(learned.state, blocks.dtype)
        self._warn(learned.stop_reason)
        return self

    def _seed(self, schedule: Any) -> tuple[int, dict[str, Any]]:
        """The seed, and where to end if the schedule of an earlier fit is given."""
        drawn = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        if schedule is None:
            return drawn, {}
        if not isinstance(schedule, dict) or schedule.get("version") != 1 or "seed" not in schedule:
            raise ValueError("schedule must be the schedule_ of a fitted model")
        seed = int(schedule["seed"])
        if isinstance(self.random_state, (int, np.integer)) and drawn != seed:
            raise ValueError(
                f"schedule is of a fit with another seed than random_state={self.random_state!r} gives; "
                "pass that fit's random_state, or None"
            )
        return seed, schedule["stop"]

    def _state(self, targets: list[int], checked: Checked, blocks: Blocks | None) -> Sgd:
        """Lanes: each target at each of the raced rates."""
        columns = None if blocks is None else blocks.n_columns
        memory = None if blocks is None else blocks.max_memory
        rates, need = raced_rates(self.eta0, len(targets), columns, memory)
        if blocks is not None:
            blocks.reserve(need, f"{type(self).__name__} with {len(targets)} x {len(rates)} models")
        lanes = len(targets) * len(rates)
        return Sgd(
            self.loss,
            np.repeat(targets, len(rates)),
            np.tile(rates, len(targets)),
            np.full(lanes, checked.l1),
            np.full(lanes, checked.l2),
            fit_intercept=bool(self.fit_intercept),
            classes=self.loss != "squared_error",
            penalty_scale=self.penalty_scale,
        )

    def _share_held_out(self, blocks: Blocks, n_rows: int | None) -> float:
        """The share of rows held out: no more than are scored, and none of a small data set."""
        if not self.early_stopping or (n_rows is not None and n_rows < HOLD_OUT_FROM):
            return 0.0
        share = float(self.validation_fraction)
        if n_rows is None:
            return min(share, 0.02)
        scored = ROWS
        if blocks.is_sparse is False and blocks.n_columns:
            scored = min(scored, NUMBERS // blocks.n_columns)
        return min(share, scored / n_rows)

    def _identity(self) -> dict[str, Any]:
        names = ("loss", "penalty", "alpha", "l1_ratio", "fit_intercept", "penalty_scale", "early_stopping")
        return {name: getattr(self, name) for name in names}

    def _show(self, entry: dict[str, Any]) -> None:
        held = entry["held_out_loss"]
        print(
            f"{type(self).__name__}: {entry['seconds']:.2f} s, {entry['rows']:,} rows, epoch {entry['epoch'] + 1}, "
            f"loss {entry['loss']:.5g}" + ("" if held is None else f", held-out {held:.5g}")
        )

    def _warn(self, reason: str) -> None:
        if reason == "interrupted":
            warnings.warn(
                f"{type(self).__name__}.fit was interrupted after {int(self.t_) - 1} rows; "
                "the model is the best one so far",
                UserWarning,
                stacklevel=4,
            )
        elif reason == "max_iter" and self.tol is not None and self.max_iter > 1:
            warnings.warn(
                f"Maximum number of iteration reached before convergence: the loss still fell in epoch {self.n_iter_}. "
                "Consider increasing max_iter to improve the fit.",
                ConvergenceWarning,
                stacklevel=4,
            )

    # --- partial_fit ---

    def _partial(self, blocks: Blocks, targets: list[int], checked: Checked) -> Any:
        """Each row once, in the order in which it comes; any cut into batches gives the same bits."""
        if checked.max_time is not None or self.checkpoint is not None:
            raise ValueError("max_time and checkpoint are for fit; leave them None with partial_fit")
        stream = getattr(self, "_stream", None)
        if stream is None:
            stream = Stream(self._state(targets, checked, None))
        with threads(self.n_threads):
            for block in blocks:
                stream.take(block, 0, len(block), blocks.source)
            stream.check(blocks.source)
        self._stream = stream
        self.n_iter_, self.t_ = 1, float(stream.rows + 1)
        learn_width(self, stream.state.cols, None)
        self._take(stream.state.select(stream.winners(stream.progressive())), blocks.dtype)
        return self

    def _take(self, state: Sgd, dtype: Any) -> None:
        coef, intercept = state.finish()
        self.coef_ = coef.astype(dtype, copy=False)
        self.intercept_ = np.asarray(intercept, dtype=np.float64)

    def _refuse_initial(self, coef_init: Any, intercept_init: Any) -> None:
        for name, value in (("coef_init", coef_init), ("intercept_init", intercept_init)):
            if value is not None:
                raise ValueError(f"{name} is not implemented; use warm_start=True to go on from an earlier fit")

    def _twin_parameters(self) -> dict[str, Any]:
        names = ("loss", "penalty", "alpha", "l1_ratio", "fit_intercept", "random_state")
        return {name: getattr(self, name) for name in names}


_PARAMETERS = """
    penalty : {"l2", "l1", "elasticnet", None}
        Added to the mean loss: ``alpha * (l1_ratio * |w| + (1 - l1_ratio) * w**2 / 2)``.
    alpha : float
    l1_ratio : float
        With ``penalty="elasticnet"``.
    fit_intercept : bool
    max_iter : int
        Epochs at most.
    tol : float or None
        An epoch without gain lowers the loss (held-out, or progressive where nothing is held out) by less than this
        share of it. None runs `max_iter` epochs.
    shuffle : bool
        Whether an epoch visits rows in a random order.
    verbose : int
        Above 0, a line is printed at each work mark and end of an epoch.
    random_state : int, RandomState or None
        Of the order of rows and the choice of held-out ones.
    learning_rate : {"auto"}
        Steps adapt to each feature's scale and gradients.
    eta0 : float or None
        The rate; None races several and keeps the best.
    early_stopping : bool
        Hold out rows to choose the rate, the best epoch and the end by. Fewer than 1,000 rows hold nothing out.
    validation_fraction : float
        The share of rows held out, at most about 32,768 rows (and 8 million numbers).
    n_iter_no_change : int
        Epochs without gain, in a row, before the walk has converged.
    warm_start : bool
        Whether `fit` goes on from the model that there is.
    penalty_scale : {"feature", "raw"}
        Whether the penalty acts on a weight times its feature's scale, or on the weight itself as in scikit-learn.
    max_time : float, str or None
        Seconds, or a text such as "30s", "2min"; the best model so far is kept then.
    max_memory : int, str or None
        Bytes, or a text such as "256MB", for the tables of the raced models. A Blocks brings its own.
    checkpoint : path or None
        Where `fit` saves everything every few seconds. A killed fit goes on from there to the same bits.
    n_threads : int or None
    shuffle_rows : int or None
        Rows among which an epoch mixes; the default depends on the shape of the data alone.
    power_t, epsilon, average : None, 0.1, False
        As scikit-learn's; other values have no effect here and are refused.
"""

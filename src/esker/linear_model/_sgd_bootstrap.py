"""Replicates of a bootstrap, all in one walk, and what they say of coefficients and predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri
from sklearn.utils.validation import check_is_fitted

from esker._native import threads
from esker._parameters import check_integer, check_number
from esker.learning_replay import replay
from esker.learning_stream import Stream
from esker.linear_model._base import LinearModel, scores_of
from esker.linear_model._sgd_lanes import lane_bytes, refuse_width
from esker.linear_model._sgd_steps import AVERAGED, new_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.learning import Learned, Schedule
    from esker.linear_model._sgd_asked import Asked
    from esker.linear_model._sgd_parameters import Checked

__all__ = ["Bootstrapped", "check_bootstrap"]

#: So many times as far as the fit the models whose steps are averaged learn.
FURTHER = 3

Interval = tuple["NDArray[Any]", "NDArray[Any]"]


def check_bootstrap(model: Any, several: bool, blocks: Blocks, asked: Asked) -> None:
    """Check `n_bootstrap`, and what it does not go with."""
    n = check_integer("n_bootstrap", model.n_bootstrap, 0)
    if n == 0:
        return
    if n == 1:
        raise ValueError("n_bootstrap must be 0 or at least 2 replicates, got 1; 50 to 200 are usual")
    if several:
        raise ValueError("n_bootstrap is for one quantile; fit a model for each whose interval is wanted")
    if asked.begins or asked.groups is not None:
        raise ValueError(
            f"n_bootstrap={n} learns in a walk after the fit's, which knows no coef_init, intercept_init or groups; leave them None"
        )
    for name, value in (("warm_start", False), ("max_time", None), ("checkpoint", None), ("average", False)):
        if getattr(model, name) != value:
            raise ValueError(
                f"n_bootstrap={n} learns in a walk after the fit's, which {name}={getattr(model, name)!r} does not cover; "
                f"leave {name} {value}"
            )
    if not blocks.rereadable:
        raise ValueError(
            f"{blocks.source} can be read once, and n_bootstrap={n} learns in a walk after the fit's; pass a list, or convert "
            "it to a block file first (esker convert)"
        )
    if model.learning_rate == "adaptive":
        raise ValueError(
            "n_bootstrap does not go with learning_rate='adaptive', whose rate follows one model's loss; use 'constant'"
        )


def best_rows(learned: Learned) -> int:
    """How many rows the model that was kept had learned from."""
    judged = [e for e in learned.history if e["held_out_loss"] is not None]
    return int(min(judged, key=lambda e: e["held_out_loss"])["rows"]) if judged else learned.rows


class Bootstrapped(LinearModel):
    """Intervals of a model whose replicates have been learned."""

    n_bootstrap: int
    bootstrap_coef_: NDArray[Any]
    bootstrap_intercept_: NDArray[np.float64]

    def _learn_replicates(
        self: Any, blocks: Blocks, learned: Learned, checked: Checked, schedule: Schedule
    ) -> None:
        """`n_bootstrap` lanes for each target, and one of the rows as they are, in the fit's order of rows.

        The last iterate's own noise would be in the intervals: where steps can be averaged, all are the averages of the second half of
        a walk `FURTHER` times as long as the fit's, and the model becomes the one that the replicates are replicates of.
        """
        for name in ("bootstrap_coef_", "bootstrap_intercept_"):
            if hasattr(self, name):  # of an earlier fit
                delattr(self, name)
        if self.n_bootstrap == 0 or learned.stop_reason == "interrupted":
            return
        targets, rates, n = learned.state.targets, learned.state.rates, int(self.n_bootstrap)
        average = self.learning_rate in AVERAGED
        copies = n + average
        lanes = copies * len(targets)
        l1, l2 = (np.tile(each, copies) for each in learned.state.penalties)
        what = f"{type(self).__name__} with {len(targets)} x {n} replicates"
        columns = learned.state.cols
        tables = lane_bytes(lanes, columns, averages=average) + average * lane_bytes(lanes, columns)
        blocks.reserve(tables, what)
        refuse_width(self, columns, lanes)
        state = new_state(
            self,
            checked,
            np.tile(targets, copies),
            np.tile(rates, copies),
            l1,
            l2,
            lane_replicate=np.repeat(np.arange(n - copies, n), len(targets)),
            bootstrap_seed=schedule.seed,
        )
        with threads(self.n_threads):
            if average:
                rows = FURTHER * learned.rows
                # Nothing is decided any more: held-out rows are learned from too.
                replay(blocks, state, replace(schedule, holdout=0.0), rows, average_from=rows // 2)
                state = state.averaged()
            else:
                replay(blocks, state, schedule, best_rows(learned))
        coef, intercept = state.finish()
        shape, models = np.shape(self.coef_), len(targets)
        if average:
            self.coef_ = coef[:models].reshape(shape).astype(blocks.dtype, copy=False)
            self.intercept_ = intercept[:models]
            coef, intercept = coef[models:], intercept[models:]
            mine = state.select(list(range(models)))  # what warm_start and partial_fit go on with
            mine.set_average(0)
            self._kept = Stream(mine, backup=False).kept(backup=False) | {"given": self._kept["given"]}
        self.bootstrap_coef_ = coef.reshape(n, *shape).astype(blocks.dtype, copy=False)
        self.bootstrap_intercept_ = intercept.reshape(n, models)

    def _half(self, replicates: NDArray[Any], level: float) -> NDArray[np.float64]:
        """Half the width of intervals: the normal quantile times the replicates' standard deviation."""
        if not 0 < check_number("level", level, 0, 1) < 1:
            raise ValueError(f"level must be in (0, 1), got {level!r}")
        spread = replicates.std(axis=0, ddof=1, dtype=np.float64)
        return np.asarray(ndtri(0.5 + level / 2) * spread)

    def _replicates(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        check_is_fitted(self)
        if not hasattr(self, "bootstrap_coef_"):
            raise AttributeError(
                f"this {type(self).__name__} has no replicates to take intervals from; fit the plain class with n_bootstrap=, their "
                "number, of which 50 to 200 are usual"
            )
        return self.bootstrap_coef_, self.bootstrap_intercept_

    def coef_interval(self, level: float = 0.95) -> Interval:
        """Confidence intervals of the coefficients: each lies in its own with probability `level`, about.

        Parameters
        ----------
        level : float
            In (0, 1).

        Returns
        -------
        low, high : ndarray of the shape of ``coef_``
            ``coef_`` less and plus the normal quantile times the replicates' standard deviation. What all replicates have in
            common, a penalty's bias or a walk that ended early, is not in it.
        """
        half = self._half(self._replicates()[0], level)
        return self.coef_ - half, self.coef_ + half

    def intercept_interval(self, level: float = 0.95) -> Interval:
        """The same of ``intercept_``."""
        half = self._half(self._replicates()[1], level)
        return self.intercept_ - half, self.intercept_ + half

    def predict_interval(self, X: Any, level: float = 0.95) -> Interval:
        """Confidence intervals of predicted means; of a classifier's scores, those of ``decision_function``.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d)
        level : float
            In (0, 1).

        Returns
        -------
        low, high : ndarray of shape (n,), or (n, classes) for more than two classes
            They say how well the mean is known, not how far single targets lie from it: for that learn two quantiles
            (``loss="quantile"``).
        """
        coef, intercept = self._replicates()
        X = self._checked(X)
        n, d = len(coef), X.shape[1]
        scores = scores_of(X, coef.reshape(-1, d), intercept.reshape(-1)).reshape(X.shape[0], n, -1)
        half = self._half(np.moveaxis(scores, 1, 0), level)
        middle = self._scores(X)
        half = half.reshape(middle.shape)
        mean: Any = getattr(self, "_mean", lambda s: s)
        return mean(middle - half), mean(middle + half)

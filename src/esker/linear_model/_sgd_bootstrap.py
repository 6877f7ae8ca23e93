"""Replicates of a bootstrap, all in one walk, and what they say of coefficients and predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri
from sklearn.utils.validation import check_is_fitted

from esker._native import threads
from esker._parameters import check_integer, check_number
from esker.learning_replay import replay
from esker.linear_model._base import LinearModel, scores_of
from esker.linear_model._sgd_lanes import lane_bytes, refuse_width
from esker.linear_model._sgd_steps import new_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.learning import Learned, Schedule
    from esker.linear_model._sgd_asked import Asked
    from esker.linear_model._sgd_parameters import Checked

__all__ = ["Bootstrapped", "check_bootstrap"]

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
        """`n_bootstrap` lanes for each target, in the fit's order of rows and as far as the model that was kept."""
        for name in ("bootstrap_coef_", "bootstrap_intercept_"):
            if hasattr(self, name):  # of an earlier fit
                delattr(self, name)
        if self.n_bootstrap == 0 or learned.stop_reason == "interrupted":
            return
        targets, rates, n = learned.state.targets, learned.state.rates, int(self.n_bootstrap)
        lanes = n * len(targets)
        own = getattr(learned.state, "penalties", (checked.l1, checked.l2))
        l1, l2 = (np.tile(np.broadcast_to(each, len(targets)), n) for each in own)
        what = f"{type(self).__name__} with {len(targets)} x {n} replicates"
        blocks.reserve(lane_bytes(lanes, learned.state.cols), what)
        refuse_width(self, learned.state.cols, lanes)
        state = new_state(
            self,
            checked,
            np.tile(targets, n),
            np.tile(rates, n),
            l1,
            l2,
            lane_replicate=np.repeat(np.arange(n), len(targets)),
            bootstrap_seed=schedule.seed,
        )
        with threads(self.n_threads):
            replay(blocks, state, schedule, best_rows(learned))
        coef, intercept = state.finish()
        self.bootstrap_coef_ = coef.reshape(n, *np.shape(self.coef_)).astype(blocks.dtype, copy=False)
        self.bootstrap_intercept_ = intercept.reshape(n, len(targets))

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

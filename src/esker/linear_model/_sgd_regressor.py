"""SGDRegressor: linear regression learned by steps that need no scaling of features and no tuning."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from esker.linear_model._base import LinearRegressor, as_blocks
from esker.linear_model._sgd import SGD
from esker.linear_model._sgd_asked import Asked
from esker.linear_model._sgd_parameters import LOG_LINK, PARAMETERS, check

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.folds import Sgd

__all__ = ["SGDRegressor"]


class SGDRegressor(LinearRegressor, SGD):
    __doc__ = f"""Linear regression learned by steps: one walk over the rows or a few, no scaling, no tuning.

    Parameters
    ----------
    loss : {{"squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive", "quantile", "poisson", "gamma", \
"tweedie"}}
        The last three have a log link, ``predict`` being ``exp(X @ coef_ + intercept_)``: counts of at least 0 (Poisson),
        amounts above 0 (gamma), and amounts of which some are 0 (Tweedie); the loss is half the deviance.
    quantile : float or sequence of float
        With ``loss="quantile"``: the share of targets that lie below the prediction, in (0, 1). Several, in increasing
        order, are learned in one walk, and `predict` gives a column for each; columns never cross, since each
        row's predictions are sorted (monotone rearrangement: never farther from the true quantiles; Chernozhukov,
        Fernández-Val & Galichon, Econometrica 2010).
    power : float
        With ``loss="tweedie"``: the power of the mean that the variance is, in [1, 2]; 1 is Poisson's, 2 gamma's.
{PARAMETERS.strip(chr(10))}

    Attributes
    ----------
    coef_ : ndarray of shape (d,), or (quantiles, d) where several were asked for, of X's dtype
    intercept_ : ndarray of shape (1,) or (quantiles,), float64
    alpha_ : ndarray of shape (targets,)
        The alpha that each target's model ended with; not with several quantiles.
    bootstrap_coef_ : ndarray of shape (n_bootstrap, d)
    bootstrap_intercept_ : ndarray of shape (n_bootstrap, 1)
        With `n_bootstrap`: the replicates.
    n_features_in_, feature_names_in_, n_iter_, t_
        As in scikit-learn.
    stop_reason_ : {{"converged", "max_iter", "time", "interrupted"}}
    history_ : list of dict
        ``{{"seconds": 0.52, "rows": 65536, "bytes": 41943040, "epoch": 0, "loss": 0.31, "held_out_loss": 0.33,
        "held_out_error": 0.004, "lanes": 4}}`` at work marks and ends of epochs. `loss` is that of rows before they were
        learned from, `held_out_error` the standard error of the held-out mean, `lanes` counts the models alive.
    schedule_ : dict
        What was decided when, in rows; ``fit(X, y, schedule=model.schedule_)`` gives the same bits. See
        `esker.learning.learn`.

    Notes
    -----
    O(nonzeros) a row for all raced rates together. Steps: Duchi, Hazan & Singer, JMLR 2011; Ross, Mineiro & Langford,
    UAI 2013.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2000, 3)) * [1, 100, 1e4]
    >>> y = X @ [1, 0.02, 3e-4] + 5
    >>> model = SGDRegressor(random_state=0, max_iter=50).fit(X, y)
    >>> round(model.score(X, y), 2)
    1.0
    >>> noisy = y + rng.exponential(1.0, 2000)
    >>> band = SGDRegressor("quantile", quantile=[0.1, 0.5, 0.9], random_state=0, max_iter=50).fit(X, noisy)
    >>> band.predict(X).shape, (noisy[:, None] < band.predict(X)).mean(axis=0).round(1).tolist()
    ((2000, 3), [0.1, 0.5, 0.9])
    """

    _losses = (
        "squared_error",
        "huber",
        "epsilon_insensitive",
        "squared_epsilon_insensitive",
        "quantile",
        *LOG_LINK,
    )
    _losses_elsewhere = dict.fromkeys(
        ("log_loss", "hinge", "squared_hinge", "modified_huber", "perceptron"), "SGDClassifier"
    )

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        penalty: str | None = "l2",
        alpha: float | str = "auto",
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | str | None = "auto",
        shuffle: bool = True,
        verbose: int = 0,
        epsilon: float = 0.1,
        quantile: Any = 0.5,
        power: float = 1.5,
        random_state: Any = None,
        learning_rate: str = "auto",
        eta0: float | None = None,
        power_t: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        average: bool | int | str = False,
        penalty_scale: str | None = None,
        max_time: float | str | None = None,
        max_memory: int | str | None = None,
        checkpoint: Any = None,
        n_threads: int | None = None,
        shuffle_rows: int | None = None,
        n_bootstrap: int = 0,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.epsilon = epsilon
        self.quantile = quantile
        self.power = power
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.average = average
        self.penalty_scale = penalty_scale
        self.max_time = max_time
        self.max_memory = max_memory
        self.checkpoint = checkpoint
        self.n_threads = n_threads
        self.shuffle_rows = shuffle_rows
        self.n_bootstrap = n_bootstrap

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        schedule: dict[str, Any] | None = None,
        coef_init: Any = None,
        intercept_init: Any = None,
        groups: Any = None,
    ) -> SGDRegressor:
        """Fit.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks
        sample_weight : array-like of shape (n,), optional; None for Blocks
        schedule : dict, optional
            The ``schedule_`` of an earlier fit, to repeat it to the bit whatever the clock says.
        coef_init : array-like of shape (d,), optional
        intercept_init : array-like of shape (1,), optional
            Weights to begin with, in the units of the data; what is left out is 0. They go before `warm_start`. Refused with
            ``learning_rate="auto"``, ``"normalized"`` and ``"coin"``, whose first rows tell the units of their weights.
        groups : array-like of shape (n,), or column of a Blocks, optional
            Rows of one group are held out together, or learned from: a whole group's side is drawn by (seed, group), and
            held-out losses tell of groups that were not seen. Numbers or texts; of a Blocks also the name or number of a
            column of X. Refused where nothing is held out.
        """
        started = perf_counter()
        checked = check(self, self._losses)
        asked = Asked(started, schedule, coef_init, intercept_init, groups)
        blocks = as_blocks(self, X, y, sample_weight, reset=not self._goes_on(asked))
        return self._fit(blocks, blocks.n_rows, [0], checked, asked)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> SGDRegressor:
        """Learn from each row once, in the order in which the rows come, going on from the model that there is.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks
        sample_weight : array-like of shape (n,), optional; None for Blocks
        """
        checked = check(self, self._losses)
        goes_on = hasattr(self, "_kept")
        blocks = as_blocks(self, X, y, sample_weight, reset=not goes_on, idle=goes_on)
        return self._partial(blocks, [0], checked)

    def _take(self, state: Sgd, dtype: Any) -> None:
        super()._take(state, dtype)
        if not np.ndim(self.quantile):
            self.coef_ = self.coef_[0]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R², as of every regressor; several quantiles have none.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks
        sample_weight : array-like of shape (n,), optional; None for Blocks
        """
        if np.ndim(self.quantile):
            raise ValueError(
                "R² is of one prediction a row, and this model has several quantiles; use "
                "sklearn.metrics.mean_pinball_loss(y, predictions[:, i], alpha=quantile[i])"
            )
        return super().score(X, y, sample_weight)

    def _mean(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if scores.ndim > 1:
            return np.sort(scores, axis=1)
        if self.loss not in LOG_LINK:
            return scores
        with np.errstate(over="ignore"):  # infinity is what it says
            return np.asarray(np.exp(scores))

    def to_sklearn(self) -> Any:
        """A fitted `sklearn.linear_model.SGDRegressor` with equal predictions, for the losses that it has."""
        if self.loss in ("quantile", *LOG_LINK):
            raise ValueError(
                f"scikit-learn's SGDRegressor has no loss={self.loss!r}; coef_ and intercept_ are plain arrays, and "
                "esker.save keeps the model"
            )
        return super().to_sklearn()

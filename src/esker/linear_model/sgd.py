"""SGDClassifier and SGDRegressor: linear models learned by steps that need no scaling of features and no tuning."""

from __future__ import annotations

import warnings
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
        self,
        blocks: Blocks,
        n_rows: int | None,
        targets: list[int],
        checked: Checked,
        started: float,
        schedule: Any,
    ) -> Any:
        """Walk; set what a walk tells."""
        seed, stop = self._seed(schedule)
        kept = getattr(self, "_kept", None) if self.warm_start else None
        if kept is not None:
            earlier = Stream.of(kept)
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
        self._kept = Stream(learned.state).kept(backup=False)
        self.n_iter_, self.t_ = learned.n_iter, float(learned.rows + 1)
        self.history_, self.schedule_, self.stop_reason_ = (
            learned.history,
            learned.schedule,
            learned.stop_reason,
        )
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
        kept = getattr(self, "_kept", None)
        stream = Stream(self._state(targets, checked, None)) if kept is None else Stream.of(kept)
        with threads(self.n_threads):
            for block in blocks:
                stream.take(block, 0, len(block), blocks.source)
            stream.check(blocks.source)
        self._kept = stream.kept()
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
                raise ValueError(
                    f"{name} is not implemented; use warm_start=True to go on from an earlier fit"
                )

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


class SGDRegressor(LinearRegressor, _SGD):
    __doc__ = f"""Linear regression learned by steps: one walk over the rows or a few, no scaling, no tuning.

    Parameters
    ----------
    loss : {{"squared_error"}}
{_PARAMETERS.strip(chr(10))}

    Attributes
    ----------
    coef_ : ndarray of shape (d,), of X's dtype
    intercept_ : ndarray of shape (1,), float64
    n_features_in_, feature_names_in_, n_iter_, t_
        As in scikit-learn.
    stop_reason_ : {{"converged", "max_iter", "time", "interrupted"}}
    history_ : list of dict
        ``{{"seconds": 0.52, "rows": 65536, "epoch": 0, "loss": 0.31, "held_out_loss": 0.33, "lanes": 4}}`` at work marks
        and ends of epochs; `loss` is that of rows before they were learned from.
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
    """

    _losses = ("squared_error",)

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        penalty: str | None = "l2",
        alpha: float = 1e-4,
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        epsilon: float = 0.1,
        random_state: Any = None,
        learning_rate: str = "auto",
        eta0: float | None = None,
        power_t: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        average: bool = False,
        penalty_scale: str = "feature",
        max_time: float | str | None = None,
        max_memory: int | str | None = None,
        checkpoint: Any = None,
        n_threads: int | None = None,
        shuffle_rows: int | None = None,
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

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        schedule: dict[str, Any] | None = None,
        coef_init: Any = None,
        intercept_init: Any = None,
    ) -> SGDRegressor:
        """Fit.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks
        sample_weight : array-like of shape (n,), optional; None for Blocks
        schedule : dict, optional
            The ``schedule_`` of an earlier fit, to repeat it to the bit whatever the clock says.
        coef_init, intercept_init : None
            Not implemented; see `warm_start`.
        """
        started = perf_counter()
        checked = check(self, self._losses)
        self._refuse_initial(coef_init, intercept_init)
        blocks = as_blocks(self, X, y, sample_weight)
        return self._fit(blocks, blocks.n_rows, [0], checked, started, schedule)  # type: ignore[no-any-return]

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> SGDRegressor:
        """Learn from each row once, in the order in which the rows come, going on from the model that there is.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks
        sample_weight : array-like of shape (n,), optional; None for Blocks
        """
        checked = check(self, self._losses)
        blocks = as_blocks(self, X, y, sample_weight, reset=not hasattr(self, "_kept"))
        return self._partial(blocks, [0], checked)  # type: ignore[no-any-return]

    def _take(self, state: Sgd, dtype: Any) -> None:
        super()._take(state, dtype)
        self.coef_ = self.coef_[0]


class SGDClassifier(LinearClassifier, _SGD):
    __doc__ = f"""Linear classification learned by steps: one walk over the rows or a few, no scaling, no tuning.

    More than two classes are each told from the rest, all in the same walk.

    Parameters
    ----------
    loss : {{"log_loss", "hinge"}}
{_PARAMETERS.strip(chr(10))}
    class_weight : dict, "balanced" or None
        What a row of each class weighs more; "balanced" is ``n / (classes * rows of the class)``.
    n_jobs : None
        All classes learn in one walk; see `n_threads`.

    Attributes
    ----------
    classes_ : ndarray
    coef_ : ndarray of shape (1, d) for two classes, else (classes, d), of X's dtype
    intercept_ : ndarray of shape (1,) or (classes,), float64
    n_features_in_, feature_names_in_, n_iter_, t_
        As in scikit-learn.
    stop_reason_, history_, schedule_
        As in `SGDRegressor`.

    Notes
    -----
    O(nonzeros x classes) a row for all raced rates together. Steps: Duchi, Hazan & Singer, JMLR 2011; Ross, Mineiro &
    Langford, UAI 2013.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> SGDClassifier(random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """

    _losses = ("log_loss", "hinge")

    def __init__(
        self,
        loss: str = "log_loss",
        *,
        penalty: str | None = "l2",
        alpha: float = 1e-4,
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        epsilon: float = 0.1,
        n_jobs: None = None,
        random_state: Any = None,
        learning_rate: str = "auto",
        eta0: float | None = None,
        power_t: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Mapping[Any, float] | str | None = None,
        warm_start: bool = False,
        average: bool = False,
        penalty_scale: str = "feature",
        max_time: float | str | None = None,
        max_memory: int | str | None = None,
        checkpoint: Any = None,
        n_threads: int | None = None,
        shuffle_rows: int | None = None,
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
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.average = average
        self.penalty_scale = penalty_scale
        self.max_time = max_time
        self.max_memory = max_memory
        self.checkpoint = checkpoint
        self.n_threads = n_threads
        self.shuffle_rows = shuffle_rows

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        schedule: dict[str, Any] | None = None,
        coef_init: Any = None,
        intercept_init: Any = None,
    ) -> SGDClassifier:
        """Fit.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
            The classes of a Blocks are found by one pass over it.
        y : array-like of shape (n,); None for Blocks
            Labels: numbers, strings or booleans.
        sample_weight : array-like of shape (n,), optional; None for Blocks
        schedule : dict, optional
            The ``schedule_`` of an earlier fit, to repeat it to the bit whatever the clock says.
        coef_init, intercept_init : None
            Not implemented; see `warm_start`.
        """
        started = perf_counter()
        checked = check(self, self._losses)
        self._refuse_initial(coef_init, intercept_init)
        blocks = as_blocks(self, X, y, sample_weight, classifier=True)
        blocks, classes, n_rows = encoded(blocks, None, self.class_weight)
        if len(classes) < 2:
            raise ValueError(
                f"The number of classes has to be greater than one; got {len(classes)} class: {classes.tolist()}"
            )
        if self.warm_start and hasattr(self, "_kept") and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True goes on with the classes {self.classes_.tolist()}, and y has {classes.tolist()}"
            )
        self.classes_ = classes
        return self._fit(blocks, n_rows, self._targets(), checked, started, schedule)  # type: ignore[no-any-return]

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None
    ) -> SGDClassifier:
        """Learn from each row once, in the order in which the rows come, going on from the model that there is.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks
        classes : array-like of shape (classes,)
            All labels that will come; needed in the first call.
        sample_weight : array-like of shape (n,), optional; None for Blocks
        """
        checked = check(self, self._losses)
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which does not see all labels at once; "
                "give the weights as a dict"
            )
        first = _check_partial_fit_first_call(self, classes)
        if first and len(self.classes_) < 2:
            classes, self.classes_ = self.classes_, None
            del self.classes_
            raise ValueError(f"The number of classes has to be greater than one; got {len(classes)} class")
        blocks = as_blocks(self, X, y, sample_weight, classifier=True, reset=not hasattr(self, "_kept"))
        blocks, _, _ = encoded(blocks, self.classes_, self.class_weight)
        return self._partial(blocks, self._targets(), checked)  # type: ignore[no-any-return]

    def _targets(self) -> list[int]:
        """The classes that have a lane: of two, the second."""
        return [1] if len(self.classes_) == 2 else list(range(len(self.classes_)))

    def _identity(self) -> dict[str, Any]:
        return {
            **super()._identity(),
            "classes": [str(c) for c in self.classes_.tolist()],
            "class_weight": str(self.class_weight),
        }

    def _has_probabilities(self) -> bool:
        if self.loss != "log_loss":
            raise AttributeError(
                f"probability estimates are not available for loss={self.loss!r}; use loss='log_loss'"
            )
        return True

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any, out: Any = None) -> Any:
        """Probabilities of the classes; with more than two, each class's own, made to sum to one.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        out : path, optional
            As in `predict`.

        Returns
        -------
        ndarray of shape (n, classes); the path where `out` is given.
        """
        return self._apply(X, _probabilities, out)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


def _probabilities(scores: NDArray[np.float64], dtype: Any) -> NDArray[np.float64]:
    p = expit(scores)
    if p.ndim == 1:
        return np.column_stack([expit(-scores), p])
    total = p.sum(axis=1, keepdims=True)
    return np.where(total > 0, p / np.where(total > 0, total, 1.0), 1.0 / p.shape[1])

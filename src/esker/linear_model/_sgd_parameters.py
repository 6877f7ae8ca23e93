"""The parameters of SGDClassifier and SGDRegressor: checked, or refused by name where esker has no such thing."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from esker._parameters import check_choice, check_flag, check_integer, check_number, parse_duration
from esker.linear_model._sgd_steps import ALPHA, Stepping, check_average, check_steps, stepping

__all__ = ["LOG_LINK", "LOSS_PARAMETERS", "SHARDS", "Checked", "alpha_of", "check", "shares"]

#: How many learners share the rows of an array.
SHARDS = 2

#: Losses that have a parameter, and its name.
LOSS_PARAMETERS = {
    "huber": "epsilon",
    "epsilon_insensitive": "epsilon",
    "squared_epsilon_insensitive": "epsilon",
    "quantile": "quantile",
    "tweedie": "power",
}
#: What those parameters are when nobody says so.
_DEFAULTS = {"epsilon": 0.1, "quantile": 0.5, "power": 1.5}
#: Losses whose slope is bounded in units of y, so that no penalty is right for all units.
BOUNDED = ("huber", "epsilon_insensitive", "quantile")
#: Losses whose prediction is the logarithm of the target's mean.
LOG_LINK = ("poisson", "gamma", "tweedie")


@dataclass(frozen=True)
class Checked:
    """What of the parameters is not used as it is."""

    l1: float
    l2: float
    max_time: float | None
    loss_parameter: float | tuple[float, ...]  # several where there are several quantiles
    stepping: Stepping
    average: int  # the first step that counts in averages; 0: none
    races: bool  # whether penalties race
    follows_rows: bool  # whether the penalty follows the number of rows

    def of_rows(self, n: int | None) -> Checked:
        """With alpha="auto" that of so many rows: as much as one row counts, if fewer than 1 / ALPHA are learned from."""
        by = 1 / (n * ALPHA) if self.follows_rows and n else 1.0
        return replace(self, l1=self.l1 * by, l2=self.l2 * by) if by > 1 else self


def alpha_of(model: Any) -> float:
    """The alpha that a model begins with."""
    if isinstance(model.alpha, str) and model.alpha == "auto":
        return ALPHA
    return check_number("alpha", model.alpha, 0)


def check(model: Any, losses: tuple[str, ...]) -> Checked:
    """Check every parameter; a ValueError names the one that is wrong, or that has no effect here, and the way out."""
    _check_loss(model, losses)
    check_choice("penalty", model.penalty, ("l2", "l1", "elasticnet", None))
    alpha = alpha_of(model)
    auto = isinstance(model.alpha, str) and model.learning_rate == "auto"
    races = auto and model.eta0 is None
    # What a weaker penalty does to a log link has not been measured.
    races = races and model.penalty is not None and model.loss not in LOG_LINK
    ratio = check_number("l1_ratio", model.l1_ratio, 0, 1)
    for name in ("fit_intercept", "shuffle", "early_stopping", "warm_start"):
        check_flag(name, getattr(model, name))
    check_integer("max_iter", model.max_iter, 1)
    check_integer("n_iter_no_change", model.n_iter_no_change, 1)
    if isinstance(model.tol, str):
        check_choice("tol", model.tol, ("auto",))
    elif model.tol is not None:
        check_number("tol", model.tol, 0)
    fraction = check_number("validation_fraction", model.validation_fraction, 0, 1)
    if not 0 < fraction < 1:
        raise ValueError(
            f"validation_fraction must be in (0, 1), got {fraction!r}; early_stopping=False holds nothing out"
        )
    if isinstance(model.verbose, bool) is False:
        check_integer("verbose", model.verbose, 0)
    if model.shuffle_rows is not None:
        check_integer("shuffle_rows", model.shuffle_rows, 1)
    if model.n_threads is not None:
        check_integer("n_threads", model.n_threads, 1)
    _check_shards(model)
    check_steps(model)
    _refuse(model)
    if model.penalty != "elasticnet" and ratio != 0.15:
        raise ValueError(
            f"l1_ratio={ratio!r} has no effect with penalty={model.penalty!r}; use penalty='elasticnet'"
        )
    _tell_idle(model)
    if model.penalty is None or model.learning_rate == "coin":
        alpha = 0.0
    share = {"l2": 0.0, "l1": 1.0, "elasticnet": ratio, None: 0.0}[model.penalty]
    own = LOSS_PARAMETERS.get(model.loss)
    given: Any = 0.0 if own is None else getattr(model, own)
    parameter = tuple(float(q) for q in given) if np.ndim(given) else float(given)
    seconds, average = parse_duration(model.max_time), check_average(model)
    return Checked(
        alpha * share,
        alpha * (1 - share),
        seconds,
        parameter,
        stepping(model),
        average,
        races,
        auto and model.loss not in BOUNDED + LOG_LINK,
    )


def _check_shards(model: Any) -> None:
    shards = getattr(model, "n_shards", None)
    if shards is None:
        return
    check_integer("n_shards", shards, 1)
    if shards > SHARDS:  # their changes add up to more than the error
        raise ValueError(f"n_shards must be 1, {SHARDS} or None, got {shards!r}")
    if shards > 1 and (model.loss == "softmax" or not shares(model)):
        raise ValueError(
            f"n_shards={shards!r} is for learning_rate='auto' and loss='log_loss', without average and n_bootstrap; leave it None"
        )


def shares(model: Any) -> bool:
    """Whether learners may share the rows: what they change has been seen to add up for these steps."""
    steps = model.learning_rate == "auto" and model.loss in (
        "log_loss",
        "softmax",
    )  # the same for two classes
    return steps and not model.average and not model.n_bootstrap


def _check_loss(model: Any, losses: tuple[str, ...]) -> None:
    """The loss is one of this class's, its parameter is right, and no other loss's parameter is set."""
    loss, others = model.loss, model._losses_elsewhere
    if isinstance(loss, str) and loss in others:
        raise ValueError(
            f"loss={loss!r} is for {others[loss]}; {type(model).__name__} has {', '.join(losses)}"
        )
    check_choice("loss", loss, losses)
    for name, default in _DEFAULTS.items():
        if not hasattr(model, name):
            continue
        value = getattr(model, name)
        if LOSS_PARAMETERS.get(loss) == name:
            _check_loss_parameter(name, loss, value)
        elif np.ndim(value) or value != default:
            users = [other for other in losses if LOSS_PARAMETERS.get(other) == name]
            raise ValueError(
                f"{name}={value!r} has no effect with loss={loss!r}; leave it {default}, or use "
                f"loss={' or '.join(repr(user) for user in users)}"
            )


def _check_loss_parameter(name: str, loss: str, value: Any) -> None:
    if name == "quantile" and np.ndim(value) == 1 and len(value):
        for one in value:
            _check_loss_parameter(name, loss, one)
        if not (np.diff(np.asarray(value, dtype=np.float64)) > 0).all():
            raise ValueError(f"quantile must increase where it is several, got {value!r}")
        return
    if name == "epsilon":
        check_number(name, value, 0, open_low=loss == "huber")
    elif name == "power":
        check_number(name, value, 1, 2)
    elif not 0 < check_number(name, value, 0, 1) < 1:
        raise ValueError(f"quantile must be in (0, 1), got {value!r}")


def _refuse(model: Any) -> None:
    """What scikit-learn has and esker has not, or not yet."""
    if getattr(model, "n_jobs", None) is not None:
        raise ValueError(
            f"n_jobs={model.n_jobs!r} is not used: all classes learn in one walk; leave it None, see n_threads"
        )
    if not model.early_stopping and model.validation_fraction != 0.1:
        raise ValueError("validation_fraction has no effect with early_stopping=False; leave it 0.1")
    if model.shuffle is False and model.shuffle_rows is not None:
        raise ValueError("shuffle_rows has no effect with shuffle=False; leave it None")


def _tell_idle(model: Any) -> None:
    """Parameters without effect: scikit-learn's are told of, since it takes them silently; esker's are refused."""
    if model.penalty is None and model.penalty_scale is not None:
        raise ValueError(
            f"penalty_scale={model.penalty_scale!r} has no effect with penalty=None; leave it None"
        )
    idle = []
    if model.penalty is None and model.alpha not in ("auto", ALPHA) and model.learning_rate != "optimal":
        idle.append(f"alpha={model.alpha!r} has no effect with penalty=None")
    if model.tol is None and model.n_iter_no_change != 5:
        idle.append(f"n_iter_no_change={model.n_iter_no_change!r} has no effect with tol=None")
    for one in idle:
        warnings.warn(f"{type(model).__name__}: {one}", UserWarning, stacklevel=4)


#: The numpydoc entries of the parameters that both classes have.
PARAMETERS = """
    penalty : {"l2", "l1", "elasticnet", None}
        Added to the mean loss: ``alpha * (l1_ratio * |w| + (1 - l1_ratio) * w**2 / 2)``.
    alpha : float or "auto"
        With "auto" penalties race, together with rates and by held-out rows: 1e-4, or 1 / n of n rows if that is more (what C=1 of
        scikit-learn's LogisticRegression is), a tenth and a hundredth of it; then, after 65,536 rows or more, 3, 1, 0.3 and 0.1 times
        the best of those, from its weights: for each class apart where there are at most 8. From 9 classes on 16 of them race for all,
        and only at first; those of softmax race up to 64. Where nothing is held out, where `eta0` is given, and where there is no
        memory for eight models, it is the first of those; with another `learning_rate`, in `partial_fit`, and of losses with
        bounded slopes ("huber", "epsilon_insensitive", "quantile") or a log link it is, or begins at, 1e-4.
    l1_ratio : float
        With ``penalty="elasticnet"``.
    fit_intercept : bool
    max_iter : int
        Epochs at most.
    tol : "auto", float or None
        "auto": an epoch without gain lowers the held-out loss, since the last one with gain, by less than the standard error
        of that difference, which is taken row by row, or than 3e-4 of the labels' entropy. A number, and where nothing is held out 1e-3: it lowers the loss
        (held-out, or progressive) by less than this share of it. None runs `max_iter` epochs.
    shuffle : bool
        Whether an epoch visits rows in a random order.
    verbose : int
        Above 0, a line is printed at each work mark and end of an epoch.
    random_state : int, RandomState or None
        Of the order of rows and the choice of held-out ones.
    learning_rate : {"auto", "constant", "optimal", "invscaling", "adaptive", "adagrad", "normalized", "ftrl", "coin"}
        With "auto" steps adapt to each feature's scale and gradients. The next four are scikit-learn's, one rate for all
        features, which have to be scaled: `eta0`; ``1 / (alpha * (t0 + t))``; ``eta0 / t**power_t`` at step t; and `eta0`
        until `n_iter_no_change` epochs in a row have no gain, then a fifth of it, and so on down to 1e-6. "adagrad" divides
        by the root of a feature's summed squared gradients; "normalized" does so in units of the feature's largest value, as
        Vowpal Wabbit; "ftrl" is FTRL-proximal, whose weights are exactly zero where an l1 penalty holds them. "coin" bets on
        gradients what it has won by them, and has neither rate nor penalty (``penalty="l2"`` means none there).
    eta0 : float or None
        The rate. None races several and keeps the best; with scikit-learn's it is 0.01, and "optimal" and "coin" have none.
    power_t : float or None
        Of "invscaling"; None is 0.5 for classes and 0.25 for numbers.
    early_stopping : bool
        Hold out rows to choose the rate, the best epoch and the end by. Fewer than 1,000 rows hold nothing out.
    validation_fraction : float
        The share of rows held out, at most about 32,768 rows (and 2 million numbers).
    n_iter_no_change : int
        Epochs without gain, in a row, before the walk has converged.
    warm_start : bool
        Whether `fit` goes on from the model that there is, with the `alpha`, `penalty` and `eta0` of now (None: the rate
        that it has).
    penalty_scale : {"feature", "raw"} or None
        Whether the penalty acts on a weight times its feature's scale, and as if targets of regression had a standard
        deviation of 1, so that units do not matter; or on the weight itself as in scikit-learn's objective. None is
        "feature" with ``learning_rate="auto"`` and "normalized", and "raw" with the others, which have nothing else.
    max_time : float, str or None
        Seconds, or a text such as "30s", "2min"; the best model so far is kept then.
    max_memory : int, str or None
        Bytes, or a text such as "256MB", for the tables of the raced models; of a Blocks, for
        reading and learning together. Of this and the ``max_memory`` of `open_blocks` the smaller holds. What `fit` gives, such
        as ``coef_`` of hundreds of classes on wide rows, is not counted.
    checkpoint : path or None
        Where `fit` saves everything every few seconds. A killed fit goes on from there to the same bits.
    n_threads : int or None
        Changes no bit.
    shuffle_rows : int or None
        Rows among which an epoch mixes; the default depends on the shape of the data alone.
    n_bootstrap : int
        Replicates of a bootstrap, in lanes of one more walk, three times as long as the fit's: each learns from every row a number of times drawn from Poisson's
        distribution of mean 1, a function of seed, row key and replicate (Fang, Xu & Yang, JMLR 2018). Then `coef_interval`,
        `intercept_interval` and `predict_interval` are there, and where steps can be averaged (see `average`) replicates and
        model are averages of their weights over half of that walk, which no held-out rows choose. 0 is none; 50 to 200 are usual.
    epsilon : float
        Of "huber" the distance from which on a miss counts linearly, above 0; of the epsilon-insensitive losses the distance
        that costs nothing. In units of y.
    average : bool, int or "auto"
        True keeps the average of the weights after each step, and makes it the model; a number begins with that row. "auto"
        averages each epoch for itself and takes the better of last and averaged weights by held-out loss (the last ones,
        where nothing is held out). Of "auto", "adagrad" and scikit-learn's rates.
"""

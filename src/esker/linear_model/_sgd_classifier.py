"""SGDClassifier: linear classification learned by steps that need no scaling of features and no tuning."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.multiclass import _check_partial_fit_first_call

from esker.blocks import ArrayBlocks
from esker.blocks.peeked import Peeked
from esker.learning_stream import Stream
from esker.linear_model._base import LinearClassifier, as_blocks
from esker.linear_model._labels import LOOK, NewLabel, encoded, first_labels
from esker.linear_model._sgd import SGD
from esker.linear_model._sgd_asked import Asked
from esker.linear_model._sgd_classes import classes_at_once, fit_in_walks
from esker.linear_model._sgd_open import learn_open
from esker.linear_model._sgd_parameters import LOG_LINK, PARAMETERS, check
from esker.linear_model._sgd_probabilities import Probabilities
from esker.linear_model._sgd_rows import counted, held_bytes, share_held_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.linear_model._sgd_parameters import Checked

__all__ = ["SGDClassifier"]


class SGDClassifier(Probabilities, LinearClassifier, SGD):
    __doc__ = f"""Linear classification learned by steps: one walk over the rows or a few, no scaling, no tuning.

    More than two classes are each told from the rest (but with "softmax"), all in the same walk; in several, where memory has no
    room for the tables of all (thousands of classes). Their losses that are flat beyond a margin (hinge, perceptron) without a penalty
    cost least: a row then touches the classes that it is not far enough from.

    Parameters
    ----------
    loss : {{"log_loss", "softmax", "hinge", "squared_hinge", "modified_huber", "perceptron", "squared_error", "huber", \
"epsilon_insensitive", "squared_epsilon_insensitive"}}
        "softmax" is the cross-entropy of all classes together (multinomial logistic regression), and for two classes the
        log loss. The last four, as in scikit-learn, take -1 and +1 for numbers. Probabilities come with "log_loss",
        "softmax" and "modified_huber".
{PARAMETERS.strip(chr(10))}
    class_weight : dict, "balanced" or None
        What a row of each class weighs more; "balanced" is ``n / (classes * rows of the class)``.
    n_shards : 1, 2 or None
        How many learners share the rows of `fit` once the race of rates is over, after 65,536 rows, each with weights of its own.
        They meet after some 128 to 4,096 rows, where what they changed is added up. None is 2 for two classes in memory without
        ``max_memory``, and 1 else (a file's reader has the other core). Sparse rows so wide that meetings would cost more than they
        bring, high rates, and `partial_fit` have one learner. With ``learning_rate="auto"`` and ``loss="log_loss"``, without
        ``average`` and ``n_bootstrap``.
    n_jobs : None
        All classes learn in one walk; see `n_threads`.

    Attributes
    ----------
    classes_ : ndarray
    coef_ : ndarray of shape (1, d) for two classes, else (classes, d), of X's dtype
    intercept_ : ndarray of shape (1,) or (classes,), float64
    alpha_ : ndarray of shape (targets,)
        The alpha that each class's model ended with.
    bootstrap_coef_, bootstrap_intercept_ : ndarray
        With `n_bootstrap`: the replicates, of the shapes above with one axis more in front.
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

    _losses = (
        "log_loss",
        "softmax",
        "hinge",
        "squared_hinge",
        "modified_huber",
        "perceptron",
        "squared_error",
        "huber",
        "epsilon_insensitive",
        "squared_epsilon_insensitive",
    )
    _losses_elsewhere = dict.fromkeys(("quantile", *LOG_LINK), "SGDRegressor")

    def __init__(
        self,
        loss: str = "log_loss",
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
        average: bool | int | str = False,
        penalty_scale: str | None = None,
        max_time: float | str | None = None,
        max_memory: int | str | None = None,
        checkpoint: Any = None,
        n_threads: int | None = None,
        n_shards: int | None = None,
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
        self.n_shards = n_shards
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
    ) -> SGDClassifier:
        """Fit.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
            The classes of a Blocks are those of its first 65,536 rows; should another come later, all labels are read
            and the fit starts again. A walk that `max_time` ends before it comes does not learn of it.
        y : array-like of shape (n,); None for Blocks
            Labels: numbers, strings or booleans.
        sample_weight : array-like of shape (n,), optional; None for Blocks
        schedule : dict, optional
            The ``schedule_`` of an earlier fit, to repeat it to the bit whatever the clock says.
        coef_init : array-like of shape (d,), or (classes, d) for more than two, optional
        intercept_init : array-like of shape (1,), or (classes,), optional
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
        blocks = as_blocks(self, X, y, sample_weight, classifier=True, reset=not self._goes_on(asked))
        guess = None
        once = not blocks.rereadable
        if once:
            blocks = Peeked(blocks, LOOK)
            once = not blocks.ended  # else all labels are known before the walk
        # Whatever else depends on the counts or on the classes waits for all labels, where they can be read first.
        waits = isinstance(blocks, ArrayBlocks) or self.class_weight or self.warm_start or self.checkpoint
        if once or not waits:
            guess = first_labels(blocks)
        if once and (guess is None or self.class_weight == "balanced"):
            why = "its first rows do not show two classes" if guess is None else "'balanced' needs all labels"
            raise ValueError(
                f"{blocks.source} can be read once, and {why}; call partial_fit(classes=...) with class_weight as a dict "
                "or None, or open the source so that it can be read again"
            )
        if guess is not None:
            try:
                return self._fit_classes(blocks, guess, checked, asked)
            except NewLabel as error:
                if once:
                    raise ValueError(
                        f"{blocks.source} can be read once, and its first rows do not show all classes: {error}; "
                        "name them all in partial_fit(classes=...), or open the source so that it can be read again"
                    ) from None
        return self._fit_classes(blocks, None, checked, asked)

    def _fit_classes(
        self,
        blocks: Blocks,
        classes: NDArray[Any] | None,
        checked: Checked,
        asked: Asked,
    ) -> SGDClassifier:
        blocks, classes, n_rows = encoded(blocks, classes, self.class_weight)
        if len(classes) < 2:
            raise ValueError(
                f"The number of classes has to be greater than one; got {len(classes)} class: {classes.tolist()}"
            )
        if self.warm_start and hasattr(self, "_seen"):
            raise ValueError(
                "warm_start=True does not go on from a model that was begun with classes='open'; use partial_fit, or fit anew"
            )
        self.__dict__.pop("_seen", None)
        if self.warm_start and hasattr(self, "_kept") and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True goes on with the classes {self.classes_.tolist()}, and y has {classes.tolist()}"
            )
        self.classes_ = classes
        targets = self._targets()
        held = 0
        if len(targets) > 16:
            held = held_bytes(blocks, n_rows, share_held_out(self, *counted(blocks, n_rows)))
        every = self.loss == "softmax" or asked.begins
        at_once = classes_at_once(blocks, len(targets), held, averages=checked.average > 0, every=every)
        self._whole = at_once == len(targets)
        if self._whole:
            return self._fit(blocks, n_rows, targets, checked, asked)
        if asked.begins:
            raise ValueError(
                "coef_init and intercept_init are for one walk, and these classes take several in the memory that there is"
            )
        if asked.schedule is not None:
            raise ValueError(
                "schedule is of one walk, and these classes take several in the memory that there is"
            )

        raced = None  # by the first walk, for all

        def fit(some: list[int]) -> None:
            nonlocal raced
            self._fit(blocks, n_rows, some, checked, replace(asked, raced=raced))
            raced = [event for event in self.schedule_["decisions"] if event["event"] == "raced"]

        fit_in_walks(self, fit, blocks, targets, at_once)
        return self

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None
    ) -> SGDClassifier:
        """Learn from each row once, in the order in which the rows come, going on from the model that there is.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks
        classes : array-like of shape (classes,), or "open"
            All labels that will come; needed in the first call. "open": new ones may come at any time. The model is that of
            all classes named at the start, one of which has met no row of its own before it came, and learns at one rate
            (`eta0`, by default 0.5). ``coef_`` has one row a class, also of one or two.
        sample_weight : array-like of shape (n,), optional; None for Blocks
        """
        checked = check(self, self._losses)
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which does not see all labels at once; "
                "give the weights as a dict"
            )
        if not getattr(self, "_whole", True):
            raise ValueError(
                "this model's classes were learned in several walks, for want of memory, and partial_fit goes on with all at "
                "once; call it on a new model, or fit with more memory"
            )
        if isinstance(classes, str) or (classes is None and hasattr(self, "_seen")):
            return self._partial_open(X, y, classes, sample_weight, checked)
        if hasattr(self, "_seen"):
            raise ValueError(
                "this model was begun with classes='open', which needs no classes; leave them out"
            )
        first = _check_partial_fit_first_call(self, classes)
        if first and len(self.classes_) < 2:
            only = self.classes_.tolist()
            del self.classes_
            raise ValueError(f"The number of classes has to be greater than one; got 1 class: {only}")
        goes_on = hasattr(self, "_kept")
        blocks = as_blocks(self, X, y, sample_weight, classifier=True, reset=not goes_on, idle=goes_on)
        blocks, _, _ = encoded(blocks, self.classes_, self.class_weight)
        return self._partial(blocks, self._targets(), checked)

    def _partial_open(
        self, X: Any, y: Any, classes: str | None, sample_weight: Any, checked: Checked
    ) -> SGDClassifier:
        if classes not in (None, "open"):
            raise ValueError(f"classes must be an array of labels or 'open', got {classes!r}")
        if not hasattr(self, "_seen") and hasattr(self, "_kept"):
            raise ValueError(
                f"classes='open' is for the first call of partial_fit; this model has the classes {self.classes_.tolist()}"
            )
        self._refuse_partial(checked)
        goes_on = hasattr(self, "_kept")
        blocks = as_blocks(self, X, y, sample_weight, classifier=True, reset=not goes_on, idle=goes_on)
        self._seen = learn_open(self, blocks, checked)
        labels = np.array(self._seen)
        lanes = np.argsort(labels)
        self.classes_ = labels[lanes]
        self._published(Stream.of(self._kept), lanes.tolist(), blocks.dtype)
        return self

    def _answer(self, scores: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
        if len(self.classes_) == 1:  # open, and no other has come yet
            return np.repeat(self.classes_, len(scores))
        return super()._answer(scores, dtype)

    def _targets(self) -> list[int]:
        """The classes that have a lane: of two, the second."""
        return [1] if len(self.classes_) == 2 else list(range(len(self.classes_)))

    def _identity(self) -> dict[str, Any]:
        return {
            **super()._identity(),
            "classes": [str(c) for c in self.classes_.tolist()],
            "class_weight": str(self.class_weight),
        }

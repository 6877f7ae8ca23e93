"""LinearSVC: the hinge and its square, one machine a class, to a duality gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from esker._parameters import check_choice
from esker.linear_model._as_before import or_as_before
from esker.linear_model._base import LinearClassifier, as_blocks
from esker.linear_model._labels import class_factors, encoded, weigh
from esker.svm._machines import check_machine, in_memory, learn_machines, row_weights
from esker.svm._smooth import SquaredHinge, learn_smooth, suits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esker.blocks import Blocks

__all__ = ["LinearSVC"]


class LinearSVC(LinearClassifier):
    """Linear support vector classification with an L2 penalty; of several classes, one against the rest for each.

    Minimises ``C sum(w loss) + |coef|^2 / 2 + (intercept / intercept_scaling)^2 / 2`` as scikit-learn does.

    Parameters
    ----------
    penalty : {"l2"}
    loss : {"squared_hinge", "hinge"}
        Of a label s of -1 or 1 and a score p: what ``s p`` lacks to 1, squared or as it is.
    dual : {"auto", True, False}
        Whether the dual is solved, of rows in memory; or, of the squared hinge, the primal, which also streams. "auto" takes the primal of the squared
        hinge where rows are dense, up to 2,048 columns and twice as many rows, or have no room in memory.
    tol : float
        Ends where the duality gap is at most this share of the objective.
    C : float
        Inverse of the penalty's strength, above 0.
    multi_class : {"ovr"}
    fit_intercept : bool
    intercept_scaling : float
        The intercept is the coefficient of a column of this constant, and penalised as such: large values penalise it less.
    class_weight : dict or "balanced", optional
        What a row of each class weighs more; of several classes, in its own class's machine.
    verbose : int
        1 prints rows a second.
    random_state : int, RandomState or None
        Of the order of visits, in the dual.
    max_iter : int
        Epochs of a machine; in the primal, steps.
    max_memory : int or str, optional
        Bytes, or a size such as ``"512MB"``. Of this and the ``max_memory`` of `open_blocks` the smaller holds.
    n_threads : int, optional
        They share out the machines of several classes, and of two what is summed over all rows.
    max_time : float or str, optional
        Seconds, or a text such as "2min"; the coefficients at hand are the model then, without a warning, and tell their
        `duality_gap_`. Machines of several classes share the time, and each has an epoch at least.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
    coef_ : ndarray of shape (1, d) for two classes, else (classes, d), of X's dtype
    intercept_ : ndarray of shape (1,) or (classes,), float64
    n_iter_ : int
        Epochs, or steps, of the machine that took most.
    objective_ : ndarray of shape (machines,)
        Before `coef_` was rounded to X's dtype; inf where `max_time` was over before all rows were summed.
    duality_gap_ : ndarray of shape (machines,)
        How far `objective_` is from its minimum, at most, but for rounding; summed over all rows at the end.
    converged_ : bool
        Whether all reached `tol`.
    stop_reason_ : {"converged", "max_iter", "rounding", "time", "interrupted"}
        "interrupted" is of the primal, which Ctrl-C ends with the last point; in the dual it is KeyboardInterrupt.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    Dual coordinate descent (Hsieh et al., 2008) with shrinking; or L-BFGS in the metric of a sample's Hessian. An epoch or a step takes
    O(numbers stored) operations in float64. The same bits for any number of threads. See `docs/svm.md`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from esker.svm import LinearSVC
    >>> X, y = load_iris(return_X_y=True)
    >>> X = (X - X.mean(axis=0)) / X.std(axis=0)
    >>> model = LinearSVC(loss="hinge", C=0.1, random_state=0).fit(X, y)
    >>> model.converged_, model.coef_.shape, bool(model.score(X, y) > 0.8)
    (True, (3, 4), True)
    """

    _twin_module = "sklearn.svm"

    def __init__(
        self,
        penalty: str = "l2",
        loss: str = "squared_hinge",
        *,
        dual: bool | str = "auto",
        tol: float = 1e-4,
        C: float = 1.0,
        multi_class: str = "ovr",
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Mapping[Any, float] | str | None = None,
        verbose: int = 0,
        random_state: Any = None,
        max_iter: int = 1000,
        max_memory: int | str | None = None,
        n_threads: int | None = None,
        max_time: float | str | None = None,
    ) -> None:
        self.penalty = penalty
        self.loss = loss
        self.dual = dual
        self.tol = tol
        self.C = C
        self.multi_class = multi_class
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter
        self.max_memory = max_memory
        self.n_threads = n_threads
        self.max_time = max_time

    def _twin_parameters(self) -> dict[str, Any]:
        names = ("loss", "C", "tol", "fit_intercept", "intercept_scaling", "class_weight", "max_iter")
        return {name: getattr(self, name) for name in names}

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> LinearSVC:
        """Fit. An error, or Ctrl-C, leaves the model as it was.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks, which fit into memory unless the primal is solved
        y : array-like of shape (n,); None for Blocks, which bring it
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks
        """
        seed, ends = self._check()
        with or_as_before(self):
            blocks = as_blocks(self, X, y, sample_weight, classifier=True)
            blocks, classes, _ = encoded(blocks, None, None)
            if len(classes) < 2:
                raise ValueError(
                    "This solver needs samples of at least 2 classes in the data, but the data contains only one class: "
                    f"{classes[0]!r}"
                )
            counts = None
            if isinstance(self.class_weight, str):
                counts = weigh(blocks, np.arange(len(classes)))
            factors = class_factors(self.class_weight, classes, counts)
            squared = self.loss == "squared_hinge"
            if suits(self, blocks, squared):
                found = learn_smooth(self, blocks, SquaredHinge(), ends, len(classes), factors)
            else:
                found = self._descend(blocks, classes, factors, squared, seed, ends)
            self.classes_ = classes
            self.intercept_, self.objective_, self.duality_gap_ = found
        return self

    def _descend(
        self, blocks: Blocks, classes: Any, factors: Any, squared: bool, seed: int, ends: float
    ) -> Any:
        """Machines of rows in memory: intercepts, objectives, gaps."""
        parts = in_memory(self, blocks)
        index = np.concatenate([np.asarray(part.y).ravel() for part in parts])
        weight = row_weights(parts)
        labels, own = [1], [1.0]
        if len(classes) > 2:
            labels = list(range(len(classes)))
            own = [1.0] * len(classes) if factors is None else factors.tolist()
        elif factors is not None:
            weight = factors[index.astype(np.intp)] * (1.0 if weight is None else weight)
        found = learn_machines(
            self,
            blocks,
            parts,
            index,
            weight,
            labels=labels,
            factors=own,
            epsilon=0.0,
            squared=squared,
            seed=seed,
            ends=ends,
        )
        return found.intercept, found.objectives, found.gaps

    def _check(self) -> tuple[int, float]:
        """As `check_machine`."""
        if str(self.penalty) == "l1":
            raise ValueError(
                "penalty='l1' is not offered by LinearSVC: it must be 'l2'; SGDClassifier(loss='squared_hinge', penalty='l1') learns it"
            )
        check_choice("penalty", self.penalty, ("l2",))
        if str(self.multi_class) == "crammer_singer":
            raise ValueError(
                "multi_class='crammer_singer' is not offered by LinearSVC: it must be 'ovr'; LogisticRegression learns all classes jointly"
            )
        check_choice("multi_class", self.multi_class, ("ovr",))
        return check_machine(self, "hinge", "squared_hinge")

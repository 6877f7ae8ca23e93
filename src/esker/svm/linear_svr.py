"""LinearSVR: numbers by the epsilon-insensitive losses, to a duality gap."""

from __future__ import annotations

from typing import Any

import numpy as np

from esker._parameters import check_number
from esker.linear_model._as_before import or_as_before
from esker.linear_model._base import LinearRegressor, as_blocks
from esker.svm._machines import check_machine, in_memory, learn_machines, row_weights
from esker.svm._smooth import SquaredTube, learn_smooth, suits

__all__ = ["LinearSVR"]


class LinearSVR(LinearRegressor):
    """Linear support vector regression with an L2 penalty.

    Minimises ``C sum(w loss) + |coef|^2 / 2 + (intercept / intercept_scaling)^2 / 2`` as scikit-learn does.

    Parameters
    ----------
    epsilon : float
        Misses up to this cost nothing; in units of y.
    tol : float
        Ends where the duality gap is at most this share of the objective.
    C : float
        Inverse of the penalty's strength, above 0.
    loss : {"epsilon_insensitive", "squared_epsilon_insensitive"}
        What a miss exceeds epsilon by, or its square.
    fit_intercept : bool
    intercept_scaling : float
        The intercept is the coefficient of a column of this constant, and penalised as such: large values penalise it less.
    dual : {"auto", True, False}
        As of `LinearSVC`.
    verbose : int
        1 prints rows a second.
    random_state : int, RandomState or None
        Of the order of visits, in the dual.
    max_iter : int
        Epochs; in the primal, steps.
    max_memory : int or str, optional
        Bytes, or a size such as ``"512MB"``. Of this and the ``max_memory`` of `open_blocks` the smaller holds.
    n_threads : int, optional
        They share out what is summed over all rows.
    max_time : float or str, optional
        Seconds, or a text such as "2min"; the coefficients at hand are the model then, without a warning, and tell their
        `duality_gap_`. An epoch is walked at least.

    Attributes
    ----------
    coef_ : ndarray of shape (d,), of X's dtype
    intercept_ : ndarray of shape (1,), float64
    n_iter_ : int
        Epochs, or steps.
    objective_ : float
        Before `coef_` was rounded to X's dtype; inf where `max_time` was over before all rows were summed.
    duality_gap_ : float
        How far `objective_` is from its minimum, at most, but for rounding; summed over all rows at the end.
    converged_ : bool
        Whether `tol` was reached.
    stop_reason_ : {"converged", "max_iter", "rounding", "time", "interrupted"}
        "interrupted" is of the primal, which Ctrl-C ends with the last point; in the dual it is KeyboardInterrupt.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    As `LinearSVC`.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.svm import LinearSVR
    >>> X = np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0], [4.0, 3.0]])
    >>> model = LinearSVR(epsilon=0.1, random_state=0).fit(X, [2, 3.5, 5, 5.5])
    >>> model.converged_, bool(model.score(X, [2, 3.5, 5, 5.5]) > 0.9)
    (True, True)
    """

    _twin_module = "sklearn.svm"

    def __init__(
        self,
        *,
        epsilon: float = 0.0,
        tol: float = 1e-4,
        C: float = 1.0,
        loss: str = "epsilon_insensitive",
        fit_intercept: bool = True,
        intercept_scaling: float = 1.0,
        dual: bool | str = "auto",
        verbose: int = 0,
        random_state: Any = None,
        max_iter: int = 1000,
        max_memory: int | str | None = None,
        n_threads: int | None = None,
        max_time: float | str | None = None,
    ) -> None:
        self.epsilon = epsilon
        self.tol = tol
        self.C = C
        self.loss = loss
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.dual = dual
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter
        self.max_memory = max_memory
        self.n_threads = n_threads
        self.max_time = max_time

    def _twin_parameters(self) -> dict[str, Any]:
        names = ("epsilon", "loss", "C", "tol", "fit_intercept", "intercept_scaling", "max_iter")
        return {name: getattr(self, name) for name in names}

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> LinearSVR:
        """Fit. An error, or Ctrl-C, leaves the model as it was.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks, which fit into memory unless the primal is solved
        y : array-like of shape (n,); None for Blocks, which bring it
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks
        """
        seed, ends = self._check()
        with or_as_before(self):
            blocks = as_blocks(self, X, y, sample_weight)
            squared = self.loss == "squared_epsilon_insensitive"
            if suits(self, blocks, squared):
                self.intercept_, values, gaps = learn_smooth(
                    self, blocks, SquaredTube(float(self.epsilon)), ends
                )
            else:
                parts = in_memory(self, blocks)
                found = learn_machines(
                    self,
                    blocks,
                    parts,
                    np.concatenate([np.asarray(part.y, dtype=np.float64).ravel() for part in parts]),
                    row_weights(parts),
                    labels=[-1],
                    factors=[1.0],
                    epsilon=float(self.epsilon),
                    squared=squared,
                    seed=seed,
                    ends=ends,
                )
                self.intercept_, values, gaps = found.intercept, found.objectives, found.gaps
            self.coef_ = self.coef_[0]
            self.objective_, self.duality_gap_ = float(values[0]), float(gaps[0])
        return self

    def _check(self) -> tuple[int, float]:
        """As `check_machine`."""
        check_number("epsilon", self.epsilon, 0)
        return check_machine(self, "epsilon_insensitive", "squared_epsilon_insensitive")

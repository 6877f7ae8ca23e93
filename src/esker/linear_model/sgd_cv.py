"""SGDClassifierCV and SGDRegressorCV: the penalty chosen by cross-validation in the walk that learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.metaestimators import available_if

from esker.linear_model._base import as_blocks
from esker.linear_model._labels import encoded
from esker.linear_model._sgd_classifier import SGDClassifier
from esker.linear_model._sgd_cv import ATTRIBUTES, PARAMETERS_CV, SGDCV
from esker.linear_model._sgd_regressor import SGDRegressor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esker.blocks import Blocks

__all__ = ["SGDClassifierCV", "SGDRegressorCV"]


def _no(model: Any) -> bool:
    raise AttributeError(
        f"{type(model).__name__} has no partial_fit: folds need every row; fit, or take the plain class"
    )


def _reread(model: Any, blocks: Blocks) -> Blocks:
    if not blocks.rereadable:
        raise ValueError(
            f"{blocks.source} can be read once, and {type(model).__name__} walks to learn and to score; "
            "pass a list, or convert it to a block file first (esker convert)"
        )
    return blocks


class SGDRegressorCV(SGDCV, SGDRegressor):
    __doc__ = f"""`SGDRegressor` whose alpha, and rate, are chosen by cross-validation, all folds learning in one walk.

    The models of a fold skip its rows; every alpha, every fold and the models of all rows learn side by side, so that nothing
    is fitted again. One more walk scores each fold's models on its rows.

    Parameters
    ----------
    loss : str
        As of `SGDRegressor`, as are all that are not named here: penalty, l1_ratio, fit_intercept, max_iter, tol, shuffle,
        verbose, epsilon, quantile (one number), power, random_state, learning_rate, power_t, early_stopping,
        validation_fraction, n_iter_no_change, penalty_scale, max_memory, n_threads, shuffle_rows.
{PARAMETERS_CV.strip(chr(10))}

    Attributes
    ----------
{ATTRIBUTES.strip(chr(10))}
    coef_, intercept_, n_features_in_, feature_names_in_, n_iter_, t_, history_, stop_reason_
        As of `SGDRegressor`, learned from all rows.

    Notes
    -----
    All models learn for equally many epochs: the walk ends when their mean loss no longer falls, on rows that early
    stopping holds out of every fold, or on the rows as they come. Where `max_memory` (half of the machine's, if None) has no
    room for all folds at once there are several walks. A fold's models are those of `SGDRegressor` without the fold's rows, to
    the bit, but for the order of rows and the rows that early stopping holds out. O(nonzeros x alphas x folds) a row.

    References
    ----------
    Breiman, Friedman, Olshen & Stone, Classification and Regression Trees, 1984 (one standard error).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 100))
    >>> y = X[:, :20].sum(axis=1) + 5 * rng.standard_normal(300)
    >>> model = SGDRegressorCV(alphas=[1e-4, 1.0, 100.0], random_state=0, max_iter=50).fit(X, y)
    >>> model.alpha_, model.scores_.shape
    (1.0, (3, 5))
    """

    _plain = SGDRegressor

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        alphas: Any = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2),
        cv: Any = None,
        select: str = "min",
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | str | None = "auto",
        shuffle: bool = True,
        verbose: int = 0,
        epsilon: float = 0.1,
        quantile: float = 0.5,
        power: float = 1.5,
        random_state: Any = None,
        learning_rate: str = "auto",
        eta0: Any = None,
        power_t: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        penalty_scale: str | None = None,
        max_memory: int | str | None = None,
        n_threads: int | None = None,
        shuffle_rows: int | None = None,
    ) -> None:
        self.loss = loss
        self.alphas = alphas
        self.cv = cv
        self.select = select
        self.penalty = penalty
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
        self.penalty_scale = penalty_scale
        self.max_memory = max_memory
        self.n_threads = n_threads
        self.shuffle_rows = shuffle_rows

    def fit(  # type: ignore[override]
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> SGDRegressorCV:
        """Choose alpha by the folds, and learn.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks
        sample_weight : array-like of shape (n,), optional; None for Blocks
            Of rows in learning and in scores.
        """
        self._grid()
        blocks = _reread(self, as_blocks(self, X, y, sample_weight))
        return self._search(blocks, blocks.n_rows, [0])

    @available_if(_no)  # type: ignore[untyped-decorator]
    def partial_fit(self) -> None:
        """Not here."""


class SGDClassifierCV(SGDCV, SGDClassifier):
    __doc__ = f"""`SGDClassifier` whose alpha, and rate, are chosen by cross-validation, all folds learning in one walk.

    As `SGDRegressorCV`. Folds of arrays keep the classes' shares, as scikit-learn's do. With more than two classes a
    score is the mean over the classes, each told from the rest.

    Parameters
    ----------
    loss : str
        As of `SGDClassifier`, as are all that are not named here: penalty, l1_ratio, fit_intercept, max_iter, tol, shuffle,
        verbose, epsilon, random_state, learning_rate, power_t, early_stopping, validation_fraction, n_iter_no_change,
        class_weight, penalty_scale, max_memory, n_threads, shuffle_rows.
{PARAMETERS_CV.strip(chr(10))}

    Attributes
    ----------
    classes_ : ndarray
{ATTRIBUTES.strip(chr(10))}
    coef_, intercept_, n_features_in_, feature_names_in_, n_iter_, t_, history_, stop_reason_
        As of `SGDClassifier`, learned from all rows.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SGDClassifierCV(alphas=[1e-4, 1e-2, 10.0], random_state=0, max_iter=50, select="1se").fit(X, y)
    >>> model.alpha_, model.score(X, y) > 0.95
    (0.01, True)
    """

    _plain = SGDClassifier

    def __init__(
        self,
        loss: str = "log_loss",
        *,
        alphas: Any = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2),
        cv: Any = None,
        select: str = "min",
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | str | None = "auto",
        shuffle: bool = True,
        verbose: int = 0,
        epsilon: float = 0.1,
        random_state: Any = None,
        learning_rate: str = "auto",
        eta0: Any = None,
        power_t: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Mapping[Any, float] | str | None = None,
        penalty_scale: str | None = None,
        max_memory: int | str | None = None,
        n_threads: int | None = None,
        shuffle_rows: int | None = None,
    ) -> None:
        self.loss = loss
        self.alphas = alphas
        self.cv = cv
        self.select = select
        self.penalty = penalty
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
        self.class_weight = class_weight
        self.penalty_scale = penalty_scale
        self.max_memory = max_memory
        self.n_threads = n_threads
        self.shuffle_rows = shuffle_rows

    def fit(  # type: ignore[override]
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> SGDClassifierCV:
        """Choose alpha by the folds, and learn.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
            All labels of a Blocks are read first.
        y : array-like of shape (n,); None for Blocks
            Labels: numbers, strings or booleans.
        sample_weight : array-like of shape (n,), optional; None for Blocks
            Of rows in learning and in scores.
        """
        self._grid()
        blocks = _reread(self, as_blocks(self, X, y, sample_weight, classifier=True))
        blocks, self.classes_, n_rows = encoded(blocks, None, self.class_weight)
        if len(self.classes_) < 2:
            raise ValueError(
                f"The number of classes has to be greater than one; got {len(self.classes_)} class: {self.classes_.tolist()}"
            )
        return self._search(blocks, n_rows, self._targets())

    @available_if(_no)  # type: ignore[untyped-decorator]
    def partial_fit(self) -> None:
        """Not here."""

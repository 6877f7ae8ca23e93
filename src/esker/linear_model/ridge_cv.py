"""RidgeCV and RidgeClassifierCV: the penalty chosen by rows left out, for all alphas at the price of about one fit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sklearn.utils.metaestimators import available_if

from esker.linear_model._alpha_search import AlphaSearch, streams
from esker.linear_model._base import LinearClassifier, LinearRegressor
from esker.linear_model._ridge_labels import RidgeLabels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esker.blocks import Blocks
    from esker.folds import Gram

__all__ = ["RidgeCV", "RidgeClassifierCV"]


class RidgeCV(AlphaSearch, LinearRegressor):
    """Ridge regression whose alpha is chosen by leave-one-out, generalized, or K-fold cross-validation.

    Leave-one-out is exact and takes two walks, whatever the number of alphas: one sums X'X, whose eigenvectors then rotate
    each row once (`Notes`). With at most as many rows as columns the n x n products of rows are decomposed instead.

    Parameters
    ----------
    alphas : float or array-like of shape (alphas,)
        Penalties to try: above 0, with `cv` at least 0.
    fit_intercept : bool
    scoring : str or callable, optional
        A scorer. None is the negative mean squared error, with `cv` R². A callable is given the predictions in the place of X,
        and an estimator that returns them.
    cv : int, splitter or iterable of (train, test), optional
        K folds, by sums of each. None leaves one row out.
    gcv_mode : {"auto", "svd", "eigen", "gcv"}, optional
        How one row is left out, for ``cv=None``: "eigen" decomposes X'X (or X X'); "svd" goes on to singular values of the
        rows, which costs one more walk; "auto" (and None) does so where X'X lacks the digits. "gcv" is generalized
        cross-validation proper (Golub, Heath & Wahba): from the sums alone, in one walk. What scikit-learn calls GCV is
        leaving one out.
    store_cv_results : bool
        Keep ``cv_results_``: 8 n targets alphas bytes.
    alpha_per_target : bool
        An alpha for each target. With `cv`, too, unlike scikit-learn's.
    max_memory : int or str, optional
        Bytes, or a size such as ``"512MB"``.
    checkpoint : path, optional
        As of `Ridge`, for the first walk; not with `cv`.
    n_threads : int, optional
    verbose : int
        1 prints rows a second while rows are summed.
    keep_state : bool
        With ``gcv_mode="gcv"``: keep the sums for `partial_fit`, `forget` and `merge`.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (targets,)
    best_score_ : float or ndarray of shape (targets,)
        The score of ``alpha_``: higher is better.
    scores_ : ndarray of shape (alphas,) or, with `alpha_per_target`, (targets, alphas)
        Every alpha's score.
    cv_results_ : ndarray of shape (n, alphas) or (n, targets, alphas)
        With `store_cv_results`: weighted squared errors of each row left out, or predictions where there is a `scoring`.
    coef_ : ndarray of shape (d,) or (targets, d)
        In X's dtype: those of `Ridge` with ``alpha_``.
    intercept_ : float or ndarray of shape (targets,)
    solver_ : str
    rcond_, suboptimality_ : float
        As of `Ridge`.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
    state_ : Gram
        With ``gcv_mode="gcv"``, where it is small or wished.

    Notes
    -----
    With ``X'X = V L V'`` and a row z = (x - mean) V, the leverage of a row of weight w is
    ``w (1/sum w + sum of z_j^2 / (l_j + alpha))``, and its error left out ``(y - prediction) / (1 - leverage)``. Rows are
    rotated a panel at a time, so that memory beyond the data is a few d x d matrices. O(n d^2) and, for each alpha, O(n d).

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import RidgeCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> y = X @ [1.0, 2.0, 0.0, 0.0, 0.0] + rng.standard_normal(100)
    >>> model = RidgeCV(alphas=[0.1, 1.0, 10.0, 100.0]).fit(X, y)
    >>> model.alpha_, model.scores_.shape
    (1.0, (4,))
    """

    def __init__(
        self,
        alphas: Any = (0.1, 1.0, 10.0),
        *,
        fit_intercept: bool = True,
        scoring: Any = None,
        cv: Any = None,
        gcv_mode: str | None = None,
        store_cv_results: bool = False,
        alpha_per_target: bool = False,
        max_memory: int | str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        n_threads: int | None = None,
        verbose: int = 0,
        keep_state: bool = False,
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.scoring = scoring
        self.cv = cv
        self.gcv_mode = gcv_mode
        self.store_cv_results = store_cv_results
        self.alpha_per_target = alpha_per_target
        self.max_memory = max_memory
        self.checkpoint = checkpoint
        self.n_threads = n_threads
        self.verbose = verbose
        self.keep_state = keep_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    # --- targets are what they are ---

    def _indicators(self) -> slice | None:
        return None

    def _signed_state(self, state: Gram) -> Gram:
        return state

    def _know_labels(self, blocks: Blocks) -> None:
        pass

    def _signed_rows(self, blocks: Blocks) -> Blocks:
        return blocks

    def _sort_folds(self, folds: Any, pairs: Any) -> None:
        pass

    # --- more rows, and fewer ---

    @available_if(streams)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> RidgeCV:
        """Add rows to those seen so far and choose anew; with ``gcv_mode="gcv"``. See `Ridge.partial_fit`."""
        return super().partial_fit(X, y, sample_weight)

    @available_if(streams)  # type: ignore[untyped-decorator]
    def forget(self, X: Any, y: Any = None, sample_weight: Any = None) -> RidgeCV:
        """Take rows off that were learned before, and choose anew; with ``gcv_mode="gcv"``. See `Ridge.forget`."""
        return super().forget(X, y, sample_weight)

    def _twin_parameters(self) -> dict[str, Any]:
        return {"alphas": self.alphas, "fit_intercept": self.fit_intercept}

    def to_sklearn(self) -> Any:
        """A fitted scikit-learn RidgeCV with equal predictions; it needs no esker."""
        twin = super().to_sklearn()
        twin.alpha_, twin.best_score_ = self.alpha_, self.best_score_
        return twin


class RidgeClassifierCV(AlphaSearch, RidgeLabels, LinearClassifier):
    """Ridge for labels, -1 and 1 for each class, whose alpha is chosen as `RidgeCV` does.

    Parameters
    ----------
    alphas, fit_intercept, scoring, cv, store_cv_results
        As of `RidgeCV`. With `cv`, None as `scoring` is accuracy; otherwise the negative mean squared error of -1 and 1.
    class_weight : dict or "balanced", optional
        What a row of each class weighs more.
    gcv_mode, max_memory, checkpoint, n_threads, verbose, keep_state
        As of `RidgeCV`.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
    multilabel_ : bool
        Whether y has a column of 0 and 1 for each label.
    alpha_, best_score_ : float
    scores_ : ndarray of shape (alphas,)
    cv_results_ : ndarray of shape (n, targets, alphas)
    coef_ : ndarray of shape (d,) for two classes, else (classes, d)
    intercept_ : ndarray of shape (1,) or (classes,)
    solver_, rcond_, suboptimality_, n_features_in_, feature_names_in_, state_
        As of `RidgeClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import RidgeClassifierCV
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
    >>> model = RidgeClassifierCV(alphas=[0.01, 1.0]).fit(X, ["no", "no", "no", "yes", "yes", "yes"])
    >>> model.predict([[0.5], [4.5]]).tolist(), model.alpha_
    (['no', 'yes'], 1.0)
    """

    def __init__(
        self,
        alphas: Any = (0.1, 1.0, 10.0),
        *,
        fit_intercept: bool = True,
        scoring: Any = None,
        cv: Any = None,
        class_weight: Mapping[Any, float] | str | None = None,
        store_cv_results: bool = False,
        gcv_mode: str | None = None,
        max_memory: int | str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        n_threads: int | None = None,
        verbose: int = 0,
        keep_state: bool = False,
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.scoring = scoring
        self.cv = cv
        self.class_weight = class_weight
        self.store_cv_results = store_cv_results
        self.gcv_mode = gcv_mode
        self.max_memory = max_memory
        self.checkpoint = checkpoint
        self.n_threads = n_threads
        self.verbose = verbose
        self.keep_state = keep_state

    def _twin_parameters(self) -> dict[str, Any]:
        return {
            "alphas": self.alphas,
            "fit_intercept": self.fit_intercept,
            "class_weight": self.class_weight,
        }

    def to_sklearn(self) -> Any:
        """A fitted scikit-learn RidgeClassifierCV with equal predictions; it needs no esker."""
        twin = super().to_sklearn()
        twin.alpha_, twin.best_score_ = self.alpha_, self.best_score_
        return twin

    @available_if(streams)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None
    ) -> RidgeClassifierCV:
        """Add rows to those seen so far and choose anew; with ``gcv_mode="gcv"``. See `RidgeClassifier.partial_fit`."""
        return super().partial_fit(X, y, classes, sample_weight)

    @available_if(streams)  # type: ignore[untyped-decorator]
    def forget(self, X: Any, y: Any = None, sample_weight: Any = None) -> RidgeClassifierCV:
        """Take rows off that were learned before, and choose anew; with ``gcv_mode="gcv"``. See `Ridge.forget`."""
        return super().forget(X, y, sample_weight)

    def _sort_folds(self, folds: Any, pairs: Any) -> None:
        before = list(self._labels)
        self._sort(folds)
        if pairs is None or self.multilabel_:
            return
        order = [before.index(label) for label in self._labels]
        for pair in pairs:
            for gram in pair:
                gram.set_targets(order)

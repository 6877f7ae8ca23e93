"""Which alpha is best: scores by squared errors or by a scorer, and the choice, as scikit-learn makes it."""

from __future__ import annotations

import warnings
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.linear_model._ridge_sums import Floats

__all__ = ["chosen", "scorer_scores", "takes_weights"]


class _AsPredictedRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Its rows are predictions: what a scorer is given in place of a model."""

    def fit(self, X: Any, y: Any) -> _AsPredictedRegressor:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, predictions: Any) -> Any:
        return predictions


class _AsPredictedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Its rows are decision values."""

    def __init__(self, classes: Any = None, several: bool = False) -> None:
        self.classes, self.several = classes, several

    @property
    def classes_(self) -> Any:
        return self.classes

    def fit(self, X: Any, y: Any) -> _AsPredictedClassifier:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def decision_function(self, scores: Any) -> Any:
        return scores

    def predict(self, scores: Any) -> Any:
        if self.several:
            return (scores > 0).astype(np.intp)
        return self.classes[(scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)]


def takes_weights(scorer: Any) -> bool:
    """Whether a scorer takes rows' weights; one that does not is told of by a warning, as in scikit-learn's searches."""
    known = getattr(scorer, "_accept_sample_weight", None)
    if known() if known is not None else "sample_weight" in signature(scorer).parameters:
        return True
    warnings.warn(
        f"the scoring {scorer} takes no sample_weight: rows count alike in scores, though not in fits",
        stacklevel=2,
    )
    return False


def scorer_scores(
    scorer: Any,
    predictions: Floats,
    y: Floats,
    params: dict[str, Any],
    *,
    flat: bool,
    per_target: bool = False,
    classes: NDArray[Any] | None = None,
    several: bool = False,
) -> Floats:
    """A scorer's word on predictions, shape (alphas,) or, `per_target`, (targets, alphas).

    Parameters
    ----------
    scorer : callable
        ``scorer(estimator, X, y, **params)``; the estimator predicts what it is given, X are predictions.
    predictions : ndarray of shape (n, targets, alphas)
    y : ndarray of shape (n, targets)
        Numbers; of classes -1 and 1.
    params : dict
    flat : bool
        Whether y had one dimension.
    classes : ndarray, optional
        Of a classifier. `several`: a row may have several.
    """
    alphas = range(predictions.shape[2])
    if classes is None:
        judge = _AsPredictedRegressor()
        if per_target:
            return np.array(
                [
                    [float(scorer(judge, predictions[:, t, a], y[:, t], **params)) for a in alphas]
                    for t in range(y.shape[1])
                ]
            )
        truth: Any = y[:, 0] if flat else y
        return np.array(
            [
                float(scorer(judge, predictions[:, 0, a] if flat else predictions[:, :, a], truth, **params))
                for a in alphas
            ]
        )
    one = y.shape[1] == 1 and not several
    if several:
        truth = (y > 0).astype(np.intp)
    else:
        truth = classes[(y[:, 0] > 0).astype(np.intp) if one else y.argmax(axis=1)]
    judge = _AsPredictedClassifier(classes, several)
    return np.array(
        [
            float(scorer(judge, predictions[:, 0, a] if one else predictions[:, :, a], truth, **params))
            for a in alphas
        ]
    )


def chosen(scores: Floats, alphas: Floats, per_target: bool, flat: bool) -> tuple[Any, Any]:
    """The best alpha and its score: the first of equals; one a target where `per_target` and there are several.

    Parameters
    ----------
    scores : ndarray of shape (alphas,) or (targets, alphas)
    alphas : ndarray of shape (alphas,)
    per_target, flat : bool
        `flat`: whether y had one dimension; where it had not, scikit-learn keeps the score's, though not alpha's.
    """
    ranked = np.where(np.isnan(scores), -np.inf, scores)
    if per_target and scores.ndim == 2 and len(scores) > 1:
        best = ranked.argmax(axis=1)
        return alphas[best], scores[np.arange(len(scores)), best]
    at = int(ranked.reshape(-1).argmax())
    best = float(scores.reshape(-1)[at])
    return float(alphas[at]), np.array([best]) if per_target and not flat else best

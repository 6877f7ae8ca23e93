"""Probabilities of SGDClassifier's classes, from its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.utils.metaestimators import available_if

from esker.linear_model._base import LinearModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Probabilities"]


class Probabilities(LinearModel):
    """What losses with probabilities have beside the rest."""

    classes_: NDArray[Any]
    fit_intercept: bool
    loss: str
    random_state: Any

    def _has_probabilities(self) -> bool:
        if self.loss not in ("log_loss", "softmax", "modified_huber"):
            raise AttributeError(
                f"probability estimates are not available for loss={self.loss!r}; use loss='log_loss', 'softmax' or "
                "'modified_huber'"
            )
        return True

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any, out: Any = None) -> Any:
        """Probabilities of the classes; with more than two, each class's own, made to sum to one, or the softmax of all scores.

        Of "modified_huber" a class's own is (score + 1) / 2, cut at 0 and 1 (Zhang, Ann. Stat. 2004).

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        out : path, optional
            As in `predict`.

        Returns
        -------
        ndarray of shape (n, classes); the path where `out` is given.
        """
        return self._apply(X, self._chances, out)

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of `predict_proba`; of "softmax" also of those too small for a number."""
        if self.loss == "softmax" and len(self.classes_) > 2:
            return self._apply(X, lambda scores, dtype: np.asarray(log_softmax(scores, axis=1)), None)
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _chances(self, scores: NDArray[np.float64], dtype: Any) -> NDArray[np.float64]:
        """What `predict_proba` says of scores."""
        own = _straight if self.loss == "modified_huber" else expit
        if len(self.classes_) == 1:
            return np.ones((len(scores), 1))
        if self.loss == "softmax" and scores.ndim == 2:
            return np.asarray(softmax(scores, axis=1))
        p = own(scores)
        if p.ndim == 1:
            return np.column_stack([own(-scores), p])
        total = p.sum(axis=1, keepdims=True)
        return np.asarray(np.where(total > 0, p / np.where(total > 0, total, 1.0), 1.0 / p.shape[1]))

    def _twin(self) -> Any:
        if self.loss != "softmax":
            return super()._twin()
        # scikit-learn's SGDClassifier has no such loss, and this one answers the same.
        return LogisticRegression(fit_intercept=self.fit_intercept, random_state=self.random_state)


def _straight(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return (np.clip(scores, -1.0, 1.0) + 1.0) / 2.0

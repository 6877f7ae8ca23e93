"""What linear models share: float64 scores, prediction and scoring over arrays or Blocks, to_sklearn()."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from esker.blocks import Blocks
from esker.blocks.paths import keep
from esker.linear_model._input import as_blocks, check_indices, fitted_blocks, learn_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FITTED",
    "LinearClassifier",
    "LinearModel",
    "LinearRegressor",
    "as_blocks",
    "learn_width",
    "scores_of",
]

#: What a fitted model hands to its twin, where it has it.
FITTED = ("coef_", "intercept_", "classes_", "n_features_in_", "feature_names_in_", "n_iter_", "t_")

# Float64 copies of X's rows made while predicting are kept about this large, in bytes.
_PANEL = 1 << 20
# Coefficients beyond so many are made float64 some classes at a time.
_PART = 1 << 25


def scores_of(X: Any, coef: Any, intercept: Any) -> NDArray[np.float64]:
    """``X @ coef.T + intercept`` in float64, panel by panel, so that X is never copied whole.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, d)
    coef : ndarray of shape (d,) or (k, d), or CSR of shape (k, d)
    intercept : number or ndarray of shape (k,)

    Returns
    -------
    ndarray of shape (n,) or (n, k)
    """
    n, d = X.shape
    if not sparse.issparse(coef) and coef.ndim > 1 and coef.size > _PART and len(coef) > 1:
        columns = np.unique(X.indices) if sparse.issparse(X) else np.arange(0)
        few = (
            sparse.issparse(X) and 2 * len(columns) < d
        )  # of many columns only those that come are looked up
        if few:
            X = sparse.csr_array(
                (X.data, np.searchsorted(columns, X.indices), X.indptr), shape=(n, len(columns))
            )
        some = max(1, _PART // max(1, X.shape[1]))
        level = np.broadcast_to(np.asarray(intercept, dtype=np.float64), len(coef))
        whole = np.empty((n, len(coef)))
        for k in range(0, len(coef), some):
            part = coef[k : k + some]
            whole[:, k : k + some] = scores_of(X, part[:, columns] if few else part, level[k : k + some])
        return whole
    if sparse.issparse(coef):  # of `sparsify`
        W = coef.T.tocsc().astype(np.float64)
    else:
        W = np.ascontiguousarray(coef.T, dtype=np.float64)
    out = np.empty((n, *W.shape[1:]))
    if X.dtype == np.float64:
        out[...] = _dense(X @ W)
    elif sparse.issparse(X):
        step = max(1, int(_PANEL / 12 * n / max(1, X.nnz)))
        for i in range(0, n, step):
            out[i : i + step] = _dense(X[i : i + step].astype(np.float64) @ W)
    else:
        step = max(1, _PANEL // (8 * max(1, d)))
        for i in range(0, n, step):
            out[i : i + step] = X[i : i + step].astype(np.float64) @ W
    out += intercept if out.ndim > 1 else np.asarray(intercept, dtype=np.float64).reshape(-1)
    return out


def _dense(scores: Any) -> Any:
    return scores.toarray() if sparse.issparse(scores) else scores


class LinearModel(BaseEstimator):  # type: ignore[misc]
    """Base of esker's linear models; derive from `LinearRegressor` or `LinearClassifier`.

    A subclass has ``coef_``, ``intercept_`` and ``n_features_in_`` once fitted, and may have
    ``_twin_parameters()``: the parameters of scikit-learn's class of the same name that say what was fitted.
    """

    coef_: NDArray[Any]
    intercept_: Any
    n_features_in_: int
    _twin_module = "sklearn.linear_model"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _twin_parameters(self) -> dict[str, Any]:
        return {}

    # --- scores ---

    def _scores(self, X: Any) -> NDArray[np.float64]:
        """Scores of checked rows."""
        return scores_of(X, self.coef_, self.intercept_)

    def _answer(self, scores: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
        """What `predict` says of scores; `dtype` is that of X."""
        return scores.astype(np.result_type(dtype, self.coef_.dtype), copy=False)

    def _checked(self, X: Any) -> Any:
        check_indices(X)
        return validate_data(
            self,
            X,
            reset=False,
            accept_sparse="csr",
            accept_large_sparse=True,
            dtype=[np.float64, np.float32],
        )

    def _apply(
        self, X: Any, answer: Callable[[NDArray[np.float64], Any], NDArray[Any]], out: Any = None
    ) -> Any:
        """`answer(scores, dtype)` over the rows of an array or of Blocks, returned or written as .npy."""
        check_is_fitted(self)
        if not isinstance(X, Blocks):
            if out is not None:
                raise ValueError(
                    "out= is for Blocks, which may exceed memory; use np.save(path, model.predict(X))"
                )
            X = self._checked(X)
            return answer(self._scores(X), X.dtype)
        pieces = (answer(self._scores(b.X), b.X.dtype) for b in fitted_blocks(self, X))
        if out is not None:
            keep(X.files, out)
            return _write_npy(out, pieces)
        parts = list(pieces)
        return (
            np.concatenate(parts)
            if parts
            else answer(self._scores(np.empty((0, self.n_features_in_))), np.float64)
        )

    def predict(self, X: Any, out: str | os.PathLike[str] | None = None) -> Any:
        """Predict; scores are accumulated in float64 and rounded once.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        out : path, optional
            For Blocks: where to write the predictions as ``.npy``, block by block; the file appears when whole.

        Returns
        -------
        ndarray of shape (n,) or (n, targets); the path where `out` is given.
        """
        return self._apply(X, self._answer, out)

    # --- to scikit-learn ---

    def _twin(self) -> Any:
        """scikit-learn's estimator of the same name, not fitted."""
        return getattr(import_module(self._twin_module), type(self).__name__)(**self._twin_parameters())

    def to_sklearn(self) -> Any:
        """A fitted scikit-learn estimator of the same name with equal predictions; it needs no esker."""
        check_is_fitted(self)
        twin = self._twin()
        for name in FITTED:
            if hasattr(self, name):
                value = getattr(self, name)
                setattr(twin, name, value.copy() if isinstance(value, np.ndarray) else value)
        return twin


class LinearRegressor(RegressorMixin, LinearModel):  # type: ignore[misc]
    """A linear model of numbers."""

    def _mean(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The means that scores stand for: themselves, but for a model with a link."""
        return scores

    def _answer(self, scores: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
        return super()._answer(self._mean(scores), dtype)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R²; for Blocks in one streamed pass over their own targets and weights.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,) or (n, targets); None for Blocks
        sample_weight : array-like of shape (n,), optional; None for Blocks
        """
        if not isinstance(X, Blocks):
            return float(super().score(X, y, sample_weight))
        check_is_fitted(self)
        weight, mean, spread, error = 0.0, np.zeros(1), np.zeros(1), np.zeros(1)
        for block in as_blocks(self, X, y, sample_weight, multi_output=True, reset=False):
            target = block.raw_y()
            assert target is not None
            w = np.ones(len(block)) if block.sample_weight is None else block.sample_weight
            total = float(w.sum())
            if total == 0:
                continue
            miss = target - self._mean(self._scores(block.X)).reshape(target.shape[0], -1)
            error = error + w @ miss**2
            centre = w @ target / total
            delta = centre - mean
            spread = spread + w @ (target - centre) ** 2 + delta**2 * (weight * total / (weight + total))
            mean = mean + delta * (total / (weight + total))
            weight += total
        if weight == 0:
            raise ValueError(f"R² needs rows with a positive weight, and {X.source} has none")
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(spread > 0, 1 - error / spread, np.where(error > 0, 0.0, 1.0))
        return float(each.mean())


class LinearClassifier(ClassifierMixin, LinearModel):  # type: ignore[misc]
    """A linear model of labels; ``classes_`` is sorted, two classes have one row of coefficients."""

    classes_: NDArray[Any]

    def _scores(self, X: Any) -> NDArray[np.float64]:
        scores = super()._scores(X)
        return scores.ravel() if scores.ndim == 2 and scores.shape[1] == 1 else scores

    def _answer(self, scores: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
        chosen = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    def decision_function(self, X: Any, out: str | os.PathLike[str] | None = None) -> Any:
        """Scores, one a row for two classes, else one a class; parameters as in `predict`."""
        return self._apply(X, super()._answer, out)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Accuracy; for Blocks in one streamed pass over their own labels and weights.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks
        sample_weight : array-like of shape (n,), optional; None for Blocks
        """
        if not isinstance(X, Blocks):
            return float(super().score(X, y, sample_weight))
        check_is_fitted(self)
        right = total = 0.0
        for block in as_blocks(self, X, y, sample_weight, classifier=True, reset=False):
            w = np.ones(len(block)) if block.sample_weight is None else block.sample_weight
            assert block.y is not None
            right += float(w @ (self._answer(self._scores(block.X), block.X.dtype) == block.y.ravel()))
            total += float(w.sum())
        if total == 0:
            raise ValueError(f"accuracy needs rows with a positive weight, and {X.source} has none")
        return right / total


def _write_npy(path: str | os.PathLike[str], pieces: Iterator[NDArray[Any]]) -> str:
    """Write arrays under each other as one .npy file, which appears under its name when it is complete."""
    from esker._atomic import atomic_write

    with atomic_write(path) as file:
        rows, start, first = 0, 0, None
        for piece in pieces:
            if piece.dtype.hasobject:
                raise ValueError(
                    "labels that are Python objects cannot be written as .npy; predict without out="
                )
            if first is None:
                first = piece
                start = _header(file, first, 0)
            elif piece.dtype != first.dtype or piece.shape[1:] != first.shape[1:]:
                raise ValueError(
                    f"blocks of one data set gave {first.dtype} and then {piece.dtype} predictions"
                )
            np.ascontiguousarray(piece).tofile(file)
            rows += piece.shape[0]
        if first is None:
            raise ValueError("there are no rows to predict")
        file.seek(0)
        if _header(file, first, rows) != start:
            raise OSError("this NumPy writes .npy headers whose size depends on the number of rows")
        file.seek(0, os.SEEK_END)
    return os.fspath(path)


def _header(file: Any, like: NDArray[Any], rows: int) -> int:
    described = np.lib.format.dtype_to_descr(like.dtype)
    head = {"descr": described, "fortran_order": False, "shape": (rows, *like.shape[1:])}
    np.lib.format.write_array_header_1_0(file, head)
    return int(file.tell())

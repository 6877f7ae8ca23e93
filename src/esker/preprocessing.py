"""Scaling of columns, fitted in one pass and applied as rows stream by; names, parameters and attributes are scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.preprocessing
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import _check_sample_weight, validate_data

from esker._native import core
from esker._steps import StreamingStep, check_fitted, fold_columns
from esker.blocks import Block, Blocks
from esker.blocks.memory import empty
from esker.folds import ColumnMoments
from esker.impute import SimpleImputer

__all__ = ["MaxAbsScaler", "SimpleImputer", "StandardScaler"]


class _Scaler(StreamingStep):
    """What both scalers share: columns of Blocks shifted and divided as they are read."""

    def _centre(self) -> Any:
        return None

    def _scaled(self, X: Any) -> Any:
        scale, centre = self.scale_, self._centre()  # type: ignore[attr-defined]
        if sparse.issparse(X):
            if centre is not None:
                raise ValueError(_NO_CENTRE)
            data = X.data if scale is None else (X.data / scale[X.indices]).astype(X.dtype)
            return sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)
        d = X.shape[1]
        out = empty(X.shape, X.dtype)
        core.standardise(
            out,
            X,
            np.zeros(d) if centre is None else np.ascontiguousarray(centre, np.float64),
            np.ones(d) if scale is None else np.ascontiguousarray(scale, np.float64),
        )
        return out

    def _unscaled(self, X: Any) -> Any:
        scale, centre = self.scale_, self._centre()  # type: ignore[attr-defined]
        if sparse.issparse(X):
            if centre is not None:
                raise ValueError(_NO_CENTRE)
            data = X.data if scale is None else (X.data * scale[X.indices]).astype(X.dtype)
            return sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)
        wide = X.astype(np.float64) if scale is None else X * scale
        return (wide if centre is None else wide + centre).astype(X.dtype, copy=False)

    def transform(self, X: Any) -> Any:
        """Scale the columns.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            float32 stays float32; NaN stays NaN. In Blocks it is an error, unless a step that fills it in follows.

        Returns
        -------
        array or sparse matrix; or lazy Blocks
        """
        check_fitted(self)
        return self._stream(X, self._scaled) if isinstance(X, Blocks) else super().transform(X)  # type: ignore[misc]

    def inverse_transform(self, X: Any) -> Any:
        """The columns as they were before `transform`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks

        Returns
        -------
        array or sparse matrix; or lazy Blocks
        """
        check_fitted(self)
        return self._stream(X, self._unscaled) if isinstance(X, Blocks) else super().inverse_transform(X)  # type: ignore[misc]


class _Copying(_Scaler):
    """The same with scikit-learn's `copy` argument, which is for arrays."""

    def transform(self, X: Any, copy: bool | None = None) -> Any:
        """Scale the columns.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            float32 stays float32; NaN stays NaN. In Blocks it is an error, unless a step that fills it in follows.
        copy : bool, optional
            Whether an array is copied, not changed in place; by default as at construction. Blocks are never changed.

        Returns
        -------
        array or sparse matrix; or lazy Blocks
        """
        return self._with_copy("transform", X, copy)

    def inverse_transform(self, X: Any, copy: bool | None = None) -> Any:
        """The columns as they were before `transform`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
        copy : bool, optional
            As in `transform`.

        Returns
        -------
        array or sparse matrix; or lazy Blocks
        """
        return self._with_copy("inverse_transform", X, copy)

    def _rows(self, X: Any) -> Any:
        """Dense rows as the kernels have them."""
        return validate_data(
            self, X, reset=False, dtype=(np.float64, np.float32), ensure_all_finite="allow-nan", order="C"
        )

    def _with_copy(self, what: str, X: Any, copy: bool | None) -> Any:
        if not isinstance(X, Blocks):
            check_fitted(self)
            if what == "transform" and (self.copy if copy is None else copy) and not hasattr(X, "tocsr"):  # type: ignore[attr-defined]
                return _wrap_data_with_container(what, self._scaled(self._rows(X)), X, self)
            return getattr(super(_Scaler, self), what)(X, copy=copy)
        if copy is not None:
            raise ValueError("copy= is for arrays; Blocks are made anew as they are read")
        return getattr(super(), what)(X)


_NO_CENTRE = "Cannot center sparse matrices: pass `with_mean=False` instead. See docstring for motivation and alternatives."


class StandardScaler(_Copying, sklearn.preprocessing.StandardScaler):  # type: ignore[misc]
    """Columns with mean 0 and variance 1: scikit-learn's `StandardScaler`, which also takes Blocks.

    Parameters
    ----------
    copy : bool
        Whether `transform` of an array leaves it as it is.
    with_mean, with_std : bool
        Whether columns are shifted, and divided by their standard deviation. Sparse rows cannot be shifted.

    Attributes
    ----------
    scale_, mean_, var_ : ndarray of shape (d,), float64; or None
    n_samples_seen_ : int (float with weights), or ndarray of shape (d,) where columns miss values
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    Fitted in one pass by `esker.folds.ColumnMoments`: dense rows in panels of 256, each about its own mean, merged by Chan's
    update in float64, so columns with a mean 10,000 times their spread keep their digits. The same bits for any number of
    threads. `transform` of Blocks is lazy: each block is scaled as it is read. Blocks bring their own weights.

    Examples
    --------
    >>> import numpy as np, esker
    >>> blocks = esker.open_blocks(np.array([[0.0, 10.0], [2.0, 30.0]]), target=np.array([0, 1]))
    >>> scaler = StandardScaler().fit(blocks)
    >>> scaler.mean_.tolist(), scaler.scale_.tolist()
    ([1.0, 20.0], [1.0, 10.0])
    >>> [block.X.tolist() for block in scaler.transform(blocks)]
    [[[-1.0, -1.0], [1.0, 1.0]]]
    """

    def _centre(self) -> Any:
        return self.mean_ if self.with_mean else None

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> StandardScaler:
        """Learn from more rows; `fit` begins anew.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            NaN is a missing value and left out.
        y : ignored
        sample_weight : array-like of shape (n,), optional
            None for Blocks.

        Returns
        -------
        self
        """
        self._validate_params()
        first = not hasattr(self, "n_samples_seen_")
        if isinstance(X, Blocks):
            if sample_weight is not None:
                raise ValueError(
                    "StandardScaler got Blocks as X and also sample_weight; a data set brings its weights with it: "
                    "open_blocks(..., weight=...) names the column, and sample_weight stays None"
                )
            if self.with_mean and X.is_sparse:
                raise ValueError(_NO_CENTRE)
            weighted: list[bool] = []

            def noted(block: Block) -> Block:
                weighted.append(block.sample_weight is not None)
                return block

            state = fold_columns(self, X.with_missing().map(noted), ColumnMoments(), reset=first)
            return self._learn(state, any(weighted), bool(X.is_sparse))
        X = validate_data(
            self,
            X,
            reset=first,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            ensure_all_finite="allow-nan",
            order=None if hasattr(X, "tocsr") else "C",
        )
        if sparse.issparse(X) and self.with_mean:
            raise ValueError(_NO_CENTRE)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        state = ColumnMoments()
        state.update(Block(X, None, weight))
        return self._learn(state, weight is not None, sparse.issparse(X))

    def _learn(self, new: ColumnMoments, weighted: bool, is_sparse: bool) -> StandardScaler:
        """Take up what a walk found."""
        state = new
        if hasattr(self, "n_samples_seen_"):
            state = self._state()
            state.merge(new)
        weight, mean, var, _ = state.finish()
        if not weighted:
            weight = weight.round().astype(np.int64)
        self.n_samples_seen_: Any = weight[0] if weight.min() == weight.max() else weight
        self.mean_ = mean if self.with_std or (self.with_mean and not is_sparse) else None
        self.var_ = var if self.with_std else None
        self.scale_ = _spread(mean, var, weight) if self.with_std else None
        return self

    def _state(self) -> ColumnMoments:
        """What has been seen so far."""
        d = int(self.n_features_in_)
        weight = np.broadcast_to(np.asarray(self.n_samples_seen_, np.float64), d).copy()
        mean = np.zeros(d) if self.mean_ is None else np.ascontiguousarray(self.mean_, np.float64)
        var = np.zeros(d) if self.var_ is None else np.ascontiguousarray(self.var_, np.float64)
        total = float(weight.max())
        return ColumnMoments.from_arrays(
            {
                "rows": np.array([int(total)]),
                "row_weight": np.array([total]),
                "weight": weight,
                "mean": mean,
                "m2": var * weight,
                "most": np.zeros(d),
            }
        )


def _spread(mean: NDArray[Any], var: NDArray[Any], n: NDArray[Any]) -> NDArray[np.float64]:
    """Standard deviations, 1 where a column does not vary beyond what rounding of its variance explains."""
    eps = np.finfo(np.float64).eps
    constant = var <= n * eps * var + (n * mean * eps) ** 2
    return np.where(constant, 1.0, np.sqrt(var))


class MaxAbsScaler(_Scaler, sklearn.preprocessing.MaxAbsScaler):  # type: ignore[misc]
    """Columns divided by their largest size: scikit-learn's `MaxAbsScaler`, which also takes Blocks. Zeros stay zeros.

    Parameters
    ----------
    copy : bool
        Whether `transform` of an array leaves it as it is.
    clip : bool
        Whether values beyond what was seen become -1 or 1.

    Attributes
    ----------
    scale_, max_abs_ : ndarray of shape (d,)
    n_samples_seen_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
    """

    def partial_fit(self, X: Any, y: Any = None) -> MaxAbsScaler:
        """Learn from more rows; `fit` begins anew.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            NaN is a missing value and left out.
        y : ignored

        Returns
        -------
        self
        """
        if not isinstance(X, Blocks):
            super().partial_fit(X, y)
            return self
        self._validate_params()
        first = not hasattr(self, "n_samples_seen_")
        state = fold_columns(self, X.with_missing(), ColumnMoments(), reset=first)
        most = state.finish().most
        self.n_samples_seen_: Any = state.rows + (0 if first else self.n_samples_seen_)
        self.max_abs_: Any = most if first else np.maximum(self.max_abs_, most)
        self.scale_ = np.where(self.max_abs_ < 10 * np.finfo(np.float64).eps, 1.0, self.max_abs_)
        return self

    def _scaled(self, X: Any) -> Any:
        made = super()._scaled(X)
        if self.clip:
            values = made.data if sparse.issparse(made) else made
            np.clip(values, -1, 1, out=values)
        return made

"""Rows to components and back: what every decomposition does once it has learned, on arrays and in streams."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import check_array, validate_data

from esker._native import core, threads
from esker._steps import StreamingStep, check_fitted
from esker.blocks import Blocks
from esker.blocks.memory import empty

__all__ = ["Projection"]

#: Bytes of rows that are centred at a time.
PIECE = 8 << 20


class Projection(StreamingStep):
    """Mixin before a scikit-learn decomposition that has ``components_``; in a class of its own, since scikit-learn wraps what
    an estimator itself defines in DataFrames, where asked to."""

    components_: Any
    n_threads: int | None

    def _about(self) -> Any:
        """What is taken off the rows, float64; None where nothing is."""
        return getattr(self, "mean_", None)

    def _spread(self) -> Any:
        """What the components' values are divided by; None where they are not."""
        if not getattr(self, "whiten", False):
            return None
        scale = np.sqrt(np.asarray(self.explained_variance_, np.float64))  # type: ignore[attr-defined]
        return np.maximum(scale, np.finfo(self.explained_variance_.dtype).eps)  # type: ignore[attr-defined]

    def transform(self, X: Any) -> Any:
        """The rows in terms of the components.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            float32 stays float32. Sparse rows stay sparse while they are multiplied.

        Returns
        -------
        ndarray of shape (n, n_components_); or lazy Blocks
        """
        check_fitted(self)
        if isinstance(X, Blocks):
            k = int(self.components_.shape[0])
            return self._stream(
                X,
                self._project,
                n_columns=k,
                is_sparse=False,
                nnz=None,
                feature_names=list(self.get_feature_names_out()),  # type: ignore[attr-defined]
            )
        rows = validate_data(
            self,
            X,
            reset=False,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            order=None if hasattr(X, "tocsr") else "C",
        )
        return _wrap_data_with_container("transform", self._project(rows), X, self)

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit to X, then transform it.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            Blocks are walked to fit, and once more whenever the result is.
        y : ignored
        **fit_params
            Further arguments of `fit`.

        Returns
        -------
        ndarray of shape (n, n_components_); or lazy Blocks
        """
        if isinstance(X, Blocks):
            return super().fit_transform(X, y, **fit_params)
        return self.fit(X, y, **fit_params).transform(X)  # type: ignore[attr-defined]

    def _project(self, X: Any) -> Any:
        components = np.asarray(self.components_)
        dtype, scale, mean = X.dtype, self._spread(), self._about()
        across = np.asarray(components.T, dtype=dtype)
        n, d = X.shape
        if sparse.issparse(X):
            out = np.asarray(X @ across)
            if mean is not None:
                out -= (mean @ components.T.astype(np.float64)).astype(dtype)
        elif mean is None:
            out = X @ across
        else:
            out = empty((n, components.shape[0]), dtype)
            rows = max(1, PIECE // (d * dtype.itemsize))
            room, ones = empty((min(rows, n), d), dtype), np.ones(d)
            with threads(self.n_threads):
                for begin in range(0, n, rows):
                    piece = X[begin : begin + rows]
                    core.standardise(room[: len(piece)], piece, np.ascontiguousarray(mean, np.float64), ones)
                    np.matmul(room[: len(piece)], across, out=out[begin : begin + len(piece)])
        if scale is not None:
            out /= scale.astype(dtype)
        return out

    def inverse_transform(self, X: Any) -> Any:
        """Rows in terms of the components as rows of the columns they came from.

        Parameters
        ----------
        X : array-like of shape (n, n_components_), or Blocks

        Returns
        -------
        ndarray of shape (n, d); or lazy Blocks
        """
        check_fitted(self)
        if isinstance(X, Blocks):
            k = int(self.components_.shape[0])
            if X.n_columns not in (None, k):
                raise ValueError(
                    f"rows of {k} components were expected, and {X.source} has {X.n_columns} columns"
                )
            return X.map(
                self._restored,
                keeps_targets=True,
                n_columns=int(self.n_features_in_),  # type: ignore[attr-defined]
                is_sparse=False,
                nnz=None,
                dtype=np.result_type(X.dtype, np.float32),
                feature_names=None,
            )
        return self._back(check_array(X, input_name="X", dtype=[np.float64, np.float32]))

    def _restored(self, block: Any) -> Any:
        from dataclasses import replace

        X = block.X.toarray() if sparse.issparse(block.X) else block.X
        return replace(block, X=self._back(X))

    def _back(self, X: Any) -> Any:
        scale, mean = self._spread(), self._about()
        if scale is not None:
            X = X * scale.astype(X.dtype)
        out = X @ np.asarray(self.components_, dtype=X.dtype)
        if mean is not None:
            out += np.asarray(mean, dtype=X.dtype)
        return out

"""What maps to kernel features share: arrays and CSR in and out as scikit-learn has it, Blocks in, lazy Blocks out."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import validate_data

from esker._native import core
from esker._steps import StreamingStep, check_fitted
from esker.blocks import Blocks
from esker.linear_model._input import check_indices

__all__ = ["FeatureMap", "raw", "rows_of_numbers"]

FLOATS = (np.float64, np.float32)


def raw(X: Any) -> Any:
    """Rows as kernels take them."""
    return (X.data, X.indices, X.indptr, X.shape[1]) if sparse.issparse(X) else X


def rows_of_numbers(step: Any, X: Any, *, reset: bool, **checks: Any) -> Any:
    """X as C-contiguous rows or CSR with one number a place, float32 or float64, checked as scikit-learn does."""
    check_indices(X)
    order = None if sparse.issparse(X) else "C"
    X = validate_data(step, X, reset=reset, accept_sparse="csr", dtype=FLOATS, order=order, **checks)
    if sparse.issparse(X) and not X.has_canonical_format and core.csr_repeats(raw(X)):
        X = X.copy()
        X.sum_duplicates()
    return X


class FeatureMap(StreamingStep):
    """Mixin before a class of scikit-learn's: `transform` by `_map`, which makes features of checked rows."""

    def _map(self, X: Any) -> Any:
        """Features of C-contiguous rows or CSR, float32 or float64."""
        raise NotImplementedError

    def _rows(self, X: Any) -> Any:
        return rows_of_numbers(self, X, reset=False)

    def _dtype(self, dtype: Any) -> Any:
        """Of the features of rows of this dtype."""
        return np.result_type(dtype, np.float32)

    def transform(self, X: Any) -> Any:
        """The features of the rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            float32 stays float32.

        Returns
        -------
        array of shape (n, n_features_out); or lazy Blocks, whose features are made as they are read
        """
        check_fitted(self)
        if not isinstance(X, Blocks):
            return _wrap_data_with_container("transform", self._map(self._rows(X)), X, self)
        names = [str(name) for name in self.get_feature_names_out()]  # type: ignore[attr-defined]
        known: dict[str, Any] = {"is_sparse": False, "nnz": None, "dtype": self._dtype(X.dtype)}
        return self._stream(X, self._map, n_columns=len(names), feature_names=names, **known)

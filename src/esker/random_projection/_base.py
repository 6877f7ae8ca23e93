"""What projections share: fit looks at shapes alone, transform streams, the matrix is made when somebody asks for it."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import DataDimensionalityWarning
from sklearn.random_projection import johnson_lindenstrauss_min_dim
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import check_array, validate_data

from esker._native import core
from esker._steps import StreamingStep, check_fitted, fold_columns, learn_columns, seed_of
from esker.blocks import Blocks
from esker.folds import ColumnMoments
from esker.linear_model._input import check_indices
from esker.random_projection._maps import RandomMap

__all__ = ["Projecting"]


class Projecting(StreamingStep):
    """Mixin before scikit-learn's class, in a class of its own since scikit-learn wraps what a step itself defines."""

    @abstractmethod
    def _map(self) -> RandomMap:
        """The fitted map."""

    def _makes_sparse(self, given_sparse: Any) -> Any:
        """Whether rows come out sparse, as far as is known of those that go in."""
        return False

    def fit(self, X: Any, y: Any = None) -> Any:
        """Choose the map. Of X its shape matters alone.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            Blocks are walked only where their width, or with ``n_components="auto"`` the number of rows, is not known before.
        y : ignored

        Returns
        -------
        self
        """
        self._learn(X, finite=True)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit to X, then project it: one visit to the rows of an array.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
        y : ignored
        **fit_params
            None are known.

        Returns
        -------
        array or sparse matrix of shape (n, n_components); or lazy Blocks
        """
        if isinstance(X, Blocks) or fit_params:
            return super().fit_transform(X, y, **fit_params)
        rows = self._learn(X, finite=False)
        return _wrap_data_with_container("transform", self._project(rows), X, self)

    def _learn(self, X: Any, finite: bool) -> Any:
        """The map's shape and seed from X; the rows of an array, checked but for NaN where not `finite`."""
        self._validate_params()  # type: ignore[attr-defined]
        rows = None
        if isinstance(X, Blocks):
            n = self._measure(X)
        else:
            rows = self._rows(X, reset=True)
            if finite:
                self._refuse_gaps(rows, self._finite(rows))
            n = rows.shape[0]
            self._dtype = rows.dtype.name
        self._choose(n)
        self._seed = seed_of(self.random_state)  # type: ignore[attr-defined]
        self._n_features_out = self.n_components_
        self._map()  # what it refuses is refused here
        if self.compute_inverse_components:  # type: ignore[attr-defined]
            self.inverse_components_ = self._compute_inverse_components()  # type: ignore[attr-defined]
        return rows

    def _measure(self, X: Blocks) -> int | None:
        """Width, names and dtype of Blocks; how many rows they have, where that matters."""
        self._dtype = np.result_type(X.dtype, np.float32).name
        if self.n_components == "auto" and X.n_rows is None:  # type: ignore[attr-defined]
            return fold_columns(self, X, ColumnMoments(), reset=True).rows
        learn_columns(self, X)
        return X.n_rows

    def _choose(self, n: int | None) -> None:
        """``n_components_``, as scikit-learn chooses and refuses it."""
        d, asked = self.n_features_in_, self.n_components  # type: ignore[attr-defined]
        if asked != "auto":
            if asked > d:
                warnings.warn(
                    f"The number of components is higher than the number of features: n_features < n_components ({d} < {asked})."
                    "The dimensionality of the problem will not be reduced.",
                    DataDimensionalityWarning,
                    stacklevel=4,
                )
            self.n_components_ = int(asked)
            return
        eps = self.eps  # type: ignore[attr-defined]
        self.n_components_ = int(johnson_lindenstrauss_min_dim(n_samples=n, eps=eps))
        problem = ""
        if self.n_components_ <= 0:
            problem = "invalid"
        elif self.n_components_ > d:
            problem = f"larger than the original space with n_features={d}"
        if problem:
            raise ValueError(
                f"eps={eps:f} and n_samples={n} lead to a target dimension of {self.n_components_} which is {problem}; "
                "choose n_components, or a larger eps"
            )

    @property
    def components_(self) -> Any:
        """The map as a matrix of shape (n_components, d), made anew whenever it is asked for."""
        if not hasattr(self, "_seed"):  # hasattr says no, as it does of all that a fit makes
            raise AttributeError(f"this {type(self).__name__} is not fitted yet, so it has no components_")
        return self._map().matrix(np.dtype(self._dtype))

    def transform(self, X: Any) -> Any:
        """Project rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            float32 stays float32.

        Returns
        -------
        array or sparse matrix of shape (n, n_components); or lazy Blocks
        """
        check_fitted(self)
        if isinstance(X, Blocks):
            return self._stream(
                X,
                self._map(),
                n_columns=self.n_components_,
                feature_names=list(self.get_feature_names_out()),  # type: ignore[attr-defined]
                is_sparse=self._makes_sparse(X.is_sparse),
                nnz=None,
            )
        return _wrap_data_with_container("transform", self._project(self._rows(X, reset=False)), X, self)

    def _rows(self, X: Any, reset: bool) -> Any:
        """Rows of an array as kernels have them, not yet looked at for NaN."""
        check_indices(X)
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse=["csr", "csc"],
            dtype=[np.float64, np.float32],
            order=None if hasattr(X, "tocsr") else "C",
            ensure_all_finite=False,
        )
        return X.tocsr() if sparse.issparse(X) else X

    @staticmethod
    def _finite(X: Any) -> bool:
        return bool(core.all_finite(X.data.reshape(1, -1) if sparse.issparse(X) else X))

    def _refuse_gaps(self, X: Any, finite: bool) -> None:
        """scikit-learn's error where there is NaN or infinity."""
        if not finite:
            check_array(X, accept_sparse="csr", dtype=None, input_name="X", estimator=self)

    def _project(self, X: Any) -> Any:
        made, finite = self._map().finite(X)
        self._refuse_gaps(X, finite)
        return made

"""Features of the additive chi-squared kernel, each value's own: nothing is random, zeros stay zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.kernel_approximation
from scipy import sparse
from sklearn.exceptions import NotFittedError

from esker._native import core
from esker._steps import learn_columns
from esker.blocks import Blocks
from esker.blocks.memory import empty
from esker.kernel_approximation._maps import FeatureMap, rows_of_numbers

__all__ = ["AdditiveChi2Sampler"]

#: The best intervals for 1, 2 and 3 steps (Vedaldi & Zisserman, figure 2 c).
INTERVALS = {1: 0.8, 2: 0.5, 3: 0.4}


class AdditiveChi2Sampler(FeatureMap, sklearn.kernel_approximation.AdditiveChi2Sampler):  # type: ignore[misc]
    """Features of the kernel sum of 2 x z / (x + z) over columns: scikit-learn's `AdditiveChi2Sampler`, which also takes Blocks.

    Parameters
    ----------
    sample_steps : int
        Each column becomes 2 sample_steps - 1 features.
    sample_interval : float, optional
        Between sampled frequencies; needed unless there are 1, 2 or 3 steps.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    Values must not be negative. CSR rows stay CSR. Arrays need no `fit`; Blocks do, for their width. Vedaldi & Zisserman,
    "Efficient additive kernels via explicit feature maps", PAMI 2012.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 2.0], [3.0, 1.0]])
    >>> Z = AdditiveChi2Sampler(sample_steps=5, sample_interval=0.3).fit_transform(X)
    >>> round(float(Z[0] @ Z[1]), 2), round(2 * 3 / 4 + 2 * 2 / 3, 2)
    (2.83, 2.83)
    """

    def fit(self, X: Any, y: Any = None) -> AdditiveChi2Sampler:
        """Learn the width and check the parameters.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            Blocks are walked only where that tells how wide they are.
        y : ignored

        Returns
        -------
        self
        """
        self._validate_params()
        self._interval()
        if isinstance(X, Blocks):
            learn_columns(self, X)
        else:
            rows_of_numbers(self, X, reset=True, ensure_non_negative=True)
        return self

    def transform(self, X: Any) -> Any:
        """The features of the rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks

        Returns
        -------
        array or CSR of shape (n, (2 sample_steps - 1) d), float32 where X is; or lazy Blocks
        """
        if not isinstance(X, Blocks):
            return super().transform(X)
        if not hasattr(self, "n_features_in_"):
            raise NotFittedError(
                "AdditiveChi2Sampler must know the width of Blocks before they are read; call fit(blocks) first"
            )
        kinds = 2 * int(self.sample_steps) - 1
        names = [str(name) for name in self.get_feature_names_out()]
        nnz = None if X.nnz is None else kinds * X.nnz
        return self._stream(X, self._checked, n_columns=len(names), feature_names=names, nnz=nnz)

    def _interval(self) -> float:
        if self.sample_interval is not None:
            return float(self.sample_interval)
        if self.sample_steps not in INTERVALS:
            raise ValueError(
                "If sample_steps is not in [1, 2, 3], you need to provide sample_interval, "
                f"got sample_steps={self.sample_steps!r}"
            )
        return INTERVALS[self.sample_steps]

    def _rows(self, X: Any) -> Any:
        return rows_of_numbers(self, X, reset=False, ensure_non_negative=True)

    def _checked(self, X: Any) -> Any:
        """Of a block."""
        if ((X.data if sparse.issparse(X) else X) < 0).any():
            raise ValueError("Negative values in data passed to X in AdditiveChi2Sampler.")
        return self._map(X)

    def _map(self, X: Any) -> Any:
        kinds, interval = 2 * int(self.sample_steps) - 1, self._interval()
        if not sparse.issparse(X):
            out = empty((X.shape[0], kinds, X.shape[1]), X.dtype)
            core.chi2_features(out, X, interval)
            return out.reshape(X.shape[0], -1)
        found = np.empty((1, kinds, X.nnz), X.dtype)
        begin, end = X.indptr[0], X.indptr[-1]
        core.chi2_features(found, np.ascontiguousarray(X.data[begin:end]).reshape(1, -1), interval)
        indices, indptr = X.indices[begin:end], X.indptr - begin
        made = [sparse.csr_array((values, indices, indptr), shape=X.shape) for values in found[0]]
        joined = sparse.hstack(made, format="csr")
        return sparse.csr_matrix(joined) if isinstance(X, sparse.spmatrix) else sparse.csr_array(joined)

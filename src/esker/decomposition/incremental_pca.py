"""IncrementalPCA: sums that take rows as they come, and other models' sums, without a loss."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import sklearn.decomposition
from sklearn.utils.validation import check_is_fitted

from esker._native import threads
from esker.decomposition._covariance import sum_gram
from esker.decomposition._input import MORE_CONSTRAINTS, as_rows
from esker.decomposition._principal import refuse_single, take_spectrum
from esker.decomposition._projection import Projection
from esker.decomposition._spectrum import eigenpairs
from esker.folds import Gram
from esker.linear_model._as_before import or_as_before

__all__ = ["IncrementalPCA"]

WAY_OUT = "select or hash columns, or take PCA(svd_solver='randomized')"


class IncrementalPCA(Projection, sklearn.decomposition.IncrementalPCA):  # type: ignore[misc]
    """Principal components of rows that come bit by bit: scikit-learn's `IncrementalPCA`, but exact, and merged across machines.

    Parameters
    ----------
    n_components : int or None
        None for as many as rows and columns allow.
    whiten : bool
        Whether components are divided by their standard deviation.
    copy : bool
        As in scikit-learn; X is never overwritten.
    batch_size : int or None
        As in scikit-learn; the components are exact whatever it is, so that it is told in ``batch_size_`` and decides nothing.
    max_memory : int or str, optional
        Bytes, or a size such as "512MB", for reading and learning together.
    n_threads : int, optional

    Attributes
    ----------
    components_, explained_variance_, explained_variance_ratio_, singular_values_, mean_, noise_variance_, n_components_, error_estimate_
        As of `PCA`, of all rows so far.
    var_ : ndarray of shape (d,), float64
    n_samples_seen_ : int
    batch_size_, n_features_in_ : int
    state_ : Gram
        The sums.
    feature_names_in_ : ndarray of str

    Notes
    -----
    The state is the centred X'X in float64, 8 d (d + 1) bytes: what scikit-learn's forgets beyond its components, this one
    keeps, so any order and any cut of the rows give the same components as `PCA` of all of them, to rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.decomposition import PCA, IncrementalPCA
    >>> X = np.random.default_rng(0).normal(size=(900, 4)) * [4, 3, 2, 1]
    >>> some, rest = IncrementalPCA(2).partial_fit(X[:300]), IncrementalPCA(2).fit(X[300:])
    >>> both = some.merge(rest)
    >>> bool(np.allclose(both.components_, PCA(2).fit(X).components_)), both.n_samples_seen_
    (True, 900)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **sklearn.decomposition.IncrementalPCA._parameter_constraints,
        **MORE_CONSTRAINTS,
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        whiten: bool = False,
        copy: bool = True,
        batch_size: int | None = None,
        max_memory: int | str | None = None,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(n_components, whiten=whiten, copy=copy, batch_size=batch_size)
        self.max_memory = max_memory
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None) -> IncrementalPCA:
        """Learn from these rows alone.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
        y : ignored

        Returns
        -------
        self
        """
        return self._add(X, None)

    def partial_fit(self, X: Any, y: Any = None, check_input: bool = True) -> IncrementalPCA:
        """Learn from more rows. An error leaves the model as it was.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
        y : ignored
        check_input : bool
            As in scikit-learn; what takes time of the checks is made only where sums say that it is needed.

        Returns
        -------
        self
        """
        return self._add(X, getattr(self, "state_", None))

    def merge(self, *others: IncrementalPCA) -> IncrementalPCA:
        """Learn what other models learned from other rows; they stay as they are.

        Parameters
        ----------
        *others : IncrementalPCA
            Fitted on rows of the same columns.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A model of another width, or of other column names.
        """
        check_is_fitted(self)
        for other in others:
            check_is_fitted(other)
            for name in ("n_features_in_", "feature_names_in_"):
                mine, theirs = getattr(self, name, None), getattr(other, name, None)
                if mine is not None and theirs is not None and not np.array_equal(mine, theirs):
                    raise ValueError(
                        f"models of {name} {mine} and {theirs} cannot be merged: their columns differ"
                    )
        with or_as_before(self):
            total = self.state_.copy()
            for other in others:
                total.merge(other.state_)
            dtypes = [self.components_.dtype, *(other.components_.dtype for other in others)]
            self._solve(total, np.result_type(*dtypes))
        return self

    def _add(self, X: Any, earlier: Gram | None) -> IncrementalPCA:
        self._validate_params()
        with or_as_before(self), threads(self.n_threads):
            blocks = as_rows(self, X, reset=earlier is None)
            state = sum_gram(self, blocks, WAY_OUT)
            dtype = np.dtype(blocks.dtype)
            if earlier is not None:
                state.merge(earlier)
                dtype = np.result_type(dtype, self.components_.dtype)
            self._solve(state, dtype)
        return self

    def _solve(self, state: Gram, dtype: Any) -> None:
        rows, weight, mean, d = state.rows, state.weight, state.mean_x, state.cols
        refuse_single(self, rows, weight)
        k = self.n_components
        if k is not None and k > d:
            raise ValueError(
                f"n_components={k} invalid for n_features={d}, need more rows than columns for IncrementalPCA processing"
            )
        if k is not None and k > rows:
            raise ValueError(
                f"n_components={k} must be less or equal to the batch number of samples {rows} for the first partial_fit call."
            )
        S = state.finish()
        self.var_ = S.diagonal() / weight
        found = eigenpairs(S, min(rows, d) if k is None else k)
        take_spectrum(self, found, n_components=k, mean=mean, rows=rows, weight=weight, dtype=np.dtype(dtype))
        self.n_samples_seen_ = rows
        self.batch_size_ = 5 * d if self.batch_size is None else self.batch_size
        self.state_ = state

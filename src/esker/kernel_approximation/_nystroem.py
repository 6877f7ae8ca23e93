"""Nystroem's features: a kernel's values at some of the rows, turned so that their products are the kernel between those."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from typing import Any

import numpy as np
import scipy.linalg
import sklearn.kernel_approximation
from joblib import effective_n_jobs
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.preprocessing import normalize

from esker._native import core, threads
from esker._steps import learn_columns, seed_of
from esker.blocks import ArrayBlocks, Blocks
from esker.blocks.memory import empty
from esker.kernel_approximation._maps import FeatureMap, raw, rows_of_numbers

__all__ = ["Nystroem"]

#: Kernels whose values are made by tiles of our own.
OWN = ("rbf", "laplacian", "linear", "poly", "polynomial", "sigmoid", "cosine")
#: Bytes of a kernel's values of a few rows, which are multiplied while the caches have them.
SLAB = 1 << 22


class Nystroem(FeatureMap, sklearn.kernel_approximation.Nystroem):  # type: ignore[misc]
    """Features from a kernel's values at landmarks: scikit-learn's `Nystroem`, which also takes Blocks.

    Parameters
    ----------
    kernel : str or callable
        "rbf", "laplacian", "linear", "poly", "polynomial", "sigmoid" and "cosine" are computed by esker; "chi2", "additive_chi2",
        and functions of two rows by scikit-learn. "precomputed" takes arrays only.
    gamma, coef0, degree : float, optional
        Of the kernel; scikit-learn's defaults.
    kernel_params : dict, optional
        Further arguments of a callable kernel.
    n_components : int
        Landmarks, M. More than there are rows become as many as there are, with a warning.
    random_state : int, RandomState or None
        Landmarks are the rows with the smallest random numbers, each a function of the seed and the row's key: those of a smaller
        M are among those of a larger one, and any cut of the source into blocks gives the same.
    n_jobs : int, optional
        Threads; None means what OMP_NUM_THREADS and ``threadpool_limits`` say.

    Attributes
    ----------
    components_ : ndarray or CSR of shape (M, d)
    component_indices_ : ndarray of shape (M,)
        Row numbers of the landmarks, in order; row keys where Blocks have several parts.
    normalization_ : ndarray of shape (M, M)
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    `fit` walks Blocks once (twice where their number of rows is unknown) and takes O(M^3); `transform` takes O(n M (d + M)) and keeps
    a few rows of the kernel at a time. Singular values below 1e-12 count as 1e-12; with float32 rows, whose kernel values have some 7
    digits, those below 1.2e-7 of the largest count as that. Williams & Seeger, "Using the Nystroem method to speed up kernel
    machines", NIPS 2000.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(12.0).reshape(6, 2)
    >>> Z = Nystroem(gamma=0.1, n_components=6, random_state=0).fit_transform(X)
    >>> round(float(Z[0] @ Z[1]), 6), round(float(np.exp(-0.1 * 8)), 6)
    (0.449329, 0.449329)
    """

    def fit(self, X: Any, y: Any = None) -> Nystroem:
        """Choose landmarks and normalise the kernel between them.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
        y : ignored

        Returns
        -------
        self
        """
        self._validate_params()
        if isinstance(self.kernel, str) and self.kernel == "precomputed":
            if isinstance(X, Blocks):
                raise ValueError(
                    'kernel="precomputed" needs all values between rows at once; name the kernel, and Blocks can be read'
                )
            super().fit(X, y)
            return self
        self._get_kernel_params()  # refuses what a callable cannot take
        seed = seed_of(self.random_state)
        if isinstance(X, Blocks):
            learn_columns(self, X)
            blocks = X
        else:
            blocks = ArrayBlocks(rows_of_numbers(self, X, reset=True), check_finite=False)
        wanted = int(self.n_components)
        if blocks.n_rows is not None:
            wanted = min(wanted, blocks.n_rows)
        chosen = blocks.sample(wanted, seed=seed).take_all()
        found = len(chosen)
        if found < self.n_components:
            warnings.warn(
                "n_components > n_samples. This is not possible.\nn_components was set to n_samples, which results in "
                "inefficient evaluation of the full kernel.",
                stacklevel=2,
            )
        self.components_ = chosen.X
        self.component_indices_ = np.asarray(chosen.keys, np.int64)
        basis = self._values(chosen.X, self.components_, wide=True)
        part = float(np.finfo(np.float32).eps) if chosen.X.dtype == np.float32 else 0.0
        root = _inverse_root(basis, part, symmetric=not callable(self.kernel))
        self.normalization_ = root.astype(chosen.X.dtype)
        self._n_features_out = found
        return self

    def _dtype(self, dtype: Any) -> Any:
        return np.result_type(dtype, self.components_.dtype, np.float32)

    def _rows(self, X: Any) -> Any:
        return rows_of_numbers(self, X, reset=False)

    def _map(self, X: Any) -> Any:
        dtype, m = self._dtype(X.dtype), len(self.normalization_)
        out = empty((X.shape[0], m), dtype)
        root = np.ascontiguousarray(self.normalization_.T, dtype)
        some = max(96, SLAB // (m * dtype.itemsize) // 96 * 96)
        limit = nullcontext() if self.n_jobs is None else threads(effective_n_jobs(self.n_jobs))
        with limit:
            for begin in range(0, X.shape[0], some):
                rows = X[begin : begin + some]
                values = self._values(rows, self.components_, wide=dtype == np.float64)
                core.row_products(out[begin : begin + some], np.ascontiguousarray(values, dtype), root)
        return out

    def _values(self, X: Any, Z: Any, wide: bool) -> Any:
        """k(X, Z), in float64 where `wide`."""
        given = self._get_kernel_params()
        degree = given.get("degree", 3)
        if not isinstance(self.kernel, str) or self.kernel not in OWN or degree != int(degree):
            X, Z = (a if sparse.issparse(a) or a.flags.writeable else a.copy() for a in (X, Z))  # chi2's wish
            return pairwise_kernels(X, Z, metric=self.kernel, filter_params=True, n_jobs=self.n_jobs, **given)
        name = self.kernel
        if name == "cosine":
            X, Z, name = normalize(X), normalize(Z), "linear"
        gamma = given.get("gamma")
        gamma = 1.0 / X.shape[1] if gamma is None else float(gamma)
        coef0 = float(given.get("coef0", 1.0))
        return core.kernel_block(raw(X), raw(Z), name, gamma, coef0, int(degree), wide)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = False
        return tags


def _inverse_root(basis: NDArray[Any], part: float, *, symmetric: bool) -> NDArray[np.float64]:
    """U S^(-1/2) V of a kernel matrix U S V, S being at least 1e-12 and `part` of the largest."""
    basis = np.asarray(basis, np.float64)
    if symmetric:
        level, right = scipy.linalg.eigh((basis + basis.T) / 2, driver="evd")
        left, sizes, right = right * np.where(level < 0, -1.0, 1.0), np.abs(level), right.T
    else:
        left, sizes, right = np.linalg.svd(basis)
    return np.asarray(left / np.sqrt(np.maximum(sizes, max(1e-12, part * float(sizes.max())))) @ right)

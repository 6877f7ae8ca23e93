"""Tensor sketches: features of polynomial kernels in O(nnz + D log D) a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
import sklearn.kernel_approximation

from esker._native import core, cores, thread_limit
from esker._steps import learn_columns, seed_of
from esker.blocks import Blocks
from esker.blocks.memory import empty
from esker.kernel_approximation._maps import FeatureMap, raw, rows_of_numbers

__all__ = ["PolynomialCountSketch"]

#: Bytes of the sketches of a few rows, which are transformed while the caches have them.
SLAB = 1 << 20


class PolynomialCountSketch(FeatureMap, sklearn.kernel_approximation.PolynomialCountSketch):  # type: ignore[misc]
    """Features of the kernel (gamma <x, z> + coef0)^degree: scikit-learn's `PolynomialCountSketch`, which also takes Blocks.

    Parameters
    ----------
    gamma, coef0 : float
        Of the kernel; neither may be negative.
    degree : int
    n_components : int
        Features, D.
    random_state : int, RandomState or None
        A column's places and signs are a function of the seed and its number.

    Attributes
    ----------
    indexHash_ : ndarray of shape (degree, d), int64
        Places; one column more with ``coef0``.
    bitHash_ : ndarray of shape (degree, d), int64
        Signs.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    float32 rows have float32 features, where scikit-learn gives float64. Products of sketches are convolutions, made by real FFTs
    of a few rows at a time. Pham & Pagh, "Fast and scalable polynomial kernels via explicit feature maps", KDD 2013.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 2.0], [3.0, 1.0]])
    >>> Z = PolynomialCountSketch(degree=2, n_components=10_000, random_state=0).fit_transform(X)
    >>> round(float(Z[0] @ Z[1]))
    25
    """

    def fit(self, X: Any, y: Any = None) -> PolynomialCountSketch:
        """Draw the tables; of X, only its width counts.

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
        if self.coef0 < 0:
            raise ValueError(
                f"coef0 must not be negative, as its root is a feature of every row, got {self.coef0!r}"
            )
        if self.n_components >= 1 << 32:
            raise ValueError(f"n_components must be below 2**32, got {self.n_components!r}")
        if isinstance(X, Blocks):
            learn_columns(self, X)
        else:
            rows_of_numbers(self, X, reset=True)
        keys, seed = np.arange(int(self.n_features_in_) + (self.coef0 != 0)), seed_of(self.random_state)
        stream = core.FEATURE_STREAMS["table"]
        words = np.stack([core.draws(seed, keys, stream, s) for s in range(int(self.degree))])
        places = ((words >> np.uint64(32)) * np.uint64(self.n_components)) >> np.uint64(32)
        self.indexHash_ = places.astype(np.int64)
        self.bitHash_ = (words & np.uint64(1)).astype(np.int64) * 2 - 1
        self._n_features_out = int(self.n_components)
        return self

    def _map(self, X: Any) -> Any:
        degree, size = self.indexHash_.shape[0], int(self.n_components)
        if self.indexHash_.shape[1] != X.shape[1] + (self.coef0 != 0):
            raise ValueError("Number of features of test samples does not match that of training samples.")
        n, root = X.shape[0], float(np.sqrt(self.gamma))
        tables = (
            np.ascontiguousarray(self.indexHash_, np.int64),
            np.ascontiguousarray(self.bitHash_, np.int64),
        )
        constant = float(np.sqrt(self.coef0))
        out = empty((n, size), X.dtype)
        if degree == 1:
            core.count_sketches(out.reshape(n, 1, size), raw(X), *tables, root, constant)
            return out
        some = max(1, SLAB // (degree * size * X.dtype.itemsize))
        sketches = empty((min(some, n), degree, size), X.dtype)
        workers = cores(thread_limit() or None)
        for begin in range(0, n, some):
            rows = X[begin : begin + some]
            these = sketches[: rows.shape[0]]
            core.count_sketches(these, raw(rows), *tables, root, constant)
            spectra = scipy.fft.rfft(these, axis=2, workers=workers)
            product = spectra[:, 0]
            for s in range(1, degree):
                product *= spectra[:, s]
            out[begin : begin + some] = scipy.fft.irfft(product, n=size, axis=1, workers=workers)
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

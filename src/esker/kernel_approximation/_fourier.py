"""Random Fourier features: cosines of random projections, for kernels that depend on differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.kernel_approximation
from numpy.typing import NDArray
from scipy import sparse

from esker._native import core
from esker._steps import fold_columns, learn_columns, seed_of
from esker.blocks import Block, Blocks
from esker.blocks.memory import empty, rows_of
from esker.folds import ColumnMoments
from esker.kernel_approximation._maps import FeatureMap, raw, rows_of_numbers

__all__ = ["FourierMap", "RBFSampler", "SkewedChi2Sampler", "learn_gamma", "offsets", "uniforms"]


def uniforms(seed: int, stream: int, features: int, number: int = 0) -> NDArray[np.float64]:
    """A number in (0, 1) for each feature."""
    words = core.draws(seed, np.arange(features), stream, number)
    return np.asarray(((words >> np.uint64(12)) + 0.5) * 2.0**-52)


def offsets(seed: int, features: int) -> NDArray[np.float64]:
    """A random angle for each feature."""
    return uniforms(seed, core.FEATURE_STREAMS["offset"], features) * (2 * np.pi)


class FourierMap(FeatureMap):
    """Mixin: sqrt(2 / D) cos(X W + offset) by W = ``random_weights_``."""

    def _dtype(self, dtype: Any) -> Any:
        return np.result_type(dtype, self.random_weights_.dtype, np.float32)

    def _map(self, X: Any) -> Any:
        dtype = self._dtype(X.dtype)
        weights = np.ascontiguousarray(self.random_weights_, dtype)
        offset = np.ascontiguousarray(self.random_offset_, dtype)
        out = empty((X.shape[0], weights.shape[1]), dtype)
        scale = (2.0 / weights.shape[1]) ** 0.5
        core.cosine_features(out, raw(X.astype(dtype, copy=False)), weights, offset, scale)
        return out

    def _learn(self, weights: NDArray[Any], seed: int, dtype: Any) -> None:
        """Take `weights`, shape (D, d), and draw offsets; float32 rows have float32 features."""
        kept = np.float32 if dtype == np.float32 else np.float64
        self.random_weights_ = rows_of(weights, kept)
        self.random_offset_ = offsets(seed, len(weights)).astype(kept)
        self._n_features_out = len(weights)


class _Gaussian(FourierMap):
    """Mixin: `fit` for the kernel exp(-gamma |x - z|^2), by frequencies that `_frequencies` draws."""

    def _frequencies(self, seed: int, features: int, columns: int) -> NDArray[np.float64]:
        """Shape (features, columns), for gamma = 1/2; a row is a function of the seed, its number and the columns."""
        raise NotImplementedError

    def fit(self, X: Any, y: Any = None) -> Any:
        """Draw the frequencies; of X, only its width counts, and with ``gamma="scale"`` its variance.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            Blocks are walked only with ``gamma="scale"``, or where that tells how wide they are.
        y : ignored

        Returns
        -------
        self
        """
        self._gamma, dtype = learn_gamma(self, X)
        d = int(self.n_features_in_)  # type: ignore[attr-defined]
        seed = seed_of(self.random_state)  # type: ignore[attr-defined]
        weights = self._frequencies(seed, int(self.n_components), d)  # type: ignore[attr-defined]
        weights *= (2.0 * self._gamma) ** 0.5
        self._learn(weights, seed, dtype)
        return self


def learn_gamma(step: Any, X: Any) -> tuple[float, Any]:
    """Check the parameters and learn the columns; gamma of the kernel, and the dtype of the rows."""
    step._validate_params()
    state = ColumnMoments() if isinstance(step.gamma, str) else None
    if isinstance(X, Blocks):
        if state is None:
            learn_columns(step, X)
        else:
            fold_columns(step, X, state, reset=True)
    else:
        X = rows_of_numbers(step, X, reset=True)
        if state is not None:
            state.update(Block(X))
    return float(step.gamma) if state is None else _scaled_gamma(state), X.dtype


def _scaled_gamma(state: ColumnMoments) -> float:
    """1 / (columns x variance of all values)."""
    _, mean, var, _ = state.finish()
    variance = float(np.mean(var) + np.var(mean))
    return 1.0 / (len(mean) * variance) if variance else 1.0


class RBFSampler(_Gaussian, sklearn.kernel_approximation.RBFSampler):  # type: ignore[misc]
    """Random Fourier features of the kernel exp(-gamma |x - z|^2): scikit-learn's `RBFSampler`, which also takes Blocks.

    Parameters
    ----------
    gamma : "scale" or float
        Of the kernel; "scale" is 1 / (d x variance of all of X's values).
    n_components : int
        Features, D. The error of a kernel's value has standard deviation of at most sqrt(1 / D) about.
    random_state : int, RandomState or None
        Feature j is a function of the seed and j: the first features of a larger map are those of a smaller one, but for
        their factor sqrt(2 / D).

    Attributes
    ----------
    random_weights_ : ndarray of shape (d, D)
        float32 if X was. They are not scikit-learn's numbers of the same seed, but of the same distribution.
    random_offset_ : ndarray of shape (D,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    `transform` takes O(n d D) for dense rows, O(nnz D) for CSR: products in register tiles, and cosines while the first cache
    has a tile, within 2e-7 (float32) or 4e-16 (float64). The same bits for any number of threads and any cut into blocks.
    Rahimi & Recht, "Random features for large-scale kernel machines", NIPS 2007.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 0.0], [1.0, 0.5]])
    >>> features = RBFSampler(gamma=0.5, n_components=20_000, random_state=0).fit_transform(X)
    >>> round(float(features[0] @ features[1]), 1), round(float(np.exp(-0.5 * 1.25)), 1)
    (0.5, 0.5)
    """

    def _frequencies(self, seed: int, features: int, columns: int) -> NDArray[np.float64]:
        out = empty((features, columns), np.float64)
        core.normals(out, 0, seed, core.FEATURE_STREAMS["weight"])
        return out


class SkewedChi2Sampler(FourierMap, sklearn.kernel_approximation.SkewedChi2Sampler):  # type: ignore[misc]
    """Random Fourier features of the skewed chi-squared kernel: scikit-learn's `SkewedChi2Sampler`, which also takes Blocks.

    Parameters
    ----------
    skewedness : float
        c of the kernel, the product over columns of 2 sqrt((x + c) (z + c)) / (x + z + 2 c).
    n_components : int
        Features, D.
    random_state : int, RandomState or None
        Feature j is a function of the seed and j.

    Attributes
    ----------
    random_weights_ : ndarray of shape (d, D)
    random_offset_ : ndarray of shape (D,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    Sparse rows are refused, as log(0 + c) is not 0. Li, Ionescu & Sminchisescu, "Random Fourier approximations for skewed
    multiplicative histogram kernels", DAGM 2010.

    Examples
    --------
    >>> X = [[0, 0], [1, 1], [1, 0], [0, 1]]
    >>> SkewedChi2Sampler(skewedness=0.01, n_components=10, random_state=0).fit_transform(X).shape
    (4, 10)
    """

    def fit(self, X: Any, y: Any = None) -> SkewedChi2Sampler:
        """Draw the frequencies; of X, only its width counts.

        Parameters
        ----------
        X : array-like of shape (n, d), or Blocks
            All values above -skewedness. Blocks are walked only where that tells how wide they are.
        y : ignored

        Returns
        -------
        self
        """
        self._validate_params()
        if isinstance(X, Blocks):
            self._refuse_sparse(X)
            learn_columns(self, X)
        else:
            X = self._rows(X, reset=True)
        seed, features, d = seed_of(self.random_state), int(self.n_components), int(self.n_features_in_)
        stream = core.FEATURE_STREAMS["weight"]
        words = np.stack([uniforms(seed, stream, features, j) for j in range(d)], axis=1)
        self._learn(np.log(np.tan(np.pi / 2 * words)) / np.pi, seed, X.dtype)
        return self

    def _refuse_sparse(self, X: Blocks) -> None:
        if X.is_sparse:
            raise TypeError(
                f"SkewedChi2Sampler takes dense rows, got those of {X.source}, which are sparse: log(0 + skewedness) is not 0"
            )

    def _rows(self, X: Any, reset: bool = False) -> Any:
        from sklearn.utils.validation import validate_data

        return validate_data(self, X, reset=reset, dtype=(np.float64, np.float32), order="C")

    def _map(self, X: Any) -> Any:
        if sparse.issparse(X):
            raise TypeError("SkewedChi2Sampler takes dense rows, got sparse ones")
        if (X.min() if X.size else 0.0) <= -self.skewedness:
            raise ValueError("X may not contain entries smaller than -skewedness.")
        shifted = empty(X.shape, X.dtype)
        np.add(X, X.dtype.type(self.skewedness), out=shifted)
        return super()._map(np.log(shifted, out=shifted))

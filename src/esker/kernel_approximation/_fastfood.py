"""Fastfood: random Fourier features whose frequencies are products of diagonal and Hadamard matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special
import sklearn.kernel_approximation
from numpy.typing import NDArray

from esker._native import core
from esker._steps import seed_of
from esker.blocks.memory import empty
from esker.kernel_approximation._fourier import learn_gamma, offsets, uniforms
from esker.kernel_approximation._maps import FeatureMap, raw

__all__ = ["Fastfood"]

#: `Stream.fastfood` of base/philox.hpp, and the draws of a column or feature for each purpose.
STREAM, SIGN, PLACE, LENGTH = 23, 1 << 20, 1 << 21, 1 << 22


class Fastfood(FeatureMap, sklearn.kernel_approximation.RBFSampler):  # type: ignore[misc]
    """Random Fourier features of exp(-gamma |x - z|^2) in O(D log d) a row: `RBFSampler` without a product with a matrix.

    Parameters
    ----------
    gamma : "scale" or float
        Of the kernel; "scale" is 1 / (d x variance of all of X's values).
    n_components : int
        Features, D. They come in blocks of d padded to a power of two; of the last block as many as are asked for.
    random_state : int, RandomState or None
        Feature j is a function of the seed, j and the padded d.

    Attributes
    ----------
    random_weights_ : ndarray of shape (d, D)
        The frequencies. Made anew whenever it is asked for.
    random_offset_ : ndarray of shape (D,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    A block of frequencies is S H G P H B: random signs B, the Walsh-Hadamard transform H, a permutation P, normal numbers G, H
    again, and lengths S as those of normal vectors. All blocks share B, whose transform is done once. Each frequency alone is
    normal but for its length, so that kernel values are right on average; those of a block depend on each other, and their
    errors are about those of `RBFSampler`. `fit` keeps 4 numbers a feature in place of d. Le, Sarlos & Smola, "Fastfood:
    approximating kernel expansions in loglinear time", ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.kernel_approximation import Fastfood
    >>> X = np.array([[0.0, 0.0, 0.3], [1.0, 0.5, 0.3]])
    >>> features = Fastfood(gamma=0.5, n_components=5000, random_state=0).fit_transform(X)
    >>> round(float(features[0] @ features[1]), 1), round(float(np.exp(-0.5 * 1.25)), 1)
    (0.5, 0.5)
    """

    def fit(self, X: Any, y: Any = None) -> Fastfood:
        """Draw the map; of X, only its width counts, and with ``gamma="scale"`` its variance.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            Blocks are walked only with ``gamma="scale"``, or where that tells how wide they are.
        y : ignored

        Returns
        -------
        self
        """
        gamma, dtype = learn_gamma(self, X)
        self._draw(gamma, seed_of(self.random_state), np.float32 if dtype == np.float32 else np.float64)
        return self

    def _draw(self, gamma: float, seed: int, dtype: Any) -> None:
        d, features = int(self.n_features_in_), int(self.n_components)
        padded = self._padded = 1 << (d - 1).bit_length()
        whole = -(-features // padded) * padded
        words = core.draws(seed, np.arange(d), STREAM, SIGN)
        self._sign = np.where(words >> np.uint64(63), 1.0, -1.0).astype(dtype)
        words = core.draws(seed, np.arange(whole), STREAM, PLACE).reshape(-1, padded)
        self._place = np.argsort(words, axis=1, kind="stable").astype(np.int32).ravel()
        normal = np.empty((whole, 1))
        core.normals(normal, 0, seed, STREAM)
        # Rows of H G P H B have the length of G times sqrt(padded); those of normal matrices that of a chi distribution.
        length = np.sqrt(2 * scipy.special.gammaincinv(padded / 2, uniforms(seed, STREAM, whole, LENGTH)))
        size = np.linalg.norm(normal.reshape(-1, padded), axis=1).repeat(padded)
        self._normal = normal.ravel().astype(dtype)
        self._scale = (length / size * np.sqrt(2 * gamma / padded)).astype(dtype)
        self.random_offset_ = offsets(seed, features).astype(dtype)
        self._n_features_out = features

    @property
    def random_weights_(self) -> NDArray[Any]:
        """The frequencies as a matrix of shape (d, D)."""
        if not hasattr(self, "_scale"):  # hasattr says no, as it does of all that a fit makes
            raise AttributeError("this Fastfood is not fitted yet, so it has no random_weights_")
        from esker.random_projection import hadamard_transform

        d, n = len(self._sign), self._padded
        wide = np.zeros((n, d))
        wide[np.arange(d), np.arange(d)] = self._sign
        first = hadamard_transform(wide, axis=0)
        blocks = [
            scale[:, np.newaxis] * hadamard_transform(normal[:, np.newaxis] * first[place], axis=0)
            for place, normal, scale in zip(
                self._place.reshape(-1, n),
                self._normal.astype(np.float64).reshape(-1, n),
                self._scale.astype(np.float64).reshape(-1, n),
            )
        ]
        return np.concatenate(blocks)[: self._n_features_out].T.astype(self._scale.dtype)

    def _dtype(self, dtype: Any) -> Any:
        return np.result_type(dtype, self._scale.dtype, np.float32)

    def _map(self, X: Any) -> Any:
        dtype = self._dtype(X.dtype)
        features = self._n_features_out
        out = empty((X.shape[0], features), dtype)
        sign, normal, scale, offset = (
            a.astype(dtype, copy=False) for a in (self._sign, self._normal, self._scale, self.random_offset_)
        )
        rows, factor = raw(X.astype(dtype, copy=False)), (2.0 / features) ** 0.5
        core.fastfood(out, rows, sign, self._place, normal, scale, offset, self._padded, factor)
        return out

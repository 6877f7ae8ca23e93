"""GaussianRandomProjection and SparseRandomProjection: scikit-learn's distributions, whose matrix is not kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.random_projection

from esker.random_projection._base import Projecting
from esker.random_projection._maps import NormalMap, SignMap

__all__ = ["GaussianRandomProjection", "SparseRandomProjection"]


class GaussianRandomProjection(Projecting, sklearn.random_projection.GaussianRandomProjection):  # type: ignore[misc]
    """Products with a matrix of normal entries, N(0, 1 / n_components), that is never stored.

    Parameters
    ----------
    n_components : int or "auto"
        Columns of the result. "auto" is the Johnson-Lindenstrauss bound of the number of rows and `eps`.
    eps : float
        What "auto" grants distances to change by, relatively.
    compute_inverse_components : bool
        Whether `fit` keeps the pseudo-inverse of the matrix, for `inverse_transform`.
    random_state : int, RandomState or None
        An int gives the same map in every fit.

    Attributes
    ----------
    n_components_ : int
    components_ : ndarray of shape (n_components, d)
        Made anew whenever it is asked for.
    inverse_components_ : ndarray of shape (d, n_components)
        With ``compute_inverse_components=True``.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    The entries of a column are a function of (seed, column number): any cut of the rows, any number of threads and both
    precisions use the same matrix, and so does a fit on more columns for those that it shares. Slabs of it are generated
    (Philox, Box-Muller) and multiplied by BLAS: 2 n d n_components operations, and a few MB beside the result. Numbers differ
    from those that scikit-learn draws from the same `random_state`; their distribution does not.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.random_projection import GaussianRandomProjection
    >>> X = np.random.default_rng(0).normal(size=(20, 3000)).astype(np.float32)
    >>> step = GaussianRandomProjection(n_components=400, random_state=0)
    >>> made = step.fit_transform(X)
    >>> made.shape, made.dtype
    ((20, 400), dtype('float32'))
    >>> bool(np.allclose(made, X @ step.components_.T, atol=1e-4))
    True
    """

    def _map(self) -> NormalMap:
        return NormalMap(self._seed, self.n_features_in_, self.n_components_)


class SparseRandomProjection(Projecting, sklearn.random_projection.SparseRandomProjection):  # type: ignore[misc]
    """Products with a sparse matrix of random signs (Achlioptas; Li, Hastie & Church).

    Parameters
    ----------
    n_components : int or "auto"
        Columns of the result. "auto" is the Johnson-Lindenstrauss bound of the number of rows and `eps`.
    density : float in (0, 1] or "auto"
        The share of entries that are not zero. "auto" is 1 / sqrt(d).
    eps : float
        What "auto" grants distances to change by, relatively.
    dense_output : bool
        Whether sparse rows give a dense result too.
    compute_inverse_components : bool
        Whether `fit` keeps the pseudo-inverse of the matrix, for `inverse_transform`.
    random_state : int, RandomState or None
        An int gives the same map in every fit.

    Attributes
    ----------
    n_components_ : int
    density_ : float
    components_ : CSR matrix of shape (n_components, d)
        Made anew whenever it is asked for. Dense where `density` is 1.
    inverse_components_ : ndarray of shape (d, n_components)
        With ``compute_inverse_components=True``.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    Entries are +-sqrt(1 / density / n_components) with probability density / 2 each, independently, and those of a column are
    a function of (seed, column number). Dense rows are turned in panels so that each entry of the map is one sum of vectors:
    n d n_components density additions. float32 rows are summed in float32.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.random_projection import SparseRandomProjection
    >>> step = SparseRandomProjection(n_components=50, random_state=0).fit(np.ones((3, 400)))
    >>> step.density_, step.components_.shape
    (0.05, (50, 400))
    """

    def _learn(self, X: Any, finite: bool) -> Any:
        if hasattr(self, "density_"):
            del self.density_
        return super()._learn(X, finite)

    def _map(self) -> SignMap:
        d = self.n_features_in_
        self.density_ = float(1 / np.sqrt(d) if self.density == "auto" else self.density)
        return SignMap(self._seed, d, self.n_components_, self.density_, self.dense_output)

    def _makes_sparse(self, given_sparse: Any) -> Any:
        return False if self.dense_output or self.density_ == 1 else given_sparse

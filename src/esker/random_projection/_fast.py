"""SRHTProjection and CountSketchProjection: maps that cost far less than a product with a matrix."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.random_projection import BaseRandomProjection

from esker.random_projection._base import Projecting
from esker.random_projection._maps import CountMap, HadamardMap

__all__ = ["CountSketchProjection", "SRHTProjection"]


class SRHTProjection(Projecting, BaseRandomProjection):  # type: ignore[misc]
    """The subsampled randomized Hadamard transform of columns.

    Parameters
    ----------
    n_components : int or "auto"
        Columns of the result, at most d padded to a power of two. "auto" is the Johnson-Lindenstrauss bound of the number of
        rows and `eps`.
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
        Entries +-1 / sqrt(n_components). Made anew whenever it is asked for.
    inverse_components_ : ndarray of shape (d, n_components)
        With ``compute_inverse_components=True``.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    Columns get random signs, rows are padded with zeros to a power of two D, go through the Walsh-Hadamard transform, and
    n_components of its D outputs are kept: D log2 D additions a row, whatever n_components is (Ailon & Chazelle 2009; Tropp
    2011). Outputs are drawn without replacement, so that lengths vary less than under a Gaussian map, and not at all where all
    are kept. Sparse rows give dense ones.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.random_projection import SRHTProjection
    >>> X = np.eye(4)
    >>> whole = SRHTProjection(n_components=4, random_state=0).fit_transform(X)
    >>> bool(np.allclose(whole @ whole.T, X))
    True
    """

    def __init__(
        self,
        n_components: Any = "auto",
        *,
        eps: float = 0.1,
        compute_inverse_components: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            n_components=n_components,
            eps=eps,
            compute_inverse_components=compute_inverse_components,
            random_state=random_state,
        )

    def _make_random_matrix(self, n_components: int, n_features: int) -> Any:
        return HadamardMap(self._seed, n_features, n_components).matrix(self._dtype)

    def _map(self) -> HadamardMap:
        d = self.n_features_in_
        padded = 1 << (d - 1).bit_length()
        if self.n_components_ > padded:
            raise ValueError(
                f"n_components must be at most {padded}, the {d} columns padded to a power of two, got {self.n_components_}; "
                "a GaussianRandomProjection has any number"
            )
        return HadamardMap(self._seed, d, self.n_components_)


class CountSketchProjection(Projecting, BaseRandomProjection):  # type: ignore[misc]
    """The count sketch of columns: each is added, with a random sign, to one random column of the result.

    Parameters
    ----------
    n_components : int or "auto"
        Columns of the result. "auto" is the Johnson-Lindenstrauss bound of the number of rows and `eps`, which a count sketch
        does not hold for rows that have their weight in few columns.
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
    components_ : CSR matrix of shape (n_components, d)
        One entry a column, 1 or -1. Made anew whenever it is asked for.
    inverse_components_ : ndarray of shape (d, n_components)
        With ``compute_inverse_components=True``.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    One addition a number (Charikar, Chen & Farach-Colton 2002), and sparse rows stay as sparse as they are. Inner products are
    kept on average; two large columns that meet in one place stay together, which more components make rarer.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.random_projection import CountSketchProjection
    >>> step = CountSketchProjection(n_components=3, random_state=0).fit(np.ones((2, 8)))
    >>> abs(step.components_).sum(axis=0).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    _parameter_constraints: ClassVar = {
        **BaseRandomProjection._parameter_constraints,
        "dense_output": ["boolean"],
    }

    def __init__(
        self,
        n_components: Any = "auto",
        *,
        eps: float = 0.1,
        dense_output: bool = False,
        compute_inverse_components: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            n_components=n_components,
            eps=eps,
            compute_inverse_components=compute_inverse_components,
            random_state=random_state,
        )
        self.dense_output = dense_output

    def _make_random_matrix(self, n_components: int, n_features: int) -> Any:
        return CountMap(self._seed, n_features, n_components, self.dense_output).matrix(self._dtype)

    def _map(self) -> CountMap:
        return CountMap(self._seed, self.n_features_in_, self.n_components_, self.dense_output)

    def _makes_sparse(self, given_sparse: Any) -> Any:
        return False if self.dense_output else given_sparse

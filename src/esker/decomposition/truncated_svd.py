"""TruncatedSVD: the largest singular vectors of rows, sparse or dense, in memory or streamed; latent semantic analysis."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import sklearn.decomposition

from esker._native import threads
from esker._steps import seed_of
from esker.blocks import Blocks
from esker.decomposition._covariance import at_origin, sum_gram
from esker.decomposition._input import MORE_CONSTRAINTS, as_rows
from esker.decomposition._projection import Projection
from esker.decomposition._range import check_normalizer, find_range
from esker.decomposition._sketched import Sketched
from esker.decomposition._spectrum import Spectrum, eigenpairs, gram_bytes
from esker.linear_model._as_before import or_as_before
from esker.linear_model._packed import gram_room

__all__ = ["TruncatedSVD"]

#: Dense rows of so many columns, or so many times as many as directions, are summed in one walk.
NARROW, NARROWER = 512, 16


class TruncatedSVD(Sketched, Projection, sklearn.decomposition.TruncatedSVD):  # type: ignore[misc]
    """Truncated singular value decomposition: scikit-learn's `TruncatedSVD`, which also takes Blocks.

    Parameters
    ----------
    n_components : int
        At most as many as columns.
    algorithm : {"randomized", "arpack"}
        "arpack" is for arrays that fit into memory.
    n_iter : int
        As many power iterations of scikit-learn's are matched: by ``2 + (n_iter + 1) // 2`` walks of a block Krylov method, by
        ``n_iter + 2`` of subspace iteration where `max_memory` has no room for that, and by one exact walk over dense rows of few columns.
    n_oversamples : int
        Random directions beyond `n_components`, at least.
    power_iteration_normalizer : {"auto", "QR"}
        Directions are always made orthonormal; "LU" and "none" are refused.
    random_state : int, RandomState or None
    tol : float
        With "arpack" its tolerance. With "randomized": walks end once one of them adds less than this share to what is captured; 0
        makes all of them.
    max_memory : int or str, optional
        Bytes, or a size such as "512MB", for reading and learning together.
    n_threads : int, optional

    Attributes
    ----------
    components_ : ndarray of shape (n_components, d), of X's dtype
    explained_variance_, explained_variance_ratio_, singular_values_ : ndarray of shape (n_components,)
    n_features_in_ : int
    n_walks_ : int
        Walks over the rows.
    error_estimate_ : float
        The share of the rows' norm that the components leave, ``|X - X V'V| / |X|`` (Frobenius): exact to rounding, from sums over all rows. Of rows that can be read only
        once it is an upper bound.
    sketch_ : RangeSketch
        What `partial_fit` keeps.
    feature_names_in_ : ndarray of str

    Notes
    -----
    Each walk costs O(nnz n_components); sparse rows are never made dense, and a row is visited once for both products. Memory is O(d n_components) and does
    not grow with the rows. float32 rows are multiplied in float32, and summed in float64 after some entries. A source that can be read once only has its single walk: twice as many directions, and the Nystrom
    approximation of X'X. Blocks bring weights, which count as repeats of a row. The same bits for any number of threads.

    References
    ----------
    .. [1] N. Halko, P. Martinsson, J. Tropp, "Finding structure with randomness", SIAM Review, 2011.
    .. [2] C. Musco, C. Musco, "Randomized block Krylov methods for stronger and faster approximate singular value decomposition",
       NeurIPS 2015.
    .. [3] J. Tropp, A. Yurtsever, M. Udell, V. Cevher, "Fixed-rank approximation of a positive-semidefinite matrix from streaming
       data", NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from esker.decomposition import TruncatedSVD
    >>> X = sparse.random_array((2000, 500), density=0.02, rng=0, format="csr")
    >>> svd = TruncatedSVD(n_components=5, random_state=0).fit(X)
    >>> svd.transform(X).shape, bool(0 < svd.error_estimate_ < 1)
    ((2000, 5), True)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **sklearn.decomposition.TruncatedSVD._parameter_constraints,
        **MORE_CONSTRAINTS,
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        algorithm: str = "randomized",
        n_iter: int = 5,
        n_oversamples: int = 10,
        power_iteration_normalizer: str = "auto",
        random_state: Any = None,
        tol: float = 0.0,
        max_memory: int | str | None = None,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(
            n_components,
            algorithm=algorithm,
            n_iter=n_iter,
            n_oversamples=n_oversamples,
            power_iteration_normalizer=power_iteration_normalizer,
            random_state=random_state,
            tol=tol,
        )
        self.max_memory = max_memory
        self.n_threads = n_threads

    def _about(self) -> Any:
        return None

    def fit(self, X: Any, y: Any = None) -> TruncatedSVD:
        """Learn the components.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            At least 2 columns.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            NaN or infinity, more components than columns, or what `max_memory` has no room for.
        """
        self._validate_params()
        check_normalizer(self.power_iteration_normalizer)
        with or_as_before(self), threads(self.n_threads):
            self.__dict__.pop("sketch_", None)
            if self.algorithm == "arpack":
                return self._fit_arpack(X)
            blocks = as_rows(self, X, ensure_min_features=2)
            d = blocks.n_columns
            self._check_width(d)
            lanes = self.n_components + self.n_oversamples
            narrow = d is not None and not blocks.is_sparse and d <= max(NARROW, NARROWER * lanes)
            if narrow and gram_bytes(blocks, int(d or 0)) <= gram_room(blocks):
                self._fit_sums(blocks)
            else:
                self._fit_range(blocks)
        return self

    def _check_width(self, d: int | None) -> None:
        if d is not None and self.n_components > d:
            raise ValueError(f"n_components({self.n_components}) must be <= n_features({d}).")

    def _fit_arpack(self, X: Any) -> TruncatedSVD:
        if isinstance(X, Blocks):
            raise ValueError(
                "algorithm='arpack' walks an array a number of times that nobody knows; for Blocks take 'randomized'"
            )
        sklearn.decomposition.TruncatedSVD.fit_transform(self, X)
        for name in ("error_estimate_", "n_walks_"):  # ARPACK tells neither
            self.__dict__.pop(name, None)
        return self

    def _fit_sums(self, blocks: Blocks) -> None:
        """One walk: X'X about zero, from the centred one."""
        state = sum_gram(self, blocks)
        weight, mean = state.weight, state.mean_x
        S = state.finish()
        variance = S.diagonal() / weight
        del state
        found = eigenpairs(at_origin(weight, mean, S), self.n_components)
        self._take(found, mean, variance, weight, blocks.dtype, 1)

    def _fit_range(self, blocks: Blocks) -> None:
        found = find_range(
            self,
            blocks,
            int(self.n_components),
            centred=False,
            n_iter=int(self.n_iter),
            n_oversamples=int(self.n_oversamples),
            seed=seed_of(self.random_state),
            tol=float(self.tol),
        )
        self._check_width(len(found.mean))
        self._take(found.spectrum, found.mean, found.variance, found.weight, blocks.dtype, found.walks)

    def _take(self, found: Spectrum, mean: Any, variance: Any, weight: float, dtype: Any, walks: int) -> None:
        level = found.vectors @ mean
        explained = np.maximum(found.values / weight - level**2, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):  # rows that do not vary
            ratio = explained / np.float64(variance.sum())
        self.components_ = found.vectors.astype(dtype)
        self.explained_variance_ = explained.astype(dtype)
        self.explained_variance_ratio_ = ratio.astype(dtype)
        self.singular_values_ = np.sqrt(found.values).astype(dtype)
        self.error_estimate_ = float(np.sqrt(found.left / found.total)) if found.total > 0 else 0.0
        self.n_walks_ = walks

"""PCA: principal components of data larger than memory, exact in one walk where the columns' covariance has room."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import sklearn.decomposition
from scipy import linalg
from sklearn.utils.extmath import svd_flip

from esker._native import threads
from esker._steps import seed_of
from esker.blocks import Blocks
from esker.decomposition._covariance import sum_gram
from esker.decomposition._input import MORE_CONSTRAINTS, as_rows
from esker.decomposition._principal import check_components, refuse_single, take_spectrum
from esker.decomposition._projection import Projection
from esker.decomposition._range import check_normalizer, find_range
from esker.decomposition._spectrum import Spectrum, eigenpairs, gram_bytes
from esker.linear_model._as_before import or_as_before
from esker.linear_model._input import check_finite
from esker.linear_model._packed import gram_room

__all__ = ["PCA"]

#: Columns up to which "auto" sums their products: dense rows, sparse rows.
WIDEST = {False: 4096, True: 2048}
#: Rows and columns of an array whose singular values are cheap to have to the last digit.
SMALL = 500
#: Operations of a wide array's singular value decomposition that "auto" does not mind.
CHEAP = 2e11


class PCA(Projection, sklearn.decomposition.PCA):  # type: ignore[misc]
    """Principal component analysis: scikit-learn's `PCA`, which also takes Blocks and sparse rows.

    Parameters
    ----------
    n_components : int, float, "mle" or None
        How many components; below 1 the share of the variance that they shall explain; "mle" for Minka's guess; None for all
        of them. What is no whole number needs all eigenvalues, so not ``svd_solver="randomized"``.
    copy : bool
        As in scikit-learn; X is never overwritten.
    whiten : bool
        Whether components are divided by their standard deviation.
    svd_solver : {"auto", "full", "covariance_eigh", "arpack", "randomized"}
        "covariance_eigh" walks the rows once, whatever their number. "randomized" walks them a few times and needs memory in
        proportion to the columns. "full" and "arpack" are for arrays that fit into memory. "auto" takes "full" for arrays of at most 500 rows and
        columns (and for wide ones of few rows), "covariance_eigh" for at most 4,096 columns (2,048 of sparse rows) that have room, else
        "randomized".
    tol : float
        With "arpack" its tolerance. With "randomized": walks end once one of them adds less than this share to the
        variance that is explained; 0 makes all of them.
    iterated_power : int or "auto"
        With "randomized": as many power iterations of scikit-learn's are matched by ``2 + (iterated_power + 1) // 2`` walks.
    n_oversamples : int
        With "randomized": random directions beyond `n_components`, at least.
    power_iteration_normalizer : {"auto", "QR"}
        Directions are always made orthonormal; "LU" and "none" are refused.
    random_state : int, RandomState or None
        Seeds "randomized" and "arpack".
    max_memory : int or str, optional
        Bytes, or a size such as "512MB", for reading and learning together. What does not fit is refused before it is read.
    n_threads : int, optional

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, d), of X's dtype
    explained_variance_, explained_variance_ratio_, singular_values_ : ndarray of shape (n_components_,), of X's dtype
    mean_ : ndarray of shape (d,), float64
    n_components_, n_samples_, n_features_in_ : int
    noise_variance_ : float
    error_estimate_ : float
        The share of the rows' centred norm that the components leave, ``|X - X V'V| / |X|`` (Frobenius). It is not a guess: it follows from
        sums over all rows, to their rounding.
    feature_names_in_ : ndarray of str

    Notes
    -----
    "covariance_eigh" sums the centred products in float64 (`esker.folds.Gram`: panels of float32 rows are centred before their
    products), in O(n d^2) operations and 16 d^2 bytes, and finds the wanted eigenvectors alone. Directions whose standard deviation is below 1e-8 of
    the largest one are rounding there, as in scikit-learn. "randomized" is a block Krylov method [2]_ on products that are centred as they are formed, so that sparse rows stay
    sparse: each walk costs O(nnz k). Blocks bring weights, which count as repeats of a row. Means far from zero cost no digits: ``mean_`` is float64 and rows are
    centred before they are projected. The same bits for any number of threads.

    References
    ----------
    .. [1] T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
    .. [2] C. Musco, C. Musco, "Randomized block Krylov methods for stronger and faster approximate singular value decomposition",
       NeurIPS 2015.

    Examples
    --------
    >>> import numpy as np, esker
    >>> from esker.decomposition import PCA
    >>> rng = np.random.default_rng(0)
    >>> blocks = esker.open_blocks(rng.normal(size=(10_000, 3)) * [3.0, 1.0, 0.1])
    >>> pca = PCA(n_components=2).fit(blocks)
    >>> pca.explained_variance_.round(1).tolist()
    [9.0, 1.0]
    >>> sum(len(block.X) for block in pca.transform(blocks))
    10000
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **sklearn.decomposition.PCA._parameter_constraints,
        **MORE_CONSTRAINTS,
    }

    def __init__(
        self,
        n_components: Any = None,
        *,
        copy: bool = True,
        whiten: bool = False,
        svd_solver: str = "auto",
        tol: float = 0.0,
        iterated_power: Any = "auto",
        n_oversamples: int = 10,
        power_iteration_normalizer: str = "auto",
        random_state: Any = None,
        max_memory: int | str | None = None,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(
            n_components,
            copy=copy,
            whiten=whiten,
            svd_solver=svd_solver,
            tol=tol,
            iterated_power=iterated_power,
            n_oversamples=n_oversamples,
            power_iteration_normalizer=power_iteration_normalizer,
            random_state=random_state,
        )
        self.max_memory = max_memory
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None) -> PCA:
        """Learn the components.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Fewer than 2 rows, NaN or infinity, more components than rows or columns, or what `max_memory` has no room for.
        """
        self._validate_params()
        check_normalizer(self.power_iteration_normalizer)
        with or_as_before(self):
            if self.svd_solver == "arpack":
                return self._fit_arpack(X)
            array = not isinstance(X, Blocks)
            blocks = as_rows(self, X)
            solver = self._choose(blocks, array)
            if blocks.n_rows is not None and blocks.n_columns is not None:
                check_components(self.n_components, blocks.n_rows, blocks.n_columns, solver)
                refuse_single(self, blocks.n_rows, np.inf)
            self._fit_svd_solver = solver
            with threads(self.n_threads):
                {"full": self._fit_rows, "covariance_eigh": self._fit_sums, "randomized": self._fit_range}[
                    solver
                ](blocks)
        return self

    def _fit_arpack(self, X: Any) -> PCA:
        if isinstance(X, Blocks):
            raise ValueError(
                "svd_solver='arpack' walks an array a number of times that nobody knows; for Blocks take 'randomized', "
                "or 'covariance_eigh', which walks once"
            )
        self._fit(X)
        self.mean_: Any = np.asarray(self.mean_, np.float64)
        ratio = float(np.sum(self.explained_variance_ratio_, dtype=np.float64))
        self.error_estimate_ = float(np.sqrt(max(1 - ratio, 0.0)))
        return self

    def _choose(self, blocks: Blocks, array: bool) -> str:
        """The solver, "auto" being decided."""
        n, d, solver = blocks.n_rows, blocks.n_columns, str(self.svd_solver)
        is_sparse = bool(blocks.is_sparse)
        if solver == "full":
            if not array:
                raise ValueError(
                    "svd_solver='full' needs all rows in memory, and Blocks stream; 'covariance_eigh' has the same components "
                    "in one walk"
                )
            if is_sparse:
                raise TypeError(
                    'PCA only support sparse inputs with the "arpack", "covariance_eigh" and "randomized" solvers, while '
                    '"full" was passed. See TruncatedSVD for a possible alternative.'
                )
        if solver != "auto":
            return solver
        dense_array = array and not is_sparse
        if (
            dense_array
            and n is not None
            and d is not None
            and (max(n, d) <= SMALL or (n < d and 4.0 * n * n * d < CHEAP))
        ):
            return "full"
        whole_number = isinstance(self.n_components, int | np.integer) and self.n_components >= 1
        if d is None or (d <= WIDEST[is_sparse] and gram_bytes(blocks, d) <= gram_room(blocks)):
            return "covariance_eigh"
        if whole_number:
            return "randomized"
        return "full" if dense_array and n is not None and n < d else "covariance_eigh"

    def _fit_rows(self, blocks: Blocks) -> None:
        """All singular values of an array, in float64."""
        check_finite(self, blocks)
        X = blocks.take_all().X
        n = len(X)
        mean = X.mean(axis=0, dtype=np.float64)
        centred = X.astype(np.float64)
        centred -= mean
        mean += (rest := centred.mean(axis=0))  # of float32 rows and of far means
        centred -= rest
        total = float(np.einsum("ij,ij->", centred, centred))
        _, s, vectors = linalg.svd(centred, full_matrices=False, overwrite_a=True, check_finite=False)
        found = Spectrum(s**2, svd_flip(None, vectors, u_based_decision=False)[1], total)
        self._take(found, mean, n, float(n), blocks.dtype)

    def _fit_sums(self, blocks: Blocks) -> None:
        """The eigenvectors of the covariance."""
        state = sum_gram(self, blocks)
        rows, weight, mean = state.rows, state.weight, state.mean_x
        d = len(mean)
        check_components(self.n_components, rows, d, "covariance_eigh")
        refuse_single(self, rows, weight)
        S = state.finish()
        del state
        whole_number = isinstance(self.n_components, int | np.integer) and self.n_components != 0
        k = int(self.n_components) if whole_number else d
        self._take(eigenpairs(S, k), mean, rows, weight, blocks.dtype)

    def _fit_range(self, blocks: Blocks) -> None:
        """The range of the centred rows, found by random directions."""
        if not (isinstance(self.n_components, int | np.integer) and self.n_components >= 1):
            raise ValueError(
                f"n_components={self.n_components!r} must be a whole number of at least 1 with svd_solver='randomized'; what "
                "needs all eigenvalues is for 'covariance_eigh' or, in memory, 'full'"
            )
        k = int(self.n_components)
        power = self.iterated_power
        if power == "auto":
            shape = [size for size in (blocks.n_rows, blocks.n_columns) if size is not None]
            power = 7 if not shape or k < 0.1 * min(shape) else 4
        found = find_range(
            self,
            blocks,
            k,
            centred=True,
            n_iter=int(power),
            n_oversamples=int(self.n_oversamples),
            seed=seed_of(self.random_state),
            tol=float(self.tol),
        )
        check_components(k, found.rows, len(found.mean), "randomized")
        refuse_single(self, found.rows, found.weight)
        self._take(found.spectrum, found.mean, found.rows, found.weight, blocks.dtype)

    def _take(self, found: Spectrum, mean: Any, rows: int, weight: float, dtype: Any) -> None:
        take_spectrum(
            self,
            found,
            n_components=self.n_components,
            mean=mean,
            rows=rows,
            weight=weight,
            dtype=np.dtype(dtype),
        )
        self.n_samples_ = rows

    def score_samples(self, X: Any) -> Any:
        """The log-likelihood of each row under the probabilistic model of the components.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)
        """
        if isinstance(X, Blocks):
            return np.concatenate([super(PCA, self).score_samples(block.X) for block in X])
        return super().score_samples(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = False
        tags.input_tags.sparse = self.svd_solver != "full"
        return tags

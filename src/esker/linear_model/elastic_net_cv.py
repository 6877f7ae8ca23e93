"""ElasticNetCV and LassoCV: the penalty chosen by cross-validation on sums of each fold's rows."""

from __future__ import annotations

from typing import Any

from esker.linear_model._enet_path import enet_path, lasso_path
from esker.linear_model._path_cv import PathCV
from esker.linear_model.elastic_net import ElasticNet, Lasso

__all__ = ["ElasticNetCV", "LassoCV"]


class ElasticNetCV(PathCV):
    """`ElasticNet` with alpha, and l1_ratio where several are given, chosen by cross-validation.

    One walk over the rows sums X'X and X'y of each fold. Training sums are those of the other folds added up, each path starts
    from the alpha before, and the errors on held-out rows follow exactly from the sums: nothing is read twice.

    Parameters
    ----------
    l1_ratio : float or sequence of float
        In [0, 1].
    eps : float
        The smallest alpha of a grid, relative to the largest.
    alphas : int or array-like
        How many to choose, or which.
    fit_intercept : bool
    precompute : {"auto", True, False}
        X'X is summed whichever is chosen; an array is refused.
    max_iter : int
        Sweeps through the columns, for each alpha.
    tol : float
        As of `ElasticNet`.
    cv : int, splitter or iterable of (train, test), optional
        None is 5 folds. Splitters and lists of rows are for arrays. Folds of rows at known places (arrays, ``.npy``) are
        scikit-learn's, consecutive rows; of other Blocks a row's fold is drawn by its key.
    copy_X : bool
        X is neither copied nor overwritten, whichever is chosen.
    verbose : int
        1 prints rows a second while rows are summed.
    n_jobs : int, optional
        Threads, counted as joblib does (-1 is all); `n_threads` says the same.
    positive : bool
    random_state, selection
        As of `ElasticNet`.
    max_memory : int or str, optional
        Bytes, or a size such as ``"512MB"``. Of this and the ``max_memory`` of `open_blocks` the smaller holds.
    n_threads : int, optional

    Attributes
    ----------
    alpha_, l1_ratio_ : float
    alphas_ : ndarray of shape (k,) or (n_l1_ratio, k)
    mse_path_ : ndarray of shape (k, folds) or (n_l1_ratio, k, folds)
        Mean squared errors on held-out rows.
    coef_ : ndarray of shape (d,)
        In X's dtype; fitted on all rows, as are the following.
    intercept_ : float
    dual_gap_ : float
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        Where X had names.

    Notes
    -----
    O(n d^2) once, whatever the number of folds, l1_ratios and alphas; 8 d (d + 1) bytes for each fold, for the sum of all, and
    for the training sums of the folds that are followed at once (all of them while they take less than 64 MB together).
    Paths are followed side by side on all threads.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import ElasticNetCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 4))
    >>> y = X @ [1.0, 0.0, 0.0, 2.0] + 0.1 * rng.standard_normal(500)
    >>> model = ElasticNetCV(l1_ratio=[0.5, 1.0]).fit(X, y)
    >>> model.l1_ratio_, model.coef_.round(2).tolist()
    (1.0, [1.0, -0.01, 0.0, 2.0])
    """

    path = staticmethod(enet_path)

    def __init__(
        self,
        *,
        l1_ratio: Any = 0.5,
        eps: float = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        precompute: Any = "auto",
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Any = None,
        copy_X: bool = True,
        verbose: int = 0,
        n_jobs: int | None = None,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
        max_memory: int | str | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.copy_X = copy_X
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.positive = positive
        self.random_state = random_state
        self.selection = selection
        self.max_memory = max_memory
        self.n_threads = n_threads

    def _final(self) -> ElasticNet:
        return ElasticNet(**self._given())


class LassoCV(PathCV):
    """`Lasso` with alpha chosen by cross-validation: `ElasticNetCV` with ``l1_ratio=1``.

    Parameters
    ----------
    eps, alphas, fit_intercept, precompute, max_iter, tol, copy_X, cv, verbose, n_jobs, positive, random_state, selection
        As of `ElasticNetCV`.
    max_memory, n_threads
        As of `ElasticNetCV`.

    Attributes
    ----------
    alpha_, alphas_, mse_path_, coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As of `ElasticNetCV`.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import LassoCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 4))
    >>> y = X @ [1.0, 0.0, 0.0, 2.0] + 0.1 * rng.standard_normal(500)
    >>> LassoCV().fit(X, y).mse_path_.shape
    (100, 5)
    """

    path = staticmethod(lasso_path)
    l1_ratio = 1.0

    def __init__(
        self,
        *,
        eps: float = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        precompute: Any = "auto",
        max_iter: int = 1000,
        tol: float = 1e-4,
        copy_X: bool = True,
        cv: Any = None,
        verbose: int = 0,
        n_jobs: int | None = None,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
        max_memory: int | str | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.copy_X = copy_X
        self.cv = cv
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.positive = positive
        self.random_state = random_state
        self.selection = selection
        self.max_memory = max_memory
        self.n_threads = n_threads

    def _final(self) -> ElasticNet:
        return Lasso(**self._given())

"""NystroemRidge: kernel ridge regression on landmarks, from arrays or from data larger than memory."""

from __future__ import annotations

import warnings
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from esker._native import core, threads
from esker._parameters import check_choice, check_flag, check_integer, check_number, parse_duration
from esker.blocks.arrays import checked_csr
from esker.kernel_ridge._solve import Kernel, fit_landmarks
from esker.linear_model._as_before import or_as_before
from esker.linear_model._base import LinearRegressor, as_blocks
from esker.linear_model._input import learn_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NystroemRidge"]

KERNELS = ("rbf", "laplacian", "linear", "poly", "polynomial")


class NystroemRidge(LinearRegressor):
    """Kernel ridge regression whose function is a combination of landmarks: as `KernelRidge`, for millions of rows.

    Minimises ``sum(w (y - K a - b)^2) + alpha a'K_mm a``, K being the kernel's values between all rows and `n_components` of them
    drawn uniformly, K_mm those among landmarks. That is `Ridge` on the features of `Nystroem`, without the features: K is never
    stored. Every iteration of conjugate gradients walks the rows once, with Falkon's preconditioner [1]_; few landmarks are
    solved by normal equations, in one walk.

    Parameters
    ----------
    alpha : float
        The penalty, at least 0, in units of `KernelRidge`.
    kernel : {"rbf", "laplacian", "linear", "poly", "polynomial"}
        As in scikit-learn, where a kernel is positive semidefinite; callables and "precomputed" are refused.
    gamma : float, optional
        Above 0; ``1 / n_features`` by default. Not of "linear".
    degree : int
        Of "poly".
    coef0 : float
        Of "poly", at least 0.
    kernel_params : None
        For callables, which are refused.
    n_components : int, optional
        Landmarks; 1,000 by default, or all rows where there are fewer. More than rows are all rows, with a warning.
    fit_intercept : bool
        Whether b, which is not penalised, is learned; `KernelRidge` has none.
    solver : {"auto", "falkon", "normal"}
        Conjugate gradients on the rows; the sums K'K in one walk; "auto" takes what a model of their cost says: `plan_`.
    tol : float
        Ends when the preconditioned residual has shrunk to this share.
    max_iter : int
        Iterations at most.
    random_state : int, RandomState or None
        Landmarks are a function of this and of the rows' keys: an array and a file of the same rows have the same ones.
    max_memory : int or str, optional
        Bytes, or a size such as ``"1GB"``. Of this and the ``max_memory`` of `open_blocks` the smaller holds.
    max_time : float or str, optional
        Seconds, or a text such as "2min", after which no iteration is begun or finished: the coefficients at hand are the model. The walks before the first
        iteration, which draw landmarks and sum what belongs to them, are made whole.
    n_threads : int, optional
        Sums over rows have the same bits for any number.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, d), of X's dtype
        The landmarks, dense.
    component_indices_ : ndarray of shape (n_components,)
        Their row keys; in an array, row numbers.
    dual_coef_ : ndarray of shape (n_components,) or (n_components, n_targets), float64
    intercept_ : float or ndarray of shape (n_targets,)
    gamma_ : float
        What `gamma` stood for.
    n_iter_ : int
    history_ : list of float
        The share to which the residual has shrunk, after each iteration, of the target that is worst.
    stop_reason_ : {"converged", "max_iter", "time"}
    jitter_ : float
        What was added to K_mm's diagonal, of the size of kernel values' rounding times sqrt(n_components).
    plan_ : dict
        ``solver`` and ``why``; predicted ``seconds`` and ``bytes`` of each; ``passes`` over the rows; ``precision`` in which
        kernel values were computed.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    An iteration takes about ``n n_components (2 d + 20)`` operations, the factors ``n_components^3`` once and 16 bytes times
    ``n_components^2``. Kernel values of float32 rows are computed in float32, of differences to the landmarks' mean, unless ``gamma``
    is so large for the landmarks' spread that this would cost digits; sums are float64. Sparse rows are written out densely, a few
    at a time, and so are landmarks.

    References
    ----------
    .. [1] A. Rudi, L. Carratino & L. Rosasco, "FALKON: an optimal large scale kernel method", NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.kernel_ridge import NystroemRidge
    >>> X = np.linspace(0, 6, 400)[:, None]
    >>> model = NystroemRidge(alpha=1e-3, n_components=30, random_state=0).fit(X, np.sin(X[:, 0]))
    >>> bool(model.score(X, np.sin(X[:, 0])) > 0.9999)
    True
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        kernel: str = "rbf",
        gamma: float | None = None,
        degree: int = 3,
        coef0: float = 1.0,
        kernel_params: None = None,
        n_components: int | None = None,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-3,
        max_iter: int = 100,
        random_state: Any = None,
        max_memory: int | str | None = None,
        max_time: float | str | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.n_components = n_components
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.max_memory = max_memory
        self.max_time = max_time
        self.n_threads = n_threads

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> NystroemRidge:
        """Fit. An error, or Ctrl-C, leaves the model as it was.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,) or (n, n_targets); None for Blocks, which bring it
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks
            Weight 2 is a row that comes twice, but for the draw of landmarks; rows of weight 0 are none.

        Returns
        -------
        self
        """
        began = perf_counter()
        seconds = self._check()
        with or_as_before(self), threads(self.n_threads):
            blocks = as_blocks(self, X, y, sample_weight, multi_output=True)
            if not blocks.rereadable:
                raise ValueError(
                    f"NystroemRidge walks the rows more than once, and {blocks.source} can be read once: write a block file first"
                )
            found = fit_landmarks(
                blocks,
                Kernel(self.kernel, self.gamma, float(self.coef0), int(self.degree)),
                alpha=float(self.alpha),
                size=self.n_components,
                seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
                centred=bool(self.fit_intercept),
                solver=self.solver,
                tol=float(self.tol),
                max_iter=int(self.max_iter),
                ends=inf if seconds is None else began + seconds,
            )
            learn_width(self, found.landmarks.shape[1], None)
            self.components_, self.component_indices_ = found.landmarks, found.keys
            self.gamma_ = float(found.gamma)
            flat = found.flat
            self.dual_coef_ = found.coef[0] if flat else np.ascontiguousarray(found.coef.T)
            self.intercept_ = float(found.intercept[0]) if flat else found.intercept
            self.n_iter_, self.history_, self.stop_reason_ = found.iterations, found.history, found.reason
            self.jitter_, self.plan_ = found.jitter, found.plan
        if self.stop_reason_ == "max_iter":
            warnings.warn(
                f"NystroemRidge stopped at max_iter={self.max_iter} with a relative residual of {self.history_[-1]:.1e}, and tol is "
                f"{self.tol:g}: raise max_iter, or alpha",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _check(self) -> float | None:
        """Check the parameters; seconds of `max_time`."""
        check_number("alpha", self.alpha, 0)
        if callable(self.kernel) or self.kernel in (
            "precomputed",
            "sigmoid",
            "cosine",
            "chi2",
            "additive_chi2",
        ):
            raise ValueError(
                f"kernel must be one of {', '.join(map(repr, KERNELS))}, got {self.kernel!r}: tiles of kernel values are computed from "
                "rows, and their matrix must be positive semidefinite; scikit-learn's KernelRidge takes others for few rows"
            )
        check_choice("kernel", self.kernel, KERNELS)
        if self.kernel_params is not None:
            raise ValueError("kernel_params are of callables, which are no kernels here; leave it None")
        polynomial = self.kernel in ("poly", "polynomial")
        if self.gamma is not None:
            check_number("gamma", self.gamma, 0, open_low=True)
            if self.kernel == "linear":
                raise ValueError(
                    f"gamma has no effect with kernel='linear': leave it None, got {self.gamma!r}"
                )
        check_integer("degree", self.degree, 1, 100)
        check_number("coef0", self.coef0, 0 if polynomial else -inf)
        if not polynomial and (self.degree != 3 or self.coef0 != 1):
            raise ValueError(
                f"degree and coef0 are of kernel='poly' and have no effect with {self.kernel!r}: leave them at 3 and 1, got "
                f"{self.degree!r} and {self.coef0!r}"
            )
        if self.n_components is not None:
            check_integer("n_components", self.n_components, 1)
        check_flag("fit_intercept", self.fit_intercept)
        check_choice("solver", self.solver, ("auto", "falkon", "normal"))
        check_number("tol", self.tol, 0, 1, open_low=True)
        check_integer("max_iter", self.max_iter, 1)
        return parse_duration(self.max_time)

    # --- predict ---

    def _scores(self, X: Any) -> NDArray[np.float64]:
        Z = self.components_
        at = core.KernelLandmarks(
            Z,
            self.kernel,
            self.gamma_,
            float(self.coef0),
            int(self.degree),
            self.plan_["precision"] == "float64",
        )
        if not isinstance(X, np.ndarray):
            X = checked_csr(X, X.dtype)
            raw: Any = (X.data, X.indices, X.indptr, X.shape[1])
        else:
            raw = X if X.strides[1] == X.itemsize or X.shape[1] == 1 else np.ascontiguousarray(X)
        v = self.dual_coef_[None] if self.dual_coef_.ndim == 1 else self.dual_coef_.T
        with threads(self.n_threads):
            scores: NDArray[np.float64] = at.scores(raw, np.ascontiguousarray(v))
        scores += self.intercept_
        return scores[:, 0] if self.dual_coef_.ndim == 1 else scores

    def _answer(self, scores: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
        return scores.astype(np.result_type(dtype, self.components_.dtype), copy=False)

    def _twin(self) -> Any:
        raise NotImplementedError

    def to_sklearn(self) -> Any:
        """A fitted scikit-learn pipeline of `Nystroem`, whose features are the kernel's values, and `Ridge`, with equal predictions."""
        from sklearn.kernel_approximation import Nystroem
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        m = len(self.components_)
        more: dict[str, Any] = {} if self.kernel == "linear" else {"gamma": self.gamma_}
        if self.kernel in ("poly", "polynomial"):
            more |= {"degree": self.degree, "coef0": self.coef0}
        features = Nystroem(kernel=self.kernel, n_components=m, **more)
        features.components_, features.component_indices_ = self.components_.copy(), self.component_indices_
        features.normalization_ = np.eye(m)
        ridge = Ridge(alpha=self.alpha, fit_intercept=self.fit_intercept)
        ridge.coef_, ridge.intercept_ = self.dual_coef_.T.copy(), self.intercept_
        ridge.n_features_in_, ridge.n_iter_ = m, None
        features.n_features_in_ = self.n_features_in_
        if hasattr(self, "feature_names_in_"):
            features.feature_names_in_ = self.feature_names_in_
        return make_pipeline(features, ridge)

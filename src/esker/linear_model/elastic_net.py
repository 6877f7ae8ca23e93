"""ElasticNet and Lasso: least squares with an L1 penalty, from sums of the rows, so also from data larger than memory."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from esker._parameters import check_flag, check_number
from esker.linear_model._base import LinearRegressor
from esker.linear_model._coordinate import check_descent, descend, rules_of, warn_rounding
from esker.linear_model._enet_path import enet_path
from esker.linear_model._gram_model import GramModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.folds import Gram

__all__ = ["ElasticNet", "Lasso"]


class ElasticNet(GramModel, LinearRegressor):
    """Least squares with L1 and L2 penalties, solved by coordinate descent on X'X.

    Minimises ``|y - X w - b|^2 / (2 n) + alpha l1_ratio |w|_1 + alpha (1 - l1_ratio) |w|^2 / 2``; with weights, the first
    term is half their weighted mean. One pass sums X'X and X'y, centred, in float64; the rows are not read again.

    Parameters
    ----------
    alpha : float
        The penalty, at least 0.
    l1_ratio : float
        In [0, 1].
    fit_intercept : bool
    precompute : bool
        X'X is summed whichever is chosen; an array is refused.
    max_iter : int
        Sweeps through the columns.
    copy_X : bool
        X is neither copied nor overwritten, whichever is chosen.
    tol : float
        Sweeps end when the largest change of a coefficient is at most `tol` times the largest coefficient, and the duality
        gap at most `tol` times the mean of ``(y - mean)^2``.
    warm_start : bool
        Begin with the coefficients of the fit before.
    positive : bool
        No coefficient may be negative.
    random_state : int, RandomState or None
        Of the order of columns where ``selection="random"``.
    selection : {"cyclic", "random"}
    max_memory : int or str, optional
        Bytes, or a size such as ``"512MB"``. Of this and the ``max_memory`` of `open_blocks` the smaller holds.
    checkpoint : path, optional
        As of `Ridge`: a fit that was cut short goes on from there.
    n_threads : int, optional
    verbose : int
        1 prints rows a second while rows are summed.
    keep_state : bool
        Keep the sums as ``state_`` for `partial_fit`, `forget` and `merge`: 8 d (d + 1) bytes. Sums of at most 1 MB are
        kept in any case.

    Attributes
    ----------
    coef_ : ndarray of shape (d,) or (n_targets, d)
        In X's dtype.
    sparse_coef_ : sparse array of shape (1, d) or (n_targets, d)
    intercept_ : float or ndarray of shape (n_targets,)
    dual_gap_ : float or ndarray of shape (n_targets,)
        How far the objective at ``coef_`` can be from its minimum, at most.
    n_iter_ : int or list of int
        Sweeps, for each target.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        Where X had names.
    state_ : Gram
        With ``keep_state``, after `partial_fit`, and where it is small.

    Notes
    -----
    O(n d^2) to sum; then O(d) for each coefficient that a sweep changes. Where columns are nearly dependent and sweeps crawl,
    steps of Newton's method on the nonzero coefficients are taken between them. The sum of the gap's terms has no
    cancellation, so that it can be trusted down to about 1e-15 of the mean of ``y^2``.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import ElasticNet
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> model = ElasticNet(alpha=0.1).fit(X, X @ [1.0, 2.0] + 3.0)
    >>> np.round(model.coef_, 4).tolist(), round(float(model.intercept_), 4)
    ([0.6667, 1.5], 3.4167)
    """

    path = staticmethod(enet_path)

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        precompute: bool = False,
        max_iter: int = 1000,
        copy_X: bool = True,
        tol: float = 1e-4,
        warm_start: bool = False,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
        max_memory: int | str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        n_threads: int | None = None,
        verbose: int = 0,
        keep_state: bool = False,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.copy_X = copy_X
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive
        self.random_state = random_state
        self.selection = selection
        self.max_memory = max_memory
        self.checkpoint = checkpoint
        self.n_threads = n_threads
        self.verbose = verbose
        self.keep_state = keep_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _twin_parameters(self) -> dict[str, Any]:
        names = (
            "alpha",
            "l1_ratio",
            "fit_intercept",
            "max_iter",
            "tol",
            "positive",
            "random_state",
            "selection",
        )
        return {name: getattr(self, name) for name in names if name in self.get_params()}

    @property
    def sparse_coef_(self) -> Any:
        """``coef_`` as a sparse array of shape (n_targets, d)."""
        return sparse.csr_array(np.atleast_2d(self.coef_))

    # --- fit ---

    def _solve(self, state: Gram, blocks: Blocks | None, dtype: np.dtype[Any], flat: bool) -> None:
        targets, rules = range(state.targets), rules_of(self)
        m = len(targets)
        alphas, ratios = np.full((m, 1), float(self.alpha)), [float(self.l1_ratio)] * m
        found = descend([state] * m, alphas, ratios, rules, targets=targets, start=self._start(state))
        warn_rounding(state, found.coefs, rules.tol, dtype.name, centred=rules.centred)
        self._take(found.coefs[:, 0], state.mean_y, state.mean_x, dtype, flat)
        gaps, sweeps = found.gaps[:, 0], found.sweeps[:, 0].tolist()
        if self.coef_.dtype != np.float64:  # of the rounded coefficients
            looked = replace(rules, max_iter=0)
            rounded = np.atleast_2d(self.coef_).astype(np.float64)
            gaps = descend([state] * m, alphas, ratios, looked, targets=targets, start=rounded).gaps[:, 0]
        self.dual_gap_ = float(gaps[0]) if m == 1 else gaps
        self.n_iter_ = sweeps[0] if m == 1 else sweeps

    def _solving_bytes(self, d: int) -> int:
        return 8 * min(d, 1500) ** 2  # a factor of the columns in use, where sweeps crawl

    def _start(self, state: Gram) -> NDArray[np.float64] | None:
        if not self.warm_start or not hasattr(self, "coef_"):
            return None
        start = np.atleast_2d(self.coef_).astype(np.float64)
        if start.shape != (state.targets, state.cols):
            raise ValueError(
                f"warm_start=True begins with coefficients of shape {start.shape}, and X and y now want "
                f"{(state.targets, state.cols)}; use warm_start=False"
            )
        return start

    def _check(self) -> None:
        self._check_common()
        check_number("alpha", self.alpha, 0)
        check_number("l1_ratio", self.l1_ratio, 0, 1)
        check_flag("warm_start", self.warm_start)
        check_descent(self)
        if self.alpha == 0:
            warnings.warn(
                "With alpha=0, this algorithm does not converge well. You are advised to use the LinearRegression estimator",
                stacklevel=3,
            )


class Lasso(ElasticNet):
    """Least squares with an L1 penalty: `ElasticNet` with ``l1_ratio=1``.

    Minimises ``|y - X w - b|^2 / (2 n) + alpha |w|_1``; with weights, the first term is half their weighted mean.

    Parameters
    ----------
    alpha : float
        The penalty, at least 0.
    fit_intercept, precompute, copy_X, max_iter, tol, warm_start, positive, random_state, selection
        As of `ElasticNet`.
    max_memory, checkpoint, n_threads, verbose, keep_state
        As of `ElasticNet`.

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, n_iter_, n_features_in_, feature_names_in_, state_
        As of `ElasticNet`.

    Examples
    --------
    >>> from esker.linear_model import Lasso
    >>> model = Lasso(alpha=0.1).fit([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], [0.0, 1.0, 2.0])
    >>> model.coef_.round(4).tolist(), round(float(model.intercept_), 4)
    ([0.85, 0.0], 0.15)
    """

    l1_ratio = 1.0

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        precompute: bool = False,
        copy_X: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
        max_memory: int | str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        n_threads: int | None = None,
        verbose: int = 0,
        keep_state: bool = False,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive
        self.random_state = random_state
        self.selection = selection
        self.max_memory = max_memory
        self.checkpoint = checkpoint
        self.n_threads = n_threads
        self.verbose = verbose
        self.keep_state = keep_state

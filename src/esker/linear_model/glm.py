"""PoissonRegressor, GammaRegressor, TweedieRegressor: generalized linear models with an L2 penalty, in memory or from Blocks."""

from __future__ import annotations

from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from esker._parameters import check_choice, check_number
from esker.linear_model._as_before import or_as_before
from esker.linear_model._base import LinearRegressor, as_blocks
from esker.linear_model._glm_loss import NumberLoss
from esker.linear_model._input import check_finite, learn_width, narrowed
from esker.linear_model._krylov_rows import Rows
from esker.linear_model._logistic_solve import solve_logistic
from esker.linear_model._minimised import check_search, searching, tell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["GammaRegressor", "PoissonRegressor", "TweedieRegressor"]

PARAMETERS = """    alpha : float
        The penalty, at least 0: the mean loss plus ``alpha |coef|^2 / 2`` is minimised. The intercept is not penalised.
    fit_intercept : bool
    solver : {"auto", "lbfgs", "newton-cholesky"}
        All are L-BFGS in a metric: "newton-cholesky", up to 4,096 columns, in that of a sample's Hessian; "lbfgs" in that of the
        columns' sizes; "auto" takes the former where it can be.
    max_iter : int
        Steps on all rows.
    tol : float
        Ends where no partial derivative of the objective exceeds this, and the objective is about ``tol**2`` from its minimum.
        Absolute, as scikit-learn's: a Poisson deviance is in units of y, so that targets of thousands want a larger one.
    warm_start : bool
        Begin with the coefficients of the fit before.
    verbose : int
        1 prints rows a second.
    max_memory : int or str, optional
        Bytes, or a size such as ``"512MB"``. Of this and the ``max_memory`` of `open_blocks` the smaller holds.
    n_threads : int, optional
    max_time : float or str, optional
        Seconds, or a text such as ``"2min"``: the fit ends with the best point so far, once it has read a sample.

    Attributes
    ----------
    coef_ : ndarray of shape (d,), of X's dtype
    intercept_ : float
    n_iter_ : int
        Steps on all rows.
    n_passes_ : int
        Walks over all rows.
    objective_ : float
        The mean loss, half the deviance less what y alone adds to it, plus the penalty; before `coef_` was rounded to X's dtype.
    gradient_norm_ : float
        The largest size of a partial derivative of it.
    converged_ : bool
        Whether `tol` was reached.
    stop_reason_ : {"converged", "max_iter", "rounding", "time", "interrupted"}
    history_ : list of (float, float)
        Objective and largest partial derivative at each point on all rows.
    metric_ : {"newton", "diagonal"}
    n_features_in_, feature_names_in_
        As in scikit-learn."""


class Generalized(LinearRegressor):
    """What the generalized linear models share."""

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        fit_intercept: bool = True,
        solver: str = "auto",
        max_iter: int = 100,
        tol: float = 1e-4,
        warm_start: bool = False,
        verbose: int = 0,
        max_memory: int | str | None = None,
        n_threads: int | None = None,
        max_time: float | str | None = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.max_memory = max_memory
        self.n_threads = n_threads
        self.max_time = max_time

    def _loss(self) -> NumberLoss:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        with suppress(ValueError, TypeError):  # parameters that `fit` refuses
            tags.target_tags.positive_only = not self._loss().takes(np.array([-1.0]))
        return tags

    def _twin_parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("alpha", "fit_intercept", "tol", "max_iter")}

    def to_sklearn(self) -> Any:
        """A fitted scikit-learn estimator of the same name with equal predictions; it needs no esker."""
        twin = super().to_sklearn()
        twin._base_loss = twin._get_loss()
        return twin

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit. An error, or Ctrl-C, leaves the model as it was.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks, which bring it
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks
        """
        ends, loss = perf_counter() + self._check(), self._loss()
        with or_as_before(self):
            before = None
            if self.warm_start and hasattr(self, "coef_"):
                before = np.append(self.coef_, self.intercept_).astype(np.float64)[None, :]
            blocks = as_blocks(self, X, y, sample_weight, finite_later=True)
            with searching(self, blocks):
                self._fit_blocks(blocks, loss, before, ends)
        return self

    def _fit_blocks(
        self, blocks: Blocks, loss: NumberLoss, before: NDArray[np.float64] | None, ends: float
    ) -> None:
        d = blocks.n_columns or 0
        if before is not None and d and before.shape[1] != d + 1:
            raise ValueError(
                f"warm_start=True goes on with {before.shape[1] - 1} columns, and the data have {d}; use warm_start=False"
            )
        rows = Rows(blocks)
        found = solve_logistic(
            rows,
            rows.count(),
            d,
            1,
            penalty=float(self.alpha),
            centred=self.fit_intercept,
            tol=float(self.tol),
            max_iter=int(self.max_iter),
            loss=loss,
            solver=self.solver,
            start=before,
            ends=ends,
            if_not_finite=lambda: check_finite(self, blocks),
            name=type(self).__name__,
        )
        learn_width(self, found.coef.shape[1], None)
        self.coef_ = narrowed(found.coef[0], blocks.dtype)
        self.intercept_ = float(found.intercept[0])
        self.n_iter_ = found.iterations
        tell(self, found)

    def _answer(self, scores: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
        return self._loss().mean(scores).astype(np.result_type(dtype, self.coef_.dtype), copy=False)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """D², the share of the deviance from the mean that is explained; for Blocks in one streamed pass.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks
        sample_weight : array-like of shape (n,), optional; None for Blocks
        """
        check_is_fitted(self)
        loss = self._loss()
        weight = total = lost = least = squares = 0.0
        for block in as_blocks(self, X, y, sample_weight, reset=False):
            target = block.raw_y()
            assert target is not None
            target = target[:, 0]
            loss.refuse(target, block.sample_weight)
            scores = self._scores(block.X).ravel()
            w = np.ones(len(block)) if block.sample_weight is None else block.sample_weight
            if not w.all():  # any target may stand in a row of weight 0
                target, scores, w = target[w != 0], scores[w != 0], w[w != 0]
            weight, total, squares = (
                weight + float(w.sum()),
                total + float(w @ target),
                squares + float(w @ target**2),
            )
            lost += float(w @ loss.at(scores, target))
            least += float(w @ loss.least(target))
        if not weight > 0:
            raise ValueError("D² needs rows with a positive weight")
        mean = total / weight
        if not loss.power:
            null = 0.5 * (squares - mean * total)
        else:  # linear in y, so that the mean row stands for all
            null = weight * float(loss.at(np.array([loss.link(mean)]), np.array([mean]))[0])
        if null <= least:
            return 1.0 if lost <= least else 0.0
        return float(1 - (lost - least) / (null - least))

    def _check(self) -> float:
        """Seconds that the fit may take."""
        check_number("alpha", self.alpha, 0)
        return check_search(self)


class PoissonRegressor(Generalized):
    __doc__ = f"""Poisson regression of counts or rates: the exponential of a linear score, with an L2 penalty.

    Parameters
    ----------
{PARAMETERS}

    Notes
    -----
    A walk takes O(n d) operations and reads the rows once. Before all rows are walked, samples of them are: see
    `docs/logistic.md`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0], [4.0, 3.0]])
    >>> model = PoissonRegressor().fit(X, [12, 17, 22, 21])
    >>> model.converged_, round(model.score(X, [12, 17, 22, 21]), 3)
    (True, 0.99)
    """

    def _loss(self) -> NumberLoss:
        return NumberLoss(1.0)


class GammaRegressor(Generalized):
    __doc__ = f"""Gamma regression of numbers above 0: the exponential of a linear score, with an L2 penalty.

    Parameters
    ----------
{PARAMETERS}

    Notes
    -----
    As `PoissonRegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0], [4.0, 3.0]])
    >>> model = GammaRegressor().fit(X, [19, 26, 33, 30])
    >>> model.converged_, round(model.score(X, [19, 26, 33, 30]), 3)
    (True, 0.773)
    """

    def _loss(self) -> NumberLoss:
        return NumberLoss(2.0)


class TweedieRegressor(Generalized):
    __doc__ = f"""Regression by Tweedie's deviance of a power, with an L2 penalty.

    Parameters
    ----------
    power : float
        0: half the square, of the score itself. From 1 on, of the exponential of the score: 1 is Poisson's, up to 2 compound
        Poisson-gamma, 2 gamma's, 3 the inverse Gaussian's.
    link : {{"auto", "identity", "log"}}
        "auto" is "identity" for power 0, else "log"; the others are for these powers.
{PARAMETERS}

    Notes
    -----
    As `PoissonRegressor`. Above power 2 the loss need not be convex.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0], [4.0, 3.0]])
    >>> model = TweedieRegressor().fit(X, [2, 3.5, 5, 5.5])
    >>> model.converged_, round(model.score(X, [2, 3.5, 5, 5.5]), 3)
    (True, 0.84)
    """

    def __init__(
        self,
        *,
        power: float = 0.0,
        alpha: float = 1.0,
        fit_intercept: bool = True,
        link: str = "auto",
        solver: str = "auto",
        max_iter: int = 100,
        tol: float = 1e-4,
        warm_start: bool = False,
        verbose: int = 0,
        max_memory: int | str | None = None,
        n_threads: int | None = None,
        max_time: float | str | None = None,
    ) -> None:
        self.power = power
        self.link = link
        super().__init__(
            alpha=alpha,
            fit_intercept=fit_intercept,
            solver=solver,
            max_iter=max_iter,
            tol=tol,
            warm_start=warm_start,
            verbose=verbose,
            max_memory=max_memory,
            n_threads=n_threads,
            max_time=max_time,
        )

    def _loss(self) -> NumberLoss:
        power = check_number("power", self.power)
        check_choice("link", self.link, ("auto", "identity", "log"))
        if power != 0 and power < 1:
            raise ValueError(f"power must be 0, or at least 1, got {self.power!r}")
        wanted = "log" if power else "identity"
        if self.link not in ("auto", wanted):
            raise ValueError(
                f"link={self.link!r} with power={self.power!r} is not offered: it must be 'auto' or {wanted!r}"
            )
        return NumberLoss(power)

    def _twin_parameters(self) -> dict[str, Any]:
        return {**super()._twin_parameters(), "power": self.power, "link": self.link}

"""LogisticRegression: two classes by the logistic loss, more by the softmax's, to the minimum; in memory or from Blocks."""

from __future__ import annotations

import warnings
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.utils import check_random_state

from esker._parameters import check_choice, check_flag, check_number
from esker.linear_model._as_before import or_as_before
from esker.linear_model._base import LinearClassifier, as_blocks
from esker.linear_model._input import check_finite, learn_width, narrowed
from esker.linear_model._krylov_rows import Rows
from esker.linear_model._labels import encoded
from esker.linear_model._logistic_solve import solve_logistic
from esker.linear_model._minimised import check_search, searching, tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["LogisticRegression"]

#: scikit-learn's other solvers, and what does their work here.
OTHERS = ("liblinear", "newton-cg", "sag", "saga")


class LogisticRegression(LinearClassifier):
    """Logistic regression, and softmax regression of more than two classes, with an L2 penalty or none.

    Minimises ``C sum(w loss) + |coef|^2 / 2`` as scikit-learn does; without a penalty the mean loss. Intercepts are not
    penalised.

    Parameters
    ----------
    penalty : {"l2", None}
        "deprecated", scikit-learn's default, is "l2".
    C : float
        Inverse of the penalty's strength, above 0; infinity is no penalty.
    l1_ratio : float or None
        0 or None: L1 and elastic net penalties are `SGDClassifier`'s.
    dual : bool
        False.
    tol : float
        Ends where no partial derivative of the objective (divided by C and the sum of weights) exceeds this, and the objective
        is about ``tol**2`` from its minimum.
    fit_intercept : bool
    intercept_scaling : float
        1: the intercept is not penalised.
    class_weight : dict or "balanced", optional
        What a row of each class weighs more; "balanced" is the rows' weight by that of the class, over the number of classes.
    random_state : int, RandomState or None
        Taken and not used: nothing is drawn.
    solver : {"auto", "lbfgs", "newton-cholesky"}
        All are L-BFGS in a metric: "newton-cholesky", for two classes and up to 4,096 columns, in that of a sample's Hessian;
        "lbfgs" in that of the columns' sizes; "auto" takes the former where it can be, of several classes each one's
        curvature in the basis of the covariance.
    max_iter : int
        Steps on all rows.
    verbose : int
        1 prints rows a second.
    warm_start : bool
        Begin with the coefficients of the fit before.
    n_jobs : None
        See `n_threads`.
    max_memory : int or str, optional
        Bytes, or a size such as ``"512MB"``. Of this and the ``max_memory`` of `open_blocks` the smaller holds.
    n_threads : int, optional
    max_time : float or str, optional
        Seconds, or a text such as ``"2min"``: the fit ends with the best point so far, once it has read the labels and a sample.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
    coef_ : ndarray of shape (1, d) for two classes, else (classes, d), of X's dtype
    intercept_ : ndarray of shape (1,) or (classes,), float64
    n_iter_ : ndarray of shape (1,)
        Steps on all rows.
    n_passes_ : int
        Walks over all rows.
    objective_ : float
        The mean loss plus the penalty divided by C and the sum of weights, before `coef_` was rounded to X's dtype; inf
        where time ran out before all rows were walked.
    gradient_norm_ : float
        The largest size of a partial derivative of it.
    duality_gap_ : float
        How far `objective_` is from its minimum, at most, but for rounding: two classes, or no intercepts, with a penalty; else inf.
    converged_ : bool
        Whether `tol` was reached.
    stop_reason_ : {"converged", "max_iter", "rounding", "time", "interrupted"}
    history_ : list of (float, float)
        Objective and largest partial derivative at each point on all rows.
    metric_ : {"newton", "shared", "diagonal"}
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    A walk takes O(n d models) operations and reads the rows once. Float32 rows of several classes are multiplied in float32,
    summed in float64; all else is float64. Before all rows are walked, samples of them are: see `docs/logistic.md`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from esker.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(tol=1e-6).fit(X, y)
    >>> model.converged_, round(model.score(X, y), 3)
    (True, 0.973)
    """

    def __init__(
        self,
        penalty: str | None = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = None,
        solver: str = "auto",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: None = None,
        max_memory: int | str | None = None,
        n_threads: int | None = None,
        max_time: float | str | None = None,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.max_memory = max_memory
        self.n_threads = n_threads
        self.max_time = max_time

    def _twin_parameters(self) -> dict[str, Any]:
        names = ("fit_intercept", "class_weight", "tol", "max_iter", "random_state")
        free = self.penalty is None or _infinite(self.C)
        return {"C": np.inf if free else self.C, **{name: getattr(self, name) for name in names}}

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> LogisticRegression:
        """Fit. An error, or Ctrl-C, leaves the model as it was.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks, which bring it
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks
        """
        ends = perf_counter() + self._check()
        with or_as_before(self):
            before = (self.classes_, self.coef_, self.intercept_) if self._goes_on() else None
            blocks = as_blocks(self, X, y, sample_weight, classifier=True, finite_later=True)
            with searching(self, blocks):
                self._fit_blocks(blocks, before, ends)
        return self

    def _goes_on(self) -> bool:
        return self.warm_start and hasattr(self, "coef_")

    def _fit_blocks(self, blocks: Blocks, before: tuple[Any, Any, Any] | None, ends: float) -> None:
        given = blocks
        blocks, classes, n = encoded(blocks, None, self.class_weight, by_weight=True)
        if len(classes) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data contains only one class: "
                f"{classes[0]!r}"
            )
        models = 1 if len(classes) == 2 else len(classes)
        d = blocks.n_columns or 0
        rows = Rows(blocks)
        assert n is not None
        start = None
        if before is not None:
            start = self._start(before, classes, d)
        found = solve_logistic(
            rows,
            n,
            d,
            models,
            penalty=0.0 if self.penalty is None or _infinite(self.C) else 1.0 / float(self.C),
            centred=self.fit_intercept,
            tol=float(self.tol),
            max_iter=int(self.max_iter),
            solver=self.solver,
            start=start,
            ends=ends,
            if_not_finite=lambda: check_finite(self, given),
        )
        learn_width(self, found.coef.shape[1], None)
        self.classes_ = classes
        self.coef_ = narrowed(found.coef, blocks.dtype)
        self.intercept_ = found.intercept
        self.n_iter_ = np.array([found.iterations], dtype=np.int32)
        self.duality_gap_ = found.gap
        tell(self, found)

    def _start(self, before: tuple[Any, Any, Any], classes: NDArray[Any], d: int) -> NDArray[np.float64]:
        known, coef, intercept = before
        if not np.array_equal(known, classes) or (d and coef.shape[1] != d):
            raise ValueError(
                f"warm_start=True goes on with {coef.shape[1]} columns and the classes {known.tolist()}, and the data have "
                f"{d} and {classes.tolist()}; use warm_start=False"
            )
        level = intercept if self.fit_intercept else np.zeros(len(coef))
        return np.column_stack([coef, level]).astype(np.float64)

    def predict_proba(self, X: Any, out: Any = None) -> Any:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like or CSR of shape (n, d), or Blocks
        out : path, optional
            As in `predict`.

        Returns
        -------
        ndarray of shape (n, classes); the path where `out` is given.
        """
        return self._apply(X, self._chances, out)

    def _chances(self, scores: NDArray[np.float64], dtype: Any) -> NDArray[np.float64]:
        """Probabilities of scores."""
        if scores.ndim == 1:
            return np.column_stack([expit(-scores), expit(scores)])
        return np.asarray(softmax(scores, axis=1))

    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _check(self) -> float:
        """Seconds that the fit may take."""
        if isinstance(self.penalty, str) and self.penalty in ("l1", "elasticnet"):
            raise ValueError(
                f"penalty={self.penalty!r} is not offered by LogisticRegression: it must be 'l2' or None; "
                "SGDClassifier(penalty=...) learns it"
            )
        check_choice("penalty", self.penalty, ("deprecated", "l2", None))
        check_number("C", np.finfo(float).max if _infinite(self.C) else self.C, 0, open_low=True)
        if self.penalty is None and self.C != 1.0 and not _infinite(self.C):
            warnings.warn(
                f"LogisticRegression: C={self.C!r} has no effect with penalty=None", UserWarning, stacklevel=3
            )
        if self.l1_ratio is not None and check_number("l1_ratio", self.l1_ratio, 0, 1) != 0:
            raise ValueError(
                f"l1_ratio={self.l1_ratio!r} is not offered by LogisticRegression: it must be 0 or None; "
                "SGDClassifier(penalty='elasticnet') learns it"
            )
        if check_flag("dual", self.dual):
            raise ValueError("dual=True is not offered: it must be False, which solves the same problem")
        if check_number("intercept_scaling", self.intercept_scaling) != 1:
            raise ValueError(
                f"intercept_scaling must be 1, got {self.intercept_scaling!r}: the intercept is not penalised, so that scaling it "
                "has no effect"
            )
        check_random_state(self.random_state)
        if str(self.solver) in OTHERS:
            raise ValueError(
                f"solver={self.solver!r} is not offered: it must be 'auto', 'lbfgs' or 'newton-cholesky', which reach the same minimum"
            )
        if self.n_jobs is not None:
            raise ValueError(
                f"n_jobs={self.n_jobs!r} is not used: all classes share a walk; leave it None, see n_threads"
            )
        return check_search(self)


def _infinite(C: Any) -> bool:
    return isinstance(C, (float, np.floating)) and bool(np.isposinf(C))

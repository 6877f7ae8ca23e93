"""LinearRegression: ordinary least squares, the solution of minimum norm where many are as good."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg

from esker._native import core
from esker._parameters import check_choice, check_flag, check_integer, check_jobs, check_number
from esker.linear_model._ridge_sketch import SKETCHES, check_sketch
from esker.linear_model._solve import Solution, check_refine
from esker.linear_model.ridge import Ridge

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LinearRegression"]


class LinearRegression(Ridge):
    """Ordinary least squares: minimises ``||y - X w - b||^2``.

    `Ridge` without a penalty: one pass sums X'X and X'y, centred, in float64; where conditioning costs digits and the rows can
    be read again, true residuals correct for it. Columns that depend on each other get the coefficients of minimum norm, with
    a warning.

    Parameters
    ----------
    fit_intercept : bool
    copy_X : bool
        X is neither copied nor overwritten, whichever is chosen.
    tol : float
        Of scikit-learn's iteration on sparse X, which is not used here; 1e-6 only.
    n_jobs : int, optional
        Threads; None and -1 take all that this process may use, -2 all but one.
    positive : bool
        The minimum over coefficients of at least 0.
    max_memory : int or str, optional
        Bytes, or a size such as ``"512MB"``. Of this and the ``max_memory`` of `open_blocks` the smaller holds.
    checkpoint : path, optional
        As in `Ridge`.
    verbose : int
        1 prints rows a second while rows are summed.
    keep_state : bool
        Keep the sums as ``state_``, so that `partial_fit` can go on; 8 d (d + 1) bytes. Sums of at most 1 MB are kept
        in any case, unless the dual problem was solved.
    refine : {"auto", True, False} or int
        Passes of true residuals, as in `Ridge`.
    solver : {"auto", "sketch", "sketch-and-solve"}
        "auto" sums X'X, and refines. The others are those of `Ridge`; "sketch-and-solve" has the risk of about `sketch_size` rows in place
        of all.
    max_iter : int, optional
        Iterations of "sketch", 300 by default.
    random_state : int, RandomState or None
        Of the sketches.
    sketch_size, n_sketches
        As in `Ridge`.

    Attributes
    ----------
    coef_ : ndarray of shape (d,) or, where y has two dimensions, (n_targets, d)
        In X's dtype.
    intercept_ : float or ndarray of shape (n_targets,)
        float64, and consistent with the rounded ``coef_``.
    rank_ : int
        Of X, less its mean with ``fit_intercept``, to working precision. Not with ``positive=True``.
    singular_ : ndarray of shape (min(n, d),)
        Singular values of X, less its mean with ``fit_intercept`` and with the weights' roots on its rows. Computed from
        ``state_`` when asked for, in O(d^3), where there is one; those below 1e-8 of the largest are rounding.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        Where X had names.
    n_iter_, solver_, rcond_, suboptimality_, backward_error_, error_estimate_, state_
        As in `Ridge`.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import LinearRegression
    >>> X = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 3.0]])
    >>> model = LinearRegression().fit(X, X @ [1.0, 2.0] + 3.0)
    >>> np.round(model.coef_, 12).tolist(), round(float(model.intercept_), 12), model.rank_
    ([1.0, 2.0], 3.0, 2)
    """

    # What Ridge has as parameters.
    alpha = 0.0

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        tol: float = 1e-6,
        n_jobs: int | None = None,
        positive: bool = False,
        max_memory: int | str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        verbose: int = 0,
        keep_state: bool = False,
        refine: Any = "auto",
        solver: str = "auto",
        max_iter: int | None = None,
        random_state: Any = None,
        sketch_size: int | None = None,
        n_sketches: int = 1,
    ) -> None:
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.tol = tol
        self.n_jobs = n_jobs
        self.positive = positive
        self.max_memory = max_memory
        self.checkpoint = checkpoint
        self.verbose = verbose
        self.keep_state = keep_state
        self.refine = refine
        self.solver = solver
        self.max_iter = max_iter
        self.random_state = random_state
        self.sketch_size = sketch_size
        self.n_sketches = n_sketches

    @property
    def n_threads(self) -> int | None:  # type: ignore[override]
        jobs = self.n_jobs
        if jobs is None or jobs == -1:
            return None
        return jobs if jobs > 0 else max(1, int(core.config()["threads"]) + 1 + jobs)

    @property
    def singular_(self) -> NDArray[np.float64]:
        state = self.__dict__.get("state_")
        if state is None:
            raise AttributeError(
                "singular_ is computed from the sums of the rows, which were not kept; use LinearRegression(keep_state=True)"
            )
        matrix = state.finish()
        if not self.fit_intercept:
            matrix += state.weight * np.outer(state.mean_x, state.mean_x)
        squares = linalg.eigvalsh(matrix)[::-1]
        return np.asarray(np.sqrt(np.maximum(squares, 0.0))[: min(state.rows, state.cols)])

    def _twin_parameters(self) -> dict[str, Any]:
        return {"fit_intercept": self.fit_intercept, "copy_X": self.copy_X, "positive": self.positive}

    def _take(self, *args: Any) -> None:
        super()._take(*args)
        if not args[-1]:  # y of shape (n, 1) has coefficients (1, d) here, unlike those of Ridge
            self.coef_ = np.atleast_2d(self.coef_)

    def _publish(self, found: Solution, mean: NDArray[np.float64], dtype: np.dtype[Any], flat: bool) -> None:
        super()._publish(found, mean, dtype, flat)
        self.__dict__.pop("rank_", None)
        if found.rank is not None:
            self.rank_ = found.rank

    def _check(self) -> None:
        self._check_common()
        check_flag("positive", self.positive)
        check_refine(self.refine)
        check_jobs(self.n_jobs)
        check_choice("solver", self.solver, ("auto", *SKETCHES))
        check_sketch(self)
        if self.positive and self.solver != "auto":
            raise ValueError(
                f"positive=True has a solver of its own: leave solver='auto', got {self.solver!r}"
            )
        if self.max_iter is not None:
            check_integer("max_iter", self.max_iter, 1)
            if self.solver != "sketch":
                raise ValueError(
                    f"max_iter is of solver='sketch' and has no effect with solver={self.solver!r}: leave it at None, got "
                    f"{self.max_iter!r}"
                )
        if check_number("tol", self.tol, 0) != 1e-6:
            raise ValueError(
                f"tol is of an iterative solver, which LinearRegression does not use: leave it at 1e-6, got {self.tol!r}"
            )

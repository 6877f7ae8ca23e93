"""RidgeClassifier: least squares on labels as -1 and 1, one regression a class, from one walk over the rows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from esker.folds import Gram
from esker.linear_model._base import LinearClassifier
from esker.linear_model._input import check_finite
from esker.linear_model._ridge_labels import RidgeLabels
from esker.linear_model._solve import solve_ridge
from esker.linear_model.ridge import Ridge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esker.blocks import Blocks

__all__ = ["RidgeClassifier"]


class RidgeClassifier(RidgeLabels, LinearClassifier):
    """Classifier by ridge regression on labels of -1 and 1; with several classes, one regression for each.

    One walk sums X'X and, for each class, the rows that have it; classes need not be known before.

    Parameters
    ----------
    alpha : float
        The penalty, at least 0; or one for each of three classes or more.
    fit_intercept, copy_X, max_iter, tol, solver, positive, random_state
        As of `Ridge`.
    class_weight : dict or "balanced", optional
        What a row of each class weighs more; "balanced" is ``n / (classes * rows of the class)``.
    max_memory, checkpoint, n_threads, verbose, keep_state, refine
        As of `Ridge`.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
    multilabel_ : bool
        Whether y has a column of 0 and 1 for each label; then `predict` has, too.
    coef_ : ndarray of shape (d,) for two classes, else (classes, d)
        In X's dtype.
    intercept_ : ndarray of shape (1,) or (classes,)
        0.0 without an intercept.
    n_features_in_, feature_names_in_, n_iter_, solver_, rcond_, suboptimality_, plan_, state_
        As of `Ridge`.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import RidgeClassifier
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> RidgeClassifier().fit(X, ["no", "no", "yes", "yes"]).predict([[0.4], [2.6]]).tolist()
    ['no', 'yes']
    """

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        class_weight: Mapping[Any, float] | str | None = None,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
        max_memory: int | str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        n_threads: int | None = None,
        verbose: int = 0,
        keep_state: bool = False,
        refine: Any = "auto",
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight
        self.solver = solver
        self.positive = positive
        self.random_state = random_state
        self.max_memory = max_memory
        self.checkpoint = checkpoint
        self.n_threads = n_threads
        self.verbose = verbose
        self.keep_state = keep_state
        self.refine = refine

    def _twin_parameters(self) -> dict[str, Any]:
        return {
            "alpha": self.alpha,
            "fit_intercept": self.fit_intercept,
            "copy_X": self.copy_X,
            "class_weight": self.class_weight,
        }

    def _regression(self) -> Ridge:
        """The regression on -1 and 1 that this is."""
        parameters = self.get_params(deep=False)
        del parameters["class_weight"]
        return Ridge(**parameters)

    def _check(self) -> None:
        self._regression()._check()

    def _check_stream(self, targets: int | None) -> None:
        # Which classes there are, and so whether alphas fit, only the rows tell.
        self._regression()._check_stream(None)

    def _fit_blocks(self, blocks: Blocks) -> None:
        model = self._regression()
        self.plan_ = model._planned(blocks)
        # Sums of indicators become those of -1 and 1 once labels are known; other ways want the labels before the rows.
        if self.plan_["solver"] not in ("sparse_cg", "dual") and not self.plan_["packed"]:
            super()._fit_blocks(blocks)
            return
        check_finite(self, blocks)
        self._know_labels(blocks)
        model._fit_blocks(self._signed_rows(blocks))
        for name, value in vars(model).items():
            if name.endswith("_") and not name.startswith("_") and name not in ("state_", "plan_"):
                setattr(self, name, value)

    def _refuse_wide(self, blocks: Blocks, states: int = 1) -> None:
        super()._refuse_wide(blocks, 2 + states if self.positive else states)

    def _refuse_width(self, d: int) -> None:
        if self.solver != "sparse_cg":
            super()._refuse_width(d)

    def _solve(self, state: Gram, blocks: Blocks | None, dtype: np.dtype[Any], flat: bool) -> None:
        alpha = np.asarray(self.alpha, dtype=np.float64)
        if alpha.ndim and ((state.targets == 2 and not self.multilabel_) or alpha.shape != (state.targets,)):
            raise ValueError(
                "alpha must be a number, or one number a class where there are three or more: "
                f"got shape {alpha.shape} for {state.targets} classes"
            )
        found = solve_ridge(
            self._signed_state(state),
            alpha,
            fit_intercept=self.fit_intercept,
            blocks=None if blocks is None else self._signed_rows(blocks),
            precision=dtype.name,
            refine=self.refine,
            positive=self.positive,
            method="svd" if self.solver == "svd" else "cholesky",
        )
        self._take(found.coef, found.at_mean, state.mean_x, dtype, flat)
        self.solver_, self.rcond_ = found.solver, float(found.rcond)
        self.n_iter_ = 1 + found.passes
        self.suboptimality_ = float(found.suboptimality)

"""What SGDClassifierCV and SGDRegressorCV share: the grid, the walks, and which penalty is taken."""

from __future__ import annotations

import inspect
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import is_classifier

from esker._native import threads
from esker._parameters import check_choice
from esker.blocks.memory import physical_memory, show_size
from esker.folds import Sgd
from esker.learning import learn
from esker.linear_model._base import FITTED, learn_width
from esker.linear_model._fold_grams import splits_of
from esker.linear_model._sgd import SGD
from esker.linear_model._sgd_folds import Candidate, FoldRows, Lanes, fold_losses
from esker.linear_model._sgd_lanes import raced_rates
from esker.linear_model._sgd_parameters import check
from esker.linear_model._sgd_rows import counted, held_bytes, measure, share_held_out
from esker.linear_model._sgd_steps import new_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.linear_model._sgd_parameters import Checked

__all__ = ["ATTRIBUTES", "PARAMETERS_CV", "SGDCV"]


class SGDCV(SGD):
    """The grid, the walks, and which penalty is taken; beside the plain class, whose parameters they share."""

    _plain: type[Any]

    def _grid(self) -> list[Candidate]:
        """Every alpha with every rate that is named."""
        check_choice("select", self.select, ("min", "1se"))
        alphas = np.unique(np.atleast_1d(np.asarray(self.alphas, dtype=np.float64)))
        several = self.eta0 is not None and np.ndim(self.eta0) > 0
        rates = sorted({float(r) for r in self.eta0}) if several else [self.eta0]
        if not len(alphas) or not rates or np.ndim(self.alphas) > 1:
            raise ValueError(
                f"alphas and eta0 must name something to choose from, got {self.alphas!r} and {self.eta0!r}"
            )
        if self.penalty is None:
            raise ValueError("alphas has no effect with penalty=None; use 'l2', 'l1' or 'elasticnet'")
        if self.learning_rate == "coin":
            raise ValueError(
                "learning_rate='coin' has no penalty and no rate, so that nothing is to be chosen; use SGDClassifier or SGDRegressor"
            )
        if np.ndim(getattr(self, "quantile", 0.5)):
            raise ValueError(
                f"quantile must be one number where alpha is chosen by its loss, got {self.quantile!r}; "
                "fit SGDRegressor with several quantiles and the alpha that is chosen"
            )
        return [
            Candidate(float(a), r, check(self._one(float(a), r), self._losses)) for a in alphas for r in rates
        ]

    def _one(self, alpha: float, eta0: Any) -> Any:
        """The plain model of one candidate."""
        shared = set(inspect.signature(self._plain).parameters) & set(self.get_params(deep=False))
        return self._plain(
            **{name: getattr(self, name) for name in shared - {"eta0"}}, alpha=alpha, eta0=eta0
        )

    def _search(self, blocks: Blocks, n_rows: int | None, targets: list[int]) -> Self:
        """Walk with all folds, or with as many as there is memory for; choose; set what that tells."""
        started, grid = perf_counter(), self._grid()
        seed, _ = self._seed(None)
        measure(blocks)
        n_rows = blocks.n_rows if n_rows is None else n_rows
        share = share_held_out(self, *counted(blocks, n_rows))
        blocks.reserve(held_bytes(blocks, n_rows, share), "a held-out set to decide by")
        rows = FoldRows(splits_of(blocks, self.cv, classifier=is_classifier(self)), n_rows or 0)
        lanes, at_once = self._lanes(blocks, grid, targets, rows.k + 1)
        plan = self._schedule(seed=seed, holdout=share, started=started)
        losses, width = [], 0
        with threads(self.n_threads):
            for first in range(0, rows.k + 1, at_once):
                folds = list(range(first, min(first + at_once, rows.k + 1)))
                observe = self._show if self.verbose else None
                learned = learn(blocks, lanes.group(folds, rows), plan, observe=observe)  # type: ignore[arg-type]  # a group of Sgd
                self._refuse_stopped(learned.stop_reason)
                group: Any = learned.state
                if not group.steps:
                    raise ValueError(
                        f"sample_weight is zero in every row of {blocks.source}; at least one row needs a positive weight"
                    )
                group.widen(max(group.cols, width))
                width = group.cols
                models = lanes.models(group, folds)
                del group
                losses.append(fold_losses(blocks, rows, models, len(grid), len(targets), seed, share))
        learn_width(self, width, None)
        self.n_iter_, self.t_ = learned.n_iter, float(learned.rows + 1)
        self.history_, self.stop_reason_ = learned.history, learned.stop_reason
        best = self._choose(grid, -np.concatenate(losses, axis=1))
        self._take(lanes.winner(models[rows.k], best), blocks.dtype)
        self.alpha_ = grid[best].alpha
        self._warn(learned.stop_reason, learned.falling)
        return self

    def _lanes(
        self, blocks: Blocks, grid: list[Candidate], targets: list[int], folds: int
    ) -> tuple[Lanes, int]:
        """The lanes of a fold, and how many folds' there is memory for at once."""
        columns, memory = blocks.n_columns or 1, blocks.max_memory
        races = [c for c in grid if c.checked.stepping.rate is None]
        rates = raced_rates(None, max(1, len(races)) * len(targets), columns, memory)[0]

        def make(of: list[int], rate: list[float], l1: list[float], l2: list[float], checked: Checked) -> Sgd:
            return new_state(self, checked, of, rate, l1, l2)

        lanes = Lanes(grid, targets, rates, make)
        need = lanes.nbytes(columns)
        what = f"{type(self).__name__} with {len(grid)} candidates x {len(targets)} target{'s' * (len(targets) > 1)}"
        if need > 0.9 * physical_memory():
            raise ValueError(
                f"{what} takes {show_size(need)} a fold, and this machine has {show_size(physical_memory())}; "
                "give fewer alphas, or name one rate with eta0="
            )
        room = (physical_memory() if memory is None else memory - blocks.reserved) // 2
        at_once = int(min(folds, max(1, room // need)))
        blocks.reserve(at_once * need, what)
        return lanes, at_once

    def _refuse_stopped(self, reason: str) -> None:
        if reason == "interrupted":
            raise KeyboardInterrupt

    def _choose(self, grid: list[Candidate], scores: NDArray[np.float64]) -> int:
        """Set what the scores tell, and say which candidate is taken."""
        k = scores.shape[1]
        alphas = np.unique([c.alpha for c in grid])
        shape = (len(alphas), -1, k) if np.ndim(self.eta0) > 0 else (len(alphas), k)
        mean, error = scores.mean(axis=1), scores.std(axis=1, ddof=1) / np.sqrt(k)
        best = int(np.argmax(mean))
        if self.select == "1se":  # the strongest penalty that is no worse beyond one standard error
            near = [i for i, c in enumerate(grid) if mean[i] >= mean[best] - error[best]]
            strongest = max(grid[i].alpha for i in near)
            best = max((i for i in near if grid[i].alpha == strongest), key=lambda i: mean[i])
        self.alphas_, self.scores_ = alphas, scores.reshape(shape)
        self.standard_errors_ = error.reshape(shape[:-1])
        self.best_score_ = float(mean[best])
        if np.ndim(self.eta0) > 0:
            self.eta0_ = grid[best].eta0
        return best

    def to_sklearn(self) -> Any:
        """A fitted scikit-learn model of the plain class with equal predictions; it needs no esker."""
        one = self._one(self.alpha_, getattr(self, "eta0_", self.eta0))
        for name in FITTED:
            if hasattr(self, name):
                setattr(one, name, getattr(self, name))
        return one.to_sklearn()


#: The numpydoc entries of what both classes have beside the plain class's parameters.
PARAMETERS_CV = """
    alphas : array-like of shape (alphas,)
        Penalties to try.
    eta0 : float, array-like or None
        None races several rates for each alpha and fold, as the plain class does. Several numbers are chosen from by the
        folds, beside the alphas.
    cv : int, splitter or iterable of (train, test), optional
        None is 5 folds. Splitters and lists of rows are for arrays. Folds of rows at known places (arrays, ``.npy``) are
        scikit-learn's; of other Blocks a row's fold is drawn by its key.
    select : {"min", "1se"}
        "min" takes the best score; "1se" the strongest penalty whose score is within one standard error of the best.
    """

#: What a search tells.
ATTRIBUTES = """
    alpha_ : float
    eta0_ : float
        Where several were given.
    alphas_ : ndarray of shape (alphas,)
        Sorted.
    scores_ : ndarray of shape (alphas, folds), or (alphas, rates, folds) where eta0 is several
        Minus the mean loss on the fold's rows, by models that have not seen them: higher is better.
    standard_errors_ : ndarray of shape (alphas,) or (alphas, rates)
        Of the mean of the folds' scores.
    best_score_ : float
        The mean score of what was taken.
"""

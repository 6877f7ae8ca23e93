"""What ElasticNetCV and LassoCV share: one walk sums each fold's rows; paths and their held-out errors follow from the sums."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.model_selection import check_cv
from sklearn.utils._metadata_requests import _raise_for_params
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metadata_routing import _routing_enabled as routing_enabled

from esker._native import core, threads
from esker._parameters import check_integer, check_jobs, check_number
from esker.linear_model._as_before import or_as_before
from esker.linear_model._base import LinearRegressor, as_blocks, learn_width
from esker.linear_model._coordinate import Rules, alpha_grid, check_alphas, check_descent, descend, rules_of
from esker.linear_model._fold_grams import FoldGrams, fold_grams, splits_of
from esker.linear_model._gram_model import GramModel
from esker.linear_model._gram_walk import sum_rows
from esker.linear_model._input import check_finite, check_sums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks
    from esker.folds import Gram
    from esker.linear_model.elastic_net import ElasticNet

__all__ = ["PathCV"]

#: Training sums of all folds are made at once up to so many bytes; beyond, those of a fold or two at a time.
AT_ONCE = 64 << 20


class PathCV(LinearRegressor):
    """What `ElasticNetCV` and `LassoCV` share: everything but their parameters."""

    alphas: Any
    cv: Any
    eps: float
    fit_intercept: bool
    l1_ratio: Any
    n_jobs: int | None
    n_threads: int | None
    positive: bool
    verbose: Any

    _refuse_width = GramModel._refuse_width  # as_blocks asks for it where only reading tells the width

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any) -> Self:
        """Choose alpha (and l1_ratio) by cross-validation, and fit all rows with it.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks
        y : array-like of shape (n,); None for Blocks, which bring it
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks
            Weighs rows in training and in each fold's error; the folds' errors are averaged alike.
        **params
            For the splitter, where scikit-learn's metadata routing is enabled.

        Returns
        -------
        self
        """
        _raise_for_params(params, self, "fit")
        wanted = self._check()
        with or_as_before(self):
            blocks = as_blocks(self, X, y, sample_weight, finite_later=True)
            model = self._final()
            with threads(self._threads()):
                folds, pairs = self._fold(blocks, model, params, sample_weight)
                whole = folds.grams[0] if pairs is not None else folds.training()
                model._refuse_empty(whole, blocks)
                learn_width(self, whole.cols, None)
                grids = self._grids(whole, wanted)
                self._choose(
                    grids,
                    self._errors(folds, pairs, grids, whole.cols, blocks),
                    given=not isinstance(wanted, int),
                )
                model.set_params(alpha=self.alpha_)
                if "l1_ratio" in self.get_params():
                    model.set_params(l1_ratio=self.l1_ratio_)
                model._solve(whole, None, blocks.dtype, True)
            for name in ("coef_", "intercept_", "dual_gap_", "n_iter_"):
                setattr(self, name, getattr(model, name))
        return self

    # --- the walk ---

    def _fold(
        self, blocks: Blocks, model: ElasticNet, params: Any, sample_weight: Any
    ) -> tuple[FoldGrams, list[tuple[Gram, Gram]] | None]:
        """The sums of each fold's rows."""
        parted: Any = {}
        if routing_enabled():
            parted = process_routing(self, "fit", sample_weight=sample_weight, **params).splitter.split
        splits = splits_of(blocks, self.cv, params=parted)
        size = 1 if blocks.n_columns is None else 8 * blocks.n_columns * (blocks.n_columns + 1)
        trained = splits.k if splits.fold_of is None else min(splits.k, self._batch(size))
        model._refuse_wide(blocks, splits.k + 1 + trained)
        if blocks.n_columns is not None:
            beside = int(core.config()["threads"]) - 1
            blocks.reserve(beside * model._solving_bytes(blocks.n_columns), "paths that are followed at once")

        def walk(update: Any) -> None:
            name = type(self).__name__
            sum_rows(blocks, update, verbose=int(self.verbose), name=name, long=splits.stretches)

        def one_target(block: Block, states: Any) -> Block:
            return block if block.y is None or block.y.ndim == 1 else replace(block, y=block.y[:, 0])

        folds, pairs = fold_grams(splits, walk, one_target)
        if not all(gram.finite for gram in [*folds.grams, *(g for pair in pairs or () for g in pair)]):
            check_finite(self, blocks)
        for gram in folds.grams:
            check_sums(gram, self.fit_intercept)
        return folds, pairs

    # --- paths ---

    def _ratios(self) -> list[float]:
        return [float(r) for r in np.atleast_1d(self.l1_ratio)]

    def _grids(self, whole: Gram, wanted: int | NDArray[np.float64]) -> NDArray[np.float64]:
        """The alphas of each l1_ratio, shape (r, k)."""
        if not isinstance(wanted, int):
            return np.tile(wanted, (len(self._ratios()), 1))
        centred, positive = bool(self.fit_intercept), bool(self.positive)
        return np.array(
            [
                alpha_grid(whole, r, self.eps, wanted, centred=centred, positive=positive)
                for r in self._ratios()
            ]
        )

    def _batch(self, size: int) -> int:
        """How many folds' paths are followed at once, for sums of so many bytes."""
        return max(AT_ONCE // size, int(core.config()["threads"]))

    def _errors(
        self,
        folds: FoldGrams,
        pairs: list[tuple[Gram, Gram]] | None,
        grids: NDArray[np.float64],
        cols: int,
        blocks: Blocks,
    ) -> NDArray[np.float64]:
        """Mean squared errors on held-out rows, shape (r, folds, k)."""
        k = len(folds.grams) if pairs is None else len(pairs)
        tests = folds.grams if pairs is None else [test for _, test in pairs]
        for i, test in enumerate(tests):
            if test.weight == 0:
                raise ValueError(
                    f"fold {i} of {k} of {blocks.source} has no row of positive weight to test with; use fewer folds"
                )
            test.widen(cols)
        ratios, rules = self._ratios(), rules_of(self)
        errors = np.empty((len(ratios), k, grids.shape[1]))
        batch = self._batch(8 * cols * (cols + 1))
        for begin in range(0, k, batch):
            those = range(begin, min(k, begin + batch))
            trained = [folds.training(i) if pairs is None else pairs[i][0] for i in those]
            for i, gram in zip(those, trained):
                if gram.weight == 0:
                    raise ValueError(
                        f"without fold {i} no row of {blocks.source} has a positive weight to train on"
                    )
                gram.widen(cols)
            for (r, i), found in zip(
                ((r, i) for r in range(len(ratios)) for i in those), _followed(trained, grids, ratios, rules)
            ):
                errors[r, i] = core.enet_errors(
                    tests[i]._state, trained[i - begin]._state, found, rules.centred
                )
        return errors

    def _choose(self, grids: NDArray[np.float64], errors: NDArray[np.float64], *, given: bool) -> None:
        """Set what is known of the alphas."""
        mean = errors.mean(axis=1)
        best = mean.min(axis=1)
        r = int(np.argmin(best))
        self.mse_path_ = np.squeeze(np.moveaxis(errors, 2, 1))
        self.alpha_ = grids[r, int(np.argmin(mean[r]))]
        self.alphas_ = grids[0] if given or len(grids) == 1 else grids
        if "l1_ratio" in self.get_params():
            self.l1_ratio_ = self._ratios()[r]

    # --- parameters ---

    def _final(self) -> ElasticNet:
        raise TypeError(f"{type(self).__name__} must define _final")

    def _given(self, *more: str) -> dict[str, Any]:
        names = (
            "fit_intercept",
            "max_iter",
            "copy_X",
            "tol",
            "positive",
            "random_state",
            "selection",
            "max_memory",
        )
        return {name: getattr(self, name) for name in (*names, *more)}

    def _threads(self) -> int | None:
        return self.n_threads if self.n_jobs is None else effective_n_jobs(self.n_jobs)

    def _check(self) -> int | NDArray[np.float64]:
        self._final()._check()
        if not isinstance(self.verbose, bool):
            check_integer("verbose", self.verbose, 0)
        check_jobs(self.n_jobs)
        check_descent(self)
        check_number("eps", self.eps, 0, open_low=True)
        for i, ratio in enumerate(np.atleast_1d(np.asarray(self.l1_ratio, dtype=object))):
            check_number("l1_ratio" if np.ndim(self.l1_ratio) == 0 else f"l1_ratio[{i}]", ratio, 0, 1)
        if np.ndim(self.l1_ratio) > 1 or np.size(self.l1_ratio) == 0:
            raise ValueError(f"l1_ratio must be a number in [0, 1] or a list of them, got {self.l1_ratio!r}")
        if self.n_jobs is not None and self.n_threads is not None:
            raise ValueError("n_jobs and n_threads both say how many threads to use; give one of them")
        return check_alphas(self.alphas)

    def _twin_parameters(self) -> dict[str, Any]:
        loose = ("max_memory", "n_threads", "copy_X", "verbose")
        return {name: value for name, value in self.get_params(deep=False).items() if name not in loose}

    def to_sklearn(self) -> Any:
        """A fitted scikit-learn estimator of the same name with equal predictions; it needs no esker."""
        twin = super().to_sklearn()
        for name in ("alpha_", "l1_ratio_", "alphas_", "mse_path_", "dual_gap_"):
            if hasattr(self, name):
                setattr(twin, name, getattr(self, name))
        return twin

    def get_metadata_routing(self) -> Any:
        """How scikit-learn routes metadata: sample_weight to ``fit``, the rest to the splitter."""
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(splitter=check_cv(self.cv), method_mapping=MethodMapping().add(caller="fit", callee="split"))
        )


def _followed(
    grams: list[Gram], grids: NDArray[np.float64], ratios: list[float], rules: Rules
) -> Iterator[NDArray[np.float64]]:
    """The coefficients (k, d) of each l1_ratio and, within it, each Gram."""
    n = len(grams)
    found = descend(grams * len(ratios), np.repeat(grids, n, axis=0), np.repeat(ratios, n).tolist(), rules)
    return iter(found.coefs)

"""Ridge with its alpha chosen among many: leave-one-out, true GCV or K folds, each from the sums of one walk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import sklearn
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring, get_scorer
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from esker.blocks import ArrayBlocks, Block, Blocks
from esker.blocks.memory import as_float64, physical_memory
from esker.folds import Gram
from esker.linear_model._alpha_parameters import check_search, grid
from esker.linear_model._alpha_scores import chosen, scorer_scores, takes_weights
from esker.linear_model._fold_grams import fold_grams, splits_of
from esker.linear_model._gram_model import GramModel
from esker.linear_model._gram_walk import sum_rows
from esker.linear_model._input import check_finite, check_rows, check_squares, check_sums, learn_width
from esker.linear_model._leave_one_out import LeftOut, by_kernel, by_rotation, kernel_bytes, of_one_row
from esker.linear_model._packed import sums_bytes
from esker.linear_model._ridge_folds import METRICS, FoldModel, fold_rows, scores_by_sums
from esker.linear_model._ridge_sums import Spectrum, Sums, gcv_scores
from esker.linear_model._solve import solve_ridge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.linear_model._ridge_sums import Floats

__all__ = ["AlphaSearch", "streams"]

#: Leverages so near to 1 are found by the kernel matrix, where rows are few enough.
NEAR_ONE = 1e-3


def streams(model: Any) -> bool:
    """Whether a model learns by sums alone; an AttributeError that says why not."""
    if model.cv is None and model.gcv_mode == "gcv":
        return True
    raise AttributeError(
        f"{type(model).__name__} scores alphas by leaving rows out, which reads rows again; gcv_mode='gcv' needs their sums "
        "alone, so that it learns by partial_fit and forget, and models merge"
    )


class AlphaSearch(GramModel):
    """Mixin before `LinearRegressor` or, with `GramClassifier`, `LinearClassifier`: the parameters of scikit-learn's RidgeCV."""

    alphas: Any
    scoring: Any
    cv: Any
    gcv_mode: str | None
    store_cv_results: bool
    alpha_: Any
    best_score_: Any
    scores_: NDArray[np.float64]
    cv_results_: NDArray[Any]

    # --- what a subclass writes: regressors as a matter of course, classifiers in `RidgeLabels` ---

    if TYPE_CHECKING:

        def _indicators(self) -> slice | None:
            """Which of the state's targets are wanted as -1 and 1."""

        def _signed_state(self, state: Gram) -> Gram:
            """The sums with the wanted targets."""

        def _know_labels(self, blocks: Blocks) -> None:
            """Read the labels before any sum."""

        def _signed_rows(self, blocks: Blocks) -> Blocks:
            """The rows with the wanted targets."""

        def _sort_folds(self, folds: Any, pairs: Any) -> None:
            """The walk is over: bring the states' targets into order."""

    @property
    def _per_target(self) -> bool:
        return bool(getattr(self, "alpha_per_target", False))

    # --- fit ---

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any) -> Self:
        """Fit.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks
        y : array-like; None for Blocks, which bring it
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks
        **params
            For the scorer and the splitter (``groups``), where scikit-learn's metadata routing is on.

        Returns
        -------
        self
        """
        routing = bool(sklearn.get_config()["enable_metadata_routing"])
        if params and not routing:
            raise ValueError(
                f"[{', '.join(params)}] are passed but cannot be passed on to scorer and splitter: turn metadata routing on, "
                "sklearn.set_config(enable_metadata_routing=True)"
            )
        scored: dict[str, Any] | None = None
        parted: dict[str, Any] = {}
        if routing:
            if sample_weight is not None:
                params["sample_weight"] = sample_weight
            routed = process_routing(self, "fit", **params)
            scored, parted = dict(routed.scorer.score), dict(routed.splitter.split)
        self._routed, self._parted = scored, parted
        try:
            return super().fit(X, y, sample_weight)
        finally:
            del self._routed, self._parted

    def _fit_blocks(self, blocks: Blocks) -> None:
        self.__dict__.pop("cv_results_", None)
        if self.cv is not None:
            self._fit_folds(blocks)
            return
        if self.gcv_mode != "gcv":
            self._need_again(blocks, "leave-one-out")
            if self._kernel_fits(blocks):
                self._fit_kernel(blocks)
                return
        super()._fit_blocks(blocks)

    def _keep(self, state: Gram) -> None:
        if self.cv is None and self.gcv_mode == "gcv":
            super()._keep(state)

    def _precise(self, blocks: Blocks) -> Blocks:
        """Rows as they are summed: in float64, and without those of weight 0 where rows are counted."""
        counts = self.cv is None and self.gcv_mode == "gcv"
        counts = counts and not (isinstance(blocks, ArrayBlocks) and blocks.sample_weight is None)

        def prepare(block: Block) -> Block:
            block = replace(block, X=as_float64(block.X))
            if not counts or block.sample_weight is None or block.sample_weight.all():
                return block
            at = np.flatnonzero(block.sample_weight)
            return replace(
                block,
                X=block.X[at],
                y=None if block.y is None else block.y[at],
                sample_weight=block.sample_weight[at],
                row_keys=block.keys[at],
            )

        if blocks.dtype == np.float64 and not counts:
            return blocks
        known: dict[str, Any] = {"n_rows": None} if counts else {}
        made = blocks.map(prepare, keeps_targets=not counts, dtype=np.float64, **known)
        made.budget = replace(made.budget, depth=1)  # its blocks are twice as large as what they are made of
        return made

    def _summed(self, blocks: Blocks) -> str:
        return "float64"

    def _solving_bytes(self, d: int) -> int:
        # X'X once more, its eigenvectors while they are found, and as the rotation reads them.
        return 6 * sums_bytes(d)

    def _refuse_wide(self, blocks: Blocks, states: int = 1) -> None:
        super()._refuse_wide(blocks, states)
        if blocks.dtype != np.float64:
            blocks.reserve((4 - blocks.budget.depth) * blocks.block_bytes, "blocks of float64")

    def _need_again(self, blocks: Blocks, what: str) -> None:
        if not blocks.rereadable:
            raise ValueError(
                f"{what} reads the rows twice, and {blocks.source} can be read once; use gcv_mode='gcv', which needs one walk"
            )

    # --- leave-one-out and GCV ---

    def _solve(self, state: Gram, blocks: Blocks | None, dtype: np.dtype[Any], flat: bool) -> None:
        alphas, centred = grid(self.alphas), self.fit_intercept
        sums = Sums.of(state, centred, self._indicators())
        spectrum = Spectrum.of(sums)

        def rows() -> Iterator[Block]:
            assert blocks is not None
            return self._visit(blocks)

        poor = self.gcv_mode == "svd" or (
            self.gcv_mode != "eigen" and not spectrum.sound(sums, float(alphas.min()))
        )
        if poor and blocks is not None:
            spectrum = spectrum.refined(sums, rows)
        if self.gcv_mode == "gcv":
            self._choose(-gcv_scores(sums, spectrum, alphas, centred), flat)
        else:
            if blocks is None:  # a watcher asked to end while the rows were summed
                raise KeyboardInterrupt
            found = by_rotation(
                rows, sums, spectrum, alphas, centred=centred, keep=self._keeps_errors, n_rows=blocks.n_rows
            )
            if found.least < NEAR_ONE and self._few_rows(found.rows, state.cols):
                found = self._by_kernel(self._whole(blocks))
            self._settle(found, flat, dtype)
        self._finish(state, blocks, dtype, flat)

    @property
    def _keeps_errors(self) -> bool:
        return self.store_cv_results or self.scoring is not None

    def _visit(self, blocks: Blocks) -> Iterator[Block]:
        for block in self._signed_rows(blocks):
            yield check_rows(self, block, blocks)

    def _settle(self, found: LeftOut, flat: bool, dtype: np.dtype[Any]) -> None:
        """Scores, and what is stored, from the errors of rows left out."""
        if found.errors is None:
            self._choose(-found.squares / found.rows, flat)
            return
        errors, y = found.errors, found.y
        assert y is not None
        if self.scoring is None:
            self._choose(-found.squares / found.rows, flat)
            kept = np.square(errors, out=errors)
            if found.weight is not None:
                kept *= found.weight[:, None, None]
        else:
            kept = np.subtract(y[:, :, None], errors, out=errors)
            self._choose(self._scored(kept, y, found.weight, flat), flat)
        if self.store_cv_results:
            self.cv_results_ = (kept[:, 0] if flat and not is_classifier(self) else kept).astype(dtype)

    def _scored(self, predictions: Floats, y: Floats, weight: Floats | None, flat: bool) -> Floats:
        scorer = self._scorer()
        if self._routed is None:
            params = {} if weight is None or not takes_weights(scorer) else {"sample_weight": weight}
        else:
            params = dict(self._routed)
            if "sample_weight" in params:
                params["sample_weight"] = np.ones(len(y)) if weight is None else weight
        return scorer_scores(
            scorer,
            predictions,
            y,
            params,
            flat=flat,
            per_target=self._per_target,
            classes=getattr(self, "classes_", None),
            several=getattr(self, "multilabel_", False),
        )

    def _choose(self, scores: Floats, flat: bool) -> None:
        """From scores (alphas,) or (targets, alphas)."""
        if scores.ndim == 2 and not self._per_target:
            scores = scores.mean(axis=0)
        self.scores_ = scores
        self.alpha_, self.best_score_ = chosen(scores, grid(self.alphas), self._per_target, flat)

    def _finish(self, state: Gram, blocks: Blocks | None, dtype: np.dtype[Any], flat: bool) -> None:
        """Coefficients of the chosen alpha: what Ridge makes of the same sums."""
        found = solve_ridge(
            self._signed_state(state),
            self.alpha_,
            fit_intercept=self.fit_intercept,
            blocks=None if blocks is None else self._signed_rows(blocks),
            precision=dtype.name,
        )
        self._take(found.coef, found.at_mean, state.mean_x, dtype, flat)
        self.solver_, self.rcond_ = found.solver, float(found.rcond)
        self.suboptimality_ = float(found.suboptimality)

    # --- few rows ---

    def _few_rows(self, n: int, d: int) -> bool:
        return n <= max(2 * d, 500) and kernel_bytes(n) < 0.3 * physical_memory()

    def _kernel_fits(self, blocks: Blocks) -> bool:
        n, d = blocks.n_rows, blocks.n_columns
        if n is None or d is None or n > d or self.checkpoint is not None:
            return False
        held = blocks.whole() is not None
        size = d if not blocks.is_sparse else (blocks.nnz or n * d) / n * 2
        need = kernel_bytes(n) + (0 if held else int(n * size * blocks.dtype.itemsize))
        if blocks.max_memory is None:
            return need < 0.8 * physical_memory()
        return need + 2 * blocks.block_bytes < blocks.max_memory

    def _fit_kernel(self, blocks: Blocks) -> None:
        from esker.linear_model.ridge import Ridge

        check_finite(self, blocks)
        self._know_labels(blocks)
        block = self._signed_rows(blocks).take_all()
        if block.y is None:
            raise ValueError(f"{type(self).__name__} needs a target, and {blocks.source} has none")
        flat = block.y.ndim == 1
        with np.errstate(over="ignore"):
            check_squares(np.square(block.y).sum(axis=0).reshape(-1))
        self._settle(self._by_kernel(self._as_float(block)), flat, blocks.dtype)
        model = Ridge(self.alpha_, fit_intercept=self.fit_intercept, n_threads=self.n_threads)
        model._fit_dual(ArrayBlocks(block.X, block.y, block.sample_weight, check_finite=False))
        self.coef_, self.intercept_ = model.coef_, model.intercept_
        self.solver_, self.rcond_ = model.solver_, model.rcond_
        self.suboptimality_ = model.suboptimality_

    def _whole(self, blocks: Blocks) -> Block:
        return self._as_float(self._signed_rows(blocks).take_all())

    @staticmethod
    def _as_float(block: Block) -> Block:
        return replace(block, y=block.raw_y())

    def _by_kernel(self, block: Block) -> LeftOut:
        weight = block.sample_weight
        counted = len(block) if weight is None else int(np.count_nonzero(weight))
        if counted == 1 and self.fit_intercept and self.scoring is None:
            return of_one_row(block, len(grid(self.alphas)), self._keeps_errors)
        svd = {"svd": True, "eigen": False}.get(self.gcv_mode or "auto")
        return by_kernel(
            block, grid(self.alphas), centred=self.fit_intercept, keep=self._keeps_errors, svd=svd
        )

    # --- K folds ---

    def _fit_folds(self, blocks: Blocks) -> None:
        labels = is_classifier(self)
        splits = splits_of(blocks, self.cv, classifier=labels, params=self._parted)
        self._refuse_wide(blocks, splits.k + 2)
        check_finite(self, blocks)
        seen = {"flat": True}

        def encode(block: Block, states: Any) -> Block:
            if block.y is not None:
                seen["flat"] = block.y.ndim == 1
            block = self._encode(block)
            self._grow(states, block.y.shape[1] if block.y is not None and block.y.ndim == 2 else 1)
            return block

        precise = self._precise(blocks)
        folds, pairs = fold_grams(
            splits, lambda absorb: sum_rows(precise, absorb, verbose=self.verbose), encode
        )
        self._sort_folds(folds, pairs)
        whole = folds.training()
        self._refuse_empty(whole, blocks)
        check_sums(whole, self.fit_intercept)
        learn_width(self, whole.cols, None)
        alphas = grid(self.alphas)
        trains = (
            (folds.training(i) for i in range(splits.k)) if pairs is None else (train for train, _ in pairs)
        )
        models = [FoldModel.of(train, alphas, self.fit_intercept, self._indicators()) for train in trains]
        tests = folds.grams if pairs is None else [test for _, test in pairs]
        if not labels and self.scoring in METRICS:
            scores = scores_by_sums(models, tests, self.scoring)
        else:
            self._need_again(blocks, f"cv with scoring={self.scoring!r}")
            pieces = fold_rows(lambda: self._visit(blocks), splits, models)
            scores = self._scores_of_folds(pieces, splits.k, seen["flat"])
        self._choose(scores.mean(axis=0), seen["flat"])
        self._finish(whole, blocks if blocks.rereadable else None, blocks.dtype, seen["flat"])

    def _scores_of_folds(
        self, pieces: Iterator[tuple[int, Floats, Floats, Floats | None]], k: int, flat: bool
    ) -> Floats:
        kept: list[list[Any]] = [[] for _ in range(k)]
        for fold, predicted, y, weight in pieces:
            kept[fold].append((predicted, y, weight))
        scores = []
        for parts in kept:
            if not parts:
                raise ValueError("a fold has no rows to test on; use fewer folds")
            predictions, targets, weights = zip(*parts)
            weight = None if weights[0] is None else np.concatenate(weights)
            scores.append(self._scored(np.concatenate(predictions), np.concatenate(targets), weight, flat))
        return np.array(scores)

    # --- parameters ---

    def _check(self) -> None:
        check_search(self)
        self._check_common()

    def _scorer(self) -> Any:
        if self.scoring is not None:
            return check_scoring(self, scoring=self.scoring)
        return get_scorer("accuracy" if is_classifier(self) else "r2")

    def get_metadata_routing(self) -> Any:
        """What `fit` passes on: to the scorer and to the splitter."""
        scorer = self._scorer()
        if self.scoring is None and sklearn.get_config()["enable_metadata_routing"]:
            scorer = scorer.set_score_request(sample_weight=True)
        router = MetadataRouter(owner=self).add_self_request(self)
        router = router.add(scorer=scorer, method_mapping=MethodMapping().add(caller="fit", callee="score"))
        return router.add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))

"""K-fold scores of every alpha from the folds' sums: one eigendecomposition a fold, no row read twice for squared errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._progress import advance
from esker.linear_model._base import scores_of
from esker.linear_model._ridge_sums import Spectrum, Sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from esker.blocks import Block
    from esker.folds import Gram
    from esker.linear_model._fold_grams import Splits
    from esker.linear_model._ridge_sums import Floats, Rows

__all__ = ["METRICS", "FoldModel", "fold_rows", "scores_by_sums", "squared_scores"]

#: Scorers that are functions of squared errors.
METRICS = (None, "r2", "neg_mean_squared_error", "neg_root_mean_squared_error")


@dataclass
class FoldModel:
    """A fold's models: those of every target and alpha, learned from the other folds.

    Attributes
    ----------
    coef : ndarray of shape (targets, alphas, d)
    mean_x, mean_y : ndarray
        ``mean_y`` is the prediction at ``mean_x``.
    """

    coef: Floats
    mean_x: Floats
    mean_y: Floats

    @classmethod
    def of(cls, train: Gram, alphas: Floats, centred: bool, indicators: slice | None = None) -> FoldModel:
        if train.rows == 0 or train.weight == 0:
            raise ValueError("a fold's training set has no rows with a positive weight; use fewer folds")
        sums = Sums.of(train, centred, indicators)
        return cls(Spectrum.of(sums).coefficients(alphas), sums.mean_x, sums.mean_y)

    def predict(self, X: Any) -> Floats:
        """Shape (n, targets, alphas)."""
        targets, alphas, d = self.coef.shape
        flat = self.coef.reshape(-1, d)
        level = np.repeat(self.mean_y, alphas) - flat @ self.mean_x
        return scores_of(X, flat, level).reshape(-1, targets, alphas)


def squared_scores(metric: str | None, mean_square: Floats, variance: Floats) -> Floats:
    """A metric of mean squared errors (targets, alphas) over rows whose targets have this variance: the higher the better."""
    if metric == "neg_mean_squared_error":
        return -mean_square
    if metric == "neg_root_mean_squared_error":
        return -np.sqrt(mean_square)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = 1 - mean_square / variance[:, None]
    return np.where(variance[:, None] > 0, r2, np.where(mean_square > 0, 0.0, 1.0))


def scores_by_sums(models: Sequence[FoldModel], tests: Sequence[Gram], metric: str | None) -> Floats:
    """Scores of each fold, shape (folds, targets, alphas), exact from the test rows' sums."""
    out = []
    for model, test in zip(models, tests):
        if test.rows == 0:
            raise ValueError("a fold has no rows to test on; use fewer folds")
        G, weight = test.finish(), test.weight
        quadratic = np.einsum("tad,tad->ta", model.coef @ G, model.coef)
        linear = np.einsum("tad,dt->ta", model.coef, test.xy)
        spread = np.maximum(test.yy[:, None] - 2 * linear + quadratic, 0) / weight
        off = (test.mean_y - model.mean_y)[:, None] - model.coef @ (test.mean_x - model.mean_x)
        out.append(squared_scores(metric, spread + off**2, test.yy / weight))
    return np.array(out)


def fold_rows(
    rows: Rows, splits: Splits, models: Sequence[FoldModel]
) -> Iterator[tuple[int, Floats, Floats, Floats | None]]:
    """(fold, predictions of its models (m, targets, alphas), targets (m, targets), weights), as rows are read once more."""
    for block in rows():
        y = block.raw_y()
        assert y is not None
        for fold, at in _tests(block, splits):
            weight = None if block.sample_weight is None else block.sample_weight[at]
            yield fold, models[fold].predict(block.X[at]), y[at], weight
        if not advance(len(block), block.nbytes):
            raise KeyboardInterrupt


def _tests(block: Block, splits: Splits) -> Iterator[tuple[int, NDArray[np.intp]]]:
    if splits.fold_of is not None:
        fold = splits.fold_of(block)
        for f in np.unique(fold[fold >= 0]).tolist():
            yield f, np.flatnonzero(fold == f)
        return
    assert splits.indices is not None
    for f, (_, test) in enumerate(splits.indices):
        at = test[(test >= block.first_key) & (test < block.first_key + len(block))] - block.first_key
        if len(at):
            yield f, at

"""What steps before an estimator share: Blocks in, lazy Blocks out; checks of widths and names as scikit-learn makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_is_fitted

from esker.blocks import Block, Blocks
from esker.folds import ColumnMoments, fold
from esker.linear_model._input import fitted_blocks, learn_width, refuse_records

__all__ = ["StreamingStep", "check_fitted", "fold_columns", "learn_columns", "seed_of"]


def fold_columns(step: Any, blocks: Blocks, state: ColumnMoments, *, reset: bool) -> ColumnMoments:
    """One walk of `blocks` through `state`; the step learns its width and names."""
    refuse_records(step, blocks)
    rows = blocks
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(step, name):
                delattr(step, name)
    else:
        rows = fitted_blocks(step, rows)
    fold(rows, state)
    if state.rows == 0:
        raise ValueError(f"Found array with 0 sample(s) in {blocks.source} while a minimum of 1 is required.")
    if reset:
        width = len(state.finish().mean) if rows.n_columns is None else rows.n_columns
        learn_width(step, width, None if rows.from_step else rows.feature_names)
        state.widen(width)
    return state


def learn_columns(step: Any, blocks: Blocks) -> None:
    """Width and names of the columns; rows are read only where that is needed to know the width."""
    if blocks.n_rows == 0:
        raise ValueError(f"Found array with 0 sample(s) in {blocks.source} while a minimum of 1 is required.")
    if blocks.n_columns is None:
        fold_columns(step, blocks, ColumnMoments(), reset=True)
        return
    refuse_records(step, blocks)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(step, name):
            delattr(step, name)
    learn_width(step, blocks.n_columns, None if blocks.from_step else blocks.feature_names)


def seed_of(random_state: Any) -> int:
    """What everything random is a function of, beside row keys and numbers of features: an integer itself, else 63 bits, drawn once."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(0, 2**63 - 1, dtype=np.int64))


def check_fitted(step: Any) -> None:
    """The step is fitted, or the error names the way."""
    try:
        check_is_fitted(step)
    except NotFittedError:
        name = type(step).__name__
        raise NotFittedError(
            f"This {name} instance is not fitted yet. A step of open_blocks(..., features=) is fitted first, on blocks of the "
            f"same source: step = {name}(...).fit(open_blocks(...)); or put it into a Pipeline, whose fit does both."
        ) from None


class StreamingStep:
    """Mixin: `fit_transform` of Blocks, which walks twice; and what `transform` of Blocks needs."""

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit to X, then transform it.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            Blocks are walked once here, and again whenever the result is.
        y : ignored
        **fit_params
            Further arguments of `fit`.

        Returns
        -------
        array, sparse matrix, or lazy Blocks
        """
        if isinstance(X, Blocks):
            if not X.rereadable:
                raise ValueError(
                    f"{type(self).__name__} walks the rows once to fit and again to transform, and {X.source} can be read only "
                    "once; write a block file first (esker convert, or esker.blocks.write_block_file), or pass a function that makes the iterable anew"
                )
            return self.fit(X, y, **fit_params).transform(X)  # type: ignore[attr-defined]
        return super().fit_transform(X, y, **fit_params)  # type: ignore[misc]

    def _stream(self, X: Blocks, change: Callable[[Any], Any], **known: Any) -> Blocks:
        """Lazy blocks with `change` applied to X of each. Learners take their names where `set_output` asks for names."""
        check_fitted(self)
        refuse_records(self, X)
        rows = fitted_blocks(self, X)
        plain = _get_output_config("transform", self)["dense"] == "default"
        known = {"dtype": np.result_type(X.dtype, np.float32), "from_step": plain, **known}
        return rows.map(lambda block: _changed(block, change), keeps_targets=True, **known)


def _changed(block: Block, change: Callable[[Any], Any]) -> Block:
    return replace(block, X=change(block.X))

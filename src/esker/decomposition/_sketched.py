"""Rows that come bit by bit, or lie on several machines: a truncated singular value decomposition from a sketch that adds up."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from esker._native import threads
from esker._steps import seed_of
from esker.decomposition._input import as_rows, refuse_empty
from esker.decomposition._range import TOGETHER, check_normalizer, nystrom
from esker.decomposition._spectrum import Spectrum
from esker.folds import RangeSketch
from esker.linear_model._as_before import or_as_before
from esker.linear_model._gram_walk import sum_rows
from esker.linear_model._input import check_finite

__all__ = ["Sketched"]


class Sketched:
    """Mixin before `TruncatedSVD`: `partial_fit` and `merge` of a `RangeSketch`."""

    n_components: int
    n_oversamples: int
    sketch_: RangeSketch

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from more rows in a single walk, by a sketch; an error leaves the model as it was.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
        y : ignored

        Returns
        -------
        self

        Notes
        -----
        The components come from ``2 n_components + n_oversamples`` random directions and X'X times them (``sketch_``), so they are not as good as
        those of `fit`; ``error_estimate_`` is an upper bound then. Any order and any cut of the rows give the same sketch, to rounding.
        """
        self._validate_params()  # type: ignore[attr-defined]
        check_normalizer(self.power_iteration_normalizer)  # type: ignore[attr-defined]
        if self.algorithm == "arpack":  # type: ignore[attr-defined]
            raise ValueError(
                "partial_fit sketches the rows by random directions: take algorithm='randomized'"
            )
        earlier: RangeSketch | None = getattr(self, "sketch_", None)
        if earlier is None and hasattr(self, "components_"):
            warnings.warn(
                "the fit before this kept no sketch to add to: partial_fit begins anew",
                UserWarning,
                stacklevel=2,
            )
        with or_as_before(self), threads(self.n_threads):  # type: ignore[attr-defined]
            blocks = as_rows(self, X, reset=earlier is None, ensure_min_features=2 if earlier is None else 1)
            d = blocks.n_columns
            if d is None:
                raise ValueError(
                    f"the columns of {blocks.source} are known only once they are read: say n_features= to open_blocks"
                )
            self._check_width(d)  # type: ignore[attr-defined]
            together = TOGETHER[blocks.dtype.itemsize]
            wanted = 2 * self.n_components + self.n_oversamples
            lanes, seed = min(-(-wanted // together) * together, d), 0
            if earlier is None:
                seed = seed_of(self.random_state)  # type: ignore[attr-defined]
            else:
                lanes, seed = earlier.lanes, earlier.seed
            blocks.reserve(60 * d * lanes, f"a sketch of {lanes} directions of {d} columns")
            state = RangeSketch(d, lanes, seed=seed, dtype=blocks.dtype)
            sum_rows(blocks, state.update)
            refuse_empty(self, state.rows, blocks, state.moments.row_weight)
            if not np.isfinite(state.finish()).all():
                check_finite(self, blocks)
                raise ValueError(
                    f"products of the rows of {blocks.source} are beyond {blocks.dtype.name}: scale the columns down"
                )
            if 0 < np.abs(state.finish()).max() < 2**24 * np.finfo(blocks.dtype).tiny or (
                not state.finish().any() and state.moments.finish().variance.any()
            ):
                raise ValueError(
                    f"squares of the rows of {blocks.source} vanish in {blocks.dtype.name}: scale the columns up"
                )
            if earlier is not None:
                state.merge(earlier)
            self._solve_sketch(state)
        return self

    def merge(self, *others: Self) -> Self:
        """Learn what other models' `partial_fit` learned from other rows; they stay as they are.

        Parameters
        ----------
        *others : TruncatedSVD
            With the same whole number as ``random_state``, and the same numbers of columns and components.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Sketches of other directions, which do not add up; the message describes both.
        """
        for model in (self, *others):
            check_is_fitted(model)
            if not hasattr(model, "sketch_"):
                raise ValueError("only what partial_fit learned can be merged; fit keeps no sketch")
        with or_as_before(self):
            total = self.sketch_.copy()
            for other in others:
                total.merge(other.sketch_)
            self._solve_sketch(total)
        return self

    def _solve_sketch(self, state: RangeSketch) -> None:
        moments, weight = state.moments.finish(), state.moments.row_weight
        found = nystrom(state.directions, state.finish(), self.n_components)
        total = float(weight * np.sum(moments.variance + moments.mean**2))
        found = Spectrum(found.values, found.vectors, total)
        self._take(found, moments.mean, moments.variance, weight, state.dtype, 1)  # type: ignore[attr-defined]
        self.sketch_ = state

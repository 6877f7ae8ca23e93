"""What estimators share that learn from one Gram: fit is a walk and a solve, partial_fit an update, forget a downdate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from esker._native import threads
from esker._parameters import check_flag, check_integer, check_path
from esker._progress import stopped
from esker.blocks import Blocks
from esker.blocks.memory import physical_memory, show_size
from esker.folds import Gram
from esker.linear_model._as_before import or_as_before
from esker.linear_model._gram_walk import Checkpoint, sum_rows
from esker.linear_model._input import as_blocks, check_finite, check_sums, learn_width, narrowed
from esker.linear_model._packed import lapack_bytes, summing_bytes, sums_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["GramModel"]

#: A fit keeps sums of so many bytes for partial_fit without being asked to.
SMALL = 10**6
#: The way out where there are too many columns.
NARROWER = (
    "SGDRegressor needs memory in proportion to the columns only; selecting or hashing columns narrows X"
)


class GramModel:
    """Mixin before `LinearRegressor` or `LinearClassifier`.

    A subclass has the parameters ``fit_intercept``, ``max_memory``, ``n_threads``, ``checkpoint``, ``verbose`` and
    ``keep_state``, and writes `_check` and `_solve`; one that can do better than to sum a Gram writes `_fit_blocks`.
    """

    fit_intercept: bool
    checkpoint: Any
    n_threads: int | None
    verbose: int
    keep_state: bool
    #: The way out where X'X does not fit.
    _narrower = NARROWER
    coef_: NDArray[Any]
    intercept_: Any
    state_: Gram

    # --- what a subclass writes ---

    def _check(self) -> None:
        """Validate the parameters."""
        raise TypeError(f"{type(self).__name__} must define _check")

    def _check_stream(self, targets: int | None) -> None:
        """Refuse parameters that a solve of sums without their rows has no use for, before the sums change.

        Parameters
        ----------
        targets : int or None
            Columns of y, where they are known.
        """

    def _solve(self, state: Gram, blocks: Blocks | None, dtype: np.dtype[Any], flat: bool) -> None:
        """Set the fitted attributes.

        Parameters
        ----------
        state : Gram
        blocks : Blocks or None
            The rows, where they may be read again.
        dtype : dtype
            X's, and so that of ``coef_``.
        flat : bool
            Whether y had one dimension.
        """
        raise TypeError(f"{type(self).__name__} must define _solve")

    def _open(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> Blocks:
        """The rows, with targets as the Gram sums them."""
        return as_blocks(self, X, y, sample_weight, multi_output=True, reset=reset, finite_later=True)

    def _encode(self, block: Block) -> Block:
        """The block with its targets as the Gram sums them, where `_open` left that to the walk."""
        return block

    def _grow(self, state: Gram, targets: int) -> None:
        """Give the state targets that came with later rows."""

    def _merge_states(self, models: list[Any]) -> Gram:
        """The sums of several fitted models of this kind, in a new state."""
        state: Gram = models[0].state_.copy()
        for model in models[1:]:
            if model.state_.targets != state.targets:
                raise ValueError(
                    f"models of {state.targets} and {model.state_.targets} targets cannot be merged"
                )
            state.merge(model.state_)
        return state

    # --- fit ---

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit. An error, or Ctrl-C, leaves the model as it was.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks
        y : array-like of shape (n,) or (n, n_targets); None for Blocks, which bring it
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks

        Returns
        -------
        self
        """
        self._check()
        with or_as_before(self) as kept:
            old = self.__dict__.pop("state_", None)
            if old is not None and 2 * sums_bytes(old.cols) > 0.9 * physical_memory():
                del kept["state_"], old
            blocks = self._open(X, y, sample_weight, True)
            with threads(self.n_threads):
                self._fit_blocks(blocks)
        return self

    def _fit_blocks(self, blocks: Blocks) -> None:
        """Sum the rows and solve."""
        state = self._new_state(blocks)
        flat = self._sum(blocks, state)
        self._refuse_empty(state, blocks)
        learn_width(self, state.cols, None)
        self._solve(state, blocks if blocks.rereadable and not stopped() else None, blocks.dtype, flat)
        self._keep(state)

    def _new_state(self, blocks: Blocks) -> Gram:
        """Empty sums, for which there is room."""
        self._refuse_wide(blocks)
        return Gram()

    def _keep(self, state: Gram) -> None:
        if state.packed:  # a factor took the sums' place
            return
        if self.keep_state or sums_bytes(state.cols) <= SMALL:
            self.state_ = state

    def _sum(self, blocks: Blocks, state: Gram) -> bool:
        """Sum the rows, from a checkpoint on if there is one; whether y is one-dimensional."""
        facts: dict[str, Any] = {"flat": True}
        start, saver = (0, 0), None
        if getattr(self, "checkpoint", None) is not None:
            saver = Checkpoint(self, blocks)
            found = saver.load()
            if found is not None:
                kept, arrays = found
                state._state = Gram.from_arrays(arrays)._state
                start = int(kept["part"]), int(kept["row"])
                facts = {key: kept[key] for key in kept if key not in ("identity", "part", "row", "format")}
                self._resume(facts)

        def update(block: Block) -> None:
            if block.y is not None:
                facts["flat"] = block.y.ndim == 1
            block = self._encode(block)
            self._grow(state, block.y.shape[1] if block.y is not None and block.y.ndim == 2 else 1)
            state.update(block)

        def after(block: Block) -> None:
            if saver is not None:
                saver.after(block, state, {**facts, **self._facts()})

        rows, name = self._precise(blocks), type(self).__name__
        long = type(self)._encode is GramModel._encode  # indicators of classes would be long too
        sum_rows(rows, update, start=start, after=after, verbose=self.verbose, name=name, long=long)
        if not state.finite:
            check_finite(self, blocks)
        check_sums(state, self.fit_intercept)
        if saver is not None and not stopped():
            saver.remove()
        return bool(facts["flat"])

    def _precise(self, blocks: Blocks) -> Blocks:
        """Rows as they are summed."""
        return blocks

    def _summed(self, blocks: Blocks) -> str:
        """The dtype of the rows as they are summed."""
        return str(blocks.dtype.name)

    def _solving_bytes(self, d: int) -> int:
        """What `_solve` takes beside the states that it is said to."""
        return lapack_bytes(sums_bytes(d))

    def _facts(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the sums, as JSON."""
        return {}

    def _resume(self, facts: dict[str, Any]) -> None:
        """Take up `_facts`."""

    # --- more rows, and fewer ---

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Add rows to those seen so far and solve anew.

        The sums are exact: any order and any cut of the rows give the same coefficients, to rounding. Rows are not seen
        twice, so nothing is refined. An error, or Ctrl-C, leaves the model as it was.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks
        y : array-like of shape (n,) or (n, n_targets); None for Blocks
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks

        Returns
        -------
        self

        Notes
        -----
        New rows are summed by themselves, so that there are two states of 8 d (d + 1) bytes for a while. Where `max_memory` or
        the machine has no room for two, rows are added to the one there is; an error then drops it (the coefficients stay),
        and says so.
        """
        self._check()
        if getattr(self, "checkpoint", None) is not None:
            raise ValueError(
                "checkpoint is for fit; between calls of partial_fit, esker.save(model, path) keeps all"
            )
        state: Gram | None = getattr(self, "state_", None)
        if state is None and hasattr(self, "coef_"):
            raise ValueError(
                f"the fit before this kept no sums to add to; use {type(self).__name__}(keep_state=True), "
                f"or a fresh {type(self).__name__}"
            )
        with or_as_before(self) as kept:
            before = np.asarray(getattr(self, "classes_", ())).tolist()
            blocks = self._open(X, y, sample_weight, state is None)
            self._check_stream(blocks.n_targets)
            check_finite(self, blocks)
            if state is None:
                self._refuse_wide(blocks)
            total = Gram() if state is None or self._have_room(blocks, state) else state
            if total is state:
                kept.pop("state_")
            with threads(self.n_threads):
                flat = self._sum(blocks, total)
                self._refuse_empty(total, blocks)
                if state is not None and total is not state:
                    self._absorb(total, state, before)
                self._solve(total, None, blocks.dtype, flat)
            self.state_ = total
            self.__dict__.pop("plan_", None)  # that of an earlier fit
        return self

    def _have_room(self, blocks: Blocks, state: Gram, states: int = 2) -> bool:
        """Whether so many states may be in memory."""
        if states * sums_bytes(state.cols) > 0.9 * physical_memory():
            return False
        try:
            self._refuse_wide(blocks, states)
        except ValueError:
            return False
        return True

    def _absorb(self, total: Gram, state: Gram, before: list[Any]) -> None:
        """Add a state, whose targets were the classes `before`, to the sums of later rows; it stays as it is."""
        total.merge(state)

    def forget(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Take rows off that were learned before, and solve anew, as if they had never come (a sliding window).

        Parameters
        ----------
        X, y, sample_weight
            The same rows with the same weights as they were learned with, in any order; as in `partial_fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            There are no sums (``keep_state=True`` keeps them), the rows are not fewer than were learned, or some column
            would keep less than 1e-8 of its second moment, so that rounding had spoilt the rest. The model is then as it was.

        Notes
        -----
        O(n d^2) for the n rows, and a solve. There are three states of 8 d (d + 1) bytes for a while; where `max_memory` has room for
        two, the rows are taken off the sums in place, and an error of the solve drops those (the coefficients stay). A column that becomes constant counts as constant. ``rcond_`` and
        ``suboptimality_`` take the digits into account that were lost.
        """
        self._check()
        check_is_fitted(self)
        state = getattr(self, "state_", None)
        if state is None:
            raise ValueError(
                f"the fit kept no sums to take rows off; use {type(self).__name__}(keep_state=True)"
            )
        with or_as_before(self) as kept:
            blocks = self._open(X, y, sample_weight, False)
            self._check_stream(blocks.n_targets)
            check_finite(self, blocks)
            copied = self._have_room(blocks, state, 3)  # else what is left takes the sums' place
            if not copied:
                self._refuse_wide(blocks, 2)
            with threads(self.n_threads):
                gone = Gram()
                flat = self._sum(blocks, gone)
                self._refuse_empty(gone, blocks)
                left = state.copy() if copied else state
                left.forget(gone)
                del gone
                if not copied:
                    kept.pop("state_")
                self._solve(left, None, blocks.dtype, flat)
            self.state_ = left
            self.__dict__.pop("plan_", None)
        return self

    # --- refusals ---

    def _refuse_empty(self, state: Gram, blocks: Blocks) -> None:
        if state.rows == 0:
            raise ValueError(
                f"Found array with 0 sample(s) in {blocks.source} while a minimum of 1 is required by {type(self).__name__}."
            )
        if state.weight == 0:
            raise ValueError(
                f"sample_weight is zero in every row of {blocks.source}; at least one row needs a positive weight"
            )

    def _refuse_wide(self, blocks: Blocks, states: int = 1) -> None:
        """Say before reading that X'X, so many times over, does not fit."""
        d = blocks.n_columns
        if d is None:
            return
        self._refuse_width(d)
        try:
            times = f", {states} times" if states > 1 else ""
            meanwhile = max(summing_bytes(blocks, dtype=self._summed(blocks)), self._solving_bytes(d))
            blocks.reserve(
                states * sums_bytes(d) + meanwhile, f"X'X of {d} columns{times}, with what summing holds,"
            )
        except ValueError as error:
            raise ValueError(f"{error}. {self._narrower}") from None

    def _refuse_width(self, d: int) -> None:
        need = sums_bytes(d)
        if need > 0.9 * physical_memory():
            raise ValueError(
                f"X'X of {d} columns takes {show_size(need)}, and this machine has {show_size(physical_memory())}. "
                + self._narrower
            )

    # --- results ---

    def _take(
        self,
        coef: NDArray[np.float64],
        at_mean: NDArray[np.float64],
        mean: NDArray[np.float64],
        dtype: np.dtype[Any],
        flat: bool,
    ) -> None:
        """Set ``coef_`` and ``intercept_``.

        Parameters
        ----------
        coef : ndarray of shape (targets, d)
        at_mean : ndarray of shape (targets,)
            The prediction at the columns' means.
        mean : ndarray of shape (d,)
        dtype : dtype
        flat : bool
        """
        rounded = narrowed(coef, dtype)
        # The intercept of the rounded coefficients: where means are large, that of the exact ones would be far off.
        at = at_mean - rounded.astype(np.float64) @ mean if self.fit_intercept else np.zeros(len(coef))
        self.coef_ = rounded[0] if len(coef) == 1 else rounded
        self.intercept_ = (
            (np.float64(at[0]) if flat and len(coef) == 1 else at) if self.fit_intercept else 0.0
        )

    # --- parameters ---

    def _check_common(self) -> None:
        """The parameters that all of these have."""
        for name in ("fit_intercept", "copy_X", "keep_state"):
            if hasattr(self, name):
                check_flag(name, getattr(self, name))
        if not isinstance(self.verbose, bool):
            check_integer("verbose", self.verbose, 0)
        if getattr(self, "checkpoint", None) is not None:
            check_path("checkpoint", self.checkpoint)

"""Ridge: least squares with an L2 penalty, from arrays or from data larger than memory."""

from __future__ import annotations

import os
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from esker import learning_checkpoint as checkpoints
from esker._native import core, threads
from esker._parameters import check_flag
from esker._progress import Watch, advance, stopped, watching
from esker.blocks import ROW_BITS, UNIT
from esker.blocks.memory import physical_memory, show_size
from esker.folds import Gram
from esker.linear_model._base import LinearRegressor, as_blocks, learn_width
from esker.linear_model._dual import dual_bytes, solve_dual
from esker.linear_model._solve import Solution, solve_ridge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["Ridge"]

#: A fit keeps sums of so many bytes for partial_fit without being asked to.
SMALL = 10**6
#: The way out where there are too many columns.
NARROWER = (
    "SGDRegressor needs memory in proportion to the columns only; selecting or hashing columns narrows X"
)


class Ridge(LinearRegressor):
    """Linear least squares with an L2 penalty: minimises ``||y - X w - b||^2 + alpha ||w||^2``.

    One pass sums X'X and X'y, centred, in float64; then Cholesky. With fewer rows than columns, and the rows in
    memory, the dual problem is solved instead. Where conditioning costs digits and the rows can be read again, the
    true residual is formed and corrected for, so that the error follows the condition number of X and not its square.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,)
        The penalty, at least 0.
    fit_intercept : bool
    copy_X : bool
        X is neither copied nor overwritten, whichever is chosen.
    max_iter : None
        Of iterative solvers, which are not offered here.
    tol : float
        Of iterative solvers; 1e-4 only.
    solver : {"auto", "cholesky"}
        Both factor X'X or, with fewer rows than columns, X X'.
    positive : bool
        False only.
    random_state : int or None
        Nothing here is random; accepted so that it may be set on every step of a pipeline.
    max_memory : int or str, optional
        Bytes, or a size such as ``"512MB"``. Of this and the ``max_memory`` of `open_blocks` the smaller holds.
    checkpoint : path, optional
        While rows are summed, the sums are saved here every ten seconds; a fit with the same parameters and data that
        finds the file goes on from there, to the same bits. A finished fit removes it.
    n_threads : int, optional
    verbose : int
        1 prints rows a second while rows are summed.
    keep_state : bool
        Keep the sums as ``state_``, so that `partial_fit` can go on; 8 d (d + 1) bytes. Sums of at most 1 MB are kept
        in any case, unless the dual problem was solved.

    Attributes
    ----------
    coef_ : ndarray of shape (d,) or (n_targets, d)
        In X's dtype; one row is flat, as in scikit-learn.
    intercept_ : float or ndarray of shape (n_targets,)
        float64, and consistent with the rounded ``coef_``.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        Where X had names.
    n_iter_ : int
        Passes over the rows: one for the sums, then those of refinement.
    solver_ : str
        What was done: "cholesky"; "dual" (Cholesky of X X'); "eigen" or "svd", which cut off what is singular.
    rcond_ : float
        Reciprocal condition number of the matrix solved with, estimated; about the square of X's.
    state_ : Gram
        With ``keep_state``, after `partial_fit`, and where it is small.

    Notes
    -----
    O(n d^2) operations to sum (dense; sparse: n times the square of a row's nonzeros), O(d^3) to solve, 8 d (d + 1) bytes.
    ``esker.save`` keeps what a fitted model predicts with.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import Ridge
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> model = Ridge(alpha=1e-9).fit(X, X @ [1.0, 2.0] + 3.0)
    >>> np.round(model.coef_, 6).tolist(), round(float(model.intercept_), 6)
    ([1.0, 2.0], 3.0)
    """

    #: Seconds between checkpoints.
    _checkpoint_every = 10.0

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
        max_memory: int | str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        n_threads: int | None = None,
        verbose: int = 0,
        keep_state: bool = False,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.positive = positive
        self.random_state = random_state
        self.max_memory = max_memory
        self.checkpoint = checkpoint
        self.n_threads = n_threads
        self.verbose = verbose
        self.keep_state = keep_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _twin_parameters(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "fit_intercept": self.fit_intercept, "copy_X": self.copy_X}

    # --- fit ---

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Ridge:
        """Fit.

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
        blocks = as_blocks(self, X, y, sample_weight, multi_output=True)
        self.__dict__.pop("state_", None)
        with threads(self.n_threads):
            n, d = blocks.n_rows, blocks.n_columns
            if (
                n is not None
                and d is not None
                and n < d
                and not self.keep_state
                and self._dual_fits(blocks, n, d)
            ):
                self._fit_dual(blocks)
            else:
                self._fit_primal(blocks)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Ridge:
        """Add rows to those seen so far and solve anew.

        The sums are exact: any order and any cut of the rows give the same coefficients, to rounding. Rows are not seen
        twice, so nothing is refined.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks
        y : array-like of shape (n,) or (n, n_targets); None for Blocks
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks

        Returns
        -------
        self
        """
        self._check()
        if self.checkpoint is not None:
            raise ValueError(
                "checkpoint is for fit; between calls of partial_fit, esker.save(model, path) keeps all"
            )
        state = getattr(self, "state_", None)
        if state is None and hasattr(self, "coef_"):
            raise ValueError(
                "the fit before this kept no sums to add to; use Ridge(keep_state=True), or a fresh Ridge"
            )
        blocks = as_blocks(self, X, y, sample_weight, multi_output=True, reset=state is None)
        if state is None:
            self._refuse_wide(blocks)
            state = Gram()
        with threads(self.n_threads):
            flat = self._sum(blocks, state)
            if state.weight == 0:
                raise ValueError(
                    "sample_weight is zero in every row; at least one row needs a positive weight"
                )
            self._flat = flat
            alpha = self._alphas(state.targets)
            found = solve_ridge(state, alpha, fit_intercept=self.fit_intercept, precision=blocks.dtype.name)
        self.state_ = state
        self._take(found, state.mean_x, blocks.dtype, flat)
        return self

    def _fit_primal(self, blocks: Blocks) -> None:
        self._refuse_wide(blocks)
        state = Gram()
        flat = self._sum(blocks, state)
        if state.rows == 0:
            raise ValueError(
                f"Found array with 0 sample(s) in {blocks.source} while a minimum of 1 is required by Ridge."
            )
        if state.weight == 0:
            raise ValueError(
                f"sample_weight is zero in every row of {blocks.source}; at least one row needs a positive weight"
            )
        learn_width(self, state.cols, None)
        found = solve_ridge(
            state,
            self._alphas(state.targets),
            fit_intercept=self.fit_intercept,
            blocks=blocks if blocks.rereadable and not stopped() else None,
            precision=blocks.dtype.name,
        )
        if self.checkpoint is not None and not stopped():
            checkpoints.remove(self.checkpoint)
        if self.keep_state or 8 * state.cols * (state.cols + 1) <= SMALL:
            self.state_ = state
        self._take(found, state.mean_x, blocks.dtype, flat)

    def _fit_dual(self, blocks: Blocks) -> None:
        block = blocks.take_all()
        y = block.raw_y()
        assert y is not None
        assert block.y is not None
        if block.sample_weight is not None and not block.sample_weight.any():
            raise ValueError(
                f"sample_weight is zero in every row of {blocks.source}; at least one row needs a positive weight"
            )
        found, mean = solve_dual(block, self._alphas(y.shape[1]), fit_intercept=self.fit_intercept)
        self._take(found, mean, blocks.dtype, block.y.ndim == 1)

    def _dual_fits(self, blocks: Blocks, n: int, d: int) -> bool:
        """Whether rows and kernel matrix may be in memory; taken where that is less than X'X."""
        if self.checkpoint is not None:
            return False
        rows = (
            0
            if blocks.whole() is not None
            else n * d * blocks.dtype.itemsize * (1 if not blocks.is_sparse else 2)
        )
        need = dual_bytes(n) + rows
        if blocks.max_memory is None:
            return need < 0.8 * physical_memory()
        return need + 2 * blocks.block_bytes < blocks.max_memory

    def _refuse_wide(self, blocks: Blocks) -> None:
        """Say before reading that X'X does not fit."""
        d = blocks.n_columns
        if d is None:
            return
        self._refuse_width(d)
        try:
            blocks.reserve(8 * d * (d + 1), f"X'X of {d} columns")
        except ValueError as error:
            raise ValueError(f"{error}. {NARROWER}") from None

    def _refuse_width(self, d: int) -> None:
        need = 8 * d * (d + 1)
        if need > 0.9 * physical_memory():
            raise ValueError(
                f"X'X of {d} columns takes {show_size(need)}, and this machine has {show_size(physical_memory())}. "
                + NARROWER
            )

    # --- the walk ---

    def _sum(self, blocks: Blocks, state: Gram) -> bool:
        """Fold the rows, from a checkpoint on if there is one; whether y is one-dimensional."""
        if not self.verbose:
            return self._walk(blocks, state)
        with watching(_Lines()):
            return self._walk(blocks, state)

    def _walk(self, blocks: Blocks, state: Gram) -> bool:
        place, flat = (0, 0), True
        identity: dict[str, Any] = {}
        if self.checkpoint is not None:
            identity = self._identity(blocks)
            found = checkpoints.load(self.checkpoint, identity)
            if found is not None:
                facts, arrays = found
                state._state = core.Gram.from_arrays(arrays)
                place, flat = (int(facts["part"]), int(facts["row"])), bool(facts["flat"])
        saved = perf_counter()
        if place[0] >= len(blocks.parts):
            return flat
        for block in blocks.read_ahead(start=place):
            if block.y is not None:
                flat = block.y.ndim == 1
            state.update(block)
            if not advance(len(block), block.nbytes):
                break
            if self.checkpoint is None or perf_counter() - saved < self._checkpoint_every or not len(block):
                continue
            key = block.first_key + len(block) if block.row_keys is None else int(block.row_keys[-1]) + 1
            part, row = self._next(blocks, key)
            if row % UNIT == 0:
                facts = {"identity": identity, "part": part, "row": row, "flat": flat}
                checkpoints.save(self.checkpoint, facts, state.to_arrays())
                saved = perf_counter()
        return flat

    @staticmethod
    def _next(blocks: Blocks, key: int) -> tuple[int, int]:
        """Where the row after the last one is: position in the parts, row within the part."""
        number, row = key >> ROW_BITS, key & ((1 << ROW_BITS) - 1)
        place = [part.index for part in blocks.parts].index(number)
        rows = blocks.parts[place].rows
        return (place + 1, 0) if rows is not None and row >= rows else (place, row)

    def _identity(self, blocks: Blocks) -> dict[str, Any]:
        """What must agree for a checkpoint to be of this fit."""
        from contextlib import closing

        loose = ("checkpoint", "n_threads", "verbose", "max_memory", "keep_state", "copy_X", "random_state")
        with closing(blocks.read(blocks.parts[0])) as first:
            block = next(iter(first), None)
        files = [(str(f), os.stat(f).st_size, os.stat(f).st_mtime_ns) for f in blocks.files]
        return {
            "estimator": "Ridge",
            **{k: np.asarray(v).tolist() for k, v in self.get_params().items() if k not in loose},
            "source": blocks.source,
            "parts": [[part.index, part.name, part.rows] for part in blocks.parts],
            "columns": blocks.n_columns,
            "dtype": blocks.dtype.name,
            "block_bytes": blocks.block_bytes,
            "files": [list(f) for f in files],
            "first_rows": None if block is None else checkpoints.fingerprint(block),
            "isa": core.config()["isa"],
        }

    # --- results ---

    def _take(self, found: Solution, mean: NDArray[np.float64], dtype: np.dtype[Any], flat: bool) -> None:
        coef = found.coef.astype(dtype)
        # The intercept of the rounded coefficients: where means are large, that of the exact ones would be far off.
        at = found.at_mean - coef.astype(np.float64) @ mean if self.fit_intercept else np.zeros(len(coef))
        self.coef_ = coef[0] if len(coef) == 1 else coef
        self.intercept_ = (
            (np.float64(at[0]) if flat and len(coef) == 1 else at) if self.fit_intercept else 0.0
        )
        self.solver_, self.rcond_ = found.solver, float(found.rcond)
        self.n_iter_ = 1 + found.passes

    # --- parameters ---

    def _alphas(self, targets: int) -> NDArray[np.float64]:
        alpha = np.asarray(self.alpha, dtype=np.float64)
        if alpha.ndim and alpha.shape != (targets,):
            raise ValueError(
                f"alpha must be a number or one number a target: shape ({targets},), got shape {alpha.shape}"
            )
        return np.broadcast_to(alpha, (targets,))

    def _check(self) -> None:
        try:
            alpha = np.asarray(self.alpha, dtype=np.float64)
        except (TypeError, ValueError):
            alpha = np.asarray(np.nan)
        if (
            alpha.ndim > 1
            or not np.isfinite(alpha).all()
            or (alpha < 0).any()
            or isinstance(self.alpha, (bool, str))
        ):
            raise ValueError(
                f"alpha must be a number of at least 0, or one such a target, got {self.alpha!r}"
            )
        for name in ("fit_intercept", "copy_X", "positive", "keep_state"):
            check_flag(name, getattr(self, name))
        if self.solver not in ("auto", "cholesky"):
            raise ValueError(
                f"solver must be 'auto' or 'cholesky', got {self.solver!r}; "
                "for more columns than X'X has room for, SGDRegressor iterates"
            )
        if self.positive:
            raise ValueError("positive=True is not offered; use scikit-learn's Ridge(positive=True)")
        if self.max_iter is not None:
            raise ValueError(
                f"max_iter is of iterative solvers, which Ridge does not use: leave it None, got {self.max_iter!r}"
            )
        if self.tol != 1e-4:
            raise ValueError(
                f"tol is of iterative solvers, which Ridge does not use: leave it at 1e-4, got {self.tol!r}"
            )
        verbose: Any = self.verbose
        if isinstance(verbose, str) or int(verbose) < 0:
            raise ValueError(f"verbose must be an integer of at least 0, got {verbose!r}")


class _Lines(Watch):
    """Prints a line every two seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.began = self.told = perf_counter()

    def show(self) -> None:
        now = perf_counter()
        if now - self.told >= 2:
            self.told = now
            print(
                f"Ridge: {self.rows:,} rows summed, {self.rows / (now - self.began):,.0f} rows/s", flush=True
            )

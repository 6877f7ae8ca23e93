"""Ridge: least squares with an L2 penalty, from arrays or from data larger than memory."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

import esker.linear_model._ridge_sketch as by_sketch
from esker._parameters import check_choice, check_flag, check_integer, check_number
from esker._progress import watching
from esker.blocks.memory import show_size
from esker.folds import Gram, SketchedGram
from esker.linear_model._base import LinearRegressor
from esker.linear_model._dual import dual_bytes, solve_dual
from esker.linear_model._gram_model import GramModel
from esker.linear_model._gram_walk import Lines
from esker.linear_model._input import check_finite, learn_width
from esker.linear_model._krylov import solve_krylov
from esker.linear_model._packed import gram_room, packed_bytes, whole_bytes
from esker.linear_model._plan import Shape, plan, plan_by_width
from esker.linear_model._solve import Solution, check_refine, refuse_refinement, solve_ridge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["Ridge"]


class Ridge(GramModel, LinearRegressor):
    """Linear least squares with an L2 penalty: minimises ``||y - X w - b||^2 + alpha ||w||^2``.

    One pass sums X'X and X'y, centred, in float64; then Cholesky. Where X'X has no room (or takes far longer), conjugate
    gradients walk the rows until the objective is certified to be within `tol` of its minimum. With fewer rows than
    columns, and the rows in memory, the dual problem is solved instead. Where conditioning costs digits and the rows can
    be read again, the true residual is formed and corrected for, so that the error follows the condition number of X and
    not its square.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), or "gcv"
        The penalty, at least 0. "gcv", with solver="sketch-and-solve", chooses it by generalised cross-validation, in a second walk.
    fit_intercept : bool
    copy_X : bool
        X is neither copied nor overwritten, whichever is chosen.
    max_iter : int, optional
        Iterations of "sparse_cg" and "sketch", each a walk over the rows; 1000 and 300 by default.
    tol : float
        "sparse_cg" ends when ``(f - f*) / f*`` of the objective is certified to be at most this.
    solver : {"auto", "cholesky", "svd", "sparse_cg", "sketch", "sketch-and-solve"}
        "cholesky" factors X'X or, with fewer rows than columns, X X'. "svd" takes eigenvectors of X'X, refined by the rows
        where that costs digits, and cuts off what is singular: the solution of minimum norm. "sparse_cg" takes memory in
        proportion to the columns (a million of them are no matter); it is for sparse rows, but takes dense ones, too.
        "sketch" factors a random sketch of the rows and iterates with that factor to the accuracy of a QR of the rows, at any condition number to 1e14, in some
        20 to 40 walks. "sketch-and-solve" takes the sketch's own answer, from one walk: its risk is that of about `sketch_size`
        rows in place of all, and a plain sample of rows may be as good (docs/least-squares.md). "auto" chooses by a cost model, see `plan_`.
    positive : bool
        The minimum over coefficients of at least 0; with solver="auto".
    random_state : int, RandomState or None
        Of the sketches; nothing else here is random.
    max_memory : int or str, optional
        Bytes, or a size such as ``"512MB"``. Of this and the ``max_memory`` of `open_blocks` the smaller holds. Where X'X fits in
        packed storage only, that is taken (docs/least-squares.md).
    checkpoint : path, optional
        While rows are summed, the sums are saved here every ten seconds; a fit with the same parameters and data that
        finds the file goes on from there, to the same bits. A finished fit removes it.
    n_threads : int, optional
    verbose : int
        1 prints rows a second while rows are summed.
    keep_state : bool
        Keep the sums as ``state_``, so that `partial_fit` can go on; 8 d (d + 1) bytes. Sums of at most 1 MB are kept
        in any case, unless the dual problem was solved.
    refine : {"auto", True, False} or int
        Passes that form the true residual and correct for it: where conditioning makes them necessary and the rows can be
        read again; at least one, until nothing is gained; none; so many, up to 100, while they gain. None is "auto".
    sketch_size : int, optional
        Rows of a sketch, more than columns; by default 4 to 32 a column, by cost. With "auto" and "cholesky" it asks for a sketch beside X'X, from
        the same walk: `condition_` tells X's condition, and where X'X has lost too much, the fit goes on as "sketch" does.
    n_sketches : int
        So many sketches of one walk, whose answers "sketch-and-solve" averages.

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
        Passes over the rows: one for the sums, then those of refinement, or of conjugate gradients.
    solver_ : str
        What was done: "cholesky"; "choleskyqr2", where that was too coarse; "dual" (Cholesky of X X'); "pivoted", "eigen" or
        "svd", which cut off what is singular; "nonnegative"; "sparse_cg"; "sketch"; "sketch-and-solve".
    rcond_ : float
        Reciprocal condition number of the matrix solved with, estimated; about the square of X's. NaN after "sparse_cg".
    suboptimality_ : float
        An upper bound on the relative gap ``(f(coef_) - f*) / f*`` to the minimum f*, of the target that is worst, which took
        no pass over the rows; 0 where y is constant to its last bit, inf where none is known (docs/least-squares.md).
    condition_ : float
        With `sketch_size` beside X'X: X's condition number in the 1-norm, columns scaled to norm 1 (alpha included); an estimate.
    backward_error_ : float
        With solver="sketch": by how much the data would have to change, relative to the Frobenius norm of the columns scaled to norm 1, for
        ``coef_`` before rounding to be exact; estimated by the sketch, to a small factor, of the worst target.
    error_estimate_ : float
        With solver="sketch-and-solve": an estimate, no bound, of ``(f(coef_) - f*) / f*``, of the worst target.
    alpha_ : float
        With alpha="gcv": the penalty chosen.
    plan_ : dict
        What `fit` chose and why, with the seconds and bytes predicted for each solver: docs/wide-ridge.md has the schema.
        Not after `partial_fit` and `forget`, which have sums only.
    state_ : Gram
        With ``keep_state``, after `partial_fit`, and where it is small.

    Notes
    -----
    O(n d^2) operations to sum (dense; sparse: n times the square of a row's nonzeros), O(d^3) to solve, 8 d (d + 1) bytes; in packed
    storage 4 d (d + 192), and no sums are left to go on from.
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

    _narrower = (
        "solver='sparse_cg' needs memory in proportion to the columns only (it walks the rows again and again, for alpha > 0), "
        "and so does SGDRegressor; selecting or hashing columns narrows X"
    )

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
        refine: Any = "auto",
        sketch_size: int | None = None,
        n_sketches: int = 1,
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
        self.refine = refine
        self.sketch_size = sketch_size
        self.n_sketches = n_sketches

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _twin_parameters(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "fit_intercept": self.fit_intercept, "copy_X": self.copy_X}

    # --- fit ---

    def _fit_blocks(self, blocks: Blocks) -> None:
        self.plan_ = self._planned(blocks)
        for name in by_sketch.ATTRIBUTES:
            self.__dict__.pop(name, None)
        if self.plan_["solver"] in by_sketch.SKETCHES:
            by_sketch.fit_sketch(self, blocks)
        elif self.plan_["solver"] == "sparse_cg":
            self._fit_krylov(blocks)
        elif self.plan_["solver"] == "dual":
            check_finite(self, blocks)
            self._fit_dual(blocks)
        else:
            super()._fit_blocks(blocks)

    def _refuse_wide(self, blocks: Blocks, states: int = 1) -> None:
        # Non-negative coefficients need X'X whole, and the rows and columns of those that are positive; eigenvectors several.
        more = 2 if self.positive else 7 if self.solver == "svd" else 0
        try:
            super()._refuse_wide(blocks, states + more)
        except ValueError as error:
            need = packed_bytes(blocks)
            if need is None or need > gram_room(blocks):
                raise
            raise ValueError(
                f"{error}. Packed storage, which takes {show_size(need)}, is not for {self._whole() or 'partial_fit'}"
            ) from None

    def _new_state(self, blocks: Blocks) -> Gram:
        need = self._packed(blocks)
        if not need:
            state = super()._new_state(blocks)
            return state if self.sketch_size is None else by_sketch.sketched_state(self, blocks)
        assert blocks.n_columns is not None
        blocks.reserve(need, f"X'X of {blocks.n_columns} columns, in packed storage,")
        return Gram(packed=blocks.n_columns)

    def _packed(self, blocks: Blocks) -> int:
        """Bytes of X'X in packed storage, where only that fits and will do; else 0."""
        need = packed_bytes(blocks)
        if need is None or self._whole() or whole_bytes(blocks) <= gram_room(blocks):
            return 0
        return need if need <= gram_room(blocks) else 0

    def _whole(self) -> str:
        """What needs the sums beside the factor; packed, that takes their place."""
        if np.unique(np.asarray(self.alpha)).size > 1:
            return "alphas that differ"
        asked = {
            "positive=True": self.positive,
            "solver='svd'": self.solver == "svd",
            "keep_state=True": self.keep_state,
            "checkpoint": self.checkpoint is not None,
            "sketch_size": self.sketch_size is not None,
        }
        return next((name for name, is_so in asked.items() if is_so), "")

    def _planned(self, blocks: Blocks) -> dict[str, Any]:
        """See ``plan_``; what parameters rule out is never chosen."""
        if self.solver in by_sketch.SKETCHES:
            return by_sketch.plan_sketch(self, blocks)
        out: dict[str, str] = {}
        if self.solver != "auto":
            out["sparse_cg"] = f"solver={self.solver!r}"
        elif not np.all(np.asarray(self.alpha) > 0):
            out["sparse_cg"] = "without a penalty nothing bounds the gap to the minimum"
        elif not blocks.rereadable:
            out["sparse_cg"] = "rows that can be read once"
        for name in ("keep_state", "checkpoint", "refine", "sketch_size"):
            if getattr(self, name) not in (False, None, "auto"):
                out["sparse_cg"] = out["dual"] = f"has no X'X, which {name} needs"
        if self.solver == "svd" or self.positive:
            out["dual"] = out["sparse_cg"] = "positive=True" if self.positive else "solver='svd'"
        packed = self._packed(blocks)
        shape = Shape.of(blocks, dual_bytes, out, packed)
        found = plan_by_width(blocks, out, packed) if shape is None else plan(shape)
        if self.solver == "sparse_cg":
            found |= {"solver": "sparse_cg", "why": "solver='sparse_cg'"}
        if self.positive:
            found |= {"solver": "nonnegative", "why": "positive=True"}
        return found

    def _fit_krylov(self, blocks: Blocks) -> None:
        targets = blocks.n_targets
        if np.ndim(self.alpha) and targets is not None:
            self._alphas(targets)  # a wrong length is refused before anything is read
        with watching(Lines("Ridge")) if self.verbose else nullcontext():
            found = solve_krylov(
                blocks,
                np.asarray(self.alpha, dtype=np.float64),
                fit_intercept=self.fit_intercept,
                tol=self.tol,
                max_iter=self.max_iter,
                if_not_finite=lambda: check_finite(self, blocks),
            )
        learn_width(self, len(found.sums.mean), None)
        self._publish(found.solution, found.sums.mean, blocks.dtype, found.sums.flat)

    def _keep(self, state: Gram) -> None:
        super()._keep(state.gram() if isinstance(state, SketchedGram) else state)

    def _solve(self, state: Gram, blocks: Blocks | None, dtype: np.dtype[Any], flat: bool) -> None:
        if isinstance(state, SketchedGram) and by_sketch.solved_beside(self, state, blocks, flat):
            return
        found = solve_ridge(
            state,
            self._alphas(state.targets),
            fit_intercept=self.fit_intercept,
            blocks=blocks,
            precision=dtype.name,
            refine=self.refine,
            positive=self.positive,
            method="svd" if self.solver == "svd" else "cholesky",
        )
        self._publish(found, state.mean_x, dtype, flat)

    def _publish(self, found: Solution, mean: NDArray[np.float64], dtype: np.dtype[Any], flat: bool) -> None:
        self._take(found.coef, found.at_mean, mean, dtype, flat)
        self.solver_, self.rcond_ = found.solver, float(found.rcond)
        self.n_iter_ = 1 + found.passes
        self.suboptimality_ = float(found.suboptimality)

    def _fit_dual(self, blocks: Blocks) -> None:
        block = blocks.take_all()
        y = block.raw_y()
        assert y is not None
        assert block.y is not None
        if block.sample_weight is not None and not block.sample_weight.any():
            raise ValueError(
                f"sample_weight is zero in every row of {blocks.source}; at least one row needs a positive weight"
            )
        limit = blocks.max_memory
        room = None if limit is None else max(0, limit - self.plan_["bytes"]["dual"])
        found, mean = solve_dual(block, self._alphas(y.shape[1]), fit_intercept=self.fit_intercept, room=room)
        self._publish(found, mean, blocks.dtype, block.y.ndim == 1)

    def _refuse_width(self, d: int) -> None:
        if self.solver not in ("sparse_cg", *by_sketch.SKETCHES):
            super()._refuse_width(d)

    # --- parameters ---

    def _alphas(self, targets: int) -> NDArray[np.float64]:
        alpha = np.asarray(self.alpha, dtype=np.float64)
        if alpha.ndim and alpha.shape != (targets,):
            raise ValueError(
                f"alpha must be a number or one number a target: shape ({targets},), got shape {alpha.shape}"
            )
        return np.broadcast_to(alpha, (targets,))

    def _check_stream(self, targets: int | None) -> None:
        if self.solver in ("sparse_cg", *by_sketch.SKETCHES):
            raise ValueError(
                f"solver={self.solver!r} walks the rows themselves, and partial_fit, forget and merge have their sums only; "
                "use solver='auto' or 'cholesky'"
            )
        refuse_refinement(self.refine)
        if targets:
            self._alphas(targets)
            state = self.__dict__.get("state_")
            if state is not None and state.targets != targets:
                raise ValueError(f"y must have {state.targets} targets, as in earlier rows, got {targets}")

    def _check(self) -> None:
        gcv = isinstance(self.alpha, str) and self.alpha == "gcv" and self.solver == "sketch-and-solve"
        try:
            alpha = np.asarray(1.0 if gcv else self.alpha)
            alpha = alpha.astype(np.float64) if alpha.dtype.kind in "fiuO" else np.asarray(np.nan)
        except (TypeError, ValueError):
            alpha = np.asarray(np.nan)
        if alpha.ndim > 1 or not np.isfinite(alpha).all() or (alpha < 0).any():
            raise ValueError(
                "alpha must be a number of at least 0, or one such a target, or 'gcv' with solver='sketch-and-solve', got "
                f"{self.alpha!r}"
            )
        self._check_common()
        check_flag("positive", self.positive)
        check_refine(self.refine)
        check_choice("solver", self.solver, ("auto", "cholesky", "svd", "sparse_cg", *by_sketch.SKETCHES))
        by_sketch.check_sketch(self)
        if self.positive and self.solver != "auto":
            raise ValueError(
                f"positive=True has a solver of its own: leave solver='auto', got {self.solver!r}"
            )
        check_number("tol", self.tol, 0, 1, open_low=True)
        if self.max_iter is not None:
            check_integer("max_iter", self.max_iter, 1)
        direct = "positive=True" if self.positive else f"solver={self.solver!r}"
        iterative = ("solver='auto'", "solver='sparse_cg'", "solver='sketch'")
        if direct not in iterative and (self.max_iter is not None or self.tol != 1e-4):
            raise ValueError(
                f"max_iter and tol are of solver='sparse_cg' and have no effect with {direct}: leave them at None and 1e-4, "
                f"got {self.max_iter!r} and {self.tol!r}"
            )
        if self.solver == "sketch" and self.tol != 1e-4:
            raise ValueError(
                f"solver='sketch' goes on to the accuracy of a QR, whatever tol is: leave it at 1e-4, got {self.tol!r}"
            )
        if self.solver == "sparse_cg":
            self._check_krylov(alpha)

    def _check_krylov(self, alpha: NDArray[np.float64]) -> None:
        for name in ("keep_state", "checkpoint", "refine"):
            if getattr(self, name) not in (False, None, "auto"):
                raise ValueError(
                    f"{name} is of the sums that solver='sparse_cg' does not make; leave it out, or use solver='cholesky'"
                )
        if not (alpha > 0).all():
            raise ValueError(
                "solver='sparse_cg' needs alpha > 0: without a penalty nothing bounds the gap to the minimum; "
                f"use solver='cholesky', or a small alpha, got {self.alpha!r}"
            )

"""What `Ridge` and `LinearRegression` do with ``solver="sketch"`` and ``solver="sketch-and-solve"``: parameters, plan and attributes."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from esker._parameters import check_integer
from esker._progress import watching
from esker.folds import SketchedGram
from esker.linear_model._gram_walk import Lines
from esker.linear_model._input import check_finite, learn_width
from esker.linear_model._sketch_and_solve import sketch_and_solve
from esker.linear_model._sketch_rows import NONZEROS, check_size, iterations_for, sketch_bytes, sketch_size
from esker.linear_model._sketch_solve import solve_beside, solve_sketch

if TYPE_CHECKING:
    from esker.blocks import Blocks
    from esker.linear_model._sketch_and_solve import Sketched
    from esker.linear_model._sketch_solve import BySketch

__all__ = [
    "ATTRIBUTES",
    "SKETCHES",
    "check_sketch",
    "fit_sketch",
    "plan_sketch",
    "sketched_state",
    "solved_beside",
]

SKETCHES = ("sketch", "sketch-and-solve")
#: Solvers beside whose X'X a sketch may be made, where `sketch_size` asks for one.
BESIDE = ("auto", "cholesky")
#: What only these solvers leave behind.
ATTRIBUTES = ("condition_", "backward_error_", "error_estimate_", "alpha_")


def plan_sketch(model: Any, blocks: Blocks) -> dict[str, Any]:
    """``plan_`` of a solver that sketches: nothing is measured, since it was asked for."""
    n, d = blocks.n_rows, blocks.n_columns
    found: dict[str, Any] = {"solver": model.solver, "why": f"solver={model.solver!r}", "seconds": {}}
    found |= {"bytes": {}, "packed": False, "refused": {}, "rates": {}, "measured": False}
    if d is not None:
        size = model.sketch_size or sketch_size(blocks, n, d)
        found["bytes"] = {
            model.solver: sketch_bytes(size, d, max(blocks.n_targets or 1, 1), model.n_sketches)
        }
        found["passes"] = 1 + (isinstance(model.alpha, str))
        if model.solver == "sketch":
            found["passes"] = 3 + round(iterations_for(max(size / d, 1.5)))
    return found


def fit_sketch(model: Any, blocks: Blocks) -> None:
    """Fit a `Ridge` or `LinearRegression` by its sketching solver."""
    name = type(model).__name__
    if np.ndim(model.alpha) and blocks.n_targets is not None:
        model._alphas(blocks.n_targets)  # a wrong length is refused before anything is read
    random = check_random_state(model.random_state)
    seeds = [int(s) for s in random.randint(np.iinfo(np.int32).max, size=model.n_sketches)]
    given: dict[str, Any] = {
        "fit_intercept": model.fit_intercept,
        "size": model.sketch_size,
        "what": name,
        "if_not_finite": lambda: check_finite(model, blocks),
    }
    with watching(Lines(name)) if model.verbose else nullcontext():
        found: BySketch | Sketched
        told: dict[str, Any]
        if model.solver == "sketch":
            exact = solve_sketch(blocks, model.alpha, seed=seeds[0], max_iter=model.max_iter, **given)
            model.backward_error_ = exact.backward_error
            found, told = exact, {"iterations": exact.iterations}
        else:
            alpha = None if isinstance(model.alpha, str) else model.alpha
            alone = sketch_and_solve(blocks, alpha, seeds=seeds, **given)
            model.error_estimate_ = alone.error
            if alpha is None:
                model.alpha_ = float(alone.alpha[0])
            found, told = alone, {} if alone.scores is None else {"gcv": alone.scores}
    model.plan_ |= {"sketch_size": found.size, "passes": 1 + found.solution.passes, **told}
    learn_width(model, len(found.sums.mean), None)
    model._publish(found.solution, found.sums.mean, blocks.dtype, found.sums.flat)


def sketched_state(model: Any, blocks: Blocks) -> SketchedGram:
    """Sums and a sketch from one walk, for which there is room beside the sums that are reserved already."""
    size, d = model.sketch_size, blocks.n_columns
    if d is not None:
        check_size(size, d)
        need = sketch_bytes(size, d, max(blocks.n_targets or 1, 1))
        blocks.reserve(need, f"a sketch of {size} rows and {d} columns")
    seed = int(check_random_state(model.random_state).randint(np.iinfo(np.int32).max))
    return SketchedGram(size, seed=seed, nonzeros=min(NONZEROS // 2, size))


def solved_beside(model: Any, state: SketchedGram, blocks: Blocks | None, flat: bool) -> bool:
    """Set ``condition_``, and fit by the sketch where X'X has lost too much and the rows can be read again; whether that was so."""
    check_size(model.sketch_size, state.cols)
    model.plan_["sketch_size"] = model.sketch_size
    alphas = model._alphas(state.targets)
    model.condition_, found = solve_beside(state, blocks, alphas, model.fit_intercept, flat)
    if found is None or blocks is None:
        return False
    model.backward_error_ = found.backward_error
    model.plan_ |= {"passes": 1 + found.solution.passes, "iterations": found.iterations}
    model._publish(found.solution, found.sums.mean, blocks.dtype, flat)
    return True


def check_sketch(model: Any) -> None:
    """The parameters of solvers that sketch, and those that have no effect with the solver asked for."""
    check_integer("n_sketches", model.n_sketches, 1)
    if model.sketch_size is not None:
        check_integer("sketch_size", model.sketch_size, 2, 2**30 - 1)
    if model.solver not in SKETCHES:
        if model.n_sketches != 1:
            raise ValueError(
                f"n_sketches is of solver='sketch-and-solve' and has no effect with solver={model.solver!r}: leave it at 1, got "
                f"{model.n_sketches!r}"
            )
        unable = {"positive=True": model.positive, "checkpoint": model.checkpoint is not None}
        why = next((name for name, asked in unable.items() if asked), f"solver={model.solver!r}")
        if model.sketch_size is not None and (any(unable.values()) or model.solver not in BESIDE):
            raise ValueError(
                f"sketch_size is of a sketch alone, or beside X'X for solver='auto' and 'cholesky'; {why} has no use for one: leave it "
                f"at None, got {model.sketch_size!r}"
            )
        return
    for name in ("keep_state", "checkpoint", "refine"):
        if getattr(model, name) not in (False, None, "auto"):
            raise ValueError(
                f"{name} is of the sums that solver={model.solver!r} does not make; leave it out, or use another solver"
            )
    if model.solver == "sketch" and model.n_sketches != 1:
        raise ValueError(
            "n_sketches is of solver='sketch-and-solve', whose answers it averages; solver='sketch' has full accuracy "
            f"from one: leave it at 1, got {model.n_sketches!r}"
        )
    if model.solver == "sketch-and-solve" and model.max_iter is not None:
        raise ValueError(
            f"solver='sketch-and-solve' does not iterate: leave max_iter at None, got {model.max_iter!r}"
        )

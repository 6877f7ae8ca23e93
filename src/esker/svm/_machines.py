"""Linear support vector machines on rows that lie in memory: what they share as estimators, and the descent of their duals."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from esker._native import core, threads
from esker._parameters import check_choice, check_flag, check_integer, check_number, parse_duration
from esker._progress import advance, watching
from esker.blocks.memory import show_size
from esker.linear_model._gram_walk import Lines
from esker.linear_model._input import learn_width, narrowed
from esker.linear_model._krylov_rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks

__all__ = ["check_machine", "in_memory", "learn_machines", "row_weights", "tell"]

#: Numbers that a machine at work has for each row and each column: its duals and their order; copies of w.
BY_ROW, BY_COLUMN = 6, 8


def check_machine(model: Any, loss: str, squared: str) -> tuple[int, float]:
    """Check the parameters that both estimators have; the seed, and the moment of `perf_counter` at which a fit that begins now ends."""
    began = perf_counter()
    check_choice("loss", model.loss, (squared, loss))
    check_number("tol", model.tol, 0, open_low=True)
    check_number("C", model.C, 0, open_low=True)
    check_flag("fit_intercept", model.fit_intercept)
    check_number("intercept_scaling", model.intercept_scaling, 0, open_low=True)
    check_integer("max_iter", model.max_iter, 1)
    if not isinstance(model.verbose, bool):
        check_integer("verbose", model.verbose, 0)
    if model.n_threads is not None:
        check_integer("n_threads", model.n_threads, 1)
    if not isinstance(model.dual, bool):
        check_choice("dual", model.dual, ("auto",))
    if model.dual is False and model.loss == loss:
        raise ValueError(
            f"dual=False is for loss={squared!r}; {loss!r} is not smooth, and its dual is solved: use dual='auto'"
        )
    seconds = parse_duration(model.max_time)
    seed = int(check_random_state(model.random_state).randint(2**31 - 1))
    return seed, inf if seconds is None else began + seconds


def in_memory(model: Any, blocks: Blocks) -> list[Block]:
    """All rows, as they lie or read once; refused where there is no room for them."""
    rows = Rows(blocks)
    kept = rows.held()
    if kept is None:
        name = type(model).__name__
        kind = (
            "SGDClassifier(loss='hinge')"
            if name == "LinearSVC"
            else "SGDRegressor(loss='epsilon_insensitive')"
        )
        squared = "; so does dual=False" if "squared" in model.loss else ""
        raise ValueError(
            f"{name} visits the rows in a random order and needs them in memory, for which {show_size(rows.room())} are free: "
            f"grant more memory, or use {kind}, which streams {blocks.source}{squared}"
        )
    return kept


def row_weights(parts: list[Block]) -> NDArray[np.float64] | None:
    """Of all rows; None where all are 1."""
    if all(part.sample_weight is None for part in parts):
        return None
    return np.concatenate([np.ones(len(p)) if p.sample_weight is None else p.sample_weight for p in parts])


def learn_machines(
    model: Any,
    blocks: Blocks,
    parts: list[Block],
    y: NDArray[np.float64],
    weight: NDArray[np.float64] | None,
    *,
    labels: list[int],
    factors: list[float],
    epsilon: float,
    squared: bool,
    seed: int,
    ends: float,
) -> core.Machines:
    """Descend until every machine has converged, or its share of the time is over; set what both estimators say alike."""
    n, d = len(y), max(part.X.shape[1] for part in parts)
    with threads(model.n_threads):
        at_work = min(len(labels), core.config()["threads"])
        numbers = 5 * n + at_work * (BY_ROW * n + BY_COLUMN * (d + 1)) + 2 * len(labels) * d
        blocks.reserve(8 * numbers, f"{type(model).__name__} of {n} rows")
        machines = core.Machines(
            [part.raw_x() for part in parts],
            d,
            y,
            weight,
            labels,
            factors,
            float(model.intercept_scaling) if model.fit_intercept else 0.0,
            float(model.C),
            epsilon,
            squared,
            float(model.tol),
            min(int(model.max_iter), 1 << 62),
            seed,
            max(ends - perf_counter(), 0.0),
        )
        nbytes = sum(part.nbytes for part in parts)
        with watching(Lines(type(model).__name__)) if model.verbose else nullcontext():
            while not machines.step():
                if not advance(n, nbytes):
                    raise KeyboardInterrupt
    if not np.isfinite(machines.objectives).all():
        raise ValueError(
            "the sums of squares are not finite: values (or C, or the weights) are too large; scale them down"
        )
    converged = bool(machines.converged.all())
    spent = bool((machines.epochs[~machines.converged] >= model.max_iter).any())
    reason = "converged" if converged else "time" if machines.late else "max_iter" if spent else "rounding"
    tell(
        model,
        machines.coef,
        blocks.dtype,
        int(machines.epochs.max()),
        "epochs",
        reason,
        machines.gaps,
        machines.objectives,
    )
    return machines


def tell(
    model: Any,
    coef: NDArray[np.float64],
    dtype: Any,
    steps: int,
    name: str,
    reason: str,
    gaps: NDArray[np.float64],
    objectives: NDArray[np.float64],
) -> None:
    """Set what both ways to a minimum tell alike: the coefficients, after how many steps (by their name), and why the fit ended."""
    learn_width(model, coef.shape[1], None)
    model.coef_ = narrowed(coef, dtype)
    model.n_iter_ = steps
    model.stop_reason_, model.converged_ = reason, reason == "converged"
    if reason == "interrupted":
        warnings.warn(
            f"{type(model).__name__}.fit was interrupted after {steps} {name}; the model is the best one so far",
            UserWarning,
            stacklevel=4,
        )
    if reason in ("max_iter", "rounding"):
        more = "raise max_iter or tol" if reason == "max_iter" else "rounding goes no further: raise tol"
        worst = float((gaps / np.maximum(objectives, 1e-300)).max())
        warnings.warn(
            f"not converged to tol={model.tol:g} after {steps} {name}: the duality gap is {worst:.2g} of the objective; "
            f"{more}, or scale the columns",
            ConvergenceWarning,
            stacklevel=4,
        )

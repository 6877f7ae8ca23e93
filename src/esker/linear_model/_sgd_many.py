"""The rate of many classes, and with alpha="auto" their penalty: a race of a few of them, before the walk of all.

Lanes for each class at each rate would take as many times the memory and the walk. Classes drawn by how many rows they have
tell the rate as well, in a walk of their own over the first rows.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._native import threads
from esker._progress import advance
from esker.folds import SgdClasses
from esker.learning_clock import Pacer
from esker.learning_holdout import HeldOut, without_held_out
from esker.learning_race import RACE_ROWS
from esker.learning_stream import FIRST_MARK, Stream
from esker.linear_model._sgd_lanes import CANDIDATES, RATES
from esker.linear_model._sgd_steps import new_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.learning_schedule import Schedule
    from esker.linear_model._sgd_asked import Asked
    from esker.linear_model._sgd_parameters import Checked

__all__ = ["race_many"]

#: From so many classes on a few of them race; fewer race each for itself.
MANY = 33
#: How many race.
SOME = 16
#: The part of `max_time` that a race may take; what it saw by then decides.
PART = 0.1


def race_many(
    model: Any, blocks: Blocks, checked: Checked, asked: Asked, groups: Any, **walk: Any
) -> tuple[Checked, list[dict[str, Any]]]:
    """(the parameters with the best rate and penalty, what was decided); as they are where none is to be found.

    Where the schedule of an earlier fit is given, its rate holds. `walk` is the seed, and the share of rows held out.
    """
    given = asked.schedule
    classes = len(getattr(model, "classes_", ()))
    if model.loss == "softmax":  # whose losses are of all classes
        return checked, []
    if (
        checked.stepping.rate is not None
        or classes < MANY
        or blocks.sequential_first
        or not blocks.rereadable
    ):
        return checked, []
    for event in [] if given is None else given.get("decisions", []):
        if event.get("event") == "raced":
            return _at(checked, float(event["rate"]), float(event["penalty"])), [event]
    if given is not None:
        return checked, []
    plan = model._schedule(max_time=checked.max_time, started=asked.started, **walk)
    with threads(model.n_threads):
        loss, rows = _race(model, blocks, checked, plan, groups)
    if loss is None or not np.isfinite(loss).any():
        return checked, []
    rate, penalty = _candidates(checked)[int(np.argmin(loss))]
    event = {"rows": 0, "event": "raced", "rate": rate, "penalty": penalty, "on": rows}
    return _at(checked, rate, penalty), [event]


def _candidates(checked: Checked) -> list[tuple[float, float]]:
    """Rates, and the penalties of each in units of the one that was asked for."""
    return list(CANDIDATES) if checked.races else [(rate, 1.0) for rate in RATES]


def _at(checked: Checked, rate: float, penalty: float) -> Checked:
    stepping = replace(checked.stepping, rate=rate)
    return replace(checked, stepping=stepping, l1=checked.l1 * penalty, l2=checked.l2 * penalty)


def _drawn(labels: NDArray[np.float64], classes: int) -> NDArray[np.int64]:
    """Classes at even steps through the rows, ordered by class: who has more rows is likelier."""
    counts = np.bincount(labels.astype(np.int64), minlength=classes)
    order = np.argsort(-counts, kind="stable")
    ends = np.cumsum(counts[order])
    places = (np.arange(SOME) + 0.5) / SOME * ends[-1]
    return np.unique(order[np.searchsorted(ends, places)])


def _race(
    model: Any, blocks: Blocks, checked: Checked, plan: Schedule, groups: Any
) -> tuple[NDArray[np.float64] | None, int]:
    """Each candidate's mean loss, None where there was no time, and the rows that were learned from."""
    held, stream = HeldOut(), None
    rates, factors = np.array(_candidates(checked)).T
    clocked = plan.max_time is not None and plan.started is not None and model.checkpoint is None
    pacer = Pacer(plan.started + PART * plan.max_time if clocked else None)  # type: ignore[operator]
    then = without_held_out(plan.seed, plan.holdout, groups)
    walk: dict[str, Any] = {"shuffle_rows": plan.shuffle_rows, "then": then}
    with closing(blocks.visits(0, seed=plan.seed, shuffle=plan.shuffle, **walk)) as visits:  # type: ignore[type-var]  # a generator
        for whole, block, out in visits:
            if stream is None:
                some = _drawn(np.asarray(whole.y), len(model.classes_))
                lanes = np.repeat(some, len(rates))
                each, by = np.tile(rates, len(some)), np.tile(factors, len(some))
                one = new_state(model, checked, lanes, each, checked.l1 * by, checked.l2 * by)
                state: Any = SgdClasses([one], np.arange(len(lanes)))
                stream = Stream(state)
            held.add(whole, out, groups)
            n = min(len(block.order), RACE_ROWS - stream.rows)
            at = 0
            while at < n and not pacer.late():
                begun, rows = perf_counter(), min(pacer.rows, n - at)
                stream.take(block, at, at + rows, blocks.source)
                pacer.done(rows, perf_counter() - begun)
                at += rows
                if not advance(rows, 0):
                    raise KeyboardInterrupt
            if at < n or stream.rows >= RACE_ROWS:
                break
    if stream is None or stream.rows == 0 or (pacer.late() and stream.rows < FIRST_MARK):
        return None, 0
    loss = held.loss(stream.state) if held.enough else stream.progressive()
    for event in stream.events:  # at a rate that had to be halved
        loss[event["lanes"]] = np.inf
    return np.asarray(loss.reshape(-1, len(rates)).mean(axis=0)), stream.rows

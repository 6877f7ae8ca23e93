"""The rate of many classes, and with alpha="auto" their penalty: a race of a few of them, before the walk of all.

Lanes for each class at each rate would take as many times the memory and the walk. Classes drawn by how many rows they have
tell the rate as well, in a walk of their own over the first rows: fewer, or none, where `max_memory` has no room for their tables.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._native import threads
from esker._progress import advance
from esker.blocks.memory import walking_bytes
from esker.blocks.walks import closing
from esker.folds import SgdClasses
from esker.learning_clock import Pacer, interruptible
from esker.learning_holdout import HeldOut, without_held_out
from esker.learning_race import RACE_ROWS
from esker.learning_stream import FIRST_MARK, mean_loss, next_mark
from esker.linear_model._sgd_lanes import CANDIDATES, RATES, lane_bytes, race_room, recorded_columns
from esker.linear_model._sgd_steps import new_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.learning_schedule import Schedule
    from esker.linear_model._sgd_asked import Asked
    from esker.linear_model._sgd_parameters import Checked

__all__ = ["race_many"]

#: From so many classes on a few of them race; fewer race each for itself.
MANY = 9
#: How many race, where there is room for them.
SOME = (16, 8, 4)
#: The part of `max_time` that a race may take; what it saw by then decides.
PART = 0.1


@dataclass
class _Raced:
    """How a race went.

    Attributes
    ----------
    rows : int
        Learned from.
    loss : ndarray or None
        Each candidate's mean loss; None where nothing was found.
    interrupted : bool
        By Ctrl-C.
    """

    rows: int = 0
    loss: NDArray[np.float64] | None = None
    interrupted: bool = False


def race_many(
    model: Any, blocks: Blocks, checked: Checked, asked: Asked, groups: Any, stop: dict[str, Any], **walk: Any
) -> tuple[Checked, list[dict[str, Any]], dict[str, Any]]:
    """(the parameters with the best rate and penalty, what was decided, where the walk of all ends).

    The parameters and `stop` are as they are where there is no race. The race of an earlier fit, whose schedule is given, or
    of an earlier walk holds. `walk` is the seed, and the share of rows held out.
    """
    given = asked.raced
    if given is None and asked.schedule is not None:
        given = [e for e in asked.schedule.get("decisions", []) if e.get("event") == "raced"]
    # The loss of softmax is of all classes together.
    many = len(getattr(model, "classes_", ())) >= MANY and model.loss != "softmax"
    if checked.stepping.rate is not None or not many:
        return checked, [], stop
    if given is not None:
        for event in given:
            checked = _at(checked, float(event["rate"]), float(event["penalty"]))
        return checked, given, stop
    # Of a fit that was killed the clock would say something else the next time.
    both = checked.max_time is not None and model.checkpoint is not None
    if both or blocks.sequential_first or not blocks.rereadable:
        return checked, [], stop
    some, candidates, need = _afforded(blocks, checked)
    if not some:
        return checked, [], stop
    plan = model._schedule(max_time=checked.max_time, started=asked.started, **walk)
    blocks.reserve(need, f"the race of {some} classes")
    try:
        with threads(model.n_threads):
            raced = _race(model, blocks, checked, plan, groups, some, candidates)
    finally:
        blocks.reserved -= need
    if raced.interrupted and model.checkpoint is not None:  # it keeps what an earlier run has learned
        raise KeyboardInterrupt
    if raced.interrupted:  # end as soon as there is a model
        return checked, [], {"rows": 1, "reason": "interrupted"}
    if raced.loss is None or not np.isfinite(raced.loss).any():
        return checked, [], stop
    rate, penalty = candidates[int(np.argmin(raced.loss))]
    event = {"rows": 0, "event": "raced", "rate": rate, "penalty": penalty, "on": raced.rows}
    return _at(checked, rate, penalty), [event], stop


def _afforded(blocks: Blocks, checked: Checked) -> tuple[int, list[tuple[float, float]], int]:
    """(how many classes race, at which rates and penalties in units of the one asked for, bytes); 0 where there is no room."""
    room = race_room(None)
    if blocks.max_memory is not None:
        room = blocks.max_memory - blocks.reserved - walking_bytes(blocks)
    columns = recorded_columns(blocks) or 1
    rates = [(rate, 1.0) for rate in RATES]
    for candidates in [list(CANDIDATES), rates] if checked.races else [rates]:
        for some in SOME:
            need = lane_bytes(some * len(candidates), columns)
            if need <= room:
                return some, candidates, need
    return 0, rates, 0


def _at(checked: Checked, rate: float, penalty: float) -> Checked:
    stepping = replace(checked.stepping, rate=rate)
    return replace(checked, stepping=stepping, l1=checked.l1 * penalty, l2=checked.l2 * penalty)


def _drawn(labels: NDArray[np.float64], classes: int, some: int) -> NDArray[np.int64]:
    """Classes at even steps through the rows, ordered by class: who has more rows is likelier."""
    counts = np.bincount(labels.astype(np.int64), minlength=classes)
    order = np.argsort(-counts, kind="stable")
    ends = np.cumsum(counts[order])
    places = (np.arange(some) + 0.5) / some * ends[-1]
    return np.unique(order[np.searchsorted(ends, places)])


def _race(
    model: Any,
    blocks: Blocks,
    checked: Checked,
    plan: Schedule,
    groups: Any,
    some: int,
    candidates: list[tuple[float, float]],
) -> _Raced:
    """Teach some classes at each candidate, and tell the candidates' losses."""
    held, raced = HeldOut(), _Raced()
    state: Any = None
    before: Any = (0.0, 0.0)  # losses and weights between the last two marks
    rates, factors = np.array(candidates).T
    limit, started = plan.max_time, plan.started
    pacer = Pacer(None if limit is None or started is None else started + PART * limit)
    then = without_held_out(plan.seed, plan.holdout, groups)
    walk: dict[str, Any] = {"shuffle_rows": plan.shuffle_rows, "then": then}
    asked = True  # for more, by whoever watches
    with (
        interruptible() as interrupt,
        closing(blocks.visits(0, seed=plan.seed, shuffle=plan.shuffle, **walk)) as visits,
    ):
        while asked and raced.rows < RACE_ROWS and not pacer.late():
            try:
                interrupt.waiting = True
                visited = None if interrupt.came else next(visits, None)
            except KeyboardInterrupt:
                if not interrupt.came:
                    raise
                visited = None
            finally:
                interrupt.waiting = False
            if visited is None:
                break
            whole, block, out = visited
            if state is None:
                drawn = _drawn(np.asarray(whole.y), len(model.classes_), some)
                lanes = np.repeat(drawn, len(rates))
                each, by = np.tile(rates, len(drawn)), np.tile(factors, len(drawn))
                one = new_state(model, checked, lanes, each, checked.l1 * by, checked.l2 * by)
                state = SgdClasses([one], np.arange(len(lanes)))
            held.add(whole, out, groups)
            n, at = min(len(block.order), RACE_ROWS - raced.rows), 0
            while at < n and asked and not (interrupt.came or pacer.late()):
                begun = perf_counter()
                rows = min(pacer.rows, n - at, next_mark(raced.rows) - raced.rows)
                state.update_rows(block, at, at + rows)
                pacer.done(rows, perf_counter() - begun)
                at, raced.rows = at + rows, raced.rows + rows
                if next_mark(raced.rows - 1) == raced.rows:
                    before = state.loss_sums()
                    state.reset_meter()
                asked = advance(rows, 0)
    raced.interrupted = interrupt.came
    enough = raced.rows > 0 and (raced.rows >= FIRST_MARK or not pacer.late())
    if state is not None and enough and asked and not interrupt.came:
        loss, weight = state.loss_sums()
        loss = held.loss(state) if held.enough else mean_loss(before[0] + loss, before[1] + weight)
        # A lane that has left the finite numbers is none to take.
        loss = np.where(state.is_finite(), loss, np.inf).reshape(-1, len(rates))
        raced.loss = np.asarray(loss.mean(axis=0))
    return raced

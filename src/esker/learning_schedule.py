"""What a walk of a learner that steps may do, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from esker.blocks import Block
    from esker.folds import Sgd

__all__ = ["Learned", "Schedule", "check_schedule"]

#: Why a walk ends.
REASONS = ("converged", "max_iter", "time", "interrupted")


@dataclass(frozen=True)
class Schedule:
    """What a walk may do; everything in it but `max_time` decides the result.

    Attributes
    ----------
    seed : int
        Of the order of rows and of the choice of held-out ones.
    max_iter : int
        Epochs at most.
    tol : float, "auto" or None
        An epoch that does not lower the loss by this share of it is one without gain; None runs all epochs. "auto": one
        that does not lower the held-out loss, since the last gain, by more than the standard error of that difference,
        row by row; where nothing is held out, as 1e-3.
    labels : bool
        Whether targets are labels; "auto" then counts no gain below 3e-4 of their entropy.
    joint : bool
        Whether a row's loss is of all labels together.
    n_iter_no_change : int
        Epochs without gain, in a row, before the walk has converged.
    lower_rate : bool
        Whether the rates are then lowered to a fifth, and the walk goes on until they are as low as can be.
    shuffle : bool
    shuffle_rows : int or None
    holdout : float
        The share of rows (of groups, where `learn` has some) held out; 0 decides by progressive loss.
    average : {"last", "averaged", "either"}
        Which of a lane's models counts: the last one, the average that the state keeps, or the better one by held-out
        loss, the average then being that of one epoch (of the first one, but for its first work mark's rows).
    n_shards : int
        How many learners share the rows once the race is over, where that pays (`Sgd.update_shards`).
    penalties : tuple of float
        Where rates have raced, factors of the penalty that race next, from the winner's weights.
    max_time : float or None
        Seconds, counted from `started`.
    started : float or None
        As `time.perf_counter` counts; None means when `learn` is called.
    stop_rows : int or None
        End after exactly so many rows, as a fit before this one did, for the reason `stop_reason`.
    """

    seed: int
    max_iter: int = 20
    tol: float | str | None = 1e-3
    labels: bool = False
    joint: bool = False
    n_iter_no_change: int = 2
    lower_rate: bool = False
    shuffle: bool = True
    shuffle_rows: int | None = None
    holdout: float = 0.0
    penalties: tuple[float, ...] = ()
    average: str = "last"
    n_shards: int = 1
    max_time: float | None = None
    started: float | None = None
    stop_rows: int | None = None
    stop_reason: str | None = None


@dataclass
class Learned:
    """What a walk came to.

    Attributes
    ----------
    state : Sgd
        One lane for each target.
    stop_reason : {"converged", "max_iter", "time", "interrupted"}
    n_iter : int
        Epochs begun.
    rows : int
        Rows consumed, over all epochs; those held out do not count.
    history : list of dict
        See `learn`.
    schedule : dict
        See `learn`.
    falling : bool
        Whether the last epoch that was judged still gained something, or none was.
    held : list of Block
        The held-out rows.
    """

    state: Sgd
    stop_reason: str
    n_iter: int
    rows: int
    history: list[dict[str, Any]] = field(default_factory=list)
    schedule: dict[str, Any] = field(default_factory=dict)
    falling: bool = True
    held: list[Block] = field(default_factory=list)


def check_schedule(given: Any) -> None:
    """Raise ValueError where this is not the ``schedule`` of a walk."""
    wrong = None
    if not isinstance(given, dict) or given.get("version") != 1:
        wrong = "a dict of version 1"
    elif not _whole(given.get("seed")):
        wrong = "a whole number 'seed'"
    else:
        stop = given.get("stop")
        if not isinstance(stop, dict) or not _whole(stop.get("rows")) or stop.get("reason") not in REASONS:
            wrong = f"'stop', {{'rows': a whole number, 'reason': one of {', '.join(REASONS)}}}"
    if wrong is not None:
        raise ValueError(
            f"schedule must be the schedule_ of a fitted model, with {wrong}; got {given!r:.200}"
        )


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= 0

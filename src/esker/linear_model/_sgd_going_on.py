"""A model by steps that goes on with other parameters: what they change, and what they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from esker.linear_model._sgd_steps import penalty_scale_of

if TYPE_CHECKING:
    from esker.learning_stream import Stream
    from esker.linear_model._sgd_parameters import Checked

__all__ = ["apply_parameters", "parameters_of"]


def parameters_of(model: Any, checked: Checked) -> dict[str, Any]:
    """What a kept stream has learned with."""
    return {
        "rate": checked.stepping.rate,
        "alpha": model.alpha if isinstance(model.alpha, str) else float(model.alpha),
        "l1": checked.l1,
        "l2": checked.l2,
        "fit_intercept": bool(model.fit_intercept),
        "penalty_scale": penalty_scale_of(model),
    }


def apply_parameters(stream: Stream, before: dict[str, Any], now: dict[str, Any], how: str) -> None:
    """Give a stream, which has learned with other parameters, those of now.

    A penalty or rate is that of the steps to come; a rate of None and an alpha of "auto" go on with those that there are. Where rates
    were racing, and one is given, the leader takes it.

    Raises
    ------
    ValueError
        An intercept, or the scale of penalties, is not what it was.
    """
    for name in ("fit_intercept", "penalty_scale"):
        if before[name] != now[name]:
            raise ValueError(
                f"{how} goes on from a model with {name}={before[name]!r}, got {now[name]!r}; set the same, or fit anew"
            )
    if now["rate"] not in (None, before["rate"]):
        if stream.racing:
            stream.keep(stream.winners(stream.progressive()))
        for state in (stream.state, stream.backup):
            state.set_rates(np.full(state.lanes, now["rate"]))
    auto = now["alpha"] == "auto" and _mix(now) == _mix(before)
    raced = before["alpha"] == "auto" and now["alpha"] != "auto"
    if not auto and (raced or (now["l1"], now["l2"]) != (before["l1"], before["l2"])):
        for state in (stream.state, stream.backup):
            state.set_penalties(np.full(state.lanes, now["l1"]), np.full(state.lanes, now["l2"]))
    before |= now | {"rate": now["rate"] or before["rate"]}  # also where what follows fails


def _mix(given: dict[str, Any]) -> float | None:
    """The share of l1 in a penalty; None where there is none."""
    total = given["l1"] + given["l2"]
    return round(given["l1"] / total, 9) if total else None

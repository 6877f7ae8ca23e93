"""The lanes that a fit begins with: each target at the rates and penalties that race, and the memory of their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from esker.blocks.arrays import ArrayBlocks
from esker.blocks.memory import physical_memory, show_size
from esker.folds import Sgd, SgdClasses, SgdGroup
from esker.linear_model._sgd_steps import check_average, new_state, stepping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esker.blocks import Blocks
    from esker.linear_model._sgd_parameters import Checked

__all__ = ["BESIDE", "CANDIDATES", "PENALTIES", "RATES", "fit_bytes", "lane_bytes", "lanes_of", "penalties_race", "race_room", "raced_lanes", "raced_rates", "recorded_columns", "refuse_width"]  # fmt: skip

#: Lanes that race, at most; and those of classes that learn together, whose race is the only one that they have.
MOST, MOST_TOGETHER = 64, 512
#: Beyond twice as many models there are states of so many.
BESIDE = 128

#: The rates that race by default.
RATES = (0.02, 0.1, 0.5, 2.0)

#: With alpha="auto": the rates and penalties, in units of ALPHA, that race first; and what races next, in units of the winner's.
CANDIDATES = (
    (0.02, 1.0),
    (0.1, 1.0),
    (0.5, 1.0),
    (2.0, 1.0),
    (0.1, 0.1),
    (0.5, 0.1),
    (2.0, 0.1),
    (2.0, 0.01),
)
PENALTIES = (3.0, 1.0, 0.3, 0.1)


def lane_bytes(lanes: int, columns: int, *, averages: bool = False) -> int:
    """Bytes of a state with so many lanes: weights, accumulators and last visits, and averages, lanes being padded."""
    width = lanes if lanes <= 1 else 4 if lanes <= 4 else 8 if lanes <= 8 else -(-lanes // 16) * 16
    return columns * ((16 if width == 1 else 8 * width + 4) + 8 * width * averages)


def fit_bytes(lanes: int, columns: int, *, averages: bool = False) -> int:
    """Bytes of a fit: the state, its copy at the last mark, and the best one so far; and averages read out."""
    return (3 + averages) * lane_bytes(lanes, columns, averages=averages)


def recorded_columns(blocks: Blocks, models: int | None = None) -> int | None:
    """How many columns the tables of so many models hold: of hundreds, and where models is None, those that come in sparse
    rows; None: not known."""
    columns = blocks.n_columns
    X: Any = getattr(blocks, "X", None) if isinstance(blocks, ArrayBlocks) else None
    if columns is None or (models is not None and models <= 2 * BESIDE) or not sparse.issparse(X):
        return columns
    comes = np.zeros(columns, dtype=bool)
    comes[X.indices] = True
    return min(columns, 1 + int(np.count_nonzero(comes)))


def raced_rates(
    eta0: float | None,
    targets: int,
    columns: int | None,
    max_memory: int | None,
    *,
    averages: bool = False,
    race: bool = True,
    most: int = MOST,
) -> Any:
    """The rates to race for each target: four, or fewer where many targets would make the tables too large.

    Returns
    -------
    (ndarray of rates, bytes)
    """
    wanted = [RATES, RATES[1:3], RATES[2:3]] if eta0 is None else [(float(eta0),)]
    if not race:
        wanted = wanted[-1:]
    need = 0
    for rates in wanted:
        need = fit_bytes(targets * len(rates), columns or 1, averages=averages)
        if len(rates) == 1 or (need <= race_room(max_memory) and targets * len(rates) <= most):
            return np.array(rates), need
    raise AssertionError("the last choice always fits")


def race_room(max_memory: int | None) -> int:
    """Bytes that a race may take."""
    return 1 << 31 if max_memory is None else max_memory // 2


def raced_lanes(
    checked: Checked,
    targets: int,
    columns: int | None,
    max_memory: int | None,
    *,
    race: bool = True,
    most: int = MOST,
) -> Any:
    """What races for each target: rates, and the penalties of each in units of the one that was asked for.

    Returns
    -------
    (ndarray of rates, ndarray of factors, bytes)
    """
    averages = checked.average > 0
    rates, need = raced_rates(
        checked.stepping.rate, targets, columns, max_memory, averages=averages, race=race, most=most
    )
    if checked.races and len(rates) == len(RATES):
        models = targets * len(CANDIDATES)
        more = fit_bytes(models, columns or 1, averages=averages)
        if models <= most and more <= race_room(max_memory):
            return *np.array(CANDIDATES).T, more
    return rates, np.ones(len(rates)), need


def refuse_width(model: Any, columns: int, models: int | None = None) -> None:
    """Say that tables of so many columns exceed this machine's memory, before the system ends the process."""
    if models is None:  # as `lanes_of` chooses where the width is not known
        models = len(raced_rates(stepping(model).rate, 1, None, None)[0])
    need = fit_bytes(models, columns, averages=check_average(model) > 0)
    if need > 0.9 * physical_memory():
        raise ValueError(
            f"{type(model).__name__} with {models} model{'s' * (models > 1)} on {columns:,} columns takes {show_size(need)}, and this machine "
            f"has {show_size(physical_memory())}; number the columns without gaps, or hash them into fewer"
            + (", or name one rate with eta0=" if models > 1 and stepping(model).rate is None else "")
        )


def lanes_of(
    model: Any,
    targets: Sequence[int],
    checked: Checked,
    blocks: Blocks | None,
    *,
    race: bool = True,
    begins: bool = False,
) -> Any:
    """Lanes: each target at each of the raced rates, or at one; for several quantiles a state of such lanes each.

    A model that `begins` with given weights has records of all columns from the start.
    """
    columns = None if blocks is None else blocks.n_columns
    memory = None if blocks is None else blocks.max_memory
    parameter = checked.loss_parameter
    several = parameter if isinstance(parameter, tuple) else (parameter,)
    models = len(targets) * len(several)
    together = model.loss == "softmax"
    if blocks is not None and len(several) == 1 and not (together or begins):
        columns = recorded_columns(blocks, models)
    # In `partial_fit`, where there are no blocks, the race never ends.
    most = MOST_TOGETHER if together and blocks is not None else MOST
    rates, factors, need = raced_lanes(checked, models, columns, memory, race=race, most=most)
    if columns is not None:
        refuse_width(model, columns, models * len(rates))
    if blocks is not None:
        blocks.reserve(need, f"{type(model).__name__} with {models} x {len(rates)} models")
    # Many classes are shared out among states, and these among threads.
    apart = BESIDE if models * len(rates) > 2 * BESIDE and not together else models
    bunches = [targets[i : i + apart] for i in range(0, len(targets), apart)]
    states = [
        new_state(
            model,
            checked,
            np.repeat(some, len(rates)),
            np.tile(rates, len(some)),
            checked.l1 * np.tile(factors, len(some)),
            checked.l2 * np.tile(factors, len(some)),
            loss_parameter=one,
        )
        for one in several
        for some in bunches
    ]
    for state in states:
        state.set_average(checked.average)
    if len(states) == 1:
        return states[0]
    group = SgdClasses if len(several) == 1 else SgdGroup
    return group(states, np.repeat(np.arange(models), len(rates)))


def penalties_race(state: Any, targets: Sequence[int]) -> bool:
    """Whether penalties race, and there is memory for more of them in the place of the first ones."""
    return isinstance(state, Sgd) and state.lanes == len(targets) * len(CANDIDATES)

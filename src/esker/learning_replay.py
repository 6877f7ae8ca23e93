"""The rows of a walk once more, in the same order, for models that ride along after its decisions have been taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import Diverged
from esker._progress import advance
from esker.blocks.walks import closing
from esker.learning_holdout import without_held_out

if TYPE_CHECKING:
    from esker.blocks import Blocks
    from esker.folds import Sgd
    from esker.learning_schedule import Schedule

__all__ = ["replay"]

#: Rows between two looks at whether the user wants to end.
PIECE = 1 << 14


def replay(
    blocks: Blocks, state: Sgd, schedule: Schedule, rows: int, *, average_from: int | None = None
) -> None:
    """Teach `state` the first `rows` rows of the walk that `schedule` describes; nothing is decided.

    With `average_from` the state keeps averages of the weights from after so many of them.

    Raises
    ------
    Diverged
        A weight is not finite at the end.
    KeyboardInterrupt
    """
    s, epoch, left = schedule, 0, rows
    while left > 0:
        walk: dict[str, Any] = {"shuffle_rows": s.shuffle_rows, "then": without_held_out(s.seed, s.holdout)}
        before = left
        with closing(blocks.visits(epoch, seed=s.seed, shuffle=s.shuffle, **walk)) as visits:
            for visited in visits:
                begin, stop = 0, min(len(visited.block.order), left)
                while begin < stop:
                    end = min(begin + PIECE, stop)
                    early = rows - left  # rows learned so far
                    if average_from is not None and early <= average_from < early + end - begin:
                        if early == average_from:
                            state.set_average(1)
                        else:
                            end = begin + average_from - early
                    state.update_rows(visited.block, begin, end)
                    if not advance(end - begin, 0):
                        raise KeyboardInterrupt
                    left -= end - begin
                    begin = end
                if left == 0:
                    break
        if left == before:
            raise ValueError(f"{blocks.source} has fewer rows than when they were learned from")
        epoch += 1
    if not np.all(state.is_finite()):
        raise Diverged(
            f"replicates left the finite numbers in the walk over {blocks.source}; look for absurd values, or give a smaller eta0"
        )

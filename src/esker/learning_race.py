"""The race of lanes for a target: rates and penalties, then penalties near the best, from the winner's weights.

The first is decided at the first work mark of the first epoch, or end of an epoch, at or after RACE_ROWS rows; the second, of
penalties, which show late, at the first mark or end of an epoch that is so many rows further on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from esker.learning_stream import Stream

__all__ = ["RACE_ROWS", "is_due", "race"]

#: Rows of a race, at least.
RACE_ROWS = 1 << 16


def is_due(stream: Stream) -> bool:
    """Whether lanes race, and have raced for long enough."""
    return stream.racing and stream.rows >= stream.spawned + RACE_ROWS


def race(stream: Stream, loss: NDArray[np.float64], penalties: tuple[float, ...]) -> None:
    """Keep each target's best lane; after the first race, its copies with other penalties race on."""
    lanes = stream.winners(loss)
    if penalties and not stream.spawned:
        stream.spawn(lanes, penalties)
        return
    stream.keep(lanes)
    stream.events.append({"rows": stream.rows, "event": "selected", "lanes": lanes})

"""What a walk decides by: losses on held-out rows, the best model so far, and whether an epoch gained anything."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from esker.learning_holdout import HeldOut, Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.folds import Sgd
    from esker.learning_schedule import Schedule
    from esker.learning_stream import Stream

__all__ = ["Judge", "Verdict"]

#: What `tol="auto"` is where nothing is held out.
PROGRESSIVE_TOL = 1e-3
#: The least gain of a classifier, in entropies of its labels: where classes are separable, losses fall for ever.
LEAST_GAIN = 3e-4


@dataclass(frozen=True)
class Verdict:
    """The held-out loss of the best lanes, its standard error, and of each row."""

    loss: float
    error: float
    rows: NDArray[np.float64]
    scores: Scores


class Judge:
    """The held-out rows, and what they have decided.

    Attributes
    ----------
    held : HeldOut
    best : Sgd or None
        The best model so far by held-out loss, one lane for each target.
    seconds : float
        The most that judging took.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.tol, self.average, self.labels = schedule.tol, schedule.average, schedule.labels
        self.joint = schedule.joint
        self.held = HeldOut()
        self.best: Sgd | None = None
        self.best_loss = self.best_epoch_loss = np.inf
        self.reference: NDArray[np.float64] | None = None  # each row's loss at the last gain
        self.stale, self.falling = 0, True
        self.seconds = 0.0

    # --- losses ---

    def _candidates(self, stream: Stream) -> list[Sgd]:
        if self.average == "last":
            return [stream.state]
        averaged = stream.state.averaged()
        return [averaged] if self.average == "averaged" else [stream.state, averaged]

    def loss(self, stream: Stream) -> NDArray[np.float64]:
        """Each lane's loss, held-out where there is enough of it; of several candidates the better one's."""
        if not self.held.enough or stream.state.rows == 0:
            return stream.progressive()
        begun = perf_counter()
        each = [self.held.loss(state) for state in self._candidates(stream)]
        self.seconds = max(self.seconds, perf_counter() - begun)
        return np.asarray(np.min(each, axis=0))

    def verdict(self, stream: Stream, *, last: bool = False) -> Verdict | None:
        """Score the lanes on the held-out rows and keep the best model; None where there are too few.

        After the `last` verdict the stream learns no more, and its state may be the best model itself.
        """
        if not self.held.enough or stream.state.rows == 0:  # 0: back at the start, at a lower rate
            return None
        begun = perf_counter()
        found: Verdict | None = None
        for state in self._candidates(stream):
            scores = self.held.scores(state, apart=stream.racing)
            lanes = stream.winners(scores.loss)
            loss = float(np.mean(scores.loss[lanes]))
            if found is None or loss < found.loss:
                rows = scores.rows(lanes)
                found = Verdict(loss, scores.error(rows), rows, scores)
            if loss < self.best_loss:
                self.best_loss = loss
                free = last or state is not stream.state
                self._keep(state, lanes, free=free)
                assert self.best is not None
                if self.best.average:
                    self.best.set_average(0)
        self.seconds = max(self.seconds, perf_counter() - begun)
        return found

    def _keep(self, state: Sgd, lanes: list[int], *, free: bool) -> None:
        """These lanes of a state are the best model: the state itself, where it is free and they are all of it."""
        whole = lanes == list(range(state.lanes))
        if whole and not free and self.best is not None and self.best.lanes == state.lanes:
            self.best.assign(state)  # in the memory that there is
            return
        self.best = None  # its memory is free before the better one takes some
        self.best = state if whole and free else state.select(lanes)

    def last(self, stream: Stream) -> Sgd:
        """The leading lanes where nothing is held out; the stream learns no more."""
        state = stream.leading(stream.winners(stream.progressive()))
        return state.averaged() if self.average == "averaged" else state

    @property
    def decides(self) -> bool:
        """Does a last look at the held-out rows decide between models?"""
        return self.best is not None or self.average == "either"

    # --- gains ---

    def gained(self, verdict: Verdict | None, progressive: float, *, lost: bool) -> bool:
        """Has the epoch that just ended lowered the loss enough? Of one that was `lost`, nothing is known."""
        loss = progressive if verdict is None else verdict.loss
        before, self.best_epoch_loss = self.best_epoch_loss, min(self.best_epoch_loss, loss)
        if self.tol == "auto" and verdict is not None:
            enough = self._beyond_noise(verdict)
        else:
            tol = PROGRESSIVE_TOL if self.tol in ("auto", None) else float(self.tol)
            enough = before - loss > tol * abs(before) or not np.isfinite(before)
        self.stale = 0 if enough or lost else self.stale + 1
        self.falling = enough or lost
        return enough

    def _beyond_noise(self, verdict: Verdict) -> bool:
        """Is the loss lower than at the last gain, by more than the standard error of the rows' differences?"""
        if self.reference is not None:
            fall = self.reference - verdict.rows
            weight = verdict.scores.weight
            mean = float(weight @ fall / weight.sum()) if np.isfinite(fall).all() else -np.inf
            least = LEAST_GAIN * self.held.entropy(joint=self.joint) if self.labels else 0.0
            if not mean > max(verdict.scores.error(fall), least):
                return False
        if np.isfinite(verdict.rows).all():
            self.reference = verdict.rows
        return True

    # --- for a checkpoint ---

    def facts(self) -> dict[str, Any]:
        """The numbers of this judge."""
        return {
            "losses": [self.best_loss, self.best_epoch_loss],
            "stale": self.stale,
            "falling": self.falling,
        }

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Its arrays."""
        arrays = {f"held/{k}": v for k, v in self.held.to_arrays().items()}
        if self.best is not None:
            arrays |= {f"best/{k}": v for k, v in self.best.to_arrays().items()}
        if self.reference is not None:
            arrays["reference/rows"] = self.reference
        return arrays

    def restore(self, kind: type[Sgd], facts: dict[str, Any], groups: dict[str, dict[str, Any]]) -> None:
        """Go on from `facts` and `to_arrays`, to the bit."""
        self.held = HeldOut.from_arrays(groups["held"])
        self.best = kind.from_arrays(groups["best"]) if groups["best"] else None
        self.reference = groups["reference"].get("rows")
        self.best_loss, self.best_epoch_loss = facts["losses"]
        self.stale, self.falling = facts["stale"], facts["falling"]

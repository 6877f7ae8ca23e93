"""A stream of rows through a learner that steps: work marks, and what is decided at them.

A work mark is a fixed count of rows consumed (4,096, 16,384, 65,536, 131,072, 262,144, then every 262,144), so what is
decided there depends on the data and the seed alone, never on how rows are cut into blocks or on the clock. At a mark a
copy of the state is kept. A lane (one model of several side by side) that has left the finite numbers by the next mark
is dropped if it races with others for its target; else the state goes back to the copy and that lane's rate is
halved. Nothing is replayed. A state of more than 256 MB is copied where marks lie far apart, and goes back to its
beginning before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from esker._errors import Diverged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block
    from esker.folds import Sgd

__all__ = ["FIRST_MARK", "LAST_SPACING", "Stream", "next_mark"]

FIRST_MARK = 4096
LAST_SPACING = 1 << 18
#: Bytes of a state that is copied at every mark; a larger one is copied from LAST_SPACING rows on.
LARGE = 1 << 28
#: Halvings of a rate before the stream gives up.
BACK_OFFS = 20
#: A rate that is no higher than this is not lowered any more.
LEAST_RATE = 1e-6


def next_mark(rows: int) -> int:
    """The first work mark after so many rows.

    >>> [next_mark(r) for r in (0, 4096, 65536, 131072, 262144)]
    [4096, 16384, 131072, 262144, 524288]
    """
    mark = FIRST_MARK
    while mark <= rows and mark < LAST_SPACING:
        mark *= 4 if mark < 1 << 16 else 2
    return mark if mark > rows else (rows // LAST_SPACING + 1) * LAST_SPACING


class Stream:
    """A state, the rows that it has consumed, and its lanes' progressive losses.

    Attributes
    ----------
    state : Sgd
    rows : int
        Rows consumed; the marks count these.
    epoch_loss, epoch_weight : ndarray of shape (lanes,)
        Sums of each row's loss, taken before the row is learned from, since `start_epoch`.
    shards, shard_rows : int
        How many learners share the rows, and how many rows each takes between two meetings; 1 and 0 before `share`.
    events : list of dict
        What was decided at marks: ``{"rows": ..., "event": "selected" | "spawned" | "dropped" | "halved" | "lowered", "lanes": [...]}``.
    """

    shards, shard_rows = 1, 0

    def __init__(self, state: Sgd, *, backup: bool = True) -> None:
        self.state, self.backup, self.rows = state, state.copy() if backup else state, 0
        self.backup_rows = 0
        lanes = state.lanes
        self.epoch_loss, self.epoch_weight = np.zeros(lanes), np.zeros(lanes)
        # Progressive loss between the last two marks, and since the last one.
        self.older, self.newer = np.zeros((2, lanes)), np.zeros((2, lanes))
        self.back_offs = 0
        self.suspect: str | None = None
        self.events: list[dict[str, Any]] = []
        state.reset_meter()

    @property
    def targets(self) -> NDArray[np.int64]:
        """The target of each lane."""
        return np.asarray(self.state.targets, dtype=np.int64)

    @property
    def racing(self) -> bool:
        """Do several lanes run for one target?"""
        return len(np.unique(self.targets)) < len(self.targets)

    def take(self, block: Block, begin: int, end: int, where: str) -> None:
        """Learn from the positions [begin, end) of a block's order, stopping at each work mark on the way."""
        while begin < end:
            stop = min(end, begin + next_mark(self.rows) - self.rows)
            if self.shards > 1:
                self.state.update_shards(block, begin, stop, self.rows, self.shards, self.shard_rows)
            else:
                self.state.update_rows(block, begin, stop)
            self.rows += stop - begin
            if self.suspect is None and not np.isfinite(self.state.loss_sums()[0]).all():
                self.suspect = (
                    f"between rows {self.rows - (stop - begin)} and {self.rows} of the walk over {where}"
                )
            begin = stop
            if next_mark(self.rows - 1) == self.rows:
                self.mark(where)

    @property
    def round(self) -> int:
        """Where rows are shared, learners meet at multiples of so many rows of the walk; else 0."""
        return self.shards * self.shard_rows if self.shards > 1 else 0

    def share(self, shards: int) -> None:
        """At a mark: let so many learners share the rows from here on, if the race is over and it pays."""
        if shards > 1 and self.shards == 1 and not self.racing:
            self.shard_rows = self.state.shard_rows
            self.shards = shards if self.shard_rows else 1

    def mark(self, where: str) -> None:
        """What is decided at a work mark (and at the end of a fit): who is finite, what to keep."""
        finite = np.asarray(self.state.is_finite(), dtype=bool)
        if not finite.all():
            self._back_off(finite, where)
        else:
            self.read_meter()
            # A copy of gigabytes takes longer than to learn from the rows before it, until the marks lie far apart.
            if self.rows >= LAST_SPACING or self.state.nbytes <= LARGE:
                self.backup.assign(self.state)  # in the memory that there is
                self.backup_rows = self.rows
        self.older, self.newer = self.newer, np.zeros_like(self.newer)
        self.suspect = None

    def check(self, where: str) -> None:
        """Between marks, at the end of an epoch or of the walk: go back where the weights are not finite."""
        finite = np.asarray(self.state.is_finite(), dtype=bool)
        if not finite.all():
            self._back_off(finite, where)

    def need_rows(self, where: str) -> None:
        """Raise `Diverged` where the walk has ended and all rows were lost by going back."""
        if self.rows and not self.state.rows:
            raise self._diverged(where)

    def read_meter(self) -> None:
        """Move the state's progressive losses into this stream's sums."""
        loss, weight = self.state.loss_sums()
        self.newer[0] += loss
        self.newer[1] += weight
        self.epoch_loss += loss
        self.epoch_weight += weight
        self.state.reset_meter()

    def _back_off(self, finite: NDArray[np.bool_], where: str) -> None:
        targets = self.targets
        lost = [int(k) for k in np.flatnonzero(~finite)]
        rescued = set(targets[finite].tolist())
        if all(int(t) in rescued for t in targets[~finite]):
            self.keep([int(k) for k in np.flatnonzero(finite)])
            self.read_meter()
            self.backup, self.backup_rows = self.state.copy(), self.rows
            self.events.append({"rows": self.rows, "event": "dropped", "lanes": lost})
            return
        self.back_offs += 1
        if self.back_offs > BACK_OFFS:
            raise self._diverged(where)
        rates = np.array(self.backup.rates, dtype=np.float64)
        rates[~finite] /= 2
        self.backup.set_rates(rates)
        self.state.assign(self.backup)  # in the memory that there is
        self.events.append({"rows": self.rows, "event": "halved", "lanes": lost})

    def _diverged(self, where: str) -> Diverged:
        place = self.suspect or f"between rows {self.backup_rows} and {self.rows} of the walk over {where}"
        times = min(self.back_offs, BACK_OFFS)
        return Diverged(
            f"the weights left the finite numbers {place}, and halving the rate {times} time{'s' * (times != 1)} did not "
            "help; look for absurd values there, or give a smaller eta0"
        )

    def keep(self, lanes: list[int]) -> None:
        """Go on with these lanes alone; one that is named twice goes on twice."""
        self.state = self.state.select(lanes)
        marked = self.backup_rows == self.rows  # the copy is of this very state
        self.backup = self.state.copy() if marked else self.backup.select(lanes)
        self.epoch_loss, self.epoch_weight = self.epoch_loss[lanes], self.epoch_weight[lanes]
        self.older, self.newer = self.older[:, lanes], self.newer[:, lanes]

    @property
    def spawned(self) -> int:
        """After how many rows lanes with other penalties were made; 0 where none were."""
        return next((int(e["rows"]) for e in self.events if e["event"] == "spawned"), 0)

    def spawn(self, lanes: list[int], factors: tuple[float, ...]) -> None:
        """Of each of these lanes, alone, go on with as many copies as there are factors of its penalty."""
        self.events.append({"rows": self.rows, "event": "selected", "lanes": lanes})
        self.keep([k for k in lanes for _ in factors])
        for state in (self.state, self.backup):
            state.scale_penalties(np.tile(factors, len(lanes)))
        copies = [k for k in range(len(lanes)) for _ in factors]
        self.events.append({"rows": self.rows, "event": "spawned", "lanes": copies})

    def leading(self, lanes: list[int]) -> Sgd:
        """A state of these lanes, to be read: this stream's own where they are all."""
        return self.state if lanes == list(range(self.state.lanes)) else self.state.select(lanes)

    def lower_rates(self) -> bool:
        """Lower the rates to a fifth; False where all are as low as they may be."""
        rates = np.array(self.state.rates, dtype=np.float64)
        lower = rates > LEAST_RATE
        if not lower.any():
            return False
        rates[lower] /= 5
        self.state.set_rates(rates)
        self.backup.set_rates(rates)
        lanes = [int(k) for k in np.flatnonzero(lower)]
        self.events.append({"rows": self.rows, "event": "lowered", "lanes": lanes})
        return True

    def start_epoch(self) -> None:
        """Start the sums of an epoch."""
        self.read_meter()
        self.epoch_loss, self.epoch_weight = np.zeros_like(self.epoch_loss), np.zeros_like(self.epoch_weight)

    def progressive(self) -> NDArray[np.float64]:
        """Each lane's mean loss on the rows since the last mark but one, each scored before it was learned from."""
        loss, weight = self.state.loss_sums()  # left in the state, so that no cut into batches is in its sum
        return mean_loss(self.older[0] + (self.newer[0] + loss), self.older[1] + (self.newer[1] + weight))

    def epoch_mean(self) -> NDArray[np.float64]:
        """Each lane's mean progressive loss in this epoch."""
        self.read_meter()
        return mean_loss(self.epoch_loss, self.epoch_weight)

    def winners(self, loss: NDArray[np.float64]) -> list[int]:
        """For each target, in order, the lane of least loss."""
        if not self.racing:
            return [int(k) for k in np.argsort(self.targets)]
        return [
            int(lanes[np.argmin(loss[lanes])])
            for lanes in (np.flatnonzero(self.targets == t) for t in np.unique(self.targets))
        ]

    # --- for a checkpoint ---

    def facts(self) -> dict[str, Any]:
        """The numbers of this stream."""
        return {"rows": self.rows, "backup": [self.backup_rows, self.back_offs], "events": self.events}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of this stream."""
        arrays = {f"state/{k}": v for k, v in self.state.to_arrays().items()}
        arrays |= {f"backup/{k}": v for k, v in self.backup.to_arrays().items()}
        epoch = np.stack([self.epoch_loss, self.epoch_weight])
        return {**arrays, "sums": np.stack([self.older, self.newer, epoch])}

    @classmethod
    def restored(cls, kind: type[Sgd], facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """The stream of `facts` and `to_arrays`, to the bit."""

        def part(name: str) -> Sgd:
            start = len(name) + 1
            return kind.from_arrays({k[start:]: v for k, v in arrays.items() if k.startswith(f"{name}/")})

        self = cls.__new__(cls)
        self._restore(part("state"), part("backup"), facts, arrays["sums"])
        return self

    def _restore(self, state: Sgd, backup: Sgd, facts: dict[str, Any], sums: NDArray[np.float64]) -> None:
        self.state, self.backup = state, backup
        self.rows, self.events, self.suspect = int(facts["rows"]), facts["events"], None
        self.backup_rows, self.back_offs = facts["backup"]
        self.older, self.newer, epoch = (np.array(a) for a in sums)
        self.epoch_loss, self.epoch_weight = epoch

    # --- between calls of partial_fit ---

    def kept(self, *, backup: bool = True) -> dict[str, Any]:
        """This stream as plain data and states, which a model keeps; without its copy at the last mark if so asked."""
        sums = np.stack([self.older, self.newer, np.stack([self.epoch_loss, self.epoch_weight])])
        return {
            "state": self.state,
            "backup": self.backup if backup else None,
            "facts": self.facts(),
            "sums": sums,
        }

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Self:
        """The stream that `kept` came from."""
        self = cls.__new__(cls)
        state, backup = kept["state"], kept["backup"]
        self._restore(state, state.copy() if backup is None else backup, kept["facts"], kept["sums"])
        return self


def mean_loss(total: NDArray[np.float64], weight: Any) -> NDArray[np.float64]:
    """Mean losses; infinite where they are not finite numbers, or where no row had weight."""
    with np.errstate(all="ignore"):
        mean = np.asarray(total / weight, dtype=np.float64)
    return np.where(np.isfinite(mean), mean, np.inf)

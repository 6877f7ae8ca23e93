"""SgdGroup: Sgd states side by side, for lanes that cannot share one: another loss, or other rows left out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from esker._native import core, cores, thread_limit
from esker.folds_sgd import Sgd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from esker.blocks import Block

    #: Of rows' keys, shape (n,): which rows each member learns from, shape (members, n).
    Learns = Callable[[NDArray[np.int64]], NDArray[np.bool_]]

__all__ = ["SgdGroup"]

T = TypeVar("T")


class SgdGroup:
    """Several `Sgd` states that one walk teaches, each on its own thread; their lanes are numbered one after the other.

    Parameters
    ----------
    members : sequence of Sgd
    targets : array-like of int, shape (lanes,)
        What each lane is a candidate for; lanes with the same number race.
    learns : callable, optional
        Of rows' keys, shape (n,): which of the rows each member learns from, a boolean array of shape (members, n). A
        member is the same, to the bit, as a state that never saw its other rows. None: all rows.

    Notes
    -----
    Lanes of one state share what the rows say of features and targets, such as their scales, and the clock of their penalties. Models
    of other rows cannot share these and be exact; they share the walk.

    Examples
    --------
    >>> from esker.blocks import Block
    >>> X, y = np.random.default_rng(0).random((1000, 2)), np.arange(1000.0)
    >>> pair = [Sgd("quantile", [0], [0.5], loss_parameter=q) for q in (0.1, 0.9)]
    >>> group = SgdGroup(pair, [0, 1])
    >>> for _ in range(5):
    ...     group.update(Block(X, y))
    >>> coef, intercept = group.finish()
    >>> coef.shape, bool(intercept[0] < intercept[1])
    ((2, 2), True)
    """

    exact_merge = False

    def __init__(self, members: Sequence[Sgd], targets: ArrayLike, learns: Learns | None = None) -> None:
        self.members = list(members)
        self.targets = np.array(targets, dtype=np.int64)
        self._learns = learns
        self._which = list(range(len(self.members)))
        self._rows = 0
        if not self.members or len(self.targets) != self.lanes:
            raise ValueError(
                f"a group needs members, and one target for each of their {self.lanes} lanes, got {len(self.targets)}"
            )

    # --- what it is ---

    @property
    def lanes(self) -> int:
        """How many models."""
        return sum(m.lanes for m in self.members)

    @property
    def loss(self) -> tuple[str, Any]:
        """The loss's name, and the members' parameter, or each one's where they differ."""
        parameters = tuple(m.loss[1] for m in self.members)
        return self.members[0].loss[0], parameters[0] if len(set(parameters)) == 1 else parameters

    @property
    def step(self) -> tuple[str, float, float]:
        """The step's name, power and offset."""
        return self.members[0].step

    @property
    def rates(self) -> NDArray[np.float64]:
        """Each lane's rate."""
        return np.concatenate([m.rates for m in self.members])

    @property
    def penalties(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Each lane's l1 and l2 penalty."""
        l1, l2 = zip(*(m.penalties for m in self.members))
        return np.concatenate(l1), np.concatenate(l2)

    @property
    def rows(self) -> int:
        """Rows consumed, those included that no member learned from."""
        return self._rows

    @property
    def steps(self) -> int:
        """Rows that the member which learned from most has learned from."""
        return max(m.steps for m in self.members)

    @property
    def cols(self) -> int:
        """Columns seen so far."""
        return max(m.cols for m in self.members)

    @property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        return sum(m.nbytes for m in self.members)

    def _cuts(self) -> NDArray[np.int64]:
        return np.cumsum([m.lanes for m in self.members])[:-1]

    # --- learning ---

    def update(self, block: Block, /) -> None:
        """Learn from the rows of a block, in its order."""
        self.update_rows(block, 0, -1)

    @property
    def shard_rows(self) -> int:
        """0: several states have one learner each."""
        return 0

    def update_rows(self, block: Block, begin: int, end: int) -> None:
        """Learn from the rows at positions [begin, end) of the block's order; end = -1 means to its end."""
        order = np.arange(len(block), dtype=np.int64) if block.order is None else block.order
        rows = order[begin : len(order) if end < 0 else end]
        masks = None
        if self._learns is not None:
            keys = rows + block.first_key if block.row_keys is None else block.row_keys[rows]
            masks = self._learns(keys)[self._which]

        def learn(i: int) -> None:
            mine = rows if masks is None else rows[masks[i]]
            self.members[i].update(replace(block, order=np.ascontiguousarray(mine)))

        self._each(learn)
        self._rows += len(rows)

    def _each(self, f: Callable[[int], T], n: int | None = None) -> list[T]:
        """f of every member's number (of every one below n), as many at a time as there are threads for."""
        n = len(self.members) if n is None else n
        many = min(n, thread_limit() or cores(None))
        if many < 2:
            return [f(i) for i in range(n)]

        def alone(i: int) -> T:
            core.set_thread_limit(1)  # of this thread
            return f(i)

        with ThreadPoolExecutor(many) as pool:
            return list(pool.map(alone, range(n)))

    def evaluate(self, block: Block) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """(sum of losses, sum of weights, sum of errors), the first and the last one a lane; learns nothing."""
        parts = self._each(lambda i: self.members[i].evaluate(block))
        return np.concatenate([p[0] for p in parts]), parts[0][1], np.concatenate([p[2] for p in parts])

    def row_losses(
        self, block: Block, *, apart: bool
    ) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """As `Sgd.row_losses`."""
        parts = self._each(lambda i: self.members[i].row_losses(block, apart=apart))
        each = [p[2] for p in parts]
        losses = np.concatenate(each, axis=1) if apart else np.sum(each, axis=0)
        return np.concatenate([p[0] for p in parts]), parts[0][1], losses

    def loss_sums(self) -> tuple[NDArray[np.float64], Any]:
        """(sums of losses, of weights), one a lane: each row's loss before it was learned from, since `reset_meter`."""
        sums = [m.loss_sums() for m in self.members]
        weights = [np.full(m.lanes, w) for m, (_, w) in zip(self.members, sums)]
        return np.concatenate([s for s, _ in sums]), np.concatenate(weights)

    def reset_meter(self) -> None:
        """Start the progressive loss anew."""
        for m in self.members:
            m.reset_meter()

    def is_finite(self) -> NDArray[np.bool_]:
        """Whether each lane's weights and progressive loss are finite."""
        return np.concatenate(self._each(lambda i: self.members[i].is_finite()))

    def set_rates(self, rates: ArrayLike) -> None:
        """Give each lane another rate."""
        for m, r in zip(self.members, np.split(np.asarray(rates, dtype=np.float64), self._cuts())):
            m.set_rates(r)

    # --- averages ---

    @property
    def average(self) -> int:
        """As `Sgd.average`."""
        return self.members[0].average

    def set_average(self, first: int) -> None:
        """As `Sgd.set_average`."""
        for m in self.members:
            m.set_average(first)

    def averaged(self) -> Self:
        """As `Sgd.averaged`."""
        members = self._each(lambda i: self.members[i].averaged())
        return self._with(members, self.targets, list(range(len(self.members))))

    def start_from(self, coef: ArrayLike, intercept: ArrayLike, *, dense: bool) -> None:
        """As `Sgd.start_from`."""
        parts = (np.split(np.asarray(a, dtype=np.float64), self._cuts()) for a in (coef, intercept))
        for m, c, b in zip(self.members, *parts):
            m.start_from(c, b, dense=dense)

    def set_penalties(self, l1: ArrayLike, l2: ArrayLike) -> None:
        """Give each lane other penalties, for the steps to come."""
        cuts = self._cuts()
        each = (np.split(np.asarray(a, dtype=np.float64), cuts) for a in (l1, l2))
        for m, one, two in zip(self.members, *each):
            m.set_penalties(one, two)

    # --- answers, copies, parts ---

    def widen(self, cols: int, /) -> None:
        """More columns: their weights are zero."""
        for m in self.members:
            m.widen(cols)

    def merge(self, other: Self, /) -> None:
        """Average with another group, member by member, weighted by accumulated gradients."""
        if len(other.members) != len(self.members) or not np.array_equal(other.targets, self.targets):
            raise ValueError("groups of other members or targets do not merge")
        for mine, theirs in zip(self.members, other.members):
            mine.merge(theirs)
        self._rows += other._rows

    def finish(self, dtype: Any = np.float64) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """(coefficients, shape (lanes, d), in the units of the data; intercepts, shape (lanes,))."""
        coef = np.zeros((self.lanes, self.cols), dtype=dtype)
        parts = np.split(coef, self._cuts())

        def write(i: int) -> NDArray[np.float64]:
            some, intercept = self.members[i].finish(dtype)
            parts[i][:, : some.shape[1]] = some
            return intercept

        return coef, np.concatenate(self._each(write))

    def select(self, lanes: Sequence[int]) -> Self:
        """A group of these lanes alone, to the bit; in each member they stay beside each other, in their order."""
        lanes = [int(k) for k in lanes]
        first = np.concatenate([[0], self._cuts()])
        of = [int(np.searchsorted(first, k, side="right")) - 1 for k in lanes]
        if of != sorted(of):
            raise ValueError("lanes of a group are selected member by member, in its order")
        keep = sorted(set(of))
        chosen = [[k - int(first[m]) for k, i in zip(lanes, of) if i == m] for m in keep]
        members = self._each(lambda i: self.members[keep[i]].select(chosen[i]), len(keep))
        return self._with(members, self.targets[lanes], keep)

    def copy(self) -> Self:
        """Another group with the same bits."""
        members = self._each(lambda i: self.members[i].copy())
        return self._with(members, self.targets, list(range(len(self.members))))

    def assign(self, other: Self, /) -> None:
        """Become a copy of another group of such members, in the same memory."""
        mine, theirs = ([m.lanes for m in group.members] for group in (self, other))
        if mine != theirs:
            raise ValueError(
                f"a group becomes a copy of one whose members have as many lanes: these have {mine}, the others {theirs}"
            )
        self._each(lambda i: self.members[i].assign(other.members[i]))
        self.targets, self._rows = other.targets.copy(), other._rows

    def _with(self, members: list[Sgd], targets: NDArray[np.int64], which: list[int]) -> Self:
        other = type(self)(members, targets, self._learns)
        other._which, other._rows = [self._which[i] for i in which], self._rows
        return other

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        if self._learns is not None:
            raise ValueError(
                "a group whose members leave out rows cannot be written: which rows is a function"
            )
        facts = {"targets": self.targets, "rows": np.array([self._rows])}
        return facts | {f"{i}.{k}": v for i, m in enumerate(self.members) for k, v in m.to_arrays().items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_arrays, (self.to_arrays(),)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        members: dict[int, dict[str, NDArray[Any]]] = {}
        for name, values in arrays.items():
            number, _, key = name.partition(".")
            if key:
                members.setdefault(int(number), {})[key] = values
        self = cls([Sgd.from_arrays(members[i]) for i in sorted(members)], arrays["targets"])
        self._rows = int(arrays["rows"][0])
        return self

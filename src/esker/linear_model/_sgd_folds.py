"""Folds beside each other: one walk teaches the models of every fold, penalty and rate, and those of all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._progress import advance
from esker.blocks import Block
from esker.folds import Sgd, SgdGroup
from esker.learning_holdout import hold_out
from esker.linear_model._sgd_lanes import lane_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.linear_model._fold_grams import Splits
    from esker.linear_model._sgd_parameters import Checked

__all__ = ["Candidate", "FoldRows", "Lanes", "fold_losses"]


@dataclass(frozen=True)
class Candidate:
    """One point of the grid: a penalty, and a rate where rates are chosen by the folds (None: rates race)."""

    alpha: float
    eta0: float | None
    checked: Checked


class FoldRows:
    """Which rows the models of each fold learn from and are judged on; fold k's are all rows and none.

    Parameters
    ----------
    splits : Splits
    n : int
        Rows, where the splits are lists of them.
    """

    def __init__(self, splits: Splits, n: int) -> None:
        self.k, self._of = splits.k, splits.fold_of
        if self._of is None:
            assert splits.indices is not None
            self._train, self._test = (np.zeros((self.k, n), dtype=bool) for _ in range(2))
            for i, (train, test) in enumerate(splits.indices):
                self._train[i, train] = self._test[i, test] = True

    def _fold(self, keys: NDArray[np.int64]) -> NDArray[np.intp]:
        assert self._of is not None
        return self._of(Block(np.empty((len(keys), 0), dtype=np.float32), row_keys=keys))

    def learned(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Shape (k + 1, n): whether each fold's models learn from the rows of these keys."""
        train = self._train[:, keys] if self._of is None else ~self.tested(keys)
        return np.concatenate([train, np.ones((1, len(keys)), dtype=bool)])

    def tested(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Shape (k, n): whether each fold's models are judged on the rows of these keys."""
        if self._of is None:
            return self._test[:, keys]
        return np.asarray(self._fold(keys) == np.arange(self.k)[:, None])


class Lanes:
    """The lanes of one fold's models, the same for every fold: each candidate, each target, each raced rate.

    Candidates whose steps fall in other ways (``learning_rate="optimal"``, whose rate follows from alpha) are
    states of their own.

    Parameters
    ----------
    candidates : sequence of Candidate
    targets : list of int
        Columns of y, or classes.
    rates : sequence of float or None
        The rates that race where a candidate names none.
    make : callable
        ``make(targets, rates, l1, l2, checked) -> Sgd``.
    """

    def __init__(self, candidates: Sequence[Candidate], targets: list[int], rates: Any, make: Any) -> None:
        self.candidates, self.targets, self.rates, self.make = candidates, targets, rates, make
        ways: dict[tuple[float, float], list[int]] = {}
        for i, c in enumerate(candidates):
            ways.setdefault((c.checked.stepping.power, c.checked.stepping.offset), []).append(i)
        self.bunches = list(ways.values())

    def _rates(self, i: int) -> list[float]:
        named = self.candidates[i].checked.stepping.rate
        return [float(r) for r in self.rates] if named is None else [float(named)]

    def nbytes(self, columns: int) -> int:
        """Bytes of one fold's states, and of their copy at the last mark and of the best ones so far."""
        lanes = [len(self.targets) * sum(len(self._rates(i)) for i in bunch) for bunch in self.bunches]
        return 3 * sum(lane_bytes(n, columns) for n in lanes)

    def group(self, folds: Sequence[int], rows: FoldRows) -> SgdGroup:
        """States of these folds; a lane's target tells fold, candidate and target in the order of `models`."""
        members: list[Sgd] = []
        contests: list[int] = []
        fold_of: list[int] = []
        number = 0
        for fold in folds:
            for bunch in self.bunches:
                of, rates, l1, l2 = [], [], [], []
                for i in bunch:
                    checked = self.candidates[i].checked
                    for target in self.targets:
                        for rate in self._rates(i):
                            of.append(target)
                            rates.append(rate)
                            l1.append(checked.l1)
                            l2.append(checked.l2)
                            contests.append(number)
                        number += 1
                members.append(self.make(of, rates, l1, l2, self.candidates[bunch[0]].checked))
                fold_of.append(fold)
        at = np.array(fold_of)
        return SgdGroup(members, contests, lambda keys: rows.learned(keys)[at])

    def models(self, group: SgdGroup, folds: Sequence[int]) -> dict[int, list[tuple[Sgd, list[int]]]]:
        """Of a group with one lane for each target: for each fold its states, with each state's candidates."""
        states = iter(group.members)
        return {fold: [(next(states), bunch) for bunch in self.bunches] for fold in folds}

    def winner(self, models: list[tuple[Sgd, list[int]]], candidate: int) -> Sgd:
        """The state of one candidate alone."""
        for state, bunch in models:
            if candidate in bunch:
                first = bunch.index(candidate) * len(self.targets)
                return state.select(list(range(first, first + len(self.targets))))
        raise KeyError(candidate)


def fold_losses(
    blocks: Blocks,
    rows: FoldRows,
    models: dict[int, list[tuple[Sgd, list[int]]]],
    candidates: int,
    targets: int,
    seed: int,
    share: float,
) -> NDArray[np.float64]:
    """Mean losses of each candidate on its fold's rows, shape (candidates, folds of `models`), by one walk.

    Rows that were held out to decide by are not among them.
    """
    folds = [f for f in models if f < rows.k]
    loss, weight = np.zeros((candidates, len(folds))), np.zeros(len(folds))
    for block in blocks.read_ahead():
        order = hold_out(block, seed, share)[0].order
        assert order is not None
        tested = rows.tested(block.keys[order])
        for column, fold in enumerate(folds):
            test = order[tested[fold]]
            if not len(test):
                continue
            part = Block(block.X, block.y, block.sample_weight, block.first_key, test, block.row_keys)
            for state, bunch in models[fold]:
                total, of, _ = state.evaluate(part)
                loss[bunch, column] += total.reshape(len(bunch), targets).mean(axis=1)
            weight[column] += of
        if not advance(len(block), block.nbytes):
            raise KeyboardInterrupt
    if (weight == 0).any():
        raise ValueError(
            f"fold {folds[int(np.argmin(weight))]} has no rows of a positive weight to test on; use fewer folds"
        )
    return loss / weight

"""Test error against seconds: to Vowpal Wabbit's, to LIBLINEAR's, to the best log loss, and no peer's point below our curve.

Learners run one after the other, each in a process of its own (`benchmarks.race`), 5 seeds of ours. `ESKER_CELLS="words;rcv1-like"` names
some data sets, `ESKER_SHARE=0.25` takes that share of the generated rows, `ESKER_KEPT=1` judges what earlier runs have kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from benchmarks.bars import line
from benchmarks.race.data import DATA, SMALL, share
from benchmarks.race.judge import apart, below, is_text, reach
from benchmarks.race.learners import LEARNERS, OURS
from benchmarks.race.measure import Point, fits, measure, points

__all__ = ["judge", "run"]

TEXT, MEMORY, LIBLINEAR, LOSS = 1 / 4, 1 / 15, 1 / 5, 1 / 3


def _errors(point: Point) -> np.ndarray:
    return point.errors


def _losses(point: Point) -> np.ndarray | None:
    return point.losses


def _ratio(name: str, ours: float, theirs: float, bound: float, what: str) -> bool:
    text = f"{name}: {what} in {ours:.3f} s, {theirs:.3f} s: {ours / theirs:.3f} (<= {bound:.3f})"
    return line(ours <= bound * theirs, text)


def _vw(name: str, found: Sequence[Point], mine: Sequence[Point]) -> bool:
    """Seconds to the test error of Vowpal Wabbit's three passes."""
    three = [p for p in found if p.learner == "vw" and p.budget == 3]
    cold = [p for p in found if p.learner == "vw, cold text" and p.budget == 3]
    if not three:
        return True
    error = three[0].error
    what = f"VW's error of 3 passes {error:.4f}"
    sgd = [p for p in mine if p.learner == OURS[0]]
    holds = True
    if cold:
        text = [p for p in found if is_text(p) and p.learner.startswith("esker")]
        holds &= _ratio(
            name, reach(text, error, _errors), cold[0].median, TEXT, f"{what}, both from cold text"
        )
    return holds & _ratio(
        name, reach(sgd, error, _errors), three[0].median, MEMORY, f"{what}, in memory, it from its cache"
    )


def _liblinear(name: str, found: Sequence[Point], mine: Sequence[Point]) -> bool:
    theirs = [p for p in found if p.learner.startswith("liblinear")]
    if not theirs:
        return True
    best = min(theirs, key=lambda p: p.error)
    near = min(mine, key=lambda p: abs(p.error - best.error))
    threshold = best.error + apart(best.wrong, near.wrong) / 2
    what = f"LIBLINEAR's error {best.error:.4f} ({best.learner[10:]}) and half a standard error"
    seconds = min(reach([p], threshold, _errors) for p in theirs)
    return _ratio(name, reach(mine, threshold, _errors), seconds, LIBLINEAR, what)


def _log_loss(name: str, found: Sequence[Point], mine: Sequence[Point]) -> bool:
    peers = [p for p in found if p.learner not in OURS and not is_text(p) and p.losses is not None]
    if not peers:
        return True
    best = min(p.log_loss for p in peers)
    fastest = min(peers, key=lambda p: reach([p], 1.01 * best, _losses))
    seconds = reach([fastest], 1.01 * best, _losses)
    what = f"log loss {best:.4f} + 1 % ({fastest.learner})"
    return _ratio(name, reach(mine, 1.01 * best, _losses), seconds, LOSS, what)


def judge(name: str, found: Sequence[Point]) -> bool:
    """Print what holds of one data set."""
    mine = [p for p in found if p.learner in OURS]
    holds = True
    for each in (_vw, _liblinear, _log_loss):
        holds &= each(name, found, mine)
    lower = below(found)
    peers = sum(p.learner not in OURS and not is_text(p) for p in found)
    alone = len(below(found, OURS[:1]))
    text = f"{name}: {len(lower)} of {peers} points of peers lie below our curve ({alone} below SGDClassifier's alone)"
    holds &= line(not lower, text)
    for b in lower:
        where = f"{b.peer.learner}, {b.peer.budget}: {b.peer.error:.4f} at {b.peer.median:.3f} s"
        ours = "no model yet" if b.ours is None else f"ours {b.ours.error:.4f}, {b.by:.4f} +- {b.error:.4f}"
        print(f"          {where}; {ours}")
    return holds


def run(scale: str) -> bool:
    """Measure, and judge each data set."""
    named = [n.strip() for n in os.environ.get("ESKER_CELLS", "").split(";") if n.strip()]
    holds = True
    for name in named or (SMALL if scale == "small" else DATA):
        split = DATA[name](share(scale))
        print(f"  {split!r}", flush=True)
        if not os.environ.get("ESKER_KEPT"):
            for learner in LEARNERS:
                if fits(learner, split):
                    measure(name, learner, scale)
        holds &= judge(name, list(points(name, scale)))
    return holds

"""The race's data sets by name, generated and real; labels are -1 and +1, values float32."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.datasets import Split, load
from benchmarks.generate import alpha_like, higgs_like, rcv1_like, webspam_like
from benchmarks.race.real import REAL, kept

__all__ = ["DATA", "SMALL", "share", "train_rows"]

#: Rows to learn from at full size, and rows to be judged on.
ROWS = {
    "rcv1-like": (rcv1_like, 781_265, 23_149),
    "webspam-like": (webspam_like, 80_000, 5_000),
    "alpha-like": (alpha_like, 500_000, 50_000),
    "higgs-like": (higgs_like, 10_000_000, 100_000),
}
#: Share of the rows of a generated set that each scale has.
SHARES = {"small": 1 / 16, "full": 1.0}
#: The sets of the small scale.
SMALL = ("rcv1-like", "wordnet", "fashion-mnist")


def share(scale: str) -> float:
    """The share of the generated rows; ESKER_SHARE names another than the scale's."""
    return float(os.environ.get("ESKER_SHARE") or SHARES[scale])


def train_rows(name: str, part: float) -> int:
    """Rows to learn from, of a generated set."""
    return max(2_000, int(ROWS[name][1] * part))


def _generated(name: str, part: float) -> Split:
    kind, _, test = ROWS[name]
    train = train_rows(name, part)

    def make() -> tuple[Any, np.ndarray, Any, np.ndarray]:
        X, y = kind(train + test).arrays()
        return X[:train], y[:train], X[train:], y[train:]

    return kept(f"{name}-{train}", "generated, rows are independent", make)


def _words(part: float) -> Split:
    s = load("words", "full")
    return Split("words", s.split, s.X, s.y, s.X_test, s.y_test)


def _real(name: str, part: float) -> Split:
    return REAL[name]()


#: Name -> loader of a share of the generated rows; real sets are whole at any.
DATA: dict[str, Callable[[float], Split]] = {
    **{name: partial(_generated, name) for name in ROWS},
    "words": _words,
    **{name: partial(_real, name) for name in REAL},
}

"""Rows sorted by label and a shuffle buffer of a tenth of them learn as well as a full shuffle: same test error after 3 epochs."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from benchmarks.bars import line
from benchmarks.datasets import load
from esker import open_blocks
from esker.linear_model import SGDClassifier

#: Data sets with labels; generated and real.
DATA = ("rcv1-like", "words", "flights-late")
SEEDS = {"small": 40, "full": 12}


def _data(name: str, scale: str):
    """Training and test rows; flights are late or not."""
    if name != "flights-late":
        return load(name, scale)
    split = load("flights", scale)
    return replace(split, y=(split.y > 15).astype(int), y_test=(split.y_test > 15).astype(int))


def errors(name: str, scale: str, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Test errors of buffer-of-a-tenth on sorted rows and of a full shuffle, one for each seed."""
    split = _data(name, scale)
    order = np.argsort(split.y, kind="stable")
    X, y = split.X[order], split.y[order]
    found = np.empty((2, seeds))
    for seed in range(seeds):
        # One rate and no held-out rows, so that nothing but the order of rows differs.
        options = {"max_iter": 3, "tol": None, "random_state": seed, "eta0": 0.1, "early_stopping": False}
        mixed = np.random.default_rng(seed).permutation(len(y))
        fits = (
            (open_blocks(X, target=y), {"shuffle_rows": len(y) // 10}),
            (open_blocks(X[mixed], target=y[mixed]), {"shuffle_rows": len(y)}),
        )
        for i, (blocks, more) in enumerate(fits):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = SGDClassifier(**options, **more).fit(blocks)
            found[i, seed] = 1 - model.score(split.X_test, split.y_test)
    return found[0], found[1]


def run(scale: str) -> bool:
    """The mean difference is at most one paired standard error above zero."""
    holds = True
    for name in DATA:
        buffer, full = errors(name, scale, SEEDS[scale])
        difference = buffer - full
        error = float(difference.std(ddof=1) / np.sqrt(len(difference)))
        text = (
            f"{name}: test error {buffer.mean():.5f} with a buffer of a tenth on sorted rows, {full.mean():.5f} fully "
            f"shuffled; difference {difference.mean():+.6f} ± {error:.6f} over {len(difference)} seeds"
        )
        holds &= line(difference.mean() <= error, text)
    return holds

"""Do two learners with weights of their own, which meet after every few rows, beat one? Test error against seconds of learning.

`python -m benchmarks.sharded [--scale full]` walks one epoch with one model, alone and shared by two threads, for several distances
between meetings.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

DATA = ("words", "rcv1-like", "alpha-like", "higgs-like")
DISTANCES = (1024, 4096)
LOOKS = 6
RATE, ALPHA = 0.5, 1e-6
#: Rows that one learner takes before others help: its scales are settled then.
ALONE = 1 << 16


def walk(data: Any, shards: int, rows: int | None) -> list[tuple[float, float, float]]:
    """After each of equal stretches of the rows: seconds of learning, test error, test log loss."""
    from esker.blocks import Block
    from esker.folds import Sgd

    n, d = data.X.shape
    train, test = (np.asarray(y == np.max(data.y), dtype=np.float64) for y in (data.y, data.y_test))
    block = Block(data.X, train, order=np.random.default_rng(0).permutation(n))
    state = Sgd("log_loss", [1], [RATE], [0.0], [ALPHA], classes=True)
    state.widen(d)
    seconds, found, done = 0.0, [], 0
    for look in range(1, LOOKS + 1):
        until = n * look // LOOKS
        began = time.perf_counter()
        alone = until if shards == 1 else min(until, max(done, ALONE))
        state.update_rows(block, done, alone)
        if alone < until:
            state.update_shards(block, alone, until, alone, shards, rows or state.shard_rows)
        seconds, done = seconds + time.perf_counter() - began, until
        loss, weight, errors = state.evaluate(Block(data.X_test, test))
        found.append((seconds, float(errors[0] / weight), float(loss[0] / weight)))
    return found


def main() -> None:
    """Print the curves of one learner and of two."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sharded", description=main.__doc__)
    parser.add_argument("--scale", choices=("small", "full"), default="full")
    parser.add_argument("--data", choices=DATA, nargs="*", default=DATA)
    given = parser.parse_args()
    from benchmarks.datasets import load

    for name in given.data:
        data = load(name, given.scale)
        print(data)
        kinds: list[tuple[str, int, int | None]] = [("one", 1, None)]
        for kind, shards, rows in [*kinds, *((f"two, {r:,}", 2, r) for r in DISTANCES)]:
            found = walk(data, shards, rows)
            print(f"  {kind:<12} " + "; ".join(f"{s:.3f} s {e:.4f} {v:.4f}" for s, e, v in found), flush=True)


if __name__ == "__main__":
    main()

"""One learner on one data set, in a process of its own: `python -m benchmarks.race.worker DATA LEARNER SHARE CAP OUT`.

Loads and prepares, then runs every budget; writes points (seconds of each run; for each test row whether it was wrong, and its
logistic loss, each a mean over seeds) to OUT, an .npz.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import warnings
from typing import Any

import numpy as np

from benchmarks.race.learners import LEARNERS, OURS

#: Runs of each budget.
SEEDS = 5
#: A peer's budget is not run again when its runs have taken so many seconds together; nor ours, after three seeds if one takes
#: less than 1.5 s.
ENOUGH = 1.0


def point(name: str, mine: Any, split: Any, budget: Any) -> dict[str, Any]:
    """Run one budget with several seeds, or several times."""
    learner = LEARNERS[name]
    seconds, wrong, loss, errors, losses = [], 0.0, 0.0, [], []
    for seed in range(SEEDS):
        gc.collect()
        began = time.perf_counter()
        margins = learner.run(mine, budget, seed)
        seconds.append(time.perf_counter() - began)
        if seed == 0 or learner.seeds:
            margin = margins(split) * split.y_test
            wrong, loss = wrong + (margin <= 0), loss + np.logaddexp(0, -margin)
            errors.append(float(np.mean(margin <= 0)))
            losses.append(float(np.mean(np.logaddexp(0, -margin))))
        least = 3 if name in OURS and seconds[0] < 1.5 else 1
        if len(seconds) >= least and sum(seconds) > ENOUGH * least:
            break
    found = {"wrong": (wrong / len(errors)).astype(np.float32), "seconds": seconds, "errors": errors}
    if learner.probabilities:
        found |= {"loss": (loss / len(errors)).astype(np.float32), "losses": losses}
    return found


def main() -> None:
    """Measure."""
    data, name, share, cap, out = sys.argv[1:]
    warnings.simplefilter("ignore")
    learner = LEARNERS[name]
    if learner.patched:
        from sklearnex import patch_sklearn

        patch_sklearn(verbose=False)
    from benchmarks.race.data import DATA

    split = DATA[data](float(share))
    began = time.perf_counter()
    mine = learner.prepare(split) if learner.prepare else split
    loading = time.perf_counter() - began
    # What is imported late, and threads that are started once.
    small = type(split)(data, "", split.X[:2000], split.y[:2000], split.X_test[:10], split.y_test[:10])
    if not learner.prepare:
        learner.run(small, learner.budgets[0], 0)
    points: dict[str, Any] = {}
    longest = float("inf")
    for budget in learner.budgets:
        if isinstance(budget, str) and budget.endswith("s") and float(budget[:-1]) > longest:
            break
        found = point(name, mine, split, budget)
        points[json.dumps(budget)] = found
        if budget == "default":
            longest = float(np.median(found["seconds"]))
        said = f"{data}, {name}, {budget}: {np.median(found['seconds']):.3f} s, error {np.mean(found['errors']):.4f}"
        print(said, flush=True)
        if found["seconds"][-1] > float(cap):
            break
    arrays = {f"{b}/{k}": np.asarray(v) for b, p in points.items() for k, v in p.items()}
    np.savez(out, loading=loading, budgets=list(points), shape=split.X.shape, repr=repr(split), **arrays)


if __name__ == "__main__":
    main()

"""Features rescaled by 10^U(-3, 3): SGDClassifier()'s test error within 2 % relative of that on scaled features.

On real tables, standardised or with each column then multiplied by its own factor; errors are means over seeds, which draw the
split, the factors and the order of rows. What two seeds differ by on the same features stands beside.
"""

from __future__ import annotations

import subprocess
import warnings

import numpy as np

from benchmarks.bars import line
from benchmarks.bars.raw_tables import chosen
from benchmarks.tables import Unavailable, kept

__all__ = ["run"]

BOUND = 0.02
SEEDS = {"small": 2, "full": 5}


def errors(name: str, seeds: int) -> np.ndarray:
    """Test errors (seed, form): on scaled features, on rescaled ones, and on scaled ones with another order of rows."""
    from sklearn.preprocessing import StandardScaler

    from esker.linear_model import SGDClassifier

    table = kept(name)
    found = []
    for seed in range(seeds):
        X, y, X_test, y_test = table.split(seed)
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
        by = 10 ** np.random.default_rng(seed).uniform(-3, 3, X.shape[1])
        each = []
        for factor, state in ((1.0, seed), (by, seed), (1.0, seed + 1000)):
            model = SGDClassifier(random_state=state).fit(X * factor, y)
            each.append(float(np.mean(model.predict(X_test * factor) != y_test)))
        found.append(each)
    return np.array(found)


def run(scale: str) -> bool:
    """A line for each table."""
    holds = True
    warnings.simplefilter("ignore")
    for name in chosen(scale):
        try:
            found = errors(name, SEEDS[scale])
        except (Unavailable, FileNotFoundError, subprocess.CalledProcessError) as problem:
            print(f"  skipped {name}: {problem}")
            continue
        scaled, rescaled, again = found.mean(axis=0)
        text = (
            f"{name:<13} test error {rescaled:.4f}, on scaled features {scaled:.4f} (another order of rows {again:.4f}): "
            f"{rescaled / scaled - 1:+.1%}"
        )
        holds &= line(rescaled <= scaled * (1 + BOUND), text)
    return holds

"""SGDClassifier() on raw, unscaled real tables: test log loss within 5 % of the exact solver's on scaled features.

The exact solver is scikit-learn's LogisticRegression behind a StandardScaler, converged. Both losses are means over seeds, which draw
the split and the order of rows; `ESKER_TABLES="spam7;credit"` names some.
"""

from __future__ import annotations

import os
import subprocess
import warnings
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.tables import TABLES, Unavailable, kept

__all__ = ["BOUND", "chosen", "log_loss", "run"]

BOUND = 0.05
SEEDS = {"small": 2, "full": 5}
SMALL = ("breast_cancer", "spam7", "default", "churn")


def chosen(scale: str) -> list[str]:
    """The tables of a scale, or those that ESKER_TABLES names."""
    named = [name.strip() for name in os.environ.get("ESKER_TABLES", "").split(";") if name.strip()]
    return named or list(SMALL if scale == "small" else TABLES)


def log_loss(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Mean logistic loss of a model's margins."""
    return float(np.logaddexp(0, -model.decision_function(X) * np.where(y > 0, 1, -1)).mean())


def _exact(X: np.ndarray, y: np.ndarray) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    solver = LogisticRegression(tol=1e-8, max_iter=10_000, solver="newton-cholesky")
    return make_pipeline(StandardScaler(), solver).fit(X, y)


def losses(name: str, seeds: int) -> dict[str, list[float]]:
    """Test log losses of ours on raw features, of the exact solver, and of knowing the classes' shares alone."""
    from esker.linear_model import SGDClassifier

    table = kept(name)
    found: dict[str, list[float]] = {"ours": [], "exact": [], "none": []}
    for seed in range(seeds):
        X, y, X_test, y_test = table.split(seed)
        found["ours"].append(log_loss(SGDClassifier(random_state=seed).fit(X, y), X_test, y_test))
        if table.train is None or seed == 0:
            found["exact"].append(log_loss(_exact(X, y), X_test, y_test))
            p = np.clip(y.mean(), 1e-12, 1 - 1e-12)
            found["none"].append(float(-np.mean(np.where(y_test > 0, np.log(p), np.log1p(-p)))))
    return found


def run(scale: str) -> bool:
    """A line for each table."""
    holds = True
    warnings.simplefilter("ignore")
    for name in chosen(scale):
        try:
            table = kept(name)
            found = losses(name, SEEDS[scale])
        except (Unavailable, FileNotFoundError, subprocess.CalledProcessError) as problem:
            print(f"  skipped {name}: {problem}")
            continue
        ours, exact, none = (float(np.mean(found[k])) for k in ("ours", "exact", "none"))
        size = table.X.std(axis=0)
        text = (
            f"{name:<13} {len(table.y):>7,} x {table.X.shape[1]:<3} deviations {size.min():.1g} to {size.max():.1g}: "
            f"{ours:.4f}, exact {exact:.4f} (no features {none:.4f}): {ours / exact - 1:+.1%}"
        )
        holds &= line(ours <= exact * (1 + BOUND), text)
    return holds

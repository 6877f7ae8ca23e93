"""Sparse and dense classification by steps, in memory, one thread, the same number of passes for all that count passes."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from benchmarks import ours, peers
from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender
from benchmarks.datasets import Split, load

EPOCHS = 3
ALPHA = 1e-7
RATE = {"learning_rate": "constant", "eta0": 0.5}


def quality(data: Split | tuple[Split, Any], model: Any) -> dict[str, float]:
    """Test error and logistic loss on the test rows, computed by the same lines for all."""
    margin = np.asarray(model.decision_function(data.X_test)).ravel() * np.where(data.y_test > 0, 1, -1)
    return {"test error": np.mean(margin <= 0), "test log loss": np.mean(np.logaddexp(0, -margin))}


def work(data: Split) -> dict[str, float]:
    """A pass reads every stored number once: value and column of a sparse one."""
    each = 8 * data.X.nnz if sparse.issparse(data.X) else data.X.nbytes
    return {"bytes": EPOCHS * each}


def _cells(data: str, *, vw: bool) -> list[Cell]:
    sgd = Contender("scikit-learn", peers.sklearn_sgd(EPOCHS, alpha=ALPHA))
    more = [
        Contender("vowpalwabbit", peers.vw_logistic(EPOCHS), needs="vowpalwabbit", prepare=peers.vw_prepare),
        Contender(
            "liblinear", peers.liblinear_logistic(), needs="liblinear", prepare=peers.liblinear_prepare
        ),
    ]
    # One thread, one learner: several, which rows in memory have by default, would take turns on it.
    one = Contender("esker", ours.sgd(EPOCHS, alpha=ALPHA, eta0=0.5, n_shards=1))
    race = Contender("esker", ours.sgd(EPOCHS, alpha=ALPHA, n_shards=1))
    plain = Contender("esker", ours.sgd(EPOCHS, alpha=ALPHA, **RATE))
    plain_sgd = Contender("scikit-learn", peers.sklearn_sgd(EPOCHS, alpha=ALPHA, **RATE))
    return [
        Cell(
            f"sgd/{data}/plain",
            lambda scale: load(data, scale),
            [plain, plain_sgd],
            quality,
            work,
            threads=1,
        ),
        Cell(f"sgd/{data}/one-model", lambda scale: load(data, scale), [one, sgd], quality, work, threads=1),
        Cell(
            f"sgd/{data}/default",
            lambda scale: load(data, scale),
            [race, sgd, *(more if vw else ())],
            quality,
            work,
            threads=1,
        ),
    ]


STEPS: dict[str, dict[str, Any]] = {
    **{name: {"learning_rate": name, "eta0": 0.5} for name in ("adagrad", "normalized", "ftrl")},
    "coin": {"learning_rate": "coin", "penalty": None},
}


def _steps(data: str) -> list[Cell]:
    """One model by each step that adapts, beside scikit-learn's with a constant rate."""
    plain = Contender("scikit-learn", peers.sklearn_sgd(EPOCHS, alpha=ALPHA, **RATE))
    return [
        Cell(
            f"sgd/{data}/{name}",
            lambda scale: load(data, scale),
            [Contender("esker", ours.sgd(EPOCHS, alpha=ALPHA, **options)), plain],
            quality,
            work,
            threads=1,
        )
        for name, options in STEPS.items()
    ]


CELLS = [
    *_cells("rcv1-like", vw=True),
    *_cells("rcv1-like-f64", vw=False),
    *_cells("words", vw=False),
    *_cells("higgs-like", vw=False),
    *_cells("breast_cancer", vw=False),
    *_steps("rcv1-like"),
]

test_sgd = suite(CELLS)

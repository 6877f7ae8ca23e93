"""Ridge on sparse rows with an intercept by iterative solvers: time, and how far each ends from the least objective."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import ours, peers
from benchmarks.bench_ridge import ALPHA, quality, work
from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender
from benchmarks.datasets import Split, load


def reached(data: Split, model: Any) -> dict[str, float]:
    """What `quality` says, and the walks over the rows where they are counted."""
    count = getattr(model, "n_iter_", None)
    return {
        **quality(data, model),
        "iterations": float("nan") if count is None else float(np.ravel(count)[0]),
    }


CELLS = [
    Cell(
        "krylov/zipf",
        lambda scale: load("zipf", scale),
        [
            Contender("esker", ours.ridge(ALPHA, solver="sparse_cg", tol=1e-6)),
            # Certified to 2e-4, which ends some hundred times nearer: about where scikit-learn's tol=1e-4 does.
            Contender("esker tol 2e-4", ours.ridge(ALPHA, solver="sparse_cg", tol=2e-4)),
            Contender("esker auto", ours.ridge(ALPHA)),
            Contender("esker cholesky", ours.ridge(ALPHA, solver="cholesky")),
            Contender("scikit-learn sparse_cg", peers.sklearn_ridge(ALPHA, solver="sparse_cg")),
            Contender("scikit-learn lsqr", peers.sklearn_ridge(ALPHA, solver="lsqr")),
            Contender("scikit-learn sag", peers.sklearn_ridge(ALPHA, solver="sag", random_state=0)),
        ],
        reached,
        work,
    )
]

test_krylov = suite(CELLS)

"""Fixtures of the suites: a cell's data, the thread limit, and the peers; `pytest_plugins = "benchmarks.conftest"` lends them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from benchmarks import datasets, peers
from benchmarks.contest import Cell


@pytest.fixture(scope="session")
def cell_data() -> Callable[[Cell], Any]:
    """Data of a cell at the small scale, loaded once a session."""
    kept: dict[str, Any] = {}

    def load(cell: Cell) -> Any:
        if cell.name not in kept:
            kept.clear()
            kept[cell.name] = cell.load("small")
        return kept[cell.name]

    return load


@pytest.fixture
def threads() -> Callable[[int], Any]:
    """A context that limits the threads of every BLAS and OpenMP pool of the process."""
    return lambda n: threadpool_limits(limits=n)


@pytest.fixture(scope="session")
def load_data() -> Callable[..., datasets.Split]:
    """`benchmarks.datasets.load`."""
    return datasets.load


@pytest.fixture
def sklearn_sgd() -> Callable[..., Any]:
    """`benchmarks.peers.sklearn_sgd`: scikit-learn's SGDClassifier as a peer."""
    return peers.sklearn_sgd


@pytest.fixture
def sklearn_ridge() -> Callable[..., Any]:
    """`benchmarks.peers.sklearn_ridge`."""
    return peers.sklearn_ridge


@pytest.fixture
def vowpal_wabbit() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """(prepare, run) of Vowpal Wabbit; skips where it is not installed."""
    pytest.importorskip("vowpalwabbit")
    return peers.vw_prepare, peers.vw_logistic


@pytest.fixture
def liblinear() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """(prepare, run) of LIBLINEAR; skips where it is not installed."""
    pytest.importorskip("liblinear")
    return peers.liblinear_prepare, peers.liblinear_logistic

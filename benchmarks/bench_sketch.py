"""Rows sketched, then ridge, beside SciPy's Clarkson-Woodruff transform, then ridge, at the same number of sketched rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.bench_ridge import ALPHA, quality
from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender
from benchmarks.datasets import Split, load

TIMES = 10  # sketched rows: so many times the columns


def ours(data: Split) -> Any:
    """sketch_rows, then scikit-learn's Ridge: any estimator can fit a sketch."""
    from sklearn.linear_model import Ridge

    from esker.sketch import sketch_rows

    X, y = sketch_rows(*_with_ones(data), TIMES * data.X.shape[1], random_state=0)
    return _split(Ridge(alpha=ALPHA, fit_intercept=False).fit(X, y))


def clarkson_woodruff(data: Split) -> Any:
    """scipy.linalg.clarkson_woodruff_transform of [X, y], then scikit-learn's Ridge."""
    from scipy.linalg import clarkson_woodruff_transform
    from sklearn.linear_model import Ridge

    X, y = _with_ones(data)
    both = clarkson_woodruff_transform(np.column_stack([X, y]), TIMES * data.X.shape[1], rng=0)
    return _split(Ridge(alpha=ALPHA, fit_intercept=False).fit(both[:, :-1], both[:, -1]))


def _with_ones(data: Split) -> tuple[np.ndarray, np.ndarray]:
    """A column of ones carries the intercept through the sketch."""
    return np.column_stack([data.X, np.ones(len(data.y), dtype=data.X.dtype)]), data.y


def _split(model: Any) -> Any:
    model.intercept_, model.coef_ = model.coef_[-1], model.coef_[:-1]
    return model


def work(data: Split) -> dict[str, float]:
    """One read of X."""
    return {"bytes": data.X.nbytes}


CELLS = [
    Cell(
        f"sketch/{data}",
        lambda scale, data=data: load(data, scale),
        [Contender("esker", ours), Contender("scipy", clarkson_woodruff)],
        quality,
        work,
    )
    for data in ("dense-linear", "higgs-like")
]

test_sketch = suite(CELLS)

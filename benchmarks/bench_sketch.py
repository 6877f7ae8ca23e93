"""Rows sketched, then ridge, beside SciPy's Clarkson-Woodruff transform, then ridge, at the same number of sketched rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.bench_ridge import ALPHA, quality
from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender
from benchmarks.datasets import Split, load

TIMES = 40  # sketched rows: so many times the columns


def ours(data: Split) -> Any:
    """sketch_rows, then scikit-learn's Ridge: any estimator can fit a sketch."""
    from sklearn.linear_model import Ridge

    from esker.sketch import sketch_rows

    return Ridge(alpha=ALPHA).fit(*sketch_rows(data.X, data.y, TIMES * data.X.shape[1], random_state=0))


def clarkson_woodruff(data: Split) -> Any:
    """scipy.linalg.clarkson_woodruff_transform of the centred rows and target, then scikit-learn's Ridge."""
    from scipy.linalg import clarkson_woodruff_transform
    from sklearn.linear_model import Ridge

    mean, mean_y = data.X.mean(axis=0, dtype=np.float64), data.y.mean()
    both = np.column_stack([data.X - mean, data.y - mean_y])
    both = clarkson_woodruff_transform(both, TIMES * data.X.shape[1], rng=0)
    model = Ridge(alpha=ALPHA, fit_intercept=False).fit(both[:, :-1], both[:, -1])
    model.intercept_ = mean_y - mean @ model.coef_
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

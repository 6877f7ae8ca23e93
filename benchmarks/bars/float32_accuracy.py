"""Ridge on float32 rows far from zero or drifting: coefficients within 1e-5 of a long-double oracle, predictions within 1e-6 std(y)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import oracle
from benchmarks.bars import line
from benchmarks.bars.ridge_accuracy import relative_error
from benchmarks.generate import offset_trend

ALPHA = 1.0


def in_memory(X: np.ndarray, y: np.ndarray) -> Any:
    """Arrays."""
    from esker.linear_model import Ridge

    return Ridge(alpha=ALPHA).fit(X, y)


def streamed(X: np.ndarray, y: np.ndarray) -> Any:
    """A .npy file, read in small blocks."""
    import esker
    from esker.linear_model import Ridge

    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "X.npy", X)
        return Ridge(alpha=ALPHA).fit(esker.open_blocks(Path(folder) / "X.npy", target=y, block_size="1MB"))


def merged(X: np.ndarray, y: np.ndarray) -> Any:
    """Five states, each of a fifth of the rows, merged, then solved."""
    from benchmarks.peers import Linear
    from esker.blocks import Block
    from esker.folds import Gram
    from esker.linear_model._solve import solve_ridge

    states = []
    for rows in np.array_split(np.arange(len(y)), 5):
        states.append(Gram())
        states[-1].update(Block(X[rows[0] : rows[-1] + 1], y[rows], first_key=int(rows[0])))
    for other in states[1:]:
        states[0].merge(other)
    solved = solve_ridge(states[0], ALPHA)
    return Linear(solved.coef, solved.at_mean - solved.coef @ states[0].to_arrays()["mean_x"])


def _peer(X: np.ndarray, y: np.ndarray) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(alpha=ALPHA).fit(X, y)


WAYS = {"in memory": in_memory, "streamed": streamed, "merged": merged}


def problems(n: int) -> Iterator[offset_trend]:
    """The offsets and trends of the bar, in standard deviations."""
    for offset in (0.0, 100.0, 1e4):
        yield offset_trend(n, d=20, offset=offset)
    for trend in (100.0, 1e4):
        yield offset_trend(n, d=20, trend=trend)


def run(scale: str) -> bool:
    """Print a line for each problem and way, scikit-learn's figures first."""
    holds = True
    for made in problems(5_000 if scale == "small" else 50_000):
        X, y = made.arrays()
        true, intercept = oracle.ridge(X, y, ALPHA)
        exact = X.astype(np.longdouble) @ true[0] + intercept[0]

        def errors(model: Any, X=X, y=y, true=true, exact=exact) -> tuple[float, float]:
            coef = getattr(model, "coef_", None)
            coef = model.coef if coef is None else coef
            wrong = np.abs(np.asarray(model.predict(X)).ravel() - exact).max() / y.std()
            return relative_error(coef, true), float(wrong)

        coef, predicted = errors(_peer(X, y))
        print(
            f"  {made.published} ({made!r}); scikit-learn: coefficients {coef:.1e}, predictions {predicted:.1e}"
        )
        for name, fit in WAYS.items():
            coef, predicted = errors(fit(X, y))
            text = f"{name:<10} coefficients {coef:.1e} (bound 1e-5)  predictions {predicted:.1e} std(y) (bound 1e-6)"
            holds &= line(coef <= 1e-5 and predicted <= 1e-6, text)
    return holds

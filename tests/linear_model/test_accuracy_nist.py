"""NIST's reference sets for linear regression: as many digits as LAPACK's QR reaches. `pytest -s` prints them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import linalg

from esker import open_blocks
from esker.linear_model import LinearRegression, Ridge

SETS = json.loads((Path(__file__).parent / "data" / "strd.json").read_text())
NAMES = [name for name in SETS if name != "source"]


def rows(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    given = SETS[name]
    x, intercept = np.array(given["x"], dtype=float), given.get("intercept", True)
    X = x if x.ndim == 2 else np.column_stack([x**k for k in range(1, given["degree"] + 1)])
    return X, np.array(given["y"], dtype=float), np.array(given["certified"]), intercept


def digits(found: np.ndarray, certified: np.ndarray) -> float:
    """Those that the worst coefficient has right, as NIST counts them."""
    wrong = np.abs(found - certified) / np.abs(certified)
    return float(-np.log10(max(wrong.max(), 1e-15)))


def by_qr(X: np.ndarray, y: np.ndarray, intercept: bool) -> np.ndarray:
    design = np.column_stack([np.ones(len(X)), X]) if intercept else X
    Q, R = linalg.qr(design, mode="economic")
    return linalg.solve_triangular(R, Q.T @ y)


@pytest.mark.parametrize("how", ["dense", "streamed", "svd"])
@pytest.mark.parametrize("name", NAMES)
def test_the_digits_of_qr(name: str, how: str) -> None:
    X, y, certified, intercept = rows(name)
    source: Any = (X, y)
    model: Any = LinearRegression(fit_intercept=intercept)
    if how == "streamed":
        source = (open_blocks([(X[:7], y[:7]), (X[7:], y[7:])]),)
    elif how == "svd":
        model = Ridge(0.0, fit_intercept=intercept, solver="svd")
    model.fit(*source)
    found = np.concatenate([[model.intercept_], model.coef_]) if intercept else model.coef_
    ours, qr = digits(found, certified), digits(by_qr(X, y, intercept), certified)
    print(f"{name:9} {how:9} {ours:4.1f} digits, QR {qr:4.1f}; {model.solver_}, {model.n_iter_} passes")
    assert ours >= min(qr - 0.7, 11.5)
    if hasattr(model, "rank_"):
        assert model.rank_ == X.shape[1]


def test_without_the_rows_lost_digits_are_told() -> None:
    X, y, _, _ = rows("Filip")
    with pytest.warns(linalg.LinAlgWarning, match="singular to working precision"):
        model = LinearRegression().partial_fit(X, y)
    assert model.solver_ == "eigen"
    assert model.suboptimality_ == np.inf
    assert np.abs(model.predict(X) - y).max() < 0.05

"""How many digits Ridge keeps, against QR in long double. `pytest -s` prints the figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from tests.reference import LONG, error, oracle

from esker import open_blocks
from esker.linear_model import Ridge

EPS = np.finfo(np.float64).eps


def conditioned(rng: np.random.Generator, n: int, d: int, condition: float) -> np.ndarray:
    """Rows whose centred matrix has this condition number."""
    k = min(n - 1, d)
    Q = rng.standard_normal((n, k))
    Q = np.linalg.qr(Q - Q.mean(axis=0))[0]
    V = np.linalg.qr(rng.standard_normal((d, k)))[0]
    return np.sqrt(n) * (Q * np.logspace(0, -np.log10(condition), k)) @ V.T


# 29 of 30 rows are independent, and the smallest alpha is below rounding.
@pytest.mark.filterwarnings("ignore:the least squares problem is singular")
@pytest.mark.parametrize("condition", [1e1, 1e3, 1e5, 1e7])
@pytest.mark.parametrize("shape", [(600, 20), (30, 45)], ids=["tall", "wide"])
@pytest.mark.parametrize("storage", ["dense", "csr", "blocks"])
def test_float64_error_follows_the_condition_of_X(
    storage: str, shape: tuple[int, int], condition: float
) -> None:
    rng = np.random.default_rng(7)
    n, d = shape
    bar = 1e-10 if condition <= 1e3 else 50 * condition * EPS
    for targets, weighted, intercept in ((1, False, True), (3, True, True), (1, True, False)):
        X = conditioned(rng, n, d, condition)
        weight = rng.uniform(0.5, 2, n) if weighted else None
        y = X @ rng.standard_normal((d, targets)) + 1e-12 * rng.standard_normal((n, targets)) + 3 * intercept
        alpha = 1e-3 * n / condition**2
        true, intercepts = oracle(X, y, alpha, weight, fit_intercept=intercept)
        model = Ridge(alpha=alpha, fit_intercept=intercept)
        if storage == "blocks":
            rows = (X, y) if weight is None else (X, y, weight)
            cuts = [tuple(a[i : i + 256] for a in rows) for i in range(0, n, 256)]
            model.fit(open_blocks(cuts))
        else:
            model.fit(sparse.csr_array(X) if storage == "csr" else X, y, sample_weight=weight)
        found = error(model.coef_, true)
        print(
            f"{storage} {shape} condition {condition:g}, {targets} targets: {found:.1e} (bar {bar:.0e}), {model.n_iter_} passes"
        )
        assert found <= bar
        np.testing.assert_allclose(model.intercept_, intercepts.astype(float), rtol=0, atol=1e-9)


def rows_at(place: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    Z, w = rng.standard_normal((n, 5)), np.array([1.0, -2.0, 3.0, 0.5, 1.0])
    kind, size = place.split()
    shift = float(size) if kind == "offset" else np.linspace(-1, 1, n)[:, None] * (3**0.5 * float(size))
    X = (Z + shift).astype(np.float32)
    return X, X.astype(np.float64) @ w + rng.standard_normal(n)


@pytest.mark.parametrize("place", ["offset 0", "offset 100", "offset 1e4", "trend 100", "trend 1e4"])
@pytest.mark.parametrize("n", [2000, 30000])
def test_float32_keeps_its_digits_far_from_the_origin(place: str, n: int) -> None:
    X, y = rows_at(place, n, np.random.default_rng(3))
    (true,), (intercept,) = oracle(X, y, 1.0)
    truth = X.astype(LONG) @ true + intercept
    pieces = [(X[i : i + 1000], y[i : i + 1000]) for i in range(0, n, 1000)]

    streamed = Ridge().fit(open_blocks(pieces))
    added = Ridge()
    for piece in pieces:
        added.partial_fit(*piece)
    left, right = (
        Ridge(keep_state=True).fit(X[: n // 3], y[: n // 3]),
        Ridge().partial_fit(X[n // 3 :], y[n // 3 :]),
    )
    left.state_.merge(right.state_)
    left.partial_fit(X[:1], y[:1], sample_weight=[1e-300])
    fits: dict[str, Any] = {
        "in memory": Ridge().fit(X, y), "sparse": Ridge().fit(sparse.csr_array(X), y),
        "streamed": streamed, "partial_fit": added, "merged": left,
    }  # fmt: skip
    for how, model in fits.items():
        assert model.coef_.dtype == np.float32
        found = error(model.coef_, true[None])
        miss = float(np.abs(model.predict(X.astype(np.float64)) - truth).max() / y.std())
        print(f"{place}, n = {n}, {how}: coefficients {found:.1e}, predictions {miss:.1e} std(y)")
        assert found <= 1e-5
        assert miss <= 1e-6

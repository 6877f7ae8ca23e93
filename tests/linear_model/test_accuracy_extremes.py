"""Hard least squares problems: right to what backward stability allows, or a fallback that says so. `pytest -s` prints figures."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import LinAlgWarning
from tests.reference import LONG, error, oracle

from esker import open_blocks
from esker.linear_model import LinearRegression, Ridge

EPS = np.finfo(np.float64).eps


def ill(kind: str, condition: float, rng: np.random.Generator, n: int = 200, d: int = 8) -> np.ndarray:
    if kind == "spread":
        Q = np.linalg.qr(rng.standard_normal((n, d)))[0]
        return Q * np.logspace(0, -np.log10(condition), d) @ np.linalg.qr(rng.standard_normal((d, d)))[0].T
    X = rng.standard_normal((n, d))
    if kind == "near":
        X[:, -1] = X[:, :-1].sum(axis=1) + X[:, -1] / condition
    elif kind == "scales":
        X *= np.logspace(0, -np.log10(condition), d)
    else:
        X = np.vander(np.linspace(1, 1 + 10 / np.log10(condition), n), d + 1)[:, :-1]
    return X


def allowed(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """What a backward stable solution's relative error may be: Wedin's bound for a change of the rows by rounding."""
    Z = X - X.mean(axis=0)
    s = np.linalg.svd(Z / np.linalg.norm(Z, axis=0), compute_uv=False)  # scales of columns cost nothing
    kappa, w = s[0] / s[-1], w.astype(float) * np.linalg.norm(Z, axis=0)
    residual = np.linalg.norm(y - y.mean() - Z / np.linalg.norm(Z, axis=0) @ w)
    # The rows themselves carry their means, so that rounding is that of the numbers as given.
    far = np.abs(X).max() / np.abs(Z).max()
    return float(EPS * far * kappa * (1 + kappa * residual / max(np.linalg.norm(w), 1e-300)))


@pytest.mark.parametrize("kind", ["spread", "near", "scales", "powers"])
@pytest.mark.parametrize("storage", ["dense", "csr", "streamed", "partial_fit", "float32"])
def test_no_condition_number_gives_a_silent_wrong_answer(kind: str, storage: str) -> None:
    for exponent in range(1, 16, 2):
        rng = np.random.default_rng(exponent)
        X = ill(kind, 10.0**exponent, rng)
        if storage == "float32":
            X = X.astype(np.float32).astype(np.float64)
        y = X @ rng.standard_normal(8)
        y += 1e-3 * y.std() * rng.standard_normal(len(y))
        (true,), _ = oracle(X, y, 0.0)
        model = LinearRegression()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            if storage == "streamed":
                model.fit(open_blocks([(X[:99], y[:99]), (X[99:], y[99:])]))
            elif storage == "partial_fit":
                model.partial_fit(X[:99], y[:99]).partial_fit(X[99:], y[99:])
            else:
                model.fit({"csr": sparse.csr_array, "float32": np.float32}.get(storage, np.asarray)(X), y)
        spread = np.linalg.norm(X - X.mean(axis=0), axis=0)
        found, bound = error(model.coef_ * spread, true[None] * spread), allowed(X, y, true)
        print(
            f"{kind} 1e{exponent} {storage}: {found:.0e} (allowed {bound:.0e}), {model.solver_}, {model.n_iter_} passes, "
            f"told: {bool(told)}"
        )
        if model.solver_ in ("eigen", "pivoted"):
            assert told
            assert model.rank_ < 8
            assert model.suboptimality_ == np.inf
            # What was cut off did not matter for the predictions, as far as rounding can see.
            Z = X - X.mean(axis=0)
            assert np.linalg.norm(Z @ model.coef_) <= 1.1 * np.linalg.norm(Z @ true.astype(float))
        elif storage == "partial_fit":  # the rows are gone: normal equations have their condition squared
            assert found <= 1e-3 or told
        else:
            assert found <= 100 * bound + (1e-6 if storage == "float32" else 1e-13) or told
        # Up to here nothing has to be given up.
        if exponent <= (5 if storage in ("partial_fit", "float32") else 9) and kind != "powers":
            assert not told


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(300, 6), (6, 30)])
def test_alpha_from_nothing_to_everything(shape: tuple[int, int], dtype: Any) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal(shape) + 3).astype(dtype)
    y = X @ rng.standard_normal(shape[1]) + 0.1 * rng.standard_normal(shape[0])
    for alpha in [0.0, *10.0 ** np.arange(-12, 13, 2)]:
        model = Ridge(alpha).fit(X, y)
        if alpha == 0 and shape[0] < shape[1]:
            Z = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
            true = (np.linalg.pinv(Z) @ (y - y.mean()))[None]
        else:
            true, _ = oracle(X, y, alpha)
        assert error(model.coef_, true) <= (1e-6 if dtype == np.float32 else 1e-11), alpha
    assert np.abs(model.coef_).max() > 0


@pytest.mark.parametrize("solver", ["cholesky", "svd"])
def test_duplicated_and_constant_columns_share_and_get_nothing(solver: str) -> None:
    rng = np.random.default_rng(1)
    A = rng.standard_normal((100, 3))
    y = A @ [1.0, -2.0, 3.0] + rng.standard_normal(100)
    X = np.column_stack([A, A[:, 0], np.full(100, 0.3), A[:, 0], np.zeros(100), np.full(100, 1e9)])
    with pytest.warns(LinAlgWarning, match="rank 3 of 8"):
        free = Ridge(0.0, solver=solver).fit(X, y)
    alone = LinearRegression().fit(A, y).coef_
    np.testing.assert_allclose(free.coef_[[0, 3, 5]], alone[0] / 3, rtol=1e-10)
    np.testing.assert_allclose(free.coef_[[1, 2]], alone[1:], rtol=1e-10)
    np.testing.assert_array_equal(free.coef_[[4, 6, 7]], 0)
    held = Ridge(1e-3, solver=solver).fit(X, y)
    true, _ = oracle(X, y, 1e-3)
    np.testing.assert_allclose(held.coef_, true[0].astype(float), rtol=1e-9, atol=1e-12)
    assert held.suboptimality_ < 1e-10


def test_as_many_rows_as_columns() -> None:
    rng = np.random.default_rng(2)
    X, w = rng.standard_normal((7, 7)), rng.standard_normal(7)
    exact = LinearRegression(fit_intercept=False).fit(X, X @ w)
    np.testing.assert_allclose(exact.coef_, w, rtol=1e-9)
    y = rng.standard_normal(7)
    with pytest.warns(LinAlgWarning, match="rank 6 of 7"):
        model = LinearRegression().fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.coef_, np.linalg.pinv(X - X.mean(axis=0)) @ (y - y.mean()), rtol=1e-8)


def test_one_row() -> None:
    for model in (Ridge(), Ridge(0.0), LinearRegression()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LinAlgWarning)
            model.fit([[1.0, 2.0, 3.0]], [5.0])
        np.testing.assert_array_equal(model.coef_, 0)
        assert model.predict([[7.0, 7.0, 7.0]]) == 5.0
    through = LinearRegression(fit_intercept=False).fit([[1.0, 2.0, 2.0]], [9.0])
    np.testing.assert_allclose(through.coef_, [1.0, 2.0, 2.0], rtol=1e-12)
    single = LinearRegression(fit_intercept=False).fit([[4.0]], [8.0])
    np.testing.assert_allclose(single.coef_, [2.0])


@pytest.mark.parametrize("n", [5, 40])
def test_more_targets_than_rows(n: int) -> None:
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((n, 8)), rng.standard_normal((n, 60))
    alpha = np.logspace(-3, 3, 60)
    model = Ridge(alpha).fit(X, Y)
    assert model.coef_.shape == (60, 8)
    for t in (0, 30, 59):
        true, intercept = oracle(X, Y[:, t], alpha[t])
        np.testing.assert_allclose(model.coef_[t], true[0].astype(float), rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(model.intercept_[t], float(intercept[0]), rtol=1e-9)


@pytest.mark.parametrize("storage", ["dense", "csr", "streamed", "partial_fit", "wide"])
def test_weights_over_24_orders_of_magnitude(storage: str) -> None:
    rng = np.random.default_rng(4)
    X = rng.standard_normal((30, 50) if storage == "wide" else (400, 6)) + 2
    y = X @ rng.standard_normal(X.shape[1]) + 0.1 * rng.standard_normal(len(X))
    weight = 10 ** rng.uniform(-12, 12, len(X))
    alpha = 1e3 if storage == "wide" else 1e-3
    true, intercept = oracle(X, y, alpha, weight)
    model = Ridge(alpha)
    if storage == "streamed":
        model.fit(open_blocks([(X[:99], y[:99], weight[:99]), (X[99:], y[99:], weight[99:])]))
    elif storage == "partial_fit":
        model.partial_fit(X[:99], y[:99], weight[:99]).partial_fit(X[99:], y[99:], weight[99:])
    else:
        model.fit(sparse.csr_array(X) if storage == "csr" else X, y, weight)
    found = error(model.coef_, true)
    print(f"{storage}: {found:.1e}")
    # The heaviest few rows decide all: what backward stability allows is what their condition does.
    heavy = np.sqrt(weight.astype(LONG) / weight.sum())[:, None] * (X - (weight @ X / weight.sum()))
    s = np.linalg.svd(
        np.vstack([heavy.astype(float), np.sqrt(alpha / weight.sum()) * np.eye(X.shape[1])]), compute_uv=False
    )
    assert found <= 1e3 * EPS * s[0] / s[-1] + 1e-11
    np.testing.assert_allclose(model.intercept_, float(intercept[0]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n", [30, 3])
@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        LinearRegression(fit_intercept=False),
        LinearRegression(positive=True),
        Ridge(1e-320, solver="svd"),
        Ridge(1e-320, solver="sparse_cg"),
    ],
    ids=lambda model: f"{type(model).__name__}-{model.solver}-{model.positive}-{model.fit_intercept}",
)
def test_values_whose_squares_are_no_numbers_are_refused(model: Any, n: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 4)) + 1
    y = X @ [1.0, 2.0, 3.0, 4.0] + rng.standard_normal(n)
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match=r"too large for their products; scale (it|them) down"),
    ):
        model.fit(X * 1e180, y)
    if model.solver != "sparse_cg":
        for scale in (1e-165, 1e-200):
            with pytest.raises(ValueError, match=r"too small for their products; scale (it|them) up"):
                model.fit(X * scale, y)


def test_a_column_of_tiny_values_that_alpha_outweighs_is_no_error() -> None:
    X = np.random.default_rng(0).standard_normal((50, 2)) * [1.0, 1e-170]
    model = Ridge(1.0).fit(X, X[:, 0] + 1)
    assert model.coef_[0] == pytest.approx(1, rel=0.1)
    assert abs(model.coef_[1]) < 1e-160

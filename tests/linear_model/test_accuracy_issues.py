"""What users of other libraries reported wrong of ridge and least squares, each as a test of what should come out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import LinAlgWarning
from tests.reference import error, oracle

from esker import open_blocks
from esker.linear_model import LinearRegression, Ridge


@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_float32_with_very_many_rows(offset: float) -> None:
    """scikit-learn 33032, 23376: LinearRegression is wrong in float32 beyond 500,000 rows, and at 10^7."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1_200_000, 3), dtype=np.float32) + np.float32(offset)
    w = np.array([1.0, -2.0, 0.5])
    y = X @ w + 7 + 0.01 * rng.standard_normal(len(X))
    Z = X - X.mean(axis=0, dtype=np.float64)
    expected = np.linalg.solve(Z.T @ Z, Z.T @ (y - y.mean()))
    for model in (LinearRegression().fit(X, y), LinearRegression().fit(X, y.astype(np.float32))):
        np.testing.assert_allclose(model.coef_, expected, rtol=2e-6)
        np.testing.assert_allclose(
            model.intercept_, y.mean() - X.mean(axis=0, dtype=np.float64) @ expected, atol=1e-3
        )
    flat = LinearRegression(fit_intercept=False).fit(X, X @ w)
    np.testing.assert_allclose(flat.coef_, w, rtol=1e-5)


@pytest.mark.parametrize("alpha", [1e-12, 1e-6, 1.0])
def test_float32_and_a_small_penalty(alpha: float) -> None:
    """scikit-learn 34191: Ridge in float32 fails or not, by the machine."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((200, 5)).astype(np.float32)
    X = np.hstack([X, X[:, :1]])
    y = X @ np.arange(6.0) + rng.standard_normal(200)
    true, _ = oracle(X, y, alpha)
    model = Ridge(alpha).fit(X, y)
    np.testing.assert_allclose(model.coef_, true[0].astype(float), rtol=2e-6)


def test_dummies_of_a_factor_dense_and_sparse() -> None:
    """scikit-learn 13665: an error of 1e11 dense, 75 sparse, where dummies add up to a constant."""
    rng = np.random.default_rng(2)
    levels = rng.integers(0, 40, 3000)
    X = np.hstack([np.eye(40)[levels], rng.standard_normal((3000, 3))])
    y = rng.standard_normal(40)[levels] + X[:, -3:] @ [1.0, 2.0, 3.0] + 0.1 * rng.standard_normal(3000)
    found = []
    for given in (X, sparse.csr_array(X)):
        with pytest.warns(LinAlgWarning, match="rank 42 of 43"):
            found.append(LinearRegression().fit(given, y))
    dense, coded = found
    np.testing.assert_allclose(dense.coef_, coded.coef_, rtol=1e-9, atol=1e-11)
    assert np.abs(dense.coef_).max() < 10
    assert ((dense.predict(X) - y) ** 2).mean() < 0.011


@pytest.mark.parametrize(
    "parameters", [{}, {"solver": "svd"}, {"solver": "cholesky"}, {"positive": True}, {"refine": True}]
)
def test_intercept_of_sparse_rows(parameters: dict[str, Any]) -> None:
    """scikit-learn 1389, 4710, 13336, 13995: the intercept of sparse rows was wrong for years, or refused."""
    rng = np.random.default_rng(3)
    X = sparse.random_array((500, 20), density=0.1, random_state=4, format="csr")
    X.data += 5
    y = X @ rng.random(20) + 100 + 0.1 * rng.standard_normal(500)
    weight = rng.uniform(0.1, 2, 500)
    for given in (X, X.tocsc(), X.tocoo()):
        model = Ridge(0.3, **parameters).fit(given, y, weight)
        dense = Ridge(0.3, **parameters).fit(X.toarray(), y, weight)
        np.testing.assert_allclose(model.coef_, dense.coef_, rtol=1e-9)
        np.testing.assert_allclose(model.intercept_, dense.intercept_, rtol=1e-12)
    if not parameters.get("positive"):
        true, intercept = oracle(X, y, 0.3, weight)
        assert error(model.coef_, true) < 1e-11
        np.testing.assert_allclose(model.intercept_, float(intercept[0]), rtol=1e-11)


def test_a_fallback_is_named() -> None:
    """scikit-learn 35016: fewer rows than columns and no penalty fall back on a least squares solver named "cholesky"."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((10, 30))
    X[1] = X[0]
    y = rng.standard_normal(10)
    with pytest.warns(LinAlgWarning, match="singular"):
        model = Ridge(0.0).fit(X, y)
    assert model.solver_ in ("svd", "eigen", "pivoted")
    np.testing.assert_allclose(
        model.coef_, np.linalg.pinv(X - X.mean(axis=0)) @ (y - y.mean()), rtol=1e-9, atol=1e-12
    )


def test_wide_rows_need_no_matrix_of_their_columns() -> None:
    """scikit-learn-intelex 3377: 55 times slower than it need be with 1168 rows of 25165 columns."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((40, 60_000), dtype=np.float32)
    y = rng.standard_normal(40)
    model = Ridge(10.0, max_memory="300MB").fit(X, y)  # X'X would take 29 GB
    assert model.solver_ == "dual"
    Z = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    dual = np.linalg.solve(Z @ Z.T + 10 * np.eye(40), y - y.mean())
    np.testing.assert_allclose(model.coef_, Z.T @ dual, rtol=1e-4, atol=1e-8)


def test_one_alpha_for_each_target() -> None:
    """scikit-learn-intelex 275."""
    rng = np.random.default_rng(7)
    X, Y = rng.standard_normal((60, 4)), rng.standard_normal((60, 3))
    model = Ridge([0.1, 1.0, 1e4]).fit(X, Y)
    for t, alpha in enumerate([0.1, 1.0, 1e4]):
        np.testing.assert_allclose(model.coef_[t], Ridge(alpha).fit(X, Y[:, t]).coef_, rtol=1e-11)


@pytest.mark.parametrize(
    "estimator", [LinearRegression(), Ridge(), Ridge(positive=True), Ridge(solver="svd"), Ridge(refine=True)]
)
@pytest.mark.parametrize("copy_X", [True, False])
def test_rows_are_left_as_they_are(estimator: Any, copy_X: bool) -> None:
    """scikit-learn 13988, 13923: copies, or rows overwritten."""
    rng = np.random.default_rng(8)
    X, y, weight = rng.standard_normal((50, 4)), rng.standard_normal(50), rng.random(50)
    for array in (X, y, weight):
        array.flags.writeable = False
    kept = X.copy()
    estimator.set_params(copy_X=copy_X).fit(X, y, weight)
    np.testing.assert_array_equal(X, kept)


def test_ridge_learns_from_rows_as_they_come() -> None:
    """scikit-learn 33914, 18847: partial_fit, with weights, sparse rows and large means."""
    rng = np.random.default_rng(9)
    X = (rng.standard_normal((900, 5)) + 1e4).astype(np.float32)
    y, weight = X @ np.arange(5.0) + rng.standard_normal(900), rng.uniform(0.1, 3, 900)
    model, stream = Ridge(1.0), Ridge(1.0)
    for i in range(0, 900, 90):
        part = sparse.csr_array(X[i : i + 90]) if i % 180 else X[i : i + 90]
        model.partial_fit(part, y[i : i + 90], weight[i : i + 90])
    stream.fit(open_blocks([(X[i : i + 90], y[i : i + 90], weight[i : i + 90]) for i in range(0, 900, 90)]))
    true, _ = oracle(X, y, 1.0, weight)
    assert error(model.coef_, true) < 1e-5
    assert error(stream.coef_, true) < 1e-5

"""LinearRegression as an estimator, and coefficients that must not be negative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse
from scipy.linalg import LinAlgWarning
from sklearn.linear_model import LinearRegression as TheirRegression
from sklearn.linear_model import Ridge as TheirRidge
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker import open_blocks
from esker.linear_model import LinearRegression, Ridge, merge


# Some of the checks' rows are fewer than the columns, or repeated.
@pytest.mark.filterwarnings("ignore:the least squares problem is singular")
@parametrize_with_checks(
    [LinearRegression(), LinearRegression(positive=True), Ridge(positive=True), Ridge(solver="svd")]
)
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)


def data(
    n: int = 300, d: int = 8, targets: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) + rng.random(d)
    shape = (d,) if targets is None else (d, targets)
    return X, X @ rng.standard_normal(shape) + rng.standard_normal((n, *shape[1:])) + 2


@pytest.mark.parametrize("storage", ["dense", "csr", "blocks", "partial_fit"])
@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize("intercept", [True, False])
def test_agrees_with_scikit_learn(storage: str, targets: int | None, intercept: bool) -> None:
    X, y = data(targets=targets)
    weight = np.random.default_rng(1).uniform(0, 2, len(X))
    theirs = TheirRegression(fit_intercept=intercept).fit(X, y, sample_weight=weight)
    ours = LinearRegression(fit_intercept=intercept)
    if storage == "blocks":
        ours.fit(open_blocks([(X[:100], y[:100], weight[:100]), (X[100:], y[100:], weight[100:])]))
    elif storage == "partial_fit":
        ours.partial_fit(X[:100], y[:100], weight[:100]).partial_fit(X[100:], y[100:], weight[100:])
    else:
        ours.fit(sparse.csr_array(X) if storage == "csr" else X, y, sample_weight=weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-10, atol=1e-12)
    assert ours.rank_ == theirs.rank_
    np.testing.assert_allclose(ours.singular_, theirs.singular_, rtol=1e-10)
    assert ours.suboptimality_ < 1e-20


def test_dependent_columns_get_the_minimum_norm() -> None:
    X, y = data()
    X = np.hstack([X, X[:, :2] @ [[1.0, 2.0], [0.5, -1.0]], np.full((len(X), 1), 7.0)])
    with pytest.warns(LinAlgWarning, match="rank 8 of 11"):
        model = LinearRegression().fit(X, y)
    expected = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=1e-12)[0]
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-9, atol=1e-11)
    assert model.rank_ == 8
    assert model.solver_ == "pivoted"
    dummies = sparse.csr_array(np.eye(4)[np.arange(len(X)) % 4])
    with pytest.warns(LinAlgWarning, match="rank 3 of 4"):
        coded = LinearRegression().fit(dummies, y)
    levels = np.array([y[i::4].mean() for i in range(4)])
    np.testing.assert_allclose(coded.coef_ + coded.intercept_, levels, rtol=1e-12)
    assert abs(coded.coef_.sum()) < 1e-12


def test_singular_values_need_the_sums() -> None:
    X, y = data(500, 360)  # sums of 1 MB are kept
    assert not hasattr(LinearRegression().fit(X, y), "singular_")
    kept = LinearRegression(keep_state=True, fit_intercept=False).fit(X, y)
    np.testing.assert_allclose(kept.singular_, np.linalg.svd(X, compute_uv=False), rtol=1e-10)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tol": 1e-3}, "tol is of an iterative solver"),
        ({"n_jobs": 0}, "n_jobs must be"),
        ({"n_jobs": 1.5}, "n_jobs must be"),
        ({"positive": 1}, "positive"),
        ({"refine": "x"}, "refine must be"),
        ({"fit_intercept": None}, "fit_intercept"),
    ],
)
def test_refuses_what_has_no_effect_or_sense(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinearRegression(**parameters).fit(*data())


def test_threads_saving_and_the_twin(tmp_path: Any) -> None:
    X, y = data()
    one = LinearRegression(n_jobs=1).fit(X, y)
    assert one.coef_.tobytes() == LinearRegression(n_jobs=-1).fit(X, y).coef_.tobytes()
    assert LinearRegression(n_jobs=-2).fit(X, y).n_threads >= 1
    esker.save(one, tmp_path / "m")
    assert esker.load(tmp_path / "m").predict(X).tobytes() == one.predict(X).tobytes()
    np.testing.assert_allclose(one.to_sklearn().predict(X), one.predict(X), rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), n=st.sampled_from([3, 20, 200]), d=st.sampled_from([1, 5, 30]),
    alpha=st.sampled_from([0.0, 1e-3, 10.0]), intercept=st.booleans(), targets=st.sampled_from([1, 3]),
)  # fmt: skip
def test_nonnegative_is_the_active_sets(
    seed: int, n: int, d: int, alpha: float, intercept: bool, targets: int
) -> None:
    X, y = data(n, d, targets, seed)
    model = Ridge(alpha, positive=True, fit_intercept=intercept).fit(X, y)
    assert (model.coef_ >= 0).all()
    Z, t = (X - X.mean(axis=0), y - y.mean(axis=0)) if intercept else (X, y)
    for k in range(targets):
        A = np.vstack([Z, np.sqrt(alpha) * np.eye(d)])
        b = np.concatenate([t[:, k], np.zeros(d)])
        expected, distance = optimize.nnls(A, b)
        found = np.atleast_2d(model.coef_)[k]
        assert np.linalg.norm(A @ found - b) <= distance * (1 + 1e-10) + 1e-9 * np.linalg.norm(b)
        if n > d or alpha > 0:
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * max(1, np.abs(expected).max()))


def test_nonnegative_agrees_with_scikit_learn_and_is_certified() -> None:
    X, y = data(400, 40, 2)
    ours, theirs = LinearRegression(positive=True).fit(X, y), TheirRegression(positive=True).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-10)
    assert not hasattr(ours, "rank_")
    assert ours.solver_ == "nonnegative"
    assert ours.suboptimality_ < 1e-20
    ridge = Ridge(3.0, positive=True).fit(X, y)
    np.testing.assert_allclose(
        ridge.coef_, TheirRidge(3.0, positive=True, tol=1e-12).fit(X, y).coef_, atol=1e-6
    )
    assert ridge.suboptimality_ < 1e-20
    coarse = LinearRegression(positive=True).fit(X.astype(np.float32), y)
    assert coarse.coef_.dtype == np.float32
    exact = TheirRegression(positive=True).fit(X.astype(np.float32).astype(np.float64), y)
    np.testing.assert_allclose(coarse.coef_, exact.coef_, rtol=2e-6, atol=1e-6)
    assert coarse.suboptimality_ < 1e-9
    streamed = LinearRegression(positive=True).fit(open_blocks([(X[:150], y[:150]), (X[150:], y[150:])]))
    np.testing.assert_allclose(streamed.coef_, ours.coef_, rtol=1e-10, atol=1e-12)


def test_nonnegative_where_the_normal_equations_lose_digits() -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((200, 6))
    X[:, 5] = X[:, 0] + 1e-6 * X[:, 5]
    y = X @ np.array([1.0, 2.0, -1.0, 0.5, -2.0, 3.0]) + 0.1 * rng.standard_normal(200)
    expected, _ = optimize.nnls(X - X.mean(axis=0), y - y.mean())
    model = LinearRegression(positive=True).fit(X, y)
    assert model.n_iter_ > 1
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("intercept", [True, False])
def test_fewer_rows_than_columns(intercept: bool) -> None:
    X, y = data(12, 40)
    model = LinearRegression(fit_intercept=intercept).fit(X, y)
    theirs = TheirRegression(fit_intercept=intercept).fit(X, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, rtol=1e-9, atol=1e-11)
    assert model.rank_ == np.linalg.matrix_rank(X - X.mean(axis=0) * intercept)
    assert model.solver_ == "dual"


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", [(40, 3), (10, 20)], ids=str)
def test_one_target_in_two_dimensions_keeps_them(shape: tuple[int, int], intercept: bool) -> None:
    X, y = data(*shape)
    y = np.asarray(y).reshape(len(X), -1)[:, :1]
    peer = TheirRegression(fit_intercept=intercept).fit(X, y)
    ours = LinearRegression(fit_intercept=intercept).fit(X, y)
    assert ours.coef_.shape == peer.coef_.shape == (1, shape[1])
    assert np.shape(ours.intercept_) == np.shape(peer.intercept_)
    np.testing.assert_allclose(ours.predict(X), peer.predict(X), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours.to_sklearn().predict(X), peer.predict(X), rtol=1e-8, atol=1e-10)
    if shape[0] > shape[1]:
        assert ours.partial_fit(X, y).coef_.shape == (1, shape[1])
        assert merge([ours, ours]).coef_.shape == (1, shape[1])

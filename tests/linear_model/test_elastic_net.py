"""Lasso and ElasticNet against scikit-learn at a tight tolerance, and against the conditions of optimality in long double."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning

import esker
from esker.linear_model import ElasticNet, Lasso, LassoCV, enet_path, lasso_path, merge

LONG = np.longdouble
TIGHT: dict[str, Any] = {"tol": 1e-13, "max_iter": 10**5}


def rows(n: int, d: int, seed: int = 0, *, together: float = 0.5, dtype: Any = np.float64) -> tuple[Any, Any]:
    """Correlated columns of different scales, half of them far from zero; y hangs on a third of them."""
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, d)) + together * rng.standard_normal((n, 1))
    X = (Z + 10.0 * (np.arange(d) % 2)) * np.logspace(0, -1, d)
    w = rng.standard_normal(d) * (rng.random(d) < 1 / 3) / np.logspace(0, -1, d)
    return X.astype(dtype), (X @ w + rng.standard_normal(n)).astype(dtype)


def violation(
    X: Any,
    y: Any,
    coef: Any,
    alpha: float,
    ratio: float,
    weight: Any = None,
    *,
    positive: bool = False,
    fit_intercept: bool = True,
) -> float:
    """How far the conditions of optimality are from holding, relative to the largest gradient at zero."""
    X, y, w = X.astype(LONG), y.astype(LONG), coef.astype(LONG)
    s = np.ones(len(X), LONG) if weight is None else weight.astype(LONG)
    s = s / s.sum()
    if fit_intercept:
        X, y = X - s @ X, y - s @ y
    slope = X.T @ (s * (y - X @ w)) - LONG(alpha * (1 - ratio)) * w
    l1 = LONG(alpha * ratio)
    at_zero = np.maximum(slope - l1, 0) if positive else np.maximum(np.abs(slope) - l1, 0)
    off = np.where(w == 0, at_zero, np.abs(slope - l1 * np.sign(w)))
    return float(off.max() / np.abs(X.T @ (s * y)).max())


def objective(X: Any, y: Any, model: Any, weight: Any = None) -> float:
    """The objective at a fitted model, in long double, with the best intercept."""
    s = np.ones(len(X), LONG) if weight is None else weight.astype(LONG)
    s = s / s.sum()
    r = y.astype(LONG) - X.astype(LONG) @ model.coef_.astype(LONG)
    r = r - s @ r
    w = model.coef_.astype(LONG)
    l1, l2 = model.alpha * model.l1_ratio, model.alpha * (1 - model.l1_ratio)
    return (s * r) @ r / 2 + l1 * np.abs(w).sum() + l2 * (w @ w) / 2


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.05])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(200, 15), (20, 30)])
def test_the_optimum(ratio: float, positive: bool, fit_intercept: bool, weighted: bool, shape: Any) -> None:
    X, y = rows(*shape)
    weight = np.random.default_rng(1).integers(0, 4, len(X)).astype(float) if weighted else None
    options = {"l1_ratio": ratio, "positive": positive, "fit_intercept": fit_intercept, "alpha": 0.1}
    ours = ElasticNet(**options, **TIGHT).fit(X, y, weight)
    theirs = sklearn.linear_model.ElasticNet(**options, **TIGHT).fit(X, y, weight)
    assert (
        violation(X, y, ours.coef_, 0.1, ratio, weight, positive=positive, fit_intercept=fit_intercept)
        <= 2e-7
    )
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-5, atol=1e-6 * np.abs(theirs.coef_).max())
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-6)
    assert (
        0
        <= ours.dual_gap_
        <= 1e-13 * np.average((y - fit_intercept * np.average(y, weights=weight)) ** 2, weights=weight)
    )


def test_the_sweeps_are_scikit_learns() -> None:
    """At its default tolerance the coefficients are those of the same number of sweeps, not merely close."""
    X, y = rows(300, 12, together=0.1)
    for alpha in (1.0, 0.1, 0.01):
        ours = ElasticNet(alpha).fit(X, y)
        theirs = sklearn.linear_model.ElasticNet(alpha).fit(X, y)
        assert ours.n_iter_ == theirs.n_iter_
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ours.dual_gap_, theirs.dual_gap_, rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-8])
@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("positive", [False, True])
def test_gaps_are_truthful(tol: float, ratio: float, positive: bool) -> None:
    X, y = rows(100, 20, together=3.0)
    weight = np.random.default_rng(1).random(100)
    options = {"l1_ratio": ratio, "positive": positive, "alpha": 0.05}
    model = ElasticNet(tol=tol, max_iter=10**5, **options).fit(X, y, weight)
    best = ElasticNet(tol=1e-15, max_iter=20_000, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        best.fit(X, y, weight)
    above = float(objective(X, y, model, weight) - objective(X, y, best, weight))
    assert above <= model.dual_gap_ * (1 + 1e-9) + 1e-14
    assert model.dual_gap_ <= tol * np.average((y - np.average(y, weights=weight)) ** 2, weights=weight)


def test_columns_that_crawl_end_where_they_should() -> None:
    """Nearly dependent columns: scikit-learn's sweeps do not get there in 10^5 of them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 60)) * 0.1 + rng.standard_normal((500, 1))
    X[:, 30] = X[:, 31] + 1e-5 * rng.standard_normal(500)
    y = X @ (rng.standard_normal(60) * (rng.random(60) < 0.3)) + rng.standard_normal(500)
    for alpha in (1e-2, 1e-4):
        model = Lasso(alpha, tol=1e-12).fit(X, y)
        assert model.n_iter_ < 500
        assert violation(X, y, model.coef_, alpha, 1.0) < 1e-8


def test_sparse_rows() -> None:
    X, y = rows(200, 15)
    X[np.random.default_rng(0).random(X.shape) < 0.7] = 0
    weight = np.random.default_rng(1).random(200)
    for container in (sparse.csr_array, sparse.csc_array):
        ours = ElasticNet(0.05, **TIGHT).fit(container(X), y, weight)
        assert violation(X, y, ours.coef_, 0.05, 0.5, weight) < 1e-7
        np.testing.assert_allclose(
            ours.coef_, ElasticNet(0.05, **TIGHT).fit(X, y, weight).coef_, rtol=1e-9, atol=1e-12
        )


def test_float32() -> None:
    X, y = rows(500, 15, dtype=np.float32)
    model = Lasso(0.05, tol=1e-10).fit(X, y)
    assert model.coef_.dtype == np.float32
    assert violation(X, y, model.coef_, 0.05, 1.0) < 2e-6
    # The gap is of the rounded coefficients, so somewhat above the tolerance.
    assert 1e-16 < model.dual_gap_ / np.var(y) < 1e-6
    theirs = sklearn.linear_model.Lasso(0.05, tol=1e-10, max_iter=10**5).fit(X.astype(np.float64), y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, rtol=1e-4, atol=1e-5)


def test_each_target_is_fitted_alone() -> None:
    X, y = rows(100, 10)
    Y = np.c_[y, X[:, 0] - y, np.zeros(100)]
    model = ElasticNet(0.1, **TIGHT).fit(X, Y)
    assert model.coef_.shape == (3, 10)
    assert model.dual_gap_.shape == (3,)
    assert len(model.n_iter_) == 3
    assert model.sparse_coef_.shape == (3, 10)
    assert not model.coef_[2].any()
    for k in range(3):
        alone = ElasticNet(0.1, **TIGHT).fit(X, Y[:, k])
        np.testing.assert_allclose(model.coef_[k], alone.coef_, rtol=1e-9, atol=1e-12)
        assert model.n_iter_[k] == alone.n_iter_
        assert np.ndim(alone.intercept_) == 0
    column = ElasticNet(0.1).fit(X, Y[:, :1])
    theirs = sklearn.linear_model.ElasticNet(0.1).fit(X, Y[:, :1])
    assert column.coef_.shape == theirs.coef_.shape
    assert np.shape(column.intercept_) == np.shape(theirs.intercept_)
    assert column.predict(X).shape == theirs.predict(X).shape
    np.testing.assert_array_equal(model.sparse_coef_.toarray(), model.coef_)


def test_shapes_that_are_odd() -> None:
    X, y = rows(50, 6)
    X[:, 2] = 7.0  # constant
    X[:, 4] = X[:, 3]  # the same
    for ratio in (1.0, 0.5, 0.0):
        model = ElasticNet(0.05, l1_ratio=ratio, **TIGHT).fit(X, y)
        assert model.coef_[2] == 0
        assert violation(X, y, model.coef_, 0.05, ratio) < 1e-7
    one = Lasso(0.1).fit([[1.0, 2.0]], [3.0])
    assert one.coef_.tolist() == [0, 0]
    assert one.intercept_ == 3
    assert one.dual_gap_ == 0
    level = Lasso(0.1).fit(X, np.full(50, 4.0))
    assert not level.coef_.any()
    assert level.n_iter_ == 0
    large = Lasso(1e12).fit(X, y)
    assert not large.coef_.any()


def test_alpha_zero_warns_and_is_least_squares() -> None:
    X, y = rows(200, 8)
    with pytest.warns(UserWarning, match="With alpha=0"):
        model = Lasso(0, tol=1e-14, max_iter=10**5).fit(X, y)
    np.testing.assert_allclose(
        model.coef_, sklearn.linear_model.LinearRegression().fit(X, y).coef_, rtol=1e-6
    )


def test_it_says_when_it_has_not_converged() -> None:
    X, y = rows(100, 20, together=3.0)
    with pytest.warns(ConvergenceWarning, match="Objective did not converge"):
        model = Lasso(1e-3, tol=1e-10, max_iter=3).fit(X, y)
    assert model.n_iter_ == 3
    best = Lasso(1e-3, tol=1e-14, max_iter=10**5).fit(X, y)
    above = float(objective(X, y, model) - objective(X, y, best))
    assert 0 < above <= model.dual_gap_


def test_random_order_has_the_same_optimum_and_a_seed() -> None:
    X, y = rows(200, 15)
    options: dict[str, Any] = {"alpha": 0.05, "selection": "random"}
    a = Lasso(**options, random_state=3).fit(X, y)
    b = Lasso(**options, random_state=3).fit(X, y)
    c = Lasso(**options, random_state=4).fit(X, y)
    assert np.array_equal(a.coef_, b.coef_)
    assert not np.array_equal(a.coef_, c.coef_)
    tight = Lasso(**options, random_state=3, **TIGHT).fit(X, y)
    assert violation(X, y, tight.coef_, 0.05, 1.0) < 1e-7


def test_warm_start_begins_where_the_fit_before_ended() -> None:
    X, y = rows(200, 15)
    model = Lasso(0.05, tol=1e-10, max_iter=10**5, warm_start=True).fit(X, y)
    assert model.n_iter_ > 0
    assert model.fit(X, y).n_iter_ == 0
    assert Lasso(0.05, tol=1e-10, max_iter=10**5).fit(X, y).fit(X, y).n_iter_ > 0
    with pytest.raises(ValueError, match="warm_start=True begins with coefficients of shape"):
        model.fit(X[:, :3], y)


def test_more_rows_fewer_rows_and_merged_models() -> None:
    X, y = rows(300, 12)
    whole = Lasso(0.05, **TIGHT).fit(X, y)
    options: dict[str, Any] = {"alpha": 0.05, "keep_state": True, **TIGHT}
    grown = Lasso(**options).fit(X[:100], y[:100]).partial_fit(X[100:], y[100:])
    both = merge([Lasso(**options).fit(X[:100], y[:100]), Lasso(**options).fit(X[100:], y[100:])])
    assert type(both) is Lasso
    for model in (grown, both):
        np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-6, atol=1e-9)
    left = grown.forget(X[200:], y[200:])
    np.testing.assert_allclose(
        left.coef_, Lasso(0.05, **TIGHT).fit(X[:200], y[:200]).coef_, rtol=1e-6, atol=1e-8
    )
    assert violation(X[:200], y[:200], left.coef_, 0.05, 1.0) < 1e-7


def test_rows_of_files(tmp_path: Any) -> None:
    X, y = rows(5000, 12)
    np.save(tmp_path / "rows.npy", np.c_[X, y])
    blocks = esker.open_blocks(tmp_path / "rows.npy", target=12, block_size=256 * 13 * 8)
    streamed = ElasticNet(0.05, tol=1e-10).fit(blocks)
    np.testing.assert_allclose(
        streamed.coef_, ElasticNet(0.05, tol=1e-10).fit(X, y).coef_, rtol=1e-9, atol=1e-12
    )
    alphas, coefs, _ = enet_path(blocks, alphas=5)
    np.testing.assert_allclose(coefs, enet_path(X, y, alphas=5)[1], rtol=1e-8, atol=1e-10)
    assert len(alphas) == 5


def test_too_wide_is_refused_before_reading() -> None:
    X = sparse.csr_array((3, 10**7))
    with pytest.raises(ValueError, match=r"X'X of 10000000 columns .*SGDRegressor"):
        Lasso().fit(X, np.zeros(3))
    with pytest.raises(ValueError, match="SGDRegressor"):
        Lasso(max_memory="1MB").fit(np.zeros((4, 1000)), np.zeros(4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1}, "alpha must be a number of at least 0"),
        ({"l1_ratio": 1.5}, "l1_ratio must be a number in"),
        ({"max_iter": 0}, "max_iter must be an integer of at least 1"),
        ({"tol": -1}, "tol must be a number of at least 0"),
        ({"selection": "none"}, "selection must be one of"),
        ({"precompute": np.eye(2)}, "precompute as an array is not taken"),
        ({"precompute": "auto"}, "precompute must be True or False"),
        ({"positive": 1}, "positive must be True or False"),
        ({"random_state": "x"}, "cannot be used to seed"),
    ],
)
def test_parameters(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ElasticNet(**options).fit([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0])


def test_saved_and_handed_over(tmp_path: Any) -> None:
    X, y = rows(100, 5)
    model = ElasticNet(0.1, l1_ratio=0.7).fit(X, y)
    twin = model.to_sklearn()
    assert type(twin) is sklearn.linear_model.ElasticNet
    assert twin.l1_ratio == 0.7
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    assert type(Lasso().fit(X, y).to_sklearn()) is sklearn.linear_model.Lasso
    esker.save(model, tmp_path / "model")
    np.testing.assert_array_equal(esker.load(tmp_path / "model").predict(X), model.predict(X))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 12),
    d=st.integers(1, 8),
    seed=st.integers(0, 2**16),
    ratio=st.sampled_from([0.0, 0.3, 1.0]),
    alpha=st.sampled_from([1e-3, 0.1, 10.0]),
    positive=st.booleans(),
    fit_intercept=st.booleans(),
)
def test_small_shapes(
    n: int, d: int, seed: int, ratio: float, alpha: float, positive: bool, fit_intercept: bool
) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.integers(-2, 3, (n, d)).astype(float), rng.integers(-2, 3, n).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = ElasticNet(
            alpha, l1_ratio=ratio, positive=positive, fit_intercept=fit_intercept, tol=1e-12, max_iter=10_000
        ).fit(X, y)
    if np.abs((X - fit_intercept * X.mean(0)).T @ (y - fit_intercept * y.mean())).max() > 0:
        assert (
            violation(X, y, model.coef_, alpha, ratio, positive=positive, fit_intercept=fit_intercept) < 1e-5
        )
    else:
        assert not model.coef_.any()
    assert not positive or (model.coef_ >= 0).all()


def test_paths_are_scikit_learns() -> None:
    X, y = rows(100, 8)
    X, y = X - X.mean(0), y - y.mean()
    for ours, theirs, options in (
        (lasso_path, sklearn.linear_model.lasso_path, {}),
        (enet_path, sklearn.linear_model.enet_path, {"l1_ratio": 0.3}),
        (enet_path, sklearn.linear_model.enet_path, {"alphas": [0.1, 1.0], "positive": True}),
        (enet_path, sklearn.linear_model.enet_path, {"alphas": [0.1], "coef_init": np.ones(8)}),
    ):
        for target in (y, y[:, None]):
            if target.ndim == 2 and len(options) > 1:
                continue  # scikit-learn's multi-task solver has neither
            a, c, g, n = ours(
                X, target, return_n_iter=True, **{"alphas": 10, **options}, tol=1e-12, max_iter=10**5
            )
            a2, c2, g2, n2 = theirs(
                X, target, return_n_iter=True, **{"alphas": 10, **options}, tol=1e-12, max_iter=10**5
            )
            np.testing.assert_allclose(a, a2, rtol=1e-12)
            np.testing.assert_allclose(c, c2, rtol=1e-4, atol=1e-6)
            assert (c.shape, g.shape, len(n)) == (c2.shape, g2.shape, len(n2))
    with pytest.raises(ValueError, match="y must be one target, got 2"):
        enet_path(X, np.c_[y, y])
    with pytest.raises(ValueError, match="Xy is not taken"):
        lasso_path(X, y, Xy=X.T @ y)
    with pytest.raises(ValueError, match="unexpected parameters"):
        lasso_path(X, y, n_targets=3)
    with pytest.warns(FutureWarning, match="n_alphas is deprecated"):
        assert len(lasso_path(X, y, n_alphas=7)[0]) == 7


def test_columns_that_jump_together_are_exact_or_told() -> None:
    """float32 rows: a step in a panel that no one looked at was off by 0.2; a few rows far away are more than their sums keep."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((60_000, 6))
    w = np.array([1.0, -1.0, 0.5, -0.5, 0.0, 0.0])
    y = Z @ w + 0.1 * rng.standard_normal(len(Z))
    options: dict[str, Any] = {"tol": 1e-12, "max_iter": 10**5}
    step = np.zeros((len(Z), 1))
    step[40 * 512 + 256 :] = 1e4
    X = (Z + step).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LinAlgWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = Lasso(0.01, **options).fit(X, y).coef_
        np.testing.assert_allclose(found, Lasso(0.01, **options).fit(X.astype(float), y).coef_, atol=2e-6)
        Lasso(0.01, **options).fit(Z.astype(np.float32), y)  # silent
        Lasso(0.01, **options).fit((Z + 1e4).astype(np.float32), y)
    Z[40 * 512 + 200 : 40 * 512 + 203] += 1e4
    learners: tuple[Any, ...] = (
        lambda X: Lasso(0.01).fit(X, y),
        lambda X: LassoCV(alphas=[0.01], cv=3).fit(X, y),
        lambda X: lasso_path(X, y, alphas=[0.01]),
    )
    for learn in learners:
        with pytest.warns(LinAlgWarning, match="vary together .* give X in float64"):
            learn(Z.astype(np.float32))
        with warnings.catch_warnings():
            warnings.simplefilter("error", LinAlgWarning)
            learn(Z.astype(np.float32).astype(np.float64))

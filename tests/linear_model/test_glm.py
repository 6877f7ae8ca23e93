"""Generalized linear models: the minimum that scikit-learn finds at a tight tolerance, for any storage, weights and source."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.datasets
import sklearn.linear_model
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker import open_blocks
from esker.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor

#: (esker's, parameters)
MODELS: list[tuple[Any, dict[str, Any]]] = [
    (PoissonRegressor, {}),
    (GammaRegressor, {}),
    (TweedieRegressor, {}),
    (TweedieRegressor, {"power": 1.0}),
    (TweedieRegressor, {"power": 1.5}),
    (TweedieRegressor, {"power": 2, "link": "log"}),
    (TweedieRegressor, {"power": 2.5}),
]
NAMES = [f"{model.__name__}{list(params.values())}" for model, params in MODELS]
each = pytest.mark.parametrize(("model", "params"), MODELS, ids=NAMES)


def problem(
    model: Any,
    params: dict[str, Any],
    n: int = 500,
    d: int = 6,
    seed: int = 0,
    dtype: Any = np.float64,
    sparse: bool = False,
) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) @ (np.eye(d) + 0.5 * rng.standard_normal((d, d)) / np.sqrt(d))
    X = X * 10.0 ** rng.uniform(-0.5, 0.5, d) + rng.standard_normal(d)
    if sparse:
        X = X * (rng.random((n, d)) < 0.4)
    scores = ((X - X.mean(axis=0)) / X.std(axis=0)) @ rng.standard_normal(d) / np.sqrt(d) + 1.0
    power = {PoissonRegressor: 1.0, GammaRegressor: 2.0}.get(model, params.get("power", 0.0))
    if power == 0:
        y = scores + rng.standard_normal(n)
    elif power < 2:
        y = rng.poisson(np.exp(scores)) * (1.0 if power == 1 else rng.gamma(2.0, 0.5, n))
    else:
        y = np.exp(scores) * rng.gamma(3.0, 1 / 3, n)
    X = X.astype(dtype)
    return (sp.csr_array(X) if sparse else X), y


def reference(model: Any, X: Any, y: np.ndarray, weight: Any = None, **params: Any) -> Any:
    theirs = getattr(sklearn.linear_model, model.__name__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return theirs(solver="newton-cholesky", tol=1e-10, max_iter=1000, **params).fit(
            X.astype(np.float64), y, weight
        )


@each
@pytest.mark.parametrize("solver", ["auto", "lbfgs"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_minimum_is_scikit_learns(
    model: Any, params: dict[str, Any], solver: str, fit_intercept: bool, sparse: bool, dtype: Any
) -> None:
    X, y = problem(model, params, dtype=dtype, sparse=sparse)
    options = {"alpha": 0.02, "fit_intercept": fit_intercept, **params}
    found = model(tol=1e-8, solver=solver, max_iter=1000, **options).fit(X, y)
    wanted = reference(model, X, y, **options)
    assert found.converged_
    assert found.coef_.dtype == dtype
    near = {"rtol": 1e-6, "atol": 1e-7} if dtype == np.float64 else {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(found.coef_, wanted.coef_, **near)
    assert found.intercept_ == pytest.approx(wanted.intercept_, rel=1e-6, abs=1e-7)
    np.testing.assert_allclose(found.predict(X), wanted.predict(X.astype(np.float64)), rtol=1e-4)
    assert found.score(X, y) == pytest.approx(wanted.score(X.astype(np.float64), y), abs=1e-6)


@each
@pytest.mark.parametrize("alpha", [0.0, 1e-4, 1.0])
def test_samples_weights_and_penalties(model: Any, params: dict[str, Any], alpha: float) -> None:
    """So many rows that samples are learned from first."""
    X, y = problem(model, params, n=30000, seed=1)
    weight = np.random.default_rng(2).integers(0, 3, len(y)).astype(float)
    found = model(alpha=alpha, tol=1e-8, max_iter=300, **params).fit(X, y, sample_weight=weight)
    wanted = reference(model, X, y, weight, alpha=alpha, **params)
    assert found.converged_
    assert found.n_passes_ < 30
    np.testing.assert_allclose(found.coef_, wanted.coef_, rtol=1e-5, atol=1e-6)
    assert found.score(X, y, weight) == pytest.approx(wanted.score(X, y, weight), abs=1e-8)


@each
def test_certificate_is_true(model: Any, params: dict[str, Any]) -> None:
    """gradient_norm_ is that of scikit-learn's objective at what was found, by NumPy."""
    X, y = problem(model, params, seed=3)
    found = model(alpha=0.1, **params).fit(X, y)
    power = found._loss().power
    mean = found.predict(X)
    slope = (mean - y) * (mean ** (1 - power) if power else 1.0) / len(y)
    norm = max(np.abs(X.T @ slope + 0.1 * found.coef_).max(), abs(slope.sum()))
    assert found.gradient_norm_ == pytest.approx(norm, rel=1e-6, abs=1e-11)
    assert norm <= 1e-4


@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_give_the_same(tmp_path: Path, sparse: bool) -> None:
    X, y = problem(PoissonRegressor, {}, n=9000, seed=4, sparse=sparse)
    if sparse:
        path = tmp_path / "rows.svm"
        sklearn.datasets.dump_svmlight_file(sp.csr_matrix(X), y, str(path), zero_based=True)
        blocks = open_blocks(path, zero_based=True)
    else:
        path = tmp_path / "rows.npy"
        np.save(path, np.column_stack([X, y]))
        blocks = open_blocks(path, target=X.shape[1])
    model = PoissonRegressor(alpha=1e-3, tol=1e-8).fit(blocks)
    whole = PoissonRegressor(alpha=1e-3, tol=1e-8).fit(X, y)
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model.predict(blocks), whole.predict(X), rtol=1e-5)
    assert model.score(blocks) == pytest.approx(whole.score(X, y), abs=1e-8)


@each
def test_saved_and_given_to_scikit_learn(model: Any, params: dict[str, Any], tmp_path: Path) -> None:
    X, y = problem(model, params, seed=5)
    found = model(**params).fit(X, y)
    esker.save(found, tmp_path / "model")
    np.testing.assert_array_equal(esker.load(tmp_path / "model").predict(X), found.predict(X))
    np.testing.assert_allclose(found.to_sklearn().predict(X), found.predict(X), rtol=1e-12)


def test_warm_start_goes_on() -> None:
    X, y = problem(PoissonRegressor, {}, n=5000, seed=6)
    model = PoissonRegressor(warm_start=True, alpha=1e-3).fit(X, y)
    coef, once = model.coef_.copy(), model.n_iter_
    model.fit(X, y)
    assert model.n_iter_ <= 1 <= once
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-2)
    with pytest.raises(ValueError, match="warm_start=True goes on with"):
        model.fit(X[:, :3], y)


def test_hard_starts() -> None:
    """Rates that differ by e^30, no event at all, and huge counts: no overflow on the way is fatal."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((3000, 2)) * 5
    y = rng.poisson(np.exp(X @ [1.0, 0.1])).astype(float)
    found = PoissonRegressor(alpha=1e-6, max_iter=500, tol=1e-3).fit(X, y)
    assert found.converged_
    np.testing.assert_allclose(found.coef_, [1.0, 0.1], atol=1e-2)
    assert found.score(X, y) > 0.99
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        none = PoissonRegressor().fit(X, np.zeros(len(y)))
    assert none.predict(X).max() < 1e-3
    many = PoissonRegressor(alpha=0.0, tol=1e-2).fit(X / 5, 1e6 * np.exp(X[:, 0] / 5))
    np.testing.assert_allclose(many.coef_, [1.0, 0.0], atol=1e-6)


def test_max_time_keeps_the_best_point() -> None:
    X, y = problem(PoissonRegressor, {}, n=40000, seed=8)
    model = PoissonRegressor(alpha=1e-4, max_time=1e-9).fit(X, y)
    assert (model.stop_reason_, model.converged_, model.n_iter_) == ("time", False, 0)
    assert model.score(X, y) > 0.5 * PoissonRegressor(alpha=1e-4).fit(X, y).score(X, y)


@pytest.mark.parametrize(
    ("model", "params", "y", "words"),
    [
        (PoissonRegressor, {}, -1.0, "y must hold finite numbers of at least 0"),
        (GammaRegressor, {}, 0.0, "y must hold finite numbers above 0"),
        (TweedieRegressor, {"power": 0.5}, 1.0, "power must be 0, or at least 1"),
        (TweedieRegressor, {"power": -1}, 1.0, "power must be 0, or at least 1"),
        (TweedieRegressor, {"power": 1.5, "link": "identity"}, 1.0, "link='identity' with power=1.5"),
        (PoissonRegressor, {"alpha": -1}, 1.0, "alpha must be"),
        (PoissonRegressor, {"solver": "sag"}, 1.0, "solver must be one of"),
        (PoissonRegressor, {"max_iter": 0}, 1.0, "max_iter must be"),
    ],
)
def test_what_is_out_of_range_is_refused(model: Any, params: dict[str, Any], y: float, words: str) -> None:
    X = np.random.default_rng(9).standard_normal((20, 2))
    with pytest.raises(ValueError, match=words):
        model(**params).fit(X, np.append(np.ones(19), y))


def test_every_parameter_of_scikit_learns_is_known() -> None:
    for model, _ in MODELS:
        theirs = set(getattr(sklearn.linear_model, model.__name__)().get_params())
        assert theirs <= set(model().get_params())


@parametrize_with_checks(
    [PoissonRegressor(), GammaRegressor(), TweedieRegressor(), TweedieRegressor(power=1.5)]
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_a_bad_target_is_named_by_row_and_value_where_it_has_weight():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200_000, 3)), rng.poisson(2.0, 200_000) * 1.0
    y[123_456] = -5
    with pytest.raises(ValueError, match=r"finite numbers of at least 0: .*; got -5 in row 123456 "):
        PoissonRegressor().fit(X, y)
    weight = (y >= 0) * 1.0
    model = PoissonRegressor(tol=1e-8).fit(X, y, weight)
    same = PoissonRegressor(tol=1e-8).fit(X[y >= 0], y[y >= 0])
    np.testing.assert_allclose(model.coef_, same.coef_, atol=1e-6)
    assert model.score(X, y, weight) == pytest.approx(same.score(X[y >= 0], y[y >= 0]), abs=1e-9)

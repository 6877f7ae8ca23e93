"""NystroemRidge against KernelRidge, and against a direct solve of the normal equations in float64."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker import open_blocks
from esker.kernel_ridge import NystroemRidge

SOLVERS = ("falkon", "normal")


@parametrize_with_checks([NystroemRidge()])
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)


def problem(n: int = 400, d: int = 4, targets: int = 0, dtype: Any = np.float64, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)).astype(dtype)
    y = np.sin(2 * X[:, 0]) + X[:, -1] ** 2 + 3 + 0.1 * rng.standard_normal(n)
    return X, (y if not targets else np.column_stack([y * (t + 1) + X[:, 0] * t for t in range(targets)]))


def oracle(model: Any, X: Any, y: Any, Xt: Any, weight: Any = None, **kernel: Any) -> Any:
    """Predictions of the minimum over the model's own landmarks, by least squares on stacked rows."""
    X, Z, Xt = X.astype(np.float64), model.components_.astype(np.float64), Xt.astype(np.float64)
    K, Kt = (pairwise_kernels(A, Z, filter_params=True, **kernel) for A in (X, Xt))
    w = np.ones(len(X)) if weight is None else weight
    mean, level = (w @ K / w.sum(), w @ y / w.sum()) if model.fit_intercept else (np.zeros(len(Z)), 0 * y[0])
    values, vectors = np.linalg.eigh(pairwise_kernels(Z, Z, filter_params=True, **kernel))
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    A = np.vstack([np.sqrt(w)[:, None] * (K - mean), np.sqrt(model.alpha) * root])
    b = np.concatenate([(np.sqrt(w) * (y - level).T).T, np.zeros((len(Z), *y.shape[1:]))])
    return (Kt - mean) @ np.linalg.lstsq(A, b, rcond=1e-14)[0] + level


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kernel", ["rbf", "laplacian", "linear", "poly", "polynomial"])
def test_all_rows_are_kernel_ridge(solver: str, kernel: str) -> None:
    X, y = problem(150)
    more = {} if kernel == "linear" else {"gamma": 0.4}
    more |= {"degree": 2, "coef0": 0.5} if kernel.startswith("poly") else {}
    model = NystroemRidge(
        0.1, kernel=kernel, n_components=150, fit_intercept=False, solver=solver, tol=1e-9, **more
    )
    theirs = KernelRidge(alpha=0.1, kernel=kernel, **more).fit(X, y)
    Xt = problem(60, seed=1)[0]
    np.testing.assert_allclose(model.fit(X, y).predict(Xt), theirs.predict(Xt), atol=2e-6)
    np.testing.assert_array_equal(model.component_indices_, np.arange(150))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("targets", [0, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_against_least_squares(solver: str, intercept: bool, targets: int, weighted: bool) -> None:
    X, y = problem(600, targets=targets)
    w = np.random.default_rng(2).integers(0, 4, 600).astype(float) if weighted else None
    model = NystroemRidge(
        0.05, n_components=60, gamma=0.3, fit_intercept=intercept, solver=solver, tol=1e-10, random_state=0
    ).fit(X, y, w)
    assert model.plan_["solver"] == solver
    assert model.dual_coef_.shape == ((60, targets) if targets else (60,))
    Xt = problem(80, seed=1)[0]
    truth = oracle(model, X, y, Xt, w, metric="rbf", gamma=0.3)
    np.testing.assert_allclose(model.predict(Xt), truth, atol=1e-5)
    if weighted:
        assert (w[model.component_indices_] > 0).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_float32_with_large_means(solver: str) -> None:
    X, y = problem(800, dtype=np.float32)
    far = X + np.float32(1000)
    model = NystroemRidge(0.1, n_components=80, gamma=0.2, solver=solver, tol=1e-6, random_state=0).fit(
        far, y
    )
    assert model.plan_["precision"] == "float32"
    Xt = problem(90, seed=1, dtype=np.float32)[0] + np.float32(1000)
    found = model.predict(Xt)
    assert found.dtype == np.float32
    truth = oracle(model, far, y, Xt, metric="rbf", gamma=0.2)
    assert np.abs(found - truth).max() < 2e-2 * np.ptp(truth)
    assert np.sqrt(np.mean((found - truth) ** 2)) < 4e-3 * np.ptp(truth)


def test_float32_is_widened_where_it_would_cost_digits() -> None:
    X, y = problem(300, dtype=np.float32)
    model = NystroemRidge(0.1, n_components=50, gamma=100.0, random_state=0).fit(X, y)
    assert model.plan_["precision"] == "float64"
    np.testing.assert_allclose(
        model.predict(X), oracle(model, X, y, X, metric="rbf", gamma=100.0), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", [0.0, 1e-10, 1.0])
def test_duplicates_among_landmarks(solver: str, dtype: Any, alpha: float) -> None:
    X, y = problem(100, dtype=dtype)
    X, y = np.repeat(X, 4, axis=0), np.repeat(y, 4)
    model = NystroemRidge(alpha, n_components=300, gamma=0.05, solver=solver, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    assert len(np.unique(model.components_, axis=0)) < 300
    assert model.score(X, y) > 0.8
    assert np.isfinite(model.dual_coef_).all()


def test_weights_are_repeated_rows() -> None:
    X, y = problem(120)
    w = np.random.default_rng(0).integers(0, 4, 120)
    kept = {"n_components": 1000, "alpha": 0.1, "gamma": 0.3, "tol": 1e-10}
    Xt = problem(50, seed=1)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = NystroemRidge(**kept).fit(X, y, w).predict(Xt)
        repeated = NystroemRidge(**kept).fit(np.repeat(X, w, axis=0), np.repeat(y, w)).predict(Xt)
        scaled = NystroemRidge(**{**kept, "alpha": 1e8}).fit(X, y, w * 1e9).predict(Xt)
    np.testing.assert_allclose(found, repeated, atol=1e-6)
    np.testing.assert_allclose(found, scaled, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_blocks_are_arrays(solver: str, tmp_path: Path) -> None:
    X, y = problem(5000, dtype=np.float32)
    np.save(tmp_path / "rows.npy", np.column_stack([X, y.astype(np.float32)]))
    blocks = open_blocks(tmp_path / "rows.npy", target=4, max_memory="32MB", block_size="80KB")
    model = NystroemRidge(0.1, n_components=50, solver=solver, random_state=3, tol=1e-5)
    whole = clone(model).fit(X, y.astype(np.float32))
    streamed = clone(model).fit(blocks)
    np.testing.assert_array_equal(whole.components_, streamed.components_)
    np.testing.assert_array_equal(whole.component_indices_, streamed.component_indices_)
    np.testing.assert_allclose(streamed.predict(blocks), whole.predict(X), atol=1e-2)
    assert streamed.score(blocks) == pytest.approx(whole.score(X, y), abs=1e-3)
    walks = 2 if solver == "normal" else 2 + streamed.n_iter_
    assert streamed.plan_["passes"] == walks
    streamed.predict(blocks, out=tmp_path / "p.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), streamed.predict(blocks))


def test_sparse_rows_are_dense_ones() -> None:
    X, y = problem(500, d=30)
    X[np.abs(X) < 1] = 0
    model = NystroemRidge(0.1, n_components=40, random_state=0, tol=1e-8)
    dense, rows = clone(model).fit(X, y), clone(model).fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(rows.predict(sparse.csr_matrix(X)), dense.predict(X), atol=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_bits_for_any_number_of_threads(solver: str) -> None:
    X, y = problem(3000, dtype=np.float32)
    model = NystroemRidge(0.1, n_components=60, random_state=0, solver=solver)
    found = [clone(model).set_params(n_threads=n).fit(X, y) for n in (1, 2, 4)]
    for other in found[1:]:
        np.testing.assert_array_equal(other.dual_coef_, found[0].dual_coef_)
        np.testing.assert_array_equal(other.predict(X), found[0].predict(X))


def test_more_landmarks_than_rows_are_all_rows() -> None:
    X, y = problem(30)
    with pytest.warns(UserWarning, match="n_components=31 is more than the 30 rows"):
        model = NystroemRidge(n_components=31).fit(X, y)
    assert model.components_.shape == (30, 4)


def test_landmarks_are_a_uniform_sample() -> None:
    X, y = np.arange(200.0)[:, None], np.zeros(200)
    counts = np.zeros(200)
    for seed in range(200):
        counts[NystroemRidge(n_components=50, random_state=seed, gamma=1.0).fit(X, y).component_indices_] += 1
    assert abs(counts.mean() - 50) < 1e-9
    assert ((counts - 50) ** 2).sum() / (50 * 0.75) < 200 + 5 * 20  # about chi-squared


def test_saves_and_pickles(tmp_path: Path) -> None:
    X, y = problem(200, targets=2)
    model = NystroemRidge(n_components=20, random_state=0).fit(X, y)
    esker.save(model, tmp_path / "model.esker")
    for again in (esker.load(tmp_path / "model.esker"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_to_sklearn() -> None:
    X, y = problem(200, targets=2)
    for kernel in ("rbf", "poly"):
        model = NystroemRidge(n_components=20, random_state=0, kernel=kernel, alpha=10).fit(X, y)
        np.testing.assert_allclose(model.to_sklearn().predict(X), model.predict(X), rtol=1e-6, atol=1e-8)


def test_small_ones() -> None:
    one = NystroemRidge().fit([[1.0]], [2.0])
    assert one.predict([[5.0]]).tolist() == [2.0]
    line = np.linspace(0, 1, 40)[:, None]
    assert NystroemRidge(1e-6, gamma=5.0).fit(line, line.ravel()).score(line, line.ravel()) > 0.999
    flat = NystroemRidge().fit(line, np.full(40, 7.0))
    np.testing.assert_array_equal(flat.predict(line), np.full(40, 7.0))
    zeros = NystroemRidge(kernel="linear").fit(np.zeros((9, 3)), np.arange(9.0))
    np.testing.assert_allclose(zeros.predict(np.zeros((2, 3))), [4, 4])


def test_it_says_when_it_did_not_converge() -> None:
    X, y = problem(2000, d=6)
    model = NystroemRidge(1e-6, n_components=100, solver="falkon", max_iter=2, tol=1e-8, random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        model.fit(X, y)
    assert model.stop_reason_ == "max_iter"
    assert len(model.history_) == model.n_iter_ == 2
    for solver in ("falkon", "normal"):
        late = NystroemRidge(n_components=100, solver=solver, max_time=0, random_state=0).fit(X, y)
        assert (late.stop_reason_, late.n_iter_) == ("time", 0)
        assert np.isfinite(late.predict(X)).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"alpha": -1}, "alpha must be"),
        ({"gamma": 0}, "gamma must be"),
        ({"gamma": -0.5}, "gamma must be"),
        ({"n_components": 0}, "n_components must be"),
        ({"n_components": 2.5}, "n_components must be"),
        ({"kernel": "sigmoid"}, "positive semidefinite"),
        ({"kernel": "precomputed"}, "kernel must be one of"),
        ({"kernel": np.dot}, "kernel must be one of"),
        ({"kernel": "nothing"}, "kernel must be one of"),
        ({"kernel": "linear", "gamma": 1.0}, "gamma has no effect"),
        ({"degree": 2}, "no effect with 'rbf'"),
        ({"kernel": "poly", "degree": 2.5}, "degree must be"),
        ({"kernel": "poly", "coef0": -1}, "coef0 must be"),
        ({"kernel_params": {}}, "kernel_params"),
        ({"tol": 0}, "tol must be"),
        ({"max_iter": 0}, "max_iter must be"),
        ({"solver": "svd"}, "solver must be"),
        ({"max_time": -1}, "max_time must be"),
        ({"max_memory": "1 MB"}, "max_memory"),
    ],
)
def test_bad_parameters(wrong: dict[str, Any], message: str) -> None:
    X, y = problem(2000)
    model = NystroemRidge(n_components=500)
    with pytest.raises(ValueError, match=message):
        model.set_params(**wrong).fit(X, y)
    assert not hasattr(model, "dual_coef_")


def test_bad_rows() -> None:
    X, y = problem(50)
    with pytest.raises(ValueError, match="NaN"):
        NystroemRidge().fit(np.where(X > 1, np.nan, X), y)
    with pytest.raises(ValueError, match="weight"):
        NystroemRidge().fit(X, y, np.zeros(50))
    with pytest.raises(ValueError, match="features"):
        NystroemRidge(n_components=9).fit(X, y).predict(X[:, :2])


@pytest.mark.parametrize("solver", ["auto", "normal"])
def test_normal_equations_that_lost_their_digits_are_not_believed(solver: str) -> None:
    X = np.linspace(0, 6, 400)[:, None]
    y = np.sin(X[:, 0])
    model = NystroemRidge(alpha=1e-3, n_components=30, random_state=0, solver=solver).fit(X, y)
    assert model.stop_reason_ == "converged"
    assert model.history_[-1] <= model.tol
    assert model.plan_["solver"] == "falkon"
    assert "digits" in model.plan_["why"]
    assert model.score(X, y) > 0.9999

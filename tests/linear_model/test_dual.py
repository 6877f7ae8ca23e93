"""Ridge with fewer rows than columns: the kernel matrix against long double, solutions against singular values of the rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, sparse
from scipy.linalg import LinAlgWarning

from esker import open_blocks
from esker._native import core, threads
from esker.linear_model import Ridge
from esker.linear_model._dual import dual_bytes, solve_dual

LONG = np.longdouble


def stored(X: np.ndarray, storage: str) -> Any:
    if storage == "dense":
        return X
    rows = sparse.csr_array(X)
    if storage == "csr64":
        rows.indices, rows.indptr = rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
    return rows


def raw(X: Any) -> Any:
    return X if isinstance(X, np.ndarray) else (X.data, X.indices, X.indptr, X.shape[1])


def wide_rows(n: int, d: int, dtype: Any, storage: str, offset: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    X[:, ::2] += offset
    if storage != "dense":
        # Columns of every fill, from empty to full.
        X *= rng.random((n, d)) < np.linspace(0, 1.2, d)[rng.permutation(d)]
    return X.astype(dtype)


def oracle(
    X: np.ndarray, y: np.ndarray, alpha: float, weight: np.ndarray | None = None, centred: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Minimum-norm solution by singular values of the centred, weighted rows."""
    w = np.ones(len(X), LONG) if weight is None else weight.astype(LONG)
    mean = (w @ X.astype(LONG) / w.sum()) if centred else np.zeros(X.shape[1], LONG)
    mean_y = (w @ y.astype(LONG) / w.sum()) if centred else np.zeros(y.shape[1], LONG)
    Z = np.sqrt(w)[:, None] * (X.astype(LONG) - mean)
    t = np.sqrt(w)[:, None] * (y.astype(LONG) - mean_y)
    U, s, Vt = linalg.svd(Z.astype(np.float64), full_matrices=False)
    kept = s > 1e-13 * max(X.shape) * s[0]
    coef = ((U.T @ t.astype(np.float64)).T * np.where(kept, s / np.where(kept, s**2 + alpha, 1), 0)) @ Vt
    return coef, np.asarray(mean_y - mean @ coef.T.astype(LONG), dtype=np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("storage", ["dense", "csr", "csr64"])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_products_are_those_of_long_double(dtype: Any, storage: str, offset: float) -> None:
    rng = np.random.default_rng(1)
    for n, d in ((1, 5), (7, 300), (50, 260), (300, 700)):
        X = wide_rows(n, d, dtype, storage, offset)
        weight = rng.uniform(0.5, 3, n) * (rng.random(n) > 0.1) + 1e-3
        for centred in (True, False):
            if offset and not centred:
                continue
            K = core.KernelMatrix(raw(stored(X, storage)), weight, centred)
            mean = weight @ X.astype(LONG) / LONG(weight.sum()) if centred else np.zeros(d, LONG)
            Z = X.astype(LONG) - mean
            assert np.abs(K.mean - mean).max() <= 1e-12 * (1 + offset * 1e-3)
            R = np.sqrt(weight.astype(LONG))[:, None] * Z
            expected = R @ R.T
            scale = np.sqrt(np.maximum(expected.diagonal(), 1e-30))
            for wide in (False, True):
                K.multiply(wide)
                bound = 3e-6 if dtype == np.float32 and not wide else 1e-13 if offset == 0 else 1e-10
                if n > 1 or not centred:
                    assert np.abs((K.full() - expected) / np.outer(scale, scale)).max() <= bound
            for targets in (1, 3, 7):
                w, u = rng.standard_normal((targets, d)), rng.standard_normal((n, targets))
                size = 1e-13 if offset == 0 else 1e-10
                np.testing.assert_allclose(K.forth(w), np.asarray(Z @ w.T, float), rtol=1e-9, atol=size * d)
                np.testing.assert_allclose(K.back(u), np.asarray(u.T @ Z, float), rtol=1e-9, atol=size * n)


def test_same_bits_for_any_number_of_threads() -> None:
    for n, d in ((100, 900), (400, 900)):
        for storage in ("dense", "csr"):
            X = wide_rows(n, d, np.float32, storage, 0.0)
            found = set()
            for count in (1, 2, 4):
                with threads(count):
                    K = core.KernelMatrix(raw(stored(X, storage)), None, True)
                    K.multiply(False)
                    found.add(K.full().tobytes() + K.mean.tobytes() + K.back(np.ones((n, 2))).tobytes())
            assert len(found) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("storage", ["dense", "csr"])
@pytest.mark.parametrize("offset", [0.0, 100.0, 1e4])
@pytest.mark.parametrize("targets", [1, 70])
def test_coefficients_are_those_of_singular_values(
    dtype: Any, storage: str, offset: float, targets: int
) -> None:
    X = wide_rows(60, 400, dtype, storage, offset)
    rng = np.random.default_rng(2)
    y = rng.standard_normal((60, targets)) + 3
    weight = rng.uniform(0.1, 2, 60)
    for alpha in (0.0, 1e-6, 1.0):
        model = Ridge(alpha).fit(stored(X, storage), y, sample_weight=weight)
        coef, _ = oracle(X, y, alpha, weight)
        error = np.linalg.norm(np.atleast_2d(model.coef_) - coef) / np.linalg.norm(coef)
        assert error < (2e-7 if dtype == np.float32 else 1e-10)
        assert model.solver_ == "dual"
        if alpha and (storage == "dense" or not offset):  # zeros beside 1e4: rounded coefficients cost more
            assert model.suboptimality_ < (1e-3 if alpha < 1 else 1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bound_on_the_gap_holds_and_is_near(dtype: Any) -> None:
    X = wide_rows(80, 500, dtype, "dense", 10.0)
    y = np.random.default_rng(3).standard_normal((80, 1))
    Z, t = X.astype(float) - X.mean(axis=0, dtype=float), y - y.mean()
    for alpha in (1e-2, 1.0, 1e3):
        model = Ridge(alpha).fit(X, y)
        best = oracle(X, y, alpha)[0][0]
        e = model.coef_.astype(float) - best
        lowest = float(((t[:, 0] - Z @ best) ** 2).sum() + alpha * best @ best)
        gap = float(((Z @ e) ** 2).sum() + alpha * e @ e) / lowest
        assert gap <= model.suboptimality_ * (1 + 1e-6) + 1e-28
        assert model.suboptimality_ < 1e-9 if dtype == np.float32 else model.suboptimality_ < 1e-20


def test_weights_over_many_decades() -> None:
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((40, 120)) + 5, rng.standard_normal((40, 1))
    weight = np.logspace(-12, 12, 40)[rng.permutation(40)]
    model = Ridge(1.0).fit(X, y, sample_weight=weight)
    # With one centre, the problem is that of rows and y multiplied by the roots.
    coef, intercept = oracle(X, y, 1.0, weight)
    left = y[:, 0] - X @ model.coef_ - model.intercept_
    best = y[:, 0] - X @ coef[0] - intercept[0]
    ours = float(weight @ left**2 + model.coef_ @ model.coef_)
    assert ours <= float(weight @ best**2 + coef[0] @ coef[0]) * (1 + 1e-9)


def test_singular_rows_get_the_minimum_norm_and_a_warning() -> None:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((30, 90))
    X[20:] = X[:10]
    y = rng.standard_normal((30, 1))
    with pytest.warns(LinAlgWarning, match="rank 19 of 29"):
        model = Ridge(0.0).fit(X, y)
    coef, _ = oracle(X, y, 0.0)
    np.testing.assert_allclose(model.coef_, coef[0], rtol=1e-8, atol=1e-11)
    assert model.solver_ == "svd"
    block = open_blocks(X, target=y).take_all()
    with pytest.warns(LinAlgWarning, match="rank 19 of 29"):
        found, _ = solve_dual(
            block, 0.0, room=32 * 30**2
        )  # the rows' copies have no room, K's eigenvectors do
    assert found.solver == "eigen"
    np.testing.assert_allclose(found.coef, coef, rtol=1e-8, atol=1e-11)
    with pytest.raises(ValueError, match="grant more memory"):
        solve_dual(block, 0.0, room=1000)


def test_an_ill_conditioned_float32_problem_is_multiplied_in_float64() -> None:
    rng = np.random.default_rng(6)
    U, V = (
        linalg.qr(rng.standard_normal((50, 50)))[0],
        linalg.qr(rng.standard_normal((300, 50)), mode="economic")[0],
    )
    X = ((U * np.logspace(0, -3.5, 50)) @ V.T).astype(np.float32)
    y = rng.standard_normal((50, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Ridge(0.0, fit_intercept=False).fit(X, y)
    coef, _ = oracle(X, y, 0.0, centred=False)
    assert np.linalg.norm(model.coef_ - coef[0]) <= 1e-6 * np.linalg.norm(coef)


def test_one_row_and_as_many_rows_as_columns() -> None:
    one = Ridge(0.5).fit([[1.0, 2.0, 3.0]], [4.0])
    assert one.coef_.tolist() == [0.0, 0.0, 0.0]
    assert one.intercept_ == 4.0
    origin = Ridge(1.0, fit_intercept=False).fit([[1.0, 2.0, 2.0]], [5.0])
    np.testing.assert_allclose(origin.coef_, np.array([1.0, 2.0, 2.0]) * 0.5, rtol=1e-14)
    rng = np.random.default_rng(7)
    X, y = rng.standard_normal((40, 40)), rng.standard_normal((40, 1))
    square, more = Ridge(0.1).fit(X, y), Ridge(0.1).fit(np.hstack([X, np.zeros((40, 1))]), y)
    assert (square.solver_, more.solver_) == ("cholesky", "dual")
    np.testing.assert_allclose(square.coef_, more.coef_[:-1], rtol=1e-10)


def test_many_columns_are_never_filled_in() -> None:
    rng = np.random.default_rng(8)
    X = sparse.random_array((50, 2_000_000), density=1e-5, format="csr", rng=rng)
    y = rng.standard_normal(50)
    model = Ridge(0.1).fit(X, y)
    assert model.solver_ == "dual"
    seen = np.unique(X.indices)
    few = Ridge(0.1).fit(X[:, seen].toarray(), y)
    np.testing.assert_allclose(model.coef_[seen], few.coef_, rtol=1e-9, atol=1e-14)
    assert np.count_nonzero(model.coef_) == np.count_nonzero(few.coef_)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 9), more=st.integers(1, 12), targets=st.integers(1, 6), seed=st.integers(0, 10**6),
    density=st.sampled_from([0.1, 0.5, 1.0]), dtype=st.sampled_from([np.float32, np.float64]),
    intercept=st.booleans(), alpha=st.sampled_from([1e-3, 1.0, 1e6]),
)  # fmt: skip
def test_small_shapes(
    n: int, more: int, targets: int, seed: int, density: float, dtype: Any, intercept: bool, alpha: float
) -> None:
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((n, n + more)) * (rng.random((n, n + more)) < density)).astype(dtype)
    y, weight = rng.standard_normal((n, targets)), rng.uniform(0, 2, n) + 1e-2
    rows = sparse.csr_array(X) if density < 1 else X
    model = Ridge(alpha, fit_intercept=intercept).fit(rows, y, sample_weight=weight)
    coef, at = oracle(X, y, alpha, weight, intercept)
    bound = 1e-5 if dtype == np.float32 else 1e-9
    assert np.abs(np.atleast_2d(model.coef_) - coef).max() <= bound * max(np.abs(coef).max(), 1e-9)
    assert np.abs(np.ravel(model.intercept_) - at).max() <= bound * (1 + np.abs(at).max())


def test_what_it_takes_of_memory_is_told_before() -> None:
    assert dual_bytes(1000, 10**5, 0) < 60e6
    X, y = np.ones((500, 4000), np.float32), np.ones(500)
    with pytest.raises(ValueError, match="max_memory"):
        Ridge(max_memory="1MB").fit(X, y)

"""Leave-one-out errors against fits that leave the row out: shapes, weights, tiny alphas, leverages near 1, files, threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from tests.linear_model.loo_oracle import left_out

from esker import open_blocks
from esker._native import core
from esker.linear_model import RidgeCV

ALPHAS = [1e-4, 0.1, 10.0]


def data(n: int, d: int, targets: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) + 3
    return X, X @ rng.standard_normal((d, targets)) + rng.standard_normal((n, targets))


def errors_of(X: Any, y: np.ndarray, alphas: Any = ALPHAS, weight: Any = None, **kwargs: Any) -> np.ndarray:
    """Signed errors from ``cv_results_``: predictions are stored where there is a scorer."""
    model = RidgeCV(alphas, store_cv_results=True, scoring="neg_mean_squared_error", **kwargs)
    model.fit(X, y, sample_weight=weight)
    return y.reshape(len(y), -1)[:, :, None] - model.cv_results_.reshape(len(y), -1, len(alphas))


def check(found: np.ndarray, true: np.ndarray, rtol: float = 1e-8) -> None:
    """Relative to the size of all rows' errors of an alpha, and to a row's own."""
    size = np.maximum(np.abs(true), np.sqrt(np.mean(true**2, axis=0)))
    assert np.max(np.abs(found - true) / size) < rtol


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("shape", [(60, 7), (40, 40), (12, 30), (31, 30)], ids=str)
def test_errors_are_those_of_fits_without_the_row(
    shape: tuple[int, int], weighted: bool, intercept: bool
) -> None:
    X, y = data(*shape, targets=2)
    weight = np.random.default_rng(1).uniform(0.1, 3, len(X)) if weighted else None
    true = left_out(X, y, ALPHAS, weight, intercept)
    check(errors_of(X, y, weight=weight, fit_intercept=intercept), true)
    check(errors_of(sparse.csr_array(X), y, weight=weight, fit_intercept=intercept), true)


@pytest.mark.parametrize("mode", ["auto", "svd"])
@pytest.mark.parametrize("shape", [(60, 7), (20, 50), (51, 50)], ids=str)
def test_tiny_alphas(shape: tuple[int, int], mode: str) -> None:
    """scikit-learn's #4781 and #32459: errors became NaN or grew without bound as alpha went to 0."""
    X, y = data(*shape)
    alphas = [1e-12, 1e-9, 1e-6]
    found = errors_of(X, y, alphas, gcv_mode=mode)
    true = left_out(X, y, alphas)
    assert np.isfinite(found).all()
    check(found, true, 1e-7)


@pytest.mark.parametrize("alpha", [1e-8, 1e-3])
def test_columns_of_unlike_scale(alpha: float) -> None:
    X, y = data(80, 12)
    X = X * np.logspace(0, -5, 12)
    check(errors_of(X, y, [alpha]), left_out(X, y, [alpha]), 1e-7)


def test_duplicated_and_constant_columns() -> None:
    X, y = data(50, 6)
    X = np.hstack([X, X[:, :2], np.full((50, 1), 7.0)])
    alphas = [1e-6, 1.0]
    check(errors_of(X, y, alphas), left_out(X, y, alphas), 1e-7)


def test_a_row_with_a_column_of_its_own() -> None:
    """Its leverage is 1 but for alpha, and leaving it out is leaving the column out."""
    X, y = data(40, 5)
    X = np.hstack([X, np.eye(40)[:, :1]])
    alphas = [1e-8, 1e-3, 1.0]
    check(errors_of(X, y, alphas), left_out(X, y, alphas), 1e-7)


def test_rows_of_weight_zero_are_predicted_by_the_fit_of_the_others() -> None:
    for n, d in ((60, 5), (15, 30)):
        X, y = data(n, d)
        weight = np.ones(n)
        weight[[2, 9]] = 0
        true = left_out(X, y, ALPHAS, weight)
        check(errors_of(X, y, weight=weight), true)
        stored = RidgeCV(ALPHAS, store_cv_results=True).fit(X, y[:, 0], sample_weight=weight).cv_results_
        assert not stored[[2, 9]].any()
        np.testing.assert_allclose(stored, weight[:, None] * true[:, 0] ** 2, rtol=1e-7, atol=1e-12)


def test_float32_rows_lose_nothing() -> None:
    X, y = data(70, 9)
    narrow = X.astype(np.float32)
    model = RidgeCV(ALPHAS, scoring="r2", store_cv_results=True).fit(narrow, y[:, 0])
    assert model.coef_.dtype == model.cv_results_.dtype == np.float32
    true = y[:, 0, None] - left_out(narrow, y, ALPHAS)[:, 0]
    np.testing.assert_allclose(model.cv_results_, true, rtol=3e-7, atol=1e-6)
    exact = np.mean((left_out(narrow, y, ALPHAS) ** 2)[:, 0], axis=0)
    np.testing.assert_allclose(-RidgeCV(ALPHAS).fit(narrow, y[:, 0]).scores_, exact, rtol=1e-9)


def test_blocks_of_files_give_what_arrays_give(tmp_path: Path) -> None:
    X, y = data(9_000, 6)
    np.save(tmp_path / "rows.npy", np.hstack([X, y]))
    stream = open_blocks(tmp_path / "rows.npy", target=6, block_size="256kB")
    assert len(list(stream)) > 1
    here = RidgeCV(ALPHAS, store_cv_results=True).fit(X, y[:, 0])
    there = RidgeCV(ALPHAS, store_cv_results=True).fit(stream)
    assert there.alpha_ == here.alpha_
    np.testing.assert_allclose(there.cv_results_, here.cv_results_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(there.coef_, here.coef_, rtol=1e-10)


def test_few_numbers_a_row() -> None:
    """Sparse rows are rotated number by number; dense ones and filled ones in panels."""
    rng = np.random.default_rng(2)
    X = np.where(rng.random((80, 33)) < 0.08, rng.standard_normal((80, 33)) + 2, 0)
    y = X @ rng.standard_normal((33, 1)) + rng.standard_normal((80, 1))
    true = left_out(X, y, ALPHAS)
    for rows in (X, sparse.csr_array(X), sparse.csc_matrix(X)):
        check(errors_of(rows, y), true)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (700, 300, 3, 7), (500, 513, 1, 20), (97, 5, 2, 3)], ids=str)
def test_kernel_against_numpy_and_for_any_number_of_threads(shape: tuple[int, int, int, int]) -> None:
    n, d, targets, alphas = shape
    rng = np.random.default_rng(5)
    X, y, w = rng.standard_normal((n, d)), rng.standard_normal((n, targets)), rng.uniform(0, 2, n)
    V, mean = rng.standard_normal((d, d)) / d, rng.standard_normal(d)
    shrink, coef = rng.uniform(0, 0.01, (d, alphas)), rng.standard_normal((d, targets * alphas))
    level = rng.standard_normal(targets)
    Z = (X - mean) @ V
    leverage = w[:, None] * (0.01 + (Z * Z) @ shrink)
    true = ((y - level)[:, :, None] - (Z @ coef).reshape(n, targets, alphas)) / (1 - leverage)[:, None, :]
    bits = []
    for threads in (1, 2):
        limit = core.set_thread_limit(threads)
        try:
            walk = core.LeaveOneOut(V, mean, level, shrink, coef, 0.01)
            errors = np.empty((n, targets, alphas))
            walk.update(X, y, w, errors)
        finally:
            core.set_thread_limit(limit)
        np.testing.assert_allclose(errors, true, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(walk.squares, (w[:, None, None] * true**2).sum(axis=0), rtol=1e-11)
        bits.append((errors.tobytes(), walk.squares.tobytes()))
    assert bits[0] == bits[1]


@pytest.mark.parametrize("alpha", [1e-4, 1.0])
def test_sparse_rows_with_far_means_lose_no_digits(alpha: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((18, 18)) + 1e6
    y = (X - 1e6) @ rng.standard_normal(18) + rng.standard_normal(18)
    dense, rows = (RidgeCV([alpha], store_cv_results=True).fit(Z, y) for Z in (X, sparse.csr_array(X)))
    np.testing.assert_allclose(rows.cv_results_, dense.cv_results_, rtol=1e-6)

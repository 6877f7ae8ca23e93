"""ridge_path: every alpha is the fit that Ridge makes of it, and the bound on its objective is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from esker import open_blocks
from esker.linear_model import Ridge, ridge_path

ALPHAS = [0.0, 1e-8, 1e-3, 1.0, 1e4, 1e12]


def data(n: int, d: int, targets: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d)) + 3
    shape = (d,) if not targets else (d, targets)
    return X, X @ rng.standard_normal(shape) + rng.standard_normal((n,) if not targets else (n, targets))


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("targets", [0, 1, 3])
@pytest.mark.parametrize("shape", [(200, 9), (30, 70)], ids=str)
def test_agrees_with_separate_fits(shape: tuple[int, int], targets: int, intercept: bool) -> None:
    X, y = data(*shape, targets)
    weight = np.random.default_rng(1).uniform(0.1, 2, len(X))
    for rows in (X, sparse.csr_array(X)):
        path = ridge_path(rows, y, ALPHAS, fit_intercept=intercept, sample_weight=weight)
        assert path.coefs.shape == ((targets,) if targets else ()) + (shape[1], len(ALPHAS))
        assert path.intercepts.shape == ((targets,) if targets else ()) + (len(ALPHAS),)
        for i, alpha in enumerate(ALPHAS):
            fit = Ridge(alpha, fit_intercept=intercept).fit(X, y, sample_weight=weight)
            size = np.abs(fit.coef_).max()
            np.testing.assert_allclose(
                path.coefs[..., i].reshape(fit.coef_.shape), fit.coef_, rtol=1e-8, atol=1e-9 * size
            )
            np.testing.assert_allclose(
                np.ravel(path.intercepts[..., i]), fit.intercept_, rtol=1e-8, atol=1e-9
            )


def objective(X: np.ndarray, y: np.ndarray, w: np.ndarray, b: float, alpha: float) -> np.longdouble:
    X, y, w = (a.astype(np.longdouble) for a in (X, y, w))
    return np.sum((y - X @ w - b) ** 2) + alpha * np.sum(w**2)


@pytest.mark.parametrize("scale", [0, 4])
@pytest.mark.parametrize("shape", [(200, 12), (30, 70)], ids=str)
def test_the_bound_holds(shape: tuple[int, int], scale: int) -> None:
    X, y = data(*shape)
    X = X * np.logspace(0, -scale, shape[1])
    alphas = [1e-6, 1e-2, 10.0]
    path = ridge_path(X, y, alphas)
    for i, alpha in enumerate(alphas):
        Z, t = (
            np.vstack([X - X.mean(0), np.sqrt(alpha) * np.eye(shape[1])]),
            np.append(y - y.mean(), np.zeros(shape[1])),
        )
        w = np.linalg.lstsq(Z, t, rcond=None)[0]
        best = objective(X, y, w, y.mean() - X.mean(0) @ w, alpha)
        gap = (objective(X, y, path.coefs[:, i], path.intercepts[i], alpha) - best) / best
        assert gap <= path.suboptimality[i] + 1e-13
        assert path.suboptimality[i] < 1e-9


def test_ill_conditioned_columns_come_from_the_rows() -> None:
    X, y = data(300, 10)
    X[:, 1] = X[:, 0] + 1e-7 * X[:, 1]
    path = ridge_path(X, y, [1e-16, 1.0])
    Z = np.vstack([X - X.mean(axis=0), 1e-8 * np.eye(10)])
    true = np.linalg.lstsq(Z, np.append(y - y.mean(), np.zeros(10)), rcond=None)[0]
    np.testing.assert_allclose(path.coefs[:, 0], true, rtol=1e-6, atol=1e-6 * np.abs(true).max())


def test_blocks_are_read_as_arrays_are(tmp_path: Any) -> None:
    X, y = data(6_000, 5)
    np.save(tmp_path / "rows.npy", np.column_stack([X, y]))
    stream = open_blocks(tmp_path / "rows.npy", target=5, block_size="64kB")
    here, there = ridge_path(X, y, ALPHAS), ridge_path(stream, alphas=ALPHAS)
    np.testing.assert_allclose(there.coefs, here.coefs, rtol=1e-9, atol=1e-14)
    once = ridge_path(open_blocks(iter([(X, y)])), alphas=ALPHAS)
    np.testing.assert_allclose(once.coefs, here.coefs, rtol=1e-9, atol=1e-14)


def test_refused() -> None:
    X, y = data(20, 3)
    with pytest.raises(ValueError, match="must be >= 0"):
        ridge_path(X, y, [-1.0])
    with pytest.raises(ValueError, match="at least one number"):
        ridge_path(X, y, [])
    with pytest.raises(ValueError, match="NaN"):
        ridge_path(np.full((5, 2), np.nan), np.ones(5))


@pytest.mark.parametrize("alpha", [1e-6, 1.0])
def test_far_means_without_intercept_cost_no_digits(alpha: float) -> None:
    X, y = data(20, 20)
    X = X + 1e6
    path = ridge_path(X, y, [alpha], fit_intercept=False)
    fit = Ridge(alpha, fit_intercept=False).fit(X, y)
    np.testing.assert_allclose(path.coefs[:, 0], fit.coef_, rtol=1e-6, atol=1e-6 * np.abs(fit.coef_).max())


@pytest.mark.parametrize("shape", [(20, 20), (12, 30), (40, 39)], ids=str)
def test_no_bound_is_given_where_none_is_known(shape: tuple[int, int]) -> None:
    X, y = data(*shape)
    weight = 10.0 ** np.random.default_rng(1).uniform(-8, 8, len(X))
    path = ridge_path(X + 1e6, y, [0.0], sample_weight=weight)
    assert np.isinf(path.suboptimality).all()  # the minimum is 0, or rounding does not tell it from 0
    assert ridge_path(X, np.full(len(y), 3.0), [1.0]).suboptimality[0] == 0


def test_the_bound_counts_the_decomposition() -> None:
    X, y = data(700, 20)
    X[0] *= 1e7
    weight = 10.0 ** np.random.default_rng(1).uniform(-8, 8, len(X))
    path = ridge_path(X, y, [1.0], fit_intercept=False, sample_weight=weight)
    w, c = (
        a.astype(np.longdouble)
        for a in (Ridge(1.0, fit_intercept=False).fit(X, y, weight).coef_, path.coefs[:, 0])
    )
    step, root = c - w, np.sqrt(weight.astype(np.longdouble))
    excess = ((root * (X @ step)) ** 2).sum() + (
        step**2
    ).sum()  # Ridge scales its columns, and loses nothing here
    least = ((root * (y - X @ w)) ** 2).sum() + (w**2).sum()
    assert 1e-25 < excess / least <= path.suboptimality[0]

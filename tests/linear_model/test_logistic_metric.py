"""Metrics: each is the inverse of the Hessian that it says, by finite differences or dense algebra in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from esker._native import core, threads
from esker.blocks import Block
from esker.linear_model._logistic_metric import Newton, Shared, frame
from esker.linear_model._logistic_rows import Objective, weighted_by_curvature


@pytest.mark.parametrize("centred", [True, False])
def test_newton_is_the_inverse_hessian(centred: bool) -> None:
    rng = np.random.default_rng(0)
    n, d, alpha = 500, 6, 0.05
    X, y = rng.standard_normal((n, d)) + 2.0, rng.integers(0, 2, n).astype(float)
    weight = rng.random(n)
    weight /= weight.sum()
    shift = X.mean(axis=0) if centred else np.zeros(d)
    at = 0.3 * rng.standard_normal((1, d + 1))
    at[0, -1] *= centred
    p = expit((X - shift) @ at[0, :-1] + at[0, -1])
    Z = np.column_stack([X - shift, np.ones(n)])
    H = Z.T @ ((weight * p * (1 - p))[:, None] * Z) + alpha * np.diag([1.0] * d + [0.0])
    metric = Newton(weighted_by_curvature(Block(X, y, weight), at, shift), alpha, shift, centred)
    g = rng.standard_normal((1, d + 1))
    if centred:
        np.testing.assert_allclose(metric(g)[0], np.linalg.solve(H, g[0]), rtol=1e-8)
    else:
        np.testing.assert_allclose(metric(g)[0, :-1], np.linalg.solve(H[:d, :d], g[0, :-1]), rtol=1e-8)
        assert metric(g)[0, -1] == 0
    # and H is how the objective's gradient changes
    objective = Objective(lambda: [Block(X, y, weight)], 1.0, shift, alpha, centred)
    step = 1e-5 * rng.standard_normal(at.shape)
    step[0, -1] *= centred
    change = (objective(at + step)[1] - objective(at - step)[1])[0] / 2
    np.testing.assert_allclose(change[:d], (H @ step[0])[:d], rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("centred", [True, False])
def test_of_equal_classes_the_product_is_the_hessian(centred: bool) -> None:
    """At zero all classes are as likely: the Hessian is exactly (I - 1/K) / K times the covariance, plus alpha."""
    rng = np.random.default_rng(1)
    n, d, K, alpha = 400, 5, 4, 0.02
    X, y = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)), rng.integers(0, K, n).astype(float)
    weight = np.full(n, 1 / n)
    shift = X.mean(axis=0) if centred else np.zeros(d)
    zero = np.zeros((K, d + 1))
    block = Block(X, y, weight)
    metric = Shared(frame(block, zero, shift, centred, turn=True), zero, shift, alpha, centred)
    objective = Objective(lambda: [Block(X, y, weight)], 1.0, shift, alpha, centred)
    objective(np.zeros((K, d + 1)))
    np.testing.assert_allclose(objective.curvature, (K - 1) / K**2)
    step = rng.standard_normal((K, d + 1))
    step -= step.mean(axis=0)  # not all classes at once
    step[:, -1] *= centred
    small = 1e-6
    change = (objective(small * step)[1] - objective(-small * step)[1]) / (2 * small)
    # (I - 1/K) / K where the metric has (K - 1) / K^2: of steps that sum to zero, these differ by (K - 1) / K.
    share = (K - 1) / K
    exact = (
        np.linalg.inv((change.shape[0] - 1) / K**2 * np.cov(X.T, bias=True) + alpha * np.eye(d))
        if centred
        else None
    )
    if exact is not None:
        np.testing.assert_allclose(metric(step)[:, :-1], step[:, :-1] @ exact, rtol=1e-8, atol=1e-12)
    back = metric(change)
    assert np.abs(back.sum(axis=0)).max() < 1e-9
    ratio = (back * step).sum() / (step * step).sum()
    assert 0.9 <= ratio * share <= 1.1


@pytest.mark.parametrize(("n", "d"), [(1, 1), (3, 7), (100, 65), (13, 520)])
def test_products_with_a_basis(n: int, d: int) -> None:
    rng = np.random.default_rng(2)
    V, rows = rng.standard_normal((d, d)), rng.standard_normal((n, d))
    basis = core.Basis(V)
    np.testing.assert_allclose(basis.times(rows, False), rows @ V, rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(basis.times(rows, True), rows @ V.T, rtol=1e-12, atol=1e-11)
    with threads(1):
        assert (basis.times(rows, True) == core.Basis(V).times(rows, True)).all()
    with pytest.raises(ValueError, match=f"rows must be of {d} numbers"):
        basis.times(np.ones((2, d + 1)), False)

"""L-BFGS in a metric: it reaches minima, says when it cannot, and a good metric saves steps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from esker.linear_model._lbfgs import Point, minimise


def same(g: np.ndarray) -> np.ndarray:
    return g.copy()


def near(tol: float) -> object:
    return lambda point: np.abs(point.gradient).max() <= tol


@pytest.mark.parametrize("d", [2, 5, 20])
def test_rosenbrocks_valley(d: int) -> None:
    start = np.linspace(-1.5, 2, d)
    found = minimise(
        lambda x: (rosen(x), rosen_der(x)), start, same, near(1e-8), max_iter=500, rounding=1e-15
    )
    np.testing.assert_allclose(found.at, np.ones(d), atol=1e-6)
    assert not found.stuck
    assert found.calls >= found.iterations + 1


def test_the_right_metric_takes_one_step() -> None:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((30, 30)) * 10.0 ** rng.uniform(-2, 2, 30)
    H, b = A.T @ A + np.eye(30), rng.standard_normal(30)
    inverse = np.linalg.inv(H)

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float(0.5 * x @ H @ x - b @ x), H @ x - b

    known = minimise(function, np.zeros(30), lambda g: inverse @ g, near(1e-6), max_iter=50, rounding=1e-13)
    blind = minimise(function, np.zeros(30), same, near(1e-6), max_iter=2000, rounding=1e-13)
    assert known.iterations <= 2 < blind.iterations
    assert known.value == pytest.approx(-0.5 * b @ inverse @ b, rel=1e-9)
    # Half of g'Hg is the distance to the minimum where the metric is the inverse Hessian.
    start = minimise(
        function, np.zeros(30), lambda g: inverse @ g, lambda _: True, max_iter=5, rounding=1e-13
    )
    assert start.decrement == pytest.approx(0.5 * b @ inverse @ b)
    assert start.iterations == 0


def test_rounding_ends_the_search() -> None:
    """Values with noise: the search ends, says that it is stuck, and is within the noise of the minimum."""
    rng = np.random.default_rng(1)

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        noise = 1e-6 * rng.standard_normal(x.size + 1)
        return float(1 + 0.5 * x @ x + noise[0]), x + noise[1:]

    found = minimise(function, np.full(8, 3.0), same, near(1e-12), max_iter=2000, rounding=1e-6)
    assert np.abs(found.at).max() < 1e-4


def test_a_function_that_has_no_value_beyond_is_searched_within() -> None:
    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        if x[0] <= 0:
            return np.inf, np.full(1, np.nan)
        return float(x[0] - np.log(x[0])), 1 - 1 / x

    found: Point = minimise(
        function, np.full(1, 20.0), lambda g: 100 * g, near(1e-9), max_iter=100, rounding=1e-15
    )
    assert found.at[0] == pytest.approx(1, abs=1e-8)


def test_from_a_known_value_no_call_is_made() -> None:
    x = np.ones(3)
    found = minimise(
        lambda _: pytest.fail("called"), x, same, lambda _: True, max_iter=1, rounding=0.0, first=(0.5, x)
    )
    assert (found.value, found.calls) == (0.5, 0)

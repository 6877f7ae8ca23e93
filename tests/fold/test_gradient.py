"""Gradient: values and slopes against NumPy in float64, for any storage, shape and number of models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit, log_softmax, logsumexp

from esker.blocks import Block
from esker.folds import Gradient


def oracle(
    X: Any, y: np.ndarray, weight: np.ndarray, coef: np.ndarray, level: np.ndarray, shift: np.ndarray
) -> Any:
    X = np.asarray(X.todense() if sp.issparse(X) else X, dtype=np.longdouble) - shift
    z = np.asarray(X @ coef.T + level, dtype=np.longdouble)
    if len(coef) == 1:
        z = z[:, 0]
        sign = 2 * y - 1
        value = weight @ np.logaddexp(0, -sign * z)
        p = expit(z.astype(np.float64))[:, None]
        r = p - y[:, None]
    else:
        value = weight @ -log_softmax(z, axis=1)[np.arange(len(y)), y.astype(int)]
        p = np.exp(z - logsumexp(z, axis=1, keepdims=True))
        r = p - np.eye(len(coef))[y.astype(int)]
    r = weight[:, None] * r
    return value, r.T @ X, r.sum(axis=0), weight @ (p * (1 - p))


def problem(storage: str, n: int, d: int, models: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.5) + 0.5 * (storage[:5] == "dense")
    X = X.astype(np.float32 if storage.endswith("32") else np.float64)
    y = rng.integers(0, max(models, 2), n).astype(np.float64)
    weight = rng.random(n) * (rng.random(n) < 0.8)
    coef, level, shift = rng.standard_normal((models, d)), rng.standard_normal(models), rng.standard_normal(d)
    return (sp.csr_array(X) if storage.startswith("csr") else X), y, weight, coef, level, shift


@pytest.mark.parametrize("storage", ["dense32", "dense64", "csr32", "csr64"])
@pytest.mark.parametrize(
    ("n", "d", "models"),
    [
        (1, 1, 1),
        (7, 3, 1),
        (700, 37, 1),
        (3000, 600, 1),
        (1, 1, 3),
        (50, 5, 2),
        (700, 37, 5),
        (900, 300, 17),
        (400, 1100, 33),
    ],
)
def test_value_and_slopes(storage: str, n: int, d: int, models: int) -> None:
    X, y, weight, coef, level, shift = problem(storage, n, d, models)
    coef /= np.sqrt(d)
    state = Gradient(coef, level, shift)
    state.update(Block(X, y, weight))
    found, wanted = state.finish(), oracle(X, y, weight, coef, level, shift)
    # Of several models float32 rows are multiplied in float32.
    coarse = storage == "dense32" and models > 1
    rtol = 3e-6 if coarse else 1e-11
    for a, b in zip(found[:4], wanted, strict=True):
        b = np.asarray(b, dtype=np.float64)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1.0, np.abs(b).max()))
    assert state.rows == n
    assert state.weight == pytest.approx(weight.sum())


@pytest.mark.parametrize("storage", ["dense32", "dense64", "csr32", "csr64"])
@pytest.mark.parametrize("power", [0.0, 1.0, 1.3, 2.0, 3.0])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (7, 3), (700, 37)])
def test_losses_of_numbers(storage: str, power: float, n: int, d: int) -> None:
    X, _, weight, coef, level, shift = problem(storage, n, d, 1)
    coef /= np.sqrt(d)
    y = np.random.default_rng(1).gamma(1.0, 2.0, n) * (weight > 0.3 if power < 2 else 1.0)
    state = Gradient(coef, level, shift, loss="deviance" if power else "squared", power=power or 1.0)
    state.update(Block(X, y, weight))
    found = state.finish()
    X = np.asarray(X.todense() if sp.issparse(X) else X, dtype=np.longdouble) - shift
    s = X @ coef[0].astype(np.longdouble) + level[0]
    if power == 0:
        loss, slope, bend = 0.5 * (s - y) ** 2, s - y, np.ones(n)
    else:
        a, b = 2 - power, 1 - power
        loss = (np.exp(a * s) / a if a else s) - y * (np.exp(b * s) / b if b else s)
        slope, bend = np.exp(a * s) - y * np.exp(b * s), a * np.exp(a * s) - b * y * np.exp(b * s)
    near = {"rtol": 1e-11, "atol": 1e-11 * max(1.0, float(weight @ abs(slope)))}
    np.testing.assert_allclose(found.value, float(weight @ loss), **near)
    np.testing.assert_allclose(found.slope[0], ((weight * slope) @ X).astype(float), **near)
    np.testing.assert_allclose(found.level[0], float(weight @ slope), **near)
    np.testing.assert_allclose(found.curvature[0], float(weight @ bend), **near)


@pytest.mark.parametrize("storage", ["dense32", "dense64", "csr32", "csr64"])
@pytest.mark.parametrize(
    ("loss", "width"), [("squared_hinge", 1.0), ("squared_tube", 0.0), ("squared_tube", 0.7)]
)
@pytest.mark.parametrize(("n", "d"), [(1, 1), (7, 3), (700, 37)])
def test_squares_of_what_is_lacking(storage: str, loss: str, width: float, n: int, d: int) -> None:
    X, y, weight, coef, level, shift = problem(storage, n, d, 1)
    coef /= np.sqrt(d)
    if loss == "squared_tube":
        y = np.random.default_rng(1).standard_normal(n)
    state = Gradient(coef, level, shift, loss=loss, power=width)
    state.update(Block(X, y, weight))
    found = state.finish()
    X = np.asarray(X.todense() if sp.issparse(X) else X, dtype=np.longdouble) - shift
    s = X @ coef[0].astype(np.longdouble) + level[0]
    if loss == "squared_hinge":
        lack, sign = np.maximum(0, 1 - (2 * y - 1) * s), -(2 * y - 1)
    else:
        lack, sign = np.maximum(0, np.abs(s - y) - width), np.sign(s - y)
    slope = 2 * lack * sign
    near = {"rtol": 1e-11, "atol": 1e-11 * max(1.0, float(weight @ abs(slope)))}
    np.testing.assert_allclose(found.value, float(weight @ lack**2), **near)
    np.testing.assert_allclose(found.slope[0], ((weight * slope) @ X).astype(float), **near)
    np.testing.assert_allclose(found.level[0], float(weight @ slope), **near)
    np.testing.assert_allclose(found.curvature[0], float(weight @ (2.0 * (lack > 0))), **near)


def test_numbers_out_of_range_are_refused() -> None:
    for loss, power, y, words in (
        ("deviance", 1.0, -1.0, "of at least 0"),
        ("deviance", 2.0, 0.0, "above 0"),
        ("squared", 1.0, np.nan, "finite numbers"),
        ("deviance", 1.5, np.inf, "finite numbers"),
        ("deviance", 0.5, 1.0, "power of a deviance"),
        ("squared_hinge", 1.0, 2.0, "class indices"),
        ("squared_tube", 0.1, np.nan, "finite numbers"),
    ):
        with pytest.raises(ValueError, match=words):
            Gradient([[0.0]], [0.0], loss=loss, power=power).update(Block(np.ones((1, 1)), np.array([y])))
    with pytest.raises(ValueError, match="numbers have one model"):
        Gradient(np.zeros((2, 1)), np.zeros(2), loss="squared").update(Block(np.ones((1, 1)), np.ones(1)))
    with pytest.raises(ValueError, match="loss must be one of"):
        Gradient([[0.0]], [0.0], loss="logistic")
    with pytest.raises(ValueError, match="different losses"):
        Gradient([[0.0]], [0.0]).merge(Gradient([[0.0]], [0.0], loss="squared"))


@pytest.mark.parametrize("storage", ["dense32", "dense64", "csr64"])
@pytest.mark.parametrize("models", [1, 3])
def test_spreads_where_asked_for(storage: str, models: int) -> None:
    X, y, weight, coef, level, shift = problem(storage, 700, 11, models)
    state = Gradient(coef, level, shift, spreads=True)
    state.update(Block(X, y, weight))
    dense = np.asarray(X.todense() if sp.issparse(X) else X, dtype=np.float64)
    exact = weight @ ((dense - shift) ** 2).sum(axis=1)
    found = state.finish().spread
    if storage == "csr64":
        assert exact <= found <= 2 * weight @ (dense**2 + shift**2).sum(axis=1) * (1 + 1e-12)
    else:
        assert found == pytest.approx(exact)
    plain = Gradient(coef, level, shift)
    plain.update(Block(X, y, weight))
    assert plain.finish().spread == 0


@pytest.mark.parametrize("models", [1, 4])
def test_scores_far_out_have_losses(models: int) -> None:
    X = np.array([[1e4], [-1e4], [700.0], [0.0]])
    y = np.array([0.0, 1.0, 1.0, 0.0])
    coef, level, shift = (
        np.ones((models, 1)) * np.arange(1, models + 1)[:, None],
        np.zeros(models),
        np.zeros(1),
    )
    state = Gradient(coef, level, shift)
    state.update(Block(X, y))
    found, wanted = state.finish(), oracle(X, y, np.ones(4), coef, level, shift)
    assert found.value == pytest.approx(float(wanted[0]), rel=1e-12)
    np.testing.assert_allclose(found.slope, wanted[1].astype(float), rtol=1e-12, atol=1e-9)


def test_far_means_cost_no_digits() -> None:
    rng = np.random.default_rng(3)
    near = rng.standard_normal((500, 6)).astype(np.float32)
    far = near.astype(np.float64) + 1e7
    y = rng.integers(0, 3, 500).astype(np.float64)
    coef, level = rng.standard_normal((3, 6)), np.zeros(3)
    one, other = Gradient(coef, level), Gradient(coef, level, np.full(6, 1e7))
    one.update(Block((far - 1e7), y))
    other.update(Block(far, y))
    np.testing.assert_allclose(other.finish().slope, one.finish().slope, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("y", [[0.0, 2.0], [0.5, 1.0], [-1.0, 1.0], [np.nan, 1.0]])
def test_labels_are_indices(y: list[float]) -> None:
    with pytest.raises(ValueError, match="y must hold class indices from 0 to 1"):
        Gradient([[0.0]], [0.0]).update(Block(np.ones((2, 1)), np.array(y)))


def test_states_at_other_coefficients_are_refused() -> None:
    with pytest.raises(ValueError, match="different coefficients"):
        Gradient([[0.0]], [0.0]).merge(Gradient([[1.0]], [0.0]))
    with pytest.raises(ValueError, match="1 and 2 models"):
        Gradient([[0.0]], [0.0]).merge(Gradient([[0.0], [0.0]], [0.0, 0.0]))

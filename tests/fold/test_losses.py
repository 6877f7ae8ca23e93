"""The losses one by one: slopes and curvatures by finite differences, values and steps against independent ones."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn._loss.loss as theirs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from sklearn.metrics import mean_tweedie_deviance

from esker._native import core

PARAMETERS = {
    "huber": st.floats(0.01, 10),
    "epsilon_insensitive": st.floats(0, 10),
    "squared_epsilon_insensitive": st.floats(0, 10),
    "quantile": st.floats(0.01, 0.99),
    "tweedie": st.floats(1, 2),
}
NUMBERS = ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive", "quantile")
COUNTS = ("poisson", "gamma", "tweedie")
LABELS = ("log_loss", "hinge", "squared_hinge", "modified_huber", "perceptron")
FLOWING = (*NUMBERS, *COUNTS, "squared_hinge", "modified_huber")


@st.composite
def points(draw, names):
    """(loss, parameter, prediction, target)."""
    name = draw(st.sampled_from(names))
    parameter = draw(PARAMETERS[name]) if name in PARAMETERS else 0.0
    if name in COUNTS:
        p = draw(st.floats(-6, 6))
        y = draw(st.one_of(st.just(0.0), st.floats(1e-3, 1e4)))
        return name, parameter, p, max(y, 1e-3) if name == "gamma" or parameter == 2 else y
    y = draw(st.sampled_from([-1.0, 1.0])) if name in LABELS else draw(st.floats(-20, 20))
    return name, parameter, draw(st.floats(-20, 20)), y


def parts(name, parameter, p, y):
    p = np.atleast_1d(np.asarray(p, dtype=np.float64))
    return core.loss_parts(name, parameter, p, np.broadcast_to(y, p.shape).astype(np.float64))


def moved(name, parameter, p, y, t):
    return core.loss_moved(name, parameter, *(np.array([float(v)]) for v in (p, y, t)))[0]


@given(points((*NUMBERS, *COUNTS, *LABELS)))
def test_slopes_and_curvatures_are_derivatives(point):
    name, parameter, p, y = point
    h = 1e-5
    value, slope, curvature, _, _ = parts(name, parameter, [p - h, p, p + h], y)
    rise, change = (value[2] - value[0]) / (2 * h), slope[2] - slope[0]
    rounding = 1e-9 * (1 + abs(value).max()) / h
    if change < 1e-3 * (1 + abs(slope[1])):
        assert rise == pytest.approx(slope[1], rel=1e-4, abs=rounding + change)
    else:  # a kink
        assert name in ("quantile", "epsilon_insensitive", "hinge", "perceptron")
        assert slope[0] - rounding <= rise <= slope[2] + rounding
    if np.all(curvature > 0):  # a tube that costs nothing may be narrower than h
        assert (slope[2] - slope[0]) / (2 * h) == pytest.approx(
            curvature[1], rel=1e-3, abs=1e-4 * (1 + abs(slope[1]))
        )
    assert np.all(curvature >= 0)
    assert np.all(value >= -1e-9 * (1 + abs(y)))
    assert slope[0] <= slope[2] + 1e-9 * abs(slope[0])  # convex


@given(points((*NUMBERS, *COUNTS, *LABELS)), st.integers(1, 40))
def test_lanes_say_the_same_as_one_by_one(point, n):
    name, parameter, p, y = point
    value, slope, _, lane_value, lane_slope = parts(name, parameter, p + np.linspace(0, 1, n), y)
    size = 1 + abs(y) + np.exp(7) if name in COUNTS else 1
    np.testing.assert_allclose(lane_value, value, rtol=1e-13, atol=1e-14 * size * 8)
    np.testing.assert_allclose(lane_slope, slope, rtol=1e-13, atol=1e-14 * size)


@pytest.mark.parametrize(
    ("name", "parameter", "peer", "scale"),
    [
        ("squared_error", 0, theirs.HalfSquaredError(), 1),
        ("huber", 1.3, theirs.HuberLoss(quantile=0.9, delta=1.3), 1),
        ("quantile", 0.3, theirs.PinballLoss(quantile=0.3), 1),
        ("poisson", 0, theirs.HalfPoissonLoss(), 1),
        ("gamma", 0, theirs.HalfGammaLoss(), 1),
        ("tweedie", 1.4, theirs.HalfTweedieLoss(power=1.4), 1),
        ("tweedie", 1, theirs.HalfPoissonLoss(), 1),
        ("tweedie", 2, theirs.HalfGammaLoss(), 1),
        ("log_loss", 0, theirs.HalfBinomialLoss(), 1),
    ],
)
def test_slopes_are_those_of_scikit_learn(name, parameter, peer, scale):
    rng = np.random.default_rng(0)
    p, y = rng.normal(size=500) * 2, rng.gamma(1, 3, size=500)
    if name == "huber":
        peer.closs.delta = 1.3
    if name == "log_loss":
        y = np.where(y > 2, 1.0, -1.0)
    value, slope, _, _, _ = core.loss_parts(name, parameter, p, y)
    target = (y + 1) / 2 if name == "log_loss" else y
    np.testing.assert_allclose(slope, peer.gradient(target, p), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        value, peer.loss(target, p) + peer.constant_to_optimal_zero(target), rtol=1e-9, atol=1e-9
    )


def test_values_of_labels_and_tubes_by_their_formulas():
    rng = np.random.default_rng(1)
    p, y = rng.normal(size=200) * 2, rng.choice([-1.0, 1.0], size=200)
    m, z = p * y, rng.normal(size=200)
    excess = np.maximum(0, np.abs(p - z) - 0.4)
    for name, parameter, target, value in (
        ("hinge", 0, y, np.maximum(0, 1 - m)),
        ("squared_hinge", 0, y, np.maximum(0, 1 - m) ** 2),
        ("modified_huber", 0, y, np.where(m >= -1, np.maximum(0, 1 - m) ** 2, -4 * m)),
        ("perceptron", 0, y, np.maximum(0, -m)),
        ("epsilon_insensitive", 0.4, z, excess),
        ("squared_epsilon_insensitive", 0.4, z, excess**2),
    ):
        np.testing.assert_allclose(
            core.loss_parts(name, parameter, p, target)[0], value, rtol=1e-12, atol=1e-15
        )


@pytest.mark.parametrize("power", [1, 1.2, 1.9, 2])
def test_half_the_deviance(power):
    rng = np.random.default_rng(2)
    p, y = rng.normal(size=300), rng.gamma(1, 3, size=300)
    mean = core.loss_parts("tweedie", power, p, y)[0].mean()
    assert 2 * mean == pytest.approx(mean_tweedie_deviance(y, np.exp(p), power=power), rel=1e-10)


# --- steps that follow the slope ---


@given(points(FLOWING), st.floats(1e-6, 1e6), st.floats(0, 1))
def test_weight_h_is_h_repeats(point, t, share):
    name, parameter, p, y = point
    first = moved(name, parameter, p, y, share * t)
    second = moved(name, parameter, p - first, y, (1 - share) * t)
    # Tweedie's clock is followed in a few steps; all others are exact.
    exact = name != "tweedie" or parameter in (1, 2)
    whole = moved(name, parameter, p, y, t)
    assert first + second == pytest.approx(whole, rel=1e-6 if exact else 0.15, abs=1e-8 if exact else 1e-3)


@given(points(FLOWING), st.floats(1e-9, 1e12))
def test_a_step_never_passes_the_target(point, t):
    name, parameter, p, y = point
    fall = moved(name, parameter, p, y, t)
    slope = parts(name, parameter, p, y)[1][0]
    assert np.isfinite(fall)
    assert fall * slope >= 0
    after = parts(name, parameter, p - fall * (1 - 1e-9), y)[1][0]
    assert after * slope >= -1e-9 * (abs(slope) + y * y + 1)
    assert (
        abs(fall) <= abs(slope) * t * (1 + 1e-9) or slope < 0
    )  # a convex loss only gets flatter on the way down
    np.testing.assert_array_less(
        parts(name, parameter, p - fall, y)[0], parts(name, parameter, p, y)[0] + 1e-9
    )


@pytest.mark.parametrize("name", FLOWING)
def test_a_small_step_is_slope_by_time_and_a_long_one_ends_where_nothing_is_left(name):
    parameter = {"tweedie": 1.6, "quantile": 0.7}.get(name, 0.25 if name in PARAMETERS else 0.0)
    for p, y in ((2.5, 1.0), (-2.5, 1.0), (0.3, 1.0)):
        slope = parts(name, parameter, p, y)[1][0]
        assert moved(name, parameter, p, y, 1e-7) == pytest.approx(1e-7 * slope, rel=1e-4, abs=1e-18)
        end = p - moved(name, parameter, p, y, 1e7)
        assert parts(name, parameter, end, y)[0][0] < 1e-6


@settings(deadline=None, max_examples=40)
@given(
    st.floats(1.05, 1.95), st.floats(-3, 3), st.one_of(st.just(0.0), st.floats(0.01, 30)), st.floats(0.01, 3)
)
def test_tweedies_step_follows_the_equation(power, p, y, t):
    def equation(_, q):
        return -(np.exp((2 - power) * q) - y * np.exp((1 - power) * q))

    end = integrate.solve_ivp(equation, (0, t), [p], method="LSODA", rtol=1e-9, atol=1e-11).y[0, -1]
    assert moved("tweedie", power, p, y, t) == pytest.approx(p - end, rel=0.1, abs=1e-4)
    small = t / max(1.0, t * abs(equation(0, p)))  # steps that learning takes
    end = integrate.solve_ivp(equation, (0, small), [p], method="LSODA", rtol=1e-9, atol=1e-11).y[0, -1]
    assert moved("tweedie", power, p, y, small) == pytest.approx(p - end, rel=5e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "parameter", "message"),
    [
        ("huber", 0.0, "loss='huber' needs an epsilon above 0, got 0"),
        ("huber", np.nan, "epsilon above 0"),
        ("epsilon_insensitive", -1.0, "epsilon of at least 0, got -1"),
        ("quantile", 1.0, "quantile above 0 and below 1, got 1"),
        ("tweedie", 3.0, "power from 1 to 2, got 3"),
        ("hinge", 0.5, "loss='hinge' has no parameter, got 0.5"),
        ("absolute", 0.0, "loss must be one of 'squared_error'"),
    ],
)
def test_parameters_out_of_range(name, parameter, message):
    with pytest.raises(ValueError, match=message):
        core.loss_parts(name, parameter, np.zeros(1), np.ones(1))

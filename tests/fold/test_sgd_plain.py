"""Plain steps of Sgd against a float64 walk of the same recurrence, and the promises of lanes, cuts and weights."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from tests.fold.steps import as_storage, check_bits, rows_and_labels

from esker.blocks import Block
from esker.folds import Sgd


def slope_of(loss, p, y):
    return {
        "log_loss": lambda: -y / (1 + np.exp(p * y)),
        "hinge": lambda: -y if p * y < 1 else 0.0,
        "perceptron": lambda: -y if p * y <= 0 else 0.0,
        "squared_error": lambda: p - y,
        "quantile": lambda: 0.3 if p > y else -0.7 if p < y else 0.0,
    }[loss]()


def fallen(loss, p, y, time):
    """The fall of a prediction that follows its slope for a time, by what its loss's slope is."""
    if loss == "squared_error":
        return (p - y) * (1 - np.exp(-time))
    return np.clip(slope_of(loss, p, y) * time, min(0, p - y), max(0, p - y))


def walked(x, y, weight, loss, rate, power, offset, l1, l2, sparse):
    """Steps, lazy l2 and cumulative l1 penalties as in the papers; every feature is settled at the end."""
    w, b, u = np.zeros(x.shape[1]), 0.0, 0.0
    q = np.zeros_like(w)
    for t, (v, label, h) in enumerate(zip(x, y, weight, strict=True), start=1):
        eta = rate * (t + offset) ** -power
        of_bias = eta * (0.01 if sparse else 1.0)
        p = v @ w + b
        reach = eta * v @ v + of_bias
        if loss in ("squared_error", "quantile"):
            effective = fallen(loss, p, label, h * reach) / reach
        else:
            effective = h * slope_of(loss, p, label)
        w *= 1 - eta * l2
        w -= eta * effective * v
        b -= of_bias * effective
        u += eta * l1
        seen = v != 0 if sparse else np.ones_like(v, bool)
        w, q = truncated(w, q, u, seen)
    return truncated(w, q, u, np.ones_like(w, bool))[0], b


def truncated(w, q, u, where):
    left = np.where(w > 0, np.maximum(0, w - (u + q)), np.where(w < 0, np.minimum(0, w + (u - q)), 0.0))
    left = np.where(where, left, w)
    return left, q + left - w


def state_of(loss, lanes, rates, l1, l2, power=0.0, offset=0.0):
    classes = loss in ("log_loss", "hinge", "perceptron")
    return Sgd(
        loss, [int(classes)] * lanes, rates, [l1] * lanes, [l2] * lanes,
        classes=classes, penalty_scale="raw", loss_parameter=0.7 if loss == "quantile" else 0.0,
        step="plain", step_power=power, step_offset=offset,
    )  # fmt: skip


@pytest.mark.parametrize("storage", ["csr32", "csr64", "dense32", "dense64"])
@pytest.mark.parametrize("loss", ["log_loss", "hinge", "perceptron", "squared_error", "quantile"])
@pytest.mark.parametrize(("l1", "l2"), [(0, 0), (0, 1e-2), (2e-3, 0), (1e-3, 1e-2)])
def test_follows_the_recurrence(storage, loss, l1, l2):
    x, y, weight = rows_and_labels(spread=False)
    target = 2 * y - 1 if loss in ("squared_error", "quantile") else y
    for lanes, power, offset in ((1, 0.0, 0.0), (3, 0.25, 0.0), (8, 1.0, 7.5), (20, 0.5, 0.0)):
        rates = np.linspace(0.05, 0.5, lanes) * (10 if power == 1 else 1)
        state = state_of(loss, lanes, rates, l1, l2, power, offset)
        state.update(Block(as_storage(x, storage), target, weight))
        coef, intercept = state.finish()
        for k in {0, lanes - 1}:
            w, b = walked(
                x.toarray(), 2 * y - 1, weight, loss, rates[k], power, offset, l1, l2, storage[0] == "c"
            )
            np.testing.assert_allclose(coef[k], w, rtol=1e-3, atol=2e-5 * max(1.0, np.abs(w).max()))
            assert intercept[k] == pytest.approx(b, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_a_lane_is_the_model_learned_alone_to_the_bit(index):
    x, y, weight = rows_and_labels(
        d=150, density=0.5, spread=False
    )  # long rows: loops over single lanes may be vectorised
    x = as_storage(x, "csr32" if index == np.int32 else "csr64")
    for loss in ("log_loss", "squared_error"):
        for lanes in (4, 8, 16, 17):
            rates = np.geomspace(0.01, 0.5, lanes)
            together = state_of(loss, lanes, rates, 1e-4, 1e-3, 0.5)
            together.update(Block(x, y, weight))
            coef, intercept = together.finish()
            for k in (0, lanes - 1):
                alone = state_of(loss, 1, rates[k : k + 1], 1e-4, 1e-3, 0.5)
                alone.update(Block(x, y, weight))
                np.testing.assert_array_equal(alone.finish()[0][0], coef[k])
                assert alone.finish()[1][0] == intercept[k]


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("l1", [0.0, 1e-3])
def test_bits_do_not_depend_on_cuts_selection_or_storage_of_the_state(dense, l1):
    x, y, weight = rows_and_labels(spread=False)
    x = x.toarray() if dense else x
    chosen, whole = check_bits(
        lambda: state_of("log_loss", 4, [0.01, 0.1, 0.2, 0.5], l1, 1e-3, 0.25), x, y, weight
    )
    np.testing.assert_allclose(chosen.finish()[0], whole.finish()[0][[3, 1]], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("storage", ["csr32", "dense64"])
@pytest.mark.parametrize("loss", ["squared_error", "quantile", "squared_hinge", "poisson"])
def test_a_weight_is_so_many_repeats(storage, loss):
    """With one rate and no penalty h repeats of a step that follows its slope are one step of weight h."""
    x, y, weight = rows_and_labels(spread=False)
    classes = loss == "squared_hinge"
    parameter = 0.7 if loss == "quantile" else 0.0
    once, often = (
        Sgd(
            loss, [int(classes)], [0.2], classes=classes, penalty_scale="raw", step="plain",
            loss_parameter=parameter, fit_intercept=False,
        )
        for _ in range(2)
    )  # fmt: skip
    once.update(Block(as_storage(x, storage), y, weight))
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    often.update(Block(as_storage(sp.csr_array(x[repeated]), storage), y[repeated]))
    w = often.finish()[0]
    np.testing.assert_allclose(once.finish()[0], w, rtol=1e-3, atol=1e-5 * np.abs(w).max())


def test_a_huge_weight_or_rate_never_overshoots():
    x, y = np.array([[1.0, 2.0]]), np.array([3.0])
    for weight, rate in ((1e9, 0.1), (1.0, 1e9)):
        state = state_of("squared_error", 1, [rate], 0, 0)
        state.update(Block(x, y, np.array([weight])))
        coef, intercept = state.finish()
        assert float(x[0] @ coef[0] + intercept[0]) == pytest.approx(3.0, rel=1e-5)


@pytest.mark.parametrize("dense", [False, True])
def test_penalties_of_millions_of_steps_stay_exact(dense):
    """The scale that an l2 penalty shrinks is folded into the weights long before it has no digits."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 3))
    y = x @ [1.0, -2.0, 0.0] + 0.1 * rng.normal(size=4000)
    data = x if dense else sp.csr_array(x)
    state = state_of("squared_error", 1, [0.01], 1e-2, 0.5)
    w, b = np.zeros(3), 0.0
    for _ in range(3):  # 0.995^12000 is 1e-26
        state.update(Block(data, y))
    w, b = walked(
        np.tile(x, (3, 1)),
        np.tile(y, 3),
        np.ones(12000),
        "squared_error",
        0.01,
        0.0,
        0.0,
        1e-2,
        0.5,
        not dense,
    )
    np.testing.assert_allclose(state.finish()[0][0], w, rtol=2e-4, atol=1e-6)
    assert state.finish()[1][0] == pytest.approx(b, rel=1e-3, abs=1e-6)


def test_explicit_zeros_weights_of_zero_and_wider_rows():
    x, y, weight = rows_and_labels(spread=False)
    full = sp.csr_array(
        (x.toarray().ravel(), np.tile(np.arange(30), 400), np.arange(0, 12001, 30)), shape=x.shape
    )
    a, b = (state_of("log_loss", 4, [0.1] * 4, 0, 1e-3) for _ in range(2))
    a.update(Block(x, y, weight))
    b.update(Block(full, y, weight))
    np.testing.assert_allclose(a.finish()[0], b.finish()[0], rtol=1e-4, atol=1e-6)
    before = a.finish()
    a.update(Block(x, y, np.zeros(400)))
    np.testing.assert_array_equal(a.finish()[0], before[0])
    narrow, wide = (state_of("log_loss", 1, [0.1], 1e-4, 1e-3) for _ in range(2))
    narrow.update(Block(x[:100, :20], y[:100]))
    wide.update(Block(sp.csr_array(sp.hstack([x[:100, :20], sp.csr_array((100, 10))])), y[:100]))
    for state in (narrow, wide):
        state.update(Block(x[100:], y[100:]))
    np.testing.assert_array_equal(narrow.finish()[0], wide.finish()[0])


def test_what_plain_steps_refuse():
    with pytest.raises(ValueError, match="penalty_scale must be 'raw'"):
        Sgd("hinge", [1], [0.1], classes=True, step="plain")
    with pytest.raises(ValueError, match=r"step must be one of .*, got 'sag'"):
        Sgd("hinge", [1], [0.1], classes=True, step="sag")
    with pytest.raises(ValueError, match="no effect with step='auto'"):
        Sgd("hinge", [1], [0.1], classes=True, step_power=0.5)
    with pytest.raises(ValueError, match="only Sgd states with the same loss"):
        state_of("hinge", 1, [0.1], 0, 0).merge(state_of("hinge", 1, [0.1], 0, 0, 0.5))

"""Coin betting of Sgd against a float64 walk of the bets in units of the data, and the promises of lanes and cuts."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from tests.fold.steps import as_storage, check_bits, rows_and_labels

from esker.blocks import Block
from esker.folds import Sgd


def walked(x, y, weight, loss, intercept):
    """Each weight is a bettor with a wealth of 4 at first, who bets on the signs of slope times value."""
    d = x.shape[1] + 1  # the intercept is a feature of 1s whose bets are not shared by the row's size
    z, g, won, largest, most = np.zeros(d), np.zeros(d), np.zeros(d), np.zeros(d), 1.0
    largest[-1] = 1.0
    rows = size = 0.0

    def weights():
        unit = np.where(largest > 0, most * largest, 1.0)
        return (4 + won) * z / (unit * (unit + g))

    share = 1.0
    for row, label, h in zip(x, y, weight, strict=True):
        v = np.append(row, 1.0 if intercept else 0.0)
        largest[:-1] = np.maximum(largest[:-1], np.abs(row))
        w = weights()
        p = share * row @ w[:-1] + v[-1] * w[-1]
        rows += h
        unit = np.where(largest > 0, largest, 1.0)
        size += h * (np.sum((row / unit[:-1]) ** 2) + intercept)
        if loss == "squared_error":
            slope = p - label
        else:
            slope = (
                -label / (1 + np.exp(p * label)) if loss == "log_loss" else (-label if p * label < 1 else 0.0)
            )
        share = rows / size
        if slope == 0:
            continue
        most = max(most, abs(h * slope))
        gradient = h * slope * v
        won -= gradient * weights()
        z -= gradient
        g += np.abs(gradient)
    w = weights()
    return share * w[:-1], w[-1]


def state_of(loss, lanes=1, intercept=True):
    classes = loss != "squared_error"
    return Sgd(
        loss, [int(classes)] * lanes, [1.0] * lanes, classes=classes, fit_intercept=intercept, step="coin"
    )


@pytest.mark.parametrize("storage", ["csr32", "csr64", "dense32", "dense64"])
@pytest.mark.parametrize("loss", ["log_loss", "hinge", "squared_error"])
@pytest.mark.parametrize("intercept", [False, True])
def test_follows_the_bets(storage, loss, intercept):
    x, y, weight = rows_and_labels()
    signs = 2 * y - 1
    w, b = walked(x.toarray(), signs, weight, loss, intercept)
    for lanes in (1, 3, 8, 20, 33):
        state = state_of(loss, lanes, intercept)
        state.update(Block(as_storage(x, storage), signs if loss == "squared_error" else y, weight))
        coef, bias = state.finish()
        for k in {0, lanes - 1}:
            np.testing.assert_allclose(coef[k], w, rtol=3e-3, atol=5e-5 * np.abs(w).max())
            assert bias[k] == pytest.approx(b, rel=3e-3, abs=1e-4)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_bits_do_not_depend_on_cuts_selection_or_storage_of_the_state(dense, loss):
    x, y, weight = rows_and_labels()
    x = x.toarray() if dense else x
    classes = loss == "log_loss"

    def make():
        return Sgd(loss, [0, 1, 2, 0] if classes else [0] * 4, [1.0] * 4, classes=classes, step="coin")

    chosen, whole = check_bits(make, x, y, weight)
    np.testing.assert_allclose(chosen.finish()[0], whole.finish()[0][[3, 1]], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dense", [False, True])
def test_units_change_nothing(dense):
    x, y, weight = rows_and_labels()
    scales = 2.0 ** np.random.default_rng(2).integers(-10, 11, x.shape[1])
    a, b = state_of("log_loss"), state_of("log_loss")
    rescaled = x.toarray() * scales
    a.update(Block(x.toarray() if dense else x, y, weight))
    b.update(Block(rescaled if dense else sp.csr_array(rescaled), y, weight))
    np.testing.assert_allclose(a.finish()[0], b.finish()[0] * scales, rtol=1e-3, atol=1e-6)


def test_states_merge_and_widen():
    x, y, _ = rows_and_labels(4000)
    a, b = state_of("log_loss"), state_of("log_loss")
    a.update(Block(x[:2000], y[:2000]))
    b.update(Block(x[2000:, :25], y[2000:]))
    first = a.evaluate(Block(x, y))[0]
    left, right = a.finish()[0][0], np.append(b.finish()[0][0], np.zeros(5))
    a.merge(b)
    assert (a.cols, a.rows) == (30, 4000)
    merged = a.finish()[0][0]
    between = (merged >= np.minimum(left, right) - 1e-6) & (merged <= np.maximum(left, right) + 1e-6)
    assert between.all()
    assert a.evaluate(Block(x, y))[0] < 1.05 * first
    a.update(Block(x, y))
    assert a.evaluate(Block(x, y))[0] < 1.02 * first


def test_a_penalty_is_refused():
    with pytest.raises(ValueError, match="step='coin' has no penalty"):
        Sgd("hinge", [1], [1.0], lane_l2=[0.1], classes=True, step="coin")


@pytest.mark.parametrize("dense", [True, False])
def test_its_size_counts_all_tables(dense):
    x, y, _ = rows_and_labels()
    state = state_of("log_loss")
    state.update(Block(x.toarray() if dense else x, y))
    arrays = state.to_arrays()
    assert state._state.nbytes >= sum(arrays[name].nbytes for name in ("w", "h", "r", "last"))

"""AdaGrad's, normalised and FTRL-proximal's steps of Sgd against float64 walks of the papers' recurrences."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from tests.fold.steps import as_storage, check_bits, rows_and_labels

from esker.blocks import Block
from esker.folds import Sgd

STEPS = ["adagrad", "normalized", "ftrl"]
steps = pytest.mark.parametrize("step", STEPS)


class Walk:
    """One model in float64. A loss with a closed form moves by what its importance-weighted step comes to."""

    def __init__(self, d, step, loss, rate, l1, l2, scaled, sparse):
        self.step, self.loss, self.rate, self.l1, self.l2 = step, loss, rate, l1, l2
        self.scaled, self.sparse = scaled, sparse
        self.w, self.h, self.largest, self.last = np.zeros(d), np.zeros(d), np.zeros(d), np.zeros(d)
        self.z = np.zeros(d)
        self.b = self.bh = self.weight = self.size = 0.0
        self.rows = 0

    def slope(self, p, y):
        if self.loss == "squared_error":
            return p - y
        return -y / (1 + np.exp(p * y)) if self.loss == "log_loss" else (-y if p * y < 1 else 0.0)

    def effective(self, p, y, weight, reach):
        if self.loss == "squared_error":
            return (p - y) * (1 - np.exp(-weight * reach)) / reach
        return weight * self.slope(p, y)

    def take(self, v, y, weight):
        self.rows += 1
        if self.step == "ftrl":
            return self.take_ftrl(v, y, weight)
        seen = v != 0
        if self.step == "normalized":
            grows = np.abs(v) > self.largest
            self.w[grows] *= self.largest[grows] / np.abs(v[grows])
            self.largest = np.maximum(self.largest, np.abs(v))
        unit = np.where(self.largest > 0, self.largest, 1.0) if self.step == "normalized" else np.ones_like(v)
        p = v @ self.w + self.b
        slope = self.slope(p, y)
        self.weight += weight
        self.size += weight * (1 + np.sum((v / unit) ** 2))
        if slope == 0 and self.l1 == self.l2 == 0:
            return None
        share = np.sqrt(self.weight / self.size) if self.step == "normalized" else 1.0
        self.h[seen] += weight * (slope * v[seen]) ** 2
        self.bh += weight * slope**2
        root = np.sqrt(np.maximum(self.h, 1e-37))
        rates = self.rate * share / (root * unit)
        of_bias = self.rate * share / np.sqrt(self.bh) if self.bh > 0 else 0.0
        effective = self.effective(p, y, weight, float(np.sum(rates * v**2)) + of_bias)
        self.w -= rates * effective * v
        if (
            self.l1 or self.l2
        ):  # proximal in each weight's own metric, for the steps since the feature was seen
            gap = np.where(seen, self.rows - self.last, 0.0) if self.sparse else 1.0
            self.last[seen] = self.rows
            u = unit if self.scaled else 1.0
            top = np.maximum(0, np.abs(self.w) - rates * self.l1 * gap * u)
            self.w = np.sign(self.w) * top / (1 + rates * self.l2 * gap * u**2)
        self.b -= of_bias * effective

    def solved(self):
        curve = (1 + np.sqrt(self.h)) / self.rate
        left = np.maximum(0, np.abs(self.z) - self.l1 * self.weight)
        return -np.sign(self.z) * left / (curve + self.l2 * self.weight)

    def take_ftrl(self, v, y, weight):
        w = self.solved()
        p = v @ w + self.b
        slope = self.slope(p, y)
        self.weight += weight
        before = np.sqrt(self.h)
        self.h += weight * (slope * v) ** 2
        self.bh += weight * slope**2
        root = np.sqrt(self.h)
        of_bias = self.rate / (1 + np.sqrt(self.bh)) if self.bh > 0 else 0.0
        effective = self.effective(p, y, weight, self.rate * float(np.sum(v**2 / (1 + root))) + of_bias)
        self.z += effective * v - (root - before) / self.rate * w
        self.b -= of_bias * effective


def state_of(step, loss, rates, l1, l2, scaled=False, intercept=True):
    lanes, classes = len(rates), loss != "squared_error"
    return Sgd(
        loss, [int(classes)] * lanes, rates, [l1] * lanes, [l2] * lanes, classes=classes,
        penalty_scale="feature" if scaled else "raw", step=step, fit_intercept=intercept,
    )  # fmt: skip


@steps
@pytest.mark.parametrize("storage", ["csr32", "csr64", "dense32", "dense64"])
@pytest.mark.parametrize("loss", ["log_loss", "hinge", "squared_error"])
@pytest.mark.parametrize(("l1", "l2"), [(0, 0), (0, 1e-2), (2e-3, 1e-3)])
def test_follows_the_recurrence(step, storage, loss, l1, l2):
    x, y, weight = rows_and_labels()
    signs = 2 * y - 1
    for lanes in (1, 3, 8, 20, 33):
        rates = np.linspace(0.05, 0.5, lanes)
        for scaled in {False, step == "normalized" and l2 > 0}:
            state = state_of(step, loss, rates, l1, l2, scaled)
            state.update(Block(as_storage(x, storage), signs if loss == "squared_error" else y, weight))
            coef, intercept = state.finish()
            for k in {0, lanes - 1}:
                walk = Walk(x.shape[1], step, loss, rates[k], l1, l2, scaled, storage[0] == "c")
                for v, label, h in zip(x.toarray(), signs, weight, strict=True):
                    walk.take(v, label, h)
                w = walk.solved() if step == "ftrl" else walk.w
                seen = x[[-1]].indices if storage[0] == "c" and (l1 or l2) and step != "ftrl" else slice(None)
                np.testing.assert_allclose(coef[k][seen], w[seen], rtol=3e-3, atol=5e-5 * np.abs(w).max())
                assert intercept[k] == pytest.approx(walk.b, rel=3e-3, abs=1e-4)


@steps
def test_a_lane_is_the_model_learned_alone(step):
    x, y, weight = rows_and_labels()
    rates = np.geomspace(0.05, 1, 8)
    for data in (as_storage(x, "csr32"), x.toarray()):
        together = state_of(step, "log_loss", rates, 1e-4, 1e-3)
        together.update(Block(data, y, weight))
        coef, _ = together.finish()
        for k in (0, 7):
            alone = state_of(step, "log_loss", rates[k : k + 1], 1e-4, 1e-3)
            alone.update(Block(data, y, weight))
            np.testing.assert_allclose(
                alone.finish()[0][0], coef[k], rtol=1e-3, atol=1e-5 * np.abs(coef[k]).max()
            )


@pytest.mark.parametrize("storage", ["csr32", "csr64"])
@pytest.mark.parametrize("loss", ["log_loss", "hinge", "squared_error"])
@pytest.mark.parametrize(("l1", "l2"), [(0, 0), (0, 1e-2), (2e-3, 1e-3)])
def test_a_lane_of_adagrad_is_the_model_learned_alone_to_the_bit(storage, loss, l1, l2):
    x, y, weight = rows_and_labels()
    x.data[::97] = 0.0  # explicit zeros change nothing
    data = as_storage(x, storage)
    for lanes in (2, 8, 20):
        rates = np.geomspace(0.05, 1, lanes)
        together = state_of("adagrad", loss, rates, l1, l2)
        together.update(Block(data, y, weight))
        coef, intercept = together.finish()
        assert len(np.unique(coef[:, 0])) == lanes
        for k in (0, lanes - 1):
            alone = state_of("adagrad", loss, rates[k : k + 1], l1, l2)
            alone.update(Block(data, y, weight))
            np.testing.assert_array_equal(alone.finish()[0][0], coef[k])
            assert alone.finish()[1][0] == intercept[k]


@steps
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_bits_do_not_depend_on_cuts_selection_or_storage_of_the_state(step, dense, loss):
    x, y, weight = rows_and_labels()
    x = x.toarray() if dense else x
    check_bits(lambda: state_of(step, loss, [0.05, 0.1, 0.2, 0.5], 1e-4, 1e-3), x, y, weight)


@pytest.mark.parametrize("dense", [False, True])
def test_units_change_nothing_in_normalised_steps(dense):
    x, y, weight = rows_and_labels()
    scales = 2.0 ** np.random.default_rng(2).integers(-10, 11, x.shape[1])
    a, b = (state_of("normalized", "log_loss", [0.5], 1e-4, 1e-3, scaled=True) for _ in range(2))
    a.update(Block(x.toarray() if dense else x, y, weight))
    rescaled = x.toarray() * scales
    b.update(Block(rescaled if dense else sp.csr_array(rescaled), y, weight))
    np.testing.assert_allclose(a.finish()[0], b.finish()[0] * scales, rtol=1e-3, atol=1e-6)


def test_ftrl_keeps_weights_at_exactly_zero():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 40))
    y = (x[:, :4] @ [2, -2, 1, -1] + rng.normal(size=5000) > 0).astype(float)
    state = state_of("ftrl", "log_loss", [0.2], 0.02, 0)
    for epoch in range(3):
        state.update(Block(sp.csr_array(x), y, order=np.random.default_rng(epoch).permutation(5000)))
    coef = state.finish()[0][0]
    assert (coef[:4] != 0).all()
    assert (coef[4:] == 0).mean() > 0.8


@steps
def test_states_merge_widen_and_take_new_rates(step):
    x, y, _ = rows_and_labels(2000)
    a, b = (state_of(step, "log_loss", [0.2], 0, 1e-4) for _ in range(2))
    a.update(Block(x[:1000], y[:1000]))
    b.update(Block(x[1000:, :25], y[1000:]))
    first = a.evaluate(Block(x, y))[0]
    a.merge(b)
    assert a.cols == 30
    assert a.evaluate(Block(x, y))[0] < 1.05 * first
    before = a.finish()[0]
    a.set_rates([0.05])
    np.testing.assert_allclose(a.finish()[0], before, rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="only Sgd states with the same loss"):
        a.merge(state_of("adagrad" if step == "ftrl" else "ftrl", "log_loss", [0.05], 0, 1e-4))
    if step != "normalized":
        with pytest.raises(ValueError, match="penalty_scale must be 'raw'"):
            state_of(step, "log_loss", [0.2], 0, 0, scaled=True)

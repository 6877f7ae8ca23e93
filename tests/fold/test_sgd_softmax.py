"""The softmax of Sgd's lanes against float64 walks of the same recurrences, and what models side by side promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from tests.fold.steps import as_storage
from tests.fold.test_sgd_adaptive import Walk
from tests.fold.test_sgd_plain import truncated

from esker.blocks import Block
from esker.folds import Sgd
from esker.learning_stream import Stream

storages = pytest.mark.parametrize("storage", ["csr32", "csr64", "dense32", "dense64"])


def labelled(n=300, d=25, classes=3, density=0.3, seed=0):
    """CSR rows, whose numbers are float32's, classes 0, 1, ... by a noisy linear rule, and weights."""
    rng = np.random.default_rng(seed)
    x = sp.random_array((n, d), density=density, rng=rng, format="csr", dtype=np.float64)
    x.data = rng.normal(size=x.nnz).astype(np.float32).astype(np.float64)
    scores = np.asarray(x @ rng.normal(size=(d, classes))) + 0.3 * rng.normal(size=(n, classes))
    return x, scores.argmax(axis=1).astype(np.float64), rng.integers(1, 4, n).astype(np.float64)


def softmax_of(classes, rates=(0.3,), l1=0.0, l2=0.0, order="class", **more):
    """A model at each rate; lanes lie class after class, or model after model."""
    lanes, of = np.repeat(np.arange(classes), len(rates)), np.tile(rates, classes)
    if order == "model":
        lanes, of = np.tile(np.arange(classes), len(rates)), np.repeat(rates, classes)
    n = len(lanes)
    more = {"penalty_scale": "feature" if more.get("step", "auto") == "auto" else "raw", **more}
    return Sgd("softmax", lanes, of, [l1] * n, [l2] * n, classes=True, **more)


def chances(p):
    e = np.exp(p - p.max())
    return e / e.sum()


def entropy(p, k):
    return np.logaddexp.reduce(p) - p[k]


def walked_plainly(x, y, weight, classes, rate, power, l1, l2, sparse):
    w, b, u = np.zeros((classes, x.shape[1])), np.zeros(classes), 0.0
    q, total = np.zeros_like(w), 0.0
    for t, (v, k, h) in enumerate(zip(x, y.astype(int), weight, strict=True), start=1):
        eta = rate * t**-power
        p = w @ v + b
        total += h * entropy(p, k)
        slope = chances(p) - np.eye(classes)[k]
        w = w * (1 - eta * l2) - eta * h * np.outer(slope, v)
        b = b - eta * (0.01 if sparse else 1.0) * h * slope
        u += eta * l1
        w, q = truncated(w, q, u, np.broadcast_to(v != 0 if sparse else np.ones_like(v, bool), w.shape))
    return truncated(w, q, u, np.ones_like(w, bool))[0], b, total / weight.sum()


@storages
@pytest.mark.parametrize(("l1", "l2"), [(0, 0), (0, 1e-2), (2e-3, 0), (1e-3, 1e-2)])
@pytest.mark.parametrize(("classes", "power"), [(3, 0.0), (5, 0.25), (19, 0.5)])
def test_plain_steps_follow_the_recurrence(storage, l1, l2, classes, power):
    x, y, weight = labelled(classes=classes)
    rates = (0.05, 0.3)
    state = softmax_of(classes, rates, l1, l2, step="plain", step_power=power)
    state.update(Block(as_storage(x, storage), y, weight))
    coef, intercept = state.finish()
    sums, total = state.loss_sums()
    for m, rate in enumerate(rates):
        mine = slice(m, None, len(rates))
        w, b, loss = walked_plainly(x.toarray(), y, weight, classes, rate, power, l1, l2, storage[0] == "c")
        np.testing.assert_allclose(coef[mine], w, rtol=1e-3, atol=2e-5 * max(1.0, np.abs(w).max()))
        np.testing.assert_allclose(intercept[mine], b, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(sums[mine] / total, loss, rtol=1e-5)


class Lane(Walk):
    """A class's walk, whose slope comes from all of them."""

    now = 0.0

    def slope(self, p, y):
        return self.now

    def score(self, v):
        w = self.solved() if self.step == "ftrl" else self.w
        if self.step == "normalized":
            shrunk = np.divide(self.largest, np.abs(v), out=np.ones_like(v), where=np.abs(v) > self.largest)
            w = w * shrunk
        return float(v @ w + self.b)


@storages
@pytest.mark.parametrize("step", ["adagrad", "normalized", "ftrl"])
@pytest.mark.parametrize(("l1", "l2"), [(0, 0), (2e-3, 1e-3)])
def test_adaptive_steps_follow_the_recurrence(storage, step, l1, l2):
    x, y, weight = labelled()
    state = softmax_of(3, (0.1, 0.4), l1, l2, step=step)
    state.update(Block(as_storage(x, storage), y, weight))
    coef, intercept = state.finish()
    lanes = [Lane(x.shape[1], step, "softmax", 0.4, l1, l2, False, storage[0] == "c") for _ in range(3)]
    for v, k, h in zip(x.toarray(), y.astype(int), weight, strict=True):
        slopes = chances(np.array([lane.score(v) for lane in lanes])) - np.eye(3)[k]
        for lane, slope in zip(lanes, slopes, strict=True):
            lane.now = slope
            lane.take(v, 0.0, h)
    seen = np.unique(x[[-1]].indices)  # settled just now: finish() takes what others owe of a penalty
    for k, lane in enumerate(lanes):
        w = lane.solved() if step == "ftrl" else lane.w
        at = seen if (l1 or l2) and storage[0] == "c" and step != "ftrl" else slice(None)
        np.testing.assert_allclose(coef[2 * k + 1][at], w[at], rtol=2e-3, atol=5e-5)
        assert intercept[2 * k + 1] == pytest.approx(lane.b, rel=1e-3, abs=1e-4)


def walked_by_scale_free_steps(x, y, weight, classes, rate, l2):
    """csrc/fold/sgd.hpp's recurrence for CSR rows, of all classes at once."""
    w, h = np.zeros((classes, x.shape[1])), np.full((classes, x.shape[1]), 1e-37)
    last, b, bh = np.zeros(x.shape[1]), np.zeros(classes), np.zeros(classes)
    rows = nonzeros = total = 0.0
    for i in range(x.shape[0]):
        j, v = x[[i]].indices, x[[i]].data
        k, g = int(y[i]), weight[i]
        p = w[:, j] @ v + b
        total += g * entropy(p, k)
        slope = chances(p) - np.eye(classes)[k]
        rows, nonzeros = rows + g, nonzeros + g * len(j)
        e = rate / np.sqrt(max(1.0, nonzeros / rows))
        gap, last[j] = i + 1 - last[j], i + 1
        before = h[:, j]
        h[:, j] = before + g * (slope[:, None] * v**2) ** 2
        root = np.sqrt(h[:, j])
        kept = np.where(h[:, j] > 16 * before, 0.0, w[:, j])
        w[:, j] = (kept * root - e * g * slope[:, None] * v) / (root + e * l2 * gap * v**2)
        bh += g * slope**2
        b -= rate * g * slope / np.sqrt(bh)
    return w, b, total / rows


@pytest.mark.parametrize("storage", ["csr32", "csr64"])
@pytest.mark.parametrize("l2", [0.0, 1e-2])
@pytest.mark.parametrize(("classes", "models"), [(3, 1), (4, 2), (8, 1), (20, 2), (1000, 1)])
def test_scale_free_steps_follow_the_recurrence(storage, l2, classes, models):
    x, y, weight = labelled(n=60 if classes == 1000 else 300, classes=classes)
    rates = (0.2, 0.5)[:models]
    state = softmax_of(classes, rates, 0.0, l2)
    state.update(Block(as_storage(x, storage), y, weight))
    coef, intercept = state.finish()
    sums, total = state.loss_sums()
    for m, rate in enumerate(rates):
        w, b, loss = walked_by_scale_free_steps(x, y, weight, classes, rate, l2)
        mine = slice(m, None, models)
        np.testing.assert_allclose(coef[mine], w, rtol=5e-3, atol=5e-5 * np.abs(w).max())
        np.testing.assert_allclose(intercept[mine], b, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(sums[mine] / total, loss, rtol=1e-4)


@storages
@pytest.mark.parametrize("step", ["auto", "plain", "adagrad", "normalized", "ftrl", "coin"])
def test_a_model_is_the_one_learned_alone_wherever_its_lanes_lie(storage, step):
    x, y, weight = labelled(classes=5, density=0.5)
    block = Block(as_storage(x, storage), y, weight)
    rates = (0.01, 0.05, 0.2)
    apart, mixed = (softmax_of(5, rates, step=step, order=order) for order in ("model", "class"))
    for state in (apart, mixed):
        state.update(block)
    for m, rate in enumerate(rates):
        alone = softmax_of(5, (rate,), step=step)
        alone.update(block)
        for together, lanes in ((apart, np.arange(5) + 5 * m), (mixed, 3 * np.arange(5) + m)):
            chosen = together.select(lanes.tolist())
            chosen.update(block)
            more = alone.copy()
            more.update(block)
            for a, b in ((together.finish(), alone.finish()), (chosen.finish(), more.finish())):
                mine = lanes if a[0].shape[0] > 5 else slice(None)
                if storage[0] == "c" and step in ("auto", "plain"):
                    np.testing.assert_array_equal(a[0][mine], b[0])
                    np.testing.assert_array_equal(a[1][mine], b[1])
                else:
                    np.testing.assert_allclose(a[0][mine], b[0], rtol=1e-2, atol=1e-4 * np.abs(b[0]).max())


@given(
    cuts=st.lists(st.integers(0, 120), max_size=6),
    dense=st.booleans(),
    step=st.sampled_from(["auto", "plain", "adagrad", "normalized", "ftrl", "coin"]),
    classes=st.integers(2, 20),
    average=st.booleans(),
)
def test_bits_do_not_depend_on_cuts_nor_on_going_through_arrays(cuts, dense, step, classes, average):
    x, y, weight = labelled(n=120, d=7, classes=classes)
    x = as_storage(x, "dense32" if dense else "csr32")
    whole, cut = (softmax_of(classes, (0.1, 0.5), step=step) for _ in range(2))
    if average and step in ("auto", "plain", "adagrad"):
        for state in (whole, cut):
            state.set_average(10)
    whole.update(Block(x, y, weight))
    ends = [0, *sorted(cuts), 120]
    for a, b in itertools.pairwise(ends):
        cut.update(Block(x[a:b], y[a:b], weight[a:b], first_key=a))
        cut = Sgd.from_arrays(cut.to_arrays())
    for name, array in whole.to_arrays().items():
        np.testing.assert_array_equal(array, cut.to_arrays()[name], err_msg=name)


@storages
def test_losses_and_errors_of_rows_are_their_models(storage):
    x, y, weight = labelled(classes=4)
    state = softmax_of(4, (0.02, 0.5))
    block = Block(as_storage(x, storage), y, weight)
    state.update(block)
    coef, intercept = state.finish()
    loss, total, errors = state.evaluate(block)
    _, _, summed = state.row_losses(block, apart=False)
    _, _, each = state.row_losses(block, apart=True)
    assert total == weight.sum()
    for m in range(2):
        p = x.toarray() @ coef[m::2].T + intercept[m::2]
        of_rows = np.array([entropy(row, k) for row, k in zip(p, y.astype(int), strict=True)])
        np.testing.assert_allclose(each[:, m::2], np.repeat(of_rows[:, None], 4, axis=1), rtol=1e-4)
        np.testing.assert_allclose(loss[m::2], weight @ of_rows, rtol=1e-4)
        assert (errors[m::2] == weight @ (p.argmax(axis=1) != y)).all()
    np.testing.assert_allclose(summed[:, 0], each.sum(axis=1))
    assert len(np.unique(loss[::2])) == 1  # to the bit, so that a race chooses whole models


@given(
    scores=st.lists(st.floats(-800, 800), min_size=3, max_size=12),
    own=st.integers(0, 2),
    weight=st.floats(1e-3, 1e9),
    rate=st.floats(1e-3, 1e6),
    step=st.sampled_from(["auto", "plain", "adagrad", "normalized", "ftrl"]),
)
def test_a_step_lowers_its_rows_loss_however_large(scores, own, weight, rate, step):
    """Whatever the scores are; a row of one feature, whose value is 1, beside an intercept."""
    n, x = len(scores), np.ones((1, 1), dtype=np.float32)
    state = softmax_of(n, (rate,), step="plain")
    state.start_from(np.zeros((n, 1)), np.array(scores), dense=True)
    if step != "plain":
        arrays = softmax_of(n, (rate,), step=step)
        arrays.update(
            Block(x, np.array([float(own)]), np.zeros(1))
        )  # a row of no weight, so that the tables are there
        told = arrays.to_arrays()
        told["bias"] = np.array(scores)
        state = Sgd.from_arrays(told)
    block = Block(x, np.array([float(own)]), np.array([weight]))
    before = state.evaluate(block)[0][0] / weight
    assert before == pytest.approx(entropy(np.array(scores), own), rel=1e-9, abs=1e-9)
    state.update(block)
    assert state.evaluate(block)[0][0] / weight <= before * (1 + 1e-6) + 1e-9
    assert state.is_finite().all() or step == "plain" or rate * weight > 1e9


def test_one_lane_is_the_log_loss():
    x, y, weight = labelled(classes=2)
    pair = [Sgd(loss, [1, 1], [0.1, 0.5], classes=True) for loss in ("softmax", "log_loss")]
    for state in pair:
        state.update(Block(x, y, weight))
    np.testing.assert_array_equal(pair[0].finish()[0], pair[1].finish()[0])
    np.testing.assert_array_equal(pair[0].loss_sums()[0], pair[1].loss_sums()[0])
    assert pair[0].loss == ("softmax", 0.0)


def test_two_lanes_are_twice_the_log_loss():
    """Their difference is the log loss's score, at twice the rate of each."""
    x, y, weight = labelled(classes=2)
    two = softmax_of(2, (0.05,), step="plain")
    one = Sgd("log_loss", [1], [0.1], classes=True, penalty_scale="raw", step="plain")
    for state in (two, one):
        state.update(Block(x, y, weight))
    coef, intercept = two.finish()
    np.testing.assert_allclose(coef[1] - coef[0], one.finish()[0][0], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(intercept[1] - intercept[0], one.finish()[1][0], rtol=1e-4)
    np.testing.assert_allclose(two.loss_sums()[0], one.loss_sums()[0][0], rtol=1e-5)


def test_a_model_is_finite_where_all_its_lanes_are():
    x, y, weight = labelled()
    state = softmax_of(3, (0.1, 0.5))
    state.update(Block(x, y, weight))
    arrays = state.to_arrays()
    arrays["bias"][2] = np.inf  # class 1 of the first model
    assert Sgd.from_arrays(arrays).is_finite().tolist() == [False, True] * 3


def test_a_model_that_diverges_leaves_the_race_whole():
    x, y, weight = labelled(n=5000, density=0.9)
    stream = Stream(softmax_of(3, (0.01, 3e38), step="plain"))
    stream.take(Block(x, y, weight), 0, 5000, "rows")
    assert stream.events == [{"rows": 4096, "event": "dropped", "lanes": [1, 3, 5]}]
    assert stream.state.targets.tolist() == [0, 1, 2]
    assert not stream.racing


def test_refusals():
    x, y, weight = labelled()
    with pytest.raises(
        ValueError, match=r"as many lanes of one class as of another, got 2 of class 0 and 1 of class 1"
    ):
        Sgd("softmax", [0, 0, 1], [0.1] * 3, classes=True)
    with pytest.raises(ValueError, match="learns classes"):
        Sgd("softmax", [0, 1, 2], [0.1] * 3)
    with pytest.raises(ValueError, match=r"needs a lane for every class, got class 2 in .*row"):
        softmax_of(2).update(Block(x, y, weight))
    state = softmax_of(2)
    state.update(Block(x, y, np.where(y < 2, weight, 0.0)))  # rows of no weight are no rows
    with pytest.raises(ValueError, match="must be one of"):
        Sgd("sofmax", [0], [0.1])

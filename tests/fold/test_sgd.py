"""Sgd against a float64 walk of the same recurrence, and the promises of lanes, cuts, layouts and long walks."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from tests.fold.steps import check_bits

from esker._native import core
from esker.blocks import Block
from esker.folds import Sgd


def sparse_rows(n=300, d=40, seed=0, dtype=np.float32, index=np.int32):
    rng = np.random.default_rng(seed)
    x = sp.random_array((n, d), density=0.2, rng=rng, format="csr", dtype=np.float64)
    x.data = (
        (rng.normal(size=x.nnz) * 10.0 ** rng.integers(-2, 3, d)[x.indices]).astype(np.float32).astype(dtype)
    )
    x.indices, x.indptr = x.indices.astype(index), x.indptr.astype(index)
    y = (np.asarray(x @ (1 / (1 + np.arange(d)))) + 0.1 * rng.normal(size=n) > 0).astype(np.float64)
    return x, y, rng.integers(1, 4, n).astype(np.float64)


def reference(x, y, weight, loss, rate, l1, l2, scaled, intercept=True):
    """The recurrence of csrc/fold/sgd.hpp for CSR rows and classes, in float64, one model."""
    d = x.shape[1]
    w, h, last, b, bh = np.zeros(d), np.full(d, 1e-37), np.zeros(d), 0.0, 0.0
    rows_weight = nonzeros = total = 0.0
    for i in range(x.shape[0]):
        j = x.indices[x.indptr[i] : x.indptr[i + 1]]
        v = x.data[x.indptr[i] : x.indptr[i + 1]].astype(np.float64)
        label = 1.0 if y[i] == 1 else -1.0
        p = v @ w[j] + b
        margin = p * label
        if loss == "log_loss":
            slope, value = -label / (1 + np.exp(margin)), np.logaddexp(0, -margin)
        else:
            slope, value = (-label if margin < 1 else 0.0), max(0.0, 1 - margin)
        total += weight[i] * value
        rows_weight += weight[i]
        nonzeros += weight[i] * len(j)
        if slope == 0 and l1 == l2 == 0:
            continue
        e = rate / np.sqrt(max(1.0, nonzeros / rows_weight))
        gap = (i + 1) - last[j]
        last[j] = i + 1
        before = h[j].copy()
        h[j] += weight[i] * (slope * v * v) ** 2
        w[j[h[j] > 16 * before]] = 0
        root = np.sqrt(h[j])
        top = w[j] * root - e * weight[i] * slope * v
        top = np.sign(top) * np.maximum(0, np.abs(top) - e * l1 * gap * (np.abs(v) if scaled else 1))
        w[j] = top / (root + e * l2 * gap * (v * v if scaled else 1))
        if intercept and slope:
            bh += weight[i] * slope**2
            b -= rate * weight[i] * slope / np.sqrt(bh)
    return w, b, total / rows_weight


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize(("l1", "l2"), [(0, 0), (0, 1e-2), (1e-3, 1e-3)])
@pytest.mark.parametrize("scale", ["feature", "raw"])
@pytest.mark.parametrize(("dtype", "index"), [(np.float32, np.int32), (np.float64, np.int64)])
def test_follows_the_recurrence(loss, l1, l2, scale, dtype, index):
    x, y, weight = sparse_rows(dtype=dtype, index=index)
    for lanes in (1, 3, 8, 20):
        rates = np.linspace(0.1, 1, lanes)
        state = Sgd(loss, [1] * lanes, rates, [l1] * lanes, [l2] * lanes, classes=True, penalty_scale=scale)
        state.update(Block(x, y, weight))
        coef, intercept = state.finish()
        sums, total = state.loss_sums()
        for k in {0, lanes - 1}:
            w, b, mean_loss = reference(x, y, weight, loss, rates[k], l1, l2, scale == "feature")
            if scale == "raw" and (l1 or l2):
                seen = np.unique(
                    x.indices[x.indptr[-2] :]
                )  # settled just now; others owe a penalty that finish() applies
                np.testing.assert_allclose(coef[k][seen], w[seen], rtol=2e-3, atol=2e-5 * np.abs(w).max())
            else:
                np.testing.assert_allclose(coef[k], w, rtol=2e-3, atol=2e-5 * np.abs(w).max())
            assert intercept[k] == pytest.approx(b, rel=1e-3, abs=1e-4)
            assert sums[k] / total == pytest.approx(mean_loss, rel=1e-4)


def rows_of_every_length(dtype=np.float32, index=np.int32):
    rng = np.random.default_rng(7)
    lengths = rng.permutation(np.repeat(np.arange(52), 6))
    columns = np.concatenate([rng.permutation(60)[:n] for n in lengths])
    data = (rng.normal(size=columns.size) * 2.0 ** (columns % 5)).astype(np.float32).astype(dtype)
    ends = np.r_[0, np.cumsum(lengths)]
    x = sp.csr_array((data, columns.astype(index), ends.astype(index)), shape=(lengths.size, 60))
    y = (np.asarray(x @ (1 / (1 + np.arange(60)))) + 0.1 * rng.normal(size=lengths.size) > 0).astype(
        np.float64
    )
    return x, y, rng.integers(0, 3, lengths.size).astype(np.float64)


@pytest.mark.parametrize(("l1", "l2"), [(0, 0), (0, 1e-2), (1e-3, 1e-3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_a_single_lane_follows_the_recurrence_on_rows_of_every_length(l1, l2, dtype, index):
    x, y, weight = rows_of_every_length(dtype, index)
    state = Sgd("log_loss", [1], [0.5], [l1], [l2], classes=True)
    state.update(Block(x, y, weight))
    seen = weight > 0
    w, b, mean_loss = reference(x[seen], y[seen], weight[seen], "log_loss", 0.5, l1, l2, True)
    coef, intercept = state.finish()
    np.testing.assert_allclose(coef[0], w, rtol=2e-3, atol=2e-5 * np.abs(w).max())
    assert intercept[0] == pytest.approx(b, rel=1e-3, abs=1e-4)
    sums, total = state.loss_sums()
    assert sums[0] / total == pytest.approx(mean_loss, rel=1e-4)


def test_a_lane_of_dense_rows_is_the_model_learned_alone():
    x, y, weight = sparse_rows()
    rates = np.geomspace(0.05, 1, 8)
    together = Sgd("log_loss", [1] * 8, rates, None, [1e-3] * 8, classes=True)
    together.update(Block(x.toarray(), y, weight))
    coef, _ = together.finish()
    for k in range(8):
        alone = Sgd("log_loss", [1], rates[k : k + 1], None, [1e-3], classes=True)
        alone.update(Block(x.toarray(), y, weight))
        np.testing.assert_allclose(
            alone.finish()[0][0], coef[k], rtol=2e-4, atol=1e-5 * np.abs(coef[k]).max()
        )


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("penalties", [(0.0, 0.0), (0.0, 1e-3), (1e-3, 1e-4)])
@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge", "hinge"])
def test_a_lane_of_sparse_rows_is_the_model_learned_alone_to_the_bit(loss, penalties, index):
    x, y, weight = rows_of_every_length(np.float32, index)
    x.data[::97] = 0.0  # explicit zeros change nothing
    for scale in ("feature", "raw"):
        for lanes in (2, 4, 8, 16, 20):
            rates = np.geomspace(0.05, 1, lanes)
            l1, l2 = ([p] * lanes for p in penalties)
            together = Sgd(loss, [1] * lanes, rates, l1, l2, classes=True, penalty_scale=scale)
            together.update(Block(x, y, weight))
            coef, intercept = together.finish()
            assert np.isfinite(coef).all()
            assert len(np.unique(coef[:, 0])) == lanes
            for k in (0, lanes - 1):
                alone = Sgd(loss, [1], rates[k : k + 1], l1[:1], l2[:1], classes=True, penalty_scale=scale)
                alone.update(Block(x, y, weight))
                np.testing.assert_array_equal(alone.finish()[0][0], coef[k])
                assert alone.finish()[1][0] == intercept[k]


@pytest.mark.parametrize("loss", ["squared_error", "huber", "quantile"])
@pytest.mark.parametrize("lanes", [2, 4, 5, 20])
def test_lanes_of_any_width_see_a_target_find_its_scale(loss, lanes):
    rng = np.random.default_rng(0)
    x = sp.csr_array(rng.standard_normal((600, 20)) * (rng.random((600, 20)) < 0.4) * 0.05)
    y = 3 + x @ rng.standard_normal(20) * 50 + rng.standard_normal(600)
    parameter = {"huber": 1.0, "quantile": 0.3}.get(loss, 0.0)
    several = Sgd(loss, [0] * lanes, [0.1] * lanes, None, [1e-2] * lanes, loss_parameter=parameter)
    alone = Sgd(loss, [0], [0.1], None, [1e-2], loss_parameter=parameter)
    for state in (several, alone):
        state.update(Block(x, y))
    coef, intercept = several.finish()
    own, level = alone.finish()
    np.testing.assert_allclose(coef, np.repeat(own, lanes, axis=0), rtol=1e-4, atol=1e-5 * np.abs(own).max())
    np.testing.assert_allclose(intercept, np.repeat(level, lanes), rtol=1e-5)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize(
    "loss", ["log_loss", "squared_error", "huber", "quantile", "poisson", "modified_huber"]
)
def test_bits_do_not_depend_on_cuts_or_selection(dense, loss):
    x, y, weight = sparse_rows()
    x = x.toarray() if dense else x
    classes = loss in ("log_loss", "modified_huber")
    parameter = {"huber": 0.3, "quantile": 0.8}.get(loss, 0.0)

    def make():
        rates = [0.1, 0.2, 0.5, 1]
        return Sgd(
            loss, [int(classes)] * 4, rates, None, [1e-3] * 4, classes=classes, loss_parameter=parameter
        )

    check_bits(make, x, y, weight)


def test_order_visits_rows():
    x, y, weight = sparse_rows()
    order = np.random.default_rng(1).permutation(len(y))
    a = Sgd("hinge", [1], [0.5], classes=True)
    b = Sgd("hinge", [1], [0.5], classes=True)
    a.update(Block(x, y, weight, order=order))
    b.update(Block(x[order], y[order], weight[order]))
    np.testing.assert_array_equal(a.finish()[0], b.finish()[0])


def test_units_of_features_change_nothing():
    x, y, weight = sparse_rows()
    scales = (2.0 ** np.random.default_rng(2).integers(-10, 11, x.shape[1])).astype(np.float32)
    for data, rescaled in ((x, x.multiply(scales).tocsr()), (x.toarray(), x.toarray() * scales)):
        a, b = (Sgd("log_loss", [1], [0.5], None, [1e-3], classes=True) for _ in range(2))
        a.update(Block(data, y, weight))
        b.update(Block(rescaled.astype(np.float32), y, weight))
        np.testing.assert_allclose(a.finish()[0], b.finish()[0] * scales, rtol=1e-3, atol=1e-6)


def test_explicit_zeros_and_rows_of_weight_zero_change_nothing():
    x, y, weight = sparse_rows()
    full = sp.csr_array(
        (
            x.toarray().ravel(),
            np.tile(np.arange(40, dtype=np.int32), 300),
            np.arange(0, 12001, 40, dtype=np.int32),
        ),
        shape=x.shape,
    )
    for lanes in (1, 4, 8):
        a, b = (
            Sgd("log_loss", [1] * lanes, [0.5] * lanes, None, [1e-3] * lanes, classes=True) for _ in range(2)
        )
        a.update(Block(x, y, weight))
        b.update(Block(full, y, weight))
        np.testing.assert_allclose(a.finish()[0], b.finish()[0], rtol=1e-5, atol=1e-9)
    before = a.finish()
    a.update(Block(x, y, np.zeros(300)))
    np.testing.assert_array_equal(a.finish()[0], before[0])


def test_dense_and_sparse_blocks_may_mix():
    x, y, weight = sparse_rows()
    state = Sgd("log_loss", [1], [0.5], classes=True)
    state.update(Block(x, y, weight))
    other = state.copy()
    state.update(Block(x, y, weight))
    other.update(Block(x.toarray(), y, weight))
    np.testing.assert_allclose(state.finish()[0], other.finish()[0], rtol=1e-5, atol=1e-7)
    dense = Sgd("log_loss", [1], [0.5], classes=True)
    dense.update(Block(x.toarray(), y, weight))
    twin = dense.copy()
    dense.update(Block(x.toarray(), y, weight))
    twin.update(Block(x, y, weight))
    np.testing.assert_array_equal(dense.finish()[0], twin.finish()[0])


def test_squared_loss_reaches_the_least_squares_solution():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20000, 8)) * 10.0 ** np.arange(-4, 4) + 100.0 * 10.0 ** np.arange(-4, 4)
    w = rng.normal(size=8) / 10.0 ** np.arange(-4, 4)
    y = 1e5 + 1e3 * (x @ w) + 1e3 * rng.normal(size=20000)
    state = Sgd("squared_error", [0], [0.1])
    for epoch in range(5):
        state.update(Block(x, y, order=np.random.default_rng(epoch).permutation(20000)))
    coef, intercept = state.finish()
    noise = np.mean((y - x @ coef[0] - intercept[0]) ** 2)
    assert noise < 1.01 * np.linalg.lstsq(np.c_[x, np.ones(len(x))], y)[1][0] / len(x)


def test_sums_do_not_stall_in_ten_to_the_eighth_equal_steps():
    n = 1 << 20
    x = sp.csr_array(
        (np.ones(n, np.float32), np.zeros(n, np.int32), np.arange(n + 1, dtype=np.int32)), shape=(n, 1)
    )
    block = Block(x, np.ones(n))
    state = Sgd("log_loss", [1], [1e-9], fit_intercept=False, classes=True)  # so slow that slopes stay 1/2
    while state.rows < 10**8:
        state.update(block)
    accumulator = float(state.to_arrays()["w"][1])
    assert accumulator == pytest.approx(
        state.rows / 4, rel=0.02
    )  # 1/4 a step; adding one by one ends at 2^22
    assert np.float32(accumulator) + np.float32(0.25) == np.float32(accumulator)


def models_of_all_kinds():
    """Coefficients of a lane alone and of several, of each loss, with each penalty, and of each step."""
    for x, y, weight in (sparse_rows(), rows_of_every_length(np.float32, np.int64)):
        for lanes in (1, 4, 8):
            for loss in ("log_loss", "squared_error", "poisson", "tweedie"):
                for l1, l2 in ((0.0, 0.0), (0.0, 1e-3), (1e-3, 1e-3)):
                    classes = loss == "log_loss"
                    rates = np.linspace(0.1, 0.5, lanes)
                    parameter = 1.5 if loss == "tweedie" else 0.0
                    s = Sgd(
                        loss, [int(classes)] * lanes, rates, [l1] * lanes, [l2] * lanes,
                        classes=classes, loss_parameter=parameter,
                    )  # fmt: skip
                    s.update(Block(x, y, weight))
                    yield s.finish()[0]
            for step in ("plain", "adagrad", "normalized", "ftrl", "coin"):
                for data in (x, x.toarray()):
                    penalty = [0.0 if step == "coin" else 1e-3] * lanes
                    s = Sgd(
                        "log_loss", [1] * lanes, [0.1] * lanes, penalty, penalty,
                        classes=True, penalty_scale="raw", step=step,
                    )  # fmt: skip
                    s.update(Block(data, y, weight))
                    yield s.finish()[0]


@pytest.mark.parametrize("isa", core.config()["isas_available"])
def test_every_instruction_set_gives_the_same_model(isa, tmp_path):
    code = (
        "import sys, types; sys.path.insert(0, sys.argv[2]); sys.modules['tests'] = types.ModuleType('tests')\n"
        "sys.modules['tests'].__path__ = [sys.argv[3]]  # whatever else has that name in site-packages\n"
        "import numpy as np; from test_sgd import *\n"
        "np.savez(sys.argv[1], *models_of_all_kinds())"
    )
    path = tmp_path / "models.npz"
    here = os.path.dirname(__file__)
    subprocess.run(
        [sys.executable, "-c", code, str(path), here, os.path.dirname(here)],
        check=True,
        env={**os.environ, "ESKER_ISA": isa},
    )
    with np.load(path) as there:
        for coef, other in zip(models_of_all_kinds(), there.values(), strict=True):
            np.testing.assert_allclose(other, coef, rtol=3e-3, atol=1e-5 * np.abs(coef).max())


def test_one_vs_rest_and_several_targets():
    x, _, weight = sparse_rows()
    three = np.digitize(np.asarray(x.sum(axis=1)).ravel(), [-1, 1]).astype(np.float64)
    state = Sgd("log_loss", [0, 1, 2], [0.5] * 3, classes=True)
    state.update(Block(x, three, weight))
    for c in range(3):
        one = Sgd("log_loss", [1], [0.5], classes=True)
        one.update(Block(x, (three == c).astype(float), weight))
        np.testing.assert_allclose(one.finish()[0][0], state.finish()[0][c], rtol=1e-4, atol=1e-6)
    z = np.asarray(x.sum(axis=1)).ravel()
    targets = np.c_[z, 2 * z + 3]
    state = Sgd("squared_error", [0, 1], [0.1, 0.1])
    state.update(Block(x, targets))
    coef, _ = state.finish()
    np.testing.assert_allclose(coef[1], 2 * coef[0], rtol=1e-3, atol=1e-3 * np.abs(coef[1]).max())


def test_merge_widen_and_refusals():
    x, y, _ = sparse_rows(n=2000)
    a, b = (Sgd("log_loss", [1], [0.5], classes=True) for _ in range(2))
    a.update(Block(x[:1000], y[:1000]))
    b.update(Block(x[1000:, :30], y[1000:]))
    first = a.evaluate(Block(x, y))[0]
    a.merge(b)
    assert a.rows == 2000
    assert a.cols == 40
    assert a.evaluate(Block(x, y))[0] < 1.05 * first
    fresh = Sgd("log_loss", [1], [0.5], classes=True)
    fresh.merge(a)
    np.testing.assert_array_equal(fresh.finish()[0], a.finish()[0])
    with pytest.raises(ValueError, match="only Sgd states with the same loss"):
        a.merge(Sgd("hinge", [1], [0.5], classes=True))
    with pytest.raises(ValueError, match="rate must be positive"):
        Sgd("hinge", [1], [0.0], classes=True)
    with pytest.raises(ValueError, match="loss must be"):
        Sgd("absolute", [0], [1.0])
    with pytest.raises(ValueError, match="counts or amounts, not classes"):
        Sgd("poisson", [1], [1.0], classes=True)
    with pytest.raises(ValueError, match="with another parameter"):
        Sgd("quantile", [0], [1.0], loss_parameter=0.5).merge(Sgd("quantile", [0], [1.0], loss_parameter=0.6))
    with pytest.raises(ValueError, match="needs y"):
        a.update(Block(x))
    with pytest.raises(ValueError, match="columns, the state has seen"):
        a.evaluate(Block(sp.csr_array((1, 50), dtype=np.float32), np.zeros(1)))


@pytest.mark.parametrize("n", [1, 5, 100])
def test_exponentials(n):
    # through the log loss of known margins: value and slope are exp_n and log1p_n
    margins = np.linspace(-30, 30, n)
    x = margins.reshape(-1, 1)
    state = Sgd("log_loss", [1], [1e-30], fit_intercept=False, classes=True)
    state.update(Block(np.ones((1, 1)), np.ones(1)))
    arrays = state.to_arrays()
    arrays["w"][0] = 1.0
    state = Sgd.from_arrays(arrays)
    total = state.evaluate(Block(x, np.ones(n)))[0][0]
    assert total == pytest.approx(
        np.logaddexp(0, -margins.astype(np.float32).astype(np.float64)).sum(), rel=1e-12
    )

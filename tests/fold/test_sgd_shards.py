"""Several learners share the rows: what they changed adds up, whatever the threads and the cuts."""

import numpy as np
import pytest
import scipy.sparse as sp

from esker._native import threads
from esker.blocks import Block
from esker.folds import Sgd

SETTLED, COLS = 1 << 16, 40


def some_rows(n, dense, seed):
    rng = np.random.default_rng(seed)
    x = sp.random_array((n, COLS), density=0.1, rng=rng, format="csr", dtype=np.float32)
    x.data = rng.normal(size=x.nnz).astype(np.float32)
    y = (np.asarray(x @ rng.normal(size=COLS)) + rng.normal(size=n) > 0).astype(np.float64)
    return (x.toarray() if dense else x), y


def settled(kind, rate=0.1):
    """A state that has learned from the first rows."""
    lanes, l2 = {
        "one": (1, 0.0),
        "penalty": (1, 1e-3),
        "four": (4, 1e-3),
        "wide": (9, 0.0),
        "dense": (1, 1e-3),
    }[kind]
    state = Sgd(
        "log_loss", [1] * lanes, np.linspace(rate, 0.5, lanes), np.zeros(lanes), np.full(lanes, l2),
        classes=True,
    )  # fmt: skip
    state.update(Block(*some_rows(SETTLED, kind == "dense", 0)))
    return state


KINDS = ["one", "penalty", "four", "wide", "dense"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_learners_changed_is_added_up(kind):
    # Of float64 sums of the coefficients of learners that know nothing of each other.
    state = settled(kind)
    x, y = some_rows(300, kind == "dense", 1)
    alone = [state.copy() for _ in range(3)]
    for k, learner in enumerate(alone):
        learner.update(Block(x[100 * k : 100 * (k + 1)], y[100 * k : 100 * (k + 1)]))
    before = state.finish()
    state.update_shards(Block(x, y), 0, 300, 0, 3, 100)
    for part in (0, 1):
        expected = before[part] + sum(a.finish()[part] - before[part] for a in alone)
        np.testing.assert_allclose(state.finish()[part], expected, rtol=2e-4, atol=2e-5)
    assert (state.rows, state.steps) == (SETTLED + 300, SETTLED + 300)
    loss, weight = state.loss_sums()
    np.testing.assert_allclose(loss, sum(a.loss_sums()[0] for a in alone) - 2 * settled(kind).loss_sums()[0])
    assert weight == SETTLED + 300


@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_depend_on_rounds_alone(kind):
    start = settled(kind)
    x, y = some_rows(1000, kind == "dense", 2)
    block = Block(x, y, order=np.random.default_rng(0).permutation(1000))
    whole, pieces, one_thread = start.copy(), start.copy(), start.copy()
    at = 37 * 64  # within a round: the first one is short
    whole.update_shards(block, 0, 1000, at, 2, 64)
    for a, b in ((0, 64), (64, 448), (448, 1000)):
        pieces.update_shards(block, a, b, at + a, 2, 64)
    with threads(1):
        one_thread.update_shards(block, 0, 1000, at, 2, 64)
    for name, array in whole.to_arrays().items():
        np.testing.assert_array_equal(array, pieces.to_arrays()[name], err_msg=name)
        np.testing.assert_array_equal(array, one_thread.to_arrays()[name], err_msg=name)


def test_penalties_are_settled_as_often_as_by_one_learner():
    # Rows without labels to learn from but a penalty: the weights shrink by as many steps.
    state = settled("penalty")
    x = sp.csr_array(np.eye(COLS, dtype=np.float32)[np.arange(400) % COLS])
    y = np.ones(400)
    shared = state.copy()
    state.update(Block(x, y))
    shared.update_shards(Block(x, y), 0, 400, 0, 2, 100)
    np.testing.assert_allclose(shared.finish()[0], state.finish()[0], rtol=0.02, atol=0.01)


def test_rows_between_meetings_follow_from_the_shape():
    state = settled("one")
    assert state.shard_rows == 128
    state.widen(5_000)
    assert state.shard_rows == 4096
    state.widen(1 << 20)
    assert state.shard_rows == 0  # meetings would cost more than they bring
    assert settled("dense").shard_rows == 1024
    assert settled("dense", 2.0).shard_rows == 256  # learners would all correct the same error
    fresh = Sgd("log_loss", [1], [0.5], classes=True)
    assert fresh.shard_rows == 0


def test_learners_share_rows_once_scales_are_settled():
    x, y = some_rows(10, False, 0)
    with pytest.raises(ValueError, match="once it has learned from 65536 rows"):
        Sgd("log_loss", [1], [0.5], classes=True).update_shards(Block(x, y), 0, 10, 0, 2, 5)
    plain = Sgd("log_loss", [1], [0.5], classes=True, step="plain", penalty_scale="raw")
    plain.update(Block(*some_rows(SETTLED, False, 0)))
    with pytest.raises(ValueError, match="by step 'auto' and the log loss"):
        plain.update_shards(Block(x, y), 0, 10, 0, 2, 5)
    hinge = Sgd("hinge", [1], [0.5], classes=True)
    hinge.update(Block(*some_rows(SETTLED, False, 0)))
    assert hinge.shard_rows == 0
    state = settled("one")
    with pytest.raises(ValueError, match="must be positive"):
        state.update_shards(Block(x, y), 0, 10, 0, 2, 0)


@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_two_learners_are_as_good_as_one(rate):
    x, y = some_rows(1 << 16, True, 3)
    shared, alone = settled("dense", rate), settled("dense", rate)
    shared.update_shards(Block(x, y), 0, len(y), SETTLED, 2, shared.shard_rows)
    alone.update(Block(x, y))
    test = Block(*some_rows(20_000, True, 4))
    losses = [s.evaluate(test)[0][0] / 20_000 for s in (shared, alone)]
    assert losses[0] < 1.01 * losses[1]

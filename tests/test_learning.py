"""The loop: the same bits however it is cut, replayed, killed and resumed; the clock, Ctrl-C, back-off, stopping."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from esker._errors import Diverged, FormatError
from esker.blocks import ArrayBlocks, Block
from esker.folds import Sgd
from esker.learning import Schedule, learn
from esker.learning_checkpoint import load, save
from esker.learning_clock import Pacer
from esker.learning_holdout import HeldOut, hold_out
from esker.learning_stream import Stream, next_mark


def data(n=6000, d=8, *, csr=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * np.geomspace(0.01, 100, d)
    if csr:
        X = sparse.csr_array(np.where(rng.random((n, d)) < 0.5, X, 0))
    y = X @ (1 / np.geomspace(0.01, 100, d)) + 0.3 * rng.standard_normal(n)
    return X, y


def state(rates=(0.05, 0.5), targets=(0,)):
    return Sgd(
        "squared_error",
        np.repeat(targets, len(rates)),
        np.tile(rates, len(targets)),
        lane_l2=np.full(len(rates) * len(targets), 1e-4),
    )


def bits(sgd):
    return {k: v.tobytes() for k, v in sgd.to_arrays().items()}


SCHEDULE = Schedule(seed=3, max_iter=4, tol=None, holdout=0.1)


def test_marks_grow_and_then_stay_apart():
    marks = [next_mark(0)]
    while marks[-1] < 1 << 20:
        marks.append(next_mark(marks[-1]))
    assert marks == [4096, 16384, 65536, 131072, 262144, 524288, 786432, 1048576]


@pytest.mark.parametrize("csr", [False, True])
def test_the_same_seed_gives_the_same_bits_however_blocks_are_cut(csr):
    X, y = data(csr=csr)
    whole = learn(ArrayBlocks(X, y), state(), SCHEDULE)
    pieces = learn(ArrayBlocks(X, y, block_size="64 KiB").map(lambda b: b), state(), SCHEDULE)
    assert bits(whole.state) == bits(pieces.state)
    assert whole.schedule == pieces.schedule
    other = learn(ArrayBlocks(X, y), state(), Schedule(seed=4, max_iter=4, tol=None, holdout=0.1))
    assert bits(other.state) != bits(whole.state)


def test_pieces_of_work_change_nothing(monkeypatch):
    X, y = data(20_000)
    first = learn(ArrayBlocks(X, y), state(), SCHEDULE)
    monkeypatch.setattr("esker.learning_clock.PIECE", 0.0)  # as short as they get
    assert bits(learn(ArrayBlocks(X, y), state(), SCHEDULE).state) == bits(first.state)


def test_held_out_rows_depend_on_seed_and_key_alone():
    X, y = data(5000)
    whole = hold_out(Block(X, y), 7, 0.2)[1]
    parts = [
        hold_out(Block(X[i : i + 100], y[i : i + 100], first_key=i), 7, 0.2)[1] + i
        for i in range(0, 5000, 100)
    ]
    assert np.array_equal(whole, np.concatenate(parts))
    assert abs(len(whole) / 5000 - 0.2) < 0.03
    assert not np.array_equal(whole, hold_out(Block(X, y), 8, 0.2)[1])
    assert len(hold_out(Block(X, y), 7, 0.0)[1]) == 0


def test_held_out_rows_are_never_learned_from():
    X, y = data(4000)
    block, held = hold_out(Block(X, y), SCHEDULE.seed, SCHEDULE.holdout)
    spoiled = y.copy()
    spoiled[held] = 1e6
    clean, dirty = (Stream(state()) for _ in range(2))
    clean.take(block, 0, len(block.order), "data")
    dirty.take(hold_out(Block(X, spoiled), SCHEDULE.seed, SCHEDULE.holdout)[0], 0, len(block.order), "data")
    assert bits(clean.state) == bits(dirty.state)


def test_held_out_copies_are_bounded_and_survive_a_checkpoint():
    X, y = data(3000, csr=True)
    held = HeldOut()
    held.add(Block(X, y), np.arange(0, 3000, 3))
    again = HeldOut.from_arrays(held.to_arrays())
    s = state()
    s.update(Block(X, y))
    assert (again.rows, again.numbers) == (held.rows, held.numbers) == (1000, X[::3].nnz)
    assert np.array_equal(held.loss(s), again.loss(s))
    many = HeldOut()
    many.add(Block(np.zeros((40_000, 1)), np.zeros(40_000)), np.arange(40_000))
    assert many.rows == 1 << 15


def test_the_race_is_decided_by_the_data():
    X, y = data(4000)
    learned = learn(
        ArrayBlocks(X, y), state(rates=(1e-6, 0.5, 1e-5)), Schedule(seed=0, max_iter=3, tol=None, holdout=0.1)
    )
    assert learned.state.lanes == 1
    assert learned.state.rates.tolist() == [0.5]


def test_each_target_has_its_own_winner():
    X, y = data(2000)
    learned = learn(
        ArrayBlocks(X, np.column_stack([y, -y, 2 * y])),
        state(rates=(1e-6, 0.5), targets=(0, 1, 2)),
        Schedule(seed=0, max_iter=2, tol=None),
    )
    assert learned.state.targets.tolist() == [0, 1, 2]
    assert learned.state.rates.tolist() == [0.5] * 3


def test_it_stops_when_nothing_is_gained():
    X, y = data(3000)
    learned = learn(
        ArrayBlocks(X, y), state(), Schedule(seed=0, max_iter=500, tol=1e-2, n_iter_no_change=2, holdout=0.1)
    )
    assert learned.stop_reason == "converged"
    assert 3 <= learned.n_iter < 500
    all_epochs = learn(ArrayBlocks(X, y), state(), Schedule(seed=0, max_iter=5, tol=None))
    assert (all_epochs.stop_reason, all_epochs.n_iter, all_epochs.rows) == ("max_iter", 5, 15_000)


def test_the_best_epoch_by_held_out_loss_is_returned():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 1000))
    y = X[:, 0] + 3 * rng.standard_normal(1500)  # more epochs only learn the noise
    learned = learn(ArrayBlocks(X, y), state((0.3,)), Schedule(seed=1, max_iter=30, tol=None, holdout=0.2))
    losses = [h["held_out_loss"] for h in learned.history if h["held_out_loss"] is not None]
    held = HeldOut()
    held.add(Block(X, y), hold_out(Block(X, y), 1, 0.2)[1])
    assert held.loss(learned.state)[0] == pytest.approx(min(losses), rel=1e-12)
    assert min(losses) < losses[-1]


def test_history_and_schedule_are_plain_data():
    X, y = data(5000)
    seen = []
    learned = learn(ArrayBlocks(X, y), state(), SCHEDULE, observe=seen.append)
    assert seen == learned.history
    assert json.loads(json.dumps(learned.schedule)) == learned.schedule
    assert list(seen[0]) == [
        "seconds", "rows", "bytes", "epoch", "loss", "held_out_loss", "held_out_error", "lanes"
    ]  # fmt: skip
    for entry in seen:
        assert entry["bytes"] == pytest.approx(entry["rows"] * (X[0].nbytes + y[:1].nbytes), abs=1)
        assert (entry["held_out_loss"] is None) == (entry["held_out_error"] is None)
    rows = [h["rows"] for h in seen]
    assert rows == sorted(rows)
    assert rows[0] == 4096


def test_the_standard_error_is_that_of_the_rows_or_of_the_groups():
    X, y = data(3000)
    groups = np.repeat(np.arange(300), 10)
    weight = np.random.default_rng(0).uniform(0.5, 2, 3000)
    s = state((0.3,))
    s.update(Block(X, y))
    coef, intercept = s.finish()
    loss = (X @ coef[0] + intercept[0] - y) ** 2 / 2
    for of in (None, lambda block, rows: groups[rows]):
        held = HeldOut()
        for i in range(0, 3000, 1000):
            block = Block(X[i : i + 1000], y[i : i + 1000], weight[i : i + 1000])
            held.add(block, np.arange(1000), None if of is None else lambda b, rows, i=i: groups[rows + i])
        scores = held.scores(s, apart=True)
        mean = np.average(loss, weights=weight)
        assert scores.loss[0] == pytest.approx(mean, rel=1e-4)
        rows = scores.rows([0])
        np.testing.assert_allclose(rows, loss, rtol=1e-2, atol=1e-5)
        parts = weight * (rows - weight @ rows / weight.sum())
        parts = parts if of is None else parts.reshape(300, 10).sum(axis=1)
        assert scores.error(rows) == pytest.approx(np.sqrt((parts**2).sum()) / weight.sum(), rel=1e-9)


def test_losses_of_rows_are_those_of_lanes():
    X, y = data(500, csr=True)
    s = state((0.1, 0.5))
    s.update(Block(X, y))
    total, weight, apart = s.row_losses(Block(X, y), apart=True)
    np.testing.assert_allclose(apart.sum(axis=0), total, rtol=1e-12)
    assert np.array_equal(total, s.evaluate(Block(X, y))[0])
    assert weight == 500
    np.testing.assert_allclose(s.row_losses(Block(X, y), apart=False)[2][:, 0], apart.sum(axis=1), rtol=1e-12)
    backwards = Block(X, y, order=np.arange(500)[::-1].copy())
    assert np.array_equal(s.row_losses(backwards, apart=True)[2], apart[::-1])


# --- tol="auto" ---


def test_auto_stops_where_a_gain_is_not_beyond_its_noise():
    X, y = data(8000)
    plan = {"seed": 0, "max_iter": 500, "holdout": 0.2, "n_iter_no_change": 2}
    auto = learn(ArrayBlocks(X, y), state((0.3,)), Schedule(tol="auto", **plan))
    assert auto.stop_reason == "converged"
    assert not auto.falling
    assert 3 <= auto.n_iter < 50
    best = learn(ArrayBlocks(X, y), state((0.3,)), Schedule(tol=None, **{**plan, "max_iter": 60}))

    def least(learned):
        held = [h for h in learned.history if h["held_out_loss"] is not None]
        return min(held, key=lambda h: h["held_out_loss"])

    assert least(auto)["held_out_loss"] < least(best)["held_out_loss"] + least(best)["held_out_error"]


def test_auto_adds_up_gains_that_are_small_in_each_epoch():
    class Slow(Sgd):
        """Each row's held-out loss falls by 0.001 an epoch, in which 0.3 is noise, the same in all."""

        epochs = 0

        def row_losses(self, block, *, apart):
            Slow.epochs += 1
            noise = np.random.default_rng(Slow.epochs).normal(0, 0.03, (len(block), 1))
            each = 1 - 0.001 * Slow.epochs + noise
            return each.sum(axis=0), float(len(block)), each

    X, y = data(4000)
    plan = {"seed": 0, "max_iter": 40, "holdout": 0.2, "n_iter_no_change": 5}
    slow = learn(ArrayBlocks(X, y), Slow._of(state((0.01,))._state), Schedule(tol="auto", **plan))
    assert slow.stop_reason == "max_iter"
    assert slow.falling
    relative = learn(ArrayBlocks(X, y), Slow._of(state((0.01,))._state), Schedule(tol=2e-3, **plan))
    assert relative.stop_reason == "converged"


def test_auto_takes_progressive_loss_where_nothing_is_held_out():
    X, y = data(500)
    plans = [Schedule(seed=0, max_iter=200, tol=tol) for tol in ("auto", 1e-3)]
    auto, number = (learn(ArrayBlocks(X, y), state((0.3,)), plan) for plan in plans)
    assert bits(auto.state) == bits(number.state)
    assert auto.schedule == number.schedule
    assert auto.stop_reason == "converged"


def test_auto_resumes_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr("esker.learning.CHECKPOINT_EVERY", 0.0)
    X, y = data(6000)
    plan = Schedule(seed=0, max_iter=100, tol="auto", holdout=0.1)

    class Enough(Exception):
        pass

    def leave(entry):
        if entry["epoch"] == 2:
            raise Enough

    with pytest.raises(Enough):
        learn(ArrayBlocks(X, y), state(), plan, checkpoint=tmp_path / "c", observe=leave)
    resumed = learn(ArrayBlocks(X, y), state(), plan, checkpoint=tmp_path / "c")
    whole = learn(ArrayBlocks(X, y), state(), plan)
    assert bits(resumed.state) == bits(whole.state)
    assert resumed.schedule == whole.schedule
    strip = [{k: v for k, v in h.items() if k != "seconds"} for h in resumed.history]
    assert strip == [{k: v for k, v in h.items() if k != "seconds"} for h in whole.history]


# --- the clock ---


def test_max_time_is_kept_and_replayed_to_the_bit():
    X, y = data(40_000, 20)
    begun = time.perf_counter()
    learned = learn(
        ArrayBlocks(X, y), state(), Schedule(seed=0, max_iter=10**6, tol=None, holdout=0.1, max_time=0.4)
    )
    spent = time.perf_counter() - begun
    assert learned.stop_reason == "time"
    assert spent < 0.8  # a busy machine; by itself a few milliseconds over
    stop = learned.schedule["stop"]
    assert stop == {"rows": learned.rows, "reason": "time"}
    again = learn(
        ArrayBlocks(X, y),
        state(),
        Schedule(
            seed=0, max_iter=10**6, tol=None, holdout=0.1, stop_rows=stop["rows"], stop_reason=stop["reason"]
        ),
    )
    assert bits(again.state) == bits(learned.state)
    assert again.schedule == learned.schedule
    assert again.n_iter == learned.n_iter


@pytest.mark.parametrize("rows", [256, 4096 * 3 + 256, 5400, 5400 * 2])
def test_any_logged_end_can_be_replayed(rows):
    X, y = data(6000)
    runs = [
        learn(
            ArrayBlocks(X, y),
            state(),
            Schedule(seed=0, max_iter=9, tol=None, stop_rows=rows, stop_reason="time"),
        )
        for _ in range(2)
    ]
    assert [r.rows for r in runs] == [rows, rows]
    assert bits(runs[0].state) == bits(runs[1].state)


# --- divergence ---


def huge_row(n=9000):
    X, y = data(n)
    X[7000] = 1e38
    return X.astype(np.float32), y


def test_a_lane_that_leaves_the_finite_numbers_is_dropped_or_halved():
    class Fragile(Sgd):
        """Rates above 0.1 become infinite weights."""

        def is_finite(self):
            return np.asarray(self.rates) <= 0.1

    X, y = data(9000)

    def fragile(rates):
        made = state(rates)
        return Fragile._of(made._state)

    raced = learn(ArrayBlocks(X, y), fragile((0.05, 0.5)), Schedule(seed=0, max_iter=1, tol=None))
    assert raced.state.rates.tolist() == [0.05]
    assert raced.schedule["decisions"][0] == {"rows": 4096, "event": "dropped", "lanes": [1]}
    alone = learn(ArrayBlocks(X, y), fragile((0.5,)), Schedule(seed=0, max_iter=3, tol=None))
    assert alone.state.rates.tolist() == [0.0625]
    assert [e["event"] for e in alone.schedule["decisions"]] == ["halved"] * 3
    assert [e["rows"] for e in alone.schedule["decisions"]][:2] == [4096, 9000]


def test_going_back_takes_no_memory_for_another_state():
    class Fragile(Sgd):
        """Infinite weights at every rate."""

        def is_finite(self):
            return np.zeros(self.lanes, dtype=bool)

    X, y = data(5000)
    made = Fragile._of(state((0.5,))._state)
    stream = Stream(made)
    stream.take(Block(X, y), 0, 4096, "rows")
    assert [e["event"] for e in stream.events] == ["halved"]
    assert stream.state is made
    assert stream.backup is not made
    for one in (made, stream.backup):
        assert one.rows == 0
        assert one.rates.tolist() == [0.25]


def test_a_large_state_goes_back_to_its_beginning(monkeypatch):
    class Late(Sgd):
        """Rates above 0.1 become infinite weights after 10,000 rows."""

        def is_finite(self):
            return np.asarray(self.rates) <= 0.1 if self.rows > 10_000 else np.ones(self.lanes, dtype=bool)

    X, y = data(20_000)
    plan = Schedule(seed=0, max_iter=1, tol=None)
    rows = []
    for large in (1 << 28, 0):
        monkeypatch.setattr("esker.learning_stream.LARGE", large)
        late = learn(ArrayBlocks(X, y), Late._of(state((0.15,))._state), plan)
        assert late.state.rates.tolist() == [0.075]
        assert [e["event"] for e in late.schedule["decisions"]] == ["halved"]
        rows.append(late.state.rows)
    assert rows == [20_000 - 16_384 + 4096, 20_000 - 16_384]


def test_hopeless_divergence_names_the_rows():
    class Hopeless(Sgd):
        def is_finite(self):
            return np.zeros(self.lanes, dtype=bool)

    X, y = data(9000)
    with pytest.raises(Diverged, match=r"rows \d+ and \d+ of the walk over ndarray"):
        learn(ArrayBlocks(X, y), Hopeless._of(state((0.5,))._state), Schedule(seed=0, max_iter=40, tol=None))


def test_one_absurd_row_ends_in_finite_weights():
    X, y = huge_row()
    learned = learn(ArrayBlocks(X, y), state((0.5,)), Schedule(seed=0, max_iter=2, tol=None))
    coef, intercept = learned.state.finish()
    assert np.isfinite(coef).all()
    assert np.isfinite(intercept).all()


# --- sources that are read once; empty ---


def test_a_source_that_is_read_once_has_one_epoch():
    X, y = data(3000)
    blocks = ArrayBlocks(X, y)
    blocks.rereadable = False
    with pytest.raises(ValueError, match="read once"):
        learn(blocks, state(), SCHEDULE)
    assert learn(blocks, state(), Schedule(seed=0, max_iter=1)).rows == 3000


# --- checkpoints ---

FIT = """
    import sys, numpy as np
    sys.path.insert(0, {here!r})
    import esker.learning as learning
    from test_learning import ArrayBlocks, Schedule, data, learn, state
    learning.CHECKPOINT_EVERY = {every}
    X, y = data(30_000, csr={csr})
    plan = Schedule(seed=5, max_iter={epochs}, tol=None, holdout=0.05, shuffle_rows=5000)
    print("begin", flush=True)
    learned = learn(ArrayBlocks(X, y), state(), plan, checkpoint={path!r})
    np.savez(sys.argv[1], rows=learned.rows, **learned.state.to_arrays())
    print("end", flush=True)
"""


def script(**values):
    return textwrap.dedent(FIT.format(here=str(Path(__file__).parent), **values))


@pytest.mark.parametrize("csr", [False, True])
def test_a_killed_fit_resumes_to_the_same_bits(tmp_path, csr):
    epochs = 60
    path, out = tmp_path / "checkpoint", tmp_path / "out.npz"
    command = [sys.executable, "-c", script(every=0.0, csr=csr, epochs=epochs, path=str(path)), str(out)]
    kills = 0
    for wait in (0.05, 0.15):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "begin\n"
        deadline = time.time() + 20
        before = path.stat().st_mtime_ns if path.exists() else None
        while time.time() < deadline and (not path.exists() or path.stat().st_mtime_ns == before):
            time.sleep(0.005)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert kills == 2, "the fit was over before it could be killed"
    assert path.exists()
    assert not out.exists()
    command[2] = script(every=1e9, csr=csr, epochs=epochs, path=str(path))
    subprocess.run(command, check=True, capture_output=True)
    assert not path.exists(), "a checkpoint is removed when the fit is complete"
    X, y = data(30_000, csr=csr)
    plan = Schedule(seed=5, max_iter=epochs, tol=None, holdout=0.05, shuffle_rows=5000)
    never_killed = learn(ArrayBlocks(X, y), state(), plan)
    with np.load(out) as resumed:
        assert resumed["rows"] == never_killed.rows
        for name, values in never_killed.state.to_arrays().items():
            assert values.tobytes() == resumed[name].tobytes(), name


def test_a_checkpoint_of_another_fit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("esker.learning.CHECKPOINT_EVERY", 0.0)
    X, y = data(5000)
    path = tmp_path / "c"

    class Enough(Exception):
        pass

    def leave(entry):
        raise Enough

    with pytest.raises(Enough):
        learn(ArrayBlocks(X, y), state(), SCHEDULE, checkpoint=path, observe=leave)
    assert path.exists()
    for blocks, sgd, plan, what in [
        (
            ArrayBlocks(X, y),
            state(),
            Schedule(seed=4, max_iter=4, tol=None, holdout=0.1),
            "seed was 3 and is 4",
        ),
        (ArrayBlocks(X + 1, y), state(), SCHEDULE, "data first rows"),
        (ArrayBlocks(X, np.r_[y[:-2], y[-1], y[-2]]), state(), SCHEDULE, "data rows all over"),
        (ArrayBlocks(np.r_[X[:1000], X[:0:-1][: len(X) - 1000]], y), state(), SCHEDULE, "data rows all over"),
        (ArrayBlocks(X[:4000], y[:4000]), state(), SCHEDULE, "data rows was 5000 and is 4000"),
        (ArrayBlocks(X, y), state((0.05, 0.4)), SCHEDULE, "rates"),
    ]:
        with pytest.raises(ValueError, match=what):
            learn(blocks, sgd, plan, checkpoint=path)
    assert bits(learn(ArrayBlocks(X, y), state(), SCHEDULE, checkpoint=path).state) == bits(
        learn(ArrayBlocks(X, y), state(), SCHEDULE).state
    )


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "c"
    save(path, {"identity": {"a": 1}}, {"stream/x": np.arange(1000.0)})
    assert load(path, {"a": 1})[1]["stream/x"][-1] == 999
    for damage in (b"", b"nonsense", path.read_bytes()[:500]):
        path.write_bytes(damage)
        with pytest.raises(FormatError, match="checkpoint"):
            load(path, {"a": 1})
    assert load(tmp_path / "none", {}) is None


# --- Ctrl-C ---

SLOW = """
    import sys, numpy as np, warnings
    sys.path.insert(0, {here!r})
    from test_learning import data
    from esker.linear_model import SGDRegressor
    X, y = data(50_000)
    print("begin", flush=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SGDRegressor(random_state=0, max_iter=10**7, tol=None).fit(X, y)
    print(model.stop_reason_, round(model.score(X, y), 1), [str(w.message)[:34] for w in caught], flush=True)
    again = SGDRegressor(random_state=0, max_iter=10**7, tol=None).fit(X, y, schedule=model.schedule_)
    print(np.array_equal(again.coef_, model.coef_), again.stop_reason_)
"""


def test_ctrl_c_keeps_the_best_model_so_far():
    code = textwrap.dedent(SLOW.format(here=str(Path(__file__).parent)))
    code = code.replace("again = SGD", "warnings.simplefilter('ignore'); again = SGD")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begin\n"
    time.sleep(1.0)
    sent = time.perf_counter()
    os.kill(process.pid, signal.SIGINT)
    line = process.stdout.readline()
    assert time.perf_counter() - sent < 1.5
    assert line == "interrupted 0.9 ['SGDRegressor.fit was interrupted a']\n" or line.startswith(
        "interrupted 1.0"
    )
    assert process.stdout.readline() == "True interrupted\n"
    process.stdout.close()
    assert process.wait() == 0


def test_the_signal_handler_is_put_back():
    X, y = data(2000)
    learn(ArrayBlocks(X, y), state(), SCHEDULE)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_watcher_may_end_the_walk():
    from esker._progress import Watch, watching

    class Impatient(Watch):
        def show(self):
            self.stop = self.rows > 3000

    X, y = data(20_000)
    with watching(Impatient()) as watch, warnings.catch_warnings():
        warnings.simplefilter("error")
        learned = learn(ArrayBlocks(X, y), state(), Schedule(seed=0, max_iter=100, tol=None))
    assert learned.stop_reason == "interrupted"
    assert 3000 < learned.rows == watch.rows < 40_000


def test_a_mark_copies_into_the_memory_that_there_is(monkeypatch):
    stream = Stream(state((0.1,)))
    X, y = data(100)
    backup = stream.backup
    monkeypatch.setattr(Sgd, "copy", None)  # never a third one: max_memory counts one beside the state
    stream.state.update(Block(X, y))
    stream.mark("here")
    assert stream.backup is backup is not stream.state
    assert backup.finish()[0].tobytes() == stream.state.finish()[0].tobytes()
    stream.state.update(Block(X, y))
    assert backup.finish()[0].tobytes() != stream.state.finish()[0].tobytes()


def test_what_a_row_takes_is_not_told_by_the_first_piece():
    pacer = Pacer(None)
    pacer.done(16, 0.5)  # which makes the tables
    assert pacer.row == np.inf
    pacer.done(pacer.rows, 0.0004)
    assert pacer.row == np.inf
    pacer.done(256, 0.004)
    assert pacer.row == 0.004 / 256
    slow = Pacer(None)
    slow.done(16, 0.5)
    slow.done(8, 0.25)
    assert slow.row == 0.25 / 8

"""The race of a few classes for the rate and penalty of many: its memory, its time, its end by Ctrl-C."""

import signal

import numpy as np
import pytest
from tests.linear_model.test_sgd_classes import zipf
from tests.memory_peak import rows_and_peak

from esker._progress import Watch, watching
from esker.linear_model import SGDClassifier, _sgd_lanes, _sgd_many

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
PARAMS = {"random_state": 0, "max_iter": 2, "tol": None}


def classes_of(k, n=6000, d=10, seed=0):
    """Rows of which each class has a direction."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)).astype(np.float32)
    return X, (X @ rng.standard_normal((d, k))).argmax(axis=1)


def events(model):
    return [e["event"] for e in model.schedule_["decisions"]]


OPENING = """
import warnings
import numpy as np
from scipy import sparse
from esker.linear_model import SGDClassifier
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
columns = np.sort(rng.integers(0, 1 << 16, (12000, 16)), axis=1)
X = sparse.csr_array((np.ones(columns.size, np.float32), columns.ravel(), np.arange(0, columns.size + 1, 16)))
X.sum_duplicates()
y = np.arange(12000) % 40
SGDClassifier(random_state=0, max_iter=1, tol=None).fit(X[:2000], y[:2000] % 2)
"""
WORK = """
model = SGDClassifier(random_state=0, max_iter=1, tol=None, max_memory=sys.argv[1]).fit(X, y)
rows = sum(e["event"] == "raced" for e in model.schedule_["decisions"])
"""


@pytest.mark.parametrize("memory", [120, 60, 40])
def test_the_race_keeps_to_max_memory(memory):
    raced, peak = rows_and_peak(OPENING, WORK, f"{memory}MB")
    assert raced == 1
    # Coefficients are no part of it, and there are 10 MB of them.
    assert peak <= (memory + 11) * 10**6


def test_several_walks_have_one_race(monkeypatch):
    X, y = zipf(6000)
    races, real = [], _sgd_many._race
    monkeypatch.setattr(_sgd_many, "_race", lambda *args: races.append(1) or real(*args))
    some = SGDClassifier(**PARAMS, max_memory="12MB").fit(X, y)
    assert not some._whole
    assert races == [1]
    assert events(some)[0] == "raced"
    assert np.unique(some.alpha_).size == 1


def test_a_clock_and_a_checkpoint_together_have_no_race(tmp_path):
    X, y = classes_of(40)
    paths = {"checkpoint": tmp_path / "fit"}
    assert "raced" in events(SGDClassifier(**PARAMS, max_time=60).fit(X, y))
    assert "raced" in events(SGDClassifier(**PARAMS, **paths).fit(X, y))
    assert "raced" not in events(SGDClassifier(**PARAMS, max_time=60, **paths).fit(X, y))
    whole = SGDClassifier(**PARAMS).fit(X, y)
    again = SGDClassifier(**PARAMS, max_time=60, **paths).fit(X, y, schedule=whole.schedule_)
    assert again.coef_.tobytes() == whole.coef_.tobytes()


class Ends(Watch):
    """Asks to end, by Ctrl-C or by its answer, once so many rows have been learned from."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def show(self):
        if self.by == "answer":
            self.stop = True
        elif self.rows == 16:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("by", ["answer", "Ctrl-C"])
def test_a_race_that_is_interrupted_decides_nothing(by):
    X, y = classes_of(40)
    with watching(Ends(by)), pytest.warns(UserWarning, match="interrupted after"):
        model = SGDClassifier(**PARAMS).fit(X, y)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert model.stop_reason_ == "interrupted"
    assert events(model) == []
    assert model.coef_.shape == (len(np.unique(y)), 10)
    with pytest.warns(UserWarning, match="interrupted after"):
        again = SGDClassifier(**PARAMS).fit(X, y, schedule=model.schedule_)
    assert again.coef_.tobytes() == model.coef_.tobytes()


def test_a_checkpoint_outlives_ctrl_c_in_the_race(tmp_path, monkeypatch):
    X, y = classes_of(40)
    path = tmp_path / "fit"
    whole = SGDClassifier(**PARAMS).fit(X, y)
    monkeypatch.setattr("esker.learning.CHECKPOINT_EVERY", 0.0)

    class Later(Watch):
        def show(self):
            if self.rows == self.at:
                signal.raise_signal(signal.SIGINT)

    later = Later()
    later.at = (int(whole.t_) - 1) // 2 + 16  # rows of the race, and the first piece
    with watching(later), pytest.warns(UserWarning, match="interrupted after"):
        SGDClassifier(**PARAMS, checkpoint=path).fit(X, y)
    kept = path.read_bytes()
    with watching(Ends("Ctrl-C")), pytest.raises(KeyboardInterrupt):
        SGDClassifier(**PARAMS, checkpoint=path).fit(X, y)
    assert path.read_bytes() == kept
    again = SGDClassifier(**PARAMS, checkpoint=path).fit(X, y)
    assert again.coef_.tobytes() == whole.coef_.tobytes()


def test_first_weights_of_hundreds_of_classes_have_room_for_all_columns():
    from scipy import sparse

    rng = np.random.default_rng(0)
    X = sparse.random_array((1200, 20000), density=1e-4, format="csr", dtype=np.float32, rng=rng)
    y = np.arange(1200) % 300
    params = {"learning_rate": "adagrad", "eta0": 0.5, "max_memory": "100MB"}
    SGDClassifier("hinge", **PARAMS, **params).fit(X, y)
    with pytest.raises(ValueError, match="coef_init and intercept_init are for one walk"):
        SGDClassifier("hinge", **PARAMS, **params).fit(X, y, coef_init=np.zeros((300, 20000)))


def test_averages_count_where_memory_is_refused(monkeypatch):
    need = 3 * _sgd_lanes.lane_bytes(1, 1000)
    monkeypatch.setattr(_sgd_lanes, "physical_memory", lambda: need / 0.9 + 1)
    _sgd_lanes.refuse_width(SGDClassifier(eta0=0.5), 1000)
    with pytest.raises(ValueError, match="and this machine"):
        _sgd_lanes.refuse_width(SGDClassifier(eta0=0.5, average=True), 1000)


@pytest.mark.parametrize("k", [12, 20])
def test_the_softmax_of_many_classes_races_rates_and_penalties(k):
    X, y = classes_of(k)
    model = SGDClassifier("softmax", **PARAMS).fit(X, y)
    assert model.history_[0]["lanes"] == 8 * len(model.classes_)
    best = model.history_[-1]["held_out_loss"]
    at_half = SGDClassifier("softmax", eta0=0.5, **PARAMS).fit(X, y)
    assert best <= at_half.history_[-1]["held_out_loss"]
    twice = SGDClassifier("softmax").partial_fit(X, y, classes=np.arange(k))
    assert twice._kept["state"].lanes <= 64


@pytest.mark.parametrize(("k", "how"), [(8, "lanes"), (9, "raced"), (20, "raced"), (40, "raced")])
def test_penalties_race_for_any_number_of_classes(k, how):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6000, k)).astype(np.float32)
    model = SGDClassifier(**PARAMS).fit(X, X.argmax(axis=1))
    if how == "lanes":
        assert model.history_[0]["lanes"] == 8 * k
        return
    assert events(model)[0] == "raced"
    assert model.history_[0]["lanes"] == k
    event = model.schedule_["decisions"][0]
    np.testing.assert_allclose(model.alpha_, event["penalty"] / 6000)
    # It is the best of the candidates for all classes, or close to it.
    loss = [
        SGDClassifier(eta0=rate, alpha=penalty / 6000, **PARAMS)
        .fit(X, X.argmax(axis=1))
        .history_[-1]["held_out_loss"]
        for rate, penalty in _sgd_lanes.CANDIDATES
    ]
    assert model.history_[-1]["held_out_loss"] <= 1.1 * min(loss)

"""Averages of SGD's weights: the mean of the weights after each step, at the cost of the weights that change."""

import numpy as np
import pytest
import sklearn.linear_model
from scipy import sparse

from esker import load, save
from esker.blocks import Block
from esker.folds import Sgd
from esker.linear_model import SGDClassifier, SGDRegressor


def table(n=400, d=6, *, csr=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * np.geomspace(0.3, 3, d)
    X = np.where(rng.random((n, d)) < 0.5, X, 0)
    y = X @ np.linspace(-1, 1, d) + 0.5 * rng.standard_normal(n)
    return (sparse.csr_array(X) if csr else X), y


STEPS = {
    "plain": {"step": "plain", "penalty_scale": "raw"},
    "falling": {"step": "plain", "penalty_scale": "raw", "step_power": 0.5, "step_offset": 0.0},
    "auto": {"step": "auto"},
    "adagrad": {"step": "adagrad", "penalty_scale": "raw"},
}
#: An l2 penalty of 8 shrinks plain weights by 0.6 a step: their scale is folded into them time and again.
PENALTIES = {"none": (0.0, 0.0), "l2": (0.0, 0.1), "strong": (0.0, 8.0), "elastic": (0.003, 0.01)}


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_an_average_is_the_mean_of_the_weights_after_each_step(csr, penalty, step, lanes, loss):
    waits = {"adagrad": penalty != "none", "auto": False}.get(step, penalty == "elastic")
    if csr and waits:
        pytest.skip("between visits such weights have a penalty that waits")
    X, y = table(csr=csr)
    y = y if loss == "squared_error" else np.sign(y)
    rates = np.array([0.05, 0.02, 0.1])[:lanes]
    l1, l2 = (np.full(lanes, p) for p in PENALTIES[penalty])
    begin = 270 if step == "auto" and not csr else 30  # where scales are refreshed, weights may shrink

    def made():
        return Sgd(loss, np.zeros(lanes, int), rates, l1, l2, **STEPS[step])

    state, free = made(), made()
    state.set_average(begin)
    coefs, intercepts = [], []
    for i in range(len(y)):
        state.update(Block(X[i : i + 1], y[i : i + 1]))
        free.update(Block(X[i : i + 1], y[i : i + 1]))
        coef, intercept = free.finish()
        if i + 1 >= begin:
            coefs.append(coef)
            intercepts.append(intercept)
        else:
            assert np.array_equal(state.averaged().finish()[0], coef)
    assert np.array_equal(state.finish()[0], free.finish()[0])  # averages change no step
    coef, intercept = state.averaged().finish()
    size = np.abs(coefs).max()
    np.testing.assert_allclose(coef, np.mean(coefs, axis=0), atol=2e-6 * size, rtol=1e-5)
    np.testing.assert_allclose(intercept, np.mean(intercepts, axis=0), atol=2e-6 * size, rtol=1e-5)


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_averages_of_standardised_weights_follow_new_scales(loss):
    X, y = table(2000)
    y = y + 5 if loss == "squared_error" else np.sign(y)
    state, coefs, intercepts = Sgd(loss, [0], [0.1]), [], []
    state.set_average(100)  # scales are refreshed at 128, 256, 512 and 1024
    for i in range(2000):
        state.update(Block(X[i : i + 1], y[i : i + 1]))
        if i + 1 >= 100:
            coef, intercept = state.finish()
            coefs.append(coef)
            intercepts.append(intercept)
    coef, intercept = state.averaged().finish()
    np.testing.assert_allclose(coef, np.mean(coefs, axis=0), rtol=0.06, atol=0.003)
    np.testing.assert_allclose(intercept, np.mean(intercepts, axis=0), rtol=0.06, atol=0.003)


def test_rows_of_weight_zero_do_not_count():
    X, y = table(csr=True)
    states = [Sgd("squared_error", [0], [0.05], step="plain", penalty_scale="raw") for _ in range(2)]
    for state in states:
        state.set_average(1)
    weight = np.ones(len(y))
    weight[::3] = 0
    states[0].update(Block(X, y, weight))
    states[1].update(Block(X[weight > 0], y[weight > 0]))
    assert np.array_equal(states[0].averaged().finish()[0], states[1].averaged().finish()[0])


@pytest.mark.parametrize("csr", [False, True])
def test_states_with_averages_widen_select_and_come_back_from_arrays(csr):
    X, y = table(csr=csr)
    state = Sgd("squared_error", [0, 0], [0.05, 0.01], step="plain", penalty_scale="raw")
    state.set_average(1)
    state.update(Block(X[:200, :4], y[:200]))
    state.update(Block(X[200:], y[200:]))
    again = Sgd.from_arrays(state.to_arrays())
    one = state.select([1])
    for other, lane in ((again, [0, 1]), (one, [1])):
        assert np.array_equal(other.averaged().finish()[0], state.averaged().finish()[0][lane])
    alone = Sgd("squared_error", [0], [0.01], step="plain", penalty_scale="raw")
    alone.set_average(1)
    wide = X[:200].toarray() if csr else X[:200].copy()
    wide[:, 4:] = 0
    alone.update(Block(sparse.csr_array(wide) if csr else wide, y[:200]))
    alone.update(Block(X[200:], y[200:]))
    np.testing.assert_allclose(alone.averaged().finish()[0], one.averaged().finish()[0], rtol=1e-5)
    with pytest.raises(ValueError, match="do not merge"):
        state.merge(again)
    with pytest.raises(ValueError, match="has no averages"):
        Sgd("squared_error", [0], [0.5], step="ftrl", penalty_scale="raw").set_average(1)


@pytest.mark.parametrize("average", [True, 150])
@pytest.mark.parametrize("rate", ["constant", "invscaling", "optimal"])
@pytest.mark.parametrize("penalty", ["l2", None])
@pytest.mark.parametrize("csr", [False, True])
def test_averages_are_those_of_scikit_learn(average, rate, penalty, csr):
    X, z = table(300, csr=csr)
    y = z > 0
    shared = {"loss": "log_loss", "learning_rate": rate, "average": average, "penalty": penalty}
    shared |= {"shuffle": False, **({} if rate == "optimal" else {"eta0": 0.05})}
    shared |= {"alpha": 0.01} if penalty or rate == "optimal" else {}
    # One call: in a further one scikit-learn's goes on from the average.
    ours = SGDClassifier(**shared).partial_fit(X, y, classes=[False, True])
    theirs = sklearn.linear_model.SGDClassifier(**shared).partial_fit(X, y, classes=[False, True])
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=2e-3, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=2e-3, atol=1e-5)
    ours = SGDClassifier(early_stopping=False, max_iter=3, tol=None, **shared).fit(X, y)
    theirs = sklearn.linear_model.SGDClassifier(max_iter=3, tol=None, **shared).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("rate", ["auto", "constant"])
def test_any_cut_into_batches_gives_the_same_averages(csr, rate):
    X, y = table(csr=csr)
    models = []
    for step in (400, 64, 7):
        model = SGDRegressor(average=10, learning_rate=rate)
        for i in range(0, 400, step):
            model.partial_fit(X[i : i + step], y[i : i + step])
        models.append(model)
    for model in models[1:]:
        assert model.coef_.tobytes() == models[0].coef_.tobytes()
        assert model.intercept_.tobytes() == models[0].intercept_.tobytes()
    with pytest.raises(ValueError, match="averages begin at step 10"):
        models[0].set_params(average=True).partial_fit(X, y)


def test_averages_help_where_steps_are_too_large():
    X, y = table(6000)
    exact = np.linalg.lstsq(np.c_[X, np.ones(len(X))], y)[0][:-1]

    def miss(average):
        model = SGDRegressor(
            learning_rate="constant",
            eta0=0.1,
            alpha=1e-9,
            average=average,
            random_state=0,
            max_iter=5,
            tol=None,
        )
        return np.linalg.norm(model.fit(X, y).coef_ - exact)

    last, mean, auto = miss(False), miss(True), miss("auto")
    assert mean < 0.3 * last
    assert auto < 0.5 * last


def test_auto_is_never_worse_on_held_out_rows():
    X, y = table(3000)
    for rate in ("auto", "adagrad", "constant"):
        shared = {"learning_rate": rate, "random_state": 0, "max_iter": 4, "tol": None, "eta0": 0.05}
        last, either = (SGDRegressor(average=a, **shared).fit(X, y) for a in (False, "auto"))
        best = [min(h["held_out_loss"] or np.inf for h in m.history_) for m in (last, either)]
        assert best[1] <= best[0] * (1 + 1e-12)


def test_a_killed_fit_resumes_with_its_averages(tmp_path, monkeypatch):
    X, y = table(3000, csr=True)
    monkeypatch.setattr("esker.learning.CHECKPOINT_EVERY", 0.0)

    class Killed(Exception):
        pass

    def kill(self, entry):
        if entry["epoch"] == 3:
            raise Killed

    for average in (True, "auto"):
        params = {"average": average, "random_state": 0, "max_iter": 6, "tol": None, "eta0": 0.1}
        whole = SGDRegressor(**params).fit(X, y)
        with monkeypatch.context() as patch:
            patch.setattr(SGDRegressor, "_show", kill)
            with pytest.raises(Killed):
                SGDRegressor(checkpoint=tmp_path / "c", verbose=1, **params).fit(X, y)
        resumed = SGDRegressor(checkpoint=tmp_path / "c", **params).fit(X, y)
        assert resumed.coef_.tobytes() == whole.coef_.tobytes()
        save(resumed.set_params(checkpoint=None), tmp_path / "m")
        kept = load(tmp_path / "m")
        assert np.array_equal(kept.predict(X), whole.predict(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"average": "often"}, "average must be one of"),
        ({"average": -1}, "average must be an integer of at least 1"),
        ({"average": 1.5}, "average must be an integer"),
        ({"average": True, "learning_rate": "ftrl"}, "average=True is not for learning_rate='ftrl'"),
        (
            {"average": 5, "learning_rate": "coin", "penalty": None},
            "average=5 is not for learning_rate='coin'",
        ),
        ({"average": True, "learning_rate": "normalized"}, "average=True is not for"),
        ({"average": "auto", "early_stopping": False}, "decides by held-out rows"),
    ],
)
def test_averages_without_effect_are_refused(params, message):
    X, y = table()
    with pytest.raises(ValueError, match=message):
        SGDRegressor(**params).fit(X, y)


def test_partial_fit_has_nothing_to_decide_by():
    X, y = table()
    with pytest.raises(ValueError, match="partial_fit holds nothing out"):
        SGDRegressor(average="auto").partial_fit(X, y)


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("step", ["plain", "auto"])
def test_averages_stay_where_penalties_change(csr, step):
    X, y = table(csr=csr)
    state = Sgd("squared_error", [0], [0.01], [0.0], [0.1], **STEPS[step])
    state.set_average(1)
    state.update(Block(X, y))
    before = state.averaged().finish()
    state.set_penalties([0.0], [0.5])
    for kept, old in zip(state.averaged().finish(), before, strict=True):
        np.testing.assert_allclose(kept, old, rtol=1e-6)

"""Learning by steps that goes on: schedules, batches, budgets, and rows that no step gets over."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.preprocessing import StandardScaler

from esker import Diverged
from esker.learning_stream import Stream
from esker.linear_model import (
    LogisticRegression,
    PoissonRegressor,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)

X, LABELS = load_breast_cancer(return_X_y=True)
D, NUMBERS = load_diabetes(return_X_y=True)


# --- schedules ---


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_ends_where_its_schedule_does():
    short = SGDClassifier(random_state=0, max_iter=3).fit(X, LABELS)
    again = SGDClassifier(random_state=0, max_iter=10).fit(X, LABELS, schedule=short.schedule_)
    assert again.schedule_ == short.schedule_
    assert again.stop_reason_ == "max_iter"
    np.testing.assert_array_equal(again.coef_, short.coef_)


@pytest.mark.parametrize(
    ("rows", "params", "message"),
    [
        (569, {"max_iter": 2}, r"ended after 1707 rows \(max_iter\), and this one ended after 1138"),
        (500, {"max_iter": 10}, "rows of this one's epoch are left then"),
    ],
)
def test_a_schedule_of_another_fit_is_refused(rows, params, message):
    schedule = SGDClassifier(random_state=0, max_iter=3, tol=None).fit(X, LABELS).schedule_
    with pytest.raises(ValueError, match=message):
        SGDClassifier(random_state=0, tol=None, **params).fit(X[:rows], LABELS[:rows], schedule=schedule)


@pytest.mark.parametrize(
    "stop", [None, {"rows": 5}, {"rows": -1, "reason": "time"}, {"rows": 5, "reason": "boredom"}]
)
def test_a_schedule_without_an_end_is_refused(stop):
    schedule = {"version": 1, "seed": 3, "decisions": [], "stop": stop}
    with pytest.raises(ValueError, match="schedule_ of a fitted model, with 'stop'"):
        SGDClassifier().fit(X, LABELS, schedule=schedule)


# --- batches ---


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 441), max_size=5), columns=st.integers(1, 10), counts=st.booleans())
def test_batches_are_cut_anywhere(cuts, columns, counts):
    model = SGDRegressor("poisson" if counts else "squared_error")
    whole = SGDRegressor(model.loss).partial_fit(D[:, :columns], NUMBERS)
    ends = sorted({0, 442, *cuts})
    for begin, end in itertools.pairwise(ends):
        model.partial_fit(D[begin:end, :columns], NUMBERS[begin:end])
    np.testing.assert_array_equal(model.coef_, whole.coef_)
    np.testing.assert_array_equal(model.intercept_, whole.intercept_)


def test_a_fit_goes_on_from_the_leader_of_batches():
    # Of four raced rates the one that partial_fit published goes on.
    model = SGDRegressor(warm_start=True, max_iter=1, tol=None).partial_fit(D, NUMBERS)
    stream = Stream.of(model._kept)
    best = int(np.argmin(stream.progressive()))
    state = stream.state.select([best])
    np.testing.assert_array_equal(state.finish()[0][0], model.coef_)
    assert model.fit(D, NUMBERS)._kept["state"].rates == stream.state.rates[best]


def test_a_batch_of_no_weight_changes_nothing():
    model = SGDClassifier().partial_fit(X[:300], LABELS[:300], classes=[0, 1])
    coef, zeros = model.coef_.copy(), np.zeros(269)
    model.partial_fit(X[300:], LABELS[300:], sample_weight=zeros)
    np.testing.assert_array_equal(model.coef_, coef)
    with pytest.raises(ValueError, match=r"non-zero|zero in every row"):
        SGDClassifier().partial_fit(X[300:], LABELS[300:], classes=[0, 1], sample_weight=zeros)
    with pytest.raises(ValueError, match=r"non-zero|zero in every row"):
        model.fit(X[300:], LABELS[300:], sample_weight=zeros)


# --- budgets ---


def test_no_time_at_all():
    with pytest.warns(match="still falling"):
        model = SGDClassifier(max_time=0, random_state=0).fit(X, LABELS)
    assert model.stop_reason_ == "time"
    assert model.t_ == 17
    assert model.coef_.shape == (1, 30)
    for other in (LogisticRegression(max_time="0s"), PoissonRegressor(max_time=0)):
        assert other.fit(X, LABELS).stop_reason_ == "time"
        assert np.isfinite(other.coef_).all()


# --- rows that no step gets over ---


class NoWay(SGDRegressor):
    """Every state has left the finite numbers."""

    def _state(self, *args, **how):
        state = super()._state(*args, **how)

        class Lost(type(state)):
            def is_finite(self):
                return np.zeros(self.lanes, dtype=bool)

        return Lost._of(state._state)


@pytest.mark.parametrize("params", [{}, {"max_iter": 2, "tol": None}, {"tol": 10.0, "n_iter_no_change": 1}])
def test_a_walk_that_only_went_back_has_not_converged(params):
    with pytest.raises(Diverged, match=r"rows \d+ and \d+ of the walk over ndarray of shape 442 x 10"):
        NoWay(**params).fit(D, NUMBERS)
    with pytest.raises(Diverged, match="rows 0 and 442"):
        NoWay().partial_fit(D, NUMBERS)


# --- what has no effect ---


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"penalty": None, "alpha": 5.0}, r"alpha=5.0 has no effect with penalty=None"),
        (
            {"tol": None, "n_iter_no_change": 2, "max_iter": 2},
            "n_iter_no_change=2 has no effect with tol=None",
        ),
    ],
)
def test_what_scikit_learn_ignores_silently_is_told(params, message):
    for model, y in ((SGDClassifier(**params), LABELS), (SGDRegressor(**params), LABELS * 1.0)):
        with pytest.warns(UserWarning, match=message):
            model.fit(X, y)


def test_a_penalty_of_none_has_no_strength():
    with pytest.warns(UserWarning, match="C=1e-09 has no effect with penalty=None"):
        LogisticRegression(penalty=None, C=1e-9).fit(X, LABELS)
    free = LogisticRegression(C=np.float32(np.inf), max_iter=1000).fit(D, NUMBERS > 150)
    np.testing.assert_array_equal(
        free.coef_, LogisticRegression(penalty=None, max_iter=1000).fit(D, NUMBERS > 150).coef_
    )


@pytest.mark.parametrize("model", [SGDClassifier(random_state=0), LogisticRegression(), RidgeClassifier()])
def test_weights_of_classes_that_a_fold_lacks(model):
    given = clone(model).set_params(class_weight={0: 1, 1: 2, 2: 1}).fit(D, NUMBERS > 150)
    same = clone(model).set_params(class_weight={0: 1, 1: 2}).fit(D, NUMBERS > 150)
    np.testing.assert_array_equal(given.coef_, same.coef_)
    with pytest.raises(ValueError, match=r"class_weight names \[2\]"):
        model.set_params(class_weight={0: 1, 2: 1}).fit(D, NUMBERS > 150)


# --- other parameters, as it goes on ---

SPARSE = csr_array(
    np.where(np.abs(StandardScaler().fit_transform(X)) > 0.7, StandardScaler().fit_transform(X), 0)
)


@pytest.mark.parametrize("data", [X, SPARSE], ids=["dense", "sparse"])
@pytest.mark.parametrize("rate", ["auto", "constant", "adagrad", "normalized", "ftrl"])
@pytest.mark.parametrize(("before", "now"), [(None, "l2"), ("l2", "l1"), ("l1", None), ("l2", "elasticnet")])
def test_penalties_of_now_are_those_of_the_steps_to_come(data, rate, before, now):
    rows = data if rate == "auto" or data is SPARSE else StandardScaler().fit_transform(data)
    model = SGDClassifier(learning_rate=rate, penalty=before, eta0=0.05).partial_fit(
        rows, LABELS, classes=[0, 1]
    )
    coef, intercept = model.coef_.copy(), model.intercept_.copy()
    model.set_params(penalty=now, alpha=1e-4 if now is None else 1e-3).partial_fit(rows[:1], LABELS[:1])
    # The weights were what they are: one row more changes little, or what is held at 0 by FTRL.
    near = 0.3 if rate == "ftrl" else 0.1
    assert abs(model.intercept_ - intercept)[0] < near * abs(intercept[0]) + 0.1
    assert np.abs(model.coef_ - coef).sum() < near * np.abs(coef).sum()
    if now is None:
        return
    strong, free = (
        clone(model).set_params(penalty=before, alpha=1e-4),
        clone(model).set_params(penalty=None, alpha=1e-4),
    )
    for one in (strong, free):
        one.partial_fit(rows, LABELS, classes=[0, 1])
    strong.set_params(penalty=now, alpha=0.5)
    for _ in range(5):
        strong.partial_fit(rows, LABELS)
        free.partial_fit(rows, LABELS)
    scale = np.asarray(rows.std(axis=0)) if data is X else 1.0
    assert np.abs(strong.coef_ * scale).sum() < 0.8 * np.abs(free.coef_ * scale).sum()


def test_what_is_due_of_an_old_penalty_is_paid():
    # Plain steps, l1 by lazy truncation: no steps at all after the change, and the published weights stay.
    model = SGDClassifier(loss="hinge", learning_rate="constant", eta0=0.01, penalty="l1", alpha=1e-2)
    model.partial_fit(SPARSE, LABELS, classes=[0, 1])
    coef = model.coef_.copy()
    for penalty in ("l2", "elasticnet", "l1"):
        model.set_params(penalty=penalty, alpha=1e-3)
        model.partial_fit(SPARSE[:5], LABELS[:5], sample_weight=np.zeros(5))
        np.testing.assert_allclose(model.coef_, coef, rtol=1e-6)


def test_a_path_of_alphas():
    path = SGDRegressor(warm_start=True, random_state=0, tol=1e-4)
    for alpha in (10.0, 0.1, 1e-4):
        warm = path.set_params(alpha=alpha).fit(D, NUMBERS)
        cold = SGDRegressor(alpha=alpha, random_state=0, tol=1e-4).fit(D, NUMBERS)
        np.testing.assert_allclose(warm.predict(D), cold.predict(D), atol=8)
    assert path.score(D, NUMBERS) > 0.5


def test_a_rate_of_now():
    model = SGDRegressor().partial_fit(D, NUMBERS)
    assert len(model._kept["state"].rates) == 4
    model.set_params(eta0=0.3).partial_fit(D, NUMBERS)
    assert model._kept["state"].rates.tolist() == [0.3]
    assert model.set_params(eta0=None).partial_fit(D, NUMBERS)._kept["state"].rates.tolist() == [0.3]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"fit_intercept": False}, "fit_intercept=True, got False; set the same, or fit anew"),
        ({"penalty_scale": "raw"}, "penalty_scale='feature', got 'raw'; set the same"),
    ],
)
def test_what_cannot_change_is_refused(params, message):
    model = SGDRegressor(warm_start=True, max_iter=5, tol=None).fit(D, NUMBERS).set_params(**params)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(D, NUMBERS)
    with pytest.raises(ValueError, match=message):
        model.fit(D, NUMBERS)


def test_several_quantiles_take_another_alpha():
    model = SGDRegressor("quantile", quantile=[0.1, 0.9]).partial_fit(D, NUMBERS)
    before = np.abs(model.coef_).sum()
    for _ in range(5):
        model.set_params(alpha=1.0).partial_fit(D, NUMBERS)
    assert np.abs(model.coef_).sum() < before


def test_a_call_that_fails_does_not_hide_the_penalty_that_it_set():
    counts = np.random.default_rng(0).poisson(2.0, len(D))
    model = SGDRegressor("poisson", alpha=1e-4).partial_fit(D, counts)
    with pytest.raises(ValueError, match="poisson"):
        model.set_params(alpha=10.0).partial_fit(D, np.where(np.arange(len(D)) == 3, -1, counts))
    model.set_params(alpha=1e-4).partial_fit(D, counts)
    twin = SGDRegressor("poisson", alpha=1e-4).partial_fit(D, counts).partial_fit(D, counts)
    np.testing.assert_array_equal(model.coef_, twin.coef_)


def test_a_resumed_fit_goes_on_within_its_time(tmp_path, monkeypatch):
    from esker import learning

    class Enough(Exception):
        pass

    def stop(self, entry):
        if entry["rows"] >= 4096:
            raise Enough

    rows, labels = np.tile(X, (20, 1)), np.tile(LABELS, 20)
    monkeypatch.setattr(learning, "CHECKPOINT_EVERY", 0.0)
    model = SGDClassifier(random_state=0, max_iter=3, tol=None, max_time=100, checkpoint=tmp_path / "c")
    with monkeypatch.context() as patch:
        patch.setattr(SGDClassifier, "_show", stop)
        with pytest.raises(Enough):
            clone(model).set_params(verbose=1).fit(rows, labels)
    assert (tmp_path / "c").exists()
    model.fit(rows, labels)
    assert model.stop_reason_ == "max_iter"
    whole = SGDClassifier(random_state=0, max_iter=3, tol=None).fit(rows, labels)
    np.testing.assert_array_equal(model.coef_, whole.coef_)

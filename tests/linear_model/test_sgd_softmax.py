"""SGDClassifier(loss="softmax"): all classes in one loss, beside the exact solver and every way of fitting."""

import itertools

import numpy as np
import pytest
import sklearn.linear_model
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss

from esker import load, open_blocks, save
from esker.linear_model import LogisticRegression, SGDClassifier, SGDClassifierCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def labelled(n=6000, d=8, classes=4, *, csr=False, seed=0):
    """Rows whose classes are drawn from a softmax: the model is right."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    if csr:
        X[rng.random((n, d)) < 0.5] = 0
    scores = X @ rng.standard_normal((d, classes)) + rng.standard_normal(classes)
    y = (scores + rng.gumbel(size=(n, classes))).argmax(axis=1)
    return (sparse.csr_array(X) if csr else X), y


def of_loss(**params):
    return SGDClassifier("softmax", **{"random_state": 0, **params})


def same(a, b):
    assert a.coef_.tobytes() == b.coef_.tobytes()
    assert a.intercept_.tobytes() == b.intercept_.tobytes()


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("rate", ["auto", "adagrad", "normalized", "ftrl", "coin", "invscaling", "optimal"])
def test_close_to_the_exact_solver(csr, rate):
    X, y = labelled(csr=csr)
    A, B, a, b = X[:4000], X[4000:], y[:4000], y[4000:]
    exact = sklearn.linear_model.LogisticRegression(C=10).fit(A, a)
    eta0 = 0.5 if rate == "invscaling" else None
    model = of_loss(learning_rate=rate, eta0=eta0, average=rate == "optimal").fit(A, a)
    best = log_loss(b, exact.predict_proba(B))
    slow = rate in ("invscaling", "optimal")  # their epochs' gains fall below noise sooner
    assert log_loss(b, model.predict_proba(B)) < (1.06 if slow else 1.02) * best
    assert model.score(B, b) > exact.score(B, b) - 0.015


def test_its_objective_at_convergence_is_the_exact_solvers():
    X, y = labelled(classes=3)
    ours = LogisticRegression(C=1 / (1e-2 * len(y))).fit(X, y)
    model = of_loss(
        alpha=1e-2,
        learning_rate="invscaling",
        power_t=0.75,
        eta0=2.0,
        average=6001,
        max_iter=40,
        tol=None,
        early_stopping=False,
    ).fit(X, y)

    def objective(m):
        p = log_softmax(X @ m.coef_.T + m.intercept_, axis=1)
        return -p[np.arange(len(y)), y].mean() + 0.5e-2 * np.sum(m.coef_**2)

    assert objective(ours) <= objective(model) < objective(ours) + 1e-4
    np.testing.assert_allclose(model.coef_, ours.coef_, atol=0.02)


@pytest.mark.parametrize("csr", [False, True])
def test_probabilities_are_the_softmax_of_the_scores(csr):
    X, y = labelled(csr=csr)
    names = np.array(["a", "b", "c", "d"])[y]
    model = of_loss(max_iter=3).fit(X, names)
    assert model.coef_.shape == (4, 8)
    scores, p = model.decision_function(X), model.predict_proba(X)
    np.testing.assert_allclose(p, softmax(scores, axis=1), atol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])
    far = model.predict_log_proba(1e4 * X)
    assert np.isfinite(far).all()
    assert far.min() < -800
    entry = model.history_[-1]
    held = [e["held_out_loss"] for e in model.history_ if e["held_out_loss"] is not None]
    assert min(held) == pytest.approx(log_loss(names, p), rel=0.15)
    assert entry["loss"] == pytest.approx(
        log_loss(names, p), rel=0.15
    )  # progressive, of the row and not of a lane
    assert 0 < entry["held_out_error"] < 0.1


def test_without_a_hold_out_the_progressive_loss_is_the_cross_entropy():
    X, y = labelled(900)
    model = of_loss(max_iter=20).fit(X, y)
    assert {e["held_out_loss"] for e in model.history_} == {None}
    assert model.history_[-1]["loss"] == pytest.approx(log_loss(y, model.predict_proba(X)), rel=0.15)


@pytest.mark.parametrize("rate", ["auto", "adagrad", "optimal"])
def test_two_classes_are_the_log_loss(rate):
    X, y = labelled(80_000 if rate == "auto" else 3000, classes=2)
    pair = [
        SGDClassifier(loss, learning_rate=rate, random_state=0, max_iter=2).fit(X, y)
        for loss in ("softmax", "log_loss")
    ]
    same(*pair)
    assert pair[0].coef_.shape == (1, 8)
    np.testing.assert_array_equal(pair[0].predict_proba(X), pair[1].predict_proba(X))


@given(
    cuts=st.lists(st.integers(0, 900), max_size=5),
    csr=st.booleans(),
    params=st.sampled_from(
        [{}, {"eta0": 0.1}, {"learning_rate": "adagrad", "average": True}, {"learning_rate": "constant", "penalty": "l1"},
         {"learning_rate": "ftrl", "penalty": "elasticnet"}, {"learning_rate": "coin"}, {"class_weight": {0: 3.0}}]
    ),
)  # fmt: skip
def test_partial_fit_is_the_same_however_rows_are_cut(cuts, csr, params):
    X, y = labelled(900, csr=csr)
    weight = np.random.default_rng(0).random(900)
    whole = of_loss(**params).partial_fit(X, y, range(4), weight)
    cut, ends = of_loss(**params), [0, *sorted(cuts), 900]
    for a, b in itertools.pairwise(ends):
        if a < b:
            cut.partial_fit(X[a:b], y[a:b], range(4), weight[a:b])
    same(cut, whole)


@pytest.mark.parametrize("n_threads", [2, 3])
@pytest.mark.parametrize("classes", [4, 300])
def test_threads_change_nothing(n_threads, classes):
    X, y = labelled(3000, classes=classes, csr=True)
    params = {"max_iter": 2, "n_threads": 1}
    one = of_loss(**params).fit(X, y)
    same(of_loss(**{**params, "n_threads": n_threads}).fit(X, y), one)
    assert one.coef_.shape == (
        len(np.unique(y)),
        8,
    )  # hundreds of lanes are one state, as all are in each row's loss


def test_blocks_give_the_bits_of_the_array():
    X, y = labelled(5000, csr=True)
    blocks = open_blocks(X, target=y)
    same(
        of_loss(max_iter=2, class_weight="balanced").fit(blocks),
        of_loss(max_iter=2, class_weight="balanced").fit(X, y),
    )


def test_a_race_is_won_by_whole_models():
    """Rates and penalties race, then penalties near the best: each time all classes take the same one's lanes."""
    X, y = labelled(80_000, classes=5)
    model = of_loss(max_iter=2).fit(X, y)
    events = [(e["event"], e["lanes"]) for e in model.schedule_["decisions"]]
    assert [name for name, _ in events] == ["selected", "spawned", "selected"]
    for lanes, each in ((events[0][1], 8), (events[2][1], 4)):
        assert len({lane % each for lane in lanes}) == 1
        assert [lane // each for lane in lanes] == [0, 1, 2, 3, 4]
    assert len(set(model.alpha_.tolist())) == 1
    again = of_loss(max_iter=2, max_time="1h").fit(X, y, schedule=model.schedule_)
    same(again, model)


def test_max_time_and_schedule():
    X, y = labelled(3000, classes=50)
    model = SGDClassifier("softmax", max_time=0.2, max_iter=10**6, tol=None).fit(X, y)
    assert model.stop_reason_ == "time"
    same(SGDClassifier("softmax", max_iter=10**6, tol=None).fit(X, y, schedule=model.schedule_), model)


@pytest.mark.parametrize("average", [False, "auto"])
def test_a_killed_fit_goes_on_to_the_same_bits(tmp_path, monkeypatch, average):
    X, y = labelled(20_000, csr=True)
    params = {"max_iter": 4, "tol": None, "verbose": 1, "average": average}
    whole = of_loss(**params).fit(X, y)
    monkeypatch.setattr("esker.learning.CHECKPOINT_EVERY", 0.0)
    model, show, path = of_loss(checkpoint=tmp_path / "c", **params), SGDClassifier._show, tmp_path / "c"

    def killed(self, entry):
        show(self, entry)
        if entry["epoch"] == 2:
            raise MemoryError

    with monkeypatch.context() as m:
        m.setattr(SGDClassifier, "_show", killed)
        with pytest.raises(MemoryError):
            model.fit(X, y)
    assert path.exists()
    same(of_loss(checkpoint=path, **params).fit(X, y), whole)


def test_averages_warm_starts_weights_and_first_weights():
    X, y = labelled(4000)
    last, mean = (
        of_loss(learning_rate="constant", eta0=0.3, average=a, max_iter=5, tol=None).fit(X, y)
        for a in (False, True)
    )
    assert log_loss(y, mean.predict_proba(X)) < log_loss(y, last.predict_proba(X))
    warm = of_loss(warm_start=True, max_iter=2).fit(X, y)
    sizes = [np.abs(warm.set_params(alpha=a, max_iter=5).fit(X, y).coef_).sum() for a in (1e-4, 1e-1, 1.0)]
    assert sizes == sorted(sizes, reverse=True)
    heavy = of_loss(max_iter=5, class_weight={2: 20.0}).fit(X, y)
    assert (heavy.predict(X) == 2).mean() > (of_loss(max_iter=5).fit(X, y).predict(X) == 2).mean() + 0.05
    begun = of_loss(learning_rate="adagrad", eta0=1e-9, max_iter=1, tol=None).fit(
        X, y, coef_init=mean.coef_, intercept_init=mean.intercept_
    )
    np.testing.assert_allclose(begun.coef_, mean.coef_, atol=1e-5)


def test_separable_classes_end_by_the_entropy_of_all_labels():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 6000)
    X = np.eye(4)[y] + 0.05 * rng.standard_normal((6000, 4))
    model = of_loss().fit(X, y)
    assert model.stop_reason_ == "converged"
    assert model.n_iter_ < 200
    assert model.score(X, y) == 1.0


def test_a_huge_weight_or_an_absurd_value_ruins_nothing():
    X, y = labelled(6000)
    weight = np.ones(6000)
    weight[[100, 3000]] = 1e6
    heavy = of_loss().fit(X, y, sample_weight=weight)
    assert heavy.predict(X[[100, 3000]]).tolist() == y[[100, 3000]].tolist()
    wild = X.copy()
    wild[500, 3] = 1e20
    rest, others = np.arange(6000) != 500, np.arange(8) != 3
    without = of_loss().fit(X[:, others], y)  # that feature alone may be lost
    assert of_loss().fit(wild, y).score(X[rest], y[rest]) > without.score(X[:, others], y) - 0.02


def test_it_is_saved_and_answers_as_scikit_learn(tmp_path):
    X, y = labelled()
    model = of_loss(max_iter=3).fit(X, y)
    save(model, tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict_proba(X), model.predict_proba(X))
    twin = model.to_sklearn()
    assert type(twin) is sklearn.linear_model.LogisticRegression
    np.testing.assert_allclose(twin.predict_proba(X), model.predict_proba(X), atol=1e-9)
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    sparse_one = of_loss(max_iter=3).fit(X, y).sparsify()
    np.testing.assert_allclose(sparse_one.predict_proba(X), model.predict_proba(X), atol=1e-12)


def test_folds_choose_by_the_cross_entropy():
    X, y = labelled(1500, d=30)
    model = SGDClassifierCV("softmax", alphas=[1e-4, 1e-2, 10.0], cv=3, random_state=0, max_iter=10).fit(X, y)
    assert model.alpha_ < 1
    scores = []
    for fold in range(3):
        test = np.arange(1500) // 500 == fold
        one = of_loss(alpha=model.alpha_, max_iter=10).fit(X[~test], y[~test])
        scores.append(-log_loss(y[test], one.predict_proba(X[test])))
    assert model.best_score_ == pytest.approx(np.mean(scores), rel=0.1)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_intervals_of_replicates():
    X, y = labelled(3000)
    model = of_loss(n_bootstrap=20, max_iter=3, penalty=None).fit(X, y)
    assert model.bootstrap_coef_.shape == (20, 4, 8)
    low, high = model.coef_interval()
    assert (low < model.coef_).all()
    assert (model.coef_ < high).all()
    replicate = softmax(X @ model.bootstrap_coef_[0].T + model.bootstrap_intercept_[0], axis=1)
    assert log_loss(y, replicate) < 1.3 * log_loss(y, model.predict_proba(X))


def test_digits_have_better_probabilities_than_one_against_the_rest():
    X, y = load_digits(return_X_y=True)
    train = np.random.default_rng(0).permutation(len(y)) < 1200
    joint, rest = (
        SGDClassifier(loss, random_state=0).fit(X[train], y[train]) for loss in ("softmax", "log_loss")
    )
    assert log_loss(y[~train], joint.predict_proba(X[~train])) < log_loss(
        y[~train], rest.predict_proba(X[~train])
    )
    assert joint.score(X[~train], y[~train]) > 0.93


def test_refusals():
    X, y = labelled(2000, classes=300, csr=True)
    wide = sparse.csr_array((X.data, X.indices, X.indptr), shape=(2000, 20_000))
    with pytest.raises(ValueError, match=r"loss='softmax' learns all classes together.*grant more"):
        of_loss(max_memory="60MB").fit(wide, y)
    with pytest.raises(ValueError, match=r"loss='softmax' has the scores of all classes.*name them all"):
        of_loss().partial_fit(X, y, classes="open")
    with pytest.raises(ValueError, match="n_shards=2 is for"):
        of_loss(n_shards=2).fit(X, y)
    with pytest.raises(AttributeError) as refused:
        _ = SGDClassifier("hinge").predict_proba
    assert "use loss='log_loss', 'softmax' or 'modified_huber'" in str(refused.value.__cause__)

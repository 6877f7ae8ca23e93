"""SGDClassifier and SGDRegressor: scikit-learn's contract, quality without scaling, the same bits for every cut."""

import inspect
import pickle
import time
from itertools import pairwise

import joblib
import numpy as np
import pytest
import sklearn.linear_model
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from esker import open_blocks
from esker.blocks import Blocks
from esker.blocks.block_file import write_block_file
from esker.linear_model import SGDClassifier, SGDRegressor

REASON = "steps: a row of weight 2 is one step, not two, and repeated rows change the order of rows"
FAILS = {
    "check_sample_weight_equivalence_on_dense_data": REASON,
    "check_sample_weight_equivalence_on_sparse_data": REASON,
}


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.SkipTestWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)
@parametrize_with_checks(
    [
        SGDRegressor(),
        SGDRegressor(loss="huber"),
        SGDRegressor(loss="quantile"),
        SGDClassifier(),
        SGDClassifier(loss="hinge"),
        SGDClassifier(loss="modified_huber"),
    ],
    expected_failed_checks=lambda estimator: FAILS,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# --- quality, beside scikit-learn's own SGD, which is helped by scaling ---

SETS = [
    (load_breast_cancer, SGDClassifier, {"loss": "log_loss"}, 0.005),
    (load_breast_cancer, SGDClassifier, {"loss": "hinge"}, 0.005),
    (load_digits, SGDClassifier, {"loss": "log_loss"}, 0.0),
    (load_diabetes, SGDRegressor, {}, 0.01),
]


@pytest.mark.parametrize(("load", "ours", "params", "slack"), SETS)
@pytest.mark.parametrize("scaled", [False, True])
def test_no_worse_than_scikit_learn_on_scaled_data(load, ours, params, slack, scaled):
    X, y = load(return_X_y=True)
    mine, peer = [], []
    for seed in range(3):
        A, B, a, b = train_test_split(X, y, random_state=seed, test_size=0.3)
        peers = getattr(sklearn.linear_model, ours.__name__)(random_state=seed, **params)
        peer.append(make_pipeline(StandardScaler(), peers).fit(A, a).score(B, b))
        if scaled:
            scaler = StandardScaler().fit(A)
            A, B = scaler.transform(A), scaler.transform(B)
        mine.append(ours(random_state=seed, **params).fit(A, a).score(B, b))
    assert np.mean(mine) >= np.mean(peer) - slack


def test_units_of_features_do_not_matter():
    X, y = load_breast_cancer(return_X_y=True)
    units = 2.0 ** np.arange(-10, 20)
    first = SGDClassifier(random_state=0).fit(X, y)
    second = SGDClassifier(random_state=0).fit(X * units, y)
    np.testing.assert_allclose(second.coef_ * units, first.coef_, rtol=1e-3, atol=1e-6)


# --- the same bits ---


def table(n=5000, d=12, classes=2, dtype=np.float64, csr=False):
    X, y = make_classification(n, d, n_informative=6, n_classes=classes, random_state=0)
    X = (X * np.geomspace(1e-3, 1e3, d)).astype(dtype)
    return (sparse.csr_array(np.where(np.abs(X) > np.abs(X).mean(axis=0), X, 0)) if csr else X), y


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_partial_fit_is_the_same_however_rows_are_cut(csr, classes):
    X, y = table(classes=classes, csr=csr)
    models = []
    for cuts in ([0, 5000], [0, 1, 7, 4096, 4097, 5000], list(range(0, 5001, 250))):
        model = SGDClassifier()
        for i, j in pairwise(cuts):
            model.partial_fit(X[i:j], y[i:j], classes=np.arange(classes))
        models.append(model)
    for model in models[1:]:
        assert model.coef_.tobytes() == models[0].coef_.tobytes()
        assert model.intercept_.tobytes() == models[0].intercept_.tobytes()
    assert models[0].t_ == 5001


def test_the_leader_of_a_race_does_not_depend_on_batches():
    X, y = table(700)
    models = []
    for step in (700, 64, 9):  # no mark is among so few rows
        model = SGDClassifier()
        for i in range(0, 700, step):
            model.partial_fit(X[i : i + step], y[i : i + step], classes=[0, 1])
        models.append(model)
    for model in models[1:]:
        assert model.coef_.tobytes() == models[0].coef_.tobytes()


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_threads_change_nothing(n_threads):
    X, y = table()
    model = SGDClassifier(random_state=1, n_threads=n_threads).fit(X, y)
    assert np.array_equal(model.coef_, SGDClassifier(random_state=1).fit(X, y).coef_)


@pytest.mark.parametrize("csr", [False, True])
def test_blocks_give_the_bits_of_the_array(csr):
    X, y = table(csr=csr)
    y = np.array(["no", "yes"])[y]
    model = SGDClassifier(random_state=0, class_weight="balanced").fit(X, y)

    def pieces():
        for i in range(0, 5000, 1000):
            yield X[i : i + 1000], y[i : i + 1000]

    class Again:
        def __iter__(self):
            return pieces()

    streamed = SGDClassifier(random_state=0, class_weight="balanced", shuffle=False).fit(open_blocks(Again()))
    ordered = SGDClassifier(random_state=0, class_weight="balanced", shuffle=False).fit(X, y)
    assert streamed.classes_.tolist() == ["no", "yes"]
    assert np.array_equal(streamed.coef_, ordered.coef_)
    assert streamed.n_features_in_ == 12
    blocks = open_blocks(X, target=y)
    assert isinstance(blocks, Blocks)
    from_blocks = SGDClassifier(random_state=0, class_weight="balanced").fit(blocks)
    assert np.array_equal(from_blocks.coef_, model.coef_)
    assert from_blocks.score(blocks) == pytest.approx(model.score(X, y), abs=1e-12)


def test_a_schedule_repeats_a_fit_to_the_bit():
    X, y = table(20_000)
    model = SGDClassifier(max_time=0.2, max_iter=10**6, tol=None).fit(X, y)
    assert model.stop_reason_ == "time"
    again = SGDClassifier(max_time=0.2, max_iter=10**6, tol=None).fit(X, y, schedule=model.schedule_)
    assert np.array_equal(again.coef_, model.coef_)
    assert again.schedule_ == model.schedule_
    with pytest.raises(ValueError, match="another seed"):
        SGDClassifier(random_state=1, max_iter=3).fit(X, y, schedule=model.schedule_)
    with pytest.raises(ValueError, match="schedule_ of a fitted model"):
        SGDClassifier().fit(X, y, schedule={"seed": 3})


def test_max_time_is_kept_with_many_classes():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((3000, 50)), rng.integers(0, 300, 3000)
    begun = time.perf_counter()
    model = SGDClassifier(max_time="300ms", max_iter=10**6, tol=None).fit(X, y)
    assert time.perf_counter() - begun < 1.0
    assert model.stop_reason_ == "time"
    assert model.coef_.shape == (300, 50)


# --- scikit-learn's parameters ---

REFUSED = {
    "loss": {"SGDClassifier": "quantile", "SGDRegressor": "hinge"},
    "learning_rate": "pa1",
    "power_t": 0.3,
    "epsilon": 0.2,
    "n_jobs": 2,
    "l1_ratio": 0.5,  # with the default penalty
}
ACCEPTED = {
    "penalty": "elasticnet",
    "alpha": 1e-3,
    "fit_intercept": False,
    "max_iter": 7,
    "tol": None,
    "shuffle": False,
    "verbose": 1,
    "random_state": 3,
    "eta0": 0.1,
    "average": 10,
    "early_stopping": False,
    "validation_fraction": 0.2,
    "n_iter_no_change": 3,
    "class_weight": {0: 2.0},
    "warm_start": True,
}


@pytest.mark.parametrize("ours", [SGDClassifier, SGDRegressor])
def test_every_parameter_of_scikit_learn_is_accepted_or_refused_by_name(ours, capsys):
    theirs = set(inspect.signature(getattr(sklearn.linear_model, ours.__name__)).parameters)
    assert theirs == set(ours().get_params()) & (REFUSED.keys() | ACCEPTED.keys())
    X, y = table(300)
    for name in theirs & REFUSED.keys():
        value = REFUSED[name][ours.__name__] if name == "loss" else REFUSED[name]
        with pytest.raises(ValueError, match=rf"^{name}="):
            ours(**{name: value}).fit(X, y)
    for name in theirs & ACCEPTED.keys():
        model = ours(**{"max_iter": 2, "tol": None, name: ACCEPTED[name]})
        if name == "n_iter_no_change":
            model.set_params(tol=1e-3, max_iter=100)
        model.fit(X, y)


BAD = [
    ({"loss": "log"}, "loss must be one of"),
    ({"loss": "poisson"}, "loss='poisson' is for SGDRegressor"),
    ({"loss": "huber", "epsilon": 0.0}, "epsilon must be a number above 0"),
    ({"epsilon": 0.3}, "no effect with loss='log_loss'"),
    ({"penalty": "l3"}, "penalty must be one of"),
    ({"alpha": -1}, "alpha must be a number of at least 0"),
    ({"alpha": np.nan}, "alpha"),
    ({"l1_ratio": 2, "penalty": "elasticnet"}, r"l1_ratio must be a number in \[0, 1\]"),
    ({"max_iter": 0}, "max_iter must be an integer of at least 1"),
    ({"tol": -1.0}, "tol"),
    ({"tol": "small"}, "tol must be one of"),
    ({"eta0": 0.0}, "eta0 must be a number above 0"),
    ({"validation_fraction": 1.0}, "validation_fraction"),
    ({"early_stopping": False, "validation_fraction": 0.2}, "no effect with early_stopping=False"),
    ({"shuffle": False, "shuffle_rows": 10}, "no effect with shuffle=False"),
    ({"penalty_scale": "row"}, "penalty_scale must be one of"),
    ({"max_time": "soon"}, "max_time must be a number of seconds"),
    ({"max_time": -1}, "max_time"),
    ({"max_memory": "lots"}, "max_memory"),
    ({"n_threads": 0}, "n_threads"),
    ({"class_weight": "even"}, "class_weight"),
    ({"class_weight": {7: 1.0}}, "not among the classes"),
    ({"fit_intercept": 3}, "fit_intercept must be True or False"),
]


@pytest.mark.parametrize(("params", "message"), BAD)
def test_bad_parameters_are_refused(params, message):
    X, y = table(200)
    with pytest.raises(ValueError, match=message):
        SGDClassifier(**params).fit(X, y)


def test_tables_that_exceed_max_memory_are_refused():
    X = sparse.csr_array((np.ones(4, np.float32), ([0, 1, 2, 3], [0, 1, 2, 10**7 - 1])), shape=(4, 10**7))
    with pytest.raises(ValueError, match=r"models takes \d+ MB .* max_memory is 50 MB"):
        SGDClassifier(max_memory="50MB").fit(X, [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("penalty", "alpha", "ratio"), [("l2", 0.1, 0), ("l1", 0.1, 1), ("elasticnet", 0.2, 0.5)]
)
def test_penalties_are_those_of_the_objective(penalty, alpha, ratio):
    X, y = table(3000)
    params = {"l1_ratio": 0.5} if penalty == "elasticnet" else {}
    model = SGDClassifier(
        penalty=penalty, alpha=alpha, random_state=0, early_stopping=False, tol=1e-4, **params
    )
    per_deviation = model.fit(X, y).coef_ * X.std(axis=0)
    exact = sklearn.linear_model.LogisticRegression(
        C=1 / (alpha * 3000), l1_ratio=ratio, solver="saga", max_iter=2000, tol=1e-6, random_state=0
    )
    wanted = exact.fit(StandardScaler().fit_transform(X), y).coef_
    np.testing.assert_allclose(per_deviation, wanted, atol=0.2)
    free = SGDClassifier(penalty=None, random_state=0).fit(X, y).coef_ * X.std(axis=0)
    assert np.abs(per_deviation).sum() < 0.6 * np.abs(free).sum()
    raw = SGDClassifier(penalty=penalty, alpha=alpha, random_state=0, penalty_scale="raw", **params).fit(X, y)
    assert not np.allclose(raw.coef_ * X.std(axis=0), per_deviation, atol=0.05)


# --- labels and answers ---


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, -1]),
        np.array(["b", "a"]),
        np.array([True, False]),
        np.array([0.5, 2.0]) * 2,
        np.array(["b", "a"], dtype=object),
    ],
)
def test_labels_of_any_kind(labels):
    X, y = table(1500)
    named = labels[y]
    model = SGDClassifier(random_state=0).fit(X, named)
    assert model.classes_.tolist() == sorted(labels.tolist())
    assert model.coef_.shape == (1, 12)
    predicted = model.predict(X)
    assert (predicted == named).mean() > 0.8
    assert predicted.dtype.kind == named.dtype.kind


def test_probabilities():
    for classes in (2, 3):
        X, y = table(3000, classes=classes)
        model = SGDClassifier(random_state=0).fit(X, y)
        p = model.predict_proba(X)
        assert p.shape == (3000, classes)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        assert np.array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
        np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p)
    with pytest.raises(AttributeError, match="has no attribute 'predict_proba'") as error:
        _ = SGDClassifier(loss="hinge").predict_proba
    assert "not available for loss='hinge'" in str(error.value.__cause__)
    assert not hasattr(SGDClassifier(loss="hinge"), "predict_proba")


def test_class_weights_move_the_decision():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(0, 1, (2700, 2)), rng.normal(1, 1, (300, 2))]
    y = np.r_[np.zeros(2700), np.ones(300)]
    plain = SGDClassifier(random_state=0).fit(X, y).predict(X).mean()
    balanced = SGDClassifier(random_state=0, class_weight="balanced").fit(X, y)
    given = SGDClassifier(random_state=0, class_weight={0: 3000 / 5400, 1: 3000 / 600}).fit(X, y)
    assert plain < 0.1 < 0.25 < balanced.predict(X).mean()
    np.testing.assert_allclose(given.coef_, balanced.coef_)
    by_rows = SGDClassifier(random_state=0).fit(X, y, sample_weight=np.where(y == 1, 5.0, 3000 / 5400))
    np.testing.assert_allclose(by_rows.coef_, balanced.coef_)
    with pytest.raises(ValueError, match="partial_fit"):
        SGDClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1])


def test_bad_targets_are_refused():
    X, y = table(100)
    with pytest.raises(ValueError, match="number of classes has to be greater than one; got 1 class"):
        SGDClassifier().fit(X, np.ones(100))
    with pytest.raises(ValueError, match="number of classes has to be greater than one"):
        SGDClassifier().partial_fit(X, np.ones(100), classes=[1])
    with pytest.raises(ValueError, match="Unknown label type"):
        SGDClassifier().fit(X, np.linspace(0, 1, 100))
    with pytest.raises(ValueError, match="Unknown label type"):
        SGDClassifier().fit(open_blocks(X, target=np.linspace(0, 1, 100)).map(lambda b: b))
    with pytest.raises(ValueError, match="y should be a 1d array"):
        SGDRegressor().fit(X, np.ones((100, 2)))
    with pytest.raises(ValueError, match="requires y to be passed"):
        SGDRegressor().fit(X)
    model = SGDClassifier().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"label .* is not one of the classes"):
        model.partial_fit(X, y + 1)


# --- life among others ---


def test_it_works_in_pipelines_searches_pickles_and_clones(tmp_path):
    X, y = table(1200)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), SGDClassifier(random_state=0)),
        {"sgdclassifier__alpha": [1e-5, 1e-2]},
        cv=3,
        n_jobs=1,
    )
    assert search.fit(X, y).best_score_ > 0.75
    model = SGDClassifier(random_state=0).fit(X, y)
    joblib.dump(model, tmp_path / "m")
    for again in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "m")):
        assert np.array_equal(again.coef_, model.coef_)
        assert np.array_equal(
            again.partial_fit(X, y).coef_, pickle.loads(pickle.dumps(model)).partial_fit(X, y).coef_
        )
    assert not hasattr(clone(model), "coef_")


def test_partial_fit_goes_on_from_fit_and_warm_start_from_a_model():
    X, y = table(3000)
    model = SGDClassifier(random_state=0, max_iter=5, tol=None).fit(X, y)
    before = model.coef_.copy()
    model.partial_fit(X[:10], y[:10])
    assert 0 < np.abs(model.coef_ - before).max() < 0.5 * np.abs(before).max()
    cold, warm = (SGDRegressor(random_state=0, max_iter=3, tol=None, warm_start=w) for w in (False, True))
    for m in (cold, warm):
        m.fit(X, y)
    first = warm.coef_.copy()
    assert np.array_equal(cold.fit(X, y).coef_, first)
    assert not np.array_equal(warm.fit(X, y).coef_, first)
    with pytest.raises(ValueError, match="goes on with the classes"):
        SGDClassifier(random_state=0, warm_start=True).fit(X, y).fit(X, y + 1)


def test_a_walk_that_ends_too_soon_says_so():
    X, y = table(3000)
    with pytest.warns(ConvergenceWarning, match="Consider increasing max_iter"):
        SGDClassifier(max_iter=2).fit(X, y)


def test_verbose_prints_a_line_at_each_mark(capsys):
    X, y = table(5000)
    SGDRegressor(verbose=1, max_iter=3, tol=None).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 3
    assert all(line.startswith("SGDRegressor: ") and "loss" in line for line in lines)


def test_float32_stays_float32():
    X, y = table(2000, dtype=np.float32)
    model = SGDRegressor(random_state=0).fit(X, y)
    assert (model.coef_.dtype, model.intercept_.dtype) == (np.float32, np.float64)
    assert model.coef_.shape == (12,)
    assert model.intercept_.shape == (1,)
    assert model.predict(X).dtype == np.float32


def test_int64_indices_are_taken_as_they_are():
    X, y = table(2000, csr=True)
    wide = sparse.csr_array((X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), shape=X.shape)
    assert wide.indices.dtype == np.int64
    assert np.array_equal(
        SGDClassifier(random_state=0).fit(wide, y).coef_, SGDClassifier(random_state=0).fit(X, y).coef_
    )


def test_a_checkpoint_of_an_earlier_fit_with_other_parameters_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("esker.learning.CHECKPOINT_EVERY", 0.0)
    monkeypatch.setattr("esker.learning_checkpoint.remove", lambda path: None)
    X, y = table(2000)
    path = tmp_path / "c"
    SGDClassifier(random_state=0, max_iter=2, tol=None, checkpoint=path).fit(X, y)
    with pytest.raises(ValueError, match=r"alpha was 'auto' and is 0\.1"):
        SGDClassifier(random_state=0, max_iter=2, tol=None, alpha=0.1, checkpoint=path).fit(X, y)


def test_many_dense_features_are_learned_in_one_epoch():
    # A spread that is judged by the first rows is far too small for some of 300 columns; it must not matter.
    rng = np.random.default_rng(0)
    w = rng.standard_normal(300) / np.sqrt(300)
    X = rng.standard_normal((30_000, 300)).astype(np.float32)
    y = X @ w + 0.5 * rng.standard_normal(30_000) > 0
    model = SGDClassifier(max_iter=1, tol=None, random_state=0).fit(X[:25_000], y[:25_000])
    assert model.score(X[25_000:], y[25_000:]) > 0.83  # 0.852 is possible


@pytest.mark.parametrize("n", [600, 3000, 40_000])
@pytest.mark.parametrize("kind", ["csv", "svmlight"])
def test_a_text_file_and_its_cache_give_the_same_bits(tmp_path, n, kind):
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, 6)).round(3) * [1, 10, 0.1, 1, 1, 1]
    y = (X.sum(axis=1) + rng.standard_normal(n)).round(3)
    text = tmp_path / "rows.txt"
    if kind == "csv":
        np.savetxt(text, np.c_[X, y], "%.17g", ",", header="a,b,c,d,e,f,y", comments="")
        options = {"target": "y", "format": "csv"}
    else:
        text.write_text(
            "".join(f"{t} " + " ".join(f"{j}:{v}" for j, v in enumerate(r)) + "\n" for r, t in zip(X, y))
        )
        options = {"format": "svmlight"}
    cache = tmp_path / "rows.esk"
    write_block_file(open_blocks(text, **options), cache)
    for memory in (None, "64MB"):
        sources = [
            open_blocks(text, max_memory=memory, **options),
            open_blocks(text, block_size="50KB", **options),
            open_blocks(cache, max_memory=memory),
        ]
        models = [SGDRegressor(max_iter=1, tol=None, random_state=4).fit(s) for s in sources]
        for other in models[1:]:
            assert other.t_ == models[0].t_
            np.testing.assert_array_equal(other.coef_, models[0].coef_)
            assert other.intercept_ == models[0].intercept_


def test_a_width_that_only_reading_tells_counts_in_max_memory(tmp_path):
    text = tmp_path / "wide.svm"
    text.write_text("1 5:1\n2 9000000:1\n" * 50)
    with pytest.raises(ValueError, match="max_memory is 64 MB"):
        SGDRegressor(max_iter=1).fit(open_blocks(text, max_memory="64MB"))

"""SGDClassifierCV and SGDRegressorCV: a fold's models are those that never saw its rows, and the choice follows their scores."""

import inspect
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker import open_blocks
from esker.blocks import Block
from esker.blocks.block_file import write_block_file
from esker.folds import Sgd, SgdGroup
from esker.linear_model import SGDClassifier, SGDClassifierCV, SGDRegressor, SGDRegressorCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
REASON = "steps: a row of weight 2 is one step, not two, and folds of repeated rows are other folds"
FAILS = {
    "check_sample_weight_equivalence_on_dense_data": REASON,
    "check_sample_weight_equivalence_on_sparse_data": REASON,
}
#: Every decision that the other folds' rows could change is out.
BARE = {"shuffle": False, "early_stopping": False, "max_iter": 3, "tol": None}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [SGDRegressorCV(cv=3, alphas=[1e-4, 1e-2]), SGDClassifierCV(cv=3, alphas=[1e-4, 1e-2])],
    expected_failed_checks=lambda estimator: FAILS,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def data(n=600, d=20, csr=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * np.geomspace(0.1, 10, d)
    y = X @ (rng.standard_normal(d) / np.geomspace(0.1, 10, d)) + 3 * rng.standard_normal(n)
    return (sparse.csr_array(np.where(np.abs(X) > np.abs(X).mean(axis=0), X, 0)) if csr else X), y


# --- the group ---


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("step", ["auto", "plain", "normalized", "ftrl", "coin"])
@pytest.mark.parametrize("cuts", [[0, 600], [0, 1, 77, 300, 600]])
def test_a_member_is_a_state_that_never_saw_its_other_rows(csr, step, cuts):
    X, y = data(csr=csr)
    fold = np.random.default_rng(1).integers(3, size=600)
    l2 = [0.0, 0.0] if step == "coin" else [1e-3, 1e-1]

    def fresh():
        scale = "feature" if step in ("auto", "normalized") else "raw"
        return Sgd("squared_error", [0, 0], [0.01, 0.02], None, l2, step=step, penalty_scale=scale)

    group = SgdGroup([fresh() for _ in range(3)], range(6), lambda keys: fold[keys] != np.arange(3)[:, None])
    order = np.random.default_rng(2).permutation(600)
    for begin, end in pairwise(cuts):
        group.update_rows(Block(X, y, order=order), begin, end)
    coef, intercept = group.finish()
    assert group.rows == 600
    for k in range(3):
        alone = fresh()
        alone.update(Block(X, y, order=order[fold[order] != k]))
        for mine, theirs in zip(alone.finish(), (coef, intercept)):
            assert mine.tobytes() == theirs[2 * k : 2 * k + 2].tobytes()


def test_lanes_of_a_group_are_selected_copied_and_written_to_the_bit():
    X, y = data()
    members = [Sgd("quantile", [0, 0], [0.1, 0.5], loss_parameter=q) for q in (0.1, 0.5, 0.9)]
    group = SgdGroup(members, [0, 0, 1, 1, 2, 2])
    group.update(Block(X, y))
    part = group.select([1, 4, 5])
    assert part.targets.tolist() == [0, 2, 2]
    assert part.rates.tolist() == [0.5, 0.1, 0.5]
    assert part.loss == ("quantile", (0.1, 0.9))
    assert part.finish()[0].tobytes() == group.finish()[0][[1, 4, 5]].tobytes()
    again = SgdGroup.from_arrays(group.to_arrays())
    twice = SgdGroup([m.copy() for m in members], [0, 0, 1, 1, 2, 2])
    for one in (group, again, twice):
        one.update(Block(X[::-1].copy(), y[::-1].copy()))
    assert again.finish()[0].tobytes() == twice.finish()[0].tobytes() == group.finish()[0].tobytes()
    with pytest.raises(ValueError, match="member by member"):
        group.select([4, 1])
    with pytest.raises(ValueError, match="one target for each"):
        SgdGroup(members, [0])


# --- scores, beside fits without the fold's rows ---


def half_square(model, X, y):
    return np.mean((model.predict(X) - y) ** 2) / 2


def log_loss(model, X, y):
    signs = np.where(y[:, None] == model.classes_, 1.0, -1.0)
    scores = model.decision_function(X)
    return np.logaddexp(0, -signs * (scores if scores.ndim == 2 else np.stack([-scores, scores], 1))).mean()


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("learning_rate", ["auto", "adagrad", "optimal"])
@pytest.mark.parametrize("cv", [KFold(4), ShuffleSplit(3, random_state=0)])
def test_scores_are_those_of_fits_without_the_folds_rows(csr, learning_rate, cv):
    X, y = data(csr=csr)
    X = X / np.abs(X).max()
    alphas = [1e-3, 1e-1, 1.0]
    params = {"learning_rate": learning_rate, "eta0": None if learning_rate == "optimal" else 0.1, **BARE}
    model = SGDRegressorCV(alphas=alphas, cv=cv, random_state=0, **params).fit(X, y)
    splits = [(np.sort(train), test) for train, test in cv.split(X)]
    for i, alpha in enumerate(alphas):
        for k, (train, test) in enumerate(splits):
            one = SGDRegressor(alpha=alpha, random_state=0, **params).fit(X[train], y[train])
            assert model.scores_[i, k] == pytest.approx(-half_square(one, X[test], y[test]), rel=1e-4)
    assert model.alpha_ == alphas[int(np.argmax(model.scores_.mean(axis=1)))]
    assert model.best_score_ == model.scores_.mean(axis=1).max()
    error = model.scores_.std(axis=1, ddof=1) / np.sqrt(len(splits))
    np.testing.assert_allclose(model.standard_errors_, error)
    whole = SGDRegressor(alpha=model.alpha_, random_state=0, **params).fit(X, y)
    # Lanes are summed in an order that depends on how many there are.
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, whole.intercept_, rtol=1e-4)


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_scores_of_classes(load):
    X, y = load(return_X_y=True)
    X, y = X[:500], y[:500]
    params = {"eta0": 0.5, "class_weight": {1: 2.0}, **BARE}
    model = SGDClassifierCV(alphas=[1e-4, 1e-1], cv=3, random_state=0, **params).fit(X, y)
    weight = np.where(y == 1, 2.0, 1.0)
    for k, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        one = SGDClassifier(alpha=0.1, random_state=0, **params).fit(X[train], y[train])
        parts = [log_loss(one, X[test][[i]], y[test][[i]]) for i in range(len(test))]
        assert model.scores_[1, k] == pytest.approx(-np.average(parts, weights=weight[test]), rel=1e-4)
    whole = SGDClassifier(alpha=model.alpha_, random_state=0, **params).fit(X, y)
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X), whole.predict_proba(X), atol=1e-4)


def test_noise_takes_a_strong_penalty_and_one_standard_error_a_stronger_one():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 200))
    y = X[:, :10].sum(axis=1) + 8 * rng.standard_normal(400)
    alphas = [1e-6, 1e-2, 1.0, 3.0, 10.0, 1e4]
    best, strong = (
        SGDRegressorCV(alphas=alphas, random_state=0, select=select).fit(X, y) for select in ("min", "1se")
    )
    assert 1.0 <= best.alpha_ <= 10.0
    assert best.scores_.tobytes() == strong.scores_.tobytes()
    mean = best.scores_.mean(axis=1)
    within = mean >= mean.max() - best.standard_errors_[mean.argmax()]
    assert strong.alpha_ == max(np.array(alphas)[within]) > best.alpha_
    assert strong.best_score_ == mean[alphas.index(strong.alpha_)]


def test_rates_are_chosen_beside_alphas():
    X, y = data()
    model = SGDRegressorCV(alphas=[1e-4, 1e-2], eta0=[1e-4, 0.1], random_state=0, **BARE).fit(X, y)
    assert model.scores_.shape == (2, 2, 5)
    assert model.standard_errors_.shape == (2, 2)
    assert model.eta0_ == 0.1
    one = SGDRegressorCV(alphas=[1e-4, 1e-2], eta0=0.1, random_state=0, **BARE).fit(X, y)
    np.testing.assert_allclose(model.scores_[:, 1], one.scores_, rtol=1e-5)
    np.testing.assert_allclose(model.coef_, one.coef_, rtol=1e-4)


# --- the same however it is done ---


@pytest.mark.parametrize("params", [{}, {"eta0": 0.1, "tol": None, "max_iter": 3}])
def test_threads_change_nothing(params):
    X, y = data(3000)
    one, two = (SGDRegressorCV(n_threads=n, random_state=0, **params).fit(X, y) for n in (1, 2))
    assert one.scores_.tobytes() == two.scores_.tobytes()
    assert one.coef_.tobytes() == two.coef_.tobytes()


@pytest.mark.parametrize("csr", [False, True])
def test_less_memory_takes_more_walks_to_the_same_bits(csr, monkeypatch):
    X, y = data(2000, 300, csr=csr)
    params = {
        "alphas": [1e-4, 1e-2],
        "eta0": 0.1,
        "tol": None,
        "max_iter": 2,
        "random_state": 0,
        "early_stopping": False,
    }
    whole = SGDRegressorCV(**params).fit(X, y)
    walks = []
    import esker.linear_model._sgd_cv as module

    learn = module.learn
    monkeypatch.setattr(module, "learn", lambda *a, **k: walks.append(1) or learn(*a, **k))
    less = SGDRegressorCV(max_memory=200_000, **params).fit(open_blocks(X, target=y, block_size="64 KiB"))
    assert 1 < len(walks) < 6
    np.testing.assert_allclose(less.scores_, whole.scores_, rtol=1e-12)  # sums of other blocks
    assert less.coef_.tobytes() == whole.coef_.tobytes()
    many = {**params, "alphas": np.geomspace(1e-6, 1, 200)}
    with pytest.raises(ValueError, match=r"SGDRegressorCV with 200 candidates .* max_memory"):
        SGDRegressorCV(max_memory="1MB", **many).fit(X, y)


def test_files_have_the_folds_of_arrays_or_folds_by_key(tmp_path):
    X, y = data(5000)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    params = {"alphas": [1e-4, 1e-2], "eta0": 0.1, "random_state": 0}
    wanted = SGDRegressorCV(**params).fit(X, y)
    by_npy = SGDRegressorCV(**params).fit(open_blocks(tmp_path / "X.npy", target=tmp_path / "y.npy"))
    assert by_npy.scores_.tobytes() == wanted.scores_.tobytes()
    assert by_npy.coef_.tobytes() == wanted.coef_.tobytes()
    write_block_file(open_blocks(sparse.csr_array(X), target=y), tmp_path / "rows.esk")
    by_file = SGDRegressorCV(**params).fit(open_blocks(tmp_path / "rows.esk"))
    assert by_file.scores_.shape == (2, 5)
    assert by_file.scores_.max() == pytest.approx(wanted.scores_.max(), rel=0.2)
    labels = SGDClassifierCV(**params).fit(open_blocks(X, target=(y > 0).astype(int)))
    assert labels.score(X, (y > 0).astype(int)) > 0.75


# --- what is refused, kept, told ---


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"penalty": None}, "penalty=None"),
        ({"alphas": []}, "must name something"),
        ({"learning_rate": "coin"}, "coin"),
        ({"alphas": [-1.0]}, "alpha must be"),
        ({"eta0": []}, "must name something"),
        ({"select": "best"}, "select must be"),
        ({"cv": 1}, "at least 2 folds"),
        ({"cv": "five"}, "cv must be"),
        ({"quantile": 0.3}, "quantile=0.3 has no effect"),
    ],
)
def test_what_has_no_meaning_is_refused(params, message):
    X, y = data(50)
    with pytest.raises(ValueError, match=message):
        SGDRegressorCV(**params).fit(X, y)


def test_rows_that_come_once_are_refused():
    X, y = data(50)
    with pytest.raises(ValueError, match="can be read once, and SGDRegressorCV"):
        SGDRegressorCV().fit(open_blocks(iter([(X, y)])))
    assert not hasattr(SGDRegressorCV(), "partial_fit")
    with pytest.raises(ValueError, match="greater than one"):
        SGDClassifierCV().fit(X, np.zeros(50, int))


@pytest.mark.parametrize(
    ("ours", "plain"), [(SGDRegressorCV, SGDRegressor), (SGDClassifierCV, SGDClassifier)]
)
def test_parameters_are_the_plain_ones_with_their_defaults(ours, plain):
    mine, theirs = (inspect.signature(c).parameters for c in (ours, plain))
    assert set(mine) - set(theirs) == {"alphas", "cv", "select"}
    assert all(mine[n].default == theirs[n].default for n in set(mine) & set(theirs))


def test_models_are_cloned_saved_and_turned_into_scikit_learns(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    model = SGDClassifierCV(alphas=[1e-4, 1e-2], random_state=0).fit(X, y)
    assert clone(model).get_params() == model.get_params()
    esker.save(model, tmp_path / "m")
    again = esker.load(tmp_path / "m")
    assert again.alpha_ == model.alpha_
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    twin = model.to_sklearn()
    assert type(twin).__name__ == "SGDClassifier"
    assert twin.alpha == model.alpha_
    assert np.array_equal(twin.predict(X), model.predict(X))

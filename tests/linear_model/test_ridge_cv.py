"""RidgeCV as an estimator: scikit-learn's choices, scores and shapes; true GCV; folds by sums; what is refused."""

from __future__ import annotations

import inspect
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model as theirs
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import make_scorer, mean_absolute_error, r2_score
from sklearn.model_selection import KFold, ShuffleSplit
from tests.memory_peak import rows_and_peak

from esker import open_blocks
from esker.linear_model import Ridge, RidgeClassifierCV, RidgeCV, merge

ALPHAS = np.logspace(-3, 3, 7)
FOUND = ("alpha_", "best_score_", "coef_", "intercept_", "cv_results_")


def data(n: int = 120, d: int = 6, targets: int = 0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) + 2
    shape = (n,) if not targets else (n, targets)
    w = rng.standard_normal((d,) if not targets else (d, targets))
    return X, X @ w + 2 * rng.standard_normal(shape)


def same(ours: Any, peer: Any) -> None:
    for name in FOUND:
        assert hasattr(ours, name) == hasattr(peer, name), name
        if hasattr(peer, name):
            a, b = np.asarray(getattr(ours, name)), np.asarray(getattr(peer, name))
            assert a.shape == b.shape, (name, a.shape, b.shape)
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9 * np.abs(b).max(initial=0), err_msg=name)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"store_cv_results": True},
    {"scoring": "neg_mean_absolute_error", "store_cv_results": True},
    {"scoring": make_scorer(mean_absolute_error, greater_is_better=False)},
    {"alpha_per_target": True},
    {"gcv_mode": "svd"},
    {"gcv_mode": "eigen"},
    {"cv": 3},
    {"cv": KFold(4, shuffle=True, random_state=0), "scoring": "neg_mean_squared_error"},
    {"cv": ShuffleSplit(3, random_state=0), "scoring": "neg_root_mean_squared_error"},
    {"cv": 3, "scoring": "neg_median_absolute_error"},
    {"cv": ShuffleSplit(3, random_state=0), "scoring": "explained_variance"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", [(120, 6), (20, 40)], ids=str)
def test_agrees_with_scikit_learn(shape: tuple[int, int], options: dict[str, Any]) -> None:
    for targets, intercept, weighted in [*product((0, 3), (True, False), (True, False)), (1, True, False)]:
        X, y = data(*shape, targets)
        weight = np.random.default_rng(1).uniform(0.2, 2, len(X)) if weighted else None
        ours = RidgeCV(ALPHAS, fit_intercept=intercept, **options).fit(X, y, sample_weight=weight)
        peer = theirs.RidgeCV(ALPHAS, fit_intercept=intercept, **options).fit(X, y, sample_weight=weight)
        same(ours, peer)
        np.testing.assert_allclose(ours.predict(X), peer.predict(X), rtol=1e-7, atol=1e-8)
        assert np.array_equal(ours.to_sklearn().predict(X), ours.predict(X))


@pytest.mark.parametrize(
    ("ours", "peer"), [(RidgeCV, theirs.RidgeCV), (RidgeClassifierCV, theirs.RidgeClassifierCV)]
)
def test_every_parameter_of_scikit_learn_is_there_with_its_default(ours: Any, peer: Any) -> None:
    have = inspect.signature(ours).parameters
    for name, parameter in inspect.signature(peer).parameters.items():
        assert have[name].default == parameter.default, name
        assert have[name].kind == parameter.kind, name


def test_one_target_in_two_dimensions_and_a_number_for_alphas() -> None:
    X, y = data()
    same(
        RidgeCV(1.0, store_cv_results=True).fit(X, y[:, None]),
        theirs.RidgeCV(1.0, store_cv_results=True).fit(X, y[:, None]),
    )
    assert RidgeCV([5]).fit(X, y).alpha_ == 5


def test_the_first_of_equal_scores_is_taken() -> None:
    X, y = data()
    assert RidgeCV([3.0, 1.0, 3.0]).fit(X, np.zeros(len(X))).alpha_ == 3.0
    assert np.isfinite(RidgeCV(ALPHAS).fit(X, y).scores_).all()


def test_coefficients_are_ridges() -> None:
    for shape in ((120, 6), (20, 40)):
        X, y = data(*shape)
        model = RidgeCV(ALPHAS).fit(X, y)
        ridge = Ridge(model.alpha_).fit(X, y)
        np.testing.assert_allclose(model.coef_, ridge.coef_, rtol=1e-12)
        assert model.intercept_ == pytest.approx(ridge.intercept_, rel=1e-12)


# --- scikit-learn's issues, by their content ---

SETUP = """
import numpy as np, sklearn.linear_model, scipy.linalg
from esker.linear_model import RidgeCV
rng = np.random.default_rng(0)
X = rng.standard_normal(({n}, {d}), dtype=np.{dtype})
y = X[:, 0] + rng.standard_normal({n})
RidgeCV().fit(X[:2000], y[:2000])
"""


def test_memory_does_not_grow_with_the_square_of_the_rows() -> None:
    """#2354 and #1921: 50,000 x 10 took 10 GB for an n x n matrix; #13321: weights forced that matrix."""
    work = """
for weight in (None, rng.uniform(0, 1, len(X))):
    rows = RidgeCV(np.logspace(-3, 3, 20)).fit(X, y, sample_weight=weight).n_features_in_
"""
    _, peak = rows_and_peak(SETUP.format(n=50_000, d=10, dtype="float64"), work)
    assert peak < 30e6


def test_float32_rows_are_not_copied() -> None:
    """#13322: X was copied and cast to float64, whole."""
    opening = SETUP.format(n=1_000_000, d=25, dtype="float32")
    _, peak = rows_and_peak(opening, "rows = RidgeCV([0.1, 1.0]).fit(X, y).n_features_in_")
    assert peak < 80e6  # two blocks of 33 MB; X has 100 MB, in float64 200


@pytest.mark.parametrize("apart", [False, True])
def test_max_memory_is_kept(tmp_path: Path, apart: bool) -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((30_000, 301), dtype=np.float32)
    np.save(tmp_path / "rows.npy", rows[:, :300] if apart else rows)
    np.save(tmp_path / "target.npy", rows[:, 300])
    opening = """
import numpy as np, sklearn.linear_model, scipy.linalg
from esker import open_blocks
from esker.linear_model import RidgeCV
RidgeCV().fit(np.eye(5), np.arange(5))
target = sys.argv[2] if len(sys.argv) > 2 else 300
blocks = open_blocks(sys.argv[1], target=target, max_memory="40MB")
"""
    work = "rows = RidgeCV(np.logspace(-3, 3, 20)).fit(blocks).n_features_in_"
    columns, peak = rows_and_peak(
        opening, work, tmp_path / "rows.npy", *([tmp_path / "target.npy"] if apart else [])
    )
    assert columns == 300
    assert peak < 40e6


@pytest.mark.parametrize("shape", [(80, 12), (20, 40)], ids=str)
def test_sparse_rows_with_an_intercept(shape: tuple[int, int]) -> None:
    """#13325: sparse rows and an intercept gave other values than the same rows dense."""
    X, y = data(*shape)
    X = np.where(np.abs(X) > 2, X, 0)
    for weight in (None, np.linspace(0.1, 2, len(X))):
        dense = RidgeCV(ALPHAS, store_cv_results=True).fit(X, y, sample_weight=weight)
        filled = RidgeCV(ALPHAS, store_cv_results=True).fit(sparse.csr_matrix(X), y, sample_weight=weight)
        same(filled, dense)
        same(dense, theirs.RidgeCV(ALPHAS, store_cv_results=True).fit(X, y, sample_weight=weight))


def hat_gcv(X: np.ndarray, y: np.ndarray, alphas: Any, weight: np.ndarray, intercept: bool) -> np.ndarray:
    """Golub, Heath & Wahba's formula by the hat matrix itself."""
    root, n = np.sqrt(weight), len(X)
    centre = (lambda A: A - weight @ A / weight.sum()) if intercept else (lambda A: A)
    Z, t = root[:, None] * centre(X), root[:, None] * centre(y.reshape(n, -1))
    out = []
    for alpha in alphas:
        H = Z @ np.linalg.solve(Z.T @ Z + alpha * np.eye(X.shape[1]), Z.T)
        r = t - H @ t
        out.append(n * (r**2).sum(axis=0) / (n - intercept - np.trace(H)) ** 2)
    return np.array(out).T


@pytest.mark.parametrize("intercept", [True, False])
def test_gcv_is_generalized_cross_validation_and_the_default_leaves_one_out(intercept: bool) -> None:
    """#18079: what scikit-learn calls GCV is leave-one-out; both are here, under their names."""
    X, y = data(targets=2)
    weight = np.random.default_rng(3).uniform(0.5, 2, len(X))
    model = RidgeCV(ALPHAS, gcv_mode="gcv", fit_intercept=intercept).fit(X, y, sample_weight=weight)
    true = hat_gcv(X, y, ALPHAS, weight, intercept)
    np.testing.assert_allclose(model.scores_, -true.mean(axis=0), rtol=1e-9)
    assert model.alpha_ == ALPHAS[true.mean(axis=0).argmin()]
    each = RidgeCV(ALPHAS, gcv_mode="gcv", alpha_per_target=True, fit_intercept=intercept)
    assert each.fit(X, y, sample_weight=weight).alpha_.tolist() == ALPHAS[true.argmin(axis=1)].tolist()
    one_out = RidgeCV(ALPHAS, fit_intercept=intercept).fit(X, y, sample_weight=weight)
    assert np.abs(one_out.scores_ / model.scores_ - 1).max() > 1e-3


# --- streams ---


def test_gcv_learns_by_partial_fit_forget_and_merge() -> None:
    X, y = data(300)
    options: dict[str, Any] = {"alphas": ALPHAS, "gcv_mode": "gcv", "keep_state": True}
    whole = RidgeCV(**options).fit(X, y)
    stream = RidgeCV(**options)
    for i in range(0, 300, 70):
        stream.partial_fit(X[i : i + 70], y[i : i + 70])
    merged = merge([RidgeCV(**options).fit(X[:100], y[:100]), RidgeCV(**options).fit(X[100:], y[100:])])
    longer = RidgeCV(**options).fit(np.vstack([X, X[:50] + 1]), np.hstack([y, y[:50]]))
    longer.forget(X[:50] + 1, y[:50])
    for model in (stream, merged, longer):
        assert model.alpha_ == whole.alpha_
        np.testing.assert_allclose(model.scores_, whole.scores_, rtol=1e-9)
        np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-9)


def test_rows_of_weight_zero_do_not_count_for_gcv() -> None:
    X, y = data()
    weight = np.ones(len(X))
    weight[::3] = 0
    kept = weight > 0
    a = RidgeCV(ALPHAS, gcv_mode="gcv").fit(X, y, sample_weight=weight)
    b = RidgeCV(ALPHAS, gcv_mode="gcv").fit(X[kept], y[kept])
    np.testing.assert_allclose(a.scores_, b.scores_, rtol=1e-12)


def test_leaving_rows_out_has_no_partial_fit_and_says_why() -> None:
    X, y = data()
    for model in (RidgeCV(), RidgeCV(cv=3), RidgeClassifierCV()):
        assert not hasattr(model, "partial_fit")
        assert not hasattr(model, "forget")
        with pytest.raises(AttributeError) as problem:
            model.partial_fit(X, y)
        assert "gcv_mode='gcv'" in str(problem.value.__cause__)


@pytest.mark.parametrize("options", [{"cv": 4}, {"cv": 4, "scoring": "neg_mean_absolute_error"}], ids=str)
def test_folds_of_a_file_are_those_of_the_array(tmp_path: Path, options: dict[str, Any]) -> None:
    X, y = data(9_000)
    np.save(tmp_path / "rows.npy", np.hstack([X, y[:, None]]))
    stream = open_blocks(tmp_path / "rows.npy", target=6, block_size="256kB")
    here, there = RidgeCV(ALPHAS, **options).fit(X, y), RidgeCV(ALPHAS, **options).fit(stream)
    np.testing.assert_allclose(there.scores_, here.scores_, rtol=1e-10)
    assert there.alpha_ == here.alpha_


def test_folds_choose_an_alpha_for_each_target() -> None:
    X, y = data(targets=3)
    model = RidgeCV(ALPHAS, cv=4, alpha_per_target=True).fit(X, y)
    single = [RidgeCV(ALPHAS, cv=4).fit(X, y[:, t]) for t in range(3)]
    assert model.alpha_.tolist() == [m.alpha_ for m in single]
    np.testing.assert_allclose(model.best_score_, [m.best_score_ for m in single], rtol=1e-10)
    np.testing.assert_allclose(model.coef_, [m.coef_ for m in single], rtol=1e-10)


def test_what_can_be_read_once_is_told_of_gcv() -> None:
    X, y = data()
    blocks = open_blocks(iter([(X, y)]))
    with pytest.raises(ValueError, match="gcv_mode='gcv'"):
        RidgeCV().fit(blocks)
    once = RidgeCV(ALPHAS, gcv_mode="gcv").fit(blocks)
    np.testing.assert_allclose(once.coef_, RidgeCV(ALPHAS, gcv_mode="gcv").fit(X, y).coef_, rtol=1e-10)


# --- refusals ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alphas": [-1.0, 1.0]}, r"alphas\[0\] == -1.0, must be > 0"),
        ({"alphas": [0.0]}, "alphas == 0.0, must be > 0"),
        ({"alphas": [1.0, -1.0], "cv": 3}, r"alphas\[1\] == -1.0, must be >= 0"),
        ({"alphas": []}, "at least one number"),
        ({"alphas": [1.0, np.inf]}, "must be finite"),
        ({"gcv_mode": "loo"}, "gcv_mode must be"),
        ({"gcv_mode": "gcv", "cv": 3}, "is for cv=None"),
        ({"gcv_mode": "gcv", "scoring": "r2"}, "leave scoring None"),
        ({"gcv_mode": "gcv", "store_cv_results": True}, "store_cv_results"),
        ({"cv": 3, "store_cv_results": True}, "incompatible"),
        ({"scoring": "nonsense"}, "scoring must be"),
        ({"keep_state": True}, "gcv_mode='gcv'"),
        ({"checkpoint": "x", "cv": 3}, "checkpoint"),
        ({"alpha_per_target": 1}, "alpha_per_target"),
    ],
    ids=str,
)
def test_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        RidgeCV(**options).fit(*data())


def test_parameters_for_a_scorer_need_routing() -> None:
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        RidgeCV().fit(*data(), groups=np.zeros(120))


def test_saved_and_loaded(tmp_path: Path) -> None:
    import esker

    X, y = data(200)
    more = X + 1, y
    for model in (RidgeCV(ALPHAS), RidgeCV(list(ALPHAS), gcv_mode="gcv"), RidgeClassifierCV(ALPHAS)):
        model.fit(X, y > 0 if isinstance(model, RidgeClassifierCV) else y)
        esker.save(model, tmp_path / "model")
        again = esker.load(tmp_path / "model")
        assert np.array_equal(again.predict(X), model.predict(X))
        assert again.alpha_ == model.alpha_
        if hasattr(model, "partial_fit"):
            assert np.array_equal(again.partial_fit(*more).coef_, model.partial_fit(*more).coef_)


def test_one_row() -> None:
    """Every alpha makes the same model of it, so there is one to give, and no score to choose by; as in scikit-learn."""
    X, y = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([4.0, 7.0])
    other = theirs.RidgeCV([3.0, 1.0], store_cv_results=True)
    with np.errstate(invalid="ignore"):
        other.fit(X[:1], y[:1])
    for rows, weight in ((1, None), (2, [2.0, 0.0])):
        model = RidgeCV([3.0, 1.0], store_cv_results=True)
        with pytest.warns(UndefinedMetricWarning, match="leaves none to learn from"):
            model.fit(X[:rows], y[:rows], sample_weight=weight)
        assert (model.alpha_, model.intercept_, model.coef_.tolist()) == (3.0, 4.0, [0.0, 0.0])
        assert (other.alpha_, other.intercept_, other.coef_.tolist()) == (3.0, 4.0, [0.0, 0.0])
        assert np.isnan(model.best_score_)
        assert np.isnan(model.cv_results_).all()
        assert model.cv_results_[:1].shape == other.cv_results_.shape
    assert (
        RidgeCV(fit_intercept=False).fit(X[:1], y[:1]).best_score_ < 0
    )  # without an intercept, 0 is predicted
    with pytest.raises(ValueError, match="n_samples=1"):
        RidgeCV(scoring="neg_mean_absolute_error").fit(X[:1], y[:1])


def test_metadata_routing_weighs_scores() -> None:
    import sklearn

    X, y = data()
    weight = np.random.default_rng(1).uniform(0.2, 2, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        for scoring in (None, make_scorer(r2_score).set_score_request(sample_weight=True)):
            ours = RidgeCV(ALPHAS, scoring=scoring).fit(X, y, sample_weight=weight)
            same(ours, theirs.RidgeCV(ALPHAS, scoring=scoring).fit(X, y, sample_weight=weight))


@pytest.mark.parametrize("model", [RidgeCV(), RidgeCV(gcv_mode="gcv"), RidgeCV(cv=3)], ids=str)
def test_infinite_numbers_are_told_as_such(model):
    """Of float32 rows, which are summed as float64, overflow was told instead."""
    X = np.random.default_rng(0).standard_normal((600, 5)).astype(np.float32)
    X[550, 3] = np.nan
    for rows in (X, sparse.csr_array(X)):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            model.fit(rows, X[:, 0])

"""LogisticRegression: the minimum that scikit-learn finds at a tight tolerance, for any storage, weights and source."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.datasets
import sklearn.linear_model
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.memory_peak import rows_and_peak

from esker import open_blocks
from esker._progress import Watch, watching
from esker.linear_model import LogisticRegression


def problem(
    n: int = 400, d: int = 8, classes: int = 2, seed: int = 0, dtype: Any = np.float64, sparse: bool = False
) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) @ (np.eye(d) + 0.5 * rng.standard_normal((d, d)) / np.sqrt(d))
    X = X * 10.0 ** rng.uniform(-1, 1, d) + rng.standard_normal(d)
    if sparse:
        X = X * (rng.random((n, d)) < 0.3)
    scores = (X / X.std(axis=0)) @ rng.standard_normal((d, classes)) + rng.gumbel(size=(n, classes)) * 2
    y = scores.argmax(axis=1)
    y[:classes] = np.arange(classes)
    X = X.astype(dtype)
    return (sp.csr_array(X) if sparse else X), y


def objective(model: Any, X: Any, y: np.ndarray, C: float, weight: Any = None) -> float:
    """scikit-learn's: C sum w loss + |coef|^2 / 2, over C sum w; in float64."""
    w = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    X = np.asarray(X.todense() if sp.issparse(X) else X, dtype=np.float64)
    z = X @ model.coef_.T.astype(np.float64) + model.intercept_
    if z.shape[1] == 1:
        z = np.column_stack([-z / 2, z / 2])
    at = np.searchsorted(model.classes_, y)
    loss = w @ -log_softmax(z, axis=1)[np.arange(len(y)), at] / w.sum()
    return float(
        loss + (0 if np.isinf(C) else (model.coef_.astype(np.float64) ** 2).sum() / (2 * C * w.sum()))
    )


def reference(X: Any, y: np.ndarray, weight: Any = None, **params: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sklearn.linear_model.LogisticRegression(
            solver="newton-cholesky", tol=1e-9, max_iter=1000, **params
        ).fit(X if sp.issparse(X) else X.astype(np.float64), y, weight)


@pytest.mark.parametrize("solver", ["auto", "lbfgs"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_minimum_is_scikit_learns(
    solver: str, fit_intercept: bool, classes: int, sparse: bool, dtype: Any
) -> None:
    X, y = problem(classes=classes, dtype=dtype, sparse=sparse)
    C = 0.3
    model = LogisticRegression(C=C, tol=1e-6, fit_intercept=fit_intercept, solver=solver, max_iter=1000).fit(
        X, y
    )
    wanted = reference(X, y, C=C, fit_intercept=fit_intercept)
    assert model.converged_
    best = objective(wanted, X, y, C)
    assert objective(model, X, y, C) == pytest.approx(best, rel=1e-9 if dtype == np.float64 else 1e-7)
    assert model.objective_ == pytest.approx(best, rel=1e-8)
    assert model.coef_.dtype == dtype
    np.testing.assert_allclose(model.coef_, wanted.coef_, rtol=1e-3, atol=1e-3 * np.abs(wanted.coef_).max())
    np.testing.assert_allclose(model.predict_proba(X), wanted.predict_proba(X), atol=1e-3)
    np.testing.assert_array_equal(model.classes_, wanted.classes_)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_lead_to_the_same_minimum(classes: int, dtype: Any) -> None:
    """So many rows that a sample, and a sample of that, are learned from first."""
    X, y = problem(n=30000, d=12, classes=classes, dtype=dtype, seed=3)
    model = LogisticRegression(tol=1e-6).fit(X, y)
    best = objective(reference(X, y), X, y, 1.0)
    assert model.converged_
    assert objective(model, X, y, 1.0) == pytest.approx(best, rel=1e-8)
    assert model.n_passes_ < 40


@pytest.mark.parametrize("classes", [2, 3])
def test_weights_of_rows_and_classes(classes: int) -> None:
    X, y = problem(classes=classes, seed=4)
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 4, len(y)).astype(float)
    for class_weight in (None, "balanced", {0: 2.0, 1: 0.5}):
        params: dict[str, Any] = {"C": 0.5, "class_weight": class_weight}
        model = LogisticRegression(tol=1e-8, **params).fit(X, y, sample_weight=weight)
        wanted = reference(X, y, weight, **params)
        np.testing.assert_allclose(model.coef_, wanted.coef_, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.intercept_, wanted.intercept_, rtol=1e-4, atol=1e-4)


def test_rare_classes() -> None:
    X, y = problem(n=40000, d=5, seed=5)
    X[:, 0] += 1.0
    size = X[:, 0].std()
    y = (X[:, 0] + np.random.default_rng(1).standard_normal(len(y)) * 3 * size > 10.5 * size).astype(int)
    assert 10 < y.sum() < 600
    model = LogisticRegression(tol=1e-7).fit(X, y)
    assert objective(model, X, y, 1.0) == pytest.approx(objective(reference(X, y), X, y, 1.0), rel=1e-7)


@pytest.mark.parametrize("C", [1e-4, 1e4, np.inf])
@pytest.mark.parametrize("classes", [2, 3])
def test_strong_weak_and_no_penalty(C: float, classes: int) -> None:
    X, y = problem(n=3000, classes=classes, seed=6)
    model = LogisticRegression(C=C, tol=1e-6, max_iter=500).fit(X, y)
    assert model.converged_
    wanted = objective(reference(X, y, C=C), X, y, C)
    assert objective(model, X, y, C) == pytest.approx(wanted, rel=1e-8)


def test_no_penalty_and_separable_classes_say_so() -> None:
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    with pytest.warns(ConvergenceWarning, match="not converged"):
        model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=30).fit(X, [0, 0, 1, 1])
    assert not model.converged_
    assert model.score(X, [0, 0, 1, 1]) == 1.0


def test_columns_of_any_scale_and_none() -> None:
    """Constant, duplicate and far columns; scales of 1e-3 to 1e3."""
    X, y = problem(n=2000, d=6, seed=7)
    X = np.column_stack([X, np.full(len(y), 3.0), X[:, 0], X[:, 1] * 1e3 + 1e6, X[:, 2] * 1e-3])
    for C in (1.0, np.inf):
        model = LogisticRegression(C=C, tol=1e-7, max_iter=300).fit(X, y)
        scaled = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9)
        if np.inf == C:
            wanted = reference(scaled, y, C=np.inf)
            assert model.objective_ == pytest.approx(objective(wanted, scaled, y, np.inf), rel=1e-6)
        else:
            exact = sklearn.linear_model.LogisticRegression(solver="newton-cholesky", tol=1e-10).fit(
                X - X.mean(axis=0), y
            )
            assert model.objective_ == pytest.approx(objective(exact, X - X.mean(axis=0), y, C), rel=1e-7)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_give_the_same(tmp_path: Path, classes: int, sparse: bool) -> None:
    X, y = problem(n=9000, classes=classes, seed=8, sparse=sparse)
    if sparse:
        path = tmp_path / "rows.svm"
        sklearn.datasets.dump_svmlight_file(sp.csr_matrix(X), y, str(path), zero_based=True)
        blocks = open_blocks(path, zero_based=True)
    else:
        path = tmp_path / "rows.npy"
        np.save(path, np.column_stack([X, y]))
        blocks = open_blocks(path, target=X.shape[1])
    model = LogisticRegression(tol=1e-7).fit(blocks)
    whole = LogisticRegression(tol=1e-7).fit(X, y)
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.predict(blocks), whole.predict(X))
    assert model.score(blocks) == pytest.approx(whole.score(X, y))


@pytest.mark.parametrize("class_weight", ["balanced", {0.0: 3.0}])
def test_weights_of_blocks(tmp_path: Path, class_weight: Any) -> None:
    X, y = problem(n=3000, classes=3, seed=14)
    weight = np.random.default_rng(2).integers(0, 3, len(y)).astype(float)
    np.save(tmp_path / "rows.npy", np.column_stack([X, y, weight]))
    blocks = open_blocks(tmp_path / "rows.npy", target=X.shape[1], weight=X.shape[1] + 1)
    model = LogisticRegression(class_weight=class_weight, tol=1e-7).fit(blocks)
    wanted = LogisticRegression(class_weight=class_weight, tol=1e-7).fit(X, y.astype(float), weight)
    np.testing.assert_allclose(model.coef_, wanted.coef_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_an_interruption_keeps_the_last_point(classes: int) -> None:
    X, y = problem(n=20000, classes=classes, seed=15, dtype=np.float32)

    class Impatient(Watch):
        def show(self) -> None:
            self.stop = self.rows > walks * len(y)

    for walks in (0, 2):
        with watching(Impatient()):
            model = LogisticRegression(tol=1e-9, solver="lbfgs")
            if walks == 0:
                with pytest.raises(KeyboardInterrupt):
                    model.fit(X, y)
                assert not hasattr(model, "coef_")
            else:
                model.fit(X, y)
                assert not model.converged_
                assert model.score(X, y) > 0.5


@pytest.mark.parametrize("classes", [2, 3])
def test_max_time_keeps_the_best_point(classes: int) -> None:
    X, y = problem(n=40000, d=6, classes=classes, seed=17, dtype=np.float32)
    model = LogisticRegression(max_time=1e-9).fit(X, y)
    best = LogisticRegression(max_time="10min").fit(X, y)
    assert (model.stop_reason_, model.converged_, model.n_iter_[0]) == ("time", False, 0)
    assert (best.stop_reason_, best.converged_) == ("converged", True)
    # the first sample has taught it something
    assert objective(model, X, y, 1.0) < 0.5 * (np.log(classes) + best.objective_)
    with warnings.catch_warnings(), pytest.raises(ValueError, match="max_time must be"):
        LogisticRegression(max_time=-1).fit(X, y)


OPENING = """
import numpy as np
from esker import open_blocks
from esker.linear_model import LogisticRegression
X = np.random.default_rng(0).standard_normal((3000, 100)).astype(np.float32)
LogisticRegression(max_iter=3, tol=1.0).fit(X, X[:, :5].argmax(axis=1))  # libraries' own buffers
del X
"""
WORK = """
blocks = open_blocks(sys.argv[1] + "/x.npy", target=sys.argv[1] + "/y.npy", max_memory="48MB")
rows = LogisticRegression(max_memory="48MB").fit(blocks).n_passes_
"""


def test_memory_is_kept_to(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((200_000, 100)).astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", (X[:, :5] + np.random.default_rng(1).gumbel(size=(len(X), 5))).argmax(axis=1))
    passes, peak = rows_and_peak(OPENING, WORK, tmp_path)
    assert 1 < passes < 20
    assert peak < 48e6


def test_labels_of_any_kind() -> None:
    X, y = problem(classes=3, seed=9)
    plain = LogisticRegression().fit(X, y)
    for names in (
        np.array(["a", "b", "c"]),
        np.array([-3, 7, 1000], dtype=np.int16),
        np.array([0.0, 1.0, 2.0]),
    ):
        model = LogisticRegression().fit(X, names[y])
        np.testing.assert_array_equal(model.coef_, plain.coef_)
        np.testing.assert_array_equal(model.predict(X), names[plain.predict(X)])
    two = LogisticRegression().fit(X, y > 0)
    assert two.classes_.dtype == bool
    for low in (np.int8(-128), np.int8(127)):
        labels = np.where(y > 0, np.int8(low), np.int8(3))
        np.testing.assert_array_equal(LogisticRegression().fit(X, labels).predict(X) == low, two.predict(X))


def test_warm_start_goes_on() -> None:
    X, y = problem(n=5000, seed=10)
    model = LogisticRegression(warm_start=True).fit(X, y)
    once = model.n_iter_[0]
    coef = model.coef_.copy()
    model.fit(X, y)
    assert model.n_iter_[0] <= 1 <= once
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-2)
    with pytest.raises(ValueError, match="warm_start=True goes on with"):
        model.fit(X[:, :3], y)


def test_certificate_is_true() -> None:
    """gradient_norm_ is that of scikit-learn's objective at what was found, by NumPy."""
    X, y = problem(n=3000, seed=11)
    model = LogisticRegression(C=0.1).fit(X, y)
    p = model.predict_proba(X)[:, 1]
    slope = X.T @ (p - y) / len(y) + model.coef_[0] / (0.1 * len(y))
    norm = max(np.abs(slope).max(), abs((p - y).mean()))
    assert norm <= 1e-4
    assert model.gradient_norm_ == pytest.approx(norm, rel=1e-6, abs=1e-12)
    assert model.objective_ == pytest.approx(objective(model, X, y, 0.1), rel=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("tol", [1e-1, 1e-2, 1e-4])
def test_the_gap_is_a_bound(sparse: bool, fit_intercept: bool, tol: float) -> None:
    X, y = problem(n=2000, seed=16, sparse=sparse)
    best = objective(reference(X, y, C=0.01, fit_intercept=fit_intercept), X, y, 0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(
            C=0.01, tol=tol, max_iter=1, fit_intercept=fit_intercept, solver="lbfgs"
        ).fit(X, y)
        near = LogisticRegression(C=0.01, tol=1e-7, fit_intercept=fit_intercept).fit(X, y)
    for found in (model, near):
        value = objective(found, X, y, 0.01)
        assert value - best <= found.duality_gap_ + 1e-13
    assert near.duality_gap_ < 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("big", [1e6, 1e12, 1e20])
def test_other_columns_learn_beside_an_absurd_value(big: float, dtype: Any) -> None:
    """To the coefficients that the other rows give without it."""
    X, y = problem(n=1000, d=5, seed=18, dtype=dtype)
    X[:, 2] = np.random.default_rng(0).standard_normal(len(y))
    X[7, 2] = big
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=10.0).fit(X, y)
    if big < 1e20 or dtype == np.float32:
        assert model.converged_
    rest = np.delete(X, 2, axis=1)
    wanted = reference(rest, y, C=10.0)
    np.testing.assert_allclose(np.delete(model.coef_, 2, axis=1), wanted.coef_, rtol=0.15, atol=0.1)


def test_no_bound_is_known_without_a_penalty_or_of_many_intercepts() -> None:
    X, y = problem(n=300, classes=3)
    assert LogisticRegression().fit(X, y).duality_gap_ == np.inf
    assert LogisticRegression(fit_intercept=False).fit(X, y).duality_gap_ < 1e-3
    assert LogisticRegression(C=np.inf).fit(X, y > 0).duality_gap_ == np.inf


def test_same_bits_for_any_number_of_threads() -> None:
    for classes in (2, 3):
        X, y = problem(n=6000, d=20, classes=classes, seed=12, dtype=np.float32)
        one, two = (LogisticRegression(n_threads=k).fit(X, y) for k in (1, 2))
        np.testing.assert_allclose(one.coef_, two.coef_, rtol=1e-6)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"penalty": "l1"}, "penalty='l1' is not offered"),
        ({"l1_ratio": 0.5}, "l1_ratio=0.5 is not offered"),
        ({"dual": True}, "dual=True is not offered"),
        ({"intercept_scaling": 2.0}, "intercept_scaling must be 1"),
        ({"solver": "saga"}, "solver='saga' is not offered"),
        ({"solver": "sgd"}, "solver must be one of"),
        ({"C": 0}, "C must be a number above 0"),
        ({"C": -np.inf}, "C must be a number above 0"),
        ({"n_jobs": 2}, "n_jobs=2 is not used"),
        ({"max_iter": 0}, "max_iter must be an integer"),
    ],
)
def test_what_has_no_effect_is_refused(params: dict[str, Any], words: str) -> None:
    X, y = problem(n=50)
    with pytest.raises(ValueError, match=words):
        LogisticRegression(**params).fit(X, y)


def test_every_parameter_of_scikit_learns_is_known() -> None:
    theirs = set(sklearn.linear_model.LogisticRegression().get_params())
    assert theirs <= set(LogisticRegression().get_params())


def test_one_class_and_nan_are_refused() -> None:
    X, y = problem(n=50)
    with pytest.raises(ValueError, match="at least 2 classes"):
        LogisticRegression().fit(X, np.zeros(50))
    for n in (50, 30000):
        X, y = problem(n=n)
        X[n - 7, 1] = np.nan
        model = LogisticRegression()
        with pytest.raises(ValueError, match="Input X contains NaN"):
            model.fit(X, y)
        assert not hasattr(model, "coef_")


def test_to_sklearn_predicts_the_same() -> None:
    for classes in (2, 3):
        X, y = problem(classes=classes)
        model = LogisticRegression().fit(X, y)
        np.testing.assert_allclose(model.to_sklearn().predict_proba(X), model.predict_proba(X), atol=1e-12)


@parametrize_with_checks([LogisticRegression(), LogisticRegression(solver="lbfgs")])
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)

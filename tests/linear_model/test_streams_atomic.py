"""fit, partial_fit and forget as a whole or not at all: what goes wrong on the way leaves the model, and its sums, as they were."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import esker.linear_model._gram_model as gram_model
from esker import open_blocks
from esker.linear_model import (
    ElasticNet,
    Lasso,
    LassoCV,
    LinearRegression,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
)

REGRESSORS: list[Any] = [
    lambda: Ridge(keep_state=True),
    lambda: Ridge(positive=True),
    lambda: LinearRegression(),
    lambda: Lasso(alpha=0.1),
    lambda: ElasticNet(alpha=0.1),
    lambda: RidgeCV(gcv_mode="gcv"),
]
CLASSIFIERS: list[Any] = [lambda: RidgeClassifier(), lambda: RidgeClassifierCV(gcv_mode="gcv")]


def data(n: int = 90, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d)) + 2
    return X, X @ np.arange(1.0, d + 1) + rng.standard_normal(n)


def everything(model: Any) -> dict[str, Any]:
    """What a model knows, to the bit."""
    found = dict(vars(model))
    if "state_" in found:
        found["state_"] = model.state_.to_arrays()
    return {name: pickle.dumps(value) for name, value in sorted(found.items())}


def names(make: Any) -> str:
    return type(make()).__name__


def fails(model: Any, learn: str, error: type[BaseException], *args: Any, **kwargs: Any) -> None:
    before = everything(model)
    with pytest.raises(error):
        getattr(model, learn)(*args, **kwargs)
    assert everything(model) == before


@pytest.mark.parametrize("learn", ["fit", "partial_fit", "forget"])
@pytest.mark.parametrize("make", [*REGRESSORS, *CLASSIFIERS], ids=names)
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_error_in_the_solve(
    make: Any, learn: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data()
    y = np.digitize(y, [15.0, 25.0]) if make in CLASSIFIERS else y
    model = make().partial_fit(X[:60], y[:60])
    whole = type(model).__mro__[0]._take

    def broken(self: Any, *args: Any) -> None:
        whole(self, *args)  # coefficients are set, and then it happens
        raise error

    rows = (X[:20], y[:20]) if learn == "forget" else (X[60:], y[60:])
    with monkeypatch.context() as patch:
        patch.setattr(type(model), "_take", broken)
        fails(model, learn, error, *rows)
        fresh = make()
        fails(fresh, learn.replace("forget", "partial_fit"), error, X, y)  # nothing was there, and nothing is
        assert not hasattr(fresh, "n_features_in_")
    getattr(model, learn)(*rows)
    kept = {"fit": slice(60, 90), "partial_fit": slice(0, 90), "forget": slice(20, 60)}[learn]
    want = make().fit(X[kept], y[kept])
    np.testing.assert_allclose(model.coef_, want.coef_, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("make", [lambda: LassoCV(cv=3), lambda: RidgeCV(cv=3), lambda: RidgeCV()], ids=names)
def test_a_fit_of_many_alphas_that_fails_leaves_the_one_before(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data()
    model = make().fit(X[:60, :3], y[:60])
    with monkeypatch.context() as patch:
        patch.setattr(gram_model.GramModel, "_take", lambda *_: (_ for _ in ()).throw(MemoryError()))
        fails(model, "fit", MemoryError, X, y)
    X[70, 2] = np.nan
    fails(model, "fit", ValueError, X, y)
    assert model.predict(X[:5, :3]).shape == (5,)


@pytest.mark.parametrize("make", [*REGRESSORS, *CLASSIFIERS], ids=names)
def test_ctrl_c_in_the_walk(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data()
    y = np.digitize(y, [15.0, 25.0]) if make in CLASSIFIERS else y
    model, real = make().partial_fit(X[:60], y[:60]), gram_model.sum_rows

    def interrupted(blocks: Any, update: Any, **options: Any) -> None:
        real(blocks, update, **options)
        raise KeyboardInterrupt

    for rows in ((X[60:], y[60:]), (open_blocks(lambda: iter([(X[60:70], y[60:70]), (X[70:], y[70:])])),)):
        with monkeypatch.context() as patch:
            patch.setattr(gram_model, "sum_rows", interrupted)
            fails(model, "partial_fit", KeyboardInterrupt, *rows)
    model.partial_fit(X[60:], y[60:])
    assert model.state_.rows == 90


def test_classes_that_parameters_have_no_room_for() -> None:
    X, y = data()
    labels = np.digitize(y, [15.0, 25.0])
    late = np.where(np.arange(90) == 80, 7, labels)
    one_each = RidgeClassifier([0.1, 1.0, 10.0]).partial_fit(X[:60], labels[:60])
    fails(one_each, "partial_fit", ValueError, X[60:], late[60:])
    one_each.partial_fit(X[60:], labels[60:])
    assert one_each.state_.rows == 90
    np.testing.assert_allclose(
        one_each.coef_, RidgeClassifier([0.1, 1.0, 10.0]).fit(X, labels).coef_, rtol=1e-8
    )
    weighed = RidgeClassifier().partial_fit(X[:60], labels[:60])
    weighed.set_params(class_weight={9: 2.0})
    fails(weighed, "partial_fit", ValueError, X[60:], labels[60:])
    fails(weighed.set_params(class_weight=None), "partial_fit", ValueError, X[60:], y[60:])  # numbers
    weighed.partial_fit(X[60:], late[60:])
    assert weighed.classes_.tolist() == [0, 1, 2, 7]
    np.testing.assert_allclose(weighed.coef_, RidgeClassifier().fit(X, late).coef_, rtol=1e-8)


def test_a_late_class_leaves_no_trace_where_its_rows_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums of before are brought to the new order of classes, added, and brought back."""
    X, y = data()
    labels = np.array(["b", "d"])[(y > 20).astype(int)]
    model = RidgeClassifier(keep_state=True).partial_fit(X[:60], labels[:60])
    more = np.where(np.arange(30) < 9, "a", np.where(np.arange(30) < 15, "c", labels[60:]))
    with monkeypatch.context() as patch:
        patch.setattr(gram_model.Gram, "merge", lambda *_: (_ for _ in ()).throw(MemoryError()))
        fails(model, "partial_fit", MemoryError, X[60:], more)
    model.partial_fit(X[60:], more)
    want = RidgeClassifier().fit(X, np.hstack([labels[:60], more]))
    assert model.classes_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_allclose(model.coef_, want.coef_, rtol=1e-8)


def test_a_warm_start_that_does_not_fit_and_warnings_that_are_errors() -> None:
    X, y = data()
    model = Lasso(alpha=0.1, warm_start=True).partial_fit(X[:60], y[:60])
    model.coef_ = model.coef_[:2]
    fails(model, "partial_fit", ValueError, X[60:], y[60:])
    with pytest.warns(ConvergenceWarning):
        model = Lasso(alpha=1e-9, tol=1e-15, max_iter=1).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        fails(model, "partial_fit", ConvergenceWarning, X, y)


def test_widths_and_targets_that_do_not_fit() -> None:
    X, y = data()
    model = Ridge().partial_fit(X, y)
    fails(model, "partial_fit", ValueError, X[:, :3], y)
    fails(model, "partial_fit", ValueError, X, np.column_stack([y, y]))
    fails(Ridge([1.0, 2.0]), "partial_fit", ValueError, X, y)


@pytest.mark.parametrize("seed", range(3))
def test_rows_by_any_cut(seed: int) -> None:
    """One row at a time, rows of weight 0, and states much lighter and much heavier than what they join."""
    X, y = data()
    rng = np.random.default_rng(seed)
    X[:, 1] *= 1e6
    w = rng.uniform(0.1, 3, 90) * np.repeat([1.0, 1e6, 1e-3], 30)
    w[7] = 0
    model, cuts = Ridge(1e-3), np.sort(rng.choice(np.arange(9, 90), 20, replace=False))
    for part in np.split(np.arange(90), cuts):
        model.partial_fit(X[part], y[part], sample_weight=w[part])
    want = Ridge(1e-3).fit(X, y, sample_weight=w)
    np.testing.assert_allclose(model.coef_, want.coef_, rtol=1e-9)
    np.testing.assert_allclose(model.intercept_, want.intercept_, rtol=1e-8)


def test_where_there_is_no_room_for_two_states_rows_are_added_in_place() -> None:
    """Then an error drops the sums, so that no row can be counted twice."""
    X, y = data(400, 900)
    one = 8 * 900 * 901
    tight = Ridge(keep_state=True, max_memory=2 * one + one // 3).partial_fit(X[:300], y[:300])
    state, coef = tight.state_, tight.coef_
    assert tight.partial_fit(X[300:350], y[300:350]).state_ is state
    roomy = Ridge(keep_state=True, max_memory=4 * one).partial_fit(X[:300], y[:300])
    before = roomy.state_
    assert roomy.partial_fit(X[300:350], y[300:350]).state_ is not before
    np.testing.assert_allclose(tight.coef_, roomy.coef_, rtol=1e-8)
    assert not np.array_equal(tight.coef_, coef)

    # Forgetting has three: without room for them it takes rows off in place, which gives the same.
    with pytest.raises(ValueError, match="2 times"):
        tight.forget(X[340:350], y[340:350])
    roomy.set_params(max_memory=3 * one + one // 2)
    before = roomy.state_
    assert roomy.forget(X[300:350], y[300:350]).state_ is before
    np.testing.assert_allclose(
        roomy.coef_, Ridge(solver="cholesky").fit(X[:300], y[:300]).coef_, rtol=1e-7, atol=1e-10
    )
    roomy.set_params(max_memory=5 * one)
    assert roomy.forget(X[290:300], y[290:300]).state_ is not before

    coef = tight.coef_
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ridge, "_take", lambda *_: (_ for _ in ()).throw(MemoryError()))
        with pytest.raises(MemoryError) as told:
            tight.partial_fit(X[350:], y[350:])
    assert "were dropped: learn anew" in told.value.__notes__[0]
    assert tight.coef_ is coef
    with pytest.raises(ValueError, match="kept no sums to add to"):
        tight.partial_fit(X[350:], y[350:])


def test_the_plan_of_an_earlier_fit_goes() -> None:
    X, y = data()
    for learn in ("partial_fit", "forget"):
        for model in (Ridge().fit(X, y), RidgeClassifier().fit(X, y > 20)):
            assert model.plan_["solver"] == "cholesky"
            getattr(model, learn)(X[:30], y[:30] if isinstance(model, Ridge) else y[:30] > 20)
            assert not hasattr(model, "plan_")

"""RidgeClassifier and RidgeClassifierCV: scikit-learn's answers, several labels a row, streams with labels that come late."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model as theirs
from scipy import sparse
from sklearn.metrics import accuracy_score

from esker import open_blocks
from esker.linear_model import RidgeClassifier, RidgeClassifierCV, merge

ALPHAS = np.logspace(-3, 3, 5)
NAMES = np.array(["cherry", "apple", "banana"])


def data(kind: str, n: int = 150, d: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    X = rng.standard_normal((n, d)) + 2
    s = X[:, :3] + rng.standard_normal((n, 3))
    labels = {
        "two": (s[:, 0] > 2).astype(int),
        "three": NAMES[s.argmax(axis=1)],
        "several": (s > 2).astype(int),
    }
    return X, labels[kind]


def same(ours: Any, peer: Any, X: np.ndarray) -> None:
    assert ours.classes_.tolist() == peer.classes_.tolist()
    for name in ("coef_", "intercept_", "alpha_", "best_score_", "cv_results_"):
        if hasattr(peer, name):
            a, b = np.asarray(getattr(ours, name)), np.asarray(getattr(peer, name))
            assert a.shape == b.shape, (name, a.shape, b.shape)
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9 * np.abs(b).max(initial=0), err_msg=name)
    for model in (ours, ours.to_sklearn()):
        assert np.array_equal(model.predict(X), peer.predict(X))
        np.testing.assert_allclose(
            model.decision_function(X), peer.decision_function(X), rtol=1e-7, atol=1e-9
        )


@pytest.mark.parametrize("kind", ["two", "three", "several"])
@pytest.mark.parametrize("shape", [(150, 6), (30, 60)], ids=str)
def test_agrees_with_scikit_learn(shape: tuple[int, int], kind: str) -> None:
    X, y = data(kind, *shape)
    weight = np.random.default_rng(1).uniform(0.2, 2, len(X))
    for intercept in (True, False):
        for w, classes in ((None, "balanced"), (weight, None)):
            if kind == "several":
                classes = None
            options: dict[str, Any] = {"fit_intercept": intercept, "class_weight": classes}
            ours = RidgeClassifier(0.7, **options).fit(X, y, sample_weight=w)
            same(ours, theirs.RidgeClassifier(0.7, **options).fit(X, y, sample_weight=w), X)
            for search in ({"store_cv_results": True}, {"cv": 3}, {"cv": 3, "scoring": "f1_macro"}):
                ours = RidgeClassifierCV(ALPHAS, **options, **search).fit(X, y, sample_weight=w)
                peer = theirs.RidgeClassifierCV(ALPHAS, **options, **search).fit(X, y, sample_weight=w)
                same(ours, peer, X)


@pytest.mark.parametrize("kind", ["two", "three", "several"])
def test_a_scorer_of_rows_left_out_sees_labels(kind: str) -> None:
    """scikit-learn scores the argmax of one column where there are two classes, so that every alpha is right."""
    X, y = data(kind, 60)
    model = RidgeClassifierCV(ALPHAS, scoring="accuracy").fit(X, y)
    right = []
    for alpha in ALPHAS:
        told = [
            RidgeClassifier(alpha).fit(np.delete(X, i, 0), np.delete(y, i, 0)).predict(X[i : i + 1])[0]
            for i in range(len(X))
        ]
        right.append(accuracy_score(y, np.array(told)))
    np.testing.assert_allclose(model.scores_, right)
    assert model.alpha_ == ALPHAS[int(np.argmax(right))]


def test_every_parameter_of_scikit_learn_is_there_with_its_default() -> None:
    have = inspect.signature(RidgeClassifier).parameters
    for name, parameter in inspect.signature(theirs.RidgeClassifier).parameters.items():
        assert have[name].default == parameter.default, name
        assert have[name].kind == parameter.kind, name


@pytest.mark.parametrize("kind", ["two", "three"])
def test_streams_whose_classes_come_late(kind: str) -> None:
    X, y = data(kind, 3_000)
    order = np.argsort(y, kind="stable")  # one class after the other
    X, y = X[order], y[order]
    pieces = [(X[i : i + 500], y[i : i + 500]) for i in range(0, 3_000, 500)]
    blocks = open_blocks(lambda: iter(pieces))
    same(RidgeClassifier().fit(blocks), theirs.RidgeClassifier().fit(X, y), X)
    same(RidgeClassifierCV(ALPHAS).fit(blocks), theirs.RidgeClassifierCV(ALPHAS).fit(X, y), X)
    gcv = RidgeClassifierCV(ALPHAS, gcv_mode="gcv").fit(open_blocks(iter(pieces)))
    np.testing.assert_allclose(
        gcv.scores_, RidgeClassifierCV(ALPHAS, gcv_mode="gcv").fit(X, y).scores_, rtol=1e-9
    )


def test_gcv_of_labels_is_that_of_minus_one_and_one() -> None:
    from esker.linear_model import RidgeCV

    for intercept in (True, False):
        X, y = data("three")
        signed = 2.0 * (y[:, None] == np.unique(y)) - 1
        options: dict[str, Any] = {"gcv_mode": "gcv", "fit_intercept": intercept}
        a, b = RidgeClassifierCV(ALPHAS, **options).fit(X, y), RidgeCV(ALPHAS, **options).fit(X, signed)
        np.testing.assert_allclose(a.scores_, b.scores_, rtol=1e-9)
        np.testing.assert_allclose(a.coef_, b.coef_, rtol=1e-9, atol=1e-12)


def test_partial_fit_forget_and_merge() -> None:
    X, y = data("three", 400)
    for make in (
        lambda: RidgeClassifier(keep_state=True),
        lambda: RidgeClassifierCV(ALPHAS, gcv_mode="gcv", keep_state=True),
    ):
        whole = make().fit(X, y)
        stream = make()
        for i in range(0, 400, 90):
            stream.partial_fit(X[i : i + 90], y[i : i + 90])
        more = make().fit(np.vstack([X, X[:40] - 1]), np.hstack([y, y[:40]])).forget(X[:40] - 1, y[:40])
        for model in (stream, more, merge([make().fit(X[:150], y[:150]), make().fit(X[150:], y[150:])])):
            np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-8)
            assert (model.predict(X) == whole.predict(X)).all()


@pytest.mark.parametrize("intercept", [True, False])
def test_coefficients_that_must_not_be_negative(intercept: bool) -> None:
    from esker.linear_model import Ridge

    X, y = data("three")
    signed = 2.0 * (y[:, None] == np.unique(y)) - 1
    ours = RidgeClassifier(positive=True, fit_intercept=intercept).fit(X, y)
    np.testing.assert_allclose(
        ours.coef_, Ridge(positive=True, fit_intercept=intercept).fit(X, signed).coef_, rtol=1e-7, atol=1e-10
    )
    assert ours.coef_.min() == 0 < ours.coef_.max()


def without_intercept(X: np.ndarray, y: np.ndarray, alphas: Any) -> np.ndarray:
    signed = 2.0 * (y[:, None] == np.unique(y)) - 1
    gram = X.T @ X
    return np.array(
        [
            np.linalg.solve(gram + a * np.eye(len(gram)), X.T @ t)
            for a, t in zip(alphas, signed.T, strict=True)
        ]
    )


@pytest.mark.parametrize("how", ["fit", "partial_fit", "forget", "merge", "blocks"])
def test_without_an_intercept_targets_are_minus_one_and_one(how: str) -> None:
    """The constant that indicators differ by is no column of X; only one alpha for all and signs that are free forgive that."""
    X, y = data("three", 400)
    for options in ({"alpha": [0.1, 10.0, 1e3]}, {"positive": True}):
        model = RidgeClassifier(fit_intercept=False, keep_state=True, **options)
        if how == "fit":
            model.fit(X, y)
        elif how == "partial_fit":
            for part in np.array_split(np.argsort(y, kind="stable")[::-1], 3):  # classes come late
                part = (
                    np.union1d(part, [0, 1, 2, 3])
                    if not hasattr(model, "coef_")
                    else np.setdiff1d(part, [0, 1, 2, 3])
                )
                model.partial_fit(X[part], y[part], classes=NAMES)
        elif how == "forget":
            model.fit(np.vstack([X, 3 * X[:50]]), np.hstack([y, y[50:100]])).forget(3 * X[:50], y[50:100])
        elif how == "merge":
            fits = [
                RidgeClassifier(fit_intercept=False, keep_state=True, **options).fit(X[i::2], y[i::2])
                for i in (0, 1)
            ]
            model = merge(fits)
        else:
            model.fit(open_blocks(lambda: iter([(X[i : i + 90], y[i : i + 90]) for i in range(0, 400, 90)])))
        if "positive" in options:
            want = theirs.RidgeClassifier(fit_intercept=False, tol=1e-12, **options).fit(X, y).coef_
            np.testing.assert_allclose(model.coef_, want, rtol=1e-5, atol=1e-7)
        else:
            np.testing.assert_allclose(model.coef_, without_intercept(X, y, options["alpha"]), rtol=1e-8)
        assert model.suboptimality_ < 1e-12
        hot = y[:, None] == model.classes_
        np.testing.assert_allclose(
            model.state_.mean_y, hot.mean(axis=0), rtol=1e-12
        )  # what is kept can still grow


def test_sparse_rows_and_dtypes() -> None:
    X, y = data("three")
    X = np.where(np.abs(X) > 2, X, 0).astype(np.float32)
    for make in (RidgeClassifier, RidgeClassifierCV):
        dense, filled = make().fit(X, y), make().fit(sparse.csr_matrix(X), y)
        assert dense.coef_.dtype == np.float32
        np.testing.assert_allclose(filled.coef_, dense.coef_, rtol=1e-4)


def test_one_alpha_a_class_and_what_is_refused() -> None:
    X, y = data("three")
    model = RidgeClassifier([0.1, 1.0, 10.0]).fit(X, y)
    peer = theirs.RidgeClassifier(10.0).fit(X, y)
    np.testing.assert_allclose(model.coef_[2], peer.coef_[2], rtol=1e-8)
    with pytest.raises(ValueError, match="one number a class"):
        RidgeClassifier([0.1, 1.0]).fit(X, y)
    with pytest.raises(ValueError, match="one number a class"):
        RidgeClassifier([0.1, 1.0]).fit(*data("two"))
    with pytest.raises(ValueError, match="class_weight"):
        RidgeClassifier(class_weight="even").fit(X, y)
    with pytest.raises(ValueError, match="max_iter"):
        RidgeClassifier(max_iter=0).fit(X, y)


@pytest.mark.parametrize("make", [RidgeClassifier, RidgeClassifierCV])
@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int32", ">i4", "uint64", "float32", "float16", "bool", "U7", "object"]
)
def test_classes_keep_the_dtype_of_labels(make: Any, dtype: str) -> None:
    X, y = data("two")
    labels = (np.array(["ab", "c"])[y] if dtype in ("U7", "object") else y).astype(dtype)
    peer = getattr(theirs, make.__name__)().fit(X, labels)
    ours = make().fit(X, labels)
    assert ours.classes_.dtype == peer.classes_.dtype
    assert ours.predict(X).dtype == peer.predict(X).dtype
    pieces = [(X[i : i + 40], labels[i : i + 40]) for i in range(0, 150, 40)]
    if dtype in ("int8", "int32", "bool"):
        assert make().fit(open_blocks(lambda: iter(pieces))).classes_.dtype == labels.dtype


def test_streams_of_labels_are_as_wide_as_the_widest() -> None:
    X, y = data("two")
    model = RidgeClassifier().partial_fit(X[:50], y[:50].astype(np.int8))
    assert model.classes_.dtype == np.int8
    other = RidgeClassifier().fit(X, y.astype(np.int16))
    assert merge([model, other]).classes_.dtype == np.int16
    assert model.partial_fit(X[50:99], y[50:99].astype(np.int16)).classes_.dtype == np.int16
    assert model.partial_fit(X[99:], y[99:].astype(np.int8)).classes_.dtype == np.int16
    assert model.forget(X[:9], y[:9].astype(np.int8)).classes_.dtype == np.int16
    coming = np.array([0, 1, 2], dtype=np.uint8)
    late = RidgeClassifier().partial_fit(X, y.astype(np.uint8), classes=coming)
    assert late.classes_.dtype == np.uint8
    assert late.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("make", [RidgeClassifier, RidgeClassifierCV])
def test_several_labels_are_signs_and_balanced_as_scikit_learn_has_it(make: Any) -> None:
    X, y = data("several")
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    peer = getattr(theirs, make.__name__)
    for labels in (y, 2 * y - 1, y.astype(np.float32), y * [1, 0, 1]):
        same(make().fit(X, labels), peer().fit(X, labels), X)
    for labels in (
        y.astype(bool),
        y.astype(np.uint8),
        sparse.csr_array(y),
    ):  # scikit-learn wants them to hold -1
        same(make().fit(X, labels), peer().fit(X, y), X)
    for w in (None, weight):
        options = {"class_weight": "balanced"}
        same(make(**options).fit(X, y, sample_weight=w), peer(**options).fit(X, y, sample_weight=w), X)
    for wrong in (2 * y, 3 * y, y + 1):
        with pytest.raises(ValueError, match="must hold 0 and 1"):
            make().fit(X, wrong)
    with pytest.raises(ValueError, match="dict"):
        make(class_weight={0: 1.0, 1: 2.0}).fit(X, y)
    with pytest.raises(ValueError, match="dict"):
        peer(class_weight={0: 1.0, 1: 2.0}).fit(X, y)


@pytest.mark.parametrize("solver", ["cholesky", "sparse_cg"])
def test_nan_in_rows_of_a_class_without_weight(solver):
    X, y = np.random.default_rng(0).standard_normal((3000, 4)), np.repeat([0, 1, 2], 1000)
    X[3, 1] = np.nan
    model = RidgeClassifier(solver=solver, class_weight={0: 0.0})
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        RidgeClassifierCV(class_weight={0: 0.0}).fit(X, y)


def test_a_class_without_weight_is_as_good_as_left_out():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((90, 4)), np.arange(90) % 3
    model = RidgeClassifier(class_weight={0: 0.0}).fit(X, y)
    other = theirs.RidgeClassifier().fit(X, y, (y > 0) * 1.0)
    np.testing.assert_allclose(model.coef_, other.coef_, rtol=1e-9)
    with pytest.raises(ValueError, match="zero in every row"):
        model.set_params(class_weight={0: 0.0, 1: 0.0, 2: 0.0}).fit(X, y)


def test_later_labels_of_another_kind():
    X, y = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2
    model = RidgeClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"all numbers or all strings, got \[0, 1, 'a'\]"):
        model.partial_fit(X, np.full(20, "a"))
    assert model.classes_.tolist() == [0, 1]


def test_labels_in_several_columns_are_0_and_1() -> None:
    """scikit-learn regresses 0 and 2 on -1 and 2, so that it predicts other labels than for 0 and 1; here they are refused."""
    X = np.random.default_rng(0).standard_normal((40, 3))
    y = 2 * (X[:, :2] > 0)
    with pytest.raises(ValueError, match=r"must hold 0 and 1 .*got \[0, 2\]; y != 0 makes it so"):
        RidgeClassifier().fit(X, y)
    np.testing.assert_array_equal(RidgeClassifier().fit(X, y != 0).classes_, [0, 1])

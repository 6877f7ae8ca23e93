"""Bad and unusual input of SGDClassifier and SGDRegressor, as users have it."""

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from esker import open_blocks
from esker.linear_model import SGDClassifier, SGDRegressor

RATES = ["auto", "constant", "adagrad", "normalized", "ftrl", "coin"]


def table(n=2500, d=8, classes=2, *, seed=0):
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((n, d)) < 0.6, rng.standard_normal((n, d)), 0)
    z = X @ rng.standard_normal((d, classes))
    return X, (z + 0.3 * rng.gumbel(size=z.shape)).argmax(axis=1), z[:, 0] + 0.1 * rng.standard_normal(n)


def options(rate, **more):
    return {"learning_rate": rate, "random_state": 0, **({"penalty": None} if rate == "coin" else {}), **more}


# --- labels ---


@pytest.mark.parametrize("loss", SGDClassifier._losses)
def test_every_loss_takes_two_classes_or_more_but_not_one(loss):
    for classes in (2, 3):
        X, y, _ = table(classes=classes)
        model = SGDClassifier(loss, random_state=0).fit(X, y)
        assert model.coef_.shape == (1 if classes == 2 else 3, 8)
        assert model.score(X, y) > 0.7
    with pytest.raises(ValueError, match="number of classes has to be greater than one; got 1 class"):
        SGDClassifier(loss).fit(X, np.full(len(X), "yes"))


def test_labels_of_pandas():
    X, y, _ = table(classes=3)
    names = np.array(["low", "mid", "top"])[y]
    plain = SGDClassifier(random_state=0).fit(X, names)
    for labels in (
        pd.Series(names, dtype="category"),
        pd.Series(names),
        pd.Series(names, dtype="string"),
        pd.Categorical(names, categories=["top", "low", "mid", "never"], ordered=True),
    ):
        model = SGDClassifier(random_state=0).fit(X, labels)
        assert model.classes_.tolist() == ["low", "mid", "top"]
        assert model.coef_.tobytes() == plain.coef_.tobytes()
    with pytest.raises(ValueError, match=r"NaN|missing|<NA>|nan"):
        SGDClassifier().fit(X, pd.Series(np.where(y == 0, None, names), dtype="category"))


def test_whole_floats_are_labels_and_fractions_are_not():
    X, y, _ = table()
    assert SGDClassifier().fit(X, y * 2.0).classes_.tolist() == [0.0, 2.0]
    assert SGDClassifier().fit(X, y.astype(bool)).classes_.tolist() == [False, True]
    with pytest.raises(ValueError, match="Unknown label type"):
        SGDClassifier().fit(X, y + 0.5)


# --- weights ---


@pytest.mark.parametrize("made", [SGDClassifier, SGDRegressor])
def test_weights_that_are_not_numbers_are_refused(made):
    X, y, _ = table()
    for bad in (np.nan, np.inf, -1.0):
        weight = np.ones(len(y))
        weight[7] = bad
        for fit in (made().fit, made().partial_fit):
            extra = {"classes": [0, 1]} if made is SGDClassifier and fit.__name__ == "partial_fit" else {}
            with pytest.raises(ValueError, match="weight"):
                fit(X, y, sample_weight=weight, **extra)
    with pytest.raises(ValueError, match=r"zero in every row|positive weight|non-zero"):
        made().fit(X, y, sample_weight=np.zeros(len(y)))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("csr", [False, True])
def test_a_batch_of_weight_zero_changes_nothing(rate, csr):
    X, y, z = table()
    X = sparse.csr_array(X) if csr else X
    nothing = np.zeros(500)
    for made, target, extra in ((SGDClassifier, y, {"classes": [0, 1]}), (SGDRegressor, z, {})):
        plain, idle = made(**options(rate)), made(**options(rate))
        for i in range(500, 2500, 500):
            rows = slice(i, i + 500)
            plain.partial_fit(X[rows], target[rows], **extra)
            idle.partial_fit(X[rows], target[rows], **extra)
            idle.partial_fit(X[:500] * 1e6, target[:500], sample_weight=nothing, **extra)
        assert idle.coef_.tobytes() == plain.coef_.tobytes()
        assert idle.intercept_.tobytes() == plain.intercept_.tobytes()


# --- values ---


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("rate", RATES)
def test_one_huge_value_leaves_the_other_features_learning(rate, csr):
    X, y, _ = table(4000)
    X = np.c_[X, np.zeros(len(y))]
    spoiled = X.copy()
    spoiled[100, -1] = 1e20
    rows = slice(0, 3000)
    make = (lambda x: sparse.csr_array(x)) if csr else (lambda x: x)
    model = SGDClassifier(**options(rate)).fit(make(spoiled[rows]), y[rows])
    clean = SGDClassifier(**options(rate)).fit(make(X[rows]), y[rows])
    assert np.isfinite(model.coef_).all()
    assert model.score(X[3000:], y[3000:]) > clean.score(X[3000:], y[3000:]) - 0.03


@pytest.mark.parametrize("rate", RATES)
def test_explicit_zeros_change_nothing(rate):
    X, y, z = table()
    lean = sparse.csr_array(X)
    full = sparse.csr_array(np.where(X == 0, 1.0, X))
    full.data[X.ravel() == 0] = 0.0
    assert full.nnz == X.size > lean.nnz
    for made, target in ((SGDClassifier, y), (SGDRegressor, z)):
        models = [made(**options(rate, max_iter=2, tol=None)).fit(x, target) for x in (lean, full)]
        np.testing.assert_allclose(models[1].coef_, models[0].coef_, rtol=1e-5, atol=1e-6)


def test_counts_below_zero_are_refused_before_anything_is_learned():
    X, _, z = table()
    counts = np.round(np.exp(np.clip(z, -2, 2)))
    counts[1234] = 1.0
    model = SGDRegressor("poisson", random_state=0).partial_fit(X, counts)
    before = model.coef_.copy()
    counts[1234] = -1
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="at least 0, got -1 in row 1234"):
            fit(X, counts)
    kept = SGDRegressor("poisson", random_state=0).partial_fit(X, np.abs(counts))
    with pytest.raises(ValueError, match="at least 0"):
        kept.partial_fit(X, counts)
    assert np.array_equal(kept.partial_fit(X[:1], [0], sample_weight=[0.0]).coef_, before)


@pytest.mark.parametrize("csr", [False, True])
def test_a_stream_that_changes_its_width(csr):
    X, y, _ = table()
    make = sparse.csr_array if csr else np.asarray
    model = SGDClassifier(random_state=0).partial_fit(make(X), y, classes=[0, 1])
    with pytest.raises(ValueError, match="9 features, but SGDClassifier is expecting 8"):
        model.partial_fit(make(np.c_[X, X[:, :1]]), y)

    class Changing:
        def __iter__(self):
            yield make(X[:1000]), y[:1000]
            yield make(X[1000:, :6]), y[1000:]

    with pytest.raises(ValueError, match="columns"):
        SGDClassifier(random_state=0, max_iter=1).fit(open_blocks(Changing()))


# --- time, threads, processes ---


@pytest.mark.parametrize("max_time", [0, "0s", 1e-9])
def test_no_time_gives_a_model(max_time):
    X, y, _ = table()
    with pytest.warns(match="still falling"):
        model = SGDClassifier(max_time=max_time, random_state=0).fit(X, y)
    assert model.stop_reason_ == "time"
    assert model.n_iter_ == 1
    assert model.t_ > 1
    assert np.isfinite(model.coef_).all()
    again = SGDClassifier(max_time=max_time, random_state=0, tol=None).fit(X, y, schedule=model.schedule_)
    assert again.coef_.tobytes() == model.coef_.tobytes()


def test_estimators_fit_side_by_side_in_threads():
    data = [table(seed=s) for s in range(6)]

    def fit(s):
        X, y, z = data[s]
        if s % 2:
            return SGDRegressor(random_state=s, max_iter=20, tol=None).fit(sparse.csr_array(X), z)
        return SGDClassifier(random_state=s, max_iter=20, tol=None).fit(X, y)

    alone = [fit(s) for s in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(fit, range(6)))
    for one, other in zip(alone, together):
        assert one.coef_.tobytes() == other.coef_.tobytes()


FORK = """
    import multiprocessing, sys
    sys.path.insert(0, {here!r})
    from test_sgd_bad_input import SGDClassifier, table
    X, y, _ = table()

    def fit(queue):
        queue.put(SGDClassifier(random_state=0, n_threads=2).fit(X, y).coef_)

    first = SGDClassifier(random_state=0, n_threads=2).fit(X, y).coef_
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=fit, args=(queue,))
    child.start()
    print(queue.get(timeout=30).tobytes() == first.tobytes())
    child.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_after_a_fit_fits():
    code = textwrap.dedent(FORK.format(here=str(Path(__file__).parent)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "True\n", done.stderr

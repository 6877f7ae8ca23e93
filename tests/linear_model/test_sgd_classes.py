"""Hundreds of classes: shared out among states and threads, and in several walks where memory has no room for all at once."""

import numpy as np
import pytest
from scipy import sparse

from esker import open_blocks
from esker.linear_model import SGDClassifier
from esker.linear_model._base import scores_of
from esker.linear_model._sgd_lanes import RATES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BARE = {"eta0": 0.5, "early_stopping": False, "max_iter": 2, "tol": None, "random_state": 0}


def zipf(n=3000, classes=300, d=2000, seed=0):
    """Rows of a few columns of their class's own and a few of all; classes of Zipf sizes, each with a row at least."""
    rng = np.random.default_rng(seed)
    y = np.r_[
        np.arange(classes),
        rng.choice(
            classes, n - classes, p=1 / np.arange(1, classes + 1) / np.sum(1 / np.arange(1, classes + 1))
        ),
    ]
    columns = np.c_[(y[:, None] * 5 + rng.integers(0, 8, (n, 3))) % d, rng.integers(0, d, (n, 3))]  # fmt: skip
    X = sparse.csr_array(
        (np.ones(columns.size), columns.ravel(), np.arange(0, columns.size + 1, 6)), shape=(n, d)
    )
    X.sum_duplicates()
    return X, y


@pytest.mark.parametrize(
    "params",
    [{"loss": "hinge", "penalty": None}, {"loss": "log_loss"}, {"loss": "squared_hinge", "penalty": "l1"}],
)
def test_walks_of_some_classes_give_the_model_of_all(params):
    X, y = zipf()
    whole = SGDClassifier(**params, **BARE).fit(X, y)
    assert whole.coef_.shape == (300, 2000)
    one = SGDClassifier(n_threads=1, **params, **BARE).fit(X, y)
    some = SGDClassifier(max_memory="10MB", **params, **BARE).fit(X, y)
    for other in (one, some):
        assert other.coef_.tobytes() == whole.coef_.tobytes()
        assert other.intercept_.tobytes() == whole.intercept_.tobytes()
    assert some.score(X, y) == whole.score(X, y) > 0.5
    assert whole._kept["state"].lanes == 300
    with pytest.raises(ValueError, match="learned in several walks"):
        some.partial_fit(X, y)
    few = SGDClassifier(**params, **BARE).fit(X[y < 3], y[y < 3])
    for k in range(3):
        alone = SGDClassifier(**params, **BARE).fit(X, y == k)
        np.testing.assert_allclose(whole.coef_[k], alone.coef_[0], rtol=1e-3, atol=1e-4)
    assert few.coef_.shape == (3, 2000)


def test_walks_hold_out_and_stop_each_by_their_classes():
    X, y = zipf(6000)
    model = SGDClassifier(
        "hinge", penalty=None, eta0=0.5, max_iter=20, random_state=0, max_memory="10MB"
    ).fit(X, y)
    assert 1 <= model.n_iter_ <= 20
    assert model.score(*zipf(2000, seed=1)) > 0.4
    assert model.stop_reason_ in ("converged", "max_iter")


def test_batches_of_many_classes_are_the_rows_in_one():
    X, y = zipf()
    once = SGDClassifier("hinge").partial_fit(X, y, classes=np.arange(300))
    twice = SGDClassifier("hinge")
    for part in (slice(0, 1000), slice(1000, 3000)):
        twice.partial_fit(X[part], y[part], classes=np.arange(300))
    assert twice.coef_.tobytes() == once.coef_.tobytes()


@pytest.mark.parametrize(("params", "message"), [({"max_time": 9.0}, "max_time=9.0"), ({"warm_start": True}, "warm_start=True"), ({"n_bootstrap": 5}, "n_bootstrap=5")])  # fmt: skip
def test_what_several_walks_do_not_cover_is_refused(params, message):
    X, y = zipf()
    with pytest.raises(ValueError, match=message):
        SGDClassifier("hinge", max_memory="10MB", **params).fit(X, y)
    whole = SGDClassifier("hinge", **BARE).fit(X, y)
    with pytest.raises(ValueError, match="schedule is of one walk"):
        SGDClassifier("hinge", max_memory="10MB", **BARE).fit(X, y, schedule=whole.schedule_)
    with pytest.raises(ValueError, match="max_memory"):
        SGDClassifier("hinge", max_memory="1MB", **BARE).fit(X, y)


def test_files_of_many_classes_take_walks_too(tmp_path):
    from esker.blocks import write_block_file

    X, y = zipf()
    write_block_file(open_blocks(X, target=y), tmp_path / "rows.esk")
    whole = SGDClassifier("hinge", **BARE).fit(X, y)
    some = SGDClassifier("hinge", **BARE).fit(
        open_blocks(tmp_path / "rows.esk", max_memory="12MB", block_size="64 KiB")
    )
    assert some.coef_.tobytes() == whole.coef_.tobytes()


def test_scores_by_many_coefficients_are_taken_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    coef, level = rng.standard_normal((7, 50)), rng.standard_normal(7)
    X = rng.standard_normal((20, 50)).astype(np.float32)
    whole = scores_of(X, coef, level)
    monkeypatch.setattr("esker.linear_model._base._PART", 110)
    np.testing.assert_allclose(scores_of(X, coef, level), whole, rtol=1e-12)
    np.testing.assert_allclose(
        scores_of(sparse.csr_array(X), coef, 0.5), whole - level + 0.5, rtol=1e-6, atol=1e-12
    )


def test_the_copies_of_averages_count_in_memory():
    X, y = zipf()
    plain, averaged = (
        SGDClassifier("hinge", max_memory="25MB", average=average, **BARE).fit(X, y)
        for average in (False, True)
    )
    assert plain._whole
    assert not averaged._whole  # several walks
    whole = SGDClassifier("hinge", average=True, **BARE).fit(X, y)
    assert averaged.coef_.tobytes() == whole.coef_.tobytes()


def test_tables_hold_the_columns_that_come():
    X, y = zipf()
    X = X.astype(np.float32)
    wide = sparse.csr_array((X.data, X.indices * 50, X.indptr), shape=(3000, 100_000))
    model = SGDClassifier("hinge", max_memory="30MB", **BARE).fit(wide, y)
    assert model._whole
    narrow = SGDClassifier("hinge", **BARE).fit(X, y)
    assert model.coef_[:, ::50].tobytes() == narrow.coef_.tobytes()
    assert np.count_nonzero(model.coef_) == np.count_nonzero(narrow.coef_)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_rate_of_many_classes_is_raced_on_some_of_them(early_stopping):
    X, y = zipf(6000)
    params = {"loss": "squared_hinge", "penalty": None, "max_iter": 1, "tol": None, "random_state": 0}
    params |= {"early_stopping": early_stopping}
    model = SGDClassifier(**params).fit(X, y)
    raced, *_ = model.schedule_["decisions"]
    assert raced["event"] == "raced"
    assert raced["rate"] in RATES
    # The rate is the best one for the mean loss of all.
    loss = []
    for rate in RATES:
        one = SGDClassifier(eta0=rate, **params).fit(X, y)
        loss.append(one.history_[-1]["held_out_loss" if early_stopping else "loss"])
        assert not [e for e in one.schedule_["decisions"] if e["event"] == "raced"]
    assert loss[RATES.index(raced["rate"])] <= 1.1 * min(loss)
    for again in (
        SGDClassifier(n_threads=1, **params).fit(X, y),
        SGDClassifier(max_memory="10MB", **params).fit(X, y),
        SGDClassifier(**params).fit(X, y, schedule=model.schedule_),
        SGDClassifier(eta0=raced["rate"], **params).fit(X, y),
    ):
        assert again.coef_.tobytes() == model.coef_.tobytes()
    few = SGDClassifier(**params).fit(X[y < 8], y[y < 8])
    assert not [e for e in few.schedule_["decisions"] if e["event"] == "raced"]

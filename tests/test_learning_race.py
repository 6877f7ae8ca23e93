"""The race: rates, then penalties from the winner's weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import dump_svmlight_file

from esker import open_blocks
from esker.blocks import Block
from esker.folds import Sgd
from esker.learning_race import RACE_ROWS, is_due, race
from esker.learning_stream import Stream
from esker.linear_model import SGDClassifier, SGDRegressor


def words(n=6000, d=3000, seed=0):
    """Sparse rows of power-law words, each of which says something, and labels without noise."""
    draw = np.random.default_rng(seed)
    column = np.minimum(d ** draw.random((n, 12)) - 1, d - 1).astype(np.int32)
    X = sparse.coo_array((np.ones(column.size), (np.repeat(np.arange(n), 12), column.ravel())), shape=(n, d))
    X = sparse.csr_array(X.tocsr(), dtype=np.float32)
    return X, (X @ draw.standard_normal(d) > 0).astype(float)


def state(rates, l2=1e-4, **options):
    k = len(rates)
    return Sgd("log_loss", [1] * k, rates, [0.0] * k, [l2] * k, classes=True, **options)


@pytest.mark.parametrize("dense", [False, True])
def test_lanes_are_copies_that_differ_in_their_penalty_alone(dense):
    X, y = words(2000, 300)
    X = X.toarray() if dense else X
    first, rest = Block(X[:1000], y[:1000]), Block(X[1000:], y[1000:])
    stream = Stream(state([0.1, 0.5]))
    stream.take(first, 0, 1000, "rows")
    alone = stream.state.select([1, 1])
    stream.spawn([0, 1], (1.0, 30.0))
    selected, spawned = stream.events
    assert selected == {"rows": 1000, "event": "selected", "lanes": [0, 1]}
    assert spawned == {"rows": 1000, "event": "spawned", "lanes": [0, 0, 1, 1]}
    np.testing.assert_array_equal(stream.state.rates, [0.1, 0.1, 0.5, 0.5])
    np.testing.assert_allclose(stream.state.penalties[1], [1e-4, 3e-3, 1e-4, 3e-3])
    np.testing.assert_array_equal(stream.state.penalties[0], 0)
    coef = stream.state.finish()[0]
    np.testing.assert_array_equal(coef[::2], coef[1::2])
    stream.take(rest, 0, 1000, "rows")
    alone.update(rest)
    coef, expected = stream.state.finish()[0], alone.finish()[0]
    if dense:
        np.testing.assert_allclose(coef[2], expected[0], rtol=1e-4, atol=1e-6)
    else:
        np.testing.assert_array_equal(coef[2], expected[0])
    assert np.linalg.norm(coef[3]) < 0.995 * np.linalg.norm(coef[2])


def test_penalties_race_after_rates_and_once():
    stream = Stream(state([0.1, 0.5, 2.0]))
    stream.rows = RACE_ROWS
    assert is_due(stream)
    race(stream, np.array([3.0, 1.0, 2.0]), (1.0, 0.1))
    assert stream.state.rates.tolist() == [0.5, 0.5]
    assert not is_due(stream)
    stream.rows = 2 * RACE_ROWS
    assert is_due(stream)
    race(stream, np.array([3.0, 1.0]), (1.0, 0.1))
    assert stream.state.penalties[1].tolist() == [1e-5]
    assert [e["event"] for e in stream.events] == ["selected", "spawned", "selected"]
    assert not is_due(stream)


def test_factors_are_checked():
    some = state([0.1, 0.5])
    with pytest.raises(ValueError, match="one factor a lane: expected 2, got 1"):
        some.scale_penalties([1.0])
    with pytest.raises(ValueError, match="above 0 and finite"):
        some.scale_penalties([1.0, 0.0])
    with pytest.raises(ValueError, match="step='auto'"):
        state([0.1], step="adagrad", penalty_scale="raw").scale_penalties([1.0])


def test_auto_finds_a_weaker_penalty_where_it_is_better():
    X, y = words(20_000)
    X_test, y_test = X[15_000:], y[15_000:]
    fitted = SGDClassifier(random_state=0).fit(X[:15_000], y[:15_000])
    fixed = SGDClassifier(random_state=0, alpha=1e-4).fit(X[:15_000], y[:15_000])
    events = [e["event"] for e in fitted.schedule_["decisions"]]
    assert events == ["selected", "spawned", "selected"]
    assert fitted.alpha_[0] < 2e-5
    assert fixed.alpha_ == [1e-4]
    assert fitted.score(X_test, y_test) > fixed.score(X_test, y_test)
    again = SGDClassifier(random_state=0).fit(X[:15_000], y[:15_000], schedule=fitted.schedule_)
    np.testing.assert_array_equal(again.coef_, fitted.coef_)


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 1e-4},
        {"eta0": 0.5},
        {"early_stopping": False},
        {"learning_rate": "adagrad"},
        {"penalty": None},
    ],
)
def test_no_race_of_penalties(options):
    X, y = words(4000)
    fitted = SGDClassifier(random_state=0, max_iter=40, tol=None, **options).fit(X, y)
    assert "spawned" not in [e["event"] for e in fitted.schedule_["decisions"]]
    follows = options.get("alpha", "auto") == "auto" and "learning_rate" not in options
    known = 1 / 4000 if follows else 1e-4  # what one row counts
    assert fitted.alpha_ == pytest.approx([0.0 if options.get("penalty", "l2") is None else known])


def test_auto_is_a_number_to_scikit_learn():
    X, y = words(500)
    fitted = SGDRegressor(random_state=0, max_iter=2, tol=None).fit(X, y)
    assert fitted.to_sklearn().alpha == pytest.approx(1 / 500)
    assert fitted.partial_fit(X, y).alpha_ == pytest.approx([1 / 500])
    assert SGDRegressor().partial_fit(X, y).alpha_ == [1e-4]
    with pytest.raises(ValueError, match="alpha must be a number"):
        SGDRegressor(alpha="automatic").fit(X, y)


def test_a_fit_of_separable_classes_ends():
    draw = np.random.default_rng(0)
    X = draw.standard_normal((3000, 10))
    y = X @ draw.standard_normal(10) > 0
    fitted = SGDClassifier(random_state=0).fit(X, y)
    assert fitted.stop_reason_ == "converged"
    assert fitted.n_iter_ < 200
    assert fitted.score(X, y) > 0.97


def test_an_alpha_given_after_auto_is_taken():
    X, y = words(15_000)
    fitted = SGDClassifier(random_state=0, warm_start=True).fit(X, y)
    assert fitted.alpha_[0] < 5e-5
    raced = fitted.alpha_
    np.testing.assert_array_equal(fitted.fit(X, y).alpha_, raced)
    assert fitted.set_params(alpha=1e-4).fit(X, y).alpha_ == [1e-4]
    assert fitted.set_params(alpha="auto").fit(X, y).alpha_ == [1e-4]
    assert fitted.set_params(alpha=1e-3).partial_fit(X, y).alpha_ == [1e-3]
    assert fitted.to_sklearn().alpha == 1e-3


def test_alpha_is_of_the_last_fit():
    X, y = words(1200)
    fitted = SGDRegressor(random_state=0, alpha=1e-2).fit(X, y)
    assert fitted.alpha_ == [1e-2]
    fitted.set_params(loss="quantile", quantile=[0.2, 0.8]).fit(X, y)
    assert not hasattr(fitted, "alpha_")


@pytest.mark.parametrize("model", [SGDClassifier, SGDRegressor])
def test_few_rows_have_the_penalty_of_one_row_from_any_source(model, tmp_path):
    X, y = words(700, 40)
    assert model(random_state=0).fit(X, y).alpha_ == pytest.approx([1 / 700])
    with open(tmp_path / "rows.svm", "wb") as out:
        dump_svmlight_file(X.toarray(), y, out)
    blocks = open_blocks(tmp_path / "rows.svm", n_features=40, zero_based=True)
    assert model(random_state=0).fit(blocks).alpha_ == pytest.approx([1 / 700])


def test_a_model_goes_on_with_its_own_columns():
    X, y = words(500, 40)
    fitted = SGDClassifier(warm_start=True, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="X has 30 features, but SGDClassifier is expecting 40"):
        fitted.fit(X[:, :30], y)
    assert fitted.n_features_in_ == 40
    assert fitted.predict(X).shape == (500,)


def test_weights_on_another_scale_are_told():
    X, y = words(500, 40)
    with pytest.warns(UserWarning, match="sample_weight averages 1e-05"):
        SGDClassifier(max_iter=2, tol=None).fit(X, y, sample_weight=np.full(500, 1e-5))

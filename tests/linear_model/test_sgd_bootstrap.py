"""n_bootstrap: replicates by Poisson counts in lanes; intervals that cover the truth as often as they say."""

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import chisquare, poisson
from sklearn.datasets import load_iris

import esker
from esker import open_blocks
from esker.blocks import Block, write_block_file
from esker.folds import Sgd
from esker.linear_model import SGDClassifier, SGDRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BARE = {"early_stopping": False, "max_iter": 3, "tol": None, "random_state": 0}


def data(n=500, d=4, csr=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    X = sparse.csr_array(X * (rng.random((n, d)) < 0.5)) if csr else X
    return X, X @ np.arange(1.0, d + 1) + 2 + rng.standard_normal(n)


def counts(replicates, n, seed=3, first=0):
    """How often each row counts in each replicate: what the plain perceptron-like mean of a lane tells, row by row."""
    out = np.zeros((replicates, n))
    for row in range(n):
        state = Sgd("squared_error", [0] * replicates, [1e-6] * replicates, fit_intercept=False, step="plain", penalty_scale="raw",
                    lane_replicate=np.arange(replicates), bootstrap_seed=seed)  # fmt: skip
        state.update(Block(np.ones((1, 1)), np.ones(1), first_key=first + row))
        out[:, row] = state.finish()[0][:, 0] * 1e6
    return out


def test_counts_are_poisson_draws_that_depend_on_seed_key_and_replicate():
    drawn = counts(9, 1500)
    whole = drawn.round()
    np.testing.assert_allclose(drawn, whole, atol=1e-3)
    seen = np.bincount(whole.astype(int).ravel(), minlength=6)[:6]
    expected = poisson.pmf(np.arange(6), 1)
    expected[5] = 1 - expected[:5].sum()
    seen[5] = whole.size - seen[:5].sum()
    assert chisquare(seen, expected * whole.size).pvalue > 1e-3
    corr = np.corrcoef(whole)
    assert np.abs(corr - np.eye(9)).max() < 0.12
    np.testing.assert_array_equal(counts(9, 5, first=40).round(), whole[:, 40:45])
    assert not np.array_equal(counts(9, 50, seed=4).round(), whole[:, :50])


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("step", ["auto", "plain", "adagrad", "normalized", "ftrl", "coin"])
@pytest.mark.parametrize("loss", ["squared_error", "quantile", "log_loss"])
def test_a_replicate_is_a_model_of_rows_with_weights(csr, step, loss):
    """Without what lanes share (scales, clock, mean nonzeros), a replicate is the model of weighted rows."""
    X, y = data(60, csr=csr)
    y = np.sign(y) if loss == "log_loss" else y / 10
    n = 60
    scale = "feature" if step in ("auto", "normalized") else "raw"
    rate = 1e-3 if step == "plain" else 0.3
    parameter = 0.3 if loss == "quantile" else 0.0
    kind = {"step": step, "penalty_scale": scale, "loss_parameter": parameter}
    state = Sgd(loss, [0] * 6, [rate] * 6, lane_replicate=[-1, 0, 1, 2, 3, 4], bootstrap_seed=3, **kind)
    alone = Sgd(loss, [0] * 6, [rate] * 6, **kind)
    state.update(Block(X, y))
    alone.update(Block(X, y))
    assert state.finish()[0][0].tobytes() == alone.finish()[0][0].tobytes()  # -1: the rows as they are
    one = state.select([3])
    assert one.finish()[0].tobytes() == state.finish()[0][[3]].tobytes()
    again = Sgd.from_arrays(state.to_arrays())
    for s in (state, again, one):
        s.update(Block(X, y))
    np.testing.assert_allclose(one.finish()[0][0], state.finish()[0][3], rtol=2e-3, atol=1e-5)
    assert again.finish()[0].tobytes() == state.finish()[0].tobytes()
    if step not in ("plain", "adagrad"):
        return
    fresh = Sgd(loss, [0] * 6, [rate] * 6, lane_replicate=[-1, 0, 1, 2, 3, 4], bootstrap_seed=3, **kind)
    weighted = Sgd(loss, [0] * 6, [rate] * 6, **kind)
    fresh.update(Block(X, y))
    weighted.update(Block(X, y, counts(3, n)[2].round()))
    np.testing.assert_allclose(fresh.finish()[0][3], weighted.finish()[0][0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(fresh.finish()[1][3], weighted.finish()[1][0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_intervals_cover_the_truth(loss):
    """At level 0.9 of 40 samples of 1,500 rows, 5 numbers each: 0.9 +- 0.07, three standard errors of what are not independent."""
    hits, width, inside = [], [], []
    truth = np.array([1.0, -0.5, 2.0, 0.0])
    params = {"epsilon": 1.0} if loss == "huber" else {}
    new = np.random.default_rng(99).standard_normal((20, 4))
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((1500, 4)) * [1, 10, 0.1, 1]
        y = X @ (truth / [1, 10, 0.1, 1]) + 3 + rng.standard_normal(1500)
        model = SGDRegressor(loss, n_bootstrap=40, penalty=None, random_state=seed, **params).fit(X, y)
        low, high = model.coef_interval(0.9)
        a, b = model.intercept_interval(0.9)
        hits += [*((low <= truth / [1, 10, 0.1, 1]) & (truth / [1, 10, 0.1, 1] <= high)), a[0] <= 3 <= b[0]]
        width.append((high - low)[0])
        a, b = model.predict_interval(new * [1, 10, 0.1, 1], 0.9)
        mean = new @ truth + 3
        inside.append(((a <= mean) & (mean <= b)).mean())
    assert 0.83 <= np.mean(hits) <= 0.97
    assert 0.83 <= np.mean(inside) <= 0.97
    exact = 2 * 1.645 / np.sqrt(1500)
    assert 0.9 * exact < np.mean(width) < (1.15 if loss == "squared_error" else 1.25) * exact


def sandwich(Z, y, classes):
    """The exact estimate, and its standard errors, whatever the noise."""
    theta = np.zeros(Z.shape[1])
    for _ in range(25 if classes else 1):
        p = 1 / (1 + np.exp(-Z @ theta)) if classes else Z @ theta
        inverse = np.linalg.inv((Z.T * (p * (1 - p) if classes else 1.0)) @ Z)
        theta = theta + inverse @ (Z.T @ (y - p))
    miss = y - (1 / (1 + np.exp(-Z @ theta)) if classes else Z @ theta)
    return theta, np.sqrt(np.diag(inverse @ (Z.T * miss**2) @ Z @ inverse))


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("classes", [False, True])
def test_intervals_are_as_wide_as_exact_ones_and_about_the_exact_estimate(classes, csr):
    far, ratio = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((3000, 6)) * (rng.random((3000, 6)) < 0.3 if csr else np.logspace(-2, 2, 6))
        score = X @ (1 / X.std(axis=0)) / 2 + 0.5
        noise = rng.standard_normal(3000) * (1 + np.abs(X[:, 0]) / X[:, 0].std())
        y = (rng.random(3000) < 1 / (1 + np.exp(-score))).astype(int) if classes else score + noise
        kind, loss = (SGDClassifier, "log_loss") if classes else (SGDRegressor, "squared_error")
        model = kind(loss, penalty=None, n_bootstrap=60, random_state=seed)
        model.fit(sparse.csr_array(X) if csr else X, y)
        exact, error = sandwich(np.column_stack([X, np.ones(3000)]), y, classes)
        high = np.append(model.coef_interval(0.95)[1], model.intercept_interval(0.95)[1])
        found = np.append(model.coef_, model.intercept_)
        ratio.append((high - found) / 1.96 / error)
        far.append((found - exact) / error)
    ratio = np.mean(ratio, axis=0)  # of 4 x 60 replicates a standard deviation is known to 5 %
    assert np.abs(ratio - 1).max() < 0.2
    assert 0.92 < ratio.mean() < 1.08
    assert np.sqrt(np.mean(np.square(far))) < 0.6


def test_classes_have_intervals_of_their_scores(tmp_path):
    X, y = load_iris(return_X_y=True)
    model = SGDClassifier(n_bootstrap=20, **BARE).fit(X, y)
    assert model.bootstrap_coef_.shape == (20, 3, 4)
    assert model.bootstrap_intercept_.shape == (20, 3)
    for low, high in (model.coef_interval(), model.intercept_interval(), model.predict_interval(X)):
        assert (low < high).all()
    low, high = model.predict_interval(X, 0.5)
    np.testing.assert_allclose((low + high) / 2, model.decision_function(X))
    binary = SGDClassifier(n_bootstrap=20, **BARE).fit(X, y == 1)
    assert binary.predict_interval(X)[0].shape == (150,)
    esker.save(binary, tmp_path / "m")
    assert np.array_equal(esker.load(tmp_path / "m").coef_interval()[1], binary.coef_interval()[1])
    with pytest.raises(AttributeError, match="n_bootstrap="):
        binary.set_params(n_bootstrap=0).fit(X, y).coef_interval()
    with pytest.raises(ValueError, match="level must be"):
        model.coef_interval(1.0)


def test_means_of_counts_have_intervals_above_zero():
    rng = np.random.default_rng(0)
    X = rng.random((2000, 2))
    y = rng.poisson(np.exp(X @ [1.0, -1.0]))
    low, high = SGDRegressor("poisson", n_bootstrap=20, random_state=0).fit(X, y).predict_interval(X)
    assert (low > 0).all()
    assert ((low < np.exp(X @ [1.0, -1.0])) & (np.exp(X @ [1.0, -1.0]) < high)).mean() > 0.5


@pytest.mark.parametrize("csr", [False, True])
def test_files_give_the_same_replicates(csr, tmp_path):
    X, y = data(6000, csr=csr)
    model = SGDRegressor(random_state=0, max_iter=10, n_bootstrap=10).fit(X, y)
    write_block_file(open_blocks(X, target=y), tmp_path / "rows.esk")
    filed = SGDRegressor(random_state=0, max_iter=10, n_bootstrap=10, n_threads=1).fit(
        open_blocks(tmp_path / "rows.esk", block_size="64 KiB")
    )
    assert filed.coef_.tobytes() == model.coef_.tobytes()
    assert filed.bootstrap_coef_.tobytes() == model.bootstrap_coef_.tobytes()
    assert filed.bootstrap_intercept_.tobytes() == model.bootstrap_intercept_.tobytes()
    assert (
        np.abs(model.coef_ - model.bootstrap_coef_.mean(axis=0)).max()
        < model.bootstrap_coef_.std(axis=0).max()
    )
    more = SGDRegressor(random_state=0, max_iter=10, n_bootstrap=16).fit(X, y)
    np.testing.assert_allclose(more.bootstrap_coef_[:10], model.bootstrap_coef_, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("steps", ["normalized", "ftrl", "coin"])
def test_steps_without_averages_leave_the_model_as_it_is(steps):
    X, y = data(2000)
    plain = SGDRegressor(learning_rate=steps, random_state=0, max_iter=5).fit(X, y)
    model = SGDRegressor(learning_rate=steps, random_state=0, max_iter=5, n_bootstrap=10).fit(X, y)
    assert model.coef_.tobytes() == plain.coef_.tobytes()
    assert (model.bootstrap_coef_.std(axis=0) > 0).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_bootstrap": -1}, "n_bootstrap"),
        ({"n_bootstrap": 1}, "at least 2"),
        ({"max_time": 1.0}, "max_time"),
        ({"warm_start": True}, "warm_start"),
        ({"checkpoint": "c"}, "checkpoint"),
        ({"learning_rate": "adaptive"}, "adaptive"),
        ({"loss": "quantile", "quantile": [0.1, 0.9]}, "one quantile"),
    ],
)
def test_what_does_not_go_with_replicates_is_refused(params, message):
    X, y = data(50)
    with pytest.raises(ValueError, match=message):
        SGDRegressor(**{"n_bootstrap": 10, **params}).fit(X, y)


def test_rows_once_and_batches_are_refused():
    X, y = data(50)
    with pytest.raises(ValueError, match="can be read once, and n_bootstrap=10"):
        SGDRegressor(n_bootstrap=10, max_iter=1).fit(open_blocks(iter([(X, y)])))
    with pytest.raises(ValueError, match="n_bootstrap is for fit"):
        SGDRegressor(n_bootstrap=10).partial_fit(X, y)


def test_what_goes_on_is_the_model_that_was_published():
    X, y = data()
    model = SGDRegressor(n_bootstrap=2, random_state=0).fit(X, y)
    kept = model._kept["state"].finish()
    np.testing.assert_allclose(kept[0][0], model.coef_, rtol=1e-12)
    np.testing.assert_allclose(kept[1], model.intercept_, rtol=1e-12)
    before = model.coef_.copy()
    model.set_params(n_bootstrap=0).partial_fit(X[:1], y[:1])
    assert 0 < np.abs(model.coef_ - before).max() < 0.2

"""SGDRegressor with several quantiles: one walk, columns that do not cross, each as if it were learned alone."""

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import norm
from sklearn.base import clone
from sklearn.metrics import mean_pinball_loss

import esker
from esker import open_blocks
from esker.linear_model import SGDRegressor, SGDRegressorCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
Q = [0.05, 0.25, 0.5, 0.75, 0.95]


def data(n=20_000, seed=0):
    """Noise that grows along the first column: quantiles are linear in X, with other slopes each."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, 3))
    return X, X @ [1.0, -2.0, 0.5] + (0.2 + X[:, 0]) * rng.standard_normal(n)


def model(quantile, **params):
    return SGDRegressor("quantile", quantile=quantile, penalty=None, random_state=0, **params)


def test_quantiles_are_those_of_the_distribution():
    X, y = data()
    fitted = model(Q, max_iter=100).fit(X, y)
    assert fitted.coef_.shape == (5, 3)
    assert fitted.intercept_.shape == (5,)
    test, y_test = data(seed=1)
    got = fitted.predict(test)
    for i, q in enumerate(Q):
        truth = test @ [1.0, -2.0, 0.5] + (0.2 + test[:, 0]) * norm.ppf(q)
        best = mean_pinball_loss(y_test, truth, alpha=q)
        assert mean_pinball_loss(y_test, got[:, i], alpha=q) < 1.01 * best
        assert abs((y_test < got[:, i]).mean() - q) < 0.02


def test_predictions_never_cross_and_are_no_worse_for_it():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 20)), rng.standard_normal(60)  # few rows: lines cross
    fitted = model(Q, max_iter=20, tol=None).fit(X, y)
    test = rng.standard_normal((500, 20))
    raw = test @ fitted.coef_.T + fitted.intercept_
    assert (np.diff(raw, axis=1) < 0).any()
    got = fitted.predict(test)
    assert (np.diff(got, axis=1) >= 0).all()
    np.testing.assert_allclose(got, np.sort(raw, axis=1))
    truth = norm.ppf(Q)
    assert np.abs(got - truth).mean() <= np.abs(raw - truth).mean()
    assert np.array_equal(fitted.predict(open_blocks(test)), got)


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize(
    "params", [{"eta0": 0.1, "tol": None, "max_iter": 3}, {"learning_rate": "adagrad", "eta0": 0.5}]
)
def test_each_quantile_is_the_model_learned_alone(csr, params):
    X, y = data(3000)
    X = sparse.csr_array(np.where(X > 0.5, X, 0)) if csr else X
    params = {"early_stopping": False, "max_iter": 4, "tol": None, **params}
    whole = model(Q, **params).fit(X, y)
    for i, q in enumerate(Q):
        alone = model(q, **params).fit(X, y)
        assert alone.coef_.shape == (3,)
        assert whole.coef_[i].tobytes() == alone.coef_.tobytes()
        assert whole.intercept_[[i]].tobytes() == alone.intercept_.tobytes()


def test_rows_in_batches_from_files_and_with_threads_give_the_same_bits(tmp_path):
    X, y = data(5000)
    once = model(Q).partial_fit(X, y)
    batches = model(Q)
    for i in range(0, 5000, 700):
        batches.partial_fit(X[i : i + 700], y[i : i + 700])
    assert batches.coef_.tobytes() == once.coef_.tobytes()
    esker.save(once, tmp_path / "m")
    again = esker.load(tmp_path / "m")
    assert np.array_equal(again.predict(X), once.predict(X))
    assert again.partial_fit(X, y).coef_.tobytes() == once.partial_fit(X, y).coef_.tobytes()
    one, two = (model(Q, max_iter=3, tol=None, n_threads=n).fit(X, y) for n in (1, 2))
    by_blocks = model(Q, max_iter=3, tol=None).fit(open_blocks(X, target=y))
    assert one.coef_.tobytes() == two.coef_.tobytes() == by_blocks.coef_.tobytes()
    kept = model(Q, max_iter=3, tol=None, checkpoint=tmp_path / "c").fit(X, y)
    assert kept.coef_.tobytes() == one.coef_.tobytes()
    assert np.array_equal(np.load(kept.predict(open_blocks(X), out=tmp_path / "p.npy")), kept.predict(X))


@pytest.mark.parametrize(
    ("quantile", "message"),
    [([0.5, 0.1], "must increase"), ([0.1, 0.1], "must increase"), ([0.0, 0.5], "in \\(0, 1\\)"), ([], "quantile"), ([[0.1]], "quantile")],
)  # fmt: skip
def test_what_are_no_quantiles_is_refused(quantile, message):
    X, y = data(100)
    with pytest.raises(ValueError, match=message):
        model(quantile).fit(X, y)


def test_what_several_quantiles_have_not_is_refused():
    X, y = data(100)
    fitted = model(Q, max_iter=2, tol=None).fit(X, y)
    assert clone(fitted).get_params()["quantile"] == Q
    with pytest.raises(ValueError, match="mean_pinball_loss"):
        fitted.score(X, y)
    with pytest.raises(ValueError, match="has no effect with loss='huber'"):
        SGDRegressor("huber", quantile=Q).fit(X, y)
    with pytest.raises(ValueError, match="one number"):
        SGDRegressorCV("quantile", quantile=Q).fit(X, y)
    with pytest.raises(ValueError, match=r"quantile=\(0.05, 0.25"):
        fitted.set_params(quantile=[0.1, 0.9]).partial_fit(X, y)

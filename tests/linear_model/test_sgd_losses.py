"""Every loss of SGDRegressor and SGDClassifier beside the exact solvers of scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.linear_model
from scipy import sparse
from scipy.optimize import minimize
from sklearn.metrics import mean_tweedie_deviance

import esker
from esker import open_blocks
from esker.linear_model import SGDClassifier, SGDRegressor

N, D = 8000, 12
UNITS = np.geomspace(1e-3, 1e3, D)


def rows(seed=0):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(2 * N, D))
    return rng, Z, Z @ rng.normal(size=D) / np.sqrt(D)


def halves(Z, y, csr):
    """Raw features to learn from and to test on, and the standardised ones for the peers."""
    X = Z * UNITS
    A, B = (sparse.csr_array(X[:N]), sparse.csr_array(X[N:])) if csr else (X[:N], X[N:])
    return A, B, Z[:N], Z[N:], y[:N], y[N:]


def exact(Z, y, value, slope):
    """Predictions of the linear model that minimises a loss, by L-BFGS on the standardised problem."""
    Z1 = np.c_[Z, np.ones(len(Z))]
    centre, spread = np.median(y), y.std()

    def objective(w):
        p = spread * (Z1 @ w) + centre
        return value(p, y).mean(), spread * Z1.T @ slope(p, y) / len(y)

    w = minimize(objective, np.zeros(Z1.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return lambda V: spread * (np.c_[V, np.ones(len(V))] @ w) + centre


csr = pytest.mark.parametrize("csr", [False, True])


@csr
@pytest.mark.parametrize(("offset", "unit"), [(0.0, 1.0), (1e5, 1e3)])
def test_huber(csr, offset, unit):
    rng, Z, f = rows()
    y = offset + unit * (f + rng.standard_t(2, size=2 * N))
    A, B, U, V, a, b = halves(Z, y, csr)
    e = 0.5 * unit

    def value(p, y):
        r = np.abs(p - y)
        return np.where(r <= e, r * r / 2, e * (r - e / 2))

    peer = exact(U, a, value, lambda p, y: np.clip(p - y, -e, e))
    model = SGDRegressor("huber", epsilon=e, random_state=0).fit(A, a)
    assert value(model.predict(B), b).mean() < 1.02 * value(peer(V), b).mean()
    plain = SGDRegressor(random_state=0).fit(A, a)
    assert value(model.predict(B), b).mean() < value(plain.predict(B), b).mean()


def test_huber_beside_huber_regressor():
    rng, Z, f = rows()
    y = f + rng.standard_t(1.5, size=2 * N)
    A, B, U, V, a, b = halves(Z, y, False)
    peer = sklearn.linear_model.HuberRegressor(epsilon=1.35, alpha=0, max_iter=1000).fit(U, a)
    model = SGDRegressor("huber", epsilon=1.35 * peer.scale_, random_state=0).fit(A, a)
    np.testing.assert_allclose(model.coef_ * UNITS, peer.coef_, atol=0.1)
    assert np.abs(model.predict(B) - b).mean() < 1.02 * np.abs(peer.predict(V) - b).mean()


@csr
@pytest.mark.parametrize(("quantile", "unit"), [(0.5, 1.0), (0.9, 1e4), (0.05, 1e-4)])
def test_quantiles(csr, quantile, unit):
    rng, Z, f = rows()
    y = unit * (5 + f + rng.exponential(size=2 * N))
    A, B, U, V, a, b = halves(Z, y, csr)
    peer = sklearn.linear_model.QuantileRegressor(quantile=quantile, alpha=0).fit(U[:4000], a[:4000] / unit)
    model = SGDRegressor("quantile", quantile=quantile, random_state=0).fit(A, a)

    def loss(p):
        return np.where(p > b, (1 - quantile) * (p - b), quantile * (b - p)).mean()

    assert loss(model.predict(B)) < 1.02 * loss(unit * peer.predict(V))
    assert (b < model.predict(B)).mean() == pytest.approx(quantile, abs=0.03)


@csr
@pytest.mark.parametrize("loss", ["epsilon_insensitive", "squared_epsilon_insensitive"])
@pytest.mark.parametrize("unit", [1.0, 1e4])
def test_tubes(csr, loss, unit):
    rng, Z, f = rows()
    y = unit * (3 + f + 0.5 * rng.standard_normal(2 * N))
    A, B, U, V, a, b = halves(Z, y, csr)
    e, power = 0.3 * unit, 1 if loss == "epsilon_insensitive" else 2

    def value(p, y):
        return np.maximum(0, np.abs(p - y) - e) ** power

    def slope(p, y):
        return np.sign(p - y) * power * np.maximum(0, np.abs(p - y) - e) ** (power - 1) * (np.abs(p - y) > e)

    peer = exact(U, a, value, slope)
    model = SGDRegressor(loss, epsilon=e, random_state=0).fit(A, a)
    assert value(model.predict(B), b).mean() < 1.02 * value(peer(V), b).mean()


def amounts(rng, mean, power):
    if power == 1:
        return rng.poisson(mean).astype(float)
    if power == 2:
        return mean * rng.gamma(2, 0.5, size=mean.size)
    count = rng.poisson(mean ** (2 - power))
    return np.array([rng.gamma(2, 0.5 * m ** (power - 1), size=k).sum() for m, k in zip(mean, count)])


@csr
@pytest.mark.parametrize("level", [0.05, 1.0, 1000.0])
@pytest.mark.parametrize(("loss", "power"), [("poisson", 1), ("gamma", 2), ("tweedie", 1.5)])
def test_log_links(csr, level, loss, power):
    rng, Z, f = rows()
    y = amounts(rng, level * np.exp(f), power)
    A, B, U, V, a, b = halves(Z, y, csr)
    peer = {
        "poisson": sklearn.linear_model.PoissonRegressor(alpha=0, max_iter=1000),
        "gamma": sklearn.linear_model.GammaRegressor(alpha=0, max_iter=1000),
        "tweedie": sklearn.linear_model.TweedieRegressor(alpha=0, power=1.5, link="log", max_iter=1000),
    }[loss].fit(U, a)
    model = SGDRegressor(loss, random_state=0).fit(A, a)
    said = model.predict(B)
    np.testing.assert_allclose(said, np.exp(B @ model.coef_ + model.intercept_[0]), rtol=1e-9)
    assert mean_tweedie_deviance(b, said, power=power) < 1.02 * mean_tweedie_deviance(
        b, peer.predict(V), power=power
    )
    held = [entry["held_out_loss"] for entry in model.history_ if entry["held_out_loss"] is not None]
    assert 2 * min(held) == pytest.approx(mean_tweedie_deviance(b, said, power=power), rel=0.25)


def test_tweedie_of_power_1_and_2_are_poisson_and_gamma():
    rng, Z, f = rows()
    y = 1 + amounts(rng, np.exp(f), 1)
    for power, loss in ((1, "poisson"), (2, "gamma")):
        one = SGDRegressor("tweedie", power=power, random_state=0, max_iter=3, tol=None).fit(Z, y)
        other = SGDRegressor(loss, random_state=0, max_iter=3, tol=None).fit(Z, y)
        np.testing.assert_array_equal(one.coef_, other.coef_)


@csr
@pytest.mark.parametrize(
    "loss",
    [
        "hinge",
        "squared_hinge",
        "modified_huber",
        "perceptron",
        "squared_error",
        "huber",
        "epsilon_insensitive",
        "squared_epsilon_insensitive",
    ],
)
def test_labels(csr, loss):
    rng, Z, f = rows()
    y = (4 * f + rng.logistic(size=2 * N) > 1).astype(int)
    A, B, U, V, a, b = halves(Z, y, csr)
    model = SGDClassifier(loss, random_state=0).fit(A, a)
    best = sklearn.linear_model.LogisticRegression(C=1e6).fit(U, a).score(V, b)
    assert model.score(B, b) > best - (0.06 if loss == "perceptron" else 0.01)


def test_squared_hinge_reaches_the_exact_objective():
    rng, Z, f = rows()
    y = (4 * f + rng.logistic(size=2 * N) > 1).astype(int)
    exact_model = sklearn.svm.LinearSVC(
        C=1 / (1e-3 * N), loss="squared_hinge", intercept_scaling=100, tol=1e-6
    )
    exact_model.fit(Z[:N], y[:N])

    def objective(model):
        w, lack = model.coef_.ravel(), np.maximum(0, 1 - (2 * y[:N] - 1) * model.decision_function(Z[:N]))
        return (lack**2).mean() + 1e-3 * w @ w / 2

    # LinearSVC's penalty is w'w / 2 beside C times the sum of losses, so alpha is 1 / (C n).
    model = SGDClassifier("squared_hinge", alpha=1e-3, penalty_scale="raw", random_state=0).fit(Z[:N], y[:N])
    assert objective(model) < 1.01 * objective(exact_model)


def test_probabilities_of_modified_huber_are_those_of_scikit_learn():
    rng, Z, f = rows()
    for y in ((f > 0).astype(int), np.digitize(f, [-0.5, 0.5]), rng.integers(0, 30, size=2 * N)):
        model = SGDClassifier("modified_huber", random_state=0, max_iter=5, tol=None).fit(Z, y)
        twin = model.to_sklearn()
        np.testing.assert_allclose(model.predict_proba(Z), twin.predict_proba(Z), atol=1e-12)
        np.testing.assert_allclose(model.predict_proba(Z).sum(axis=1), 1)
        assert np.array_equal(model.predict(Z), twin.predict(Z))


def test_a_raw_penalty_is_in_the_units_of_the_objective():
    rng, Z, f = rows()
    y = 200 * (f + 0.3 * rng.standard_normal(2 * N))
    lasso = sklearn.linear_model.Lasso(alpha=20).fit(Z, y)
    model = SGDRegressor(penalty="l1", alpha=20, penalty_scale="raw", random_state=0).fit(Z, y)
    ours, best = (((m.predict(Z) - y) ** 2).mean() / 2 + 20 * np.abs(m.coef_).sum() for m in (model, lasso))
    assert ours < 1.01 * best
    Z1 = np.c_[Z, np.ones(len(Z))]

    def objective(w):  # the tube of width 0 with an l2 penalty
        r = Z1 @ w - y
        return np.abs(r).mean() + 0.05 * w[:-1] @ w[:-1] / 2

    best = minimize(objective, np.zeros(D + 1), method="L-BFGS-B", options={"maxfun": 10**5}).fun
    model = SGDRegressor(
        "epsilon_insensitive", epsilon=0, alpha=0.05, penalty_scale="raw", random_state=0
    ).fit(Z, y)
    assert objective(np.r_[model.coef_, model.intercept_]) < 1.02 * best


def test_units_of_targets_do_not_matter():
    rng, Z, f = rows()
    y = f + 0.3 * rng.standard_normal(2 * N)
    for loss, parameter in (
        ("huber", "epsilon"),
        ("epsilon_insensitive", "epsilon"),
        ("squared_epsilon_insensitive", "epsilon"),
        ("quantile", None),
        ("squared_error", None),
    ):
        first, second = (
            SGDRegressor(
                loss, random_state=0, max_iter=2, tol=None, **({parameter: 0.2 * s} if parameter else {})
            )
            .fit(Z, s * y)
            .coef_
            for s in (1.0, 1024.0)
        )
        np.testing.assert_allclose(second, 1024 * first, rtol=1e-4, atol=1e-4)


# --- parameters ---


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "hinge"}, "loss='hinge' is for SGDClassifier"),
        ({"loss": "absolute"}, "loss must be one of"),
        (
            {"epsilon": 0.2},
            "epsilon=0.2 has no effect with loss='squared_error'; leave it 0.1, or use loss='huber' or",
        ),
        ({"loss": "quantile", "epsilon": 0.2}, "epsilon=0.2 has no effect with loss='quantile'"),
        ({"loss": "huber", "quantile": 0.2}, "quantile=0.2 has no effect with loss='huber'"),
        (
            {"loss": "poisson", "power": 1.2},
            "power=1.2 has no effect with loss='poisson'; .*use loss='tweedie'",
        ),
        ({"loss": "huber", "epsilon": 0}, "epsilon must be a number above 0"),
        ({"loss": "epsilon_insensitive", "epsilon": -1}, "epsilon must be a number of at least 0"),
        ({"loss": "quantile", "quantile": 1.0}, r"quantile must be in \(0, 1\), got 1.0"),
        ({"loss": "quantile", "quantile": "half"}, "quantile must be a number"),
        ({"loss": "tweedie", "power": 2.5}, r"power must be a number in \[1, 2\]"),
    ],
)
def test_parameters_are_refused_where_they_have_no_effect(params, message):
    with pytest.raises(ValueError, match=message):
        SGDRegressor(**params).fit(np.ones((10, 1)), np.arange(10.0))


def test_going_on_with_another_loss_is_refused():
    _, Z, f = rows()
    model = SGDRegressor("quantile", quantile=0.9).partial_fit(Z, f)
    with pytest.raises(
        ValueError, match=r"partial_fit goes on from a model with loss='quantile' and quantile=0.9"
    ):
        model.set_params(quantile=0.5).partial_fit(Z, f)
    model = SGDRegressor(warm_start=True, max_iter=2, tol=None).fit(Z, f)
    with pytest.raises(ValueError, match="goes on from a model with loss='squared_error'; set"):
        model.set_params(loss="huber").fit(Z, f)


# --- targets that a distribution does not have ---


@pytest.mark.parametrize(
    ("loss", "bad", "words"),
    [
        ("poisson", -3.0, "of at least 0, got -3"),
        ("gamma", 0.0, "above 0, got 0"),
        ("tweedie", -0.5, "of at least 0, got -0.5"),
    ],
)
def test_targets_out_of_range_are_refused_with_their_row(loss, bad, words):
    _, Z, f = rows()
    y = np.exp(f)
    model = SGDRegressor(loss, random_state=0).partial_fit(Z, y)
    before = model.coef_.copy()
    y[7001] = bad
    for fit in (SGDRegressor(loss, random_state=0).fit, model.partial_fit):
        with pytest.raises(ValueError, match=rf"loss='{loss}' needs targets {words} in row 7001 \(from 0\)"):
            fit(Z, y)
    np.testing.assert_array_equal(model.coef_, before)
    weight = np.ones(len(y))
    weight[7001] = 0.0
    SGDRegressor(loss, random_state=0, max_iter=1, tol=None).fit(Z, y, sample_weight=weight)
    with pytest.raises(ValueError, match="in row 7001 "):
        SGDRegressor(loss, random_state=0).fit(open_blocks(Z, target=y))


def test_counts_that_are_all_zero():
    _, Z, _ = rows()
    model = SGDRegressor("poisson", random_state=0, max_iter=10, tol=None).fit(Z, np.zeros(len(Z)))
    assert np.isfinite(model.coef_).all()
    assert model.predict(Z).max() < 0.05


@csr
def test_one_absurd_row_ruins_nothing(csr):
    rng, Z, f = rows()
    y = rng.poisson(3 * np.exp(f)).astype(float)
    A, B, _, _, a, b = halves(Z, y, csr)
    keep = np.arange(D) != 3
    clean = SGDRegressor("poisson", random_state=0).fit(A[:, keep], a).predict(B[:, keep])
    A = A.copy()
    A[[500], [3]] = 1e12  # the other features still learn
    model = SGDRegressor("poisson", random_state=0).fit(A, a)
    assert mean_tweedie_deviance(b, model.predict(B), power=1) < 1.1 * mean_tweedie_deviance(
        b, clean, power=1
    )
    a = a.copy()
    a[2000] = 1e7
    model = SGDRegressor("poisson", random_state=0).fit(halves(Z, y, csr)[0], a)
    assert np.corrcoef(np.log(model.predict(B)), f[N:])[0, 1] > 0.99


@csr
@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_targets_without_a_variance(csr, quantile):
    rng, Z, f = rows()
    A, B, U, V, a, b = halves(Z, f + rng.standard_cauchy(2 * N), csr)
    peer = (
        sklearn.linear_model.QuantileRegressor(quantile=quantile, alpha=0).fit(U[:4000], a[:4000]).predict(V)
    )
    said = SGDRegressor("quantile", quantile=quantile, random_state=0).fit(A, a).predict(B)
    ours, theirs = (np.where(p > b, (1 - quantile) * (p - b), quantile * (b - p)) for p in (said, peer))
    assert np.median(ours) < 1.02 * np.median(theirs)
    huber = SGDRegressor("huber", epsilon=1, random_state=0).fit(A, a).predict(B)
    assert np.corrcoef(huber, f[N:])[0, 1] > 0.98


# --- life of a model ---


def test_saved_models_and_checkpoints_keep_the_loss(tmp_path, monkeypatch):
    rng, Z, f = rows()
    y = rng.poisson(np.exp(f)).astype(float)
    model = SGDRegressor("tweedie", power=1.3, random_state=0, max_iter=2, tol=None).fit(Z, y)
    esker.save(model, tmp_path / "m")
    again = esker.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(Z), model.predict(Z))
    np.testing.assert_array_equal(again.partial_fit(Z, y).coef_, model.partial_fit(Z, y).coef_)
    monkeypatch.setattr("esker.learning.CHECKPOINT_EVERY", 0.0)
    monkeypatch.setattr("esker.learning_checkpoint.remove", lambda path: None)
    path = tmp_path / "c"
    made = [
        SGDRegressor("tweedie", power=1.3, random_state=0, max_iter=2, tol=None, checkpoint=path)
        .fit(Z, y)
        .coef_
        for _ in range(2)
    ]
    np.testing.assert_array_equal(made[0], made[1])
    with pytest.raises(ValueError, match=r"power was 1\.3 and is 1\.4"):
        SGDRegressor("tweedie", power=1.4, random_state=0, max_iter=2, tol=None, checkpoint=path).fit(Z, y)


def test_scores_and_twins():
    rng, Z, f = rows()
    y = rng.poisson(5 * np.exp(f)).astype(float)
    model = SGDRegressor("poisson", random_state=0, max_iter=3, tol=None).fit(Z, y)
    blocks = open_blocks(Z, target=y)
    assert model.score(blocks) == pytest.approx(model.score(Z, y), abs=1e-12)
    np.testing.assert_array_equal(model.predict(blocks), model.predict(Z))
    with pytest.raises(ValueError, match="SGDRegressor has no loss='poisson'"):
        model.to_sklearn()
    huber = SGDRegressor("huber", epsilon=0.7, random_state=0, max_iter=3, tol=None).fit(Z, y)
    twin = huber.to_sklearn()
    assert twin.epsilon == 0.7
    np.testing.assert_allclose(twin.predict(Z), huber.predict(Z))


@csr
def test_a_weight_of_two_is_two_rows(csr):
    # In the limit of small steps: the same row twice, or once with weight 2.
    rng, Z, f = rows()
    y = rng.poisson(np.exp(f)).astype(float)
    X = sparse.csr_array(Z) if csr else Z
    twice = np.repeat(np.arange(N), 2)
    params = {
        "random_state": 0,
        "max_iter": 1,
        "tol": None,
        "shuffle": False,
        "early_stopping": False,
        "eta0": 0.1,
    }
    for loss in ("poisson", "tweedie", "huber", "quantile", "squared_epsilon_insensitive"):
        one = SGDRegressor(loss, **params).fit(X[:N], y[:N], sample_weight=np.full(N, 2.0))
        two = SGDRegressor(loss, **params).fit(X[twice], y[twice])
        scale = np.abs(one.coef_).max()
        np.testing.assert_allclose(one.coef_, two.coef_, atol=0.05 * scale)
